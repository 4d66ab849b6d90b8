/** From lanes to scalars and back: splats, lanes taken out and put in, halves. */
import type { Register } from '../../lang/ir.ts';
import { isFloat, isMask, type Type } from '../../lang/types.ts';
import { elementBits, integerLike, low, vectorBits, type Context, type MaskOperand } from './context.ts';
import type { Gpr, Vector } from './operands.ts';

/** A scalar into every lane. */
export const splat = (x: Context, dst: Register, a: Register): void => {
  const { type } = dst;
  if (isMask(type.element)) {
    splatMask(x, x.place(dst) as MaskOperand, x.gpr(a), type);
    return;
  }
  const to = x.place(dst) as Vector;
  const literal = x.literal(a);
  if (literal !== undefined) x.move(to, x.literalVector(literal, type));
  else if (isFloat(type.element)) x.broadcast(to, low(x.vector(a)), elementBits(type));
  else splatGpr(x, to, x.gpr(a), elementBits(type));
};

const splatGpr = (x: Context, to: Vector, from: Gpr, bits: 32 | 64): void => {
  if (x.avx512) {
    x.emit(bits === 32 ? 'vpbroadcastd' : 'vpbroadcastq', to, { ...from, bits });
    return;
  }
  x.emit(bits === 32 ? 'vmovd' : 'vmovq', low(to), { ...from, bits });
  x.broadcast(to, low(to), bits);
};

const splatMask = (x: Context, to: MaskOperand, from: Gpr, type: Type): void => {
  const bits = x.lir.gpr(64);
  x.emit('mov', { ...bits, bits: 32 }, { ...from, bits: 32 });
  x.emit('neg', bits);
  if (to.kind === 'opmask') x.emit('kmovq', to, bits);
  else splatGpr(x, to, bits, elementBits(type));
};

/** A vector that counts its lanes. */
export const iota = (x: Context, dst: Register): void => {
  const to = x.place(dst) as Vector;
  x.emit('vmovups', to, iotaMemory(x, dst.type));
};

export const iotaMemory = (x: Context, type: Type): ReturnType<Context['literalMemory']> => {
  const size = vectorBits(type) / 8;
  const width = elementBits(type) / 8;
  return x.lir.constant(`iota ${String(size)} ${String(width)}`, () => {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += width) bytes[at] = at / width;
    return bytes;
  });
};

/** 128 bits of a vector, number `piece`. */
export const pieceOf = (x: Context, from: Vector, piece: number): Vector => {
  if (piece === 0) return low(from);
  const part = x.lir.vector(128);
  if (from.bits === 512) x.emit('vextractf32x4', part, from, piece);
  else x.emit(x.avx512 ? 'vextractf32x4' : 'vextractf128', part, from, piece);
  return part;
};

/** The upper half of a vector. */
export const upperHalf = (x: Context, from: Vector): Vector => {
  if (from.bits === 256) return pieceOf(x, from, 1);
  const half = x.lir.vector(256);
  x.emit('vextractf64x4', half, from, 1);
  return half;
};

/** Two halves as one vector. */
export const join = (x: Context, to: Vector, lower: Vector, upper: Vector): void => {
  if (to.bits === 512) x.emit('vinsertf64x4', to, { ...lower, bits: 512 }, { ...upper, bits: 256 }, 1);
  else
    x.emit(
      x.avx512 ? 'vinsertf32x4' : 'vinsertf128',
      to,
      { ...lower, bits: 256 },
      { ...upper, bits: 128 },
      1,
    );
};

/** A lane of a vector of numbers into a general-purpose register. */
export const extractLane = (x: Context, to: Gpr, from: Vector, type: Type, lane: number): void => {
  const bits = elementBits(type);
  const perPiece = 128 / bits;
  const piece = pieceOf(x, from, Math.floor(lane / perPiece));
  const within = lane % perPiece;
  const sized: Gpr = { ...to, bits };
  if (within === 0) x.emit(bits === 32 ? 'vmovd' : 'vmovq', sized, piece);
  else x.emit(bits === 32 ? 'vpextrd' : 'vpextrq', sized, piece, within);
};

/** Scalars as the lanes of a vector. */
export const insertLanes = (x: Context, to: Vector, lanes: readonly Gpr[], type: Type): void => {
  const bits = elementBits(type);
  const perPiece = 128 / bits;
  const pieces: Vector[] = [];
  lanes.forEach((lane, k) => {
    const sized: Gpr = { ...lane, bits };
    if (k % perPiece === 0) {
      pieces.push(x.lir.vector(128));
      x.emit(bits === 32 ? 'vmovd' : 'vmovq', pieces.at(-1)!, sized);
    } else {
      const piece = pieces.at(-1)!;
      x.emit(bits === 32 ? 'vpinsrd' : 'vpinsrq', piece, piece, sized, k % perPiece);
    }
  });
  assemblePieces(x, to, pieces);
};

/** Pieces of 128 bits as one vector; a power of two of them. */
export const assemblePieces = (x: Context, to: Vector, pieces: readonly Vector[]): void => {
  if (pieces.length === 1) {
    x.move(low(to), pieces[0]!);
    return;
  }
  const half = (parts: readonly Vector[]): Vector => {
    if (parts.length === 1) return parts[0]!;
    const joined = x.lir.vector(256);
    join(x, joined, parts[0]!, parts[1]!);
    return joined;
  };
  const middle = pieces.length / 2;
  join(x, to, half(pieces.slice(0, middle)), half(pieces.slice(middle)));
};

/** One lane as a scalar. */
export const extract = (x: Context, dst: Register, a: Register, lane: number): void => {
  const { type } = a;
  if (isMask(type.element)) {
    extractMask(x, x.place(dst) as Gpr, x.mask(a), type, lane);
  } else if (isFloat(type.element)) {
    const bits = elementBits(type);
    const perPiece = 128 / bits;
    const piece = pieceOf(x, x.vector(a), Math.floor(lane / perPiece));
    const to = x.place(dst) as Vector;
    const within = lane % perPiece;
    if (within === 0) x.move(to, piece);
    else if (bits === 32) x.emit('vshufps', to, piece, piece, within);
    else x.emit('vunpckhpd', to, piece, piece);
  } else extractLane(x, x.place(dst) as Gpr, x.vector(a), type, lane);
};

const extractMask = (x: Context, to: Gpr, from: MaskOperand, type: Type, lane: number): void => {
  if (from.kind === 'opmask') {
    const bits = x.lir.gpr(64);
    x.emit('kmovq', bits, from);
    if (lane > 0) x.emit('shr', bits, lane);
    x.move(to, { ...bits, bits: 32 });
  } else {
    extractLane(x, to, from, integerLike(type), lane);
  }
  x.emit('and', { ...to, bits: 32 }, 1);
};

/** Whether any lane of a mask is set: leaves the flag ZF clear if so. */
export const anyToFlags = (x: Context, from: MaskOperand, type: Type): void => {
  const bits = x.lir.gpr(64);
  const word: Gpr = { ...bits, bits: 32 };
  if (from.kind === 'opmask') x.emit('kmovq', bits, from);
  else x.emit(elementBits(type) === 32 ? 'vmovmskps' : 'vmovmskpd', word, from);
  // Lanes that the type does not have hold anything.
  if (type.lanes >= 64) x.emit('test', bits, bits);
  else x.emit('test', type.lanes > 31 ? bits : word, 2 ** type.lanes - 1);
};
