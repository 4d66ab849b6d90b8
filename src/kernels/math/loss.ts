/** Losses of a prediction and its target, element by element. */
import type { Value } from '../../lang/index.ts';
import { expOfNegative } from './exp.ts';
import { like } from './float.ts';
import { log, log1p } from './log.ts';

/** −(t · log x + (1 − t) · log(1 − x)), the logarithms not below −100. */
export const binaryCrossEntropy = (x: Value, target: Value): Value => {
  const hit = log(x).max(-100);
  const miss = log(like(x, 1).sub(x)).max(-100);
  return target.sub(1).mul(miss).sub(target.mul(hit));
};
/** grad · (x − t) / (x · (1 − x)), the divisor not below 10⁻¹². */
export const binaryCrossEntropyGrad = (grad: Value, x: Value, target: Value): Value =>
  grad.mul(x.sub(target)).div(like(x, 1).sub(x).mul(x).max(1e-12));

/** The same of σ(x), without leaving the range of logarithms: max(x, 0) − t · x + log(1 + e^−|x|). */
export const binaryCrossEntropyWithLogits = (x: Value, target: Value): Value =>
  x
    .max(0)
    .sub(target.mul(x))
    .add(log1p(expOfNegative(x.abs().neg())));

/** What a class index is: 0 one of the classes, 1 the one that is ignored, 2 neither. */
export const kindOfTarget = (target: Value, classes: Value, ignored: Value): Value => {
  const outside = target.lt(0).or(target.ge(classes));
  return target.eq(ignored).select(like(target, 1), outside.select(like(target, 2), 0));
};
