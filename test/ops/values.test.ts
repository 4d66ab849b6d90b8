import { beforeEach, describe, expect, it } from 'vitest';
import { grad } from '../../src/autograd/backward.ts';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import type { DType } from '../../src/dtype.ts';
import '../../src/methods.ts';
import { tensor } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { decodeFlat, golden } from './cases.ts';

const special = decodeFlat(golden.special);
const nan = NaN;

type Unary = (x: Tensor) => Tensor;
const unary: Readonly<Record<string, Unary>> = {
  neg: (x) => x.neg(),
  abs: (x) => x.abs(),
  sign: (x) => x.sign(),
  exp: (x) => x.exp(),
  expm1: (x) => x.expm1(),
  log: (x) => x.log(),
  log1p: (x) => x.log1p(),
  log2: (x) => x.log2(),
  log10: (x) => x.log10(),
  sqrt: (x) => x.sqrt(),
  rsqrt: (x) => x.rsqrt(),
  reciprocal: (x) => x.reciprocal(),
  square: (x) => x.square(),
  sin: (x) => x.sin(),
  cos: (x) => x.cos(),
  tan: (x) => x.tan(),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  erf: (x) => x.erf(),
  floor: (x) => x.floor(),
  ceil: (x) => x.ceil(),
  round: (x) => x.round(),
  trunc: (x) => x.trunc(),
  frac: (x) => x.frac(),
  isnan: (x) => x.isnan(),
  isinf: (x) => x.isinf(),
  isfinite: (x) => x.isfinite(),
  logical_not: (x) => x.logicalNot(),
  relu: (x) => x.relu(),
  exp2: (x) => x.exp2(),
  sinh: (x) => x.sinh(),
  cosh: (x) => x.cosh(),
  asin: (x) => x.asin(),
  acos: (x) => x.acos(),
  atan: (x) => x.atan(),
  asinh: (x) => x.asinh(),
  acosh: (x) => x.acosh(),
  atanh: (x) => x.atanh(),
  erfc: (x) => x.erfc(),
};

const activations: Readonly<Record<string, Unary>> = {
  relu: (x) => x.relu(),
  relu6: (x) => x.relu6(),
  leakyRelu: (x) => x.leakyRelu(),
  'leakyRelu 0.2': (x) => x.leakyRelu(0.2),
  elu: (x) => x.elu(),
  'elu 1.7': (x) => x.elu(1.7),
  selu: (x) => x.selu(),
  'celu 1.7': (x) => x.celu(1.7),
  gelu: (x) => x.gelu(),
  'gelu tanh': (x) => x.gelu({ approximate: 'tanh' }),
  silu: (x) => x.silu(),
  mish: (x) => x.mish(),
  softplus: (x) => x.softplus(),
  'softplus 2, 3': (x) => x.softplus({ beta: 2, threshold: 3 }),
  hardtanh: (x) => x.hardtanh(),
  'hardtanh -2, 3': (x) => x.hardtanh(-2, 3),
  hardsigmoid: (x) => x.hardsigmoid(),
  hardswish: (x) => x.hardswish(),
  softsign: (x) => x.softsign(),
  tanhshrink: (x) => x.tanhshrink(),
  'softshrink 0.4': (x) => x.softshrink(0.4),
  hardshrink: (x) => x.hardshrink(),
  logsigmoid: (x) => x.logsigmoid(),
  'threshold 0.5, -7': (x) => x.threshold(0.5, -7),
  tanh: (x) => x.tanh(),
  sigmoid: (x) => x.sigmoid(),
  'clamp -1, 2.5': (x) => x.clamp(-1, 2.5),
  'clampMin -1': (x) => x.clampMin(-1),
  'clampMax 2.5': (x) => x.clampMax(2.5),
};

type Binary = (x: Tensor, y: Tensor) => Tensor;
const binary: Readonly<Record<string, Binary>> = {
  add: (x, y) => x.add(y),
  sub: (x, y) => x.sub(y),
  mul: (x, y) => x.mul(y),
  div: (x, y) => x.div(y),
  'div floor': (x, y) => x.div(y, { roundingMode: 'floor' }),
  'div trunc': (x, y) => x.div(y, { roundingMode: 'trunc' }),
  remainder: (x, y) => x.remainder(y),
  fmod: (x, y) => x.fmod(y),
  pow: (x, y) => x.pow(y),
  maximum: (x, y) => x.maximum(y),
  minimum: (x, y) => x.minimum(y),
  eq: (x, y) => x.eq(y),
  ne: (x, y) => x.ne(y),
  lt: (x, y) => x.lt(y),
  le: (x, y) => x.le(y),
  atan2: (x, y) => x.atan2(y),
  gt: (x, y) => x.gt(y),
  ge: (x, y) => x.ge(y),
  logicalAnd: (x, y) => x.logicalAnd(y),
  logicalOr: (x, y) => x.logicalOr(y),
  logicalXor: (x, y) => x.logicalXor(y),
};
const ofIntegers: Readonly<Record<string, Binary>> = {
  ...binary,
  bitwiseAnd: (x, y) => x.bitwiseAnd(y),
  bitwiseOr: (x, y) => x.bitwiseOr(y),
  bitwiseXor: (x, y) => x.bitwiseXor(y),
  bitwiseNot: (x) => x.bitwiseNot(),
  'pow 2': (x) => x.pow(2),
  'pow 3': (x) => x.pow(3),
  neg: (x) => x.neg(),
  abs: (x) => x.abs(),
  sign: (x) => x.sign(),
  'lt 300': (x) => x.lt(300),
  'add 300': (x) => x.add(300),
  'clamp -5, 6': (x) => x.clamp(3, 6),
  floor: (x) => x.floor(),
  relu: (x) => x.relu(),
};

/** float32 functions are within a few ulp of each other; arithmetic is exact. */
const tolerance = { float32: { rtol: 5e-7, atol: 1e-38 }, float64: { rtol: 2e-15, atol: 1e-300 } } as const;

/** PyTorch has 1/6, and alpha in the gradient of celu, in float32 only. */
const singleConstants: ReadonlySet<string> = new Set(['celu 1.7', 'hardsigmoid']);

describe.each(availableTargets())('on %s', (target) => {
  beforeEach(() => setTarget(target));

  describe.each(['float32', 'float64'] as const)('of %s', (dtype) => {
    it.each(Object.keys(golden.unary))('%s gives PyTorch’s values, at 0, ∞ and NaN too', (name) => {
      const x = tensor(special, { dtype });
      expect(unary[name]!(x)).toBeAllclose(decodeFlat(golden.unary[name]![dtype]), tolerance[dtype]);
    });
  });

  it.each(Object.entries(golden.activations))(
    '%s gives PyTorch’s values and gradients, at its kinks too',
    (name, { value, grad: slope, node }) => {
      const x = tensor(golden.grid, { dtype: 'float64', requiresGrad: true });
      const y = activations[name]!(x);
      expect(y).toBeAllclose(decodeFlat(value), { rtol: 1e-14, atol: 1e-16 });
      expect(y.gradFn?.name).toBe(node);
      const near = { rtol: singleConstants.has(name) ? 1e-7 : 1e-13, atol: 1e-15 };
      const [once] = grad(y.sum(), x);
      expect(once).toBeAllclose(decodeFlat(slope), near);
      // When gradients are recorded they are made of other operations, with the same result.
      const [recorded] = grad(activations[name]!(x).sum(), x, { createGraph: true });
      expect(recorded).toBeAllclose(decodeFlat(slope), near);
    },
  );

  it.each(Object.keys(golden.binary))('%s of two tensors gives PyTorch’s values', (name) => {
    const x = tensor(decodeFlat(golden.left), { dtype: 'float64' });
    const y = tensor(decodeFlat(golden.right), { dtype: 'float64' });
    expect(binary[name]!(x, y)).toBeAllclose(decodeFlat(golden.binary[name]!), { rtol: 2e-15 });
  });

  describe.each(['int64', 'int32', 'int8', 'uint8'] as const)('of %s', (dtype) => {
    it.each(Object.keys(golden.integer[dtype]!))('%s gives PyTorch’s values and wraps around', (name) => {
      const at = (values: readonly number[]): Tensor => tensor(values, { dtype: 'int64' }).to(dtype);
      const result = ofIntegers[name]!(at(golden.integersLeft), at(golden.integersRight));
      expect(result).toBeAllclose(decodeFlat(golden.integer[dtype]![name]!), { rtol: 1e-6 });
    });
  });

  it('a number as an operand counts like a tensor without axes, on either side', () => {
    const x = tensor([[1, -2, 3.5]]);
    expect(x.add(2).tolist()).toEqual([[3, 0, 5.5]]);
    expect(x.rsub(1).tolist()).toEqual([[0, 3, -2.5]]);
    expect(x.rsub(1, { alpha: 2 }).tolist()).toEqual([[-1, 5, -6]]);
    expect(x.sub(1, { alpha: 0.5 }).tolist()).toEqual([[0.5, -2.5, 3]]);
    expect(x.gt(1).tolist()).toEqual([[false, false, true]]);
  });

  it('operands broadcast and keep the memory order of the one that has the result’s shape', () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]).t();
    const y = tensor([10, 20]);
    const sum = x.add(y);
    expect(sum.tolist()).toEqual([
      [11, 24],
      [12, 25],
      [13, 26],
    ]);
    expect(sum.stride()).toEqual([1, 3]);
    expect(
      y
        .view(2, 1)
        .mul(tensor([1, 2, 3]))
        .tolist(),
    ).toEqual([
      [10, 20, 30],
      [20, 40, 60],
    ]);
  });

  it('bools add to bools and count as numbers beside integers', () => {
    const x = tensor([true, true, false]);
    expect(x.add(tensor([true, false, false])).tolist()).toEqual([true, true, false]);
    expect(x.mul(tensor([true, false, true])).tolist()).toEqual([true, false, false]);
    expect(x.add(2).tolist()).toEqual([3, 3, 2]);
    expect(x.add(tensor([0.5, 1, 2])).tolist()).toEqual([1.5, 2, 2]);
    expect(x.bitwiseNot().tolist()).toEqual([false, false, true]);
    expect(x.bitwiseXor(tensor([true, false, false])).tolist()).toEqual([false, true, false]);
  });

  it('halves are computed in float32 and rounded once', () => {
    const x = tensor([1, 0.1, 60000], { dtype: 'float16' });
    expect(x.mul(x).tolist()).toEqual([1, 0.0099945068359375, Infinity]);
    expect(x.add(tensor([0.0004883, 0, 10], { dtype: 'float16' })).tolist()).toEqual([
      1, 0.0999755859375, 60000,
    ]);
    expect(tensor([2], { dtype: 'bfloat16' }).sqrt().tolist()).toEqual([1.4140625]);
  });

  it('int64 stays exact where doubles are not', () => {
    const x = tensor([2n ** 53n + 1n, -(2n ** 62n)]);
    expect(x.add(2n).tolist()).toEqual([2n ** 53n + 3n, -(2n ** 62n) + 2n]);
    expect(x.mul(3).tolist()).toEqual([3n * (2n ** 53n + 1n), -3n * 2n ** 62n + 2n ** 64n]);
    expect(x.eq(2n ** 53n + 1n).tolist()).toEqual([true, false]);
  });

  it('where and maskedFill choose element by element', () => {
    const c = tensor([true, false, true]);
    const x = tensor([1, 2, nan]);
    expect(c.shape).toEqual([3]);
    expect(x.maskedFill(c, 9).tolist()).toEqual([9, 2, 9]);
    expect(x.maskedFill(c, tensor(7)).tolist()).toEqual([7, 2, 7]);
    expect(x.maskedFill(c, Infinity).tolist()).toEqual([Infinity, 2, Infinity]);
    expect(tensor([1, 2, 3], { dtype: 'int64' }).maskedFill(c, 1.9).tolist()).toEqual([1, 2, 1]);
  });

  it('empty tensors and tensors without axes are tensors too', () => {
    const none = tensor([], { shape: [0, 3] });
    expect(none.exp().shape).toEqual([0, 3]);
    expect(none.add(tensor([1, 2, 3])).shape).toEqual([0, 3]);
    expect(tensor(4).sqrt().tolist()).toBe(2);
    expect(
      tensor(4)
        .mul(tensor([1, 2]))
        .tolist(),
    ).toEqual([4, 8]);
  });

  it('prelu takes one slope, or one for each channel', () => {
    const x = tensor([
      [-1, 2, -3],
      [4, -5, -6],
    ]);
    expect(x.prelu(tensor([0.5])).tolist()).toEqual([
      [-0.5, 2, -1.5],
      [4, -2.5, -3],
    ]);
    expect(x.prelu(tensor([0.5, 1, 2])).tolist()).toEqual([
      [-0.5, 2, -6],
      [4, -5, -12],
    ]);
  });
});

describe('equality', () => {
  const x = tensor([1, 2, nan]);
  const dtype: DType = 'float64';

  it('equal wants one shape and equal elements', () => {
    expect(tensor([1, 2]).equal(tensor([1, 2]))).toBe(true);
    expect(tensor([1, 2]).equal(tensor([1, 3]))).toBe(false);
    expect(tensor([1, 2]).equal(tensor([[1, 2]]))).toBe(false);
    expect(x.equal(x)).toBe(false);
  });

  it('isclose allows atol + rtol · |y|, and NaN only when asked', () => {
    const a = tensor([1, 1.1, Infinity, nan, -Infinity], { dtype });
    const b = tensor([1 + 1e-6, 1, Infinity, nan, Infinity], { dtype });
    expect(a.isclose(b).tolist()).toEqual([true, false, true, false, false]);
    expect(a.isclose(b, { rtol: 0.2, equalNan: true }).tolist()).toEqual([true, true, true, true, false]);
    expect(a.isclose(b, { rtol: 0, atol: 0 }).tolist()).toEqual([false, false, true, false, false]);
    expect(
      tensor([10, 20], { dtype: 'int64' })
        .isclose(tensor([12, 20], { dtype: 'int64' }), { rtol: 0.2 })
        .tolist(),
    ).toEqual([true, true]);
  });

  it('allclose is isclose of all', () => {
    expect(tensor([1, 2]).allclose(tensor([1, 2 + 1e-6]))).toBe(true);
    expect(tensor([1, 2]).allclose(tensor([1, 2.1]))).toBe(false);
    expect(x.allclose(x)).toBe(false);
    expect(x.allclose(x, { equalNan: true })).toBe(true);
  });
});

describe('in place', () => {
  it('writes into the same memory, converts to the target’s dtype and counts the change', () => {
    const x = tensor([1, 2, 3]);
    const window = x.view(3);
    expect(x.mul_(tensor([2, 3, 4], { dtype: 'float64' }))).toBe(x);
    expect(window.tolist()).toEqual([2, 6, 12]);
    expect(x.dtype).toBe('float32');
    expect(x.version).toBe(1);
    expect(window.version).toBe(1);
    x.neg_().clamp_(-10, -3).exp_().relu_();
    expect(x.version).toBe(5);
    expect(x).toBeAllclose([Math.exp(-3), Math.exp(-6), Math.exp(-10)]);
  });

  it('reads what overlaps with gaps as it was before', () => {
    const x = tensor([0, 1, 2, 3, 4, 5, 6, 7, 8], { shape: [3, 3] });
    x.narrow(1, 1, 2).add_(x.narrow(1, 0, 2));
    expect(x.tolist()).toEqual([
      [0, 1, 3],
      [3, 7, 9],
      [6, 13, 15],
    ]);
  });

  it('an operand may be the target itself', () => {
    const x = tensor([1, 2, 3]);
    expect(x.mul_(x).tolist()).toEqual([1, 4, 9]);
    expect(x.maskedFill_(x.gt(3), 0).tolist()).toEqual([1, 0, 0]);
  });
});
