/** Arithmetic of whole numbers: an index and scalars in general-purpose registers, vectors in vector registers. */
import type { BinaryOp, CompareOp, Register, ShiftOp, UnaryOp } from '../../lang/ir.ts';
import type { Type } from '../../lang/types.ts';
import { elementBits, type Condition, type Context, type MaskOperand } from './context.ts';
import type { Mnemonic } from './encode.ts';
import type { Gpr, Vector } from './operands.ts';
import { extractLane, insertLanes } from './select-lanes.ts';

const RAX = 0;
const RDX = 2;
const machineGpr = (number: number, bits: Gpr['bits']): Gpr => ({ kind: 'gpr', number, bits });

const commutes = new Set<BinaryOp>(['add', 'mul', 'and', 'or', 'xor', 'min', 'max']);

export const unaryScalar = (x: Context, op: UnaryOp, dst: Register, a: Register, isMask: boolean): void => {
  const to = x.place(dst) as Gpr;
  const from = x.gpr(a);
  switch (op) {
    case 'neg':
      x.move(to, from);
      x.emit('neg', to);
      break;
    case 'not':
      x.move(to, from);
      if (isMask) x.emit('xor', to, 1);
      else x.emit('not', to);
      break;
    case 'abs': {
      const negated = x.lir.gpr(to.bits);
      x.move(negated, from);
      x.emit('neg', negated);
      x.move(to, from);
      x.emit('test', to, to);
      x.emit('cmovs', to, negated);
      break;
    }
    default:
      throw new Error(`${op} of whole numbers`);
  }
};

export const binaryScalar = (x: Context, op: BinaryOp, dst: Register, a: Register, b: Register): void => {
  const to = x.place(dst) as Gpr;
  switch (op) {
    case 'div':
    case 'rem':
      divide(x, op, to, x.gpr(a), () => x.gpr(b), x.literal(b));
      return;
    case 'min':
    case 'max':
      extremumScalar(x, op, to, x.gpr(a), x.gpr(b));
      return;
    default:
  }
  const [p, q] = commutes.has(op) && (x.literal(a) !== undefined || dst.id === b.id) ? [b, a] : [a, b];
  if (op === 'mul') {
    multiply(x, to, p, q);
    return;
  }
  if (op === 'sub' && dst.id === q.id && dst.id !== p.id) {
    const left = x.lir.gpr(to.bits);
    x.move(left, x.gpr(p));
    x.emit('sub', left, x.gpr(q));
    x.move(to, left);
    return;
  }
  const right = x.gprOrImmediate(q);
  if (op === 'add' && dst.id !== p.id && to.bits === 64) {
    const base = x.gpr(p).number;
    x.emit('lea', to, {
      kind: 'memory',
      bits: 64,
      base,
      ...(typeof right === 'number' ? { displacement: right } : { index: right.number, scale: 1 as const }),
    });
    return;
  }
  x.move(to, x.gpr(p));
  x.emit(op, to, right);
};

const multiply = (x: Context, to: Gpr, a: Register, b: Register): void => {
  const factor = x.gprOrImmediate(b);
  if (typeof factor !== 'number') {
    if (x.place(a).number !== to.number) x.move(to, x.gpr(a));
    x.emit('imul', to, factor);
  } else if (factor === 0) x.emit('mov', to, 0);
  else if (factor > 0 && Number.isInteger(Math.log2(factor))) {
    x.move(to, x.gpr(a));
    if (factor > 1) x.emit('shl', to, Math.log2(factor));
  } else {
    x.emit('imul', to, x.gpr(a), factor);
  }
};

const extremumScalar = (x: Context, op: 'min' | 'max', to: Gpr, a: Gpr, b: Gpr): void => {
  const result = x.lir.gpr(to.bits);
  x.move(result, a);
  x.emit('cmp', a, b);
  x.emit(op === 'min' ? 'cmovg' : 'cmovl', result, b);
  x.move(to, result);
};

/** By zero gives 0, and the least number by −1 wraps: neither may reach the machine's division, which would trap. */
const divide = (
  x: Context,
  op: 'div' | 'rem',
  to: Gpr,
  a: Gpr,
  divisorOf: () => Gpr,
  literal: number | bigint | undefined,
): void => {
  const { bits } = to;
  const rax = machineGpr(RAX, bits);
  const rdx = machineGpr(RDX, bits);
  const plain = (b: Gpr): void => {
    x.emit('mov', rax, a);
    x.emit(bits === 64 ? 'cqo' : 'cdq');
    x.emit('idiv', b);
    x.emit('mov', to, op === 'div' ? rax : rdx);
  };
  // Beyond 2⁵³ a number would not say exactly which it is.
  const divisor = literal === undefined ? undefined : BigInt(literal);
  if (divisor !== undefined && divisor > 0n && (divisor & (divisor - 1n)) === 0n) {
    byPowerOfTwo(x, op, to, a, divisor.toString(2).length - 1);
    return;
  }
  if (divisor !== undefined && divisor !== 0n && divisor !== -1n) {
    plain(divisorOf());
    return;
  }
  const b = divisorOf();
  const result = x.lir.gpr(bits);
  const isZero = x.lir.label('byZero');
  const isMinusOne = x.lir.label('byMinusOne');
  const done = x.lir.label('divided');
  x.emit('xor', result, result);
  x.emit('test', b, b);
  x.jump('e', isZero);
  x.emit('cmp', b, -1);
  x.jump('e', isMinusOne);
  x.emit('mov', rax, a);
  x.emit(bits === 64 ? 'cqo' : 'cdq');
  x.emit('idiv', b);
  x.emit('mov', result, op === 'div' ? rax : rdx);
  x.emit('jmp', done);
  x.lir.place(isMinusOne);
  if (op === 'div') x.emit('sub', result, a);
  x.lir.place(isZero);
  x.lir.place(done);
  x.move(to, result);
};

/** Toward zero: a negative dividend is first raised by what would be cut off. */
const byPowerOfTwo = (x: Context, op: 'div' | 'rem', to: Gpr, a: Gpr, power: number): void => {
  const { bits } = to;
  const raised = x.lir.gpr(bits);
  if (power === 0) x.emit('xor', raised, raised);
  else {
    x.move(raised, a);
    x.emit('sar', raised, bits - 1);
    x.emit('shr', raised, bits - power);
  }
  x.emit('add', raised, a);
  if (op === 'div') {
    if (power > 0) x.emit('sar', raised, power);
    x.move(to, raised);
  } else {
    if (power > 0) {
      x.emit('shr', raised, power);
      x.emit('shl', raised, power);
    }
    const rest = x.lir.gpr(bits);
    x.move(rest, a);
    x.emit('sub', rest, raised);
    x.move(to, rest);
  }
};

const shifts = { shl: ['shl', 'shlx'], shr: ['sar', 'sarx'], shru: ['shr', 'shrx'] } as const;

/** An amount in a register is taken modulo the width by the instructions themselves. */
export const shiftScalar = (
  x: Context,
  op: ShiftOp,
  dst: Register,
  a: Register,
  b: Register | number,
): void => {
  const to = x.place(dst) as Gpr;
  const amount = typeof b === 'number' ? b : x.immediate(b);
  const [byImmediate, byRegister] = shifts[op];
  if (amount === undefined) {
    x.emit(byRegister, to, x.gpr(a), { ...x.gpr(b as Register), bits: to.bits });
    return;
  }
  x.move(to, x.gpr(a));
  const within = ((amount % to.bits) + to.bits) % to.bits;
  if (within > 0) x.emit(byImmediate, to, within);
};

const conditions: Readonly<Record<CompareOp, Condition>> = {
  eq: 'e',
  ne: 'ne',
  lt: 'l',
  le: 'le',
  gt: 'g',
  ge: 'ge',
};

/** Leaves the answer in the flags. */
export const compareToFlags = (x: Context, op: CompareOp, a: Register, b: Register): Condition => {
  const left = x.gpr(a);
  const right = x.gprOrImmediate(b);
  if (right === 0 && (op === 'eq' || op === 'ne')) x.emit('test', left, left);
  else x.emit('cmp', left, right);
  return conditions[op];
};

// Vectors

const letter = (type: Type): 'd' | 'q' => (elementBits(type) === 32 ? 'd' : 'q');
/** Logic works on floats' registers as well, and its names are the same in VEX and EVEX. */
const logic = (type: Type): 'ps' | 'pd' => (elementBits(type) === 32 ? 'ps' : 'pd');

export const allOnes = (x: Context, like: Vector): Vector => {
  const ones = x.temporaryLike(like);
  if (x.avx512) x.emit('vpternlogd', ones, ones, ones, 255);
  else x.emit('vpcmpeqd', ones, ones, ones);
  return ones;
};

const zero = (x: Context, like: Vector): Vector => {
  const zeros = x.temporaryLike(like);
  x.emit('vxorps', zeros, zeros, zeros);
  return zeros;
};

export const unaryVector = (x: Context, op: UnaryOp, dst: Register, a: Register): void => {
  const to = x.place(dst) as Vector;
  const from = x.vector(a);
  const w = letter(dst.type);
  switch (op) {
    case 'neg':
      x.emit(`vpsub${w}`, to, zero(x, to), from);
      break;
    case 'not':
      x.emit(`vxor${logic(dst.type)}`, to, from, allOnes(x, to));
      break;
    case 'abs':
      if (w === 'd' || x.avx512) x.emit(`vpabs${w}`, to, from);
      else {
        const sign = zero(x, to);
        const flipped = x.temporaryLike(to);
        x.emit('vpcmpgtq', sign, sign, from);
        x.emit('vxorpd', flipped, from, sign);
        x.emit('vpsubq', to, flipped, sign);
      }
      break;
    default:
      throw new Error(`${op} of whole numbers`);
  }
};

export const binaryVector = (x: Context, op: BinaryOp, dst: Register, a: Register, b: Register): void => {
  const to = x.place(dst) as Vector;
  const { type } = dst;
  const w = letter(type);
  switch (op) {
    case 'add':
    case 'and':
    case 'or':
    case 'xor': {
      const [p, q] = x.literal(a) === undefined ? [a, b] : [b, a];
      const name: Mnemonic = op === 'add' ? `vpadd${w}` : `v${op}${logic(type)}`;
      x.emit(name, to, x.vector(p), x.vectorOrMemory(q));
      break;
    }
    case 'sub':
      x.emit(`vpsub${w}`, to, x.vector(a), x.vectorOrMemory(b));
      break;
    case 'mul':
      if (w === 'd') x.emit('vpmulld', to, x.vector(a), x.vectorOrMemory(b));
      else if (x.avx512) x.emit('vpmullq', to, x.vector(a), x.vectorOrMemory(b));
      else multiplyLong(x, to, x.vector(a), x.vector(b));
      break;
    case 'min':
    case 'max':
      extremumVector(x, op, to, x.vector(a), x.vector(b), type);
      break;
    case 'div':
    case 'rem': {
      const [left, right] = [x.vector(a), x.vector(b)];
      const lanes = Array.from({ length: type.lanes }, (_, lane) => {
        const [p, q, result] = [0, 1, 2].map(() => x.lir.gpr(elementBits(type))) as [Gpr, Gpr, Gpr];
        extractLane(x, p, left, type, lane);
        extractLane(x, q, right, type, lane);
        divide(x, op, result, p, () => q, undefined);
        return result;
      });
      insertLanes(x, to, lanes, type);
    }
  }
};

export const extremumVector = (
  x: Context,
  op: 'min' | 'max',
  to: Vector,
  a: Vector,
  b: Vector,
  type: Type,
): void => {
  if (elementBits(type) === 32) x.emit(op === 'min' ? 'vpminsd' : 'vpmaxsd', to, a, b);
  else if (x.avx512) x.emit(op === 'min' ? 'vpminsq' : 'vpmaxsq', to, a, b);
  else {
    const greater = x.temporaryLike(to);
    x.emit('vpcmpgtq', greater, a, b);
    if (op === 'min') x.emit('vblendvpd', to, a, b, greater);
    else x.emit('vblendvpd', to, b, a, greater);
  }
};

/** The low half of a product of 64 bits: three products of 32, without the one that only the high half sees. */
export const multiplyLong = (x: Context, to: Vector, a: Vector, b: Vector): void => {
  const [cross, other, low] = [0, 1, 2].map(() => x.temporaryLike(to)) as [Vector, Vector, Vector];
  x.emit('vpsrlq', cross, a, 32);
  x.emit('vpmuludq', cross, cross, b);
  x.emit('vpsrlq', other, b, 32);
  x.emit('vpmuludq', other, other, a);
  x.emit('vpaddq', cross, cross, other);
  x.emit('vpsllq', cross, cross, 32);
  x.emit('vpmuludq', low, a, b);
  x.emit('vpaddq', to, low, cross);
};

export const shiftVector = (
  x: Context,
  op: ShiftOp,
  dst: Register,
  a: Register,
  b: Register | number,
): void => {
  const to = x.place(dst) as Vector;
  const { type } = dst;
  const width = elementBits(type);
  const w = letter(type);
  const known = typeof b === 'number' ? b : x.immediate(b);
  let amount: number | Vector;
  if (known !== undefined) amount = ((known % width) + width) % width;
  else {
    const masked = x.lir.gpr(32);
    x.move(masked, x.gpr(b as Register));
    x.emit('and', masked, width - 1);
    amount = x.lir.vector(128);
    x.emit('vmovd', amount, masked);
  }
  const from = x.vector(a);
  if (op === 'shl') x.emit(`vpsll${w}`, to, from, amount);
  else if (op === 'shru') x.emit(`vpsrl${w}`, to, from, amount);
  else if (w === 'd' || x.avx512) x.emit(`vpsra${w}`, to, from, amount);
  else {
    // Shifted without the sign; where the sign bit came to lie, it is spread over all bits above.
    const sign = x.literalVector(-(2n ** 63n), type);
    const shifted = x.temporaryLike(to);
    x.emit('vpsrlq', sign, sign, amount);
    x.emit('vpsrlq', shifted, from, amount);
    x.emit('vxorpd', shifted, shifted, sign);
    x.emit('vpsubq', to, shifted, sign);
  }
};

/** Predicates of VPCMP. */
const predicates: Readonly<Record<CompareOp, number>> = { eq: 0, lt: 1, le: 2, ne: 4, ge: 5, gt: 6 };

export const compareVectors = (
  x: Context,
  op: CompareOp,
  to: MaskOperand,
  a: Register,
  b: Register,
): void => {
  const w = letter(a.type);
  if (to.kind === 'opmask') {
    x.emit(`vpcmp${w}`, to, x.vector(a), x.vectorOrMemory(b), predicates[op]);
    return;
  }
  // There are only = and >; the others are those of exchanged operands, or their contrary.
  const contrary = op === 'ne' || op === 'le' || op === 'ge';
  const result = contrary ? x.temporaryLike(to) : to;
  if (op === 'eq' || op === 'ne') x.emit(`vpcmpeq${w}`, result, x.vector(a), x.vectorOrMemory(b));
  else if (op === 'gt' || op === 'le') x.emit(`vpcmpgt${w}`, result, x.vector(a), x.vectorOrMemory(b));
  else x.emit(`vpcmpgt${w}`, result, x.vector(b), x.vectorOrMemory(a));
  if (contrary) x.emit('vxorps', to, result, allOnes(x, to));
};
