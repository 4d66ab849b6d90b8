/** Correct rounding by definition, in whole numbers of any size: the oracle for floating-point arithmetic. */

/** A finite number as a fraction. */
export interface Fraction {
  readonly n: bigint;
  /** Positive. */
  readonly d: bigint;
}

export const plus = (x: Fraction, y: Fraction): Fraction => ({ n: x.n * y.d + y.n * x.d, d: x.d * y.d });
export const times = (x: Fraction, y: Fraction): Fraction => ({ n: x.n * y.n, d: x.d * y.d });
export const negative = (x: Fraction): Fraction => ({ n: -x.n, d: x.d });
export const over = (x: Fraction, y: Fraction): Fraction =>
  y.n < 0n ? { n: -x.n * y.d, d: x.d * -y.n } : { n: x.n * y.d, d: x.d * y.n };

/** The exact value of a finite double or a whole number. */
export function fraction(x: number | bigint): Fraction {
  if (typeof x === 'bigint') return { n: x, d: 1n };
  if (!Number.isFinite(x)) throw new Error(`${x} is no fraction`);
  let n = x;
  let d = 1n;
  while (!Number.isInteger(n)) {
    n *= 2;
    d *= 2n;
  }
  return { n: BigInt(n), d };
}

const formats = {
  f32: { digits: 24, smallest: -149, infinity: 2n ** 128n },
  f64: { digits: 53, smallest: -1074, infinity: 2n ** 1024n },
} as const;

/** The float nearest to a fraction, ties to even, beyond the largest infinity; zero is +0. */
export function rounded({ n, d }: Fraction, format: keyof typeof formats): number {
  const { digits, smallest, infinity } = formats[format];
  const size = n < 0n ? -n : n;
  // size / d = quotient · 2^exponent, with as many digits as the format has, or as deep as it reaches.
  let exponent = Math.max(bitLength(size) - bitLength(d) - digits, smallest);
  if (size * power(-exponent) >= d * power(exponent) * power(digits)) exponent++;
  const whole = size * power(-exponent);
  const unit = d * power(exponent);
  const twiceRest = 2n * (whole % unit);
  let quotient = whole / unit;
  if (twiceRest > unit || (twiceRest === unit && quotient % 2n === 1n)) quotient++;
  const value = quotient * power(exponent) >= infinity ? Infinity : Number(quotient) * 2 ** exponent;
  return n < 0n ? -value : value;
}

/** 2^exponent, or 1 for a negative one. */
const power = (exponent: number): bigint => 1n << BigInt(Math.max(exponent, 0));

const bitLength = (x: bigint): number => (x === 0n ? 0 : x.toString(2).length);
