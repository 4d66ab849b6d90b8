/**
 * The error function and its complement. Near 0 a polynomial in x². Further out erfc falls like e^(−x²): as float32,
 * erf x = 1 − e^(−x − x · P(x)) (after N. Juffa); otherwise erfc x = e^(−x²) · G(t) with t = (x − 3) / (x + 3) (Shepherd and
 * Laframboise, Math. Comp. 36, 1981).
 */
import type { Value } from '../../lang/index.ts';
import { expOfNegative } from './exp.ts';
import { copySign, like, perFormat, polynomial, upperHalf } from './float.ts';

/** E(z) with erf x = x + x · E(x²): for |x| ≤ 0.9, error 2^−25.9; for |x| ≤ ½, 2^−55.9. By scripts/minimax.py. */
const E32 = [
  0.12837915122509003, -0.3761252164840698, 0.11282152682542801, -0.02677972801029682, 0.005013434682041407,
  -0.0006098609883338213,
];
const E64 = [
  0.12837916709551256, -0.3761263890318298, 0.11283791670884136, -0.02686617061946494, 0.005223977157521599,
  -0.0008548278965700011, 0.00012052428772153224, -1.482311650530274e-5, 1.4494591246666177e-6,
];

/** P(x) with erfc x = e^(−x − x · P(x)) for 0.9 ≤ x ≤ 3.95; the error of 1 − erfc x is 2^−28.3. */
const P32 = [
  0.12852057814598083, 0.6356971263885498, 0.10528997331857681, -0.022908132523298264, 0.003220660611987114,
  -0.00021468143677338958,
];

/** G(t) from ½ to where erfc is 0; relative error 2^−27.0 and 2^−54.8. */
const G32 = [
  0.17900115251541138, -0.32623356580734253, 0.24560366570949554, -0.15011557936668396, 0.07166839390993118,
  -0.024397367611527443, 0.004251349251717329, 0.0007308873464353383, -0.0005429566954262555,
  6.248898898775224e-6,
];
const G64 = [
  0.17900115118138996, -0.3262335600430372, 0.2456038017123306, -0.1501159365007849, 0.07166583719798687,
  -0.02439249931827027, 0.004269136332487169, 0.0007077464309469207, -0.0005970619408013862,
  4.52553793512538e-5, 6.405646971975434e-5, -1.2860969323919419e-5, -7.97760090203598e-6,
  2.1216820797924796e-6, 1.2505415611777092e-6, -2.9756644520825126e-7, -2.3028594738304415e-7,
  3.3176883633685206e-8, 4.1109760866374486e-8, -2.300832336045671e-9, -4.69135493472479e-9,
];

/** erf x near 0. */
const inner = (x: Value): Value => x.add(x.mul(polynomial(x.mul(x), perFormat(x, E32, E64))));

/** erfc x for x ≥ ½: x² is a square that is exact, of x's upper half, and a rest. */
const outer = (x: Value): Value => {
  const capped = x.min(perFormat(x, 11, 28));
  const t = capped.sub(3).div(capped.add(3));
  const high = upperHalf(capped);
  const rest = capped.sub(high).mul(capped.add(high));
  const decay = expOfNegative(high.mul(high).neg());
  return polynomial(t, perFormat(x, G32, G64)).mul(decay.mul(expOfNegative(rest.neg())));
};

/** 2/√π · ∫₀ˣ e^(−t²) dt; at most 2 ulp. */
export const erf = (x: Value): Value => {
  const size = x.abs();
  const far = perFormat(
    x,
    () => {
      const capped = size.min(4);
      return like(x, 1).sub(expOfNegative(capped.add(capped.mul(polynomial(capped, P32))).neg()));
    },
    () => like(x, 1).sub(outer(size)),
  )();
  return size.gt(perFormat(x, 0.9, 0.5)).select(copySign(far, x), inner(x));
};

/** 1 − erf x, accurate also where that is small; at most 6 ulp. */
export const erfc = (x: Value): Value => {
  const size = x.abs();
  const tail = outer(size);
  const far = x.lt(0).select(like(x, 2).sub(tail), tail);
  return size.lt(0.5).select(like(x, 1).sub(inner(x)), far);
};
