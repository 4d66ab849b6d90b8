/** Floats as bits: what the elementary functions take apart and put together. */
import type { Value } from '../../lang/index.ts';

/** A constant of the value's type. */
export const like = (x: Value, constant: number | bigint): Value => x.builder.constant(constant, x.type);

export type FloatElement = 'f32' | 'f64';

/** An IEEE format. */
export interface Format {
  readonly element: FloatElement;
  /** The integer of the same width. */
  readonly integer: 'i32' | 'i64';
  /** Bits of the fraction, without the hidden one. */
  readonly fraction: number;
  readonly bias: number;
  readonly largest: number;
  /** The least normal number. */
  readonly leastNormal: number;
}

const formats: Readonly<Record<FloatElement, Format>> = {
  f32: {
    element: 'f32',
    integer: 'i32',
    fraction: 23,
    bias: 127,
    largest: (2 - 2 ** -23) * 2 ** 127,
    leastNormal: 2 ** -126,
  },
  f64: {
    element: 'f64',
    integer: 'i64',
    fraction: 52,
    bias: 1023,
    largest: Number.MAX_VALUE,
    leastNormal: 2 ** -1022,
  },
};

export const formatOf = (x: Value): Format => {
  const { element } = x.type;
  if (element === 'f32' || element === 'f64') return formats[element];
  throw new Error(`expected floats, got ${element}`);
};

/** One of two, by the float's width. */
export const perFormat = <T, U>(x: Value, f32: T, f64: U): T | U =>
  formatOf(x).element === 'f32' ? f32 : f64;

/** A float's bits as an integer. */
export const bitsOf = (x: Value): Value => x.bits(formatOf(x).integer);

/** c₀ + c₁·x + c₂·x² + …, by Horner's rule. */
export const polynomial = (x: Value, coefficients: readonly number[]): Value => {
  let sum = like(x, coefficients.at(-1)!);
  for (let k = coefficients.length - 2; k >= 0; k--) sum = sum.fma(x, coefficients[k]!);
  return sum;
};

/**
 * The nearest integer, as a float and as an integer of the same width, where |x| < 2^(fraction − 2): in the sum
 * with 1.5 · 2^fraction the low bits are the integer.
 */
export const nearestInteger = (x: Value): { readonly float: Value; readonly integer: Value } => {
  const { fraction } = formatOf(x);
  const magic = 1.5 * 2 ** fraction;
  const shifted = x.add(magic);
  const integer = bitsOf(shifted).sub(bitsOf(like(x, magic)));
  return { float: shifted.sub(magic), integer };
};

/** 2^n of an integer between the least and the greatest exponent of normal numbers. */
export const powerOfTwo = (n: Value, element: FloatElement): Value => {
  const { fraction, bias } = formats[element];
  return n.add(bias).shl(fraction).bits(element);
};

/**
 * x · 2^n with one rounding, where n may be twice what a normal number's exponent is: first one half of n, which is
 * exact while x is near 1, then the other.
 */
export const scaleByPowerOfTwo = (x: Value, n: Value): Value => {
  const { element } = formatOf(x);
  const half = n.shr(1);
  return x.mul(powerOfTwo(half, element)).mul(powerOfTwo(n.sub(half), element));
};

/** The magnitude of one with the sign bit of another. */
export const copySign = (magnitude: Value, sign: Value): Value => {
  const format = formatOf(magnitude);
  return bitsOf(magnitude.abs()).or(signBit(sign)).bits(format.element);
};

/** x's sign bit alone, as an integer. */
export const signBit = (x: Value): Value => {
  const bits = bitsOf(x);
  const { integer } = formatOf(x);
  return bits.and(like(bits, integer === 'i32' ? -0x80000000 : -0x8000000000000000n));
};

/** x with the lower half of its significand cleared, so that products of two such are exact. */
export const upperHalf = (x: Value): Value => {
  const bits = bitsOf(x);
  const { element, integer } = formatOf(x);
  return bits.and(like(bits, integer === 'i32' ? -0x1000 : -0x8000000n)).bits(element);
};

export const isNaN = (x: Value): Value => x.ne(x);
export const isInfinite = (x: Value): Value => x.abs().eq(Infinity);
export const isFinite = (x: Value): Value => x.abs().lt(Infinity);
