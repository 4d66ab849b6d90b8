/** Modules by name. */
import { KeyError, ValueError } from '../errors.ts';
import { typeName } from '../tensor/type-name.ts';
import { Module, type AnyModule } from './module.ts';
import { isIterable } from './module-lists.ts';

/** Names with values: a plain object, a map, or pairs. */
export type Entries<Value> =
  | Readonly<Record<string, Value>>
  | ReadonlyMap<string, Value>
  | Iterable<readonly [name: string, value: Value]>;

/**
 * Modules by name, which it finds as its children, in the order in which they came. It behaves as a Python dictionary:
 * iterating it gives the names.
 *
 *     this.choices = new nn.ModuleDict({ conv: new nn.Conv2d(10, 10, 3), pool: new nn.MaxPool2d(3) });
 *     x = this.choices.get(choice)(x);
 *
 * @see torch.nn.ModuleDict
 */
export class ModuleDict<M extends AnyModule = AnyModule>
  extends Module<never[], never>
  implements Iterable<string>
{
  constructor(modules?: Entries<M> | null) {
    super();
    if (modules !== undefined && modules !== null) this.update(modules);
  }

  /** How many modules there are. */
  override get length(): number {
    return this._modules.size;
  }
  [Symbol.iterator](): IterableIterator<string> {
    return this._modules.keys();
  }
  /** The module of a name. @throws KeyError when there is none */
  get(name: string): M {
    if (!this._modules.has(name)) throw new KeyError(name);
    return this._modules.get(name) as M;
  }
  /** Names a module; one of that name is replaced in its place. @throws TypeError, KeyError as `addModule` */
  set(name: string, module: M): void {
    this.addModule(name, module);
  }
  /** Removes a name. @throws KeyError when there is none */
  delete(name: string): void {
    if (!this._modules.delete(name)) throw new KeyError(name);
  }
  has(name: string): boolean {
    return this._modules.has(name);
  }
  clear(): void {
    this._modules.clear();
  }
  /** Removes a name and returns its module. @throws KeyError when there is none */
  pop(name: string): M {
    const found = this.get(name);
    this.delete(name);
    return found;
  }
  keys(): IterableIterator<string> {
    return this._modules.keys();
  }
  /** Names with their modules. */
  items(): IterableIterator<[name: string, module: M]> {
    return this._modules.entries() as IterableIterator<[string, M]>;
  }
  values(): IterableIterator<M> {
    return this._modules.values() as IterableIterator<M>;
  }
  /** Adds the modules of a plain object, a map, another ModuleDict or pairs; names that are there are replaced. */
  update(modules: Entries<M> | ModuleDict<M>): void {
    const entries = modules instanceof ModuleDict ? modules.items() : entriesOf('ModuleDict', modules);
    for (const [name, module] of [...entries]) this.set(name, module);
  }
}

/**
 * The pairs of what an `update` may be given.
 *
 * @throws TypeError when it is nothing of the kind, ValueError when a pair is none
 */
export const entriesOf = <V>(container: string, given: Entries<V>): [string, V][] => {
  const caller = container === 'ParameterDict' ? 'ParametersDict' : container; // PyTorch's slip
  if (isIterable(given)) {
    return Array.from(given as Iterable<unknown>, (pair, k) => {
      const what = `${container} update sequence element #${String(k)}`;
      if (!isIterable(pair)) throw new TypeError(`${what} should be Iterable; is${typeName(pair)}`);
      const [name, value, ...more] = pair;
      const length = [...pair].length;
      if (length !== 2 || more.length > 0)
        throw new ValueError(`${what} has length ${String(length)}; 2 is required`);
      return [name as string, value as V];
    });
  }
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(
      `${caller}.update should be called with an iterable of key/value pairs, but got ${typeName(given)}`,
    );
  }
  return Object.entries(given);
};
