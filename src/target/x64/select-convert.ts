/** From one element type to another, lanes kept. */
import type { Register } from '../../lang/ir.ts';
import { isFloat, isMask, type ElementType, type Type } from '../../lang/types.ts';
import { elementBits, low, vectorBits, type Context, type MaskOperand } from './context.ts';
import type { Gpr, Vector } from './operands.ts';
import { extractLane, insertLanes, join, pieceOf } from './select-lanes.ts';

export const convert = (x: Context, dst: Register, a: Register): void => {
  const [from, to] = [a.type.element, dst.type.element];
  const { lanes } = a.type;
  if (isMask(from)) convertMask(x, dst, a);
  else if (lanes === 1) convertScalar(x, dst, a);
  else if (from === 'f32' && to === 'f64') x.emit('vcvtps2pd', x.place(dst), halved(x.vector(a), a.type));
  else if (from === 'f64' && to === 'f32')
    x.emit('vcvtpd2ps', halved(x.place(dst) as Vector, dst.type), x.vector(a));
  else if (from === 'i32' && to === 'i64') x.emit('vpmovsxdq', x.place(dst), halved(x.vector(a), a.type));
  else if (from === 'i64' && to === 'i32') narrowLongs(x, x.place(dst) as Vector, x.vector(a), a.type);
  else if (isFloat(from)) floatsToIntegers(x, dst, a);
  else integersToFloats(x, dst, a);
};

/** The register as instructions name it whose other operand has elements twice as wide: 64 bits are named xmm, too. */
const halved = (vector: Vector, type: Type): Vector => ({ ...vector, bits: vectorBits(type) });

const convertMask = (x: Context, dst: Register, a: Register): void => {
  if (a.type.lanes === 1) {
    x.move(x.place(dst), x.gpr(a));
    return;
  }
  const from = x.mask(a);
  const to = x.place(dst) as MaskOperand;
  if (from.kind === 'opmask' || to.kind === 'opmask') x.move(to, from);
  else if (elementBits(a.type) === 32) x.emit('vpmovsxdq', to, halved(from, a.type));
  else narrowLongs(x, to, from, a.type);
};

/** The lower halves of 64-bit lanes. */
const narrowLongs = (x: Context, to: Vector, from: Vector, type: Type): void => {
  if (x.avx512) {
    x.emit('vpmovqd', low(to, from.bits === 512 ? 256 : 128), from);
    return;
  }
  const even = x.lir.vector(128);
  const upper = from.bits === 256 ? pieceOf(x, from, 1) : low(from);
  x.emit('vshufps', even, low(from), upper, type.lanes > 2 ? 0x88 : 0x08);
  x.move(low(to), even);
};

const convertScalar = (x: Context, dst: Register, a: Register): void => {
  const [from, to] = [a.type.element as ElementType | 'index', dst.type.element as ElementType | 'index'];
  if (isFloat(from) && isFloat(to)) {
    const value = x.vector(a);
    x.emit(to === 'f64' ? 'vcvtss2sd' : 'vcvtsd2ss', x.place(dst), value, value);
  } else if (isFloat(from)) floatToInteger(x, x.place(dst) as Gpr, x.vector(a), a.type);
  else if (isFloat(to)) integerToFloat(x, x.place(dst) as Vector, x.gpr(a), dst.type);
  else if (from === 'i32') x.emit('movsxd', x.place(dst), { ...x.gpr(a), bits: 32 });
  else x.move(x.place(dst), x.gpr(a));
};

const integerToFloat = (x: Context, to: Vector, from: Gpr, type: Type): void => {
  // The instruction keeps the other lanes of an operand: of one that nothing has to be waited for.
  const zero = x.lir.vector(128);
  x.emit('vxorps', zero, zero, zero);
  x.emit(type.element === 'f32' ? 'vcvtsi2ss' : 'vcvtsi2sd', to, zero, from);
};

/** Beyond the range the instruction gives the least integer. */
const floatToInteger = (x: Context, to: Gpr, from: Vector, type: Type): void => {
  const double = type.element === 'f64';
  const compare = double ? 'vucomisd' : 'vucomiss';
  const result = x.lir.gpr(to.bits);
  const done = x.lir.label('converted');
  const notNaN = x.lir.label('notNaN');
  x.emit(double ? 'vcvttsd2si' : 'vcvttss2si', result, from);
  x.emit(compare, from, from);
  x.jump('np', notNaN);
  x.emit('xor', result, result);
  x.emit('jmp', done);
  x.lir.place(notNaN);
  x.emit(compare, from, x.literalMemory(to.bits === 64 ? 2 ** 63 : 2 ** 31, type));
  x.jump('b', done);
  x.emit('mov', result, to.bits === 64 ? 2n ** 63n - 1n : 2 ** 31 - 1);
  x.lir.place(done);
  x.move(to, result);
};

const integersToFloats = (x: Context, dst: Register, a: Register): void => {
  const to = x.place(dst) as Vector;
  const double = dst.type.element === 'f64';
  if (a.type.element === 'i32') {
    x.emit(double ? 'vcvtdq2pd' : 'vcvtdq2ps', to, halved(x.vector(a), a.type));
  } else if (x.avx512) {
    x.emit(double ? 'vcvtqq2pd' : 'vcvtqq2ps', halved(to, dst.type), x.vector(a));
  } else eachLane(x, to, dst.type, x.vector(a), a.type);
};

/** AVX2 has no conversions of 64-bit integers but those of scalars. */
const eachLane = (x: Context, to: Vector, type: Type, from: Vector, fromType: Type): void => {
  const pieces: Vector[] = [];
  const perPiece = 128 / elementBits(type);
  for (let lane = 0; lane < type.lanes; lane++) {
    const whole = x.lir.gpr(64);
    extractLane(x, whole, from, fromType, lane);
    const value = x.lir.vector(128);
    integerToFloat(x, value, whole, type);
    const within = lane % perPiece;
    if (within === 0) pieces.push(value);
    else if (perPiece === 2) x.emit('vunpcklpd', pieces.at(-1)!, pieces.at(-1)!, value);
    else x.emit('vinsertps', pieces.at(-1)!, pieces.at(-1)!, value, within << 4);
  }
  if (pieces.length === 1) x.move(low(to), pieces[0]!);
  else join(x, to, pieces[0]!, pieces[1]!);
};

const floatsToIntegers = (x: Context, dst: Register, a: Register): void => {
  const to = x.place(dst) as Vector;
  const from = x.vector(a);
  const fromDouble = a.type.element === 'f64';
  if (dst.type.element === 'i32') {
    if (fromDouble) doublesToInts(x, to, from, a.type);
    else floatsToInts(x, to, from, a.type);
  } else if (x.avx512) toLongs(x, to, from, a.type, dst.type);
  else {
    // Lane by lane, of doubles, as which floats are exact.
    let wide = from;
    const type: Type = { element: 'f64', lanes: a.type.lanes };
    if (!fromDouble) x.emit('vcvtps2pd', (wide = x.lir.vector(vectorBits(type))), halved(from, a.type));
    const lanes = Array.from({ length: type.lanes }, (_, lane) => {
      const piece = pieceOf(x, wide, lane >> 1);
      let value = piece;
      if (lane % 2 === 1) x.emit('vunpckhpd', (value = x.lir.vector(128)), piece, piece);
      const whole = x.lir.gpr(64);
      floatToInteger(x, whole, value, { ...type, lanes: 1 });
      return whole;
    });
    insertLanes(x, to, lanes, dst.type);
  }
};

const ORDERED = 7;
const AT_LEAST = 29;

/** Beyond the range the instruction gives 0x80000000; above it its bits are turned round, and where NaN was comes 0. */
const floatsToInts = (x: Context, to: Vector, from: Vector, type: Type): void => {
  const above = x.literalMemory(2 ** 31, type);
  const result = x.temporaryLike(to);
  x.emit('vcvttps2dq', result, from);
  if (x.avx512) {
    const [big, ordered] = [x.lir.opmask(), x.lir.opmask()];
    x.emit('vcmpps', big, from, above, AT_LEAST);
    x.emit('vcmpps', ordered, from, from, ORDERED);
    x.emitMasked(
      { mask: big.number },
      'vxorps',
      result,
      result,
      x.literalMemory(-1, { element: 'i32', lanes: type.lanes }),
    );
    x.emitMasked({ mask: ordered.number, zeroing: true }, 'vmovaps', to, result);
  } else {
    const [big, ordered] = [x.temporaryLike(to), x.temporaryLike(to)];
    x.emit('vcmpps', big, from, above, AT_LEAST);
    x.emit('vxorps', result, result, big);
    x.emit('vcmpps', ordered, from, from, ORDERED);
    x.emit('vandps', to, result, ordered);
  }
};

/** The bounds are doubles, so what is beyond them is first set to them; NaN becomes 0. */
const doublesToInts = (x: Context, to: Vector, from: Vector, type: Type): void => {
  const clamped = x.temporaryLike(from);
  x.emit('vmaxpd', clamped, from, x.literalMemory(-(2 ** 31), type));
  x.emit('vminpd', clamped, clamped, x.literalMemory(2 ** 31 - 1, type));
  if (x.avx512) {
    const ordered = x.lir.opmask();
    x.emit('vcmppd', ordered, from, from, ORDERED);
    x.emitMasked({ mask: ordered.number, zeroing: true }, 'vmovapd', clamped, clamped);
  } else {
    const ordered = x.temporaryLike(from);
    x.emit('vcmppd', ordered, from, from, ORDERED);
    x.emit('vandpd', clamped, clamped, ordered);
  }
  x.emit('vcvttpd2dq', low(to, from.bits === 512 ? 256 : 128), clamped);
};

const toLongs = (x: Context, to: Vector, from: Vector, type: Type, toType: Type): void => {
  const double = type.element === 'f64';
  const compare = double ? 'vcmppd' : 'vcmpps';
  const [big, ordered] = [x.lir.opmask(), x.lir.opmask()];
  const result = x.temporaryLike(to);
  const source = halved(from, type);
  x.emit(double ? 'vcvttpd2qq' : 'vcvttps2qq', result, source);
  x.emit(compare, big, source, x.literalMemory(2 ** 63, type), AT_LEAST);
  x.emit(compare, ordered, source, source, ORDERED);
  x.emitMasked({ mask: big.number }, 'vxorpd', result, result, x.literalMemory(-1n, toType));
  x.emitMasked({ mask: ordered.number, zeroing: true }, 'vmovapd', to, result);
};

/** The same bits under another name. */
export const bitcast = (x: Context, dst: Register, a: Register): void => {
  const { type } = dst;
  if (isMask(a.type.element)) {
    maskBits(x, dst, a);
  } else if (type.lanes > 1) x.move(x.place(dst), x.vector(a));
  else if (isFloat(type.element)) {
    if (isFloat(a.type.element)) x.move(x.place(dst), x.vector(a));
    else x.emit(elementBits(type) === 32 ? 'vmovd' : 'vmovq', x.place(dst), x.gpr(a));
  } else if (isFloat(a.type.element))
    x.emit(elementBits(type) === 32 ? 'vmovd' : 'vmovq', x.place(dst), x.vector(a));
  else x.move(x.place(dst), x.gpr(a));
};

const maskBits = (x: Context, dst: Register, a: Register): void => {
  const { type } = dst;
  if (type.lanes === 1) {
    const spread = x.lir.gpr(64);
    x.emit('mov', { ...spread, bits: 32 }, { ...x.gpr(a), bits: 32 });
    x.emit('neg', spread);
    const to = x.place(dst);
    if (to.kind === 'gpr') x.move(to, spread);
    else x.emit(elementBits(type) === 32 ? 'vmovd' : 'vmovq', to, { ...spread, bits: elementBits(type) });
    return;
  }
  const from = x.mask(a);
  const to = x.place(dst) as Vector;
  if (from.kind === 'opmask') x.emit(elementBits(type) === 32 ? 'vpmovm2d' : 'vpmovm2q', to, from);
  else x.move(to, from);
};
