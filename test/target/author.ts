/** Writes kernels instruction by instruction, for tests that must decide on every one of them. */
import {
  type Access,
  type Instruction,
  type Kernel,
  type Parameter,
  type Register,
  type Statement,
} from '../../src/lang/ir.ts';
import { elementBytes, loadedElement, type RegisterElement, type StorageType } from '../../src/lang/types.ts';

/** An instruction that has a result, still without it. */
export type Rest<I extends Instruction = Instruction> = I extends { readonly dst: Register }
  ? Omit<I, 'dst'>
  : never;

export class Author {
  readonly registers: Register[] = [];
  private readonly parameters: Parameter[] = [];
  private block: Statement[] = [];

  register(element: RegisterElement, lanes = 1, name?: string): Register {
    const type = { element, lanes };
    const register = { id: this.registers.length, type, ...(name !== undefined && { name }) };
    this.registers.push(register);
    return register;
  }

  push(statement: Statement): void {
    this.block.push(statement);
  }

  /** Emits an instruction with a new register for its result. */
  make(element: RegisterElement, lanes: number, rest: Rest): Register {
    const dst = this.register(element, lanes);
    this.push({ ...rest, dst });
    return dst;
  }

  constant(element: RegisterElement, lanes: number, value: number | bigint): Register {
    return this.make(element, lanes, { op: 'const', value });
  }
  index(value: number): Register {
    return this.constant('index', 1, value);
  }
  binary(op: 'add' | 'sub' | 'mul' | 'and' | 'or' | 'min', a: Register, b: Register): Register {
    return this.make(a.type.element, a.type.lanes, { op, a, b });
  }

  tensor(storage: StorageType, access: 'in' | 'out' | 'inout'): { param: number; address: Register } {
    const param = this.parameters.length;
    const name = `p${param}`;
    this.parameters.push({ kind: 'tensor', name, storage, access });
    const address = this.register('index', 1, name);
    this.push({ op: 'param', dst: address, param });
    return { param, address };
  }

  number(element: 'f32' | 'f64' | 'i32' | 'i64' | 'index'): Register {
    const param = this.parameters.length;
    const name = `p${param}`;
    this.parameters.push({ kind: 'number', name, element });
    const dst = this.register(element, 1, name);
    this.push({ op: 'param', dst, param });
    return dst;
  }

  load(access: Access, lanes: number): Register {
    return this.make(loadedElement[access.storage], lanes, { op: 'load', ...access });
  }

  store(access: Access, src: Register): void {
    this.push({ op: 'store', src, ...access });
  }

  inside(body: () => void): Statement[] {
    const outer = this.block;
    const inner: Statement[] = [];
    this.block = inner;
    body();
    this.block = outer;
    return inner;
  }

  /** For every turn of begin … end − 1. */
  turns(body: (turn: Register) => void): void {
    const begin = this.make('index', 1, { op: 'begin' });
    const end = this.make('index', 1, { op: 'end' });
    const counter = this.register('index', 1, 'turn');
    const inner = this.inside(() => body(counter));
    this.push({ op: 'loop', counter, begin, end, step: 1, body: inner });
  }

  /** `address + turn · bytes` */
  at(address: Register, turn: Register, bytes: number): Register {
    return this.binary('add', address, this.binary('mul', turn, this.index(bytes)));
  }

  finish(name = 'test'): Kernel {
    return { name, parameters: this.parameters, registers: this.registers, body: this.block };
  }
}

/** A mask as the integers 0 and −1, to store it. */
export const maskAsInteger = (author: Author, mask: Register): Register => {
  const { element, lanes } = mask.type;
  const integer = element === 'm64' ? 'i64' : 'i32';
  return author.make(integer, lanes, {
    op: 'select',
    mask,
    a: author.constant(integer, lanes, -1),
    b: author.constant(integer, lanes, 0),
  });
};

/**
 * The same value, with something else in the lanes beyond a half-filled vector's own, which no operation may let
 * through.
 */
export const withNoiseBeyond = (author: Author, value: Register): Register => {
  const { element, lanes } = value.type;
  if (element === 'index' || lanes === 1 || lanes * elementBytes[element] >= 16) return value;
  const counting = author.make('i32', lanes, { op: 'iota' });
  const own = author.make('m32', lanes, {
    op: 'lt',
    a: counting,
    b: author.constant('i32', lanes, lanes),
  });
  if (element === 'm32') {
    const beyond = author.make('m32', lanes, { op: 'not', a: own });
    return author.binary('or', value, beyond);
  }
  const noise = author.constant(element, lanes, element === 'f32' ? NaN : 1234567);
  return author.make(element, lanes, { op: 'select', mask: own, a: value, b: noise });
};
