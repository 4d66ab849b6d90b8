import { op, type Code, type Frame } from './code.ts';

/**
 * 16-bit floats, four at a time: in an i32x4, whose lanes hold a 16-bit pattern each, to f32x4 and back. To nearest,
 * ties to even; subnormals are exact, infinities stay. A NaN becomes a quiet NaN without its payload when it is
 * narrowed.
 */

const i32x4 = {
  shl: (a: Code, bits: number): Code => op('i32x4.shl', a, [['i32.const', bits]]),
  shru: (a: Code, bits: number): Code => op('i32x4.shr_u', a, [['i32.const', bits]]),
};

/** A bfloat16 is the upper half of a float32. */
export const bf16ToF32 = (bits: Code): Code => i32x4.shl(bits, 16);

export function f32ToBf16(frame: Frame, value: Code): Code {
  const x = frame.keep(value, 'v128');
  const lowestKept = op('v128.and', i32x4.shru(x.value, 16), frame.bits(1));
  const justBelowHalf = op('i32x4.add', x.value, frame.bits(0x7fff));
  const rounded = i32x4.shru(op('i32x4.add', justBelowHalf, lowestKept), 16);
  const isNumber = op('f32x4.eq', x.value, x.value);
  return [...x.before, ...op('v128.bitselect', rounded, frame.bits(0x7fc0), isNumber)];
}

/**
 * Exponent and fraction moved to their places in a float32 are off by the biases only, 127 − 15, subnormals included:
 * a product puts that right. Only infinity and NaN must be given their exponent.
 */
export function f16ToF32(frame: Frame, bits: Code): Code {
  const h = frame.keep(bits, 'v128');
  const magnitude = frame.keep(i32x4.shl(op('v128.and', h.value, frame.bits(0x7fff)), 13), 'v128');
  const scaled = op('f32x4.mul', magnitude.value, frame.bits((127 + 112) << 23)); // 2¹¹²
  const beyondFinite = op('i32x4.gt_s', magnitude.value, frame.bits(0x0f7fffff));
  const exponent = op('v128.and', beyondFinite, frame.bits(0x7f800000));
  const sign = i32x4.shl(op('v128.and', h.value, frame.bits(0x8000)), 16);
  return [...h.before, ...magnitude.before, ...op('v128.or', op('v128.or', scaled, exponent), sign)];
}

/**
 * The addition rounds: |x| beside a power of two so much larger that its fraction's last bit is the half's last
 * bit. The products make what lies beyond the largest half infinite, and undo themselves otherwise.
 *
 * @see fp16_ieee_from_fp32_value in Marat Dukhan's FP16, https://github.com/Maratyszcza/FP16
 */
export function f32ToF16(frame: Frame, value: Code): Code {
  const x = frame.keep(value, 'v128');
  const twice = frame.keep(i32x4.shl(x.value, 1), 'v128'); // without the sign
  const scaled = op(
    'f32x4.mul',
    op('f32x4.mul', op('f32x4.abs', x.value), frame.bits((127 + 112) << 23)), // 2¹¹²
    frame.bits((127 - 110) << 23), // 2⁻¹¹⁰
  );
  const exponent = op('v128.and', twice.value, frame.bits(0xff000000));
  const atLeast = op('i32x4.max_u', exponent, frame.bits(0x71000000)); // subnormals share 2⁻¹⁴'s last bit
  const larger = op('i32x4.add', i32x4.shru(atLeast, 1), frame.bits(15 << 23));
  const rounded = frame.keep(op('f32x4.add', scaled, larger), 'v128');
  const magnitude = op(
    'i32x4.add',
    op('v128.and', i32x4.shru(rounded.value, 13), frame.bits(0x7c00)),
    op('v128.and', rounded.value, frame.bits(0x0fff)),
  );
  const isNumber = op('i32x4.le_u', twice.value, frame.bits(0xff000000));
  const chosen = op('v128.bitselect', magnitude, frame.bits(0x7e00), isNumber);
  const sign = op('v128.and', i32x4.shru(x.value, 16), frame.bits(0x8000));
  return [...x.before, ...twice.before, ...rounded.before, ...op('v128.or', chosen, sign)];
}
