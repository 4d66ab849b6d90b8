import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';
import { allowance, cotangentOf, golden, tensorOf, valuesOf, type GoldenArray } from '../golden/nn.ts';

type Dtype = 'float32' | 'float64';
/** Layers take a tensor, losses a target too. */
type Layer = nn.Module<[input: Tensor, target?: Tensor]>;

const make = (name: string, args: readonly unknown[]): Layer =>
  new (nn as unknown as Record<string, new (...args: unknown[]) => Layer>)[name]!(...args);

const compare = (
  what: string,
  found: Tensor,
  expected: GoldenArray,
  dtype: Dtype,
  precision = dtype,
): void => {
  const values = valuesOf(expected);
  expect(found.shape, `shape of ${what}`).toEqual(expected.shape);
  expect(found.dtype, `dtype of ${what}`).toBe(expected.dtype ?? dtype);
  expect(found.toTypedArray(), what).toBeAllclose(
    expected.dtype === 'int64' ? BigInt64Array.from(values, BigInt) : values,
    allowance(values, precision),
  );
};

const cases = golden.modules.map((m) => [`${m.repr}${m.training ? '' : ' in evaluation'}`, m] as const);

describe.each(availableTargets())('layers compute what they compute in PyTorch, on %s', (target) => {
  beforeAll(() => setTarget(target));
  afterAll(() => setTarget('wasm'));

  describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
    it.each(cases)('%s', (_, { module: name, args, training, state, calls }) => {
      const module = make(name, args).to(dtype).train(training);
      const parameters = new Map(module.namedParameters());
      const tensors = Object.entries(state).map(([key, array]) => [key, tensorOf(array!, dtype)] as const);
      module.loadStateDict(new Map(tensors));
      for (const { input, target: wanted, output, grad, parameterGrads, after } of calls) {
        module.zeroGrad(true);
        const x = tensorOf(input, dtype).requiresGrad_();
        const y = wanted === null ? module(x) : module(x, tensorOf(wanted, dtype));
        // PyTorch multiplies by a sixth of float32 whatever the dtype is.
        compare('output', y, output, dtype, name === 'Hardsigmoid' ? 'float32' : dtype);
        y.mul(cotangentOf(y)).sum().backward();
        compare('gradient of the input', x.grad!, grad, dtype, name === 'Hardsigmoid' ? 'float32' : dtype);
        for (const [key, expected] of Object.entries(parameterGrads))
          compare(`gradient of ${key}`, parameters.get(key)!.grad!, expected!, dtype);
        for (const [key, expected] of Object.entries(after))
          compare(`${key} afterwards`, module.getBuffer(key), expected!, dtype);
      }
    });
  });
});

describe('layers print as in PyTorch', () => {
  it.each(golden.modules.map((m) => [m.repr, m] as const))('%s', (repr, { module, args }) => {
    expect(String(make(module, args))).toBe(repr);
  });
});

describe('dropout', () => {
  it.each(golden.dropout.map((d) => [`${d.dtype} [${d.shape.join(', ')}], p = ${d.p}`, d] as const))(
    'drops the elements that PyTorch drops: %s',
    (_, { seed, p, shape, dtype, values, next }) => {
      flow.manualSeed(seed);
      const count = values.length;
      const x = flow.arange(1, 1 + count, { dtype }).reshape(shape);
      const y = new nn.Dropout(p)(x);
      const Array = dtype === 'float32' ? Float32Array : Float64Array;
      expect(y.toTypedArray()).toEqualBits(Array.from(values));
      expect(flow.rand([]).item()).toBe(Math.fround(next));
    },
  );

  it('sends gradients through the elements that stay, with the same factor', () => {
    flow.manualSeed(0);
    const x = flow.ones([40], { requiresGrad: true });
    const y = new nn.Dropout(0.25)(x);
    y.sum().backward();
    expect(x.grad!.toTypedArray()).toEqualBits(y.toTypedArray());
  });

  it('gives the input itself in evaluation', () => {
    const x = flow.ones([3]);
    expect(new nn.Dropout().eval()(x)).toBe(x);
  });
});

describe('batch norm', () => {
  it('normalises batches in channels-last layout as well, and keeps their layout', () => {
    flow.manualSeed(1);
    const x = flow.randn([2, 3, 4, 5]);
    const [a, b] = [new nn.BatchNorm2d(3), new nn.BatchNorm2d(3)];
    const y = b(x.contiguous('channels_last'));
    expect(y.isContiguous('channels_last')).toBe(true);
    expect(y).toBeAllclose(a(x), { atol: 1e-6 });
    expect(b.getBuffer('running_var')).toBeAllclose(a.getBuffer('running_var'));
  });

  it('counts batches, and forgets them when it is reset', () => {
    const module = new nn.BatchNorm2d(2);
    module(flow.ones([1, 2, 2, 2]));
    module(flow.ones([1, 2, 2, 2]));
    expect(module.getBuffer('num_batches_tracked').item()).toBe(2);
    module.eval()(flow.ones([1, 2, 2, 2]));
    expect(module.getBuffer('num_batches_tracked').item()).toBe(2);
    module.resetParameters();
    expect(Object.fromEntries(Array.from(module.stateDict(), ([key, t]) => [key, t.tolist()]))).toEqual({
      weight: [1, 1],
      bias: [0, 0],
      running_mean: [0, 0],
      running_var: [1, 1],
      num_batches_tracked: 0,
    });
  });

  it('has gradients of gradients, of inputs and parameters', () => {
    flow.manualSeed(2);
    const options = { dtype: 'float64', requiresGrad: true } as const;
    const inputs = [flow.randn([3, 2, 2], options), flow.rand([2], options), flow.rand([2], options)];
    const f = (x: Tensor, weight: Tensor, bias: Tensor): Tensor =>
      nn.functional.batchNorm(x, null, null, { weight, bias, training: true, eps: 0.1 });
    expect(flow.autograd.gradcheck(f as never, inputs as never)).toBe(true);
    expect(flow.autograd.gradgradcheck(f as never, inputs as never)).toBe(true);
  });
});

describe('the gradient of batch normalisation', () => {
  it.each([
    ['in training', true, 'contiguous_format'],
    ['in evaluation', false, 'contiguous_format'],
    ['in training, channels-last', true, 'channels_last'],
  ] as const)(
    'is the same whether or not it is to be differentiated again, %s',
    (_, training, memoryFormat) => {
      flow.manualSeed(5);
      const options = { requiresGrad: true, dtype: 'float64' } as const;
      const x = flow.randn([3, 5, 7, 2], { dtype: 'float64' }).contiguous(memoryFormat).requiresGrad_();
      const [weight, bias] = [flow.randn([5], options), flow.randn([5], options)];
      const statistics = [
        flow.randn([5], { dtype: 'float64' }),
        flow.rand([5], { dtype: 'float64' }),
      ] as const;
      const y = nn.functional.batchNorm(x, ...statistics, { weight, bias, training });
      const gradOutputs = flow.randn([3, 5, 7, 2], { dtype: 'float64' });
      const inputs = [x, weight, bias];
      const [once, again] = [false, true].map((createGraph) =>
        flow.autograd.grad(y, inputs, { gradOutputs, retainGraph: true, createGraph }),
      );
      once!.forEach((grad, k) => expect(grad!).toBeAllclose(again![k]!, { rtol: 1e-10, atol: 1e-12 }));
    },
  );
});

describe('losses with weights', () => {
  const weight = flow.tensor([0.5, 2]);
  const input = flow.tensor([[0.25, 0.75]]);
  const target = flow.tensor([[1, 0]]);

  it('keep them as buffers, which state dictionaries carry under PyTorch names', () => {
    const keys = (module: nn.AnyModule): string[] => [...module.stateDict().keys()];
    expect(keys(new nn.CrossEntropyLoss({ weight }))).toEqual(['weight']);
    expect(keys(new nn.BCEWithLogitsLoss({ weight, posWeight: weight }))).toEqual(['weight', 'pos_weight']);
    expect(keys(new nn.BCELoss())).toEqual([]);
    expect(new nn.NLLLoss({ weight }).double().getBuffer('weight').dtype).toBe('float64');
  });

  it('use them as the functions do', () => {
    const { binaryCrossEntropy, binaryCrossEntropyWithLogits } = nn.functional;
    expect(new nn.BCELoss({ weight })(input, target).item()).toBe(
      binaryCrossEntropy(input, target, { weight }).item(),
    );
    const both = { weight, posWeight: weight, reduction: 'sum' } as const;
    expect(new nn.BCEWithLogitsLoss(both)(input, target).item()).toBe(
      binaryCrossEntropyWithLogits(input, target, both).item(),
    );
  });
});
