import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import { data, nn, optim } from '../../src/index.ts';
import { golden, valuesOf } from '../golden/nn.ts';

describe.each(availableTargets())(
  'a network trained from one seed has PyTorch losses at every step, on %s',
  (target) => {
    beforeAll(() => setTarget(target));
    afterAll(() => setTarget('wasm'));

    it.each(golden.training.map((c) => [c.optimizer, c] as const))('by %s', (name, c) => {
      flow.manualSeed(c.seed);
      const images = flow.randn([20, 1, 8, 9]);
      const labels = flow.randint(0, 3, [20]);
      const net = new nn.Sequential(
        new nn.Conv2d(1, 4, 3, { padding: 1, bias: false }),
        new nn.BatchNorm2d(4),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Conv2d(4, 5, 3, { stride: 2 }),
        new nn.GELU(),
        new nn.Flatten(),
        new nn.Dropout(0.25),
        new nn.Linear(5, 3),
      );
      const optimizer = new optim[name](net.parameters(), c.options as never);
      const loader = new data.DataLoader(new data.TensorDataset(images, labels), {
        batchSize: 6,
        shuffle: true,
      });
      const losses: number[] = [];
      for (let epoch = 0; epoch < 3; epoch++) {
        for (const [x, y] of loader) {
          optimizer.zeroGrad();
          const loss = nn.functional.crossEntropy(net(x), y);
          loss.backward();
          optimizer.step();
          losses.push(loss.item());
        }
      }
      expect(losses).toBeAllclose([...c.losses], { rtol: 1e-4 });
      net.eval();
      expect(net(images.narrow(0, 0, 2)).toTypedArray()).toBeAllclose(valuesOf(c.logits), {
        rtol: 1e-3,
        atol: 1e-4,
      });
      expect(flow.rand([]).item()).toBe(Math.fround(c.next));
    });
  },
);
