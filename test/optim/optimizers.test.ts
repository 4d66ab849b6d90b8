import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import { nn, optim } from '../../src/index.ts';
import { allowance, golden, tensorOf, valuesOf } from '../golden/nn.ts';

const optimizerOf = (
  name: 'SGD' | 'Adam' | 'AdamW',
  params: nn.Parameter[],
  options: never,
): optim.SGD | optim.Adam | optim.AdamW => new optim[name](params, options);

describe.each(availableTargets())("optimizers follow PyTorch's steps, on %s", (target) => {
  beforeAll(() => setTarget(target));
  afterAll(() => setTarget('wasm'));

  describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
    it.each(golden.optimizers.map((o) => [`${o.optimizer} ${JSON.stringify(o.options)}`, o] as const))(
      '%s',
      (_, { optimizer: name, options, params, grads, steps }) => {
        const leaves = params.map((p) => new nn.Parameter(tensorOf(p, dtype)));
        const optimizer = optimizerOf(name, leaves, options as never);
        grads.forEach((pair, step) => {
          leaves.forEach((leaf, k) => (leaf.grad = pair[k] ? tensorOf(pair[k], dtype) : null));
          optimizer.step();
          leaves.forEach((leaf, k) => {
            const values = valuesOf(steps[step]![k]!);
            expect(leaf.toTypedArray(), `parameter ${k} after step ${step}`).toBeAllclose(
              values,
              allowance(values, dtype),
            );
            expect([leaf.requiresGrad, leaf.isLeaf]).toEqual([true, true]);
          });
        });
      },
    );
  });
});

describe('an optimizer', () => {
  const parameter = (value = 1): nn.Parameter => new nn.Parameter(flow.full([2], value));

  it('keeps options per group, which may change between steps', () => {
    const [a, b] = [parameter(), parameter()];
    const optimizer = new optim.SGD([{ params: [a] }, { params: [b], lr: 1 }], { lr: 0.5 });
    const step = (): number[] => {
      for (const p of [a, b]) p.grad = flow.ones([2]);
      optimizer.step();
      return [a, b].map((p) => p.select(0, 0).item());
    };
    expect(optimizer.paramGroups.map((group) => group.lr)).toEqual([0.5, 1]);
    expect(step()).toEqual([0.5, 0]);
    optimizer.paramGroups[1]!.lr = 0;
    expect(step()).toEqual([0, 0]);
  });

  it('takes the parameters of a module', () => {
    const module = new nn.Linear(2, 1);
    const optimizer = new optim.Adam(module.parameters());
    expect(optimizer.paramGroups[0]!.params).toEqual([module.weight, module.bias]);
    expect(optimizer.paramGroups[0]!.betas).toEqual([0.9, 0.999]);
  });

  it('drops gradients, or fills them with zeros in place', () => {
    const p = parameter();
    const optimizer = new optim.SGD([p], { lr: 1 });
    const grad = flow.ones([2]);
    p.grad = grad;
    optimizer.zeroGrad(false);
    expect(p.grad).toBe(grad);
    expect(grad.tolist()).toEqual([0, 0]);
    optimizer.zeroGrad();
    expect(p.grad).toBeNull();
  });

  it('leaves parameters alone that have no gradient', () => {
    const p = parameter();
    const optimizer = new optim.Adam([p], { weightDecay: 1 });
    optimizer.step();
    expect(p.tolist()).toEqual([1, 1]);
    expect(optimizer.state.size).toBe(0);
  });

  it('does not change the gradients', () => {
    for (const name of ['SGD', 'Adam', 'AdamW'] as const) {
      const p = parameter();
      p.grad = flow.full([2], 3);
      const options = { lr: 0.1, momentum: 0.9, weightDecay: 0.1, maximize: true };
      const optimizer = optimizerOf(name, [p], options as never);
      optimizer.step();
      optimizer.step();
      expect(p.grad.tolist()).toEqual([3, 3]);
    }
  });

  it('gives back the memory of what it computes on the way', () => {
    const p = new nn.Parameter(flow.zeros([1000]));
    const optimizer = new optim.Adam([p]);
    p.grad = flow.ones([1000]);
    optimizer.step();
    const before = flow.memoryStats().storages;
    for (let k = 0; k < 10; k++) optimizer.step();
    expect(flow.memoryStats().storages - before).toBe(0);
  });
});
