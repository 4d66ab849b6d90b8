/**
 * Logarithms. x = m · 2ᵉ with √½ ≤ m < √2, f = m − 1, s = f / (2 + f), and log m = 2 · artanh s, written as
 * f − (f²/2 − s · (f²/2 + R(s²))) so that f, which is exact, leads (FreeBSD's e_log.c, K.C. Ng).
 */
import type { Value } from '../../lang/index.ts';
import { bitsOf, formatOf, like, perFormat, polynomial, upperHalf } from './float.ts';
import { ln2Parts } from './exp.ts';

/** L(z) with 2 · artanh s = 2s + s · z · L(z), z = s²; relative error 2^−29 and 2^−58. By scripts/minimax.py. */
const L32 = [0.6666677594184875, 0.39977556467056274, 0.298720121383667];
const L64 = [
  0.6666666666666735, 0.3999999999940881, 0.28571428743891264, 0.222221984012185, 0.18183574092293117,
  0.15313781108619584, 0.14798829152217147,
];

/** x = m · 2ᵉ with √½ ≤ m < √2 for positive finite x, denormal ones too; e is a float. */
export const decompose = (x: Value): { readonly m: Value; readonly e: Value } => {
  const { element, fraction, leastNormal } = formatOf(x);
  const denormal = x.lt(leastNormal);
  const bits = bitsOf(denormal.select(x.mul(2 ** fraction), x));
  const exponent = bits.sub(bitsOf(like(x, Math.SQRT1_2))).shr(fraction);
  const m = bits.sub(exponent.shl(fraction)).bits(element);
  const e = exponent.to('i32').to(element);
  return { m, e: denormal.select(e.sub(fraction), e) };
};

/** f − half square + rest is log m. */
const parts = (m: Value): { readonly f: Value; readonly halfSquare: Value; readonly rest: Value } => {
  const f = m.sub(1);
  const s = f.div(f.add(2));
  const z = s.mul(s);
  const halfSquare = f.mul(f).mul(0.5);
  const rest = s.mul(halfSquare.add(z.mul(polynomial(z, perFormat(m, L32, L64)))));
  return { f, halfSquare, rest };
};

/** The result for positive finite x, and elsewhere what IEEE says: −∞ of 0, NaN of less, x of ∞ and NaN. */
const withEdges = (x: Value, result: Value): Value => {
  const edge = x.eq(0).select(like(x, -Infinity), x.lt(0).select(like(x, NaN), x));
  return x.gt(0).and(x.lt(Infinity)).select(result, edge);
};

/** log of u, which was rounded, plus a correction for that. */
const logCorrected = (u: Value, correction?: Value): Value => {
  const { m, e } = decompose(u);
  const { f, halfSquare, rest } = parts(m);
  const [high, low] = ln2Parts(u);
  const small = correction === undefined ? e.mul(low) : e.mul(low).add(correction);
  return e.mul(high).add(f.sub(halfSquare.sub(rest.add(small))));
};

/** The natural logarithm; at most 1 ulp. */
export const log = (x: Value): Value => withEdges(x, logCorrected(x));

/** log(1 + x); at most 2 ulp. What is lost in u = 1 + x is put back as its quotient by u. */
export const log1p = (x: Value): Value => {
  const u = x.add(1);
  const lost = x.gt(1).select(like(x, 1).sub(u.sub(x)), x.sub(u.sub(1)));
  const result = withEdges(u, logCorrected(u, lost.div(u)));
  return x
    .abs()
    .lt(2 ** -(formatOf(x).fraction + 2))
    .select(x, result);
};

/** 1 / ln b and log_b 2, each in two parts, of which the first may be multiplied exactly. */
interface Base {
  readonly inverse: readonly [number, number];
  readonly two: readonly [number, number];
}

/** Base b: the logarithm in two parts times 1 / ln b in two parts (FreeBSD's e_log2.c and e_log10.c). */
const logToBase = (x: Value, { inverse, two }: Base): Value => {
  const { m, e } = decompose(x);
  const { f, halfSquare, rest } = parts(m);
  const high = upperHalf(f.sub(halfSquare));
  const low = f.sub(high).sub(halfSquare).add(rest);
  const leading = high.mul(inverse[0]);
  const whole = e.mul(two[0]);
  const sum = whole.add(leading);
  const lost = whole.sub(sum).add(leading);
  const correction = low.mul(inverse[0]).add(low.add(high).mul(inverse[1])).add(e.mul(two[1]));
  return withEdges(x, sum.add(lost.add(correction)));
};

const base2For32: Base = { inverse: [1.44287109375, -0.00017605285393074155], two: [1, 0] };
const base2For64: Base = { inverse: [1.4426950514316559, -1.0542692476429138e-8], two: [1, 0] };
const base10For32: Base = {
  inverse: [0.434326171875, -3.168997136526741e-5],
  two: [0.301025390625, 4.605039066518657e-6],
};
const base10For64: Base = {
  inverse: [0.4342944845557213, -2.6524694553078553e-9],
  two: [0.3010299956640665, -8.532344317057107e-14],
};

/** log₂ x, exact for powers of 2; at most 1 ulp. */
export const log2 = (x: Value): Value => logToBase(x, perFormat(x, base2For32, base2For64));
/** log₁₀ x; at most 2 ulp. */
export const log10 = (x: Value): Value => logToBase(x, perFormat(x, base10For32, base10For64));
