import { describe, expect, it, vi } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn } from '../../src/index.ts';
import { golden } from '../golden/nn.ts';

const bits = (values: readonly number[], dtype: 'float32' | 'float64'): Float32Array | Float64Array =>
  dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
const init = nn.init as unknown as Record<string, (tensor: flow.Tensor, ...args: unknown[]) => flow.Tensor>;

describe("initial values are PyTorch's for the same seed, bit for bit", () => {
  it.each(
    golden.initial.map(
      (c) =>
        [
          `${c.init}(${JSON.stringify(c.args).slice(1, -1)}) of ${c.dtype} [${c.shape.join(', ')}]`,
          c,
        ] as const,
    ),
  )('%s', (_, c) => {
    flow.manualSeed(c.seed);
    const tensor = flow.full(c.shape, 9, { dtype: c.dtype, requiresGrad: true });
    expect(init[c.init]!(tensor, ...c.args)).toBe(tensor);
    expect(tensor.toTypedArray()).toEqualBits(bits(c.values, c.dtype));
    expect(tensor.isLeaf).toBe(true);
    expect(flow.rand([]).item()).toBe(Math.fround(c.next));
  });

  it.each(
    golden.layers.map(
      (c) => [`${c.module}(${JSON.stringify(c.args).slice(1, -1)}) of ${c.dtype}`, c] as const,
    ),
  )('%s', (_, c) => {
    const layers = nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>;
    flow.setDefaultDtype(c.dtype);
    flow.manualSeed(c.seed);
    let module: nn.Module;
    try {
      module = new layers[c.module]!(...c.args);
    } finally {
      flow.setDefaultDtype('float32');
    }
    expect([...module.stateDict().keys()]).toEqual(Object.keys(c.state));
    for (const [key, tensor] of module.stateDict()) {
      const { shape, values } = c.state[key]!;
      expect(tensor.shape).toEqual(shape);
      expect(tensor.toTypedArray()).toEqualBits(
        tensor.dtype === 'int64' ? BigInt64Array.from(values, BigInt) : bits(values, c.dtype),
      );
    }
    expect(flow.rand([]).item()).toBe(Math.fround(c.next));
  });

  it('draws from a generator of its own when given one', () => {
    flow.manualSeed(1);
    const generator = new flow.Generator(7n);
    const own = nn.init.xavierUniform_(flow.zeros([3, 4]), 1, { generator });
    const next = flow.rand([]).item();
    flow.manualSeed(7);
    expect(nn.init.xavierUniform_(flow.zeros([3, 4])).equal(own)).toBe(true);
    flow.manualSeed(1);
    expect(flow.rand([]).item()).toBe(next);
  });

  it('gains', () => {
    for (const [nonlinearity, slope, gain] of golden.gains)
      expect(nn.init.calculateGain(nonlinearity, slope ?? undefined)).toBe(gain);
  });

  it('leaves a tensor without elements as it is, with a warning', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    nn.init.kaimingUniform_(flow.zeros([0, 3]));
    nn.init.kaimingNormal_(flow.zeros([0, 3]));
    expect(warn.mock.calls).toEqual(Array(2).fill(['Initializing zero-element tensors is a no-op']));
    warn.mockRestore();
  });
});
