/**
 * The kernel language as data: structured statements on virtual registers. Registers may be written more than
 * once (accumulators, loop counters); a statement reads its operands at the moment when it runs. What every
 * operation means, rounding and NaN included, is what `interpret.ts` computes.
 */
import type { ElementType, StorageType, Type } from './types.ts';

/** A virtual register. `name` is only for people. */
export interface Register {
  readonly id: number;
  readonly type: Type;
  readonly name?: string;
}

/**
 * One operand, result of the same type.
 * `nearest` rounds to even; `not` takes integers and masks.
 */
export const unaryOps = ['neg', 'abs', 'sqrt', 'floor', 'ceil', 'trunc', 'nearest', 'not'] as const;
export type UnaryOp = (typeof unaryOps)[number];

/**
 * Two operands of one type, result of the same type.
 * - `min`, `max` on floats: NaN if either is NaN, and −0 < +0, as in PyTorch.
 * - `div` on floats is IEEE; on integers it truncates toward zero, by zero gives 0, and overflow (the least
 *   number by −1) wraps. `rem` is integers only, has the sign of the dividend, and by zero gives 0.
 * - `add`, `sub`, `mul` on integers wrap. An index is not expected to overflow.
 * - `and`, `or`, `xor`: integers and masks.
 */
export const binaryOps = ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'and', 'or', 'xor'] as const;
export type BinaryOp = (typeof binaryOps)[number];

/**
 * Shifts of integers by a scalar i32 or by a constant, taken modulo the width: `shr` keeps the sign, `shru` (not for
 * an index) does not.
 */
export const shiftOps = ['shl', 'shr', 'shru'] as const;
export type ShiftOp = (typeof shiftOps)[number];

/** Two operands of one type, result a mask of their width. IEEE on floats: every comparison with NaN is false but `ne`. */
export const compareOps = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const;
export type CompareOp = (typeof compareOps)[number];

/**
 * Two vectors a and b of one type, seen as one row of 2n lanes, result of the same type. `evens` and `odds` take a row
 * apart: lanes 0, 2, 4 … and 1, 3, 5 … of a followed by b. `zipLow` and `zipHigh` put one together: the first and the
 * second half of a₀ b₀ a₁ b₁ a₂ b₂ …
 */
export const zipOps = ['evens', 'odds', 'zipLow', 'zipHigh'] as const;
export type ZipOp = (typeof zipOps)[number];

/** A vector's lanes to one scalar, halving: lane k with lane k + n/2, until one is left. */
export const reduceOps = ['reduceAdd', 'reduceMul', 'reduceMin', 'reduceMax'] as const;
export type ReduceOp = (typeof reduceOps)[number];

/**
 * An access to memory. The address is `address + displacement` bytes, displacement ≥ 0; it must lie in the tensor
 * given as parameter number `param`. With `count` (an index, 0 … lanes), only the first `count` lanes are touched:
 * the others are not read from memory and hold 0, or are not written. With `stride` (an index, in bytes) lane k is at
 * `address + displacement + k · stride`, otherwise lanes follow one another.
 */
export interface Access {
  readonly param: number;
  readonly address: Register;
  readonly displacement: number;
  readonly storage: StorageType;
  readonly count?: Register;
  readonly stride?: Register;
}

export type Instruction =
  /** A literal, in every lane. Floats are rounded to the type; i64 may be a bigint; masks are 0 or 1. */
  | { readonly op: 'const'; readonly dst: Register; readonly value: number | bigint }
  /** The value (or the address) given for parameter number `param`. */
  | { readonly op: 'param'; readonly dst: Register; readonly param: number }
  /** The range of the parallel axis that this call works on. */
  | { readonly op: 'begin' | 'end'; readonly dst: Register }
  | { readonly op: 'copy'; readonly dst: Register; readonly a: Register }
  | { readonly op: UnaryOp; readonly dst: Register; readonly a: Register }
  | { readonly op: BinaryOp; readonly dst: Register; readonly a: Register; readonly b: Register }
  | { readonly op: ZipOp; readonly dst: Register; readonly a: Register; readonly b: Register }
  | { readonly op: ShiftOp; readonly dst: Register; readonly a: Register; readonly b: Register | number }
  | { readonly op: CompareOp; readonly dst: Register; readonly a: Register; readonly b: Register }
  /** a · b + c on floats. A machine with `fma` rounds once, another twice: the one place where targets may differ. */
  | {
      readonly op: 'fma';
      readonly dst: Register;
      readonly a: Register;
      readonly b: Register;
      readonly c: Register;
    }
  /** Lane by lane: mask ? a : b. The mask is as wide as the elements. */
  | {
      readonly op: 'select';
      readonly dst: Register;
      readonly mask: Register;
      readonly a: Register;
      readonly b: Register;
    }
  /**
   * To another element type, lanes kept. Float to float and integer to float round to nearest even. Float to integer
   * truncates, saturates, and gives 0 for NaN. Integer to narrower integer (and to index) wraps, to wider keeps the
   * sign. Masks convert to the other width.
   */
  | { readonly op: 'convert'; readonly dst: Register; readonly a: Register }
  /** The same bits as another element type of the same width. A mask's bits are all ones or none. */
  | { readonly op: 'bitcast'; readonly dst: Register; readonly a: Register }
  /** A vector of i32 or i64 that counts its lanes: 0, 1, 2 … */
  | { readonly op: 'iota'; readonly dst: Register }
  /** A scalar into every lane. */
  | { readonly op: 'splat'; readonly dst: Register; readonly a: Register }
  | { readonly op: 'extract'; readonly dst: Register; readonly a: Register; readonly lane: number }
  | { readonly op: ReduceOp; readonly dst: Register; readonly a: Register }
  /** Whether any lane of a mask is set: a scalar m32. */
  | { readonly op: 'any'; readonly dst: Register; readonly a: Register }
  | ({ readonly op: 'load'; readonly dst: Register } & Access)
  /** One element from memory into every lane; without count and stride. */
  | ({ readonly op: 'loadSplat'; readonly dst: Register } & Access)
  | ({ readonly op: 'store'; readonly src: Register } & Access);

export type Statement =
  | Instruction
  /**
   * counter = begin; while (counter < end) { body; counter += step }. `end` is read once. step ≥ 1. The body does not
   * write the counter.
   */
  | {
      readonly op: 'loop';
      readonly counter: Register;
      readonly begin: Register;
      readonly end: Register;
      readonly step: number;
      readonly body: readonly Statement[];
    }
  /** The condition is a scalar mask. */
  | {
      readonly op: 'if';
      readonly condition: Register;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  /**
   * Does nothing. Directly in the body of a loop, machines that move arithmetic behind loads here do so much of it as the
   * loop leaves to what follows it.
   */
  | { readonly op: 'settle' }
  /**
   * Does nothing. Says that the memory at `address + displacement`, about a cache line of it, will soon be read or
   * written, as part of the tensor given as parameter number `param`. Nothing is touched that a program could see, so the
   * address may lie outside of the tensor.
   */
  | {
      readonly op: 'prefetch';
      readonly param: number;
      readonly address: Register;
      readonly displacement: number;
      readonly to: 'read' | 'write';
    };

/**
 * A kernel's parameter: a tensor's memory, or a number. In the argument block, parameter k is the eight bytes at
 * offset 8k: an address, an index, or a number of its type, little-endian, low bytes first.
 */
export type Parameter =
  | {
      readonly kind: 'tensor';
      readonly name: string;
      readonly storage: StorageType;
      readonly access: 'in' | 'out' | 'inout';
    }
  | { readonly kind: 'number'; readonly name: string; readonly element: ElementType | 'index' };

/** A kernel built for one machine. Calling convention: (args, begin, end), see `Parameter` and `begin`. */
export interface Kernel {
  /** Says everything that distinguishes it from other kernels: it is the key under which compiled code is cached. */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly registers: readonly Register[];
  readonly body: readonly Statement[];
}
