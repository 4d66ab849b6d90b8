/** Inverse hyperbolic functions by log(1 + x), which is accurate near 0 (FreeBSD's s_asinh.c and its neighbours). */
import type { Value } from '../../lang/index.ts';
import { copySign, like, perFormat } from './float.ts';
import { log, log1p } from './log.ts';

/** Above this x² + 1 is x². */
const far = (x: Value): number => perFormat(x, 2 ** 13, 2 ** 28);

/** At most 3 ulp. */
export const asinh = (x: Value): Value => {
  const size = x.abs();
  const near = size.min(far(x));
  const square = near.mul(near);
  const grown = near.add(square.div(square.add(1).sqrt().add(1)));
  const result = size.gt(far(x)).select(log(size).add(Math.LN2), log1p(grown));
  return copySign(result, x);
};

/** NaN where x < 1; at most 3 ulp. */
export const acosh = (x: Value): Value => {
  const t = x.sub(1);
  const near = t.min(far(x));
  const result = log1p(near.add(near.add(near).add(near.mul(near)).sqrt()));
  return x.lt(1).select(like(x, NaN), x.gt(far(x)).select(log(x).add(Math.LN2), result));
};

/** ±∞ at ±1, NaN beyond; at most 3 ulp. */
export const atanh = (x: Value): Value => {
  const size = x.abs();
  const twice = size.add(size);
  return copySign(log1p(twice.div(like(x, 1).sub(size))).mul(0.5), x);
};
