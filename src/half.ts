/**
 * float16 and bfloat16 on the host. A 16-bit float travels as its bit pattern, a number in 0 … 65535; arrays
 * of them are Uint16Arrays, since Node 20 has no Float16Array.
 *
 * Narrowing takes any JavaScript number and goes double → float → half, rounding twice, because PyTorch does:
 * its c10::Half and c10::BFloat16 can only be made from a float. So 1 + 2⁻¹¹ + 2⁻⁴⁰ becomes 1 in float16,
 * where a single rounding would give 1 + 2⁻¹⁰. Every NaN becomes the one quiet NaN of the narrow format:
 * JavaScript does not tell NaNs apart, so neither their sign nor their payload could be kept reliably.
 *
 * @see IEEE 754-2019, 3.6 (binary16); c10/util/Half.h and c10/util/BFloat16.h in PyTorch
 */
import { ValueError } from './errors.ts';

/** One float32 and its bits, to look at a number from both sides. */
const single = new Float32Array(1);
const bits32 = new Uint32Array(single.buffer);

const F16_INFINITY = 0x7c00;
const F16_NAN = 0x7e00;
const BF16_NAN = 0x7fc0;
const F32_INFINITY = 0x7f800000;
/** 2⁻¹⁴, the smallest normal float16, as float32 bits. */
const F16_SMALLEST_NORMAL = 0x38800000;
/** Exponent biases of float32 and float16: 127 and 15. */
const BIAS_DIFFERENCE = 127 - 15;

/** The value of a float16 bit pattern. Exact: every float16 is a float32. */
export function f16ToF32(bits: number): number {
  const magnitude = bits & 0x7fff;
  const value = magnitude < F16_INFINITY ? finiteF16(magnitude) : magnitude > F16_INFINITY ? NaN : Infinity;
  return bits & 0x8000 ? -value : value;
}

/** Exponent and fraction moved to their places in a float32 are off by the biases only, subnormals included. */
function finiteF16(magnitude: number): number {
  bits32[0] = magnitude << 13;
  return single[0]! * 2 ** BIAS_DIFFERENCE;
}

/**
 * The float16 bit pattern of `x`, first rounded to float32 as in PyTorch: to nearest, ties to even. From 65520
 * on it is infinity; below 2⁻¹⁴ it is subnormal, and 2⁻²⁵ or less becomes zero of the same sign.
 */
export function f32ToF16(x: number): number {
  single[0] = x;
  const sign = (bits32[0]! >>> 16) & 0x8000;
  const magnitude = bits32[0]! & 0x7fffffff;
  if (magnitude > F32_INFINITY) return F16_NAN;
  if (magnitude < F16_SMALLEST_NORMAL) {
    // In units of 2⁻²⁴, the smallest subnormal; beside 2⁵² a double has no fraction, so the sum rounds, once.
    return sign | (Math.abs(single[0]) * 2 ** 24 + 2 ** 52 - 2 ** 52);
  }
  // A carry out of the fraction goes into the exponent, which is what rounding up to a power of two means.
  const rounded = roundOff(magnitude - (BIAS_DIFFERENCE << 23), 13);
  return sign | Math.min(rounded, F16_INFINITY);
}

/** The value of a bfloat16 bit pattern. Exact: a bfloat16 is the upper half of a float32. */
export function bf16ToF32(bits: number): number {
  bits32[0] = bits << 16;
  return single[0]!;
}

/**
 * The bfloat16 bit pattern of `x`, first rounded to float32 as in PyTorch: to nearest, ties to even. Beyond
 * the largest, 3.39e38, it is infinity.
 */
export function f32ToBf16(x: number): number {
  if (x !== x) return BF16_NAN;
  single[0] = x;
  return roundOff(bits32[0]!, 16);
}

/** Drops the lowest `count` bits of an unsigned number below 2³² − 2^count, to nearest, ties to even. */
function roundOff(bits: number, count: number): number {
  const justBelowHalf = (1 << (count - 1)) - 1;
  return (bits + justBelowHalf + ((bits >>> count) & 1)) >>> count;
}

/** {@link f16ToF32} of each element, into `out` or a new array. */
export function f16ArrayToF32(bits: Uint16Array, out = new Float32Array(bits.length)): Float32Array {
  return mapInto('f16ArrayToF32', bits, out, f16ToF32);
}

/** {@link f32ToF16} of each element, into `out` or a new array. */
export function f32ArrayToF16(values: ArrayLike<number>, out = new Uint16Array(values.length)): Uint16Array {
  return mapInto('f32ArrayToF16', values, out, f32ToF16);
}

/** {@link bf16ToF32} of each element, into `out` or a new array. */
export function bf16ArrayToF32(bits: Uint16Array, out = new Float32Array(bits.length)): Float32Array {
  return mapInto('bf16ArrayToF32', bits, out, bf16ToF32);
}

/** {@link f32ToBf16} of each element, into `out` or a new array. */
export function f32ArrayToBf16(values: ArrayLike<number>, out = new Uint16Array(values.length)): Uint16Array {
  return mapInto('f32ArrayToBf16', values, out, f32ToBf16);
}

function mapInto<Out extends Float32Array | Uint16Array>(
  name: string,
  from: ArrayLike<number>,
  to: Out,
  convert: (x: number) => number,
): Out {
  if (from.length !== to.length) {
    throw new ValueError(`${name}: out has ${to.length} elements, expected ${from.length}`);
  }
  for (let i = 0; i < from.length; i++) to[i] = convert(from[i]!);
  return to;
}
