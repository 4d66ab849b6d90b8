/** Angles and hyperbolas: functions of angles in radians, their inverses, and those of the hyperbola. */
import { call, callInPlace, defineOp } from '../autograd/op.ts';
import * as math from '../kernels/math/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { floatResult, mapOperands } from './pointwise.ts';
import { applied, inPlace, unary } from './unary-op.ts';

export const sinOp = unary({
  name: 'sin',
  node: 'SinBackward0',
  expression: math.sin,
  saves: ['x'],
  backward: (grad, { x }) => grad.mul(x.cos()),
});
/** The sine of x in radians. */
export const sin = applied(sinOp);
export const sin_ = inPlace(sinOp);

export const cosOp = unary({
  name: 'cos',
  node: 'CosBackward0',
  expression: math.cos,
  saves: ['x'],
  backward: (grad, { x }) => grad.mul(x.sin().neg()),
});
/** The cosine of x in radians. */
export const cos = applied(cosOp);
export const cos_ = inPlace(cosOp);

export const tanOp = unary({
  name: 'tan',
  node: 'TanBackward0',
  expression: math.tan,
  saves: ['out'],
  backward: (grad, { out }) => grad.mul(out.square().add(1)),
});
/** The tangent of x in radians. */
export const tan = applied(tanOp);
export const tan_ = inPlace(tanOp);

export const asinOp = unary({
  name: 'asin',
  node: 'AsinBackward0',
  expression: math.asin,
  saves: ['x'],
  backward: (grad, { x }) => grad.mul(x.square().rsub(1).rsqrt()),
  domain: [-0.8, 0.8],
});
/** The angle in radians, between −π/2 and π/2, whose sine is x. */
export const asin = applied(asinOp);
export const asin_ = inPlace(asinOp);

export const acosOp = unary({
  name: 'acos',
  node: 'AcosBackward0',
  expression: math.acos,
  saves: ['x'],
  backward: (grad, { x }) => grad.neg().mul(x.square().rsub(1).rsqrt()),
  domain: [-0.8, 0.8],
});
/** The angle in radians, between 0 and π, whose cosine is x. */
export const acos = applied(acosOp);
export const acos_ = inPlace(acosOp);

export const atanOp = unary({
  name: 'atan',
  node: 'AtanBackward0',
  expression: math.atan,
  saves: ['x'],
  backward: (grad, { x }) => grad.div(x.square().add(1)),
});
/** The angle in radians, between −π/2 and π/2, whose tangent is x. */
export const atan = applied(atanOp);
export const atan_ = inPlace(atanOp);

export const sinhOp = unary({
  name: 'sinh',
  node: 'SinhBackward0',
  expression: math.sinh,
  saves: ['x'],
  backward: (grad, { x }) => grad.mul(x.cosh()),
});
/** (eˣ − e⁻ˣ) / 2 */
export const sinh = applied(sinhOp);
export const sinh_ = inPlace(sinhOp);

export const coshOp = unary({
  name: 'cosh',
  node: 'CoshBackward0',
  expression: math.cosh,
  saves: ['x'],
  backward: (grad, { x }) => grad.mul(x.sinh()),
});
/** (eˣ + e⁻ˣ) / 2 */
export const cosh = applied(coshOp);
export const cosh_ = inPlace(coshOp);

/** grad · (1 − y²), in one pass. */
export const tanhGradOp = defineOp<{ readonly grad: Tensor; readonly y: Tensor }>({
  name: 'tanh_backward',
  node: 'TanhBackwardBackward0',
  saves: { grad: ['y'], y: ['grad', 'y'] },
  stepwise: () => true,
  forward: ({ grad, y }) => mapOperands(math.tanhGrad, [grad, y]),
  backward: (cotangent, { grad, y }) => ({
    grad: () => tanhGrad(cotangent, y),
    y: () => cotangent.mul(grad).mul(y).mul(-2),
  }),
  samples: [{ inputs: { grad: [2, 3], y: [2, 3] }, params: undefined }],
});
const tanhGrad = (grad: Tensor, y: Tensor): Tensor => call(tanhGradOp, { grad, y }, undefined);

export const tanhOp = unary({
  name: 'tanh',
  node: 'TanhBackward0',
  expression: math.tanh,
  saves: ['out'],
  backward: (grad, { out }) => tanhGrad(grad, out),
});
/** The hyperbolic tangent. */
export const tanh = applied(tanhOp);
export const tanh_ = inPlace(tanhOp);

export const asinhOp = unary({
  name: 'asinh',
  node: 'AsinhBackward0',
  expression: math.asinh,
  saves: ['x'],
  backward: (grad, { x }) => grad.mul(x.square().add(1).rsqrt()),
});
/** The inverse of sinh. */
export const asinh = applied(asinhOp);
export const asinh_ = inPlace(asinhOp);

export const acoshOp = unary({
  name: 'acosh',
  node: 'AcoshBackward0',
  expression: math.acosh,
  saves: ['x'],
  backward: (grad, { x }) => grad.mul(x.square().sub(1).rsqrt()),
  domain: [1.3, 2],
});
/** The inverse of cosh; NaN below 1. */
export const acosh = applied(acoshOp);
export const acosh_ = inPlace(acoshOp);

export const atanhOp = unary({
  name: 'atanh',
  node: 'AtanhBackward0',
  expression: math.atanh,
  saves: ['x'],
  backward: (grad, { x }) => grad.div(x.square().rsub(1)),
  domain: [-0.8, 0.8],
});
/** The inverse of tanh; NaN beyond ±1. */
export const atanh = applied(atanhOp);
export const atanh_ = inPlace(atanhOp);

export const atan2Op = defineOp<{ readonly y: Tensor; readonly x: Tensor }>({
  name: 'atan2',
  node: 'Atan2Backward0',
  saves: ['y', 'x'],
  stepwise: () => true,
  forward: ({ y, x }, _, into) => mapOperands(math.atan2, [y, x], { dtype: floatResult(y, x), into }),
  backward: (grad, { y, x }) => {
    const scaled = (): Tensor => grad.div(y.square().add(x.square()));
    return { y: () => scaled().mul(x), x: () => scaled().mul(y).neg() };
  },
  samples: [{ inputs: { y: [2, 3], x: { shape: [3], low: 0.2, high: 1 } }, params: undefined }],
});
/** The angle of the point (x, y) in radians, between −π and π. */
export const atan2 = (y: Tensor, x: Tensor): Tensor => call(atan2Op, { y, x }, undefined);
export const atan2_ = (y: Tensor, x: Tensor): Tensor => callInPlace(atan2Op, y, { y, x }, undefined);
