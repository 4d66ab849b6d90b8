/**
 * Exponentials. x = n · ln 2 + r with |r| ≤ ln 2 / 2 by Cody and Waite's two-part ln 2 (Software Manual for the
 * Elementary Functions, 1980), eʳ = 1 + r + r² · q(r), and 2ⁿ put into the exponent.
 */
import type { Value } from '../../lang/index.ts';
import {
  copySign,
  formatOf,
  like,
  nearestInteger,
  perFormat,
  polynomial,
  powerOfTwo,
  scaleByPowerOfTwo,
  upperHalf,
} from './float.ts';

/** q(r) = (eʳ − 1 − r) / r² on |r| ≤ ln 2 / 2; relative to eʳ the error is 2^−28.2 and 2^−63.8. By scripts/minimax.py. */
const q32 = [0.5, 0.166665181517601, 0.041666429489851, 0.008368968032300472, 0.001393818063661456];
const q64 = [
  0.5, 0.16666666666666685, 0.041666666666666685, 0.008333333333315904, 0.0013888888888873216,
  0.00019841269898850743, 2.4801587349439073e-5, 2.7557232639466613e-6, 2.7557251553983685e-7,
  2.511274653622085e-8, 2.0921865704511383e-9,
];

/** ln 2 in two parts. The first has so few digits that its product with any n that occurs is exact. */
const ln2Parts32 = [0.693359375, -2.1219444e-4] as const;
const ln2Parts64 = [6.9314718036912381649e-1, 1.90821492927058770002e-10] as const;

export const ln2Parts = (x: Value): readonly [number, number] => perFormat(x, ln2Parts32, ln2Parts64);

/** ln 2 with half of a number's digits, and the rest. */
const ln2Halves32 = [0.693115234375, 3.194618329871446e-5] as const;
const ln2Halves64 = [0.6931471824645996, -1.904654299957768e-9] as const;

/** Beyond these the result is 0 and ∞. */
const limits32 = [-104, 89] as const;
const limits64 = [-746, 710] as const;

/** x = n · ln 2 + r, and what is rounded off r: little, but where r is small it counts. */
interface Reduced {
  readonly r: Value;
  readonly lost: Value;
  readonly n: Value;
}

const reduce = (x: Value): Reduced => {
  const { float, integer } = nearestInteger(x.mul(Math.LOG2E));
  const [high, low] = ln2Parts(x);
  const rough = float.fma(-high, x);
  const rest = float.mul(low);
  const r = rough.sub(rest);
  return { r, lost: rough.sub(r).sub(rest), n: integer };
};

/** e^(r + small) − 1 − r for |r| ≤ ln 2 / 2. */
const tailOf = (r: Value, small: Value): Value => {
  const square = r.mul(r);
  return square.mul(polynomial(r, perFormat(r, q32, q64))).add(small);
};

/** e^(r + lost) · 2ⁿ */
export const expReduced = ({ r, lost, n }: Reduced): Value => {
  const sum = r.add(1);
  const lostInSum = r.sub(sum.sub(1));
  return scaleByPowerOfTwo(sum.add(tailOf(r, lost.add(lostInSum))), n);
};

/**
 * x = n · ln 2 + r, and eʳ. What is rounded off r makes at most a quarter of an ulp, which is not counted: the sum of 1 and
 * r loses more, and that is.
 */
const reducedExp = (x: Value): { readonly value: Value; readonly n: Value } => {
  const { float, integer } = nearestInteger(x.mul(Math.LOG2E));
  const [high, low] = ln2Parts(x);
  const r = float.fma(-low, float.fma(-high, x));
  const sum = r.add(1);
  const tail = r.mul(r).fma(polynomial(r, perFormat(r, q32, q64)), r.sub(sum.sub(1)));
  return { value: sum.add(tail), n: integer };
};

/** eˣ; at most 1 ulp. */
export const exp = (x: Value): Value => {
  const [low, high] = perFormat(x, limits32, limits64);
  const { value, n } = reducedExp(x.max(low).min(high));
  return scaleByPowerOfTwo(value, n);
};

/** The same of x ≤ 0, in fewer steps. */
export const expOfNegative = (x: Value): Value => {
  const { value, n } = reducedExp(x.max(perFormat(x, limits32, limits64)[0]));
  // The least 2ⁿ are no normal numbers; times this they are.
  const raised = perFormat(x, 64, 512);
  return value.mul(powerOfTwo(n.add(raised), formatOf(x).element)).mul(2 ** -raised);
};

/** 2ˣ; at most 1 ulp. */
export const exp2 = (x: Value): Value => {
  const { bias, fraction } = formatOf(x);
  const inside = x.max(-bias - fraction - 2).min(bias + 2);
  const { float, integer } = nearestInteger(inside);
  return expReduced(timesLn2(inside.sub(float), integer));
};

/** 2^(f + small) · 2ⁿ as a power of e. */
export const timesLn2 = (f: Value, n: Value, small?: Value): Reduced => {
  const [high, low] = perFormat(f, ln2Halves32, ln2Halves64);
  const upper = upperHalf(f);
  const leading = upper.mul(high);
  const rough = f.sub(upper).mul(high).add(f.mul(low));
  const rest = small === undefined ? rough : rough.add(small.mul(Math.LN2));
  const r = leading.add(rest);
  return { r, lost: leading.sub(r).add(rest), n };
};

/**
 * eˣ − 1 = 2ⁿ · (eʳ − 1) + (2ⁿ − 1), in halves so that 2ⁿ does not overflow before the result does; at most 2 ulp.
 */
export const expm1 = (x: Value): Value => {
  const { element, fraction } = formatOf(x);
  const { r, lost, n } = reduce(x.max(-fraction).min(perFormat(x, limits32, limits64)[1]));
  const half = powerOfTwo(n.sub(1), element);
  const reduced = r.add(tailOf(r, lost));
  const halfResult = half.mul(reduced).add(half.sub(0.5));
  // Of tiny numbers the halves would lose bits, and of −0 the sign.
  const tiny = x.abs().lt(2 ** -(fraction + 2));
  return tiny.select(x, halfResult.mul(2));
};

/** (eˣ − e⁻ˣ) / 2 */
export const sinh = (x: Value): Value => {
  // With e = e^|x| − 1: (e + e / (e + 1)) / 2. Half of x first, squared after, where eˣ alone would overflow.
  const e = expm1(x.abs());
  const small = e.add(e.div(e.add(1))).mul(0.5);
  const root = exp(x.abs().mul(0.5));
  const large = root.mul(0.5).mul(root);
  const magnitude = x
    .abs()
    .lt(perFormat(x, 88, 709))
    .select(small, large);
  return x.lt(0).select(magnitude.neg(), x.eq(0).select(x, magnitude));
};

/** (eˣ + e⁻ˣ) / 2 */
export const cosh = (x: Value): Value => {
  const root = exp(x.abs().mul(0.5));
  const e = exp(x.abs());
  const small = e.add(like(x, 1).div(e)).mul(0.5);
  return x
    .abs()
    .lt(perFormat(x, 88, 709))
    .select(small, root.mul(0.5).mul(root));
};

/** T(z) with tanh x = x + x · z · T(z), z = x², |x| ≤ 0.625; error 2^−27.8 and 2^−56.5. By scripts/minimax.py. */
const T32 = [
  -0.3333328366279602, 0.133314847946167, -0.053742989897727966, 0.020649002864956856, -0.005715331993997097,
];
const T64 = [
  -0.33333333333332876, 0.13333333333264671, -0.05396825393236699, 0.021869487599313796,
  -0.008863221284592175, 0.003591991292166601, -0.0014549690528536446, 0.0005863478447151793,
  -0.00022862389845401188, 7.720858987710363e-5, -1.6102380080947438e-5,
];

/** Near 0 a polynomial, further out 1 − 2 / (e^2|x| + 1) (Cephes, tanh.c); at most 2 ulp. */
export const tanh = (x: Value): Value => {
  const size = x.abs();
  const z = x.mul(x);
  const near = size.add(size.mul(z).mul(polynomial(z, perFormat(x, T32, T64))));
  const far = like(x, 1).sub(like(x, 2).div(exp(size.add(size)).add(1)));
  return copySign(size.gt(0.625).select(far, near), x);
};

/** 1 / (1 + e⁻ˣ), from e^−|x|, which never overflows; at most 3 ulp. */
export const sigmoid = (x: Value): Value => {
  const e = expOfNegative(x.abs().neg());
  return x.lt(0).select(e, 1).div(e.add(1));
};
