/** Functions of one tensor, element by element. Those without integer results turn integers into floats. */
import { call, defineOp } from '../autograd/op.ts';
import type { Expression } from '../device/backend.ts';
import { RuntimeError } from '../errors.ts';
import * as math from '../kernels/math/index.ts';
import { full, zerosLike } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { mapOperands, refuse } from './pointwise.ts';
import { applied, inPlace, unary, type UnaryOp, type X } from './unary-op.ts';

export const negOp = unary({
  name: 'neg',
  node: 'NegBackward0',
  expression: math.neg,
  result: (x) => {
    if (x.dtype === 'bool') {
      throw new RuntimeError(
        'Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.',
      );
    }
    return x.dtype;
  },
  saves: [],
  backward: (grad) => grad.neg(),
});
/** −x */
export const neg = applied(negOp);
export const neg_ = inPlace(negOp);

export const absOp = unary({
  name: 'abs',
  node: 'AbsBackward0',
  expression: math.abs,
  result: (x) => {
    refuse('abs_cpu', x.dtype, ['bool']);
    return x.dtype;
  },
  saves: ['x'],
  backward: (grad, { x }) => grad.mul(x.sign()),
});
/** |x|; its gradient at 0 is 0. */
export const abs = applied(absOp);
export const abs_ = inPlace(absOp);

export const signOp = unary({
  name: 'sign',
  node: 'SignBackward0',
  expression: math.sign,
  result: (x) => x.dtype,
  saves: [],
  backward: (grad) => zerosLike(grad),
});
/** −1, 0 or 1; of NaN 0. */
export const sign = applied(signOp);
export const sign_ = inPlace(signOp);

export const expOp = unary({
  name: 'exp',
  node: 'ExpBackward0',
  expression: math.exp,
  saves: ['out'],
  backward: (grad, { out }) => grad.mul(out),
});
/** eˣ */
export const exp = applied(expOp);
export const exp_ = inPlace(expOp);

export const exp2Op = unary({
  name: 'exp2',
  node: 'Exp2Backward0',
  expression: math.exp2,
  saves: ['out'],
  backward: (grad, { out }) => grad.mul(out).mul(Math.LN2),
});
/** 2ˣ */
export const exp2 = applied(exp2Op);
export const exp2_ = inPlace(exp2Op);

export const expm1Op = unary({
  name: 'expm1',
  node: 'Expm1Backward0',
  expression: math.expm1,
  saves: ['out'],
  backward: (grad, { out }) => grad.mul(out.add(1)),
});
/** eˣ − 1, accurate near 0. */
export const expm1 = applied(expm1Op);
export const expm1_ = inPlace(expm1Op);

export const logOp = unary({
  name: 'log',
  node: 'LogBackward0',
  expression: math.log,
  saves: ['x'],
  backward: (grad, { x }) => grad.div(x),
  domain: [0.3, 2],
});
/** The natural logarithm; NaN below 0, −∞ at 0. */
export const log = applied(logOp);
export const log_ = inPlace(logOp);

export const log1pOp = unary({
  name: 'log1p',
  node: 'Log1PBackward0',
  expression: math.log1p,
  saves: ['x'],
  backward: (grad, { x }) => grad.div(x.add(1)),
  domain: [-0.7, 1],
});
/** log(1 + x), accurate near 0. */
export const log1p = applied(log1pOp);
export const log1p_ = inPlace(log1pOp);

export const log2Op = unary({
  name: 'log2',
  node: 'Log2Backward0',
  expression: math.log2,
  saves: ['x'],
  backward: (grad, { x }) => grad.div(x.mul(Math.LN2)),
  domain: [0.3, 2],
});
/** The logarithm to base 2. */
export const log2 = applied(log2Op);
export const log2_ = inPlace(log2Op);

export const log10Op = unary({
  name: 'log10',
  node: 'Log10Backward0',
  expression: math.log10,
  saves: ['x'],
  backward: (grad, { x }) => grad.div(x.mul(Math.LN10)),
  domain: [0.3, 2],
});
/** The logarithm to base 10. */
export const log10 = applied(log10Op);
export const log10_ = inPlace(log10Op);

export const sqrtOp = unary({
  name: 'sqrt',
  node: 'SqrtBackward0',
  expression: math.sqrt,
  saves: ['out'],
  backward: (grad, { out }) => grad.div(out.mul(2)),
  domain: [0.3, 2],
});
/** √x; NaN below 0. */
export const sqrt = applied(sqrtOp);
export const sqrt_ = inPlace(sqrtOp);

export const rsqrtOp = unary({
  name: 'rsqrt',
  node: 'RsqrtBackward0',
  expression: math.rsqrt,
  saves: ['out'],
  backward: (grad, { out }) => grad.mul(out.pow(3)).mul(-0.5),
  domain: [0.3, 2],
});
/** 1 / √x */
export const rsqrt = applied(rsqrtOp);
export const rsqrt_ = inPlace(rsqrtOp);

export const reciprocalOp = unary({
  name: 'reciprocal',
  node: 'ReciprocalBackward0',
  expression: math.reciprocal,
  saves: ['out'],
  backward: (grad, { out }) => grad.neg().mul(out.mul(out)),
  domain: [0.3, 2],
});
/** 1 / x */
export const reciprocal = applied(reciprocalOp);
export const reciprocal_ = inPlace(reciprocalOp);

/** The gradient of a function from its result `y`. */
type Slope = { readonly grad: Tensor; readonly y: Tensor };

/** grad · (1 − y) · y, in one pass. */
export const sigmoidGradOp = defineOp<Slope>({
  name: 'sigmoid_backward',
  node: 'SigmoidBackwardBackward0',
  saves: { grad: ['y'], y: ['grad', 'y'] },
  stepwise: () => true,
  forward: ({ grad, y }) => mapOperands(math.sigmoidGrad, [grad, y]),
  backward: (cotangent, { grad, y }) => ({
    grad: () => sigmoidGrad(cotangent, y),
    y: () => cotangent.mul(grad).mul(y.mul(-2).add(1)),
  }),
  samples: [{ inputs: { grad: [2, 3], y: [2, 3] }, params: undefined }],
});
const sigmoidGrad = (grad: Tensor, y: Tensor): Tensor => call(sigmoidGradOp, { grad, y }, undefined);

export const sigmoidOp = unary({
  name: 'sigmoid',
  node: 'SigmoidBackward0',
  expression: math.sigmoid,
  saves: ['out'],
  backward: (grad, { out }) => sigmoidGrad(grad, out),
});
/** 1 / (1 + e⁻ˣ) */
export const sigmoid = applied(sigmoidOp);
export const sigmoid_ = inPlace(sigmoidOp);

export const erfOp = unary({
  name: 'erf',
  node: 'ErfBackward0',
  expression: math.erf,
  saves: ['x'],
  backward: (grad, { x }) =>
    grad.mul(
      x
        .square()
        .neg()
        .exp()
        .mul(2 / Math.sqrt(Math.PI)),
    ),
});
/** The error function, 2/√π · ∫₀ˣ e^(−t²) dt. */
export const erf = applied(erfOp);
export const erf_ = inPlace(erfOp);

export const erfcOp = unary({
  name: 'erfc',
  node: 'ErfcBackward0',
  expression: math.erfc,
  saves: ['x'],
  backward: (grad, { x }) =>
    grad.mul(
      x
        .square()
        .neg()
        .exp()
        .mul(-2 / Math.sqrt(Math.PI)),
    ),
});
/** 1 − erf(x), accurate where that is small. */
export const erfc = applied(erfcOp);
export const erfc_ = inPlace(erfcOp);

/** To integers, which stay as they are; bools are refused. The gradient is 0. */
const rounding = (name: string, node: string, expression: Expression): UnaryOp =>
  defineOp<X>({
    name,
    node,
    saves: [],
    forward: ({ x }, _, into) => {
      refuse(`${name}_vml_cpu`, x.dtype, ['bool']);
      return mapOperands(x.isFloatingPoint() ? expression : math.identity, [x], { dtype: x.dtype, into });
    },
    backward: (grad) => ({ x: () => zerosLike(grad) }),
    samples: [{ inputs: { x: { shape: [2, 3], low: 0.1, high: 0.4 } }, params: undefined }],
  });

export const floorOp = rounding('floor', 'FloorBackward0', math.floor);
/** The nearest integer not above x. */
export const floor = applied(floorOp);
export const floor_ = inPlace(floorOp);

export const ceilOp = rounding('ceil', 'CeilBackward0', math.ceil);
/** The nearest integer not below x. */
export const ceil = applied(ceilOp);
export const ceil_ = inPlace(ceilOp);

export const roundOp = rounding('round', 'RoundBackward0', math.round);
/** The nearest integer, of two the even one. */
export const round = applied(roundOp);
export const round_ = inPlace(roundOp);

export const truncOp = rounding('trunc', 'TruncBackward0', math.trunc);
/** The nearest integer toward 0. */
export const trunc = applied(truncOp);
export const trunc_ = inPlace(truncOp);

export const fracOp = unary({
  name: 'frac',
  node: 'FracBackward0',
  expression: math.frac,
  result: (x) => {
    refuse('frac_cpu', x.dtype, ['bool', 'integer']);
    return x.dtype;
  },
  saves: [],
  backward: (grad) => grad,
  domain: [0.1, 0.4],
});
/** What `trunc` cuts off, with the sign of x. */
export const frac = applied(fracOp);
export const frac_ = inPlace(fracOp);

/** A question about floats; for every integer the answer is the same. */
const question =
  (expression: Expression, ofIntegers: boolean) =>
  (x: Tensor): Tensor =>
    x.isFloatingPoint()
      ? mapOperands(expression, [x], { dtype: 'bool', compute: x.dtype })
      : full(x.shape, ofIntegers, { dtype: 'bool', device: x.device });

export const isnan = question(math.isNaN, false);
/** Whether x is ∞ or −∞. */
export const isinf = question(math.isInfinite, false);
/** Whether x is neither infinite nor NaN. */
export const isfinite = question(math.isFinite, true);
