/** Kernels as text for people: a statement per line, blocks indented, constants written where they are used. */
import type { Access, Instruction, Kernel, Parameter, Register, Statement } from './ir.ts';
import { showType } from './types.ts';

/**
 * A kernel as text, the same for the same kernel. `%x` is a register; its type stands at the operation, except for
 * the addresses and counts. A register that is written once, by a constant, is replaced by that constant.
 *
 *     kernel relu(x: in f32, out: out f32)
 *       %x = param x
 *       loop %4 = %begin; %4 < %end; %4 += 4:
 *         %6 = load.f32x4 x[%5]
 *         …
 */
export function printKernel(kernel: Kernel): string {
  const printer = new Printer(kernel);
  return [printer.header(), ...printer.block(kernel.body, '  ')].join('\n');
}

/** One statement of a kernel as text; of a loop or a branch, its first line without the colon. */
export function printStatement(kernel: Kernel, statement: Statement): string {
  return new Printer(kernel).statement(statement, '')[0]!.replace(/:$/, '');
}

/** A register of a kernel as the printer names it. */
export function printRegister(kernel: Kernel, register: Register): string {
  return new Printer(kernel).name(register);
}

class Printer {
  /** How often each register is written, and how often each name occurs. */
  private readonly writes = new Map<number, number>();
  private readonly names = new Map<string, number>();
  private readonly literals = new Map<number, string>();

  constructor(private readonly kernel: Kernel) {
    for (const { name } of kernel.registers) {
      if (name !== undefined) this.names.set(name, (this.names.get(name) ?? 0) + 1);
    }
    this.survey(kernel.body);
  }

  header(): string {
    return `kernel ${this.kernel.name}(${this.kernel.parameters.map(showParameter).join(', ')})`;
  }

  block(statements: readonly Statement[], indent: string): string[] {
    return statements
      .filter((s) => !(s.op === 'const' && this.literals.has(s.dst.id)))
      .flatMap((s) => this.statement(s, indent));
  }

  statement(s: Statement, indent: string): string[] {
    if (s.op === 'loop') {
      const i = this.name(s.counter);
      const head = `loop ${i} = ${this.use(s.begin)}; ${i} < ${this.use(s.end)}; ${i} += ${s.step}:`;
      return [indent + head, ...this.block(s.body, indent + '  ')];
    }
    if (s.op === 'if') {
      const then = [`${indent}if ${this.use(s.condition)}:`, ...this.block(s.then, indent + '  ')];
      const otherwise = this.block(s.otherwise, indent + '  ');
      return otherwise.length === 0 ? then : [...then, `${indent}else:`, ...otherwise];
    }
    if (s.op === 'settle') return [`${indent}settle`];
    if (s.op === 'prefetch') return [`${indent}prefetch ${this.place(s)} to ${s.to}`];
    if (s.op === 'store')
      return [`${indent}store.${memoryType(s, s.src)} ${this.place(s)}, ${this.use(s.src)}`];
    return [`${indent}${this.name(s.dst)} = ${this.value(s)}`];
  }

  name({ id, name }: Register): string {
    if (name === undefined || /^\d*$/.test(name)) return `%${id}`;
    return this.names.get(name) === 1 ? `%${name}` : `%${name}.${id}`;
  }

  private use(register: Register): string {
    return this.literals.get(register.id) ?? this.name(register);
  }

  private value(s: Exclude<Instruction, { op: 'store' }>): string {
    const type = showType(s.dst.type);
    switch (s.op) {
      case 'const':
        return `const.${type} ${showNumber(s.value)}`;
      case 'param':
        return `param ${this.parameter(s.param)}`;
      case 'begin':
      case 'end':
        return s.op;
      case 'iota':
        return `iota.${type}`;
      case 'convert':
      case 'bitcast':
        return `${s.op}.${showType(s.a.type)}→${type} ${this.use(s.a)}`;
      case 'extract':
        return `extract.${showType(s.a.type)} ${this.use(s.a)}[${s.lane}]`;
      case 'select':
        return `select.${type} ${this.use(s.mask)}, ${this.use(s.a)}, ${this.use(s.b)}`;
      case 'fma':
        return `fma.${type} ${this.use(s.a)}, ${this.use(s.b)}, ${this.use(s.c)}`;
      case 'load':
      case 'loadSplat':
        return `${s.op}.${memoryType(s, s.dst)} ${this.place(s)}`;
      case 'copy':
      case 'splat':
        return `${s.op}.${type} ${this.use(s.a)}`;
      default: {
        // The operands' type: a comparison's result is a mask, a reduction's a scalar.
        const operands = 'b' in s ? `, ${typeof s.b === 'number' ? s.b : this.use(s.b)}` : '';
        return `${s.op}.${showType(s.a.type)} ${this.use(s.a)}${operands}`;
      }
    }
  }

  /** `x[%5 + 16]`, and what else the access says. */
  private place({ param, address, displacement, count, stride }: Omit<Access, 'storage'>): string {
    const moved = displacement === 0 ? '' : ` + ${displacement}`;
    return (
      `${this.parameter(param)}[${this.use(address)}${moved}]` +
      (stride ? ` stride ${this.use(stride)}` : '') +
      (count ? ` count ${this.use(count)}` : '')
    );
  }

  private parameter(param: number): string {
    return this.kernel.parameters[param]?.name ?? `#${param}`;
  }

  /** Finds the registers that are constants. */
  private survey(statements: readonly Statement[]): void {
    for (const s of statements) {
      if (s.op === 'if') {
        this.survey(s.then);
        this.survey(s.otherwise);
      } else if (s.op === 'loop') {
        this.wrote(s.counter);
        this.survey(s.body);
      } else if ('dst' in s) {
        this.wrote(s.dst, s.op === 'const' ? showNumber(s.value) : undefined);
      }
    }
  }

  private wrote({ id, name }: Register, literal?: string): void {
    const before = this.writes.get(id) ?? 0;
    this.writes.set(id, before + 1);
    // A name was given to be seen.
    if (before === 0 && literal !== undefined && name === undefined) this.literals.set(id, literal);
    else this.literals.delete(id);
  }
}

const showParameter = (p: Parameter): string => {
  if (p.kind === 'tensor') return `${p.name}: ${p.access} ${p.storage}`;
  return p.element === 'index' ? p.name : `${p.name}: ${p.element}`;
};

/** What memory holds, as many times as the register has lanes: `f16x4`. */
const memoryType = ({ storage }: Access, { type }: Register): string =>
  type.lanes === 1 ? storage : `${storage}x${type.lanes}`;

const showNumber = (value: number | bigint): string => (Object.is(value, -0) ? '-0' : String(value));
