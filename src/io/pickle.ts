/**
 * Pickles, read by a machine that can build values and nothing else. A pickle is a program that may call any function
 * of Python's; here a name means something only if it stands in the table that the caller gives, and what it means is
 * a function of ours. Any other name is refused, by name, when it comes up. The machine does no work and takes no
 * memory that the pickle's length does not explain.
 *
 * @see Lib/pickletools.py of CPython, which describes each instruction
 */
import { FileFormatError } from '../errors.ts';
import type { Cursor } from './cursor.ts';
import { refuse } from './loading.ts';
import { opcodes, type OpcodeName } from './pickle-opcodes.ts';
import { StateDict } from './state-dict.ts';
import { quoted } from './text.ts';
import { checkValue, type SavedValue } from './values.ts';

/** What a name of Python's stands for here. */
export class PickledName {
  /**
   * @param call  does what calling it does (REDUCE)
   * @param create  begins an object of the class (NEWOBJ)
   */
  constructor(
    readonly name: string,
    readonly call: ((args: readonly unknown[]) => unknown) | null,
    readonly create: (() => Draft) | null = null,
  ) {}
}

/** An object whose state has not come yet (BUILD). It must come before the object is used. */
export class Draft {
  /** Where the machine has remembered it. */
  readonly memoized: number[] = [];
  constructor(
    readonly name: string,
    readonly finish: (state: unknown) => unknown,
  ) {}
}

/** `module.name` → a {@link PickledName}, or the value itself where the name is that of a constant. */
export type PickleNames = ReadonlyMap<string, unknown>;

export interface PickleOptions {
  readonly names: PickleNames;
  /** What a persistent id means, such as a storage kept elsewhere in the file. Default: there are none. */
  readonly persistent?: (id: readonly unknown[]) => unknown;
  /** Charged with each entry that is copied. */
  readonly spend: (bytes: number) => void;
}

/** Python's ints have no limit; a number of a thousand bytes is none that a file of tensors needs. */
const MAX_INT_BYTES = 1024;
const PROTOCOLS = { lowest: 2, highest: 5 };

export const isTuple = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && Object.isFrozen(value);

/** Lists can be appended to; an array that is frozen is a tuple. */
const isList = (value: unknown): value is unknown[] => Array.isArray(value) && !Object.isFrozen(value);

const isKey = (value: unknown): boolean =>
  value === null || ['string', 'number', 'bigint', 'boolean'].includes(typeof value) || isTuple(value);

/** How to speak of a thing on the stack. */
const describe = (thing: unknown): string => {
  if (thing instanceof PickledName || thing instanceof Draft) return quoted(thing.name);
  if (isTuple(thing)) return 'a tuple';
  if (Array.isArray(thing)) return 'a list';
  if (typeof thing === 'object' && thing !== null) return `a ${thing.constructor.name}`;
  return thing === null ? 'None' : `a ${typeof thing}`;
};

/**
 * Reads one pickle, from the cursor's position to the STOP that ends it.
 *
 * @throws FileFormatError naming the byte at which something is wrong
 */
export const unpickle = (cursor: Cursor, options: PickleOptions): SavedValue => {
  const result = new Machine(cursor, options).run();
  try {
    return checkValue(result, describe);
  } catch (error) {
    throw located(error, cursor);
  }
};

/** The same error, with the place. */
const located = (error: unknown, cursor: Cursor): unknown =>
  error instanceof FileFormatError
    ? new FileFormatError(`${cursor.source}, byte ${cursor.position}: ${error.message}`, { cause: error })
    : error;

class Machine {
  private readonly stack: unknown[] = [];
  /** How high the stack was at each MARK that is still open. */
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    readonly cursor: Cursor,
    readonly options: PickleOptions,
  ) {}

  run(): unknown {
    const { cursor } = this;
    if (cursor.u8() !== opcodes.PROTO) cursor.fail('not a pickle of protocol 2 or above');
    this.protocol();
    for (;;) {
      const code = cursor.u8();
      if (code === opcodes.STOP) break;
      const instruction = instructions.get(code);
      if (instruction === undefined) this.failUnknown(code);
      const start = cursor.position - 1;
      try {
        instruction(this);
      } catch (error) {
        // The cursor's own errors have their place already.
        if (error instanceof FileFormatError && !error.message.startsWith(cursor.source)) {
          cursor.position = start;
          throw located(error, cursor);
        }
        throw error;
      }
    }
    const result = this.pop();
    if (this.stack.length > 0 || this.marks.length > 0) cursor.fail('ends with values left over');
    return result;
  }

  protocol(): void {
    const protocol = this.cursor.u8();
    if (protocol < PROTOCOLS.lowest || protocol > PROTOCOLS.highest) {
      this.cursor.fail(`pickle protocol ${protocol}, expected ${PROTOCOLS.lowest} to ${PROTOCOLS.highest}`);
    }
  }

  /** The length of a frame says only how to read ahead. */
  frame(): void {
    const length = this.cursor.u64();
    if (length > this.cursor.remaining) this.cursor.fail(`cut off: a frame of ${length} bytes`);
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    this.top();
    return this.stack.pop();
  }

  top(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) refuse('takes a value from an empty stack');
    return this.stack.at(-1);
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  /** What was pushed since the last mark. */
  sinceMark(): unknown[] {
    const height = this.marks.pop() ?? refuse('goes back to a mark that is not there');
    return this.stack.splice(height);
  }

  tuple(length: number): void {
    const items = Array.from({ length }, () => this.pop()).reverse();
    this.push(Object.freeze(items));
  }

  int(bytes: Uint8Array): void {
    if (bytes.length > MAX_INT_BYTES) refuse(`an int of ${bytes.length} bytes`);
    let value = 0n;
    for (let k = bytes.length - 1; k >= 0; k--) value = (value << 8n) | BigInt(bytes[k]!);
    value = BigInt.asIntN(8 * bytes.length, value);
    this.push(Number.isSafeInteger(Number(value)) ? Number(value) : value);
  }

  memoize(index: number): void {
    const value = this.top();
    if (value instanceof Draft) value.memoized.push(index);
    this.memo.set(index, value);
  }

  memoizeNext(): void {
    this.memoize(this.memo.size);
  }

  recall(index: number): void {
    if (!this.memo.has(index)) refuse(`recalls memo ${index}, which was never set`);
    this.push(this.memo.get(index));
  }

  global(module: unknown, name: unknown): void {
    if (typeof module !== 'string' || typeof name !== 'string') return refuse('a name that is not text');
    const full = `${module}.${name}`;
    if (!this.options.names.has(full)) {
      refuse(`asks for ${quoted(full)}, which is not among the names that a file of tensors needs; refused`);
    }
    this.push(this.options.names.get(full));
  }

  stackGlobal(): void {
    const name = this.pop();
    this.global(this.pop(), name);
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!isTuple(args)) return refuse(`calls with ${describe(args)} in place of a tuple`);
    if (!(callee instanceof PickledName) || callee.call === null) {
      return refuse(`calls ${describe(callee)}, which is no function`);
    }
    this.push(callee.call(args));
  }

  newObject(): void {
    const args = this.pop();
    const type = this.pop();
    if (!(type instanceof PickledName) || type.create === null) {
      return refuse(`makes an object of ${describe(type)}, which is no class for that`);
    }
    if (!isTuple(args) || args.length > 0) refuse(`makes an object of ${describe(type)} with arguments`);
    this.push(type.create());
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof StateDict) this.setMetadata(target as StateDict, state);
    else if (target instanceof Draft) {
      const finished = target.finish(state);
      this.stack[this.stack.length - 1] = finished;
      for (const index of target.memoized)
        if (this.memo.get(index) === target) this.memo.set(index, finished);
    } else refuse(`sets the state of ${describe(target)}`);
  }

  /** An OrderedDict's attributes: the versions of modules are all that state dictionaries have. */
  private setMetadata(target: StateDict, state: unknown): void {
    if (!(state instanceof Map)) return refuse(`attributes that are ${describe(state)} in place of a dict`);
    for (const [attribute, value] of state as Map<unknown, unknown>) {
      if (attribute !== '_metadata' || !(value instanceof Map)) {
        return refuse(`the attribute ${String(attribute)} of an OrderedDict`);
      }
      this.options.spend(value.size);
      for (const [path, entry] of value as Map<unknown, unknown>) {
        const version: unknown = entry instanceof Map ? entry.get('version') : undefined;
        if (typeof path === 'string' && typeof version === 'number') target.metadata.set(path, { version });
      }
    }
  }

  append(items: readonly unknown[]): void {
    const target = this.top();
    if (!isList(target)) return refuse(`appends to ${describe(target)}`);
    for (const item of items) target.push(item);
  }

  add(items: readonly unknown[]): void {
    const target = this.top();
    if (!(target instanceof Set)) return refuse(`adds to ${describe(target)}`);
    for (const item of items) target.add(checkKey(item));
  }

  setItems(items: readonly unknown[]): void {
    const target = this.top();
    if (!(target instanceof Map)) return refuse(`sets items of ${describe(target)}`);
    if (items.length % 2 !== 0) refuse('sets a key without a value');
    for (let k = 0; k < items.length; k += 2) target.set(checkKey(items[k]), items[k + 1]);
  }

  persistent(): void {
    const id = this.pop();
    if (this.options.persistent === undefined) return refuse('refers to something outside of the pickle');
    if (!isTuple(id)) return refuse(`a persistent id that is ${describe(id)} in place of a tuple`);
    this.push(this.options.persistent(id));
  }

  private failUnknown(code: number): never {
    const found = Object.entries(opcodes).find(([, known]) => known === code);
    this.cursor.position--;
    return this.cursor.fail(
      found === undefined
        ? `0x${code.toString(16)} is no instruction of pickles`
        : `the instruction ${found[0]}, which no file of tensors needs; refused`,
    );
  }
}

/** @throws FileFormatError for what cannot be a key, such as a list */
export const checkKey = (key: unknown): unknown =>
  isKey(key) ? key : refuse(`a key that is ${describe(key)}`);

/** What each instruction does. Those that are not here are refused. */
const table: Partial<Record<OpcodeName, (m: Machine) => void>> = {
  PROTO: (m) => m.protocol(),
  FRAME: (m) => m.frame(),
  MARK: (m) => m.mark(),

  NONE: (m) => m.push(null),
  NEWTRUE: (m) => m.push(true),
  NEWFALSE: (m) => m.push(false),
  BININT: (m) => m.push(m.cursor.i32()),
  BININT1: (m) => m.push(m.cursor.u8()),
  BININT2: (m) => m.push(m.cursor.u16()),
  LONG1: (m) => m.int(m.cursor.take(m.cursor.u8())),
  LONG4: (m) => m.int(m.cursor.take(m.cursor.u32())),
  BINFLOAT: (m) => m.push(m.cursor.f64()),

  // Texts of Python 2 are bytes; torch.load takes them for UTF-8, too.
  SHORT_BINSTRING: (m) => m.push(m.cursor.text(m.cursor.u8())),
  BINSTRING: (m) => m.push(m.cursor.text(m.cursor.u32())),
  SHORT_BINUNICODE: (m) => m.push(m.cursor.text(m.cursor.u8())),
  BINUNICODE: (m) => m.push(m.cursor.text(m.cursor.u32())),
  BINUNICODE8: (m) => m.push(m.cursor.text(m.cursor.u64())),
  SHORT_BINBYTES: (m) => m.push(m.cursor.take(m.cursor.u8()).slice()),
  BINBYTES: (m) => m.push(m.cursor.take(m.cursor.u32()).slice()),
  BINBYTES8: (m) => m.push(m.cursor.take(m.cursor.u64()).slice()),
  BYTEARRAY8: (m) => m.push(m.cursor.take(m.cursor.u64()).slice()),

  EMPTY_TUPLE: (m) => m.tuple(0),
  TUPLE1: (m) => m.tuple(1),
  TUPLE2: (m) => m.tuple(2),
  TUPLE3: (m) => m.tuple(3),
  TUPLE: (m) => m.push(Object.freeze(m.sinceMark())),
  EMPTY_LIST: (m) => m.push([]),
  APPEND: (m) => m.append([m.pop()]),
  APPENDS: (m) => m.append(m.sinceMark()),
  EMPTY_DICT: (m) => m.push(new Map()),
  SETITEM: (m) => {
    const value = m.pop();
    m.setItems([m.pop(), value]);
  },
  SETITEMS: (m) => m.setItems(m.sinceMark()),
  EMPTY_SET: (m) => m.push(new Set()),
  ADDITEMS: (m) => m.add(m.sinceMark()),
  FROZENSET: (m) => m.push(new Set(m.sinceMark().map(checkKey))),

  BINPUT: (m) => m.memoize(m.cursor.u8()),
  LONG_BINPUT: (m) => m.memoize(m.cursor.u32()),
  MEMOIZE: (m) => m.memoizeNext(),
  BINGET: (m) => m.recall(m.cursor.u8()),
  LONG_BINGET: (m) => m.recall(m.cursor.u32()),

  GLOBAL: (m) => {
    const module = m.cursor.line();
    m.global(module, m.cursor.line());
  },
  STACK_GLOBAL: (m) => m.stackGlobal(),
  REDUCE: (m) => m.reduce(),
  NEWOBJ: (m) => m.newObject(),
  BUILD: (m) => m.build(),
  BINPERSID: (m) => m.persistent(),
};

const instructions = new Map(
  Object.entries(table).map(([name, instruction]) => [opcodes[name as OpcodeName], instruction] as const),
) as ReadonlyMap<number, (m: Machine) => void>;
