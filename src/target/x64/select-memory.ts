/** Loads and stores. What a count leaves out is not touched: the machine's masks do not fault on it. */
import type { Access, Register, Statement } from '../../lang/ir.ts';
import { storageBytes, type StorageType, type Type } from '../../lang/types.ts';
import { elementBits, integerLike, low, vectorBits, type Context } from './context.ts';
import type { Gpr, Label, Memory, Opmask, Vector } from './operands.ts';
import { assemblePieces, iotaMemory, pieceOf } from './select-lanes.ts';

const isNarrow = (storage: StorageType): boolean => storageBytes[storage] < 4;

const at = (x: Context, access: Pick<Access, 'address' | 'displacement'>, bits: number, more = 0): Memory =>
  x.memory(access.address, bits, access.displacement + more);

export const load = (x: Context, dst: Register, access: Access): void => {
  const { type } = dst;
  const { storage } = access;
  if (type.lanes === 1) {
    const guarded = access.count;
    if (guarded === undefined) loadScalar(x, dst, access);
    else {
      const done = x.lir.label('loaded');
      zeroScalar(x, dst);
      x.emit('cmp', x.gpr(guarded), 0);
      x.jump('le', done);
      loadScalar(x, dst, access);
      x.lir.place(done);
    }
    return;
  }
  const to = x.place(dst) as Vector;
  if (access.stride !== undefined) {
    if (pairs(x, to, access, type)) return;
    widen(x, to, gatherLanes(x, access, type), storage, type);
  } else if (access.count === undefined) loadWhole(x, to, access, type);
  else loadSome(x, to, access, access.count, type);
};

/** One whole number of 32 bits, as an index. */
export const loadIndex = (x: Context, dst: Register, access: Access): void => {
  x.emit('movsxd', x.place(dst), at(x, access, 32));
};

/** Neither faults, whatever the address. */
export const prefetch = (x: Context, statement: Statement & { op: 'prefetch' }): void => {
  x.emit(statement.to === 'write' ? 'prefetchw' : 'prefetcht0', at(x, statement, 8));
};

const zeroScalar = (x: Context, dst: Register): void => {
  const to = x.place(dst);
  if (to.kind === 'gpr') x.emit('xor', { ...to, bits: 32 }, { ...to, bits: 32 });
  else x.emit('vxorps', to, to, to);
};

const loadScalar = (x: Context, dst: Register, access: Access): void => {
  const to = x.place(dst);
  switch (access.storage) {
    case 'f32':
      x.emit('vmovss', to, at(x, access, 32));
      break;
    case 'f64':
      x.emit('vmovsd', to, at(x, access, 64));
      break;
    case 'i32':
    case 'i64':
      x.emit('mov', to, at(x, access, elementBits(dst.type)));
      break;
    case 'i8':
      x.emit('movsx', to, at(x, access, 8));
      break;
    case 'u8':
      x.emit('movzx', to, at(x, access, 8));
      break;
    case 'f16':
    case 'bf16': {
      const bits = x.lir.gpr(32);
      x.emit('movzx', bits, at(x, access, 16));
      if (access.storage === 'bf16') x.emit('shl', bits, 16);
      x.emit('vmovd', to, bits);
      if (access.storage === 'f16') x.emit('vcvtph2ps', to, low(to as Vector));
    }
  }
};

/** One element of memory in every lane. */
export const loadSplat = (x: Context, dst: Register, access: Access): void => {
  const { type } = dst;
  if (type.lanes === 1) {
    loadScalar(x, dst, access);
    return;
  }
  const to = x.place(dst) as Vector;
  const { storage } = access;
  if (!isNarrow(storage)) {
    x.broadcast(to, at(x, access, elementBits(type)));
    return;
  }
  const half = low(to, to.bits === 512 ? 256 : 128);
  if (storage === 'f16' || storage === 'bf16') {
    const words = x.lir.vector(half.bits);
    x.emit('vpbroadcastw', words, at(x, access, 16));
    widen(x, to, words, storage, type);
  } else {
    const one = x.lir.gpr(32);
    x.emit(storage === 'i8' ? 'movsx' : 'movzx', one, at(x, access, 8));
    const first = x.lir.vector(128);
    x.emit('vmovd', first, one);
    x.broadcast(to, first, 32);
  }
};

/** How the elements of a vector lie in memory, one after the other: in so many bits. */
const packedBits = (storage: StorageType, type: Type): number => storageBytes[storage] * 8 * type.lanes;

const loadWhole = (x: Context, to: Vector, access: Access, type: Type): void => {
  const { storage } = access;
  const bits = packedBits(storage, type);
  if (!isNarrow(storage)) {
    if (bits >= 128) x.emit('vmovups', to, at(x, access, bits));
    else x.emit('vmovq', to, at(x, access, 64));
    return;
  }
  if (bits >= 32) {
    widenFrom(x, to, at(x, access, bits), storage, type);
    return;
  }
  // Two bytes.
  const two = x.lir.gpr(32);
  x.emit('movzx', two, at(x, access, 16));
  const first = x.lir.vector(128);
  x.emit('vmovd', first, two);
  widen(x, to, first, storage, type);
};

const loadSome = (x: Context, to: Vector, access: Access, count: Register, type: Type): void => {
  const { storage } = access;
  const bits = packedBits(storage, type);
  if (x.avx512) {
    const mask = maskOfCount(x, count);
    if (!isNarrow(storage)) {
      const name = elementBits(type) === 32 ? 'vmovups' : 'vmovupd';
      x.emitMasked({ mask: mask.number, zeroing: true }, name, to, at(x, access, to.bits));
      return;
    }
    const packed = x.lir.vector(Math.max(bits, 128) as 128 | 256);
    const name = storageBytes[storage] === 1 ? 'vmovdqu8' : 'vmovdqu16';
    x.emitMasked({ mask: mask.number, zeroing: true }, name, packed, at(x, access, packed.bits));
    widen(x, to, packed, storage, type);
  } else if (!isNarrow(storage)) {
    const mask = vectorOfCount(x, count, type);
    x.emit(elementBits(type) === 32 ? 'vmaskmovps' : 'vmaskmovpd', to, mask, at(x, access, to.bits));
  } else widen(x, to, gatherLanes(x, access, type), storage, type);
};

/** The lowest `count` bits; a count beyond 64 sets all. */
const maskOfCount = (x: Context, count: Register): Opmask => {
  const known = x.maskOfCount(count);
  if (known !== undefined) return known;
  const ones = x.lir.gpr(64);
  x.emit('mov', ones, -1);
  x.emit('bzhi', ones, ones, x.gpr(count));
  const mask = x.lir.opmask();
  x.emit('kmovq', mask, ones);
  x.noteMaskOfCount(count, mask);
  return mask;
};

/** Ones in the lanes below `count`. */
const vectorOfCount = (x: Context, count: Register, type: Type): Vector => {
  const lanes = integerLike(type);
  const mask = x.lir.vector(vectorBits(type));
  const wide = elementBits(type) === 64;
  x.emit(wide ? 'vmovq' : 'vmovd', low(mask), { ...x.gpr(count), bits: wide ? 64 : 32 });
  x.broadcast(mask, low(mask), wide ? 64 : 32);
  x.emit(wide ? 'vpcmpgtq' : 'vpcmpgtd', mask, mask, iotaMemory(x, lanes));
  return mask;
};

/** Elements as they lie in memory, widened to what one computes with. */
const widen = (x: Context, to: Vector, from: Vector, storage: StorageType, type: Type): void => {
  if (!isNarrow(storage)) x.move(to, from);
  else widenFrom(x, to, from, storage, type);
};

const widenFrom = (
  x: Context,
  to: Vector,
  source: Vector | Memory,
  storage: StorageType,
  type: Type,
): void => {
  const bits = packedBits(storage, type);
  const from = source.kind === 'vector' ? low(source, Math.max(bits, 128) as 128 | 256) : source;
  switch (storage) {
    case 'f16':
      if (from.kind === 'memory' && bits < 64) {
        const first = x.lir.vector(128);
        x.emit('vmovd', first, from);
        x.emit('vcvtph2ps', to, first);
      } else x.emit('vcvtph2ps', to, from);
      break;
    case 'bf16': {
      if (from.kind === 'memory' && bits < 64) {
        const first = x.lir.vector(128);
        x.emit('vmovd', first, from);
        x.emit('vpmovzxwd', to, first);
      } else x.emit('vpmovzxwd', to, from);
      x.emit('vpslld', to, to, 16);
      break;
    }
    case 'i8':
      x.emit('vpmovsxbd', to, from);
      break;
    case 'u8':
      x.emit('vpmovzxbd', to, from);
      break;
    default:
      throw new Error(`${storage} is as wide in memory as in registers`);
  }
};

/** Calls `touch` with the memory of lane after lane, as far as the count goes. */
const eachElement = (
  x: Context,
  access: Access,
  lanes: number,
  touch: (lane: number, element: Memory) => void,
): void => {
  const bytes = storageBytes[access.storage];
  const done: Label = x.lir.label('lanesDone');
  const fixed = access.stride === undefined ? bytes : x.immediate(access.stride);
  const far = fixed !== undefined && fixed >= 0 && access.displacement + fixed * lanes < 2 ** 31;
  const place = far ? undefined : walkBy(x, access, fixed);
  for (let lane = 0; lane < lanes; lane++) {
    if (access.count !== undefined) {
      x.emit('cmp', x.gpr(access.count), lane);
      x.jump('le', done);
    }
    touch(lane, place?.(lane) ?? at(x, access, bytes * 8, lane * (fixed ?? 0)));
  }
  if (access.count !== undefined) x.lir.place(done);
};

/** Memory of lane after lane, a stride in a register apart: four from each base. */
const walkBy = (x: Context, access: Access, fixed: number | undefined): ((lane: number) => Memory) => {
  const bits = storageBytes[access.storage] * 8;
  const stride = x.lir.gpr(64);
  if (fixed === undefined) x.move(stride, x.gpr(access.stride!));
  else x.emit('mov', stride, fixed);
  const thrice = x.lir.gpr(64);
  x.emit('lea', thrice, { kind: 'memory', bits: 64, base: stride.number, index: stride.number, scale: 2 });
  const base = x.lir.gpr(64);
  x.emit('lea', base, at(x, access, 64));
  return (lane) => {
    const within = lane % 4;
    if (lane > 0 && within === 0) {
      x.emit('lea', base, { kind: 'memory', bits: 64, base: base.number, index: stride.number, scale: 4 });
    }
    const memory: Memory = { kind: 'memory', bits, base: base.number };
    if (within === 0) return memory;
    if (within === 3) return { ...memory, index: thrice.number, scale: 1 };
    return { ...memory, index: stride.number, scale: within as 1 | 2 };
  };
};

/** Elements that do not lie one after the other, or not all of which are wanted, as they would lie in memory. */
const gatherLanes = (x: Context, access: Access, type: Type): Vector => {
  const bytes = storageBytes[access.storage];
  const perPiece = 16 / bytes;
  const pieces = Array.from({ length: Math.ceil(type.lanes / perPiece) }, () => {
    const piece = x.lir.vector(128);
    x.emit('vxorps', piece, piece, piece);
    return piece;
  });
  eachElement(x, access, type.lanes, (lane, element) => {
    const piece = pieces[Math.floor(lane / perPiece)]!;
    const within = lane % perPiece;
    if (bytes === 4) {
      if (within === 0) x.emit('vmovss', piece, element);
      else x.emit('vinsertps', piece, piece, element, within << 4);
    } else if (bytes === 8) {
      if (within === 0) x.emit('vmovsd', piece, element);
      else x.emit('vmovhps', piece, piece, element);
    } else x.emit(bytes === 1 ? 'vpinsrb' : 'vpinsrw', piece, piece, element, within);
  });
  if (pieces.length === 1) return pieces[0]!;
  const all = x.lir.vector((pieces.length * 128) as 256 | 512);
  assemblePieces(x, all, pieces);
  return all;
};

/**
 * Every second float: two loads that touch nothing but what lies between the first and the last of them, and one
 * shuffle. False when the access is not of that form.
 */
const pairs = (x: Context, to: Vector, access: Access, type: Type): boolean => {
  const { storage, count, stride } = access;
  if (count !== undefined || storageBytes[storage] !== 4 || x.immediate(stride!) !== 8 || type.lanes < 4)
    return false;
  const { lanes } = type;
  const [first, last] = [x.temporaryLike(to), x.temporaryLike(to)];
  x.emit('vmovups', first, at(x, access, to.bits));
  x.emit('vmovups', last, at(x, access, to.bits, 4 * lanes - 4));
  if (x.avx512 && lanes > 4) {
    const order = x.temporaryLike(to);
    const chosen = x.lir.constant(`pairs ${String(lanes)}`, () => {
      const indices = Int32Array.from({ length: lanes }, (_, k) => (k < lanes / 2 ? 2 * k : 2 * k + 1));
      return new Uint8Array(indices.buffer);
    });
    x.emit('vmovups', order, chosen);
    x.emit('vpermi2ps', order, first, last);
    x.move(to, order);
  } else if (lanes === 4) x.emit('vshufps', to, first, last, 0xd8);
  else {
    x.emit('vshufps', to, first, last, 0xd8);
    x.emit('vpermpd', to, to, 0xd8);
  }
  return true;
};

export const store = (x: Context, src: Register, access: Access): void => {
  const { type } = src;
  const { storage, count } = access;
  if (type.lanes === 1) {
    if (count === undefined) storeScalar(x, src, access);
    else {
      const done = x.lir.label('stored');
      x.emit('cmp', x.gpr(count), 0);
      x.jump('le', done);
      storeScalar(x, src, access);
      x.lir.place(done);
    }
    return;
  }
  const value = x.vector(src);
  const packed = isNarrow(storage) ? narrow(x, value, storage, type) : value;
  if (access.stride !== undefined) {
    scatterLanes(x, packed, access, type);
    return;
  }
  const bits = packedBits(storage, type);
  if (count === undefined) {
    storeBits(x, packed, access, bits);
  } else if (x.avx512) {
    const mask = maskOfCount(x, count);
    const bytes = storageBytes[storage];
    const names = { 1: 'vmovdqu8', 2: 'vmovdqu16', 4: 'vmovups', 8: 'vmovupd' } as const;
    const whole = low(packed, Math.max(bits, 128) as Vector['bits']);
    x.emitMasked({ mask: mask.number }, names[bytes as 1 | 2 | 4 | 8], at(x, access, whole.bits), whole);
  } else if (isNarrow(storage)) scatterLanes(x, packed, access, type);
  else {
    const mask = vectorOfCount(x, count, type);
    x.emit(elementBits(type) === 32 ? 'vmaskmovps' : 'vmaskmovpd', at(x, access, value.bits), mask, value);
  }
};

const storeBits = (x: Context, packed: Vector, access: Access, bits: number): void => {
  if (bits >= 128) x.emit('vmovups', at(x, access, bits), low(packed, bits as Vector['bits']));
  else if (bits === 64) x.emit('vmovq', at(x, access, 64), low(packed));
  else if (bits === 32) x.emit('vmovd', at(x, access, 32), low(packed));
  else x.emit('vpextrw', at(x, access, 16), low(packed), 0);
};

const storeScalar = (x: Context, src: Register, access: Access): void => {
  const { storage } = access;
  switch (storage) {
    case 'f32':
      x.emit('vmovss', at(x, access, 32), x.vector(src));
      break;
    case 'f64':
      x.emit('vmovsd', at(x, access, 64), x.vector(src));
      break;
    case 'i32':
    case 'i64':
    case 'i8':
    case 'u8': {
      const bits = (storageBytes[storage] * 8) as Gpr['bits'];
      x.emit('mov', at(x, access, bits), { ...x.gpr(src), bits });
      break;
    }
    case 'f16':
    case 'bf16':
      x.emit(
        'vpextrw',
        at(x, access, 16),
        low(narrow(x, x.vector(src), storage, { element: 'f32', lanes: 4 })),
        0,
      );
  }
};

const scatterLanes = (x: Context, packed: Vector, access: Access, type: Type): void => {
  const bytes = storageBytes[access.storage];
  const perPiece = 16 / bytes;
  const pieces = Array.from({ length: Math.ceil(type.lanes / perPiece) }, (_, k) =>
    pieceOf(x, low(packed, Math.max(packedBits(access.storage, type), 128) as Vector['bits']), k),
  );
  eachElement(x, access, type.lanes, (lane, element) => {
    const piece = pieces[Math.floor(lane / perPiece)]!;
    const within = lane % perPiece;
    if (bytes === 4) x.emit('vextractps', element, piece, within);
    else if (bytes === 8) x.emit(within === 0 ? 'vmovsd' : 'vmovhps', element, piece);
    else x.emit(bytes === 1 ? 'vpextrb' : 'vpextrw', element, piece, within);
  });
};

/** Narrowed to the storage's width, the elements one after the other in the lowest bits. */
const narrow = (x: Context, value: Vector, storage: StorageType, type: Type): Vector => {
  switch (storage) {
    case 'f16':
      return narrowToF16(x, value);
    case 'bf16':
      return packWords(x, bf16Bits(x, value, type), type);
    default:
      return packBytes(x, value, type);
  }
};

/** F16C rounds to nearest even; a NaN, of which it would keep payload and sign, is first made the usual one. */
const narrowToF16 = (x: Context, value: Vector): Vector => {
  const lanes = value.bits / 32;
  const type: Type = { element: 'f32', lanes };
  const result = x.lir.vector(value.bits === 512 ? 256 : 128);
  const canonical = usualNaN(x, value, type, 0x7fc00000);
  x.emit('vcvtps2ph', result, canonical, 0);
  return result;
};

/** The value, with these bits where it is NaN. */
const usualNaN = (x: Context, value: Vector, type: Type, pattern: number, tested = value): Vector => {
  const result = x.temporaryLike(value);
  const nan = x.literalMemory(pattern, integerLike(type));
  if (x.avx512) {
    const unordered = x.lir.opmask();
    x.emit('vcmpps', unordered, tested, tested, 3);
    x.emitMasked({ mask: unordered.number }, 'vpblendmd', result, value, nan);
  } else {
    const unordered = x.temporaryLike(value);
    x.emit('vcmpps', unordered, tested, tested, 3);
    x.emit('vblendvps', result, value, nan, unordered);
  }
  return result;
};

/** The upper halves of floats, rounded to nearest even, in the lower halves of the lanes. */
const bf16Bits = (x: Context, value: Vector, type: Type): Vector => {
  const whole: Type = { element: 'f32', lanes: Math.max(type.lanes, 4) };
  const ints = integerLike(whole);
  const rounded = x.temporaryLike(value);
  x.emit('vpsrld', rounded, value, 16);
  x.emit('vandps', rounded, rounded, x.literalMemory(1, ints));
  x.emit('vpaddd', rounded, rounded, value);
  x.emit('vpaddd', rounded, rounded, x.literalMemory(0x7fff, ints));
  x.emit('vpsrld', rounded, rounded, 16);
  return usualNaN(x, rounded, whole, 0x7fc0, value);
};

/** The lower 16 bits of each lane; what is above them is zero. */
const packWords = (x: Context, value: Vector, type: Type): Vector => {
  if (x.avx512) {
    const words = x.lir.vector(value.bits === 512 ? 256 : 128);
    x.emit('vpmovdw', words, value);
    return words;
  }
  const words = x.lir.vector(128);
  x.emit('vpackusdw', words, low(value), type.lanes > 4 ? pieceOf(x, value, 1) : low(value));
  return words;
};

/** The lowest 8 bits of each lane. */
const packBytes = (x: Context, value: Vector, type: Type): Vector => {
  const bytes = x.lir.vector(128);
  if (x.avx512) {
    x.emit('vpmovdb', bytes, value);
    return bytes;
  }
  const masked = x.temporaryLike(value);
  x.emit('vandps', masked, value, x.literalMemory(0xff, { element: 'i32', lanes: Math.max(type.lanes, 4) }));
  const words = packWords(x, masked, type);
  x.emit('vpackuswb', bytes, words, words);
  return bytes;
};
