import { simd } from './row.ts';

/** Relaxed SIMD: what is fastest on the machine, which decides between the results that the proposal allows. */
export const relaxedInstructions = {
  // Where the machine decides: the result for an index of 16 and more
  'i8x16.relaxed_swizzle': simd(0x100, 'v128 v128 -> v128'),

  // … for NaN and what does not fit
  'i32x4.relaxed_trunc_f32x4_s': simd(0x101, 'v128 -> v128'),
  'i32x4.relaxed_trunc_f32x4_u': simd(0x102, 'v128 -> v128'),
  'i32x4.relaxed_trunc_f64x2_s_zero': simd(0x103, 'v128 -> v128'),
  'i32x4.relaxed_trunc_f64x2_u_zero': simd(0x104, 'v128 -> v128'),

  // … one rounding or two: a·b + c, and −(a·b) + c
  'f32x4.relaxed_madd': simd(0x105, 'v128 v128 v128 -> v128'),
  'f32x4.relaxed_nmadd': simd(0x106, 'v128 v128 v128 -> v128'),
  'f64x2.relaxed_madd': simd(0x107, 'v128 v128 v128 -> v128'),
  'f64x2.relaxed_nmadd': simd(0x108, 'v128 v128 v128 -> v128'),

  // … whether a mask lane counts by its top bit or bit for bit
  'i8x16.relaxed_laneselect': simd(0x109, 'v128 v128 v128 -> v128'),
  'i16x8.relaxed_laneselect': simd(0x10a, 'v128 v128 v128 -> v128'),
  'i32x4.relaxed_laneselect': simd(0x10b, 'v128 v128 v128 -> v128'),
  'i64x2.relaxed_laneselect': simd(0x10c, 'v128 v128 v128 -> v128'),

  // … for NaN, and for zeros of either sign
  'f32x4.relaxed_min': simd(0x10d, 'v128 v128 -> v128'),
  'f32x4.relaxed_max': simd(0x10e, 'v128 v128 -> v128'),
  'f64x2.relaxed_min': simd(0x10f, 'v128 v128 -> v128'),
  'f64x2.relaxed_max': simd(0x110, 'v128 v128 -> v128'),

  // … for −32768 · −32768
  'i16x8.relaxed_q15mulr_s': simd(0x111, 'v128 v128 -> v128'),

  // … for a second operand beyond 7 bits
  'i16x8.relaxed_dot_i8x16_i7x16_s': simd(0x112, 'v128 v128 -> v128'),
  'i32x4.relaxed_dot_i8x16_i7x16_add_s': simd(0x113, 'v128 v128 v128 -> v128'),
};
