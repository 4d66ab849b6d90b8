/**
 * Inverse trigonometric functions. The arctangent's argument is brought below tan(π/8) by the formulas for its reciprocal and
 * for a difference of angles (Cephes, atan.c), the arcsine's below ½ by that for half the angle.
 */
import type { Value } from '../../lang/index.ts';
import { copySign, formatOf, isNaN, like, perFormat, polynomial, signBit } from './float.ts';

/** A(z) with artan x = x + x · z · A(z), z = x², |x| ≤ tan(π/8); relative error 2^−25.6 and 2^−59. By scripts/minimax.py. */
const A32 = [-0.33332952857017517, 0.19977816939353943, -0.138785257935524, 0.08055628091096878];
const A64 = [
  -0.333333333333332, 0.1999999999995363, -0.14285714280189907, 0.11111110782737513, -0.0909089772814733,
  0.07692059557676162, -0.06663095276832996, 0.058478169624838046, -0.05038943722379485, 0.038054569658771825,
  -0.01789543546156539,
];

/** B(z) with arcsin x = x + x · z · B(z), z = x², |x| ≤ ½; relative error 2^−27.6 and 2^−59.8. */
const B32 = [
  0.16666753590106964, 0.07495251297950745, 0.04547625407576561, 0.024150444194674492, 0.04221558943390846,
];
const B64 = [
  0.16666666666666763, 0.07499999999970137, 0.044642857175243134, 0.03038194267750589, 0.022372215840213715,
  0.017351596714361463, 0.013981003717763908, 0.011397415582035834, 0.010788630462298509,
  0.0036747996247771457, 0.0217842878146042, -0.02110773888486136, 0.032696565081509456,
];

/** π/2 and π/4 as the format has them, and what is missing. */
const halfPi32 = [1.5707963705062866, -4.371138828673793e-8] as const;
const halfPi64 = [1.5707963267948966, 6.123233995736766e-17] as const;
const halfPiOf = (x: Value): readonly [number, number] => perFormat(x, halfPi32, halfPi64);

/** The angle of a point with coordinates ≥ 0, in the first quadrant. */
const firstQuadrant = (y: Value, x: Value): Value => {
  // The smaller over the larger, then (r − 1) / (r + 1) if that is above tan(π/8), without dividing twice.
  const steep = y.gt(x);
  const low = x.min(y);
  const high = x.max(y);
  const middle = low.gt(high.mul(Math.tan(Math.PI / 8)));
  const r = middle.select(low.sub(high), low).div(middle.select(low.add(high), high));
  const z = r.mul(r);
  const curve = r.mul(z).mul(polynomial(z, perFormat(x, A32, A64)));
  const [halfPi, halfPiLow] = halfPiOf(x);
  const offset = middle.select(like(x, halfPi / 2), 0);
  const offsetLow = middle.select(like(x, halfPiLow / 2), 0);
  const angle = offset.add(r.add(curve.add(offsetLow)));
  const complement = like(x, halfPi)
    .sub(offset)
    .sub(r.add(curve.add(offsetLow).sub(halfPiLow)));
  return steep.select(complement, angle);
};

/** The arctangent; at most 2 ulp. */
export const atan = (x: Value): Value => {
  const size = x.abs();
  const infinite = size.eq(Infinity);
  const angle = firstQuadrant(infinite.select(like(x, 1), size), infinite.select(like(x, 0), 1));
  return copySign(isNaN(x).select(x, angle), x);
};

/** The angle of the point (x, y), between −π and π; C99's results for zeros and infinities. At most 3 ulp. */
export const atan2 = (y: Value, x: Value): Value => {
  const [halfPi] = halfPiOf(x);
  const bothInfinite = x.abs().eq(Infinity).and(y.abs().eq(Infinity));
  const bothZero = x.eq(0).and(y.eq(0));
  // Two infinities are as far from both axes; two zeros lie on the horizontal one.
  const height = bothInfinite.select(like(y, 1), y.abs());
  const width = bothInfinite.or(bothZero).select(like(x, 1), x.abs());
  const larger = height.max(width);
  // Of one infinity only the direction counts; halves of very large ones can be added without overflow.
  const infinite = larger.eq(Infinity);
  const scale = larger.gt(formatOf(x).largest / 2).select(like(x, 0.5), 1);
  const h = infinite.select(height.eq(Infinity).select(like(y, 1), 0), height.mul(scale));
  const w = infinite.select(width.eq(Infinity).select(like(x, 1), 0), width.mul(scale));
  const angle = firstQuadrant(h, w);
  const left = signBit(x).ne(0);
  const turned = like(x, 2 * halfPi).sub(angle);
  return copySign(isNaN(x).or(isNaN(y)).select(like(x, NaN), left.select(turned, angle)), y);
};

const arcsineReduced = (x: Value, z: Value): Value =>
  x.add(x.mul(z).mul(polynomial(z, perFormat(x, B32, B64))));

/** The arcsine; NaN where |x| > 1; at most 3 ulp. */
export const asin = (x: Value): Value => {
  const size = x.abs();
  const large = size.gt(0.5);
  const z = large.select(like(x, 1).sub(size).mul(0.5), size.mul(size));
  const root = large.select(z.sqrt(), size);
  const angle = arcsineReduced(root, z);
  const [halfPi, halfPiLow] = halfPiOf(x);
  const rest = like(x, halfPi).sub(angle.add(angle).sub(halfPiLow));
  return copySign(large.select(rest, angle), x);
};

/** The arccosine; NaN where |x| > 1; at most 2 ulp. */
export const acos = (x: Value): Value => {
  const size = x.abs();
  const large = size.gt(0.5);
  const z = large.select(like(x, 1).sub(size).mul(0.5), size.mul(size));
  const root = large.select(z.sqrt(), size);
  const angle = arcsineReduced(root, z);
  const [halfPi, halfPiLow] = halfPiOf(x);
  const twice = angle.add(angle);
  const negative = x.lt(0);
  const far = negative.select(like(x, 2 * halfPi).sub(twice.sub(2 * halfPiLow)), twice);
  const signed = negative.select(angle.neg(), angle);
  const near = like(x, halfPi).sub(signed.sub(halfPiLow));
  return large.select(far, near);
};
