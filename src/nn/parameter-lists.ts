/** Parameters in a row, and by name. */
import { dtypes } from '../dtype.ts';
import { AttributeError, KeyError, RuntimeError } from '../errors.ts';
import { Parameter } from '../tensor/parameter.ts';
import { Tensor } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import { Module } from './module.ts';
import { entriesOf, type Entries } from './module-dict.ts';
import { isIterable } from './module-lists.ts';
import { positionIn, positionsOf, type Slice } from './slices.ts';

/** What is kept of a value: a tensor becomes a parameter. */
export type Kept<Value> = Value extends Tensor ? Parameter : Value;

/** A tensor becomes a parameter; anything else stays what it is. */
const asParameter = (value: unknown): unknown =>
  value instanceof Tensor && !(value instanceof Parameter) ? new Parameter(value) : value;

/** A line of the text form. */
const line = (key: string | number, value: unknown, type: (tensor: Tensor) => string): string => {
  if (!(value instanceof Tensor)) return `  (${String(key)}): Object of type: ${typeName(value)}`;
  const kind = value instanceof Parameter ? 'Parameter' : 'Tensor';
  return `  (${String(key)}): ${kind} containing: [${type(value)} of size ${value.shape.join('x')}]`;
};

/**
 * A list of parameters, which it finds as its own. Tensors become parameters; values of other kinds are kept, and are no
 * parameters. It behaves as a Python list.
 *
 * @see torch.nn.ParameterList
 */
export class ParameterList<Value = Tensor> extends Module<never[], never> implements Iterable<Kept<Value>> {
  /** @internal */ _size = 0;

  constructor(values: Iterable<Value> = []) {
    super();
    this.extend(values);
  }

  /** How many values there are. */
  override get length(): number {
    return this._size;
  }
  *[Symbol.iterator](): IterableIterator<Kept<Value>> {
    for (let k = 0; k < this.length; k++) yield this.get(k);
  }
  /** The value at a position, counted from the end when negative; of a slice a list. @throws IndexError */
  get(index: number): Kept<Value>;
  get(slice: Slice): ParameterList<Value>;
  get(index: number | Slice): Kept<Value> | ParameterList<Value> {
    if (typeof index === 'number')
      return this.getAttribute(String(positionIn(this.length, index))) as Kept<Value>;
    // What was kept is a value that would be kept as it is.
    const values = positionsOf(this.length, index).map((position) => this.get(position) as unknown as Value);
    return new ParameterList<Value>(values);
  }
  /** Replaces the value at a position. @throws IndexError */
  set(index: number, value: Value): void {
    this._put(positionIn(this.length, index), value);
  }
  /** Adds a value at the end. */
  append(value: Value): this {
    this._put(this._size, value);
    this._size++;
    return this;
  }
  private _put(position: number, value: unknown): void {
    (this as unknown as Record<string, unknown>)[String(position)] = asParameter(value);
  }
  /** Adds values at the end. @throws TypeError when they cannot be iterated, and for a tensor, whose rows are not meant */
  extend(values: Iterable<Value>): this {
    if (!isIterable(values) || (values as unknown) instanceof Tensor) {
      throw new TypeError(
        `ParameterList.extend should be called with an iterable, but got ${typeName(values)}`,
      );
    }
    for (const value of [...values]) this.append(value);
    return this;
  }

  override call(): never {
    throw new RuntimeError('ParameterList should not be called.');
  }
  override extraRepr(): string {
    return Array.from(this, (value, k) => line(k, value, ({ dtype }) => `torch.${dtype}`)).join('\n');
  }
}

/**
 * Parameters by name, which it finds as its own, in the order in which they came. Tensors become parameters; values of
 * other kinds are kept, and are no parameters. It behaves as a Python dictionary: iterating it gives the names, and the
 * names of a plain object are sorted (those of a map are not).
 *
 * @see torch.nn.ParameterDict
 */
export class ParameterDict<Value = Tensor> extends Module<never[], never> implements Iterable<string> {
  /** @internal */ _keys = new Set<string>();

  constructor(values?: Entries<Value> | ParameterDict<Value> | null) {
    super();
    if (values !== undefined && values !== null) this.update(values);
  }

  /** How many names there are. */
  override get length(): number {
    return this._keys.size;
  }
  [Symbol.iterator](): IterableIterator<string> {
    return this._keys.values();
  }
  /** The value of a name, or `otherwise` (by default null) when there is none. */
  get(name: string): Kept<Value> | null;
  get<D>(name: string, otherwise: D): Kept<Value> | D;
  get(name: string, otherwise: unknown = null): unknown {
    return this.has(name) ? this._value(name) : otherwise;
  }
  private _value(name: string): Kept<Value> {
    return this.getAttribute(name) as Kept<Value>;
  }
  /** Names a value; one of that name is replaced in its place. @throws TypeError when the name is no string */
  set(name: string, value: Value): void {
    checkKey(name);
    (this as unknown as Record<string, unknown>)[name] = asParameter(value);
    this._keys.add(name);
  }
  /** Removes a name. @throws KeyError when there is none */
  delete(name: string): void {
    if (!this._keys.delete(name)) throw new KeyError(name);
    this.deleteAttribute(name);
  }
  has(name: string): boolean {
    return this._keys.has(name);
  }
  clear(): void {
    for (const name of [...this._keys]) this.delete(name);
  }
  /** Removes a name and returns its value. @throws AttributeError when there is none */
  pop(name: string): Kept<Value> {
    checkKey(name);
    if (!this.has(name)) throw new AttributeError(`'${this._getName()}' object has no attribute '${name}'`);
    const found = this._value(name);
    this.delete(name);
    return found;
  }
  /** Removes the name that came last and returns it with its value. @throws KeyError when there is none */
  popitem(): [name: string, value: Kept<Value>] {
    const name = [...this._keys].at(-1);
    if (name === undefined) throw new KeyError('popitem(): dictionary is empty');
    return [name, this.pop(name)];
  }
  /** The value of a name; a new name gets `value` first. */
  setdefault(name: string, value: Value): Kept<Value> {
    if (!this.has(name)) this.set(name, value);
    return this._value(name);
  }
  keys(): IterableIterator<string> {
    return this._keys.values();
  }
  /** Names with their values. */
  *items(): IterableIterator<[name: string, value: Kept<Value>]> {
    for (const name of this._keys) yield [name, this._value(name)];
  }
  *values(): IterableIterator<Kept<Value>> {
    for (const [, value] of this.items()) yield value;
  }
  /** Another dictionary with the same values. */
  copy(): ParameterDict<Value> {
    return new ParameterDict<Value>(this);
  }
  /** A new dictionary with these names, each with the same value. */
  fromkeys<V>(names: Iterable<string>, value: V): ParameterDict<V> {
    return new ParameterDict<V>(Array.from(names, (name) => [name, value] as const));
  }
  /** A new dictionary of both's values, the other's where both have a name: Python's `|`. */
  union(other: Entries<Value> | ParameterDict<Value>): ParameterDict<Value> {
    const both = this.copy();
    both.update(other);
    return both;
  }
  /** Adds the values of a plain object, a map, another ParameterDict or pairs; names that are there are replaced. */
  update(values: Entries<Value> | ParameterDict<Value>): void {
    const entries =
      values instanceof ParameterDict
        ? [...(values.items() as unknown as Iterable<[string, Value]>)]
        : entriesOf('ParameterDict', values);
    if (!isIterable(values)) entries.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
    for (const [name, value] of entries) this.set(name, value);
  }

  override call(): never {
    throw new RuntimeError('ParameterDict should not be called.');
  }
  override extraRepr(): string {
    return Array.from(this.items(), ([name, value]) =>
      line(name, value, ({ dtype }) => dtypes[dtype].tensorType),
    ).join('\n');
  }
}

const checkKey = (name: unknown): void => {
  if (typeof name === 'string') return;
  throw new TypeError(
    `Index given to ParameterDict cannot be used as a key as it is not a string (type is '${typeName(name)}'). Open an issue on github if you need non-string keys.`,
  );
};
