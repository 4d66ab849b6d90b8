/** Sums, products, quotients, powers: elementwise, with broadcasting and promotion. */
import { call, callInPlace, defineOp } from '../autograd/op.ts';
import type { Expression } from '../device/backend.ts';
import { dtypes, type DType } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import * as math from '../kernels/math/index.ts';
import { zerosLike } from '../tensor/create.ts';
import { numberType, resultType } from '../tensor/promotion.ts';
import { nearestHalf } from '../tensor/scalar.ts';
import { Tensor } from '../tensor/tensor.ts';
import { where } from './compare.ts';
import { floatResult, mapOperands, refuse, tensorOf, type Operand } from './pointwise.ts';

interface Pair {
  readonly [name: string]: Tensor | null;
  readonly x: Tensor | null;
  readonly y: Tensor | null;
}
/** The operands as they were given; numbers are only here. */
interface Given {
  readonly a: Operand;
  readonly b: Operand;
}

const noNumbers: Given = { a: 0, b: 0 };

/** The inputs of a binary op, with the numbers among them in the parameters, rounded if they meet a 16-bit float. */
const pair = (a: Operand, b: Operand): [Pair, Given] => {
  if (a instanceof Tensor && b instanceof Tensor) return [{ x: a, y: b }, noNumbers];
  const dtype = resultType(a, b);
  const numberOf = (x: Operand): Operand => {
    if (x instanceof Tensor) return 0;
    return typeof x === 'number' ? nearestHalf(x, dtype) : x;
  };
  return [
    { x: tensorOf(a), y: tensorOf(b) },
    { a: numberOf(a), b: numberOf(b) },
  ];
};
const operandsOf = ({ x, y }: Pair, { a, b }: Given): [Operand, Operand] => [x ?? a, y ?? b];

/** Quotients between 2.1 and 2.9, far from where rounding jumps. */
const quotientSample = {
  inputs: { x: { shape: [2, 3], low: 3.8, high: 4.2 }, y: { shape: [3], low: 1.5, high: 1.8 } },
  params: { a: 0, b: 0 },
} as const;
const pairSample = { inputs: { x: [2, 1, 3], y: [4, 1] }, params: { a: 0, b: 0 } } as const;

export const addOp = defineOp<Pair, Given & { readonly alpha: number }>({
  name: 'add',
  node: 'AddBackward0',
  saves: [],
  stepwise: ({ alpha }) => alpha !== 1,
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    if (params.alpha === 1) return mapOperands(math.add, operands, { into });
    checkAlpha(resultType(...operands), params.alpha);
    return mapOperands(math.addScaled, operands, { scalars: [params.alpha], into });
  },
  backward: (grad, _, { alpha }) => ({ x: () => grad, y: () => (alpha === 1 ? grad : grad.mul(alpha)) }),
  samples: [
    { ...pairSample, params: { a: 0, b: 0, alpha: 1 } },
    { ...pairSample, params: { a: 0, b: 0, alpha: 2.5 } },
  ],
});

export const subOp = defineOp<Pair, Given & { readonly alpha: number }>({
  name: 'sub',
  node: 'SubBackward0',
  saves: [],
  stepwise: ({ alpha }) => alpha !== 1,
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    refuseBools(operands);
    if (params.alpha === 1) return mapOperands(math.sub, operands, { into });
    checkAlpha(resultType(...operands), params.alpha);
    return mapOperands(math.addScaled, operands, { scalars: [-params.alpha], into });
  },
  backward: (grad, _, { alpha }) => ({
    x: () => grad,
    y: () => (alpha === 1 ? grad.neg() : grad.mul(-alpha)),
  }),
  samples: [
    { ...pairSample, params: { a: 0, b: 0, alpha: 1 } },
    { ...pairSample, params: { a: 0, b: 0, alpha: 2.5 } },
    { inputs: { x: null, y: [2, 3] }, params: { a: 1, b: 0, alpha: 1 } },
  ],
});
/** A number minus a tensor: the same under PyTorch's other name. */
export const rsubOp = defineOp({ ...subOp, name: 'rsub', node: 'RsubBackward1' });

const refuseBools = (operands: readonly Operand[]): void => {
  const bools = operands.filter((x) => (x instanceof Tensor ? x.dtype : numberType(x)) === 'bool');
  if (bools.length === 2) {
    throw new RuntimeError(
      'Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.',
    );
  }
  if (bools.length === 1) {
    throw new RuntimeError(
      'Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.',
    );
  }
};

const checkAlpha = (dtype: DType, alpha: number): void => {
  if (dtypes[dtype].category !== 'float' && !Number.isInteger(alpha)) {
    throw new RuntimeError('For integral input tensors, argument alpha must not be a floating point number.');
  }
};

export const mulOp = defineOp<Pair, Given>({
  name: 'mul',
  node: 'MulBackward0',
  saves: { x: ['y'], y: ['x'] },
  stepwise: () => true,
  forward: (inputs, params, into) => mapOperands(math.mul, operandsOf(inputs, params), { into }),
  backward: (grad, { x, y }, { a, b }) => ({ x: () => grad.mul(y ?? b), y: () => grad.mul(x ?? a) }),
  samples: [pairSample],
});

/** True division: integers become floats. */
export const divOp = defineOp<Pair, Given>({
  name: 'div',
  node: 'DivBackward0',
  saves: { x: ['y'], y: ['x', 'y'] },
  stepwise: () => true,
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    return mapOperands(math.div, operands, { dtype: floatResult(...operands), into });
  },
  backward: (grad, { x, y }, { a, b }) => ({
    x: () => grad.div(y ?? b),
    y: () => grad.neg().mul(div(x ?? a, y!).div(y!)),
  }),
  samples: [{ ...pairSample, inputs: { x: [2, 1, 3], y: { shape: [4, 1], low: 0.5, high: 2 } } }],
});

export type RoundingMode = 'trunc' | 'floor';

/** Division rounded to an integer. Its gradient is zero. */
export const divRoundedOp = defineOp<Pair, Given & { readonly mode: RoundingMode }>({
  name: 'div',
  node: 'DivBackward2',
  saves: [],
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    const floor = params.mode === 'floor';
    refuse(floor ? 'div_floor_cpu' : 'div_trunc_cpu', resultType(...operands), ['bool']);
    return mapOperands(floor ? math.floorDivide : math.truncDivide, operands, { into });
  },
  backward: (grad) => ({ x: () => zerosLike(grad), y: () => zerosLike(grad) }),
  samples: [{ ...quotientSample, params: { a: 0, b: 0, mode: 'floor' } }],
});

export const remainderOp = defineOp<Pair, Given>({
  name: 'remainder',
  node: 'RemainderBackward1',
  saves: { y: ['x', 'y'] },
  stepwise: () => true,
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    refuse('remainder_cpu', resultType(...operands), ['bool']);
    return mapOperands(math.remainder, operands, { into });
  },
  backward: (grad, { x, y }, { a }) => ({
    x: () => grad,
    y: () => grad.neg().mul(div(x ?? a, y!, { roundingMode: 'floor' })),
  }),
  samples: [quotientSample],
});
export const remainderByNumberOp = defineOp({
  ...remainderOp,
  node: 'RemainderBackward0',
  samples: [{ inputs: { x: [2, 3], y: null }, params: { a: 0, b: 1.7 } }],
});

export const fmodOp = defineOp<Pair, Given>({
  name: 'fmod',
  node: 'FmodBackward1',
  saves: { y: ['x', 'y'] },
  stepwise: () => true,
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    refuse('fmod_cpu', resultType(...operands), ['bool']);
    return mapOperands(math.fmod, operands, { into });
  },
  backward: (grad, { x, y }, { a }) => ({
    x: () => grad,
    y: () => grad.neg().mul(div(x ?? a, y!, { roundingMode: 'trunc' })),
  }),
  samples: [quotientSample],
});
export const fmodByNumberOp = defineOp({
  ...fmodOp,
  node: 'FmodBackward0',
  samples: [{ inputs: { x: [2, 3], y: null }, params: { a: 0, b: 1.7 } }],
});

export const powOp = defineOp<Pair, Given>({
  name: 'pow',
  node: 'PowBackward1',
  saves: { x: ['x', 'y'], y: ['x', 'y', 'out'] },
  stepwise: () => true,
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    const dtype = resultType(...operands);
    if (inputs.y !== null) return mapOperands(math.pow, operands, { dtype, into });
    if (dtypes[dtype].category !== 'float' && Number(params.b) < 0) {
      throw new RuntimeError('Integers to negative integer powers are not allowed.');
    }
    const short = powers.get(Number(params.b));
    if (short) return mapOperands(short, [operands[0]], { dtype, into });
    return mapOperands(math.pow, operands, { dtype, into });
  },
  backward: (grad, { x, y, out }, { a, b }) => ({
    // d(x^y)/dx at y = 0 is 0, also where x is 0.
    x: () => {
      if (y !== null) return grad.mul(y.mul(x!.pow(y.sub(1)))).maskedFill(y.eq(0), 0);
      const exponent = Number(b);
      if (exponent === 0) return zerosLike(grad);
      if (exponent === 2) return grad.mul(x!).mul(2);
      return grad.mul(x!.pow(exponent - 1).mul(exponent));
    },
    // d(x^y)/dy at x = 0, y ≥ 0 is 0.
    y: () => {
      const slope = out.mul(x === null ? Math.log(Number(a)) : x.log());
      const base = x === null ? Number(a) === 0 : x.eq(0);
      return grad.mul(slope.maskedFill(y!.ge(0).logicalAnd(base), 0));
    },
  }),
  samples: [
    { inputs: { x: { shape: [2, 3], low: 0.5, high: 2 }, y: [3] }, params: { a: 0, b: 0 } },
    { inputs: { x: null, y: [2, 3] }, params: { a: 1.7, b: 0 } },
  ],
});
export const powOfNumberOp = defineOp({
  ...powOp,
  node: 'PowBackward0',
  samples: [
    { inputs: { x: [2, 3], y: null }, params: { a: 0, b: 3 } },
    { inputs: { x: [2, 3], y: null }, params: { a: 0, b: 2 } },
    { inputs: { x: { shape: [2, 3], low: 0.5, high: 2 }, y: null }, params: { a: 0, b: -1.5 } },
  ],
});

/** Exponents for which there is something shorter. */
const powers: ReadonlyMap<number, Expression> = new Map([
  [1, math.identity],
  [2, math.square],
  [0.5, math.sqrt],
  [-0.5, math.rsqrt],
  [-1, math.reciprocal],
]);

export const maximumOp = defineOp<Pair, Given>({
  name: 'maximum',
  node: 'MaximumBackward0',
  saves: ['x', 'y'],
  forward: (inputs, params, into) => mapOperands(math.maximum, operandsOf(inputs, params), { into }),
  backward: (grad, { x, y }) => ({
    x: () => shared(grad, x!, y!).maskedFill(x!.lt(y!), 0),
    y: () => shared(grad, x!, y!).maskedFill(x!.gt(y!), 0),
  }),
  samples: [pairSample],
});

export const minimumOp = defineOp<Pair, Given>({
  name: 'minimum',
  node: 'MinimumBackward0',
  saves: ['x', 'y'],
  forward: (inputs, params, into) => mapOperands(math.minimum, operandsOf(inputs, params), { into }),
  backward: (grad, { x, y }) => ({
    x: () => shared(grad, x!, y!).maskedFill(x!.gt(y!), 0),
    y: () => shared(grad, x!, y!).maskedFill(x!.lt(y!), 0),
  }),
  samples: [pairSample],
});

/** Where both are equal each gets half. */
const shared = (grad: Tensor, x: Tensor, y: Tensor): Tensor => where(x.eq(y), grad.mul(0.5), grad);

export interface AlphaOptions {
  /** Factor of the second operand. Default 1. */
  readonly alpha?: number | undefined;
}

/** A pair with a factor as the dtype holds it in which the operands meet. Written out: a spread takes half a small op's time. */
const scaledPair = (x: Operand, y: Operand, alpha: number): [Pair, Given & { readonly alpha: number }] => {
  const [inputs, { a, b }] = pair(x, y);
  return [inputs, { a, b, alpha: alpha === 1 ? 1 : nearestHalf(alpha, resultType(x, y)) }];
};
/** x + alpha · y */
export const add = (x: Operand, y: Operand, { alpha = 1 }: AlphaOptions = {}): Tensor => {
  return call(addOp, ...scaledPair(x, y, alpha));
};
/** x − alpha · y */
export const sub = (x: Operand, y: Operand, { alpha = 1 }: AlphaOptions = {}): Tensor => {
  return call(subOp, ...scaledPair(x, y, alpha));
};
/** alpha · x subtracted from y: y − alpha · x */
export const rsub = (x: Operand, y: Operand, { alpha = 1 }: AlphaOptions = {}): Tensor => {
  const [inputs, given] = scaledPair(y, x, alpha);
  return call(inputs.x === null ? rsubOp : subOp, inputs, given);
};
/** x · y */
export const mul = (x: Operand, y: Operand): Tensor => call(mulOp, ...pair(x, y));

export interface DivOptions {
  /** `'trunc'` toward zero, `'floor'` down; absent: true division. */
  readonly roundingMode?: RoundingMode | null | undefined;
}

/**
 * x / y. Integers divide to floats unless a rounding mode is given.
 *
 * @throws RuntimeError `ZeroDivisionError` for an integer divided by the number 0 with a rounding mode
 */
export const div = (x: Operand, y: Operand, { roundingMode = null }: DivOptions = {}): Tensor => {
  const [inputs, given] = pair(x, y);
  if (roundingMode === null) return call(divOp, inputs, given);
  checkDivisor(x, y);
  return call(divRoundedOp, inputs, { ...given, mode: roundingMode });
};

/** Integers cannot be divided by zero and stay integers. */
const checkDivisor = (x: Operand, y: Operand): void => {
  if (dtypes[resultType(x, y)].category !== 'integer') return;
  const zero = y instanceof Tensor ? y.eq(0).any().item() !== 0 : Number(y) === 0;
  if (zero) throw new RuntimeError('ZeroDivisionError');
};
/** ⌊x / y⌋ */
export const floorDivide = (x: Operand, y: Operand): Tensor => div(x, y, { roundingMode: 'floor' });
/** x − ⌊x / y⌋ · y: the sign is the divisor's. @throws RuntimeError `ZeroDivisionError` for integers by 0 */
export const remainder = (x: Operand, y: Operand): Tensor => {
  checkDivisor(x, y);
  return call(y instanceof Tensor ? remainderOp : remainderByNumberOp, ...pair(x, y));
};
/** x − trunc(x / y) · y: the sign is the dividend's. @throws RuntimeError `ZeroDivisionError` for integers by 0 */
export const fmod = (x: Operand, y: Operand): Tensor => {
  checkDivisor(x, y);
  return call(y instanceof Tensor ? fmodOp : fmodByNumberOp, ...pair(x, y));
};

const powerOp = (exponent: Operand): typeof powOp => (exponent instanceof Tensor ? powOp : powOfNumberOp);
/** x to the power y. @throws RuntimeError for an integer tensor and a negative integer */
export const pow = (x: Operand, y: Operand): Tensor => call(powerOp(y), ...pair(x, y));
/** x², as pow(x, 2). */
export const square = (x: Tensor): Tensor => pow(x, 2);
/** The larger of two, element by element; NaN if either is. */
export const maximum = (x: Tensor, y: Tensor): Tensor => call(maximumOp, ...pair(x, y));
/** The smaller of two, element by element; NaN if either is. */
export const minimum = (x: Tensor, y: Tensor): Tensor => call(minimumOp, ...pair(x, y));

/** x ← x + alpha · y */
export const add_ = (x: Tensor, y: Operand, { alpha = 1 }: AlphaOptions = {}): Tensor => {
  return callInPlace(addOp, x, ...scaledPair(x, y, alpha));
};
/** x ← x − alpha · y */
export const sub_ = (x: Tensor, y: Operand, { alpha = 1 }: AlphaOptions = {}): Tensor => {
  return callInPlace(subOp, x, ...scaledPair(x, y, alpha));
};
export const mul_ = (x: Tensor, y: Operand): Tensor => callInPlace(mulOp, x, ...pair(x, y));
export const div_ = (x: Tensor, y: Operand, { roundingMode = null }: DivOptions = {}): Tensor => {
  const [inputs, given] = pair(x, y);
  if (roundingMode === null) return callInPlace(divOp, x, inputs, given);
  checkDivisor(x, y);
  return callInPlace(divRoundedOp, x, inputs, { ...given, mode: roundingMode });
};
export const floorDivide_ = (x: Tensor, y: Operand): Tensor => div_(x, y, { roundingMode: 'floor' });
export const remainder_ = (x: Tensor, y: Operand): Tensor => {
  checkDivisor(x, y);
  return callInPlace(y instanceof Tensor ? remainderOp : remainderByNumberOp, x, ...pair(x, y));
};
export const fmod_ = (x: Tensor, y: Operand): Tensor => {
  checkDivisor(x, y);
  return callInPlace(y instanceof Tensor ? fmodOp : fmodByNumberOp, x, ...pair(x, y));
};
export const pow_ = (x: Tensor, y: Operand): Tensor => callInPlace(powerOp(y), x, ...pair(x, y));
export const square_ = (x: Tensor): Tensor => pow_(x, 2);
