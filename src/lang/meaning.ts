/**
 * What the arithmetic of the kernel language means, lane by lane. Floats and i32 are JavaScript numbers, i64 are
 * bigints, masks are 0 or 1. Results are exact or as a double holds them; the register that receives one rounds it to
 * f32 or wraps it to 32 or 64 bits, as typed arrays do. For + − · / √ of f32, rounding to double first does no
 * harm: a double has more than twice the digits (Figueroa 1995, "When is double rounding innocuous?").
 *
 * An index is a whole number whose width is the machine's; here it is signed and exact within ±2⁵³.
 */
import { fma32, fma64 } from '../fma.ts';
import type { BinaryOp, CompareOp, ReduceOp, ShiftOp, UnaryOp } from './ir.ts';
import type { RegisterElement } from './types.ts';

export type Unary<T> = (a: T) => T;
export type Binary<T> = (a: T, b: T) => T;

/** An element type's operations; those that it does not have are absent. */
export interface Arithmetic<T> {
  readonly unary: Readonly<Partial<Record<UnaryOp, Unary<T>>>>;
  readonly binary: Readonly<Partial<Record<BinaryOp, Binary<T>>>>;
  /** The amount is any i32. */
  readonly shift: Readonly<Partial<Record<ShiftOp, (a: T, amount: number) => T>>>;
}

const float: Arithmetic<number> = {
  unary: {
    neg: (a) => -a,
    abs: Math.abs,
    sqrt: Math.sqrt,
    floor: Math.floor,
    ceil: Math.ceil,
    trunc: Math.trunc,
    nearest,
  },
  binary: {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => a / b,
    // JavaScript's own order −0 below 0 and let NaN win, as we do.
    min: Math.min,
    max: Math.max,
  },
  shift: {},
};

const i32: Arithmetic<number> = {
  unary: { neg: (a) => -a, abs: Math.abs, not: (a) => ~a },
  binary: {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: Math.imul,
    div: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
    rem: (a, b) => (b === 0 ? 0 : a % b),
    min: Math.min,
    max: Math.max,
    and: (a, b) => a & b,
    or: (a, b) => a | b,
    xor: (a, b) => a ^ b,
  },
  // JavaScript takes the amount modulo 32, too.
  shift: { shl: (a, n) => a << n, shr: (a, n) => a >> n, shru: (a, n) => a >>> n },
};

const i64: Arithmetic<bigint> = {
  unary: { neg: (a) => -a, abs: (a) => (a < 0n ? -a : a), not: (a) => ~a },
  binary: {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => (b === 0n ? 0n : a / b),
    rem: (a, b) => (b === 0n ? 0n : a % b),
    min: (a, b) => (b < a ? b : a),
    max: (a, b) => (b > a ? b : a),
    and: (a, b) => a & b,
    or: (a, b) => a | b,
    xor: (a, b) => a ^ b,
  },
  shift: {
    shl: (a, n) => a << BigInt(n & 63),
    shr: (a, n) => a >> BigInt(n & 63),
    shru: (a, n) => BigInt.asUintN(64, a) >> BigInt(n & 63),
  },
};

/** Bitwise operations of whole numbers wider than 32 bits. */
const wide =
  (op: Binary<bigint>): Binary<number> =>
  (a, b) =>
    Number(op(BigInt(a), BigInt(b)));

// `+ 0` makes 0 of −0, which is no whole number.
const index: Arithmetic<number> = {
  unary: { neg: (a) => -a + 0, abs: Math.abs, not: (a) => -1 - a },
  binary: {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b + 0,
    div: (a, b) => (b === 0 ? 0 : Math.trunc(a / b) + 0),
    rem: (a, b) => (b === 0 ? 0 : (a % b) + 0),
    min: Math.min,
    max: Math.max,
    and: wide((a, b) => a & b),
    or: wide((a, b) => a | b),
    xor: wide((a, b) => a ^ b),
  },
  shift: { shl: (a, n) => a * 2 ** (n & 63), shr: (a, n) => Math.floor(a / 2 ** (n & 63)) },
};

const mask: Arithmetic<number> = {
  unary: { not: (a) => a ^ 1 },
  binary: { and: (a, b) => a & b, or: (a, b) => a | b, xor: (a, b) => a ^ b },
  shift: {},
};

/** A lane of any type. */
export type Lane = number | bigint;

/** That operations get lanes of their own type is what the verifier sees to. */
const anyLanes = <T extends Lane>(a: Arithmetic<T>): Arithmetic<Lane> => a as unknown as Arithmetic<Lane>;

export const arithmetic: Readonly<Record<RegisterElement, Arithmetic<Lane>>> = {
  f32: anyLanes(float),
  f64: anyLanes(float),
  i32: anyLanes(i32),
  i64: anyLanes(i64),
  index: anyLanes(index),
  m32: anyLanes(mask),
  m64: anyLanes(mask),
};

export const compare: Readonly<Record<CompareOp, (a: Lane, b: Lane) => Lane>> = {
  eq: (a, b) => (a === b ? 1 : 0),
  ne: (a, b) => (a !== b ? 1 : 0),
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  gt: (a, b) => (a > b ? 1 : 0),
  ge: (a, b) => (a >= b ? 1 : 0),
};

/** What a reduction does with pairs of lanes. */
export const reduction: Readonly<Record<ReduceOp, BinaryOp>> = {
  reduceAdd: 'add',
  reduceMul: 'mul',
  reduceMin: 'min',
  reduceMax: 'max',
};

/** a · b + c, rounded once or twice. */
export const multiplyAdd: Readonly<
  Record<'f32' | 'f64', Readonly<Record<'once' | 'twice', (a: number, b: number, c: number) => number>>>
> = {
  f32: { once: fma32, twice: (a, b, c) => Math.fround(a * b) + c },
  f64: { once: fma64, twice: (a, b, c) => a * b + c },
};

/** A conversion of one lane, again to be rounded or wrapped by the register that receives it. */
export function conversion(from: RegisterElement, to: RegisterElement): Unary<Lane> {
  const float = from === 'f32' || from === 'f64';
  switch (to) {
    case 'f32':
      return from === 'i64' ? (a) => roundToF32(BigInt(a)) : (a) => a;
    case 'f64':
      return Number;
    case 'i32':
      if (float) return (a) => saturate(Number(a), -(2 ** 31), 2 ** 31 - 1);
      return from === 'i64' ? (a) => Number(BigInt.asIntN(32, BigInt(a))) : (a) => a;
    case 'i64':
      return float ? (a) => saturateToI64(Number(a)) : BigInt;
    case 'index':
      return float ? (a) => saturate(Number(a), Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) : Number;
    case 'm32':
    case 'm64':
      return (a) => a;
  }
}

/** To the nearest whole number, halves to the even one, the sign kept. */
function nearest(a: number): number {
  const size = Math.abs(a);
  // From 2⁵² on, doubles are whole numbers, and adding it leaves no room for a fraction.
  if (!(size < 2 ** 52)) return a;
  const rounded = size + 2 ** 52 - 2 ** 52;
  return a < 0 || Object.is(a, -0) ? -rounded : rounded;
}

/** Truncated; NaN gives 0. */
function saturate(a: number, least: number, most: number): number {
  return a !== a ? 0 : Math.trunc(Math.min(Math.max(a, least), most)) + 0;
}

function saturateToI64(a: number): bigint {
  if (a !== a) return 0n;
  if (a >= 2 ** 63) return 2n ** 63n - 1n;
  return BigInt(Math.trunc(Math.max(a, -(2 ** 63))));
}

/** To f32 with one rounding, where going by way of a double would take two. */
function roundToF32(a: bigint): number {
  if (BigInt.asIntN(54, a) === a) return Number(a);
  // To odd: the last bit that is kept says whether any was lost, so that no middle is hit by chance.
  const lost = BigInt.asUintN(11, a) !== 0n;
  return Number((a >> 11n) | BigInt(lost)) * 2 ** 11;
}
