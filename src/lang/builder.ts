/** Collects the statements of one kernel while its author's function runs. */
import type { Kernel, Parameter, Register, Statement } from './ir.ts';
import { loadedElement, sameType, showType, type Machine, type Type } from './types.ts';
import { Value, Variable, type Emitter, type Operand } from './value.ts';

export class Builder implements Emitter {
  /** Lanes of a vector in this kernel: as many as the widest element type among its tensors allows. */
  readonly lanes: number;
  private readonly registers: Register[] = [];
  private readonly body: Statement[] = [];
  private statements = this.body;

  constructor(
    readonly name: string,
    readonly machine: Machine,
    readonly parameters: readonly Parameter[],
    lanes?: number,
  ) {
    const counts = parameters.flatMap((p) =>
      p.kind === 'tensor' ? [machine.lanes(loadedElement[p.storage])] : [],
    );
    this.lanes = lanes ?? Math.min(...counts, machine.lanes('f32'));
  }

  finish(): Kernel {
    return { name: this.name, parameters: this.parameters, registers: this.registers, body: this.body };
  }

  register(type: Type, name?: string): Register {
    const id = this.registers.length;
    const register: Register = name === undefined ? { id, type } : { id, type, name };
    this.registers.push(register);
    return register;
  }

  push(statement: Statement): void {
    this.statements.push(statement);
  }

  define(dst: Register, instruction: Statement): Value {
    this.push(instruction);
    return new Value(this, dst);
  }

  /** The statements that `body` emits, kept apart. */
  block(body: () => void): readonly Statement[] {
    const outer = this.statements;
    const statements: Statement[] = (this.statements = []);
    try {
      body();
    } finally {
      this.statements = outer;
    }
    return statements;
  }

  constant(value: number | bigint, type: Type): Value {
    const dst = this.register(type);
    return this.define(dst, { op: 'const', dst, value });
  }

  variable(initial: Value, name?: string): Variable {
    const dst = this.register(initial.type, name);
    this.push({ op: 'copy', dst, a: initial.register });
    return new Variable(this, dst);
  }

  /** A number or a scalar as a value of the type; anything else must have it already. */
  coerce(value: Operand, type: Type): Value {
    if (!(value instanceof Value)) return this.constant(value, type);
    if (sameType(value.type, type)) return value;
    if (value.lanes === 1 && value.type.element === type.element) return value.splat(type.lanes);
    throw new Error(`expected a ${showType(type)}, got a ${showType(value.type)}`);
  }

  index(value: Operand): Value {
    return value instanceof Value ? value.to('index') : this.constant(value, indexType);
  }
}

const indexType: Type = { element: 'index', lanes: 1 };

let current: Builder | undefined;

/** The builder of the kernel that is being written right now. */
export const builder = (): Builder => {
  if (current === undefined) throw new Error('kernel operations belong inside the body of a kernel');
  return current;
};

/** Runs `body` with `using` as the kernel being written. */
export const writing = (using: Builder, body: () => void): void => {
  const outer = current;
  current = using;
  try {
    body();
  } finally {
    current = outer;
  }
};
