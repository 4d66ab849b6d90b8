/** 16-bit floats against PyTorch: its own bfloat16, and float64 on the same numbers. Made by golden/make_half.py. */
import { beforeEach, describe, expect, it } from 'vitest';
import { grad } from '../../src/autograd/backward.ts';
import { availableTargets, setTarget } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';
import { goldenJson } from '../golden/golden.ts';
import { decode, decodeFlat, type CodedValues } from '../ops/cases.ts';
import { farFrom, halves, ulpsApart, type Half } from './ulps.ts';

interface Answers {
  readonly result: CodedValues;
  readonly grads: readonly CodedValues[];
}
interface Golden {
  readonly numbers: CodedValues;
  readonly casts: Readonly<Record<Half, CodedValues>>;
  readonly grid: CodedValues;
  readonly unary: Readonly<Record<string, CodedValues>>;
  readonly left: CodedValues;
  readonly right: CodedValues;
  readonly binary: Readonly<Record<string, CodedValues>>;
  readonly number: Readonly<Record<string, CodedValues>>;
  readonly halfNumber: Readonly<Record<string, CodedValues>>;
  readonly rows: CodedValues;
  readonly reductions: Readonly<
    Record<string, { readonly bfloat16: CodedValues | null; readonly float64: CodedValues }>
  >;
  readonly ones: Readonly<Record<Half, number>>;
  readonly layers: Readonly<
    Record<
      string,
      {
        readonly operands: readonly CodedValues[];
        readonly shapes: readonly (readonly number[])[];
        readonly bfloat16: Answers | null;
        readonly float64: Answers;
      }
    >
  >;
  readonly averages: Readonly<Record<string, CodedValues>>;
}
const golden = goldenJson<Golden>('half.json');
const F = nn.functional;

const valuesOf = (x: Tensor): number[] => Array.from(x.detach().toTypedArray(), Number);
const exact = (values: CodedValues, shape: readonly number[]): Tensor =>
  flow.tensor(Float64Array.from(decodeFlat(values)), { shape });
const vector = (values: CodedValues, dtype: Half): Tensor => flow.tensor(decodeFlat(values), { dtype });

/** Names of methods where they are not PyTorch's. */
const method = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
type Methods = Readonly<Record<string, (other?: Tensor | number) => Tensor>>;
const apply = (name: string, x: Tensor, other?: Tensor | number): Tensor =>
  (x as unknown as Methods)[method(name)]!.call(x, other);

/** Elements that are more than an ulp from PyTorch's bfloat16. */
const farFromTorch = (found: Tensor, answer: CodedValues, ulps = 1): string[] => {
  const actual = valuesOf(found);
  return decodeFlat(answer).flatMap((x, k) =>
    ulpsApart(actual[k]!, x, 'bfloat16') <= ulps
      ? []
      : [`[${String(k)}]: ${String(actual[k])}, not ${String(x)}`],
  );
};

const reductions: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  sum: (x) => x.sum(),
  'sum rows': (x) => x.sum(1),
  'sum columns': (x) => x.sum(0),
  mean: (x) => x.mean(1),
  amax: (x) => x.amax(1),
  amin: (x) => x.amin(0),
  prod: (x) => x.narrow(1, 0, 5).prod(1),
  var: (x) => x.var(1),
  std: (x) => x.std(1),
  norm: (x) => x.norm(2, 1),
  cumsum: (x) => x.cumsum(1),
  logsumexp: (x) => x.logsumexp(1),
  softmax: (x) => x.softmax(1),
  log_softmax: (x) => x.logSoftmax(0),
};

const layers: Readonly<Record<string, (...operands: Tensor[]) => Tensor>> = {
  conv2d: (x, w, b) => F.conv2d(x, w, b, { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 }),
  'conv2d same': (x, w) => F.conv2d(x, w, null, { padding: 'same' }),
  'conv2d wide': (x, w) => F.conv2d(x, w),
  depthwise: (x, w) => F.conv2d(x, w, null, { padding: 1, groups: 5 }),
  linear: (x, w, b) => F.linear(x, w, b),
  bmm: (x, y) => flow.bmm(x, y),
  'batch norm': (x, w, b) => F.batchNorm(x, null, null, { weight: w, bias: b, training: true }),
  'max pool': (x) => F.maxPool2d(x, 3, { stride: 1, padding: 1 }),
  'avg pool': (x) => F.avgPool2d(x, 3, { stride: 2, padding: 1 }),
  'adaptive pool': (x) => F.adaptiveAvgPool2d(x, [2, 3]),
  softmax: (x) => F.softmax(x, 1),
  gelu: (x) => F.gelu(x),
  silu: (x) => F.silu(x),
  softplus: (x) => F.softplus(x),
  mse: (x, y) => F.mseLoss(x, y),
  'cross entropy': (x) => F.crossEntropy(x, flow.tensor([2n, 0n, 6n]), { labelSmoothing: 0.1 }),
  binary: (x) => F.binaryCrossEntropyWithLogits(x, flow.tensor([0, 1, 0.5, 0.25, 1, 0], { dtype: x.dtype })),
};

describe.each(availableTargets())('on %s', (target) => {
  beforeEach(() => setTarget(target));

  it.each(halves)('numbers become %s as in PyTorch, from arrays and from tensors', (half) => {
    const expected = decodeFlat(golden.casts[half]);
    const numbers = decodeFlat(golden.numbers);
    const made = flow.tensor(numbers, { dtype: half });
    expect(valuesOf(made)).toEqual(expected);
    expect(valuesOf(flow.tensor(Float64Array.from(numbers)).to(half))).toEqual(expected);
    expect(made.tolist()).toEqual(expected);
  });

  it.each(Object.keys(golden.unary))('%s of bfloat16 is PyTorch’s, or its neighbour', (name) => {
    const y = apply(name, vector(golden.grid, 'bfloat16'));
    expect(y.dtype).toBe('bfloat16');
    expect(farFromTorch(y, golden.unary[name]!)).toEqual([]);
  });

  it.each(Object.keys(golden.binary))('%s of two bfloat16 is PyTorch’s, or its neighbour', (name) => {
    const y = apply(name, vector(golden.left, 'bfloat16'), vector(golden.right, 'bfloat16'));
    expect(farFromTorch(y, golden.binary[name]!)).toEqual([]);
  });

  it.each(Object.keys(golden.number))(
    '%s of bfloat16 and a number is PyTorch’s, or its neighbour',
    (name) => {
      const y = apply(name, vector(golden.right, 'bfloat16'), 0.1);
      if (y.dtype === 'bool') expect(y.tolist()).toEqual(golden.number[name]);
      else expect(farFromTorch(y, golden.number[name]!)).toEqual([]);
    },
  );

  it.each(Object.keys(golden.halfNumber))(
    '%s compares float16 with a number that was rounded to it',
    (name) => {
      expect(apply(name, vector(golden.right, 'float16'), 0.1).tolist()).toEqual(golden.halfNumber[name]);
    },
  );

  it.each(Object.keys(reductions))('%s of 16-bit floats is rounded once', (name) => {
    const { bfloat16, float64 } = golden.reductions[name]!;
    const shape = [3, 41];
    for (const half of halves) {
      const y = reductions[name]!(exact(golden.rows, shape).to(half));
      expect(y.dtype).toBe(half);
      expect(farFrom(y, exact(float64, y.shape), half), half).toEqual([]);
      // PyTorch rounds means and logarithms of sums twice.
      if (half === 'bfloat16' && bfloat16 !== null) expect(farFromTorch(y, bfloat16, 2)).toEqual([]);
    }
  });

  it.each(halves)('a long sum of %s does not stop where adding 1 changes nothing', (half) => {
    expect(flow.ones([4099], { dtype: half }).sum().item()).toBe(golden.ones[half]);
  });

  it.each(Object.keys(layers))('%s and its gradients are rounded once', (name) => {
    const { operands, shapes, float64, bfloat16 } = golden.layers[name]!;
    for (const half of halves) {
      const leaves = operands.map((x, k) => exact(x, shapes[k]!).to(half).requiresGrad_());
      const y = layers[name]!(...leaves);
      expect(y.dtype).toBe(half);
      const count = y.numel();
      const steps = Float64Array.from({ length: count }, (_, k) =>
        count > 1 ? -1 + (2 * k) / (count - 1) : -1,
      );
      const cotangent = flow.tensor(steps, { shape: y.shape }).to('bfloat16').to(half);
      const grads = grad(y, leaves, { gradOutputs: cotangent });
      expect(farFrom(y, exact(float64.result, y.shape), half), `${half} result`).toEqual([]);
      grads.forEach((g, k) => {
        const wanted = exact(float64.grads[k]!, g!.shape);
        expect(g!.dtype).toBe(half);
        // As in PyTorch, softmax makes its gradient from its rounded result.
        if (name !== 'softmax')
          expect(farFrom(g!, wanted, half), `${half} gradient ${String(k)}`).toEqual([]);
        if (half !== 'bfloat16' || bfloat16 === null) return;
        const torch = decodeFlat(bfloat16.grads[k]!);
        const largest = Math.max(...torch.map(Math.abs));
        expect(valuesOf(g!)).toBeAllclose(torch, {
          rtol: 0,
          atol: (name === 'softmax' ? 2 ** -6 : 2 ** -7) * largest,
        });
      });
    }
  });

  it('averages of int64 windows are rounded toward 0', () => {
    const x = flow.arange(-20, 4).view([1, 1, 4, 6]);
    const found = {
      padded: F.avgPool2d(x, [3, 2], { stride: [1, 2], padding: 1 }),
      'padding not counted': F.avgPool2d(x, [3, 2], { stride: [1, 2], padding: 1, countIncludePad: false }),
      divisor: F.avgPool2d(x, 2, { divisorOverride: 3 }),
      whole: F.avgPool2d(x, [4, 6]),
    };
    for (const [name, y] of Object.entries(found))
      expect(y.tolist(), name).toEqual(decode(golden.averages[name]!));
    expect(() => F.avgPool2d(x.to('int32'), 2)).toThrow('"avg_pool2d" not implemented for \'Int\'');
    expect(() => F.adaptiveAvgPool2d(x, 2)).toThrow('"adaptive_avg_pool2d" not implemented for \'Long\'');
  });
});
