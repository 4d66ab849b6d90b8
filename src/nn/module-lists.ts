/** Modules in a row: Sequential, which runs them, and ModuleList. */
import { AssertionError, IndexError, KeyError, ValueError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import { bareModule } from './attributes.ts';
import { Module, type AnyModule } from './module.ts';
import { positionIn, positionsOf, type Slice } from './slices.ts';

/** What the containers that count their modules share: a Python list's behaviour. */
abstract class Counted<M extends AnyModule, Args extends readonly unknown[], Result>
  extends Module<Args, Result>
  implements Iterable<M>
{
  /** Whether a slice has the modules' names, or numbers of its own. */
  protected abstract readonly _keepsNames: boolean;

  /** How many modules there are. */
  override get length(): number {
    return this._modules.size;
  }
  *[Symbol.iterator](): IterableIterator<M> {
    yield* this._modules.values() as Iterable<M>;
  }
  /** The name of the module at a position. @throws IndexError */
  protected _nameAt(index: number): string {
    return [...this._modules.keys()][positionIn(this.length, index)]!;
  }
  /** What remains is numbered anew. */
  protected _renumber(): void {
    const modules = [...this._modules.values()];
    this._modules.clear();
    modules.forEach((module, k) => this._modules.set(String(k), module));
  }

  /** The module at a position, counted from the end when negative; of a slice a container of the same class. @throws IndexError */
  get(index: number): M;
  get(slice: Slice): this;
  get(index: number | Slice): M | this {
    if (typeof index === 'number') return this._modules.get(this._nameAt(index)) as M;
    const entries = [...this._modules];
    const part = bareModule(Object.getPrototypeOf(this) as object) as this;
    positionsOf(this.length, index).forEach((position, k) => {
      const [name, module] = entries[position]!;
      part.addModule(this._keepsNames ? name : String(k), module);
    });
    return part;
  }
  /** Replaces the module at a position. @throws IndexError, TypeError when it is no module */
  set(index: number, module: M): void {
    (this as unknown as Record<string, unknown>)[this._nameAt(index)] = module;
  }
  /** Removes the module at a position, or those of a slice; the others are numbered anew. @throws IndexError */
  delete(index: number | Slice): void {
    const names = [...this._modules.keys()];
    const gone =
      typeof index === 'number' ? [positionIn(this.length, index)] : positionsOf(this.length, index);
    for (const position of gone) this._modules.delete(names[position]!);
    this._renumber();
  }
  /** Removes a module (or a slice) and returns it. @throws IndexError */
  pop(index: number): M;
  pop(slice: Slice): this;
  pop(index: number | Slice): M | this {
    const found = typeof index === 'number' ? this.get(index) : this.get(index);
    this.delete(index);
    return found;
  }
  /** Adds a module at the end. @throws TypeError when it is no module */
  append(module: M): this {
    this.addModule(String(this.length), module);
    return this;
  }
  /** Puts a module before the one at a position. */
  protected _insertAt(position: number, module: M): void {
    const modules = [...this._modules.values()];
    modules.splice(position, 0, module);
    modules.forEach((each, k) => this._modules.set(String(k), each));
  }
}

/**
 * Runs its modules one after the other, each on the result of the one before.
 *
 *     new nn.Sequential(new nn.Conv2d(1, 8, 3), new nn.ReLU(), new nn.Flatten())
 *     new nn.Sequential({ conv: new nn.Conv2d(1, 8, 3), act: new nn.ReLU() })
 *
 * Names may also come in a `Map`, which keeps the order of names that look like numbers.
 *
 * @see torch.nn.Sequential
 */
export class Sequential extends Counted<AnyModule, [input: Tensor], Tensor> {
  constructor(
    ...modules: readonly AnyModule[] | [Readonly<Record<string, AnyModule>> | ReadonlyMap<string, AnyModule>]
  ) {
    super();
    for (const [name, module] of namedModules(modules)) this.addModule(name, module);
  }
  protected get _keepsNames(): true {
    return true;
  }

  override forward(input: Tensor): Tensor {
    let result: unknown = input;
    for (const module of this) result = module(result);
    return result as Tensor;
  }

  /**
   * Puts a module before the one at a position.
   *
   * @throws IndexError when there is no such position, KeyError when the modules have names that are no numbers
   */
  insert(index: number, module: AnyModule): this {
    if (!(module instanceof Module))
      throw new AssertionError(`module should be of type: Module, but got ${typeName(module)}`);
    const { length } = this;
    if (!Number.isInteger(index) || index < -length || index > length)
      throw new IndexError(`Index out of range: ${String(index)}`);
    const stranger = [...this._modules.keys()].find((name, k) => name !== String(k));
    if (stranger !== undefined)
      throw new KeyError(`insert: the module '${stranger}' is not counted but named, so nothing can move up`);
    this._insertAt(index < 0 ? index + length : index, module);
    return this;
  }
  /** Adds modules at the end. */
  extend(modules: Iterable<AnyModule>): this {
    for (const module of modules) this.append(module);
    return this;
  }
  /** A new Sequential of both's modules: Python's `+`. @throws ValueError when the other is none */
  concat(other: Sequential): Sequential {
    checkSequential(other);
    return new Sequential(...this, ...other);
  }
  /** A new Sequential with the same modules again and again: Python's `*`. @throws ValueError unless `times` is positive */
  repeat(times: number): Sequential {
    if (!Number.isInteger(times))
      throw new TypeError(`unsupported operand type(s) for *: Sequential and ${typeName(times)}`);
    if (times <= 0)
      throw new ValueError(`Non-positive multiplication factor ${String(times)} for Sequential`);
    return new Sequential(...Array.from({ length: times }, () => [...this]).flat());
  }
}

const checkSequential = (other: unknown): void => {
  if (!(other instanceof Sequential)) {
    throw new ValueError(
      `add operator supports only objects of Sequential class, but ${typeName(other)} is given.`,
    );
  }
};

const namedModules = (
  modules: readonly (AnyModule | Readonly<Record<string, AnyModule>> | ReadonlyMap<string, AnyModule>)[],
): Iterable<readonly [string, AnyModule]> => {
  const [first] = modules;
  if (modules.length === 1 && typeof first === 'object' && first !== null)
    return first instanceof Map
      ? (first as Map<string, AnyModule>)
      : Object.entries(first as Record<string, AnyModule>);
  return (modules as readonly AnyModule[]).map((module, k) => [String(k), module] as const);
};

/**
 * A list of modules, which it finds as its children. It is iterated and indexed, not called.
 *
 *     this.layers = new nn.ModuleList(sizes.map((size) => new nn.Linear(size, size)));
 *     for (const layer of this.layers) x = layer(x);
 *
 * @see torch.nn.ModuleList
 */
export class ModuleList<M extends AnyModule = AnyModule> extends Counted<M, never[], never> {
  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }
  protected get _keepsNames(): false {
    return false;
  }

  /** Adds modules at the end. @throws TypeError when they cannot be iterated */
  extend(modules: Iterable<M>): this {
    if (!isIterable(modules)) {
      throw new TypeError(
        `ModuleList.extend should be called with an iterable, but got ${typeName(modules)}`,
      );
    }
    for (const module of [...modules]) this.append(module);
    return this;
  }
  /** Puts a module before the one at a position, which may be the end. @throws IndexError, TypeError */
  insert(index: number, module: M): void {
    const { length } = this;
    if (!(module instanceof Module)) throw new TypeError(`${typeName(module)} is not a Module subclass`);
    if (!Number.isInteger(index) || index < -length || index > length)
      throw new IndexError(`Index out of range: ${String(index)}`);
    this._insertAt(index < 0 ? index + length : index, module);
  }
  /** A new list of these modules and others: Python's `+`. */
  concat<N extends AnyModule>(other: Iterable<N>): ModuleList<M | N> {
    return new ModuleList<M | N>([...this, ...other]);
  }
}

/** Whether a value can be iterated. A text can, but nobody means its letters. */
export const isIterable = (value: unknown): value is Iterable<unknown> =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && Symbol.iterator in value;
