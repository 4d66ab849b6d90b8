/** From the statements of a kernel to x86-64 instructions on virtual registers. */
import type { CompareOp, Instruction, Kernel, Register, Statement } from '../../lang/ir.ts';
import { isFloat, isMask, showType } from '../../lang/types.ts';
import { usesOf, writes } from '../../lang/uses.ts';
import {
  Context,
  elementBits,
  immediateOf,
  integerLike,
  type Condition,
  type MaskOperand,
} from './context.ts';
import type { Lir } from './lir.ts';
import type { Gpr, Memory, Vector } from './operands.ts';
import { loops, wait } from './select-address.ts';
import { bitcast, convert } from './select-convert.ts';
import * as floats from './select-float.ts';
import * as integers from './select-integer.ts';
import * as lanes from './select-lanes.ts';
import { load, loadIndex, loadSplat, prefetch, store } from './select-memory.ts';
import { reduce } from './select-reduce.ts';
import { zip } from './select-zip.ts';

/** Where a function's arguments arrive: general-purpose registers by number. */
export interface Arrivals {
  readonly args: number;
  readonly begin: number;
  readonly end: number;
}

export interface SelectOptions {
  readonly avx512: boolean;
  readonly vectorBytes: number;
  readonly arrivals: Arrivals;
}

/** @throws Error when a register is wider than the machine's vectors */
export const select = (kernel: Kernel, options: SelectOptions): Lir => {
  for (const { id, type } of kernel.registers) {
    const fits = type.lanes === 1 || (type.lanes * elementBits(type)) / 8 <= options.vectorBytes;
    if (!fits) {
      throw new Error(
        `${kernel.name}: register %${String(id)} is ${showType(type)}; a vector has ${String(options.vectorBytes)} bytes`,
      );
    }
  }
  const selection = new Selection(kernel, options);
  selection.block(kernel.body);
  return selection.x.lir;
};

const compareOps: ReadonlySet<string> = new Set<CompareOp>(['eq', 'ne', 'lt', 'le', 'gt', 'ge']);
type Comparison = Extract<Instruction, { op: CompareOp }>;
type Any = Extract<Instruction, { op: 'any' }>;
/** What a branch may ask of the flags. */
const answersToBranch = (s: Statement): s is Comparison | Any =>
  (compareOps.has(s.op) && (s as Comparison).a.type.lanes === 1) || s.op === 'any';

const opposite: Readonly<Record<Condition, Condition>> = {
  e: 'ne',
  ne: 'e',
  l: 'ge',
  ge: 'l',
  le: 'g',
  g: 'le',
  a: 'be',
  be: 'a',
  ae: 'b',
  b: 'ae',
  p: 'np',
  np: 'p',
  s: 'ns',
  ns: 's',
};

class Selection {
  readonly x: Context;
  private readonly args: Gpr;
  private readonly bounds: { readonly begin: Gpr; readonly end: Gpr };

  constructor(kernel: Kernel, { avx512, arrivals }: SelectOptions) {
    this.x = new Context(avx512, usesOf(kernel));
    const { lir } = this.x;
    const arrived = (number: number): Gpr => {
      const register = lir.gpr(64);
      this.x.emit('mov', register, { kind: 'gpr', number, bits: 64 });
      return register;
    };
    this.args = arrived(arrivals.args);
    this.bounds = { begin: arrived(arrivals.begin), end: arrived(arrivals.end) };
  }

  block(statements: readonly Statement[]): void {
    this.x.within(() => {
      for (let i = 0; i < statements.length; i++) {
        const statement = statements[i]!;
        const next = statements[i + 1];
        if (next?.op === 'if' && answersToBranch(statement) && this.onlyAsks(statement.dst, next.condition)) {
          this.computeBefore(next);
          this.branch(next, this.ask(statement));
          i++;
        } else if (statement.op === 'load' && next?.op === 'convert' && this.onlyWidens(statement, next)) {
          loadIndex(this.x, next.dst, statement);
          this.x.spend(statement.address);
          i++;
        } else this.statement(statement);
      }
    });
  }

  /** Whether a comparison is of use to nobody but the branch that follows it. */
  private onlyAsks(dst: Register, condition: Register): boolean {
    return dst.id === condition.id && this.x.writtenOnce(dst) && this.x.readOnce(dst);
  }

  /** Whether what is loaded is an entry of a table, and of use to nobody but the conversion that follows. */
  private onlyWidens(
    { dst, storage, count }: Statement & { op: 'load' },
    next: Statement & { op: 'convert' },
  ): boolean {
    return (
      next.a.id === dst.id &&
      next.dst.type.element === 'index' &&
      storage === 'i32' &&
      count === undefined &&
      this.x.writtenOnce(dst) &&
      this.x.readOnce(dst)
    );
  }

  private statement(statement: Statement): void {
    switch (statement.op) {
      case 'loop':
        this.loop(statement);
        break;
      case 'if': {
        this.computeBefore(statement);
        const condition = this.x.gpr(statement.condition);
        this.x.emit('test', condition, condition);
        this.branch(statement, 'ne');
        break;
      }
      case 'store':
        store(this.x, statement.src, statement);
        this.x.spend(statement.address);
        break;
      case 'prefetch':
        prefetch(this.x, statement);
        this.x.spend(statement.address);
        break;
      case 'settle':
        break;
      default:
        this.define(statement);
    }
  }

  private define(s: Exclude<Instruction, { op: 'store' }>): void {
    const { x } = this;
    const { dst } = s;
    const scalar = dst.type.lanes === 1;
    const float = isFloat(dst.type.element);
    // The usual ones first: a switch on texts compares one after the other.
    switch (s.op) {
      case 'load':
        load(x, dst, s);
        x.spend(s.address);
        break;
      case 'loadSplat':
        loadSplat(x, dst, s);
        x.spend(s.address);
        break;
      case 'add':
      case 'sub':
      case 'mul':
      case 'div':
      case 'rem':
      case 'min':
      case 'max':
      case 'and':
      case 'or':
      case 'xor':
        if (float) floats.binary(x, s.op, dst, s.a, s.b);
        else if (scalar) {
          if (!wait(x, s)) integers.binaryScalar(x, s.op, dst, s.a, s.b);
        } else if (isMask(dst.type.element)) this.maskLogic(s.op as 'and' | 'or' | 'xor', dst, s.a, s.b);
        else integers.binaryVector(x, s.op, dst, s.a, s.b);
        break;
      case 'fma':
        floats.fma(x, dst, s.a, s.b, s.c);
        break;
      case 'const':
        if (x.writtenOnce(dst)) x.setLiteral(dst, s.value);
        else this.constant(dst, s.value);
        break;
      case 'param':
        this.param(dst, s.param);
        break;
      case 'begin':
      case 'end':
        x.move(x.place(dst), this.bounds[s.op]);
        break;
      case 'copy':
        this.copy(dst, s.a);
        break;
      case 'neg':
      case 'abs':
      case 'sqrt':
      case 'floor':
      case 'ceil':
      case 'trunc':
      case 'nearest':
      case 'not':
        if (float) floats.unary(x, s.op, dst, s.a);
        else if (scalar) integers.unaryScalar(x, s.op, dst, s.a, isMask(dst.type.element));
        else if (isMask(dst.type.element)) this.maskLogic('not', dst, s.a, s.a);
        else integers.unaryVector(x, s.op, dst, s.a);
        break;
      case 'shl':
      case 'shr':
      case 'shru':
        if (scalar) {
          if (!wait(x, s)) integers.shiftScalar(x, s.op, dst, s.a, s.b);
        } else integers.shiftVector(x, s.op, dst, s.a, s.b);
        break;
      case 'eq':
      case 'ne':
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge':
        this.compare(s);
        break;
      case 'select':
        this.select(s);
        break;
      case 'evens':
      case 'odds':
      case 'zipLow':
      case 'zipHigh':
        zip(x, s.op, dst, s.a, s.b);
        break;
      case 'convert':
        convert(x, dst, s.a);
        break;
      case 'bitcast':
        bitcast(x, dst, s.a);
        break;
      case 'iota':
        lanes.iota(x, dst);
        break;
      case 'splat':
        lanes.splat(x, dst, s.a);
        break;
      case 'extract':
        lanes.extract(x, dst, s.a, s.lane);
        break;
      case 'reduceAdd':
      case 'reduceMul':
      case 'reduceMin':
      case 'reduceMax':
        reduce(x, s.op, dst, s.a);
        break;
      case 'any':
        x.setByFlags(x.place(dst) as Gpr, this.ask(s)!);
        break;
      default:
        s satisfies never;
    }
  }

  private constant(dst: Register, value: number | bigint): void {
    const { x } = this;
    const to = x.place(dst);
    if (to.kind === 'gpr') x.emit('mov', to, immediateOf(value, to.bits));
    else if (to.kind === 'opmask') x.emit(value === 0 ? 'kxorq' : 'kxnorq', to, to, to);
    else if (isMask(dst.type.element)) {
      x.move(to, x.literalVector(value === 0 ? 0 : -1, integerLike(dst.type)));
    } else x.move(to, x.literalVector(value, dst.type));
  }

  private param(dst: Register, param: number): void {
    const { x } = this;
    const to = x.place(dst);
    const memory: Memory = {
      kind: 'memory',
      bits: elementBits(dst.type),
      base: this.args.number,
      displacement: 8 * param,
    };
    if (to.kind === 'gpr') x.emit('mov', to, memory);
    else x.emit(elementBits(dst.type) === 32 ? 'vmovss' : 'vmovsd', to, memory);
  }

  private copy(dst: Register, a: Register): void {
    const { x } = this;
    const literal = x.literal(a);
    if (literal !== undefined) this.constant(dst, literal);
    else x.move(x.place(dst), x.place(a));
  }

  private maskLogic(op: 'and' | 'or' | 'xor' | 'not', dst: Register, a: Register, b: Register): void {
    const { x } = this;
    const to = x.place(dst) as MaskOperand;
    const [p, q] = [x.mask(a), x.mask(b)];
    if (to.kind === 'opmask') {
      if (op === 'not') x.emit('knotq', to, p);
      else x.emit(`k${op}q`, to, p, q);
    } else if (op === 'not') x.emit('vxorps', to, p, integers.allOnes(x, to));
    else x.emit(`v${op}ps`, to, p, q);
  }

  private compare(s: Comparison): void {
    const { x } = this;
    const { dst, a, b, op } = s;
    if (a.type.lanes > 1) {
      const to = x.place(dst) as MaskOperand;
      if (isFloat(a.type.element)) floats.compareVectors(x, op, to, a, b);
      else integers.compareVectors(x, op, to, a, b);
      return;
    }
    const to = x.place(dst) as Gpr;
    const condition = this.ask(s);
    if (condition !== undefined) {
      x.setByFlags(to, condition);
      return;
    }
    // Equal, and not unordered.
    const ordered = x.lir.gpr(32);
    const result = x.lir.gpr(32);
    x.emit('mov', ordered, 0);
    x.emit('mov', result, 0);
    const [byteOrdered, byteResult]: [Gpr, Gpr] = [
      { ...ordered, bits: 8 },
      { ...result, bits: 8 },
    ];
    x.emit(op === 'eq' ? 'setnp' : 'setp', byteOrdered);
    x.emit(op === 'eq' ? 'sete' : 'setne', byteResult);
    x.emit(op === 'eq' ? 'and' : 'or', result, ordered);
    x.move(to, result);
  }

  /** Leaves the answer in the flags; undefined when no one condition tells it. */
  private ask(s: Comparison | Any): Condition | undefined {
    const { x } = this;
    if (s.op === 'any') {
      lanes.anyToFlags(x, x.mask(s.a), s.a.type);
      return 'ne';
    }
    return isFloat(s.a.type.element)
      ? floats.compareToFlags(x, s.op, s.a, s.b)
      : integers.compareToFlags(x, s.op, s.a, s.b);
  }

  private select({ dst, mask, a, b }: Extract<Instruction, { op: 'select' }>): void {
    const { x } = this;
    if (dst.type.lanes > 1) {
      floats.selectVectors(x, x.place(dst) as Vector, x.mask(mask), a, b);
      return;
    }
    const condition = x.gpr(mask);
    const to = x.place(dst);
    if (to.kind === 'gpr') {
      const [yes, no] = [x.gpr(a), x.gpr(b)];
      const result = x.lir.gpr(to.bits);
      x.move(result, no);
      x.emit('test', condition, condition);
      x.emit('cmovne', result, yes);
      x.move(to, result);
      return;
    }
    const [yes, no] = [x.vector(a), x.vector(b)];
    const result = x.lir.vector(128);
    const chosen = x.lir.label('chosen');
    x.move(result, yes);
    x.emit('test', condition, condition);
    x.jump('ne', chosen);
    x.move(result, no);
    x.lir.place(chosen);
    x.move(to, result);
  }

  /** What a loop in a branch reads is not computed at every turn of it. */
  private computeBefore({ then, otherwise }: Extract<Statement, { op: 'if' }>): void {
    if (loops(then) || loops(otherwise)) this.x.computeAll();
  }

  private branch(
    { then, otherwise }: Extract<Statement, { op: 'if' }>,
    condition: Condition | undefined,
  ): void {
    const { x } = this;
    const other = x.lir.label('else');
    const done = otherwise.length > 0 ? x.lir.label('done') : other;
    x.jump(opposite[condition!], other);
    this.block(then);
    if (otherwise.length > 0) {
      x.emit('jmp', done);
      x.lir.place(other);
      this.block(otherwise);
    }
    x.lir.place(done);
  }

  /** The test is at the bottom; at the top there is another unless the first turn is sure to be taken. */
  private loop(statement: Extract<Statement, { op: 'loop' }>): void {
    const { x } = this;
    const { counter, begin, end, step, body } = statement;
    x.computeAll();
    const [first, last] = [x.immediate(begin), x.immediate(end)];
    const at = x.place(counter) as Gpr;
    const changes = !x.writtenOnce(end) && writes([statement], end.id);
    let limit: Gpr | number = x.gprOrImmediate(end);
    if (changes && typeof limit !== 'number') {
      const kept = x.lir.gpr(64);
      x.move(kept, limit);
      limit = kept;
    }
    const again = x.lir.label('loop');
    const done = x.lir.label('done');
    if (first !== undefined) x.emit('mov', at, first);
    else x.move(at, x.gpr(begin));
    if (first === undefined || last === undefined || first >= last) {
      x.emit('cmp', at, limit);
      x.jump('ge', done);
    }
    x.lir.beginLoop();
    x.lir.align(16);
    x.lir.place(again);
    this.block(body);
    x.emit('add', at, step);
    x.emit('cmp', at, limit);
    x.jump('l', again);
    x.lir.endLoop();
    x.lir.place(done);
  }
}
