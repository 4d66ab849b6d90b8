import { loadedElement, storageBytes, type StorageType } from '../../lang/types.ts';
import { constantOf, i32, ifElse, op, valueType, type Code, type Frame } from './code.ts';
import type { MnemonicWith } from './instructions.ts';
import type { ValueType } from './row.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from './select-half.ts';

/** Instructions for loads and stores: whole vectors, their first lanes only, lanes apart, one element for all. */

/** An access whose operands are code. */
export interface Place {
  readonly storage: StorageType;
  readonly lanes: number;
  readonly address: Code;
  readonly displacement: number;
  /** How many of the lanes are touched. Default: all. */
  readonly count?: Code | undefined;
  /** Bytes from lane to lane; address + lane · stride is not negative. Default: one after the other. */
  readonly stride?: Code | undefined;
}

export function load(frame: Frame, place: Place): Code {
  const { storage, lanes, address, displacement: offset } = place;
  if (lanes === 1) {
    return withCount(frame, place, valueType({ element: loadedElement[storage], lanes: 1 }), (count, at) =>
      count === 0 ? zero(frame, storage) : loadScalar(frame, storage, at(0), offset),
    );
  }
  if (place.count === undefined && place.stride === undefined && storageBytes[storage] * lanes === 8) {
    if (storage === 'f16') return f16ToF32(frame, op(['v128.load16x4_u', { offset }], address));
    if (storage === 'bf16') return bf16ToF32(op(['v128.load16x4_u', { offset }], address));
  }
  const packed = withCount(frame, place, 'v128', (count, at) => loadPacked(frame, place, count, at));
  return widen(frame, storage, packed);
}

/** One element in every lane. */
export function loadSplat(frame: Frame, place: Place): Code {
  const { storage, lanes, address, displacement: offset } = place;
  if (lanes === 1) return loadScalar(frame, storage, address, offset);
  if (storageBytes[storage] === 8) return op(['v128.load64_splat', { offset }], address);
  if (storageBytes[storage] === 4) return op(['v128.load32_splat', { offset }], address);
  return fromInteger(frame, storage, op('i32x4.splat', loadInteger(storage, address, offset)));
}

export function store(frame: Frame, place: Place, value: Code): Code {
  const { storage, lanes, displacement: offset } = place;
  if (lanes === 1) {
    return withCount(frame, place, undefined, (count, at) =>
      count === 0 ? [] : storeScalar(frame, storage, at(0), offset, value),
    );
  }
  const packed = frame.keep(narrow(frame, storage, value), 'v128');
  const code = withCount(frame, place, undefined, (count, at) => storePacked(place, count, at, packed.value));
  return [...packed.before, ...code];
}

/** Where lane k is. */
type Addresses = (lane: number) => Code;

/**
 * Code that does `access` for as many lanes as `count` says: where that is known only when it runs, one branch for
 * each number, most first, since whole vectors are the rule.
 */
function withCount(
  frame: Frame,
  { lanes, address, count, stride }: Place,
  type: ValueType | undefined,
  access: (count: number, at: Addresses) => Code,
): Code {
  const known = count === undefined ? lanes : constantOf(count);
  if (known !== undefined && stride === undefined) return access(clamp(known, lanes), () => address);

  const base = frame.keep(address, 'i32');
  const before = [...base.before];
  const addresses = [base.value];
  if (stride !== undefined) {
    const step = frame.keep(stride, 'i32');
    before.push(...step.before);
    for (let lane = 1; lane < lanes; lane++) {
      const next = frame.keep(op('i32.add', addresses[lane - 1]!, step.value), 'i32');
      before.push(...next.before);
      addresses.push(next.value);
    }
  }
  const at: Addresses = (lane) => addresses[stride === undefined ? 0 : lane]!;
  if (known !== undefined) return [...before, ...access(clamp(known, lanes), at)];

  const number = frame.keep(count!, 'i32');
  let code = access(0, at);
  for (let n = 1; n <= lanes; n++) {
    code = ifElse(type, op('i32.ge_s', number.value, i32(n)), access(n, at), code);
  }
  return [...before, ...number.before, ...code];
}

const clamp = (count: number, lanes: number): number => Math.max(0, Math.min(count, lanes));

const laneLoad = {
  1: 'v128.load8_lane',
  2: 'v128.load16_lane',
  4: 'v128.load32_lane',
  8: 'v128.load64_lane',
} as const;

const laneStore = {
  1: 'v128.store8_lane',
  2: 'v128.store16_lane',
  4: 'v128.store32_lane',
  8: 'v128.store64_lane',
} as const;

type LaneBytes = keyof typeof laneLoad;

/** The first `count` elements, as memory has them, in the low bytes of a vector; the other bytes are 0. */
function loadPacked(frame: Frame, place: Place, count: number, at: Addresses): Code {
  const { storage, displacement, stride } = place;
  const bytes = storageBytes[storage];
  let code = frame.bits(0);
  for (const run of runs(count, bytes, stride !== undefined)) {
    const address = at(run.lane);
    const offset = displacement + (stride === undefined ? run.lane * bytes : 0);
    if (run.bytes === 16) code = op(['v128.load', { offset }], address);
    else if (run.lane === 0 && run.bytes >= 4) {
      code = op([run.bytes === 8 ? 'v128.load64_zero' : 'v128.load32_zero', { offset }], address);
    } else {
      const slot = (run.lane * bytes) / run.bytes;
      code = op([laneLoad[run.bytes], { offset }, slot], address, code);
    }
  }
  return code;
}

function storePacked(place: Place, count: number, at: Addresses, value: Code): Code {
  const { storage, displacement, stride } = place;
  const bytes = storageBytes[storage];
  return runs(count, bytes, stride !== undefined).flatMap((run) => {
    const offset = displacement + (stride === undefined ? run.lane * bytes : 0);
    if (run.bytes === 16) return op(['v128.store', { offset }], at(run.lane), value);
    const slot = (run.lane * bytes) / run.bytes;
    return op([laneStore[run.bytes], { offset }, slot], at(run.lane), value);
  });
}

interface Run {
  readonly lane: number;
  readonly bytes: LaneBytes | 16;
}

/** The first `count` elements in pieces that one instruction takes: powers of two, large ones first. */
function runs(count: number, bytes: number, apart: boolean): Run[] {
  const pieces: Run[] = [];
  for (let lane = 0; lane < count;) {
    const elements = apart ? 1 : 2 ** Math.floor(Math.log2(count - lane));
    pieces.push({ lane, bytes: (elements * bytes) as Run['bytes'] });
    lane += elements;
  }
  return pieces;
}

/** From packed elements to what registers hold. */
function widen(frame: Frame, storage: StorageType, packed: Code): Code {
  switch (storage) {
    case 'f16':
    case 'bf16':
      return fromInteger(frame, storage, op('i32x4.extend_low_i16x8_u', packed));
    case 'i8':
      return op('i32x4.extend_low_i16x8_s', op('i16x8.extend_low_i8x16_s', packed));
    case 'u8':
      return op('i32x4.extend_low_i16x8_u', op('i16x8.extend_low_i8x16_u', packed));
    default:
      return packed;
  }
}

/** From what registers hold to packed elements. */
function narrow(frame: Frame, storage: StorageType, value: Code): Code {
  switch (storage) {
    case 'f16':
    case 'bf16': {
      const half = storage === 'f16' ? f32ToF16(frame, value) : f32ToBf16(frame, value);
      const kept = frame.keep(half, 'v128');
      return [...kept.before, ...op('i16x8.narrow_i32x4_u', kept.value, kept.value)];
    }
    case 'i8':
    case 'u8': {
      const kept = frame.keep(value, 'v128');
      const lowBytes = Array.from({ length: 16 }, (_, byte) => (4 * byte) % 16);
      return [...kept.before, ...op(['i8x16.shuffle', lowBytes], kept.value, kept.value)];
    }
    default:
      return value;
  }
}

/** From an i32x4 that holds an element's bits, or its value if it is an integer, in each lane. */
function fromInteger(frame: Frame, storage: StorageType, bits: Code): Code {
  if (storage === 'f16') return f16ToF32(frame, bits);
  return storage === 'bf16' ? bf16ToF32(bits) : bits;
}

const integerLoad = {
  f16: 'i32.load16_u',
  bf16: 'i32.load16_u',
  i8: 'i32.load8_s',
  u8: 'i32.load8_u',
} as const satisfies Partial<Record<StorageType, MnemonicWith<'memarg'>>>;

const loadInteger = (storage: StorageType, address: Code, offset: number): Code =>
  op([integerLoad[storage as keyof typeof integerLoad], { offset }], address);

function loadScalar(frame: Frame, storage: StorageType, address: Code, offset: number): Code {
  switch (storage) {
    case 'f16':
    case 'bf16': {
      const bits = op('i32x4.splat', loadInteger(storage, address, offset));
      return op(['f32x4.extract_lane', 0], fromInteger(frame, storage, bits));
    }
    case 'i8':
    case 'u8':
      return loadInteger(storage, address, offset);
    default:
      return op([`${storage}.load`, { offset }], address);
  }
}

function storeScalar(frame: Frame, storage: StorageType, address: Code, offset: number, value: Code): Code {
  switch (storage) {
    case 'f16':
    case 'bf16': {
      const vector = narrow(frame, storage, op('f32x4.splat', value));
      return op(['v128.store16_lane', { offset }, 0], address, vector);
    }
    case 'i8':
    case 'u8':
      return op(['i32.store8', { offset }], address, value);
    default:
      return op([`${storage}.store`, { offset }], address, value);
  }
}

function zero(frame: Frame, storage: StorageType): Code {
  switch (loadedElement[storage]) {
    case 'f32':
      return frame.f32(0);
    case 'f64':
      return frame.f64(0);
    case 'i64':
      return [['i64.const', 0n]];
    default:
      return i32(0);
  }
}
