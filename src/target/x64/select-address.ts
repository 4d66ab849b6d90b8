/**
 * Sums of indices that nothing computes yet. An access takes base + index · scale + displacement for nothing, and `lea`
 * takes it at once, so a sum that has one reader waits for it.
 */
import type { BinaryOp, Instruction, Register, ShiftOp, Statement } from '../../lang/ir.ts';
import type { Context, Sum } from './context.ts';

type Arithmetic = Extract<Instruction, { op: BinaryOp | ShiftOp }>;

/** Whether the result was left to its reader, or, if it has several, was computed of sums that waited for this. */
export const wait = (x: Context, s: Arithmetic): boolean => {
  const { dst, a, b } = s;
  if (dst.type.element !== 'index' || !x.writtenOnce(dst)) return false;
  const once = x.readOnce(dst);
  const isWaiting = (by: Register | number): boolean => typeof by === 'object' && x.waiting(by) !== undefined;
  if (!once && !(s.op === 'add' && (isWaiting(a) || isWaiting(b)))) return false;
  const sum = sumBy(x, s);
  if (sum === undefined) return false;
  x.wait(dst, sum);
  if (!once) x.place(dst);
  return true;
};

const sumBy = (x: Context, { op, a, b }: Arithmetic): Sum | undefined => {
  const by = typeof b === 'number' ? b : x.immediate(b);
  switch (op) {
    case 'add':
      return typeof b === 'object' && by === undefined ? added(x, a, b) : moved(x, a, by!);
    case 'sub':
      return by === undefined ? undefined : moved(x, a, -by);
    case 'mul':
      return by === undefined ? undefined : scaled(x, a, by);
    case 'shl':
      return by === undefined ? undefined : scaled(x, a, 2 ** by);
    default:
      return undefined;
  }
};

const fits = (displacement: number): boolean => displacement === (displacement | 0);

/** A register as a sum: what it waits for, or itself if it keeps its value. */
const sumOf = (x: Context, register: Register): Sum | undefined => {
  const waiting = x.waiting(register);
  if (waiting !== undefined) return waiting;
  const literal = x.literal(register);
  if (literal !== undefined) {
    const displacement = x.immediate(register);
    return displacement === undefined
      ? undefined
      : { base: undefined, index: undefined, scale: 1, displacement };
  }
  return x.writtenOnce(register)
    ? { base: x.gpr(register).number, index: undefined, scale: 1, displacement: 0 }
    : undefined;
};

const moved = (x: Context, a: Register, by: number): Sum | undefined => {
  const sum = sumOf(x, a);
  if (sum === undefined || !fits(sum.displacement + by)) return undefined;
  x.spend(a);
  return { ...sum, displacement: sum.displacement + by };
};

const scaled = (x: Context, a: Register, factor: number): Sum | undefined => {
  if (factor !== 1 && factor !== 2 && factor !== 4 && factor !== 8) return undefined;
  let sum = sumOf(x, a);
  if (sum === undefined) return undefined;
  if (sum.base !== undefined && sum.index !== undefined) {
    sum = { base: x.gpr(a).number, index: undefined, scale: 1, displacement: 0 };
  }
  const scale = sum.scale * factor;
  const displacement = sum.displacement * factor;
  if (scale > 8 || !fits(displacement)) return undefined;
  x.spend(a);
  const index = sum.base ?? sum.index;
  return scale === 1 || index === undefined
    ? { base: index, index: undefined, scale: 1, displacement }
    : { base: undefined, index, scale: scale as Sum['scale'], displacement };
};

const added = (x: Context, a: Register, b: Register): Sum | undefined => {
  let [p, q] = [sumOf(x, a), sumOf(x, b)];
  if (p === undefined || q === undefined || !fits(p.displacement + q.displacement)) return undefined;
  // Two registers at most, one of them scaled: what is too much is computed first.
  if (terms(p) + terms(q) > 2 && terms(p) > 1) p = sumOf(x, computed(x, a))!;
  if (terms(p) + terms(q) > 2 || (p.scale > 1 && q.scale > 1)) q = sumOf(x, computed(x, b))!;
  x.spend(a);
  x.spend(b);
  const [base, other] = [p.base ?? q.base, p.base === undefined ? undefined : q.base];
  const index = p.index ?? q.index ?? other;
  const scale = p.index !== undefined ? p.scale : q.index !== undefined ? q.scale : 1;
  return { base, index, scale, displacement: p.displacement + q.displacement };
};

const computed = (x: Context, register: Register): Register => {
  x.place(register);
  return register;
};

const terms = ({ base, index }: Sum): number => (base === undefined ? 0 : 1) + (index === undefined ? 0 : 1);

/** Whether there is a loop among the statements: what waits is computed before it, not at every turn. */
export const loops = (statements: readonly Statement[]): boolean =>
  statements.some((s) => s.op === 'loop' || (s.op === 'if' && (loops(s.then) || loops(s.otherwise))));
