/** Arithmetic on values: what instructions do directly, or nearly so. */
import { isFloat, type Value } from '../../lang/index.ts';
import { like } from './float.ts';

export const add = (x: Value, y: Value): Value => x.add(y);
export const sub = (x: Value, y: Value): Value => x.sub(y);
export const mul = (x: Value, y: Value): Value => x.mul(y);
export const div = (x: Value, y: Value): Value => x.div(y);
/** x + alpha · y, rounded twice as in PyTorch. */
export const addScaled = (x: Value, y: Value, alpha: Value): Value => x.add(y.mul(alpha));
/** x · a + b, rounded once where the machine can. */
export const mulAdd = (x: Value, a: Value, b: Value): Value =>
  isFloat(x.type.element) ? x.fma(a, b) : x.mul(a).add(b);
/** c − a · b, rounded twice. */
export const subMul = (c: Value, a: Value, b: Value): Value => c.sub(a.mul(b));
/** x + value · (a · b) */
export const addcmul = (x: Value, a: Value, b: Value, value: Value): Value => x.add(a.mul(b).mul(value));
/** x + value · (a / b) */
export const addcdiv = (x: Value, a: Value, b: Value, value: Value): Value => x.add(a.mul(value).div(b));

/** (g − m − (x − c) · k) · f: the gradient of a normalisation by the statistics of what is normalised. */
export const normalizeGrad = (g: Value, m: Value, x: Value, c: Value, k: Value, f: Value): Value =>
  g.sub(m).sub(x.sub(c).mul(k)).mul(f);

/** From x at weight 0 to y at weight 1, exact at both ends. */
export const lerp = (x: Value, y: Value, weight: Value): Value => {
  const step = y.sub(x);
  return weight
    .abs()
    .lt(0.5)
    .select(x.add(weight.mul(step)), y.sub(step.mul(like(weight, 1).sub(weight))));
};

export const neg = (x: Value): Value => x.neg();
export const abs = (x: Value): Value => x.abs();
/** −1, 0 or 1; of NaN 0, as in PyTorch. */
export const sign = (x: Value): Value => x.gt(0).select(like(x, 1), x.lt(0).select(like(x, -1), 0));
export const square = (x: Value): Value => x.mul(x);
export const reciprocal = (x: Value): Value => like(x, 1).div(x);
export const sqrt = (x: Value): Value => x.sqrt();
export const rsqrt = (x: Value): Value => like(x, 1).div(x.sqrt());

/** 1 / √(x + y) */
export const rsqrtSum = (x: Value, y: Value): Value => rsqrt(x.add(y));

/** Factor and addend that make (x − mean) / √(variance + eps) · weight + bias of x. */
export const normalizing = (
  mean: Value,
  variance: Value,
  weight: Value,
  bias: Value,
  eps: Value,
): readonly [Value, Value] => {
  const factor = rsqrtSum(variance, eps).mul(weight);
  return [factor, subMul(bias, mean, factor)];
};

/** NaN if either is NaN. */
export const maximum = (x: Value, y: Value): Value => x.max(y);
/** NaN if either is NaN. */
export const minimum = (x: Value, y: Value): Value => x.min(y);
/** The upper bound wins where the bounds cross. */
export const clamp = (x: Value, low: Value, high: Value): Value => x.max(low).min(high);

export const floor = (x: Value): Value => x.floor();
export const ceil = (x: Value): Value => x.ceil();
export const trunc = (x: Value): Value => x.trunc();
/** Halves to even. */
export const round = (x: Value): Value => x.nearest();
export const frac = (x: Value): Value => x.sub(x.trunc());

export const truncDivide = (x: Value, y: Value): Value =>
  isFloat(x.type.element) ? x.div(y).trunc() : x.div(y);
