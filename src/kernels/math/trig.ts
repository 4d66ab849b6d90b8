/**
 * Sine, cosine and tangent. x = n · π/2 + r with |r| ≤ π/4, r in two parts; polynomials for sin r and cos r; the quadrant
 * n chooses among them. The reduction is Cody and Waite's with π/2 in four parts while n is small; for larger |x| it is
 * Payne and Hanek's, with as many digits of 2/π as it takes (reduce-large.ts).
 */
import { iota, variable, when, type Value } from '../../lang/index.ts';
import { formatOf, like, nearestInteger, perFormat, polynomial } from './float.ts';
import { reduceLarge } from './reduce-large.ts';

/** S(z) with sin r = r + r · z · S(z), z = r², |r| ≤ π/4; relative error 2^−28 and 2^−58. By scripts/minimax.py. */
const S32 = [-0.16666655242443085, 0.008332190103828907, -0.0001951840822584927];
const S64 = [
  -0.16666666666666632, 0.008333333333322458, -0.00019841269829817078, 2.7557313688935944e-6,
  -2.5050756929375365e-8, 1.5896694100271088e-10,
];
/** C(z) with cos r = 1 − z/2 + z² · C(z); error 2^−33 and 2^−64. */
const C32 = [0.04166664555668831, -0.0013887310633435845, 2.4432536520180292e-5];
const C64 = [
  0.0416666666666666, -0.001388888888887445, 2.480158728964448e-5, -2.7557314390249184e-7,
  2.0875727466990784e-9, -1.1359824376319157e-11,
];

/** π/2 in four parts; a product of one of the first three with n is exact as long as |x| ≤ `limit`. */
interface HalfPi {
  readonly parts: readonly [number, number, number, number];
  readonly limit: number;
}
const halfPi32: HalfPi = {
  parts: [1.5703125, 0.0004837512969970703, 7.549533620476723e-8, 2.5633440682570896e-12],
  limit: 12000,
};
const halfPi64: HalfPi = {
  parts: [1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32],
  limit: 1.6e6,
};

/** x = n · π/2 + high + low; n modulo 4 counts. */
interface Reduced {
  readonly n: Value;
  readonly high: Value;
  readonly low: Value;
}

const reduce = (x: Value): Reduced => {
  const { parts, limit } = perFormat(x, halfPi32, halfPi64);
  const { float, integer } = nearestInteger(x.mul(2 / Math.PI));
  const rest = x.sub(float.mul(parts[0])).sub(float.mul(parts[1]));
  const third = float.mul(parts[2]);
  const near = rest.sub(third);
  const n = variable(integer);
  const high = variable(near);
  const low = variable(rest.sub(near).sub(third).sub(float.mul(parts[3])));
  const large = x.abs().gt(limit).and(x.abs().lt(Infinity));
  when(large, () => {
    for (let lane = 0; lane < x.lanes; lane++) {
      const exact = reduceLarge(x.lane(lane));
      const here = x.lanes === 1 ? large : large.and(laneMask(x, lane));
      n.set(here.select(exact.n.splat(x.lanes), n));
      high.set(here.select(exact.high.splat(x.lanes), high));
      low.set(here.select(exact.low.splat(x.lanes), low));
    }
  });
  return { n, high, low };
};

const laneMask = (x: Value, lane: number): Value => {
  const mask = iota('i32', x.lanes).eq(lane);
  return formatOf(x).element === 'f64' ? mask.to('m64') : mask;
};

/** sin and cos of the reduced argument (the sums as in FreeBSD's k_sin.c and k_cos.c). */
const kernels = ({ high, low }: Reduced): { readonly sine: Value; readonly cosine: Value } => {
  const z = high.mul(high);
  const half = z.mul(0.5);
  const one = like(high, 1);
  const w = one.sub(half);
  const sine = high.add(low.mul(w).add(z.mul(high).mul(polynomial(z, perFormat(high, S32, S64)))));
  const square = z.mul(z).mul(polynomial(z, perFormat(high, C32, C64)));
  const cosine = w.add(
    one
      .sub(w)
      .sub(half)
      .add(square.sub(high.mul(low))),
  );
  return { sine, cosine };
};

const isOdd = (n: Value): Value => n.and(1).ne(0);

/** Of quarters 2 and 3 the negative. */
const withSign = (quarter: Value, x: Value): Value => quarter.and(2).ne(0).select(x.neg(), x);

/** The sine of x in radians; at most 1 ulp, for every finite x. NaN of infinities. */
export const sin = (x: Value): Value => {
  const reduced = reduce(x);
  const { sine, cosine } = kernels(reduced);
  const result = withSign(reduced.n, isOdd(reduced.n).select(cosine, sine));
  return x.eq(0).select(x, result);
};

/** The cosine of x in radians; at most 1 ulp, for every finite x. NaN of infinities. */
export const cos = (x: Value): Value => {
  const reduced = reduce(x);
  const { sine, cosine } = kernels(reduced);
  return withSign(reduced.n.add(1), isOdd(reduced.n).select(sine, cosine));
};

/** The tangent of x in radians, sin / cos of the reduced argument; at most 3 ulp. */
export const tan = (x: Value): Value => {
  const reduced = reduce(x);
  const { sine, cosine } = kernels(reduced);
  const odd = isOdd(reduced.n);
  const result = odd.select(cosine.neg(), sine).div(odd.select(sine, cosine));
  return x.eq(0).select(x, result);
};
