/** Sums, products, quotients, powers: elementwise, with broadcasting and promotion. */
import { call, callInPlace, defineOp } from '../autograd/op.ts';
import { dtypes } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import * as math from '../kernels/math/index.ts';
import { resultType } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { floatResult, mapOperands, tensorOf, type Operand } from './pointwise.ts';

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

/** The inputs of a binary op, with the numbers among them in the parameters. */
const pair = (a: Operand, b: Operand): [Pair, Given] => [
  { x: tensorOf(a), y: tensorOf(b) },
  { a: a instanceof Object ? 0 : a, b: b instanceof Object ? 0 : b },
];
const operandsOf = ({ x, y }: Pair, { a, b }: Given): [Operand, Operand] => [x ?? a, y ?? b];

const pairSample = { inputs: { x: [2, 1, 3], y: [4, 1] }, params: { a: 0, b: 0 } } as const;

export const addOp = defineOp<Pair, Given & { readonly alpha: number }>({
  name: 'add',
  node: 'AddBackward0',
  saves: [],
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
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    if (resultType(...operands) === 'bool') {
      throw new RuntimeError(
        'Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.',
      );
    }
    if (params.alpha === 1) return mapOperands(math.sub, operands, { into });
    checkAlpha(resultType(...operands), params.alpha);
    return mapOperands(math.addScaled, operands, { scalars: [-params.alpha], into });
  },
  backward: (grad, _, { alpha }) => ({
    x: () => grad,
    y: () => (alpha === 1 ? grad.neg() : grad.mul(-alpha)),
  }),
  samples: [{ ...pairSample, params: { a: 0, b: 0, alpha: 1 } }],
});

const checkAlpha = (dtype: ReturnType<typeof resultType>, alpha: number): void => {
  if (dtypes[dtype].category !== 'float' && !Number.isInteger(alpha)) {
    throw new RuntimeError('For integral input tensors, argument alpha must not be a floating point number.');
  }
};

export const mulOp = defineOp<Pair, Given>({
  name: 'mul',
  node: 'MulBackward0',
  saves: { x: ['y'], y: ['x'] },
  forward: (inputs, params, into) => mapOperands(math.mul, operandsOf(inputs, params), { into }),
  backward: (grad, { x, y }, { a, b }) => ({ x: () => grad.mul(y ?? b), y: () => grad.mul(x ?? a) }),
  samples: [pairSample],
});

/** True division: integers become floats. */
export const divOp = defineOp<Pair, Given>({
  name: 'div',
  node: 'DivBackward0',
  saves: { x: ['y'], y: ['x', 'y'] },
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    return mapOperands(math.div, operands, { dtype: floatResult(...operands), into });
  },
  backward: (grad, { x, y }, { a, b }) => ({
    x: () => grad.div(y ?? b),
    y: () =>
      grad
        .neg()
        .mul(x ?? a)
        .div(y!.mul(y!)),
  }),
  samples: [{ ...pairSample, inputs: { x: [2, 1, 3], y: { shape: [4, 1], low: 0.5, high: 2 } } }],
});

export type RoundingMode = 'trunc' | 'floor';

/** Division rounded to an integer. Its gradient is zero. */
export const divRoundedOp = defineOp<Pair, Given & { readonly mode: RoundingMode }>({
  name: 'div',
  node: 'DivBackward1',
  saves: [],
  forward: (inputs, params, into) => {
    const operands = operandsOf(inputs, params);
    const dtype = resultType(...operands);
    const expression = params.mode === 'floor' ? math.floorDivide : math.truncDivide;
    return mapOperands(expression, operands, { dtype, into });
  },
  backward: (grad) => ({ x: () => grad.mul(0), y: () => grad.mul(0) }),
});

export const remainderOp = defineOp<Pair, Given>({
  name: 'remainder',
  node: 'RemainderBackward0',
  saves: { y: ['x', 'y'] },
  forward: (inputs, params, into) => mapOperands(math.remainder, operandsOf(inputs, params), { into }),
  backward: (grad, { x, y }, { a }) => ({
    x: () => grad,
    y: () => grad.neg().mul((x ?? y!.mul(0).add(a)).div(y!, { roundingMode: 'floor' })),
  }),
  samples: [
    {
      inputs: { x: { shape: [2, 3], low: 3.1, high: 3.9 }, y: { shape: [3], low: 1.6, high: 1.9 } },
      params: { a: 0, b: 0 },
    },
  ],
});

export const fmodOp = defineOp<Pair, Given>({
  name: 'fmod',
  node: 'FmodBackward0',
  saves: { y: ['x', 'y'] },
  forward: (inputs, params, into) => mapOperands(math.fmod, operandsOf(inputs, params), { into }),
  backward: (grad, { x, y }, { a }) => ({
    x: () => grad,
    y: () => grad.neg().mul((x ?? y!.mul(0).add(a)).div(y!, { roundingMode: 'trunc' })),
  }),
});

export const powOp = defineOp<Pair, Given>({
  name: 'pow',
  node: 'PowBackward0',
  saves: { x: ['x', 'y'], y: ['x', 'y', 'out'] },
  forward: (inputs, params, into) => {
    const { y } = inputs;
    const operands = operandsOf(inputs, params);
    const dtype = resultType(...operands);
    if (y === null && params.b === 2) return mapOperands(math.square, [operands[0]], { dtype, into });
    if (dtypes[dtype].category !== 'float' && y === null && Number(params.b) < 0) {
      throw new RuntimeError('Integers to negative integer powers are not allowed.');
    }
    return mapOperands(math.pow, operands, { dtype, into });
  },
  backward: (grad, { x, y, out }, { a, b }) => ({
    // d(x^y)/dx at y = 0 is 0, also where x is 0.
    x: () => {
      if (y === null) {
        const exponent = Number(b);
        return exponent === 0 ? grad.mul(0) : grad.mul(x!.pow(exponent - 1).mul(exponent));
      }
      return grad.mul(y.mul(x!.pow(y.sub(1)))).maskedFill(y.eq(0), 0);
    },
    // d(x^y)/dy at x = 0, y ≥ 0 is 0.
    y: () => {
      const slope = x === null ? out.mul(Math.log(Number(a))) : out.mul(x.log());
      const vanishes = x === null ? y!.ge(0).logicalAnd(Number(a) === 0) : x.eq(0).logicalAnd(y!.ge(0));
      return grad.mul(slope.maskedFill(vanishes, 0));
    },
  }),
  samples: [
    { inputs: { x: { shape: [2, 3], low: 0.5, high: 2 }, y: [3] }, params: { a: 0, b: 0 } },
    { inputs: { x: [2, 3], y: null }, params: { a: 0, b: 3 } },
    { inputs: { x: null, y: [2, 3] }, params: { a: 1.7, b: 0 } },
  ],
});

export const maximumOp = defineOp<Pair, Given>({
  name: 'maximum',
  node: 'MaximumBackward0',
  saves: ['x', 'y'],
  forward: (inputs, params, into) => mapOperands(math.maximum, operandsOf(inputs, params), { into }),
  // Where both are equal each gets half.
  backward: (grad, { x, y }) => ({
    x: () => grad.mul(y!.lt(x!).to(grad.dtype).add(y!.eq(x!).to(grad.dtype).mul(0.5))),
    y: () => grad.mul(x!.lt(y!).to(grad.dtype).add(x!.eq(y!).to(grad.dtype).mul(0.5))),
  }),
  samples: [pairSample],
});

export const minimumOp = defineOp<Pair, Given>({
  name: 'minimum',
  node: 'MinimumBackward0',
  saves: ['x', 'y'],
  forward: (inputs, params, into) => mapOperands(math.minimum, operandsOf(inputs, params), { into }),
  backward: (grad, { x, y }) => ({
    x: () => grad.mul(x!.lt(y!).to(grad.dtype).add(x!.eq(y!).to(grad.dtype).mul(0.5))),
    y: () => grad.mul(y!.lt(x!).to(grad.dtype).add(y!.eq(x!).to(grad.dtype).mul(0.5))),
  }),
  samples: [pairSample],
});

export interface AlphaOptions {
  /** Factor of the second operand. Default 1. */
  readonly alpha?: number | undefined;
}

/** x + alpha · y */
export const add = (x: Operand, y: Operand, { alpha = 1 }: AlphaOptions = {}): Tensor => {
  const [inputs, given] = pair(x, y);
  return call(addOp, inputs, { ...given, alpha });
};
/** x − alpha · y */
export const sub = (x: Operand, y: Operand, { alpha = 1 }: AlphaOptions = {}): Tensor => {
  const [inputs, given] = pair(x, y);
  return call(subOp, inputs, { ...given, alpha });
};
/** y − x */
export const rsub = (x: Operand, y: Operand): Tensor => sub(y, x);
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
const checkDivisor = (x: Operand, y: Operand): void => {
  if (dtypes[resultType(x, y)].category !== 'float' && !(y instanceof Object) && Number(y) === 0) {
    throw new RuntimeError('ZeroDivisionError');
  }
};
/** ⌊x / y⌋ */
export const floorDivide = (x: Operand, y: Operand): Tensor => div(x, y, { roundingMode: 'floor' });
/** x − ⌊x / y⌋ · y: the sign is the divisor's. */
export const remainder = (x: Operand, y: Operand): Tensor => {
  checkDivisor(x, y);
  return call(remainderOp, ...pair(x, y));
};
/** x − trunc(x / y) · y: the sign is the dividend's. */
export const fmod = (x: Operand, y: Operand): Tensor => {
  checkDivisor(x, y);
  return call(fmodOp, ...pair(x, y));
};
/** x to the power y. */
export const pow = (x: Operand, y: Operand): Tensor => call(powOp, ...pair(x, y));
/** x², as pow(x, 2). */
export const square = (x: Tensor): Tensor => pow(x, 2);
/** The larger of two, element by element; NaN if either is. */
export const maximum = (x: Tensor, y: Tensor): Tensor => call(maximumOp, ...pair(x, y));
export const minimum = (x: Tensor, y: Tensor): Tensor => call(minimumOp, ...pair(x, y));

export const add_ = (x: Tensor, y: Operand, { alpha = 1 }: AlphaOptions = {}): Tensor => {
  const [inputs, given] = pair(x, y);
  return callInPlace(addOp, x, inputs, { ...given, alpha });
};
export const sub_ = (x: Tensor, y: Operand, { alpha = 1 }: AlphaOptions = {}): Tensor => {
  const [inputs, given] = pair(x, y);
  return callInPlace(subOp, x, inputs, { ...given, alpha });
};
export const mul_ = (x: Tensor, y: Operand): Tensor => callInPlace(mulOp, x, ...pair(x, y));
export const div_ = (x: Tensor, y: Operand, { roundingMode = null }: DivOptions = {}): Tensor => {
  const [inputs, given] = pair(x, y);
  if (roundingMode === null) return callInPlace(divOp, x, inputs, given);
  checkDivisor(x, y);
  return callInPlace(divRoundedOp, x, inputs, { ...given, mode: roundingMode });
};
export const pow_ = (x: Tensor, y: Operand): Tensor => callInPlace(powOp, x, ...pair(x, y));
export const remainder_ = (x: Tensor, y: Operand): Tensor => {
  checkDivisor(x, y);
  return callInPlace(remainderOp, x, ...pair(x, y));
};
