/** Distances between 16-bit floats, and float64 tensors of the same values. */
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../src/half.ts';

export type Half = 'float16' | 'bfloat16';
export const halves: readonly Half[] = ['float16', 'bfloat16'];

const toBits = { float16: f32ToF16, bfloat16: f32ToBf16 } as const;
const fromBits = { float16: f16ToF32, bfloat16: bf16ToF32 } as const;

/** A number rounded to a 16-bit float. */
export const rounded = (x: number, dtype: Half): number => fromBits[dtype](toBits[dtype](x));

/** Where a 16-bit float stands among all of them: neighbours differ by 1, and both zeros are 0. */
const place = (x: number, dtype: Half): number => {
  const bits = toBits[dtype](x);
  return bits & 0x8000 ? -(bits & 0x7fff) : bits;
};

/** How many 16-bit floats apart two numbers are when both are rounded; NaN is 0 from itself and Infinity from others. */
export const ulpsApart = (x: number, y: number, dtype: Half): number => {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) === Number.isNaN(y) ? 0 : Infinity;
  return Math.abs(place(x, dtype) - place(y, dtype));
};
