import { isMask, type RegisterElement, type Type } from '../../lang/types.ts';
import { i32, op, scalarType, type Code, type Frame } from './code.ts';
import type { MnemonicWith } from './instructions.ts';
import { byLane } from './select-arithmetic.ts';

/** Instructions for conversions between element types. */

type Number = 'f32' | 'f64' | 'i32' | 'i64';

/** Float to integer truncates, saturates, and makes 0 of NaN. `null`: the same already. */
const scalars: Readonly<Record<`${Number} ${Number}`, MnemonicWith<'none'> | null>> = {
  'f32 f32': null,
  'f32 f64': 'f64.promote_f32',
  'f32 i32': 'i32.trunc_sat_f32_s',
  'f32 i64': 'i64.trunc_sat_f32_s',
  'f64 f32': 'f32.demote_f64',
  'f64 f64': null,
  'f64 i32': 'i32.trunc_sat_f64_s',
  'f64 i64': 'i64.trunc_sat_f64_s',
  'i32 f32': 'f32.convert_i32_s',
  'i32 f64': 'f64.convert_i32_s',
  'i32 i32': null,
  'i32 i64': 'i64.extend_i32_s',
  'i64 f32': 'f32.convert_i64_s',
  'i64 f64': 'f64.convert_i64_s',
  'i64 i32': 'i32.wrap_i64',
  'i64 i64': null,
};

/** All lanes at once, where there is such an instruction; those of 64 bits pair with the low two of 32. */
const vectors: Readonly<Partial<Record<string, MnemonicWith<'none'>>>> = {
  'f32 f64': 'f64x2.promote_low_f32x4',
  'f64 f32': 'f32x4.demote_f64x2_zero',
  'f32 i32': 'i32x4.trunc_sat_f32x4_s',
  'i32 f32': 'f32x4.convert_i32x4_s',
  'f64 i32': 'i32x4.trunc_sat_f64x2_s_zero',
  'i32 f64': 'f64x2.convert_low_i32x4_s',
  'i32 i64': 'i64x2.extend_low_i32x4_s',
  'm32 m64': 'i64x2.extend_low_i32x4_s',
};

/** The low halves of both 64-bit lanes. */
const lowHalves = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];

export function convert(frame: Frame, from: Type, to: RegisterElement, a: Code): Code {
  const { element, lanes } = from;
  if (element === to) return a;
  if (lanes === 1) {
    if (isMask(element)) return a;
    return convertScalar(scalarType[element], scalarType[to], a);
  }
  const whole = vectors[`${element} ${to}`];
  if (whole !== undefined) return op(whole, a);
  if ((element === 'i64' && to === 'i32') || (element === 'm64' && to === 'm32')) {
    const x = frame.keep(a, 'v128');
    return [...x.before, ...op(['i8x16.shuffle', lowHalves], x.value, x.value)];
  }
  return byLane(frame, from, to, [a], (x) => convertScalar(scalarType[element], scalarType[to], x));
}

function convertScalar(from: Number, to: Number, a: Code): Code {
  const instruction = scalars[`${from} ${to}`];
  return instruction === null ? a : op(instruction, a);
}

/** The same bits as another element type. */
export function bitcast({ element, lanes }: Type, to: RegisterElement, a: Code): Code {
  if (lanes > 1) return a;
  if (!isMask(element)) return reinterpret(scalarType[element], to, a);
  // A scalar mask of either width is an i32, 0 or 1; its bits are all the same.
  const bits = op('i32.sub', i32(0), a);
  return element === 'm32'
    ? reinterpret('i32', to, bits)
    : reinterpret('i64', to, op('i64.extend_i32_s', bits));
}

function reinterpret(from: Number, to: RegisterElement, a: Code): Code {
  if (from === to) return a;
  if (from === 'f32') return op('i32.reinterpret_f32', a);
  if (from === 'f64') return op('i64.reinterpret_f64', a);
  if (to === 'f32') return op('f32.reinterpret_i32', a);
  if (to === 'f64') return op('f64.reinterpret_i64', a);
  return a;
}
