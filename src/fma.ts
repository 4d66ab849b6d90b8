/**
 * Fused multiply-add, a·b + c with one rounding, from arithmetic that rounds after each step: what a
 * processor's instruction does, on the host. PyTorch's kernels are compiled with it.
 *
 * Where rounding twice could go wrong, the first rounding is made to odd: an inexact sum gets an odd last bit,
 * so it can be mistaken neither for a value of the final format nor for the middle between two.
 *
 * @see Boldo & Melquiond 2008, "Emulation of FMA and correctly rounded sums", doi:10.1109/TC.2007.70819
 */

/** One double and its words, low first: every host of JavaScript engines with WebAssembly is little-endian. */
const double = new Float64Array(1);
const half = new Int32Array(double.buffer);

const SMALLEST_NORMAL_F32 = 2 ** -126;
/** The bits of a double that float32 drops, and their pattern halfway between two normal float32s. */
const DROPPED = 0x1fffffff;
const HALFWAY = 0x10000000;

/** Float32 a·b + c, rounded once; exact for all float32 arguments. */
export function fma32(a: number, b: number, c: number): number {
  const product = a * b; // exact: 48 bits
  const sum = product + c;
  double[0] = sum;
  // Rounding the sum again, to float32, can go wrong only where the first rounding hit a middle.
  if ((half[0]! & DROPPED) !== HALFWAY && Math.abs(sum) >= SMALLEST_NORMAL_F32) return Math.fround(sum);
  return Math.fround(toOdd(sum, sumError(product, c, sum)));
}

/** Splits a double into two of 26 bits (Veltkamp): 2²⁷ + 1. */
const SPLITTER = 134217729;
/** Within these, no step of the splitting overflows and no error term underflows. */
const LARGEST = 2 ** 990;
const SMALLEST_PRODUCT = 2 ** -900;

/** Float64 a·b + c, rounded once; exact for all arguments. */
export function fma64(a: number, b: number, c: number): number {
  const product = a * b;
  const size = Math.abs(product);
  if (
    !(size > SMALLEST_PRODUCT && size < LARGEST) ||
    !(Math.abs(a) < LARGEST && Math.abs(b) < LARGEST && Math.abs(c) < LARGEST)
  ) {
    return fmaExact(a, b, c);
  }
  // Dekker: a·b = product + productError, exactly.
  const aSplit = a * SPLITTER;
  const aHigh = aSplit - (aSplit - a);
  const aLow = a - aHigh;
  const bSplit = b * SPLITTER;
  const bHigh = bSplit - (bSplit - b);
  const bLow = b - bHigh;
  const productError = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);

  const low = c + productError;
  const lowError = sumError(c, productError, low);
  const high = product + low;
  const highError = sumError(product, low, high);
  const rest = lowError + highError;
  return high + toOdd(rest, sumError(lowError, highError, rest));
}

/** x + y − sum, exactly, for sum = x + y rounded (Knuth's TwoSum). */
function sumError(x: number, y: number, sum: number): number {
  const yPart = sum - x;
  return x - (sum - yPart) + (y - yPart);
}

/** A sum that was rounded to nearest, with that rounding's error, as if it had been rounded to odd. */
function toOdd(sum: number, error: number): number {
  double[0] = sum;
  // An error that is NaN belongs to a sum that is infinite or NaN: leave it.
  if (!(error < 0 || error > 0) || half[0]! & 1) return sum;
  if (error > 0 === sum > 0) {
    half[0]! |= 1; // even: the next one away from zero
  } else {
    if (half[0] === 0) half[1]!--;
    half[0]!--; // the next one towards zero
  }
  return double[0];
}

/** For magnitudes that the fast way cannot take: in integers. */
function fmaExact(a: number, b: number, c: number): number {
  if (a === 0 || b === 0 || !Number.isFinite(a) || !Number.isFinite(b)) return a * b + c;
  if (!Number.isFinite(c)) return c; // a · b is finite, though as a double it might not be
  const x = parts(a);
  const y = parts(b);
  const z = parts(c);
  const exponent = Math.min(x.exponent + y.exponent, z.exponent);
  const product = (x.integer * y.integer) << BigInt(x.exponent + y.exponent - exponent);
  return toDouble(product + (z.integer << BigInt(z.exponent - exponent)), exponent);
}

/** x = integer · 2^exponent. */
function parts(x: number): { integer: bigint; exponent: number } {
  double[0] = x;
  const biased = (half[1]! >>> 20) & 0x7ff;
  const fraction = (BigInt(half[1]! & 0xfffff) << 32n) | BigInt(half[0]! >>> 0);
  const magnitude = biased === 0 ? fraction : fraction | (1n << 52n);
  return { integer: half[1]! < 0 ? -magnitude : magnitude, exponent: Math.max(biased, 1) - 1075 };
}

/** integer · 2^exponent, rounded to nearest, ties to even. */
function toDouble(integer: bigint, exponent: number): number {
  const magnitude = integer < 0n ? -integer : integer;
  const drop = Math.max(magnitude.toString(2).length - 53, -1074 - exponent, 0);
  const kept = magnitude >> BigInt(drop);
  const twiceDropped = (magnitude - (kept << BigInt(drop))) << 1n;
  const unit = 1n << BigInt(drop);
  const up = twiceDropped > unit || (twiceDropped === unit && (kept & 1n) === 1n);
  const rounded = Number(up ? kept + 1n : kept) * 2 ** (exponent + drop);
  return integer < 0n ? -rounded : rounded;
}
