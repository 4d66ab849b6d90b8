/** Distances between 16-bit floats, and float64 tensors of the same values. */
import type { Tensor } from '../../src/index.ts';
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

const numbersOf = (x: Tensor): number[] => Array.from(x.detach().toTypedArray(), Number);

/**
 * The elements that are not the exact ones rounded once, told as text. The neighbour is as good, since float32's own
 * rounding may tip the scale; and so is what is as near as sums of float32 are, which counts where terms cancel.
 */
export const farFrom = (found: Tensor, exact: Tensor, dtype: Half): string[] => {
  const [actual, expected] = [numbersOf(found), numbersOf(exact)];
  const largest = expected.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 0);
  return expected.flatMap((x, k) => {
    const near = ulpsApart(actual[k]!, x, dtype) <= 1 || Math.abs(actual[k]! - x) <= 1e-6 * largest;
    return near ? [] : [`[${String(k)}]: ${String(actual[k])}, not ${String(x)}`];
  });
};
