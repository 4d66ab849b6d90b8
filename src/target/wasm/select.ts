import type { Access, Instruction, Kernel, Register, Statement } from '../../lang/ir.ts';
import { elementBytes, showType, type Type } from '../../lang/types.ts';
import { constantOf, Frame, get, i32, i64, op, scalarType, valueType, type Code } from './code.ts';
import type { Instruction as WasmInstruction } from './instructions.ts';
import type { WasmModule } from './module.ts';
import * as arithmetic from './select-arithmetic.ts';
import { bitcast, convert } from './select-convert.ts';
import { load, loadSplat, store, type Place } from './select-memory.ts';
import { usesOf, writes, type Uses } from '../../lang/uses.ts';

export interface SelectOptions {
  /** Whether to use relaxed SIMD, for `fma`. */
  readonly relaxed: boolean;
  /** Whether the memory will be shared between threads. Default: no. */
  readonly sharedMemory?: boolean;
}

/**
 * A kernel as a WebAssembly module: it imports `env.memory` and exports `run(args, begin, end)`. A register is a
 * local; a vector is in the low lanes of a v128.
 *
 * V8 before version 12 moves arithmetic to the end of its basic block, and every version keeps what it is given
 * otherwise, so instructions come in the kernel's order. A value that is used once, before anything is written,
 * stays on the stack.
 *
 * @throws Error when a register is wider than a vector of WebAssembly
 */
export function selectWasm(kernel: Kernel, { relaxed, sharedMemory = false }: SelectOptions): WasmModule {
  for (const register of kernel.registers) checkType(kernel, register);
  const selection = new Selection(kernel, relaxed);
  selection.block(kernel.body);
  return {
    memory: {
      import: { module: 'env', name: 'memory' },
      min: 0,
      ...(sharedMemory && { shared: true, max: 65536 }),
    },
    functions: [
      {
        name: kernel.name,
        export: 'run',
        params: [
          { name: 'args', type: 'i32' },
          { name: 'begin', type: 'i32' },
          { name: 'end', type: 'i32' },
        ],
        ...selection.finish(),
      },
    ],
  };
}

/** Longer code is not carried on to its use: each step copies it. */
const LONGEST_PENDING = 64;

/**
 * Fewer sums are not worth a branch of their own, which takes two instructions. Measured with six rows of two sums, in
 * GFLOP/s of 65: in V8 11 a branch after each row 54, after each second one 64, none 44; in V8 14 64 with any.
 */
const SETTLED_SUMS = 3;

const ARGS = 0;
const BEGIN = 1;
const END = 2;

function checkType(kernel: Kernel, { id, type }: Register): void {
  const { element, lanes } = type;
  const fits =
    lanes === 1 || (element !== 'index' && [2, 4].includes(lanes) && lanes * elementBytes[element] <= 16);
  if (!fits) {
    throw new Error(
      `${kernel.name}: register %${id} is ${showType(type)}; a vector of WebAssembly has 16 bytes, 2 or 4 lanes`,
    );
  }
}

/** A value that is on its way to its only use: code that was not emitted yet. */
interface Pending {
  readonly register: Register;
  readonly code: Code;
}

class Selection {
  private readonly frame = new Frame(3);
  private readonly code: WasmInstruction[] = [];
  private readonly locals = new Map<number, number>();
  /** Registers that are nothing but a literal or a parameter of the function. */
  private readonly literals = new Map<number, (frame: Frame) => Code>();
  /** Their values, of those that are a `const`. */
  private readonly constants = new Map<number, number | bigint>();
  /** In the kernel's order; emitting the last before another would change it. */
  private pending: Pending[] = [];
  /** Blocks that are open, and how many were at the one that ends behind the innermost loop. */
  private depth = 0;
  private exit = 0;
  /** The local of the innermost loop's counter, and how many ways out of that loop there are. */
  private counter: number | undefined;
  private settled = 0;
  private readonly uses: Uses;

  constructor(
    kernel: Kernel,
    private readonly relaxed: boolean,
  ) {
    this.uses = usesOf(kernel);
  }

  finish(): { readonly locals: Frame['locals']; readonly body: Code } {
    return { locals: this.frame.locals, body: teed([...this.frame.prologue, ...this.code]) };
  }

  block(statements: readonly Statement[]): void {
    const settled = this.worthSettling(statements);
    for (const statement of statements) {
      if (statement.op !== 'settle' || settled.has(statement)) this.statement(statement);
    }
    this.flush();
  }

  /**
   * Those of a body's places to settle at which enough is there to settle, and behind which more comes: at its end a loop
   * has a branch of its own.
   */
  private worthSettling(body: readonly Statement[]): ReadonlySet<Statement> {
    const worth = new Set<Statement>();
    let last: Statement | undefined;
    let sums = 0;
    for (const statement of body) {
      if (statement.op === 'settle') {
        if (sums < SETTLED_SUMS) continue;
        worth.add(statement);
        last = statement;
        sums = 0;
      } else if ('dst' in statement && this.uses.written[statement.dst.id]! > 1) sums++;
    }
    if (last !== undefined && sums === 0) worth.delete(last);
    return worth;
  }

  private statement(statement: Statement): void {
    switch (statement.op) {
      case 'loop':
        this.loop(statement);
        break;
      case 'if':
        this.branch(statement);
        break;
      case 'store': {
        const [value, place] = this.place(statement, statement.src);
        this.emit(store(this.frame, place, value!));
        break;
      }
      case 'settle':
        this.settle();
        break;
      case 'prefetch':
        break;
      default:
        this.define(statement.dst, statement);
    }
  }

  /**
   * A way out of the loop that is never taken: V8 places arithmetic in the last block that comes before all uses, and the
   * code behind the loop is one. It asks whether the counter is one of the last numbers of 32 bits, which no address and
   * no count is: one comparison on a register, which V8 cannot make before the loop, and another number each time, since
   * it would not ask the same twice.
   */
  private settle(): void {
    if (this.counter === undefined) return;
    this.flush();
    this.settled++;
    this.code.push(...op('i32.eq', get(this.counter), i32(-this.settled)), ['br_if', this.depth - this.exit]);
  }

  /** Leaves the result on its way to its only use, if it has just one; otherwise it goes into its local. */
  private define(dst: Register, instruction: Exclude<Instruction, { op: 'store' }>): void {
    const writtenOnce = this.uses.written[dst.id] === 1;
    const literal = writtenOnce ? literalOf(instruction) : undefined;
    if (literal !== undefined) {
      this.literals.set(dst.id, literal);
      if (instruction.op === 'const') this.constants.set(dst.id, instruction.value);
      return;
    }
    const code = this.lower(instruction);
    const usedOnce = writtenOnce && this.uses.read[dst.id] === 1;
    if (usedOnce && code.length <= LONGEST_PENDING) this.pending.push({ register: dst, code });
    else this.emit([...code, ['local.set', this.local(dst)]]);
  }

  /** Emits what is pending, and then the code. */
  private emit(code: Code): void {
    this.flush();
    this.code.push(...code);
    this.frame.release();
  }

  private flush(count = this.pending.length): void {
    for (const { register, code } of this.pending.splice(0, count)) {
      this.code.push(...code, ['local.set', this.local(register)]);
    }
  }

  private local({ id, type, name }: Register): number {
    let local = this.locals.get(id);
    if (local === undefined) {
      local = this.frame.local(valueType(type), name);
      this.locals.set(id, local);
    }
    return local;
  }

  /**
   * The code of operands that will run in this order. The last pending values are taken over as far as they are
   * among them in the same order; an operand that is pending before those must be emitted first.
   */
  private operands(...registers: readonly Register[]): Code[] {
    let taken = this.pending.length;
    for (let i = registers.length - 1; i >= 0 && taken > 0; i--) {
      if (this.pending[taken - 1]!.register.id === registers[i]!.id) taken--;
    }
    const needed = this.pending.findLastIndex(
      ({ register }, i) => i < taken && registers.some(({ id }) => id === register.id),
    );
    this.flush(needed + 1);
    const takenOver = new Map(
      this.pending.splice(taken - needed - 1).map(({ register, code }) => [register.id, code]),
    );
    return registers.map(
      (register) =>
        takenOver.get(register.id) ??
        this.literals.get(register.id)?.(this.frame) ??
        get(this.local(register)),
    );
  }

  private operand(register: Register): Code {
    return this.operands(register)[0]!;
  }

  /** The code of an access, and before it in the result that of the value to store, which runs last. */
  private place(access: Access, last?: Register): [value: Code | undefined, place: Place] {
    const { address, stride, count, storage, displacement } = access;
    const inOrder = [address, stride, count, last].filter((register) => register !== undefined);
    const code = this.operands(...inOrder);
    const of = (register: Register | undefined): Code | undefined =>
      register && code[inOrder.indexOf(register)];
    const lanes = (last ?? (access as { dst: Register } & Access).dst).type.lanes;
    return [
      of(last),
      { storage, lanes, displacement, address: of(address)!, stride: of(stride), count: of(count) },
    ];
  }

  private lower(instruction: Exclude<Instruction, { op: 'store' }>): Code {
    const { frame } = this;
    const { type } = instruction.dst;
    switch (instruction.op) {
      case 'const':
        return constant(frame, type, instruction.value);
      case 'iota':
        return iota(frame, type);
      case 'begin':
        return get(BEGIN);
      case 'end':
        return get(END);
      case 'param':
        return op([`${scalarType[type.element]}.load`, { offset: 8 * instruction.param }], get(ARGS));
      case 'copy':
        return this.operand(instruction.a);
      case 'neg':
      case 'abs':
      case 'sqrt':
      case 'floor':
      case 'ceil':
      case 'trunc':
      case 'nearest':
      case 'not':
        return arithmetic.unary(frame, instruction.op, type, this.operand(instruction.a));
      case 'add':
      case 'sub':
      case 'mul':
      case 'div':
      case 'rem':
      case 'min':
      case 'max':
      case 'and':
      case 'or':
      case 'xor': {
        const [a, b] = this.operands(instruction.a, instruction.b) as [Code, Code];
        return arithmetic.binary(frame, instruction.op, type, a, b, this.constants.get(instruction.b.id));
      }
      case 'shl':
      case 'shr':
      case 'shru': {
        const { a, b } = instruction;
        if (typeof b === 'number')
          return arithmetic.shift(instruction.op, type, this.operand(a), i32(b % 64));
        const [value, amount] = this.operands(a, b) as [Code, Code];
        return arithmetic.shift(instruction.op, type, value, amount);
      }
      case 'eq':
      case 'ne':
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge': {
        const [a, b] = this.operands(instruction.a, instruction.b) as [Code, Code];
        return arithmetic.compare(instruction.op, instruction.a.type, a, b);
      }
      case 'evens':
      case 'odds':
      case 'zipLow':
      case 'zipHigh': {
        const [a, b] = this.operands(instruction.a, instruction.b) as [Code, Code];
        return arithmetic.zip(instruction.op, type, a, b);
      }
      case 'fma': {
        const [a, b, c] = this.operands(instruction.a, instruction.b, instruction.c) as [Code, Code, Code];
        return arithmetic.fma(this.relaxed, type, a, b, c);
      }
      case 'select': {
        const operands = this.operands(instruction.a, instruction.b, instruction.mask);
        return op(type.lanes > 1 ? 'v128.bitselect' : 'select', ...operands);
      }
      case 'convert':
        return convert(frame, instruction.a.type, type.element, this.operand(instruction.a));
      case 'bitcast':
        return bitcast(instruction.a.type, type.element, this.operand(instruction.a));
      case 'splat':
        return arithmetic.splat(type.element, this.operand(instruction.a));
      case 'extract':
        return arithmetic.extract(instruction.a.type, this.operand(instruction.a), instruction.lane);
      case 'reduceAdd':
      case 'reduceMul':
      case 'reduceMin':
      case 'reduceMax':
        return arithmetic.reduce(frame, instruction.op, instruction.a.type, this.operand(instruction.a));
      case 'any':
        return arithmetic.any(instruction.a.type, this.operand(instruction.a));
      case 'load':
        return load(frame, this.place(instruction)[1]);
      case 'loadSplat':
        return loadSplat(frame, this.place(instruction)[1]);
      default:
        return instruction satisfies never;
    }
  }

  private branch({ condition, then, otherwise }: Extract<Statement, { op: 'if' }>): void {
    const test = this.operand(condition);
    this.emit([...test, ['if']]);
    this.depth++;
    this.block(then);
    if (otherwise.length > 0) {
      this.code.push(['else']);
      this.block(otherwise);
    }
    this.depth--;
    this.code.push(['end']);
  }

  /** The test is at the bottom; at the top there is another unless the first turn is sure to be taken. */
  private loop(statement: Extract<Statement, { op: 'loop' }>): void {
    const { counter, step, body } = statement;
    this.flush();
    const begin = this.operand(statement.begin);
    let end = this.operand(statement.end);
    const at = this.local(counter);
    const [first, last] = [constantOf(begin), constantOf(end)];
    const surelyTaken = first !== undefined && last !== undefined && first < last;

    const isRewritten = this.uses.written[statement.end.id]! > 1;
    if (isRewritten && writes([statement], statement.end.id)) {
      const kept = this.frame.local('i32');
      this.code.push(...end, ['local.set', kept]);
      end = get(kept);
    }
    this.code.push(...begin, ['local.set', at]);
    const again = (value: Code): Code => op('i32.lt_s', value, end);
    if (!surelyTaken) this.code.push(...again(get(at)), ['if']);
    // Somewhere for `settle` to go.
    const leaves = surelyTaken && body.some(({ op }) => op === 'settle');
    if (leaves) this.code.push(['block']);
    this.code.push(['loop']);
    const { counter: outerCounter, settled, depth, exit } = this;
    const { inLoop } = this.frame;
    this.counter = at;
    this.settled = 0;
    this.exit = depth + (leaves || !surelyTaken ? 1 : 0);
    this.depth = this.exit + 1;
    this.frame.inLoop = true;
    this.block(body);
    this.frame.inLoop = inLoop;
    this.counter = outerCounter;
    this.settled = settled;
    this.exit = exit;
    this.depth = depth;
    const next: Code = [...op('i32.add', get(at), i32(step)), ['local.tee', at]];
    this.code.push(...again(next), ['br_if', 0], ['end']);
    if (leaves || !surelyTaken) this.code.push(['end']);
  }
}

/** What an instruction always gives, if it costs no more than reading a local. */
function literalOf(instruction: Instruction): ((frame: Frame) => Code) | undefined {
  switch (instruction.op) {
    case 'const':
      return (frame) => constant(frame, instruction.dst.type, instruction.value);
    case 'iota':
      return (frame) => iota(frame, instruction.dst.type);
    case 'begin':
      return () => get(BEGIN);
    case 'end':
      return () => get(END);
    default:
      return undefined;
  }
}

function constant(frame: Frame, { element, lanes }: Type, value: number | bigint): Code {
  const vector = lanes > 1;
  switch (element) {
    case 'f32':
      return vector ? frame.v128(new Float32Array(4).fill(Number(value))) : frame.f32(Number(value));
    case 'f64':
      return vector ? frame.v128(new Float64Array(2).fill(Number(value))) : frame.f64(Number(value));
    case 'i64':
      return vector
        ? frame.v128(new BigInt64Array(2).fill(BigInt(value)))
        : i64(BigInt.asIntN(64, BigInt(value)));
    case 'm32':
    case 'm64':
      return vector ? frame.bits(Number(value) === 0 ? 0 : 0xffffffff) : i32(Number(value) === 0 ? 0 : 1);
    case 'i32':
    case 'index': {
      const wrapped = Number(BigInt.asIntN(32, BigInt(value)));
      return vector ? frame.v128(new Int32Array(4).fill(wrapped)) : i32(wrapped);
    }
    default:
      return element satisfies never;
  }
}

const iota = (frame: Frame, { element }: Type): Code =>
  frame.v128(element === 'i64' ? BigInt64Array.of(0n, 1n) : Int32Array.of(0, 1, 2, 3));

/** `local.set x` and `local.get x` beside each other are `local.tee x`. */
function teed(code: Code): Code {
  const result: WasmInstruction[] = [];
  for (const instruction of code) {
    const last = result.at(-1);
    if (instruction[0] === 'local.get' && last?.[0] === 'local.set' && last[1] === instruction[1]) {
      result[result.length - 1] = ['local.tee', instruction[1]];
    } else result.push(instruction);
  }
  return result;
}
