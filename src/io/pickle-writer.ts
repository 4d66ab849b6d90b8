/** Pickles of protocol 2, written as Python's own pickler writes them. @see Modules/_pickle.c of CPython */
import { Tensor } from '../tensor/tensor.ts';
import { ByteWriter } from './byte-writer.ts';
import { isTuple } from './pickle.ts';
import { opcodes } from './pickle-opcodes.ts';
import { StateDict } from './state-dict.ts';
import { MAX_DEPTH, PickledComplex } from './values.ts';

/** A name of Python's: a class or a function. */
export class GlobalName {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** A call of Python's; what it returns may get a state. */
export class Call {
  constructor(
    readonly callee: GlobalName,
    readonly args: readonly unknown[],
    readonly state?: unknown,
  ) {}
}

/** An object of a class without arguments, and its state. */
export class NewObject {
  constructor(
    readonly type: GlobalName,
    readonly state: unknown,
  ) {}
}

/** Something that the pickle only refers to. */
export class PersistentId {
  constructor(readonly id: readonly unknown[]) {}
}

/** Modules and the like: what can say its state. */
export interface Stateful {
  stateDict(): unknown;
}
export const isStateful = (value: unknown): value is Stateful =>
  value !== null &&
  (typeof value === 'object' || typeof value === 'function') &&
  typeof (value as Partial<Stateful>).stateDict === 'function';

export const tuple = (...items: readonly unknown[]): readonly unknown[] => Object.freeze([...items]);

/** Python's pickler sets this many items in one instruction. */
const BATCH = 1000;
const orderedDict = new GlobalName('collections', 'OrderedDict');

/**
 * @param tensorAs  how a tensor is made
 * @throws TypeError naming the place of a value that has no counterpart in Python, or contains itself
 */
export const pickle = (value: unknown, tensorAs: (tensor: Tensor) => Call | NewObject): Uint8Array =>
  new Pickler(tensorAs).dump(value);

class Pickler {
  private readonly out = new ByteWriter();
  /** Where the machine will remember what was written; texts by their letters, names of Python's by symbols. */
  private readonly memo = new Map<unknown, number>();
  /** Containers that are being written, from the outermost. */
  private readonly open = new Set<unknown>();
  /** How one gets to the value that is being written. */
  private readonly path: string[] = [];

  constructor(private readonly tensorAs: (tensor: Tensor) => Call | NewObject) {}

  dump(value: unknown): Uint8Array {
    this.code('PROTO');
    this.out.u8(2);
    this.save(value);
    this.code('STOP');
    return this.out.finish();
  }

  private save(value: unknown): void {
    if (value === null) this.code('NONE');
    else if (typeof value === 'boolean') this.code(value ? 'NEWTRUE' : 'NEWFALSE');
    else if (typeof value === 'number') this.number(value);
    else if (typeof value === 'bigint') this.bigint(value);
    else if (typeof value === 'string') this.remembered(value, () => this.string(value));
    else if (value instanceof GlobalName) this.global(value);
    else if (value instanceof PersistentId) this.persistent(value);
    else if (isStateful(value)) this.save(value.stateDict());
    else if (typeof value === 'object') this.remembered(value, () => this.object(value));
    else this.fail(`a ${typeof value} cannot be saved`);
  }

  private object(value: object): void {
    if (value instanceof Uint8Array) this.bytes(value);
    else if (isTuple(value)) this.inside(value, () => this.tuple(value));
    else if (Array.isArray(value)) this.inside(value, () => this.list(value));
    else if (value instanceof StateDict) this.inside(value, () => this.stateDict(value as StateDict));
    else if (value instanceof Map) this.inside(value, () => this.dict(value, value));
    else if (value instanceof Set)
      this.call(value, new Call(new GlobalName('__builtin__', 'set'), [[...value]]));
    else if (value instanceof PickledComplex) {
      this.call(value, new Call(new GlobalName('__builtin__', 'complex'), [value.real, value.imag]));
    } else if (value instanceof Tensor) this.made(value, this.tensorAs(value));
    else if (value instanceof Call || value instanceof NewObject) this.made(value, value);
    else if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
      this.inside(value, () => this.dict(value, new Map(Object.entries(value))));
    } else this.fail(`an object of class ${value.constructor.name} cannot be saved`);
  }

  /** Writes a value once, and afterwards refers to it. */
  private remembered(value: unknown, write: () => void): void {
    if (this.open.has(value)) this.fail('a container that contains itself cannot be saved');
    const index = this.memo.get(value);
    if (index === undefined) write();
    else if (index < 0x100) {
      this.code('BINGET');
      this.out.u8(index);
    } else {
      this.code('LONG_BINGET');
      this.out.u32(index);
    }
  }

  private remember(value: unknown): void {
    const index = this.memo.size;
    this.memo.set(value, index);
    if (index < 0x100) {
      this.code('BINPUT');
      this.out.u8(index);
    } else {
      this.code('LONG_BINPUT');
      this.out.u32(index);
    }
  }

  private inside(container: unknown, write: () => void): void {
    if (this.open.size === MAX_DEPTH)
      this.fail(`containers nested more than ${MAX_DEPTH} deep cannot be saved`);
    this.open.add(container);
    write();
    this.open.delete(container);
  }

  private item(key: string, value: unknown): void {
    this.path.push(key);
    this.save(value);
    this.path.pop();
  }

  private number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.code('BINFLOAT');
      this.out.f64(value);
    } else if (value >= 0 && value < 0x100) {
      this.code('BININT1');
      this.out.u8(value);
    } else if (value >= 0 && value < 0x10000) {
      this.code('BININT2');
      this.out.u16(value);
    } else if (value === (value | 0)) {
      this.code('BININT');
      this.out.i32(value);
    } else this.bigint(BigInt(value));
  }

  private bigint(value: bigint): void {
    let length = 1;
    while (BigInt.asIntN(8 * length, value) !== value) length++;
    if (length > 0xff) this.fail(`an integer of ${length} bytes cannot be saved`);
    this.code('LONG1');
    this.out.u8(length);
    for (let k = 0; k < length; k++) this.out.u8(Number((value >> BigInt(8 * k)) & 0xffn));
  }

  private string(value: string): void {
    if (/\p{Surrogate}/u.test(value)) this.fail('text with half a surrogate pair cannot be saved');
    const bytes = new TextEncoder().encode(value);
    this.code('BINUNICODE');
    this.out.u32(bytes.length);
    this.out.raw(bytes);
    this.remember(value);
  }

  /** Protocol 2 has no bytes: they go as text whose letters are numbered by them. */
  private bytes(value: Uint8Array): void {
    const text = Array.from(value, (byte) => String.fromCharCode(byte)).join('');
    this.call(value, new Call(new GlobalName('_codecs', 'encode'), [text, 'latin1']));
  }

  private tuple(items: readonly unknown[]): void {
    if (items.length === 0) {
      this.code('EMPTY_TUPLE');
      return;
    }
    if (items.length > 3) this.code('MARK');
    items.forEach((item, k) => this.item(`[${k}]`, item));
    this.code((['TUPLE1', 'TUPLE2', 'TUPLE3'] as const)[items.length - 1] ?? 'TUPLE');
    this.remember(items);
  }

  private list(items: readonly unknown[]): void {
    this.code('EMPTY_LIST');
    this.remember(items);
    this.batches([...items.entries()], 'APPEND', 'APPENDS', ([k, item]) => this.item(`[${k}]`, item));
  }

  private dict(identity: unknown, entries: ReadonlyMap<unknown, unknown>): void {
    this.code('EMPTY_DICT');
    this.remember(identity);
    this.entries(entries);
  }

  private entries(entries: ReadonlyMap<unknown, unknown>): void {
    this.batches([...entries], 'SETITEM', 'SETITEMS', ([key, value]) => {
      this.save(key);
      this.item(`[${typeof key === 'string' ? JSON.stringify(key) : String(key)}]`, value);
    });
  }

  private batches<T>(
    items: readonly T[],
    one: 'APPEND' | 'SETITEM',
    many: 'APPENDS' | 'SETITEMS',
    write: (item: T) => void,
  ): void {
    for (let start = 0; start < items.length; start += BATCH) {
      const batch = items.slice(start, start + BATCH);
      if (batch.length > 1) this.code('MARK');
      for (const item of batch) write(item);
      this.code(batch.length > 1 ? many : one);
    }
  }

  private stateDict(value: StateDict): void {
    this.call(value, new Call(orderedDict, []));
    this.entries(value);
    if (value.metadata.size === 0) return;
    const metadata = new StateDict() as Map<string, unknown>;
    for (const [path, { version }] of value.metadata) metadata.set(path, { version });
    this.build(new Map([['_metadata', metadata]]));
  }

  private made(identity: unknown, how: Call | NewObject): void {
    if (how instanceof Call) this.call(identity, how);
    else this.newObject(identity, how);
  }

  private call(identity: unknown, { callee, args, state }: Call): void {
    this.global(callee);
    this.save(tuple(...args));
    this.code('REDUCE');
    this.remember(identity);
    if (state !== undefined) this.build(state);
  }

  private newObject(identity: unknown, { type, state }: NewObject): void {
    this.global(type);
    this.code('EMPTY_TUPLE');
    this.code('NEWOBJ');
    this.remember(identity);
    this.build(state);
  }

  private build(state: unknown): void {
    this.save(state);
    this.code('BUILD');
  }

  private global({ module, name }: GlobalName): void {
    const key = Symbol.for(`${module}.${name}`);
    this.remembered(key, () => {
      this.code('GLOBAL');
      this.out.raw(new TextEncoder().encode(`${module}\n${name}\n`));
      this.remember(key);
    });
  }

  private persistent({ id }: PersistentId): void {
    this.save(id);
    this.code('BINPERSID');
  }

  private code(name: keyof typeof opcodes): void {
    this.out.u8(opcodes[name]);
  }

  private fail(problem: string): never {
    throw new TypeError(`save: ${this.path.length > 0 ? `value${this.path.join('')}: ` : ''}${problem}`);
  }
}
