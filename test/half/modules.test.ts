/** Modules, optimizers and what is around them, in 16-bit floats. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { grad } from '../../src/autograd/backward.ts';
import { availableTargets, setTarget } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import { nn, optim, type Tensor } from '../../src/index.ts';
import { farFrom, halves, rounded, type Half } from './ulps.ts';

const F = nn.functional;
const valuesOf = (x: Tensor): number[] => Array.from(x.detach().toTypedArray(), Number);
const normal = (shape: readonly number[], dtype: Half): Tensor => flow.randn(shape).to(dtype);

class Net extends nn.Module {
  conv = new nn.Conv2d(2, 4, 3, { padding: 1 });
  norm = new nn.BatchNorm2d(4);
  fc = new nn.Linear(4 * 3 * 2, 3);
  override forward(x: Tensor): Tensor {
    return this.fc(F.maxPool2d(this.norm(this.conv(x)).relu(), 2).flatten(1));
  }
}

describe.each(availableTargets())('on %s', (target) => {
  beforeEach(() => {
    setTarget(target);
    flow.manualSeed(11);
  });
  afterAll(() => setTarget('wasm'));

  describe.each(halves)('%s', (half) => {
    it('a module converts its floats, keeps its integers, and computes in the new dtype', () => {
      const net = new Net();
      const conv = net.conv.weight;
      if (half === 'float16') net.half();
      else net.bfloat16();
      expect(net.conv.weight).toBe(conv);
      const types = [...net.stateDict()].map(([name, x]) => [name, x.dtype]);
      expect(types).toEqual(
        [...new Net().stateDict().keys()].map((name) => [
          name,
          name === 'norm.num_batches_tracked' ? 'int64' : half,
        ]),
      );
      expect(net(normal([3, 2, 6, 4], half)).dtype).toBe(half);
    });

    it.each([
      ['SGD', (net: Net) => new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 })],
      ['Adam', (net: Net) => new optim.Adam(net.parameters(), { lr: 0.01 })],
      ['AdamW', (net: Net) => new optim.AdamW(net.parameters(), { lr: 0.01 })],
    ] as const)('a network learns by %s', (_, make) => {
      const net = new Net().to(half);
      const optimizer = make(net);
      const x = normal([12, 2, 6, 4], half);
      const target = flow.tensor(BigInt64Array.from({ length: 12 }, (_, k) => BigInt(k % 3)));
      const step = (): number => {
        optimizer.zeroGrad();
        const loss = F.crossEntropy(net(x), target);
        loss.backward();
        optimizer.step();
        return loss.item();
      };
      const losses = Array.from({ length: 12 }, step);
      expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
      for (const parameter of net.parameters()) {
        expect([parameter.dtype, parameter.grad!.dtype]).toEqual([half, half]);
        expect(parameter.isfinite().all().item()).toBe(1);
      }
    });

    it('an optimizer steps as in float32, and rounds the parameter once', () => {
      const start = normal([7, 5], half);
      const gradients = Array.from({ length: 3 }, () => normal([7, 5], half));
      const makers = [
        (p: nn.Parameter) =>
          new optim.SGD([p], { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
        (p: nn.Parameter) => new optim.Adam([p], { lr: 0.01, amsgrad: true }),
        (p: nn.Parameter) => new optim.AdamW([p], { lr: 0.01 }),
      ];
      for (const make of makers) {
        const narrow = new nn.Parameter(start.clone());
        const wide = new nn.Parameter(start.to('float32'));
        const [a, b] = [make(narrow), make(wide)];
        for (const g of gradients) {
          narrow.grad = g;
          wide.grad = g.to('float32');
          a.step();
          b.step();
          expect(valuesOf(narrow)).toEqual(valuesOf(wide).map((v) => rounded(v, half)));
          // The next step begins from what was kept.
          flow.noGrad(() => wide.copy_(narrow));
        }
      }
    });

    it('batch normalisation takes half input beside float32 parameters and statistics, too', () => {
      const x = normal([6, 3, 4, 5], half).requiresGrad_();
      const norm = new nn.BatchNorm2d(3);
      const y = norm(x);
      const cotangent = normal(y.shape, half);
      y.backward(cotangent);
      const exactX = x.detach().to('float64').requiresGrad_();
      const exact = new nn.BatchNorm2d(3).double();
      const exactY = exact(exactX);
      exactY.backward(cotangent.to('float64'));
      expect([y.dtype, x.grad!.dtype, norm.weight!.grad!.dtype]).toEqual([half, half, 'float32']);
      expect(farFrom(y, exactY, half)).toEqual([]);
      expect(farFrom(x.grad!, exactX.grad!, half)).toEqual([]);
      expect(valuesOf(norm.weight!.grad!)).toBeAllclose(valuesOf(exact.weight!.grad!), { atol: 1e-5 });
      expect(valuesOf(norm.getBuffer('running_var'))).toBeAllclose(valuesOf(exact.getBuffer('running_var')), {
        rtol: 1e-6,
      });
    });

    it('running statistics in 16 bits are rounded once a batch', () => {
      const x = normal([6, 3, 4, 5], half);
      const [norm, exact] = [new nn.BatchNorm2d(3).to(half), new nn.BatchNorm2d(3).double()];
      norm(x);
      exact(x.to('float64'));
      expect(farFrom(norm.getBuffer('running_mean'), exact.getBuffer('running_mean'), half)).toEqual([]);
      expect(farFrom(norm.getBuffer('running_var'), exact.getBuffer('running_var'), half)).toEqual([]);
    });

    it('gradients of gradients of a convolution are those of float64, but for the rounding of their parts', () => {
      const options = { stride: [2, 1], padding: 1, groups: 2 } as const;
      const operands = [normal([2, 4, 5, 6], half), normal([6, 2, 3, 2], half)];
      const cotangents = [normal([2, 6, 3, 7], half), normal([2, 4, 5, 6], half), normal([6, 2, 3, 2], half)];
      const second = (dtype: Half | 'float64'): Tensor[] => {
        const leaves = operands.map((t) => t.to(dtype).detach().requiresGrad_());
        const gy = cotangents[0]!.to(dtype).detach().requiresGrad_();
        const y = F.conv2d(leaves[0]!, leaves[1]!, null, options);
        const first = grad(y, leaves, { gradOutputs: gy, createGraph: true }) as Tensor[];
        return grad(first, [...leaves, gy], {
          gradOutputs: cotangents.slice(1).map((t) => t.to(dtype)),
        }) as Tensor[];
      };
      const exact = second('float64');
      second(half).forEach((g, k) => {
        expect(g.dtype).toBe(half);
        const wanted = valuesOf(exact[k]!);
        // The cotangent's has two parts, which are 16-bit floats before they are added.
        const unit = half === 'float16' ? 2 ** -11 : 2 ** -8;
        const atol = 2 * unit * Math.max(...wanted.map(Math.abs));
        expect(valuesOf(g)).toBeAllclose(wanted, { rtol: 0, atol });
        if (k < 2) expect(farFrom(g, exact[k]!, half), `second gradient ${String(k)}`).toEqual([]);
      });
    });

    it('a fresh Conv2d is within its bounds and not zero, and sameness of seed is sameness of weights', () => {
      const make = (): nn.Conv2d => {
        flow.manualSeed(5);
        return new nn.Conv2d(3, 4, 3, { dtype: half });
      };
      const conv = make();
      const bound = rounded(1 / Math.sqrt(27), half);
      for (const parameter of [conv.weight, conv.bias!]) {
        expect(parameter.dtype).toBe(half);
        expect(parameter.abs().amax().item()).toBeLessThanOrEqual(bound);
        expect(parameter.abs().amax().item()).toBeGreaterThan(bound / 4);
      }
      expect(valuesOf(make().weight)).toEqual(valuesOf(conv.weight));
    });

    it('a state dictionary goes from a module of one dtype into one of another', () => {
      const [from, to] = [new Net().to(half), new Net()];
      to.loadStateDict(from.stateDict());
      expect(to.conv.weight.dtype).toBe('float32');
      expect(valuesOf(to.conv.weight)).toEqual(valuesOf(from.conv.weight));
      const back = new Net().to(half);
      back.loadStateDict(to.stateDict());
      expect(valuesOf(back.fc.weight)).toEqual(valuesOf(from.fc.weight));
    });

    it('what is added to many times is rounded once', () => {
      const times = 300;
      const ones = flow.ones([times], { dtype: half });
      const zeros = flow.zeros([2], { dtype: half });
      const index = flow.zeros([times], { dtype: 'int64' });
      // In bfloat16, 256 + 1 is 256.
      expect(valuesOf(zeros.scatterAdd(0, index, ones))).toEqual([times, 0]);
      const x = flow.zeros([1], { dtype: half, requiresGrad: true });
      x.indexSelect(0, index).sum().backward();
      expect(valuesOf(x.grad!)).toEqual([times]);
      const y = flow.zeros([2, 1], { dtype: half, requiresGrad: true });
      y.add(flow.ones([2, times], { dtype: half }))
        .sum()
        .backward();
      expect(valuesOf(y.grad!)).toEqual([times, times]);
      const peak = flow.zeros([1, 1, 21, 21], { dtype: half });
      peak.select(2, 10).select(2, 10).fill_(1);
      peak.requiresGrad_();
      F.maxPool2d(peak, 21, { stride: 1, padding: 10 }).sum().backward();
      expect(peak.grad!.select(2, 10).select(2, 10).item()).toBe(rounded(441, half));
    });

    it('a mean of many is not a sum that overflowed, nor is its gradient a zero', () => {
      const x = flow.full([70000], 2, { dtype: half, requiresGrad: true });
      const y = x.mean();
      y.backward();
      expect(y.item()).toBe(2);
      expect(x.grad!.select(0, 3).item()).toBe(rounded(1 / 70000, half));
      expect(x.detach().norm().item()).toBe(rounded(2 * Math.sqrt(70000), half));
    });

    it('dropout scales by 1 / (1 − p) and rounds once, and its gradient likewise', () => {
      const x = normal([20, 30], half).requiresGrad_();
      const y = F.dropout(x, 0.3);
      y.sum().backward();
      const kept = valuesOf(y).map((v) => v !== 0);
      const values = valuesOf(x);
      const scale = Math.fround(1 / Math.fround(0.7));
      const bound = rounded(scale, half);
      valuesOf(y).forEach((v, k) => {
        if (kept[k]) expect(Math.abs(v - values[k]! * scale)).toBeLessThanOrEqual(Math.abs(v) * 2 ** -8);
      });
      expect(valuesOf(x.grad!)).toEqual(kept.map((k, i) => (k || values[i] === 0 ? (k ? bound : 0) : 0)));
    });
  });
});

describe('Tensors of 16-bit floats', () => {
  it('come from numbers, typed arrays and functions, and give typed arrays, numbers and lists', () => {
    const x = flow.tensor([1, 0.1, -70000], { dtype: 'float16' });
    expect(x.toTypedArray()).toEqualBits(Float32Array.of(1, 0.0999755859375, -Infinity));
    expect(x.tolist()).toEqual([1, 0.0999755859375, -Infinity]);
    expect(flow.tensor(Float32Array.of(0.1), { dtype: 'bfloat16' }).item()).toBe(0.10009765625);
    expect(flow.arange(5, { dtype: 'float16' }).tolist()).toEqual([0, 1, 2, 3, 4]);
    expect(flow.linspace(0, 1, 5, { dtype: 'float16' }).tolist()).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(flow.eye(2, 3, { dtype: 'bfloat16' }).tolist()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
    expect(x.elementSize()).toBe(2);
  });

  it('come from a Float16Array bit for bit, where the runtime has one', () => {
    // A stand-in that answers as the real one does, for runtimes without it.
    const bits = Uint16Array.of(0x3c00, 0x2e66, 0xfc00);
    const numbers = [1, 0.0999755859375, -Infinity];
    const Real = (globalThis as { Float16Array?: new (b: ArrayBuffer) => unknown }).Float16Array;
    const array = Real
      ? new Real(bits.buffer)
      : new Proxy(bits, {
          get: (target, key): unknown => {
            if (key === Symbol.toStringTag) return 'Float16Array';
            if (typeof key === 'string' && /^\d+$/.test(key)) return numbers[Number(key)];
            const value: unknown = Reflect.get(target, key, target);
            return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
          },
        });
    if (!ArrayBuffer.isView(array)) return;
    const x = flow.tensor(array as never);
    expect([x.dtype, x.tolist()]).toEqual(['float16', numbers]);
  });

  it('come from tensors of every dtype, and go back', () => {
    const x = flow.tensor([0, 1, 2.5, -3]);
    const casts = [x.half(), x.bfloat16(), x.float(), x.double(), x.long(), x.int(), x.char(), x.bool()];
    expect(casts.map((t) => t.dtype)).toEqual([
      'float16',
      'bfloat16',
      'float32',
      'float64',
      'int64',
      'int32',
      'int8',
      'bool',
    ]);
    for (const t of casts.slice(0, 4)) expect(t.float().tolist()).toEqual([0, 1, 2.5, -3]);
    expect(casts[0]!.long().tolist()).toEqual([0, 1, 2, -3]);
    expect(x.half().byte().tolist()).toEqual([0, 1, 2, 253]);
    expect(x.float()).toBe(x);
  });

  it('meet other dtypes as PyTorch says', () => {
    const [h, b] = [flow.ones([2], { dtype: 'float16' }), flow.ones([2], { dtype: 'bfloat16' })];
    const types = [
      h.add(b),
      h.add(flow.ones([2])),
      b.mul(flow.ones([2], { dtype: 'int64' })),
      h.add(flow.tensor(2)),
      b.add(1.5),
      h.div(3),
      h.gt(b),
    ].map((t) => t.dtype);
    expect(types).toEqual(['float32', 'float32', 'bfloat16', 'float16', 'bfloat16', 'float16', 'bool']);
  });

  it('print as in PyTorch', () => {
    expect(String(flow.tensor([1, 0.1, 100], { dtype: 'float16' }))).toBe(
      'tensor([1.0000e+00, 9.9976e-02, 1.0000e+02], dtype=torch.float16)',
    );
    expect(String(flow.tensor([[1, 2]], { dtype: 'bfloat16', requiresGrad: true }))).toBe(
      'tensor([[1., 2.]], dtype=torch.bfloat16, requires_grad=True)',
    );
  });
});
