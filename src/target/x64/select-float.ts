/** Arithmetic of floats, one or many at a time. */
import type { BinaryOp, CompareOp, Register, UnaryOp } from '../../lang/ir.ts';
import type { Type } from '../../lang/types.ts';
import { integerLike, type Condition, type Context, type MaskOperand } from './context.ts';
import type { Mnemonic } from './encode.ts';
import type { Memory, Vector } from './operands.ts';

const isDouble = ({ element }: Type): boolean => element === 'f64';
/** `ps`, `pd`: all lanes of a register. */
export const packed = (type: Type): 'ps' | 'pd' => (isDouble(type) ? 'pd' : 'ps');
/** `ss`, `sd`, `ps`, `pd`: as many lanes as the type has. */
export const suffix = (type: Type): 'ss' | 'sd' | 'ps' | 'pd' =>
  type.lanes > 1 ? packed(type) : isDouble(type) ? 'sd' : 'ss';

const SIGN = { f32: 0x80000000 | 0, f64: -(2n ** 63n) };
const MAGNITUDE = { f32: 0x7fffffff, f64: 2n ** 63n - 1n };

/** Bits in every lane of a register that holds floats, as an operand. */
export const bits = (x: Context, type: Type, pattern: { f32: number; f64: bigint }): Vector | Memory =>
  x.literalMemory(pattern[isDouble(type) ? 'f64' : 'f32'], {
    ...integerLike(type),
    lanes: Math.max(type.lanes, 128 / (isDouble(type) ? 64 : 32)),
  });

/** The rounding that `vroundps` and its like are told: without the exception for inexact results. */
const roundings = { nearest: 8, floor: 9, ceil: 10, trunc: 11 } as const;

export const unary = (x: Context, op: UnaryOp, dst: Register, a: Register): void => {
  const to = x.place(dst) as Vector;
  const from = x.vector(a);
  const { type } = dst;
  switch (op) {
    case 'neg':
      x.emit(`vxor${packed(type)}`, to, from, bits(x, type, SIGN));
      break;
    case 'abs':
      x.emit(`vand${packed(type)}`, to, from, bits(x, type, MAGNITUDE));
      break;
    case 'sqrt':
      if (type.lanes > 1) x.emit(`vsqrt${packed(type)}`, to, from);
      else x.emit(isDouble(type) ? 'vsqrtsd' : 'vsqrtss', to, from, from);
      break;
    case 'floor':
    case 'ceil':
    case 'trunc':
    case 'nearest':
      round(x, to, from, type, roundings[op]);
      break;
    case 'not':
      throw new Error('not of a float');
  }
};

const round = (x: Context, to: Vector, from: Vector, type: Type, how: number): void => {
  const form = suffix(type);
  const name: Mnemonic = x.avx512 ? `vrndscale${form}` : `vround${form}`;
  if (type.lanes > 1) x.emit(name, to, from, how);
  else x.emit(name, to, from, from, how);
};

export const binary = (x: Context, op: BinaryOp, dst: Register, a: Register, b: Register): void => {
  const to = x.place(dst) as Vector;
  const { type } = dst;
  switch (op) {
    case 'add':
    case 'mul': {
      // A literal goes last, where it may be memory.
      const [first, second] = x.literal(a) === undefined ? [a, b] : [b, a];
      x.emit(`v${op}${suffix(type)}`, to, x.vector(first), x.vectorOrMemory(second));
      break;
    }
    case 'sub':
    case 'div':
      x.emit(`v${op}${suffix(type)}`, to, x.vector(a), x.vectorOrMemory(b));
      break;
    case 'min':
    case 'max':
      extremum(x, op, to, a, b, type);
      break;
    case 'rem':
    case 'and':
    case 'or':
    case 'xor':
      throw new Error(`${op} of floats`);
  }
};

/**
 * The machine's own minimum and maximum return their second operand when either is NaN or both are zeros. Beside a
 * literal the other operand goes second. Where both may be anything, and −0 is less than 0:
 * the bits of both orders joined are right for zeros, and what was unordered becomes all ones, a NaN.
 */
const extremum = (x: Context, op: 'min' | 'max', to: Vector, a: Register, b: Register, type: Type): void => {
  const given = x.literal(b) ?? x.literal(a);
  const literal = given === undefined || isDouble(type) ? given : Math.fround(Number(given));
  const name: Mnemonic = `v${op}${suffix(type)}`;
  const simple = literal !== undefined && Number(literal) === Number(literal);
  if (simple && !(op === 'min' && Object.is(literal, -0))) {
    const [other, constant] = x.literal(b) === undefined ? [b, a] : [a, b];
    const from = x.vector(other);
    x.emit(name, to, x.vector(constant), from);
    // Of two zeros the second was returned: a sum with 0 makes it 0.
    if (op === 'max' && Object.is(literal, 0)) x.emit(`vadd${suffix(type)}`, to, to, x.vector(constant));
    return;
  }
  extremumOf(x, op, to, x.vector(a), x.vector(b), type);
};

const UNORDERED = 3;

/** The same of registers. */
export const extremumOf = (
  x: Context,
  op: 'min' | 'max',
  to: Vector,
  a: Vector,
  b: Vector,
  type: Type,
): void => {
  const p = packed(type);
  const result = x.temporaryLike(to);
  if (x.avx512) {
    // Of zeros, VRANGE takes the right one; of a NaN and a number it takes the number.
    const unordered = x.lir.opmask();
    x.emit(`vrange${p}`, result, a, b, op === 'min' ? 4 : 5);
    x.emit(`vcmp${p}`, unordered, a, b, UNORDERED);
    x.emitMasked({ mask: unordered.number }, `vadd${p}`, result, a, b);
  } else {
    const other = x.temporaryLike(to);
    const unordered = x.temporaryLike(to);
    x.emit(`v${op}${p}`, result, a, b);
    x.emit(`v${op}${p}`, other, b, a);
    x.emit(`vcmp${p}`, unordered, a, b, UNORDERED);
    x.emit(op === 'min' ? `vor${p}` : `vand${p}`, result, result, other);
    x.emit(`vor${p}`, result, result, unordered);
  }
  x.move(to, result);
};

/** a · b + c, by the form that needs the fewest copies: 231 adds to c, 213 multiplies a. */
export const fma = (x: Context, dst: Register, a: Register, b: Register, c: Register): void => {
  const to = x.place(dst) as Vector;
  const form = suffix(dst.type);
  const is = (register: Register): boolean => register.id === dst.id;
  const isLiteral = (register: Register): boolean => x.literal(register) !== undefined;
  const [p, q] = isLiteral(a) ? [b, a] : [a, b];
  if (is(c)) {
    x.emit(`vfmadd231${form}`, to, x.vector(p), x.vectorOrMemory(q));
  } else if (is(p) || is(q)) {
    x.emit(`vfmadd213${form}`, to, x.vector(is(p) ? q : p), x.vectorOrMemory(c));
  } else if (isLiteral(c) || (x.readOnce(p) && !x.readOnce(c))) {
    // The literal that is c may be memory; then q must be a register.
    const factor = x.vector(q);
    x.move(to, x.vector(p));
    x.emit(`vfmadd213${form}`, to, factor, x.vectorOrMemory(c));
  } else {
    const factor = x.vector(p);
    x.move(to, x.vector(c));
    x.emit(`vfmadd231${form}`, to, factor, x.vectorOrMemory(q));
  }
};

/** Ordered and quiet, but for `ne`, which is true of NaN. */
const predicates: Readonly<Record<CompareOp, number>> = { eq: 0, lt: 17, le: 18, ne: 4, ge: 29, gt: 30 };

export const compareVectors = (
  x: Context,
  op: CompareOp,
  to: MaskOperand,
  a: Register,
  b: Register,
): void => {
  x.emit(`vcmp${packed(a.type)}`, to, x.vector(a), x.vectorOrMemory(b), predicates[op]);
};

/**
 * Compares scalars, leaving the answer in the flags; a NaN answers like `below`, so `lt` and `le` compare the other
 * way round. Undefined when one condition does not tell.
 */
export const compareToFlags = (
  x: Context,
  op: CompareOp,
  a: Register,
  b: Register,
): Condition | undefined => {
  const name: Mnemonic = isDouble(a.type) ? 'vucomisd' : 'vucomiss';
  switch (op) {
    case 'gt':
    case 'ge':
      x.emit(name, x.vector(a), x.vectorOrMemory(b));
      return op === 'gt' ? 'a' : 'ae';
    case 'lt':
    case 'le':
      x.emit(name, x.vector(b), x.vectorOrMemory(a));
      return op === 'lt' ? 'a' : 'ae';
    case 'eq':
    case 'ne':
      x.emit(name, x.vector(a), x.vectorOrMemory(b));
      return undefined;
  }
};

/** Lane by lane by a mask. */
export const selectVectors = (x: Context, to: Vector, mask: MaskOperand, a: Register, b: Register): void => {
  const p = packed(a.type.element === 'i64' ? { ...a.type, element: 'f64' } : a.type);
  if (mask.kind === 'opmask') {
    x.emitMasked({ mask: mask.number }, `vblendm${p}`, to, x.vector(b), x.vectorOrMemory(a));
  } else {
    x.emit(`vblendv${p}`, to, x.vector(b), x.vectorOrMemory(a), mask);
  }
};
