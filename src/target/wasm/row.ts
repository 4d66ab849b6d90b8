/** What a line of the instruction table says, and the small functions that write one. See instructions.ts. */

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** Where a load or store goes: its address operand plus `offset` bytes. */
export interface MemArg {
  /** Bytes, 0 to 2³² − 1. Default 0. */
  readonly offset?: number;
  /** A promise in bytes, for speed only: a power of two, at most the natural alignment, which is the default. */
  readonly align?: number;
}

/** What follows `block`, `loop` and `if`. */
export interface BlockHeader {
  /** The name that a `br` inside may use. */
  readonly label?: string;
  /** The one result, or operands and results. Default: neither. */
  readonly type?: ValueType | FunctionType;
}

/** The target of a branch: the label of an enclosing block, or how many blocks outward (0: the innermost). */
export type Label = string | number;

/** Bit patterns say which NaN; JavaScript does not keep a NaN's payload in a number. */
export type F32 = number | { readonly bits: number };
export type F64 = number | { readonly bits: bigint };

/** 16 bytes; the kind of array is the shape that the text shows. */
export type V128 =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** What follows the mnemonic of an instruction, by kind. Integers may be written signed or unsigned. */
export interface Immediates {
  none: [];
  memarg: [memarg?: MemArg];
  'memarg lane': [memarg: MemArg, lane: number];
  lane: [lane: number];
  /** 16 byte indices into the 32 bytes of both operands. */
  shuffle: [lanes: readonly number[]];
  local: [index: number];
  global: [index: number];
  function: [index: number];
  type: [type: FunctionType];
  block: [header?: BlockHeader];
  label: [label: Label];
  labels: [labels: readonly Label[], otherwise: Label];
  i32: [value: number];
  i64: [value: number | bigint];
  f32: [value: F32];
  f64: [value: F64];
  v128: [value: V128];
}

export type ImmediateKind = keyof Immediates;

export interface Row<K extends ImmediateKind = ImmediateKind> {
  /** Opcode, and the bytes after it that are always the same (memory 0, table 0). */
  readonly code: readonly number[];
  /**
   * Operands and results: `'i32 f32 ->'`. A type that depends on more than the opcode is a letter (`t`, the same
   * wherever it stands); control instructions, whose types depend on where they stand, have `'*'`.
   */
  readonly type: string;
  readonly immediate: K;
  /** Bytes that a memory instruction touches, which is its natural alignment; 0 for others. */
  readonly align: number;
}

/** The bytes of an unsigned LEB128 number, for opcodes. */
export function opcodeBytes(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  bytes.push(value);
  return bytes;
}

interface Extra<K extends ImmediateKind> {
  readonly immediate: K;
  readonly align?: number;
}

const none: Extra<'none'> = { immediate: 'none' };

/** A load, store or atomic of so many bytes. */
export const memarg = (bytes: number): Extra<'memarg'> => ({ immediate: 'memarg', align: bytes });
/** The same of one lane of a vector. */
export const memargLane = (bytes: number): Extra<'memarg lane'> => ({
  immediate: 'memarg lane',
  align: bytes,
});
/** Any other kind of immediate. */
export const takes = <K extends ImmediateKind>(immediate: K): Extra<K> => ({ immediate });

/** `write(opcode, type, extra?)` makes the row of an instruction that has the prefix byte, and then its opcode. */
function rows(prefix: readonly number[], suffix: readonly number[] = []) {
  function write(opcode: number, type: string): Row<'none'>;
  function write<K extends ImmediateKind>(opcode: number, type: string, extra: Extra<K>): Row<K>;
  function write(opcode: number, type: string, extra: Extra<ImmediateKind> = none): Row {
    const own = prefix.length === 0 ? [opcode] : opcodeBytes(opcode);
    const { immediate, align = 0 } = extra;
    return { code: [...prefix, ...own, ...suffix], type, immediate, align };
  }
  return write;
}

export const core = rows([]);
/** An instruction on memory 0, whose number is a byte of the code. */
export const onMemory = rows([], [0]);
export const bulk = rows([0xfc]);
export const bulkOnMemory = rows([0xfc], [0]);
export const bulkOnMemories = rows([0xfc], [0, 0]);
export const simd = rows([0xfd]);
export const atomic = rows([0xfe]);
export const atomicFence = rows([0xfe], [0]);
