/**
 * Powers. |x|ʸ = 2^(y · log₂|x|) with the logarithm and the product in two parts each, so that what is left for the
 * exponential is right to the last bit or nearly (after FreeBSD's e_pow.c, whose tables of two points are one here).
 */
import { isFloat, loop, variable, when, type Value } from '../../lang/index.ts';
import { expReduced, timesLn2 } from './exp.ts';
import { isNaN, like, nearestInteger, perFormat, polynomial, signBit, upperHalf } from './float.ts';
import { decompose } from './log.ts';

/** W(z) with 3 · artanh s / s = 3 + z + z² · W(z), z = s²; relative error 2^−43 and 2^−73. By scripts/minimax.py. */
const W32 = [0.5999999642372131, 0.42857956886291504, 0.3326968848705292, 0.2933350205421448];
const W64 = [
  0.5999999999999996, 0.42857142857168656, 0.3333333332608855, 0.2727272832981478, 0.23076833759111043,
  0.20004532225854788, 0.17511145348894494, 0.1799214761893544,
];

/** 2 / (3 · ln 2), rounded, and in two parts of which the first has half as many digits. */
const factor32 = { whole: 0.9617967009544373, parts: [0.9619140625, -0.00011736857413779944] } as const;
const factor64 = { whole: 0.9617966939259756, parts: [0.9617967009544373, -7.028461650952758e-9] } as const;

interface Pair {
  readonly high: Value;
  readonly low: Value;
}

/** log₂ of a positive finite x; `high` has half of a number's digits. */
const log2InParts = (x: Value): Pair => {
  const { m, e } = decompose(x);
  // s = (m − 1) / (m + 1)
  const f = m.sub(1);
  const inverse = like(m, 1).div(m.add(1));
  const s = f.mul(inverse);
  const sHigh = upperHalf(s);
  const sumHigh = upperHalf(m.add(1));
  const sumLow = m.sub(sumHigh.sub(1));
  const sLow = inverse.mul(f.sub(sHigh.mul(sumHigh)).sub(sHigh.mul(sumLow)));
  // q = 3 · artanh s / s = 3 + s² + …
  const z = s.mul(s);
  const squareHigh = sHigh.mul(sHigh);
  const tail = z
    .mul(z)
    .mul(polynomial(z, perFormat(x, W32, W64)))
    .add(sLow.mul(sHigh.add(s)));
  const qHigh = upperHalf(squareHigh.add(tail).add(3));
  const qLow = tail.sub(qHigh.sub(3).sub(squareHigh));
  // 3 · artanh s = s · q
  const leading = sHigh.mul(qHigh);
  const rest = sLow.mul(qHigh).add(qLow.mul(s));
  const high = upperHalf(leading.add(rest));
  const low = rest.sub(high.sub(leading));
  // times 2 / (3 · ln 2), plus e
  const { whole, parts } = perFormat(x, factor32, factor64);
  const logHigh = high.mul(parts[0]);
  const logLow = high.mul(parts[1]).add(low.mul(whole));
  const sum = upperHalf(logHigh.add(logLow).add(e));
  return { high: sum, low: logLow.sub(sum.sub(e).sub(logHigh)) };
};

/** 2^(high + low) */
const exp2InParts = ({ high, low }: Pair, limit: number): Value => {
  const { float, integer } = nearestInteger(high.add(low).max(-limit).min(limit));
  const fraction = high.sub(float).max(-1).min(1);
  return expReduced(timesLn2(fraction, integer, low.max(-1).min(1)));
};

/** |x|ʸ for positive finite x. */
const powPositive = (x: Value, y: Value): Value => {
  // Larger exponents give 0, 1 or ∞ as these do, and their products do not overflow.
  const bound = perFormat(x, 2 ** 40, 2 ** 70);
  const exponent = y.max(-bound).min(bound);
  const { high, low } = log2InParts(x);
  const upper = upperHalf(exponent);
  const product = {
    high: upper.mul(high),
    low: exponent.sub(upper).mul(high).add(exponent.mul(low)),
  };
  return exp2InParts(product, perFormat(x, 160, 1100));
};

const powFloat = (x: Value, y: Value): Value => {
  const size = x.abs();
  const whole = y.trunc().eq(y);
  const half = y.mul(0.5);
  const odd = whole.and(half.trunc().ne(half));
  const extreme = size.eq(0).or(size.eq(Infinity));
  const vanishes = size.eq(0).xor(y.gt(0)).not();
  const magnitude = extreme.select(vanishes.select(like(x, 0), Infinity), powPositive(size, y));
  const negative = signBit(x).ne(0).and(odd);
  const signed = negative.select(magnitude.neg(), magnitude);
  const undefinedThere = x.lt(0).and(size.lt(Infinity)).and(whole.not());
  const unknown = isNaN(x).or(isNaN(y)).or(undefinedThere);
  return y
    .eq(0)
    .or(x.eq(1))
    .select(like(x, 1), unknown.select(like(x, NaN), signed));
};

/** By squaring; wraps around. Of negative exponents the truncated result: 0, unless x is 1 or −1. */
const powInteger = (x: Value, y: Value): Value => {
  const result = variable(like(x, 1));
  const base = variable(x);
  const exponent = variable(y);
  const positive = y.gt(0);
  loop(x.type.element === 'i64' ? 63 : 31, () => {
    when(positive.and(exponent.ne(0)), () => {
      result.set(exponent.and(1).ne(0).select(result.mul(base), result));
      base.set(base.mul(base));
      exponent.set(exponent.shru(1));
    });
  });
  const ofMinusOne = y.and(1).ne(0).select(like(x, -1), 1);
  const inverse = x.eq(1).select(like(x, 1), x.eq(-1).select(ofMinusOne, 0));
  return y.lt(0).select(inverse, result);
};

/**
 * x to the power y. Floats: at most 2 ulp, and C99's results for 0, ±1, ∞, NaN and negative x (F.10.4.4). Integers
 * wrap around.
 */
export const pow = (x: Value, y: Value): Value =>
  isFloat(x.type.element) ? powFloat(x, y) : powInteger(x, y);
