/** Activation functions and their gradients, with PyTorch's formulas: the same numbers where one rounds. */
import type { Value } from '../../lang/index.ts';
import { erf } from './erf.ts';
import { exp, expm1, expOfNegative, sigmoid, tanh } from './exp.ts';
import { like } from './float.ts';
import { log1p } from './log.ts';

/** max(x, 0); NaN stays NaN. */
export const relu = (x: Value): Value => x.max(0);
/** grad where the result is above 0. */
export const reluGrad = (grad: Value, out: Value): Value => out.gt(0).select(grad, 0);

export const relu6 = (x: Value): Value => x.max(0).min(6);

/** grad where low ≤ x ≤ high, as of `clamp`. */
export const clampGrad = (grad: Value, x: Value, low: Value, high: Value): Value =>
  x.ge(low).and(x.le(high)).select(grad, 0);
/** grad where low < x < high, as of `hardtanh` and `relu6`. */
export const hardtanhGrad = (grad: Value, x: Value, low: Value, high: Value): Value =>
  x.gt(low).and(x.lt(high)).select(grad, 0);

/** x above the threshold, else the value. */
export const threshold = (x: Value, bound: Value, value: Value): Value => x.le(bound).select(value, x);
export const thresholdGrad = (grad: Value, x: Value, bound: Value): Value =>
  x.le(bound).select(like(grad, 0), grad);

export const leakyRelu = (x: Value, slope: Value): Value => x.gt(0).select(x, x.mul(slope));
export const leakyReluGrad = (grad: Value, x: Value, slope: Value): Value =>
  x.gt(0).select(grad, grad.mul(slope));

/** scale · (x where x > 0, else alpha · (e^(inputScale · x) − 1)): ELU, SELU and CELU. */
export const elu = (x: Value, alpha: Value, scale: Value, inputScale: Value): Value =>
  x.gt(0).select(x.mul(scale), expm1(x.mul(inputScale)).mul(alpha.mul(scale)));
export const eluGrad = (grad: Value, x: Value, alpha: Value, scale: Value, inputScale: Value): Value =>
  x.gt(0).select(grad.mul(scale), grad.mul(inputScale.mul(alpha).mul(scale)).mul(exp(x.mul(inputScale))));

/** log(1 + e^(beta · x)) / beta, and x itself where beta · x is above the threshold. */
export const softplus = (x: Value, beta: Value, bound: Value): Value => {
  const scaled = x.mul(beta);
  return scaled.gt(bound).select(x, log1p(exp(scaled)).div(beta));
};
export const softplusGrad = (grad: Value, x: Value, beta: Value, bound: Value): Value => {
  const scaled = x.mul(beta);
  return scaled.gt(bound).select(grad, grad.mul(sigmoid(scaled)));
};

/** log(1 / (1 + e⁻ˣ)) */
export const logSigmoid = (x: Value): Value => x.min(0).sub(log1p(expOfNegative(x.abs().neg())));
export const logSigmoidGrad = (grad: Value, x: Value): Value => grad.mul(sigmoid(x.neg()));

export const sigmoidGrad = (grad: Value, out: Value): Value => grad.mul(like(out, 1).sub(out)).mul(out);
export const tanhGrad = (grad: Value, out: Value): Value => grad.mul(like(out, 1).sub(out.mul(out)));

/** x · sigmoid(x) (swish) */
export const silu = (x: Value): Value => x.mul(sigmoid(x));
export const siluGrad = (grad: Value, x: Value): Value => {
  const s = sigmoid(x);
  return grad.mul(s).mul(x.mul(like(x, 1).sub(s)).add(1));
};

/** x · tanh(log(1 + eˣ)), where n / (n + 2) is the tangent, n = eˣ · (eˣ + 2). */
export const mish = (x: Value): Value => x.mul(tanh(softplusOf(x)));
export const mishGrad = (grad: Value, x: Value): Value => {
  const t = tanh(softplusOf(x));
  return grad.mul(t.add(x.mul(sigmoid(x)).mul(like(x, 1).sub(t.mul(t)))));
};
/** log(1 + eˣ) for any x. */
const softplusOf = (x: Value): Value => x.max(0).add(log1p(expOfNegative(x.abs().neg())));

/** Φ(x) = (1 + erf(x / √2)) / 2 */
const normalCdf = (x: Value): Value => erf(x.mul(Math.SQRT1_2)).add(1).mul(0.5);
/** x · Φ(x) */
export const gelu = (x: Value): Value => x.mul(normalCdf(x));
export const geluGrad = (grad: Value, x: Value): Value => {
  const density = expOfNegative(x.mul(x).mul(-0.5)).mul(1 / Math.sqrt(2 * Math.PI));
  return grad.mul(normalCdf(x).add(x.mul(density)));
};

const geluFactor = Math.sqrt(2 / Math.PI);
const geluCubic = 0.044715;
/** x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) */
export const geluTanh = (x: Value): Value => {
  const inner = x.add(x.mul(x).mul(x).mul(geluCubic)).mul(geluFactor);
  return x.mul(0.5).mul(tanh(inner).add(1));
};
export const geluTanhGrad = (grad: Value, x: Value): Value => {
  const square = x.mul(x);
  const t = tanh(x.add(square.mul(x).mul(geluCubic)).mul(geluFactor));
  const slope = square
    .mul(3 * geluCubic)
    .add(1)
    .mul(geluFactor);
  const bend = x
    .mul(0.5)
    .mul(like(x, 1).sub(t.mul(t)))
    .mul(slope);
  return grad.mul(t.add(1).mul(0.5).add(bend));
};

/** x · min(max(x + 3, 0), 6) / 6 */
export const hardswish = (x: Value): Value => x.mul(x.add(3).max(0).min(6)).div(6);
export const hardswishGrad = (grad: Value, x: Value): Value => {
  const between = grad.mul(x.div(3).add(0.5));
  return x.lt(-3).select(like(x, 0), x.lt(3).select(between, grad));
};
/** min(max(x + 3, 0), 6) / 6 */
export const hardsigmoid = (x: Value): Value => x.add(3).max(0).min(6).div(6);
export const hardsigmoidGrad = (grad: Value, x: Value): Value => x.gt(-3).and(x.lt(3)).select(grad.div(6), 0);

/** x / (1 + |x|) */
export const softsign = (x: Value): Value => x.div(x.abs().add(1));

/** x where |x| > λ, moved toward 0 by λ; else 0. */
export const softshrink = (x: Value, lambda: Value): Value =>
  x.gt(lambda).select(x.sub(lambda), x.lt(lambda.neg()).select(x.add(lambda), x.mul(0)));
/** x where |x| > λ; else 0. */
export const hardshrink = (x: Value, lambda: Value): Value =>
  x.ge(lambda.neg()).and(x.le(lambda)).select(like(x, 0), x);
/** grad where |x| > λ; of both shrinkages. */
export const shrinkGrad = (grad: Value, x: Value, lambda: Value): Value =>
  x.ge(lambda.neg()).and(x.le(lambda)).select(like(grad, 0), grad);
