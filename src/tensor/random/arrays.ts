/** What the fills share: the arrays they fill, and the values a dtype can hold. */
import { RuntimeError } from '../../errors.ts';
import { dtypes, isFloatingPoint, type DType } from '../../dtype.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../half.ts';
import { fixed, scientific } from '../pyformat.ts';

/** The typed array that holds elements of a dtype; float16 and bfloat16 as bit patterns, bool as 0 and 1. */
export interface ArrayOf {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  int8: Int8Array;
  uint8: Uint8Array;
  bool: Uint8Array;
}
/** An array of some dtype; which, the fills are told beside it, since bit patterns do not tell. */
export type Elements = ArrayOf[DType];
export type FloatDType = 'float32' | 'float64' | 'float16' | 'bfloat16';

/** The floating-point dtypes: significant bits, largest value, rounding of a number to the nearest value. */
export const floats: Readonly<
  Record<FloatDType, { digits: number; max: number; round: (x: number) => number }>
> = {
  float64: { digits: 53, max: Number.MAX_VALUE, round: (x) => x },
  float32: { digits: 24, max: (2 - 2 ** -23) * 2 ** 127, round: Math.fround },
  float16: { digits: 11, max: 65504, round: (x) => f16ToF32(f32ToF16(x)) },
  bfloat16: { digits: 8, max: (2 - 2 ** -7) * 2 ** 127, round: (x) => bf16ToF32(f32ToBf16(x)) },
};

/** What stands in a dtype's array for a number (int64's holds BigInts and is not meant). */
export function elementOf(dtype: DType): (x: number) => number {
  return dtype === 'float16' ? f32ToF16 : dtype === 'bfloat16' ? f32ToBf16 : (x) => x;
}

export const isFloat = (dtype: DType): dtype is FloatDType => isFloatingPoint(dtype);

/** PyTorch's complaint about a dtype that its kernel does not take. */
export const notImplemented = (kernel: string, dtype: DType): RuntimeError =>
  new RuntimeError(`"${kernel}" not implemented for '${dtypes[dtype].scalarType}'`);

/** A number as C++ streams print it: six significant digits, `%g`. */
export function general(x: number): string {
  const [digits = '', exponent] = scientific(x, 5).split('e');
  if (exponent === undefined) return digits; // nan, inf
  const power = Number(exponent);
  return power < -4 || power >= 6 ? `${Number(digits)}e${exponent}` : String(Number(fixed(x, 5 - power)));
}
