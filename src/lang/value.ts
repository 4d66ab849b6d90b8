/**
 * Values as kernel authors handle them: each method emits one statement and gives its result.
 * A number beside a value means a constant of its type; a scalar beside a vector is spread over its lanes.
 */
import type { BinaryOp, CompareOp, ReduceOp, Register, ShiftOp, Statement, UnaryOp, ZipOp } from './ir.ts';
import { maskOf, sameType, showType, type ElementType, type MaskType, type Type } from './types.ts';

export type Operand = Value | number;

/** Where statements go: the part of the builder that values need. */
export interface Emitter {
  /** Lanes of a vector in the kernel that is being written. */
  readonly lanes: number;
  push(statement: Statement): void;
  register(type: Type): Register;
  /** Emits the instruction whose result `dst` is. */
  define(dst: Register, instruction: Statement): Value;
  constant(value: number | bigint, type: Type): Value;
  coerce(value: Operand, type: Type): Value;
}

export class Value {
  constructor(
    readonly builder: Emitter,
    readonly register: Register,
  ) {}

  get type(): Type {
    return this.register.type;
  }
  get lanes(): number {
    return this.register.type.lanes;
  }

  add(b: Operand): Value {
    return this.binary('add', b);
  }
  sub(b: Operand): Value {
    return this.binary('sub', b);
  }
  mul(b: Operand): Value {
    return this.binary('mul', b);
  }
  div(b: Operand): Value {
    return this.binary('div', b);
  }
  /** Integers only; the sign is the dividend's, and by zero it is 0. */
  rem(b: Operand): Value {
    return this.binary('rem', b);
  }
  /** NaN if either is NaN. */
  min(b: Operand): Value {
    return this.binary('min', b);
  }
  /** NaN if either is NaN. */
  max(b: Operand): Value {
    return this.binary('max', b);
  }
  and(b: Operand): Value {
    return this.binary('and', b);
  }
  or(b: Operand): Value {
    return this.binary('or', b);
  }
  xor(b: Operand): Value {
    return this.binary('xor', b);
  }

  neg(): Value {
    return this.unary('neg');
  }
  abs(): Value {
    return this.unary('abs');
  }
  sqrt(): Value {
    return this.unary('sqrt');
  }
  floor(): Value {
    return this.unary('floor');
  }
  ceil(): Value {
    return this.unary('ceil');
  }
  trunc(): Value {
    return this.unary('trunc');
  }
  /** To the nearest integer, halves to even. */
  nearest(): Value {
    return this.unary('nearest');
  }
  not(): Value {
    return this.unary('not');
  }

  shl(amount: Operand): Value {
    return this.shift('shl', amount);
  }
  /** Keeps the sign. */
  shr(amount: Operand): Value {
    return this.shift('shr', amount);
  }
  shru(amount: Operand): Value {
    return this.shift('shru', amount);
  }

  eq(b: Operand): Value {
    return this.compare('eq', b);
  }
  ne(b: Operand): Value {
    return this.compare('ne', b);
  }
  lt(b: Operand): Value {
    return this.compare('lt', b);
  }
  le(b: Operand): Value {
    return this.compare('le', b);
  }
  gt(b: Operand): Value {
    return this.compare('gt', b);
  }
  ge(b: Operand): Value {
    return this.compare('ge', b);
  }

  /** this · b + c; rounded once where the machine has `fma`, else twice. */
  fma(b: Operand, c: Operand): Value {
    const [x, y] = this.together(b);
    const [z, w] = x.together(c);
    const [p, q] = z.together(y);
    const dst = this.builder.register(p.type);
    return this.builder.define(dst, {
      op: 'fma',
      dst,
      a: p.register,
      b: q.register,
      c: w.register,
    });
  }

  /** As a mask: where it is set `a`, elsewhere `b`. Its width follows the elements'. */
  select(a: Operand, b: Operand): Value {
    const { builder } = this;
    const model = a instanceof Value ? a : b;
    if (!(model instanceof Value)) throw new Error('select needs a value for at least one of its branches');
    const lanes = Math.max(this.lanes, model.lanes, b instanceof Value ? b.lanes : 1);
    const type: Type = { element: model.type.element, lanes };
    const x = builder.coerce(a, type);
    const y = builder.coerce(b, type);
    const width = maskOf(type.element);
    const mask = this.type.element === width ? this : this.to(width);
    if (mask.lanes !== lanes)
      throw new Error(`select: a mask ${showType(mask.type)} cannot choose among ${showType(type)}`);
    const dst = builder.register(type);
    return builder.define(dst, {
      op: 'select',
      dst,
      mask: mask.register,
      a: x.register,
      b: y.register,
    });
  }

  to(element: ElementType | MaskType | 'index'): Value {
    if (element === this.type.element) return this;
    const dst = this.builder.register({ element, lanes: this.lanes });
    return this.builder.define(dst, {
      op: 'convert',
      dst,
      a: this.register,
    });
  }
  /** The same bits under another element type of the same width. */
  bits(element: ElementType): Value {
    const dst = this.builder.register({ element, lanes: this.lanes });
    return this.builder.define(dst, {
      op: 'bitcast',
      dst,
      a: this.register,
    });
  }
  splat(lanes: number = this.builder.lanes): Value {
    if (this.lanes === lanes) return this;
    const dst = this.builder.register({ element: this.type.element, lanes });
    return this.builder.define(dst, {
      op: 'splat',
      dst,
      a: this.register,
    });
  }
  lane(lane: number): Value {
    const dst = this.builder.register({ element: this.type.element, lanes: 1 });
    return this.builder.define(dst, {
      op: 'extract',
      dst,
      a: this.register,
      lane,
    });
  }
  /** Lanes 0, 2, 4 … of this followed by b. */
  evens(b: Value): Value {
    return this.zip('evens', b);
  }
  /** Lanes 1, 3, 5 … of this followed by b. */
  odds(b: Value): Value {
    return this.zip('odds', b);
  }
  /** The first half of a₀ b₀ a₁ b₁ …, with this as a. */
  zipLow(b: Value): Value {
    return this.zip('zipLow', b);
  }
  /** The second half of a₀ b₀ a₁ b₁ …, with this as a. */
  zipHigh(b: Value): Value {
    return this.zip('zipHigh', b);
  }
  /** All lanes summed, halving: lane k with lane k + n/2. */
  reduceAdd(): Value {
    return this.reduce('reduceAdd');
  }
  reduceMul(): Value {
    return this.reduce('reduceMul');
  }
  reduceMin(): Value {
    return this.reduce('reduceMin');
  }
  reduceMax(): Value {
    return this.reduce('reduceMax');
  }
  /** Whether any lane of this mask is set. */
  any(): Value {
    if (this.lanes === 1) return this;
    const dst = this.builder.register({ element: 'm32', lanes: 1 });
    return this.builder.define(dst, { op: 'any', dst, a: this.register });
  }

  private unary(op: UnaryOp): Value {
    const dst = this.builder.register(this.type);
    return this.builder.define(dst, { op, dst, a: this.register });
  }
  private binary(op: BinaryOp, b: Operand): Value {
    if (this.isUnchangedBy(op, b)) return this;
    const x = this.beside(b);
    const y = this.partner(b);
    const dst = this.builder.register(x.type);
    return this.builder.define(dst, { op, dst, a: x.register, b: y.register });
  }
  /** Addresses are sums in which many a number is 0, and many a factor 1. A variable may change later. */
  private isUnchangedBy(op: BinaryOp, b: Operand): boolean {
    if (this.type.element !== 'index' || this instanceof Variable) return false;
    return op === 'mul' ? b === 1 : b === 0 && (op === 'add' || op === 'sub');
  }
  private zip(op: ZipOp, { register: b }: Value): Value {
    const dst = this.builder.register(this.type);
    return this.builder.define(dst, { op, dst, a: this.register, b });
  }
  private compare(op: CompareOp, b: Operand): Value {
    const x = this.beside(b);
    const y = this.partner(b);
    const type = { element: maskOf(x.type.element), lanes: x.lanes };
    const dst = this.builder.register(type);
    return this.builder.define(dst, { op, dst, a: x.register, b: y.register });
  }
  private shift(op: ShiftOp, amount: Operand): Value {
    const b = amount instanceof Value ? amount.register : amount;
    const dst = this.builder.register(this.type);
    return this.builder.define(dst, { op, dst, a: this.register, b });
  }
  private reduce(op: ReduceOp): Value {
    if (this.lanes === 1) return this;
    const dst = this.builder.register({ element: this.type.element, lanes: 1 });
    return this.builder.define(dst, {
      op,
      dst,
      a: this.register,
    });
  }

  /** Both operands at one type: constants made, scalars spread. */
  protected together(b: Operand): [Value, Value] {
    return [this.beside(b), this.partner(b)];
  }
  /** This, spread if b is a vector. */
  private beside(b: Operand): Value {
    return b instanceof Value && this.lanes === 1 && b.lanes > 1 ? this.splat(b.lanes) : this;
  }
  /** b at this type, or at its own if this is spread. */
  private partner(b: Operand): Value {
    if (!(b instanceof Value)) return this.builder.constant(b, this.type);
    const { type } = this;
    if (sameType(type, b.type)) return b;
    if (type.element === b.type.element) {
      if (b.lanes === 1) return b.splat(type.lanes);
      if (type.lanes === 1) return b;
    }
    throw new Error(`a ${showType(type)} and a ${showType(b.type)} do not go together; convert one`);
  }
}

/** A register that one may write again: an accumulator, a running position. */
export class Variable extends Value {
  set(value: Operand): void {
    const source = this.builder.coerce(value, this.type);
    this.builder.push({ op: 'copy', dst: this.register, a: source.register });
  }
  /** this ← a · b + this. */
  accumulate(a: Value, b: Value): void {
    this.builder.push({ op: 'fma', dst: this.register, a: a.register, b: b.register, c: this.register });
  }
  /** this ← this op b. */
  update(op: BinaryOp, b: Operand): void {
    const source = this.builder.coerce(b, this.type);
    this.builder.push({ op, dst: this.register, a: this.register, b: source.register });
  }
}
