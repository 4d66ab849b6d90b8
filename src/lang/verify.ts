/** Refuses kernels that have no meaning, so that neither the interpreter nor a target need look for mistakes. */
import type { Access, Instruction, Kernel, Register, Statement } from './ir.ts';
import { printRegister, printStatement } from './print.ts';
import {
  elementBytes,
  isFloat,
  isInteger,
  isMask,
  loadedElement,
  maskOf,
  sameType,
  showType,
  type RegisterElement,
  type Type,
} from './types.ts';

/**
 * Checks everything that `ir.ts` says about a kernel and that can be seen without running it.
 *
 * @throws Error that names the kernel, the statement and the rule:
 *   `kernel relu: %1 = max.f32 %0, %2: %2 is not written on every path that leads here`
 */
export function verify(kernel: Kernel): void {
  const verifier = new Verifier(kernel);
  verifier.declarations();
  verifier.block(kernel.body);
}

/** Displacements fit into the instructions of every target. */
const displacementLimit = 2 ** 31;

const index: Type = { element: 'index', lanes: 1 };

class Verifier {
  private statement: Statement | undefined;
  /** By id, whether a register is written on every path that leads here. */
  private readonly written: boolean[] = [];
  /** Those that are, in the order of their writing. */
  private readonly trail: number[] = [];
  /** By id, whether a register counts a loop around this place. */
  private readonly counts: boolean[] = [];

  constructor(private readonly kernel: Kernel) {}

  declarations(): void {
    const { name, parameters, registers } = this.kernel;
    if (name === '') this.fail('a kernel needs a name');
    const names = parameters.map((p) => p.name);
    names.forEach((parameter, k) => {
      if (parameter === '') this.fail(`parameter ${k} needs a name`);
      if (names.indexOf(parameter) !== k) this.fail(`two parameters are named ${parameter}`);
    });
    registers.forEach(({ id, type: { element, lanes } }, k) => {
      if (id !== k) this.fail(`register number ${k} has id ${id}`);
      // Vectors are halved by reductions.
      if (!Number.isInteger(Math.log2(lanes)) || lanes < 1)
        this.fail(`register %${id} has ${lanes} lanes, must have 1, 2, 4, 8 …`);
      if (element === 'index' && lanes !== 1)
        this.fail(`register %${id} is an index of ${lanes} lanes, an index is scalar`);
    });
  }

  block(statements: readonly Statement[]): void {
    for (const s of statements) {
      this.statement = s;
      this.reads(s);
      const result = s.op === 'loop' ? s.counter : 'dst' in s ? s.dst : undefined;
      if (result !== undefined) {
        this.declared(result);
        if (this.counts[result.id] === true)
          this.fail(`${this.name(result)} counts a loop, whose body must not write it`);
        this.write(result.id);
      }

      if (s.op === 'loop') {
        this.loop(s);
        this.counts[s.counter.id] = true;
        this.branch(s.body);
        this.counts[s.counter.id] = false;
      } else if (s.op === 'if') {
        if (!isMask(s.condition.type.element) || s.condition.type.lanes !== 1)
          this.fail(`the condition is ${showType(s.condition.type)}, must be a scalar mask`);
        const then = new Set(this.branch(s.then));
        for (const id of this.branch(s.otherwise)) if (then.has(id)) this.write(id);
      } else if (s.op === 'prefetch') {
        this.prefetch(s);
      } else if (s.op !== 'settle') {
        this.instruction(s);
      }
    }
  }

  /** Statements that may not run. @returns the registers that they write on every path through them */
  private branch(statements: readonly Statement[]): readonly number[] {
    const before = this.trail.length;
    this.block(statements);
    const ids = this.trail.splice(before);
    for (const id of ids) this.written[id] = false;
    return ids;
  }

  private write(id: number): void {
    if (this.written[id] === true) return;
    this.written[id] = true;
    this.trail.push(id);
  }

  private reads(s: Statement): void {
    switch (s.op) {
      case 'const':
      case 'iota':
      case 'param':
      case 'begin':
      case 'end':
      case 'settle':
        break;
      case 'load':
      case 'loadSplat':
        this.readsOf(s);
        break;
      case 'store':
        this.read(s.src);
        this.readsOf(s);
        break;
      case 'loop':
        this.read(s.begin);
        this.read(s.end);
        break;
      case 'prefetch':
        this.read(s.address);
        break;
      case 'if':
        this.read(s.condition);
        break;
      case 'select':
        this.read(s.a);
        this.read(s.b);
        this.read(s.mask);
        break;
      default:
        this.read(s.a);
        if ('b' in s && typeof s.b === 'object') this.read(s.b);
        if ('c' in s) this.read(s.c);
    }
  }

  private readsOf({ address, count, stride }: Access): void {
    this.read(address);
    if (count !== undefined) this.read(count);
    if (stride !== undefined) this.read(stride);
  }

  private read(register: Register): void {
    this.declared(register);
    if (this.written[register.id] !== true)
      this.fail(`${this.name(register)} is not written on every path that leads here`);
  }

  private loop(s: Statement & { op: 'loop' }): void {
    this.typed('the counter', s.counter, index);
    this.typed('the beginning', s.begin, index);
    this.typed('the end', s.end, index);
    if (!(Number.isSafeInteger(s.step) && s.step >= 1))
      this.fail(`the step ${s.step} must be an integer ≥ 1`);
  }

  private instruction(s: Instruction): void {
    switch (s.op) {
      case 'const':
        this.constant(s.value, s.dst.type.element);
        break;
      case 'param':
        this.parameterResult(s.param, s.dst);
        break;
      case 'begin':
      case 'end':
        this.typed('the result', s.dst, index);
        break;
      case 'copy':
        this.typed('the result', s.dst, s.a.type);
        break;
      case 'neg':
      case 'abs':
        this.kind('a', s.a, 'a number', (e) => !isMask(e));
        this.typed('the result', s.dst, s.a.type);
        break;
      case 'sqrt':
      case 'floor':
      case 'ceil':
      case 'trunc':
      case 'nearest':
        this.kind('a', s.a, 'a float', isFloat);
        this.typed('the result', s.dst, s.a.type);
        break;
      case 'not':
        this.kind('a', s.a, 'an integer or a mask', (e) => !isFloat(e));
        this.typed('the result', s.dst, s.a.type);
        break;
      case 'add':
      case 'sub':
      case 'mul':
      case 'div':
      case 'min':
      case 'max':
        this.kind('a', s.a, 'a number', (e) => !isMask(e));
        this.alike(s.a.type, s.dst, s.b);
        break;
      case 'rem':
        this.kind('a', s.a, 'an integer', isInteger);
        this.alike(s.a.type, s.dst, s.b);
        break;
      case 'and':
      case 'or':
      case 'xor':
        this.kind('a', s.a, 'an integer or a mask', (e) => !isFloat(e));
        this.alike(s.a.type, s.dst, s.b);
        break;
      case 'shl':
      case 'shr':
      case 'shru':
        this.shift(s);
        break;
      case 'eq':
      case 'ne':
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge':
        this.kind('a', s.a, 'a number', (e) => !isMask(e));
        this.typed('b', s.b, s.a.type);
        this.typed('the result', s.dst, { element: maskOf(s.a.type.element), lanes: s.a.type.lanes });
        break;
      case 'fma':
        this.kind('a', s.a, 'a float', isFloat);
        this.typed('c', s.c, s.a.type);
        this.alike(s.a.type, s.dst, s.b);
        break;
      case 'evens':
      case 'odds':
      case 'zipLow':
      case 'zipHigh':
        this.vector('a', s.a);
        this.kind('a', s.a, 'a number', (e) => !isMask(e));
        this.alike(s.a.type, s.dst, s.b);
        break;
      case 'select':
        this.kind('a', s.a, 'a number', (e) => !isMask(e));
        this.typed('the mask', s.mask, { element: maskOf(s.a.type.element), lanes: s.a.type.lanes });
        this.alike(s.a.type, s.dst, s.b);
        break;
      case 'convert':
        this.convert(s.a, s.dst);
        break;
      case 'bitcast':
        this.bitcast(s.a, s.dst);
        break;
      case 'iota':
        this.vector('the result', s.dst);
        this.kind('the result', s.dst, 'an i32 or i64', isInteger);
        break;
      case 'splat':
        this.vector('the result', s.dst);
        this.typed('a', s.a, { element: s.dst.type.element, lanes: 1 });
        break;
      case 'extract':
        this.vector('a', s.a);
        if (!(Number.isInteger(s.lane) && s.lane >= 0 && s.lane < s.a.type.lanes))
          this.fail(`lane ${s.lane} is not one of the ${s.a.type.lanes} of ${this.name(s.a)}`);
        this.typed('the result', s.dst, { element: s.a.type.element, lanes: 1 });
        break;
      case 'reduceAdd':
      case 'reduceMul':
      case 'reduceMin':
      case 'reduceMax':
        this.vector('a', s.a);
        this.kind('a', s.a, 'a number', (e) => !isMask(e));
        this.typed('the result', s.dst, { element: s.a.type.element, lanes: 1 });
        break;
      case 'any':
        this.vector('a', s.a);
        this.kind('a', s.a, 'a mask', isMask);
        this.typed('the result', s.dst, { element: 'm32', lanes: 1 });
        break;
      case 'load':
        this.access(s, s.dst, 'reads');
        break;
      case 'loadSplat':
        if (s.count !== undefined || s.stride !== undefined)
          this.fail('one element is read, so neither count nor stride has a meaning');
        this.access(s, s.dst, 'reads');
        break;
      case 'store':
        this.access(s, s.src, 'writes');
        break;
      default:
        s satisfies never;
        this.fail(`there is no operation ${String((s as { op: unknown }).op)}`);
    }
  }

  private constant(value: number | bigint, element: RegisterElement): void {
    if (isFloat(element)) {
      if (typeof value !== 'number')
        this.fail(`an ${element} is given by a number, not by the bigint ${value}`);
      return;
    }
    if (typeof value === 'bigint' && element !== 'i64')
      this.fail(`only an i64 is given by a bigint, not this ${element}`);
    if (element === 'i64' && Number.isInteger(value) && !Number.isSafeInteger(value))
      this.fail(`${value} may have been rounded; an i64 so large is given by a bigint`);
    const within = (least: number | bigint, most: number | bigint): void => {
      const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
      if (!whole || value < least || value > most)
        this.fail(`${value} is not an integer from ${least} to ${most}, as an ${element} must be`);
    };
    if (isMask(element)) within(0, 1);
    else if (element === 'i32') within(-(2 ** 31), 2 ** 31 - 1);
    else if (element === 'i64') within(-(2n ** 63n), 2n ** 63n - 1n);
    else within(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  }

  private parameterResult(param: number, dst: Register): void {
    const parameter = this.parameter(param);
    this.typed('the result', dst, {
      element: parameter.kind === 'tensor' ? 'index' : parameter.element,
      lanes: 1,
    });
  }

  private shift(s: Instruction & { op: 'shl' | 'shr' | 'shru' }): void {
    this.kind('a', s.a, 'an integer', isInteger);
    if (s.op === 'shru' && s.a.type.element === 'index')
      this.fail(
        'how wide an index is depends on the machine; being never negative, it can be shifted by shr',
      );
    if (typeof s.b !== 'number') this.typed('the amount', s.b, { element: 'i32', lanes: 1 });
    else if (!Number.isSafeInteger(s.b) || s.b < 0) this.fail(`the amount ${s.b} must be an integer ≥ 0`);
    this.typed('the result', s.dst, s.a.type);
  }

  private convert(a: Register, dst: Register): void {
    const [from, to] = [a.type.element, dst.type.element];
    if (from === to) this.fail(`both are ${from}; that is a copy`);
    if (isMask(from) !== isMask(to))
      this.fail('masks and numbers do not convert into each other; select, or compare, says which numbers');
    this.typed('the result', dst, { element: to, lanes: a.type.lanes });
  }

  private bitcast(a: Register, dst: Register): void {
    const [from, to] = [a.type.element, dst.type.element];
    if (from === to) this.fail(`both are ${from}; that is a copy`);
    if (from === 'index') this.fail('how wide an index is depends on the machine; convert it');
    if (to === 'index' || isMask(to)) this.fail(`the result is ${to}, must be f32, f64, i32 or i64`);
    if (elementBytes[from] !== elementBytes[to]) this.fail(`${from} and ${to} are not of one width`);
    this.typed('the result', dst, { element: to, lanes: a.type.lanes });
  }

  private access(s: Access, value: Register, does: 'reads' | 'writes'): void {
    const { name, access, storage } = this.tensor(s.param);
    if (access === (does === 'reads' ? 'out' : 'in'))
      this.fail(`the statement ${does} ${name}, which is declared as '${access}'`);
    if (s.storage !== storage) this.fail(`${name} holds ${storage}, but is accessed as ${s.storage}`);
    const element = loadedElement[s.storage];
    this.kind('the value', value, `${element}, as a load of ${s.storage} gives`, (e) => e === element);
    this.place(s);
    if (s.count !== undefined) this.typed('count', s.count, index);
    if (s.stride !== undefined) this.typed('stride', s.stride, index);
  }

  private prefetch(s: Statement & { op: 'prefetch' }): void {
    const { name, access } = this.tensor(s.param);
    if (s.to === 'write' && access === 'in')
      this.fail(`${name}, which is declared as 'in', is not going to be written`);
    this.place(s);
  }

  private place({ address, displacement }: Pick<Access, 'address' | 'displacement'>): void {
    this.typed('the address', address, index);
    if (!(Number.isInteger(displacement) && displacement >= 0 && displacement < displacementLimit))
      this.fail(`the displacement ${displacement} must be an integer from 0 to 2³¹ − 1`);
  }

  private tensor(param: number): Kernel['parameters'][number] & { kind: 'tensor' } {
    const parameter = this.parameter(param);
    if (parameter.kind === 'tensor') return parameter;
    return this.fail(`parameter ${parameter.name} is a number, not a tensor`);
  }

  private parameter(param: number): Kernel['parameters'][number] {
    const { parameters } = this.kernel;
    return parameters[param] ?? this.fail(`there is no parameter ${param}, only ${parameters.length}`);
  }

  private declared(register: Register): void {
    const declaration = this.kernel.registers[register.id];
    if (declaration === register) return;
    if (declaration === undefined) this.fail(`register %${register.id} is not declared`);
    if (!sameType(declaration.type, register.type))
      this.fail(
        `${this.name(register)} is declared as ${showType(declaration.type)}, not ${showType(register.type)}`,
      );
  }

  /** a has this type, and b and the result must have it too. */
  private alike(type: Type, dst: Register, b: Register): void {
    this.typed('b', b, type);
    this.typed('the result', dst, type);
  }

  private typed(what: string, register: Register, type: Type): void {
    if (!sameType(register.type, type))
      this.fail(`${what} is ${showType(register.type)}, must be ${showType(type)}`);
  }

  private kind(what: string, { type }: Register, must: string, holds: (e: RegisterElement) => boolean): void {
    if (!holds(type.element)) this.fail(`${what} is ${showType(type)}, must be ${must}`);
  }

  private vector(what: string, { type }: Register): void {
    if (type.lanes < 2) this.fail(`${what} is ${showType(type)}, must be a vector`);
  }

  private name(register: Register): string {
    return printRegister(this.kernel, register);
  }

  private fail(rule: string): never {
    const where = this.statement === undefined ? '' : ` ${printStatement(this.kernel, this.statement)}:`;
    throw new Error(`kernel ${this.kernel.name}:${where} ${rule}`);
  }
}
