/** Numbers as elements of a dtype. */
import { dtypes, type DType } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../half.ts';

/** What c10::convert lets through, and the name of the C++ type in its complaint about anything else. */
const limits: Readonly<
  Record<DType, { readonly least: number; readonly most: number; readonly type: string }>
> = {
  float64: { least: -Number.MAX_VALUE, most: Number.MAX_VALUE, type: 'double' },
  float32: { least: -(2 - 2 ** -23) * 2 ** 127, most: (2 - 2 ** -23) * 2 ** 127, type: 'float' },
  bfloat16: { least: -(2 - 2 ** -7) * 2 ** 127, most: (2 - 2 ** -7) * 2 ** 127, type: 'at::BFloat16' },
  float16: { least: -65504, most: 65504, type: 'at::Half' },
  int64: { least: -(2 ** 63), most: 2 ** 63 - 1024, type: 'int64_t' },
  int32: { least: -(2 ** 31), most: 2 ** 31 - 1, type: 'int' },
  int8: { least: -128, most: 127, type: 'int8_t' },
  // Negative numbers wrap around.
  uint8: { least: -255, most: 255, type: 'uint8_t' },
  bool: { least: -Infinity, most: Infinity, type: 'bool' },
};

/**
 * A number as an element that is to be written: of integers without its fraction, as a bool whether it is not 0.
 *
 * @throws RuntimeError `value cannot be converted to type uint8_t without overflow`
 */
export const elementFrom = (value: number | bigint | boolean, dtype: DType): number | bigint => {
  if (dtype === 'bool') return Number(Boolean(value) || Number.isNaN(value));
  if (typeof value === 'boolean') return Number(value);
  const { least, most, type } = limits[dtype];
  const float = dtypes[dtype].category === 'float';
  if (float && !Number.isFinite(Number(value))) return value;
  const whole = float || typeof value === 'bigint' ? value : Math.trunc(value);
  if (!(whole >= least && whole <= most)) {
    throw new RuntimeError(`value cannot be converted to type ${type} without overflow`);
  }
  return whole;
};

/** The 16-bit float that is nearest to a number; for other dtypes, whose rounding is left to kernels, the number. */
export const nearestHalf = (value: number, dtype: DType): number => {
  if (dtype === 'float16') return f16ToF32(f32ToF16(value));
  return dtype === 'bfloat16' ? bf16ToF32(f32ToBf16(value)) : value;
};
