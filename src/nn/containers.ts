/** Modules made of modules. */
import { IndexError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module, type AnyModule } from './module.ts';

/** What the containers that count their modules share. */
abstract class Counted<Args extends readonly unknown[], Result> extends Module<Args, Result> {
  override get length(): number {
    return this._modules.size;
  }
  /** The module at a position; negative positions count from the end. @throws IndexError */
  get(position: number): AnyModule {
    const at = position < 0 ? position + this.length : position;
    const found = [...this._modules.values()][at];
    if (!found) throw new IndexError(`index ${String(position)} is out of range`);
    return found;
  }
  *[Symbol.iterator](): IterableIterator<AnyModule> {
    for (const module of this._modules.values()) if (module !== null) yield module;
  }
  /** Adds a module at the end. */
  append(module: AnyModule): this {
    this.addModule(String(this.length), module);
    return this;
  }
}

/**
 * Runs its modules one after the other, each on the result of the one before.
 *
 *     new nn.Sequential(new nn.Conv2d(1, 8, 3), new nn.ReLU(), new nn.Flatten())
 *     new nn.Sequential({ conv: new nn.Conv2d(1, 8, 3), act: new nn.ReLU() })
 *
 * @see torch.nn.Sequential
 */
export class Sequential extends Counted<[input: Tensor], Tensor> {
  constructor(...modules: readonly AnyModule[] | [Readonly<Record<string, AnyModule>>]) {
    super();
    const [first] = modules;
    const named = modules.length === 1 && first !== undefined && !(first instanceof Module);
    const entries: [string, AnyModule][] = named
      ? Object.entries(first)
      : (modules as readonly AnyModule[]).map((module, k) => [String(k), module]);
    for (const [name, module] of entries) this.addModule(name, module);
  }

  override forward(input: Tensor): Tensor {
    let result = input;
    for (const module of this) result = (module as unknown as Module)(result);
    return result;
  }
}

/** A list of modules, which it finds as its children. @see torch.nn.ModuleList */
export class ModuleList extends Counted<never[], never> {
  constructor(modules: Iterable<AnyModule> = []) {
    super();
    this.extend(modules);
  }
  extend(modules: Iterable<AnyModule>): this {
    for (const module of modules) this.append(module);
    return this;
  }
  /** Puts a module before the one at a position. */
  insert(position: number, module: AnyModule): void {
    const list = [...this._modules.values()];
    list.splice(position, 0, module);
    list.forEach((each, k) => this._modules.set(String(k), each));
  }
}
