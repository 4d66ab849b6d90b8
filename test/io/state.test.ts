import { describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn, type DType, type Tensor } from '../../src/index.ts';
import { parseSafetensors } from '../../src/io/safetensors.ts';

const roundTrip = (tensors: Readonly<Record<string, Tensor>>): Map<string, Tensor> =>
  flow.loadSafetensors(flow.saveSafetensors(tensors));

describe('a state dictionary through a safetensors file', () => {
  const net = (): nn.Sequential =>
    new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2), new nn.Linear(2, 1));

  it('gives another network the same values, counts included', () => {
    const [a, b] = [net(), net()];
    a.getBuffer('1.num_batches_tracked').fill_(7);
    expect(String(b.loadStateDict(flow.loadSafetensors(flow.saveSafetensors(a.stateDict()))))).toBe(
      '<All keys matched successfully>',
    );
    for (const [key, tensor] of a.stateDict()) {
      expect(b.stateDict().get(key)!.toTypedArray()).toEqualBits(tensor.toTypedArray());
    }
  });

  it.each(['float64', 'float16', 'bfloat16'] as const)('keeps the bits of %s', (dtype) => {
    const a = net().to(dtype);
    const loaded = flow.loadSafetensors(flow.saveSafetensors(a.stateDict()));
    for (const [key, tensor] of a.stateDict()) {
      expect(loaded.get(key)!.dtype).toBe(tensor.dtype);
      expect(loaded.get(key)!.toTypedArray()).toEqualBits(tensor.toTypedArray());
    }
  });

  it('saves parameters that require gradients, without touching them or the tape', () => {
    const module = new nn.Linear(2, 1);
    const before = module.weight.version;
    const loaded = flow.loadSafetensors(flow.saveSafetensors(module.stateDict({ keepVars: true })));
    expect(loaded.get('weight')).toBeAllclose(module.weight, { rtol: 0, atol: 0 });
    expect(loaded.get('weight')!.requiresGrad).toBe(false);
    expect([module.weight.version, module.weight.isLeaf]).toEqual([before, true]);
  });
});

describe('tensors through a safetensors file', () => {
  it('of every dtype', () => {
    const dtypes: readonly DType[] = [
      'float32',
      'float64',
      'float16',
      'bfloat16',
      'int64',
      'int32',
      'int8',
      'uint8',
      'bool',
    ];
    const values = [
      [0, 1, 2],
      [1, 0, 100],
    ];
    const tensors = Object.fromEntries(dtypes.map((dtype) => [dtype, flow.tensor(values, { dtype })]));
    for (const [name, tensor] of roundTrip(tensors)) {
      expect([tensor.dtype, tensor.shape]).toEqual([name, [2, 3]]);
      expect(tensor.tolist()).toEqual(tensors[name]!.tolist());
    }
  });

  it('lose their layout and keep their order of elements', () => {
    const x = flow.arange(24, { dtype: 'float32' }).reshape(2, 3, 2, 2);
    const tensors = {
      transposed: x.permute(3, 1, 0, 2),
      channelsLast: x.contiguous('channels_last'),
      part: x.narrow(1, 1, 2).select(0, 1),
      steps: x.reshape(24).slice(0, 1, 20, 3),
      repeated: x.select(0, 0).select(0, 0).unsqueeze(0).expand(3, 2, 2),
    };
    for (const [name, tensor] of roundTrip(tensors)) {
      expect(tensor.isContiguous(), name).toBe(true);
      expect(tensor.tolist(), name).toEqual(tensors[name as keyof typeof tensors].tolist());
    }
  });

  it('that share memory are written in full, and are apart afterwards', () => {
    const x = flow.zeros([2, 2]);
    const file = flow.saveSafetensors({ a: x, b: x, row: x.select(0, 1) });
    expect(Array.from(parseSafetensors(file).tensors.values(), ({ bytes }) => bytes.length)).toEqual([
      16, 16, 8,
    ]);
    const loaded = flow.loadSafetensors(file);
    loaded.get('a')!.fill_(1);
    expect(loaded.get('b')!.tolist()).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('of no elements, and of no axes', () => {
    const loaded = roundTrip({ none: flow.zeros([0, 3]), scalar: flow.tensor(2.5) });
    expect(loaded.get('none')!.shape).toEqual([0, 3]);
    expect([loaded.get('scalar')!.shape, loaded.get('scalar')!.item()]).toEqual([[], 2.5]);
  });

  it('with strings beside them', () => {
    const file = flow.saveSafetensors({ x: flow.zeros([1]) }, { format: 'pt' });
    expect([...parseSafetensors(file).metadata]).toEqual([['format', 'pt']]);
  });

  it('are refused when a bool is neither 0 nor 1', () => {
    const file = flow.saveSafetensors({ x: flow.tensor([true]) });
    file[file.length - 1] = 2;
    expect(() => flow.loadSafetensors(file)).toThrow(
      new flow.FileFormatError("safetensors: tensor 'x': bool elements that are neither 0 nor 1"),
    );
  });

  it('leave no copies behind', () => {
    const x = flow.ones([100, 100]).t();
    const before = flow.memoryStats().storages;
    flow.saveSafetensors({ x });
    expect(flow.memoryStats().storages).toBe(before);
  });
});
