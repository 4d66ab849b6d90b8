/** The base of all layers and networks. */
import { addHook, type HookHandle } from '../autograd/node.ts';
import { noGrad } from '../autograd/mode.ts';
import { isFloatingPoint, type DType } from '../dtype.ts';
import { AttributeError, KeyError, NotImplementedError, ValueError } from '../errors.ts';
import { StateDict } from '../io/state-dict.ts';
import { toOptions, type ToOptions } from '../ops/copies.ts';
import { zerosLike } from '../tensor/create.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkName, makeModuleProxy, nameModuleClass } from './attributes.ts';
import { typeName } from './names.ts';
import { Parameter } from '../tensor/parameter.ts';
import { moduleText } from './repr.ts';
import { loadInto, saveInto, type IncompatibleKeys, type StateDictLike } from './state-dict.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters of functions are contravariant: any module fits
export type AnyModule = Module<any, unknown>;

/** Called before `forward` with its arguments; an array returned takes their place, another value that of the only one. */
export type ForwardPreHook<M = AnyModule> = (module: M, args: readonly unknown[]) => unknown;
/** Called after `forward`; what it returns (if anything) takes the result's place. */
export type ForwardHook<M = AnyModule> = (module: M, args: readonly unknown[], result: unknown) => unknown;

export interface StateDictOptions {
  /** A map to fill instead of a new one. */
  readonly destination?: StateDict;
  /** Put before every key as it is, without a dot. Default ''. */
  readonly prefix?: string;
  /** Give the parameters themselves instead of detached tensors on the same data. Default false. */
  readonly keepVars?: boolean;
}

/**
 * A layer, or a network of layers. Parameters, buffers and modules assigned to its attributes are found by assignment:
 *
 *     class Net extends nn.Module {
 *       conv = new nn.Conv2d(1, 8, 3);
 *       fc = new nn.Linear(8 * 26 * 26, 10);
 *       forward(x: Tensor) {
 *         return this.fc(this.conv(x).relu().flatten(1));
 *       }
 *     }
 *     const net = new Net();
 *     net(images);            // runs hooks and forward
 *
 * The type arguments say what `forward` takes and gives: by default one tensor, and a tensor.
 *
 * @see torch.nn.Module
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the interface below says that instances are callable
export class Module<Args extends readonly unknown[] = [input: Tensor], Result = Tensor> {
  /** Whether layers such as dropout behave as in training. Set by `train()` and `eval()`. */
  declare training: boolean;
  /** @internal */ declare readonly _parameters: Map<string, Parameter | null>;
  /** @internal */ declare readonly _buffers: Map<string, Tensor | null>;
  /** @internal */ declare readonly _modules: Map<string, AnyModule | null>;
  /** @internal */ declare readonly _nonPersistentBuffers: Set<string>;
  /** @internal */ declare readonly _forwardPreHooks: Map<number, ForwardPreHook>;
  /** @internal */ declare readonly _forwardHooks: Map<number, ForwardHook>;

  constructor() {
    // The proxy's target is a function, so that instances can be called; its prototype is the class's all the same.
    const target = (): void => undefined;
    Reflect.deleteProperty(target, 'name');
    Reflect.deleteProperty(target, 'length');
    Object.setPrototypeOf(target, new.target.prototype as object);
    const hidden = (value: unknown): PropertyDescriptor => ({ value, writable: true, configurable: true });
    Object.defineProperties(target, {
      training: { value: true, writable: true, configurable: true, enumerable: true },
      _parameters: hidden(new Map()),
      _buffers: hidden(new Map()),
      _modules: hidden(new Map()),
      _nonPersistentBuffers: hidden(new Set()),
      _forwardPreHooks: hidden(new Map()),
      _forwardHooks: hidden(new Map()),
    });
    return makeModuleProxy(target) as this;
  }

  /** What the module computes. Subclasses say it. @throws NotImplementedError in Module itself */
  forward(..._args: Args): Result {
    throw new NotImplementedError(`Module [${this._getName()}] is missing the required "forward" function`);
  }

  /** Runs the pre-hooks, `forward`, and the hooks: what `module(…)` does. */
  call(...args: Args): Result {
    if (this._forwardPreHooks.size === 0 && this._forwardHooks.size === 0) return this.forward(...args);
    // Copies: a hook removed during the call still runs in it, one added waits for the next.
    let given: readonly unknown[] = args;
    for (const hook of [...this._forwardPreHooks.values()]) {
      const changed = hook(this, given);
      if (changed !== undefined && changed !== null)
        given = Array.isArray(changed) ? (changed as unknown[]) : [changed];
    }
    let result: unknown = this.forward(...(given as unknown as Args));
    for (const hook of [...this._forwardHooks.values()]) result = hook(this, given, result) ?? result;
    return result as Result;
  }

  registerForwardPreHook(hook: ForwardPreHook<this>): HookHandle {
    return addHook(this._forwardPreHooks, hook as ForwardPreHook);
  }
  registerForwardHook(hook: ForwardHook<this>): HookHandle {
    return addHook(this._forwardHooks, hook as ForwardHook);
  }

  /**
   * Names a parameter; null reserves the name.
   *
   * @throws KeyError, TypeError as torch.nn.Module.register_parameter
   */
  registerParameter(name: string, parameter: Parameter | null): void {
    checkName('parameter', name);
    if (this._hasOther(name, this._parameters)) throw new KeyError(`attribute '${name}' already exists`);
    if (parameter !== null && !(parameter instanceof Parameter)) {
      throw new TypeError(
        `cannot assign '${typeName(parameter)}' object to parameter '${name}' (torch.nn.Parameter or None required)`,
      );
    }
    if (parameter !== null && parameter.gradFn !== null) {
      throw new ValueError(
        `Cannot assign non-leaf Tensor to parameter '${name}'. Model parameters must be created explicitly. To express '${name}' as a function of another Tensor, compute the value in the forward() method.`,
      );
    }
    this._parameters.set(name, parameter);
  }

  /**
   * Names a tensor that belongs to the module's state but is not learned, such as running statistics.
   *
   * @param persistent  whether it is saved in state dictionaries. Default true.
   */
  registerBuffer(name: string, tensor: Tensor | null, persistent = true): void {
    checkName('buffer', name);
    if (this._hasOther(name, this._buffers)) throw new KeyError(`attribute '${name}' already exists`);
    if (tensor !== null && !(tensor instanceof Tensor)) {
      throw new TypeError(
        `cannot assign '${typeName(tensor)}' object to buffer '${name}' (torch Tensor or None required)`,
      );
    }
    this._buffers.set(name, tensor);
    if (persistent) this._nonPersistentBuffers.delete(name);
    else this._nonPersistentBuffers.add(name);
  }

  /** Names a child; null reserves the name; a child of that name is replaced in its place. */
  addModule(name: string, module: AnyModule | null): void {
    if (module !== null && !(module instanceof Module)) {
      throw new TypeError(`${typeName(module)} is not a Module subclass`);
    }
    if (typeof name !== 'string')
      throw new TypeError(`module name should be a string. Got ${typeName(name)}`);
    if (this._hasOther(name, this._modules)) throw new KeyError(`attribute '${name}' already exists`);
    if (name.includes('.')) throw new KeyError(`module name can't contain ".", got: ${name}`);
    if (name === '') throw new KeyError('module name can\'t be empty string ""');
    this._modules.set(name, module);
  }
  /** Alias of `addModule`. */
  registerModule(name: string, module: AnyModule | null): void {
    this.addModule(name, module);
  }

  private _hasOther(name: string, registry: ReadonlyMap<string, unknown>): boolean {
    return name in this && !registry.has(name);
  }

  /** An attribute by name. @throws AttributeError when there is none */
  getAttribute(name: string): unknown {
    if (!(name in this)) throw new AttributeError(`'${this._getName()}' object has no attribute '${name}'`);
    return (this as unknown as Record<string, unknown>)[name];
  }
  /** Removes a parameter, buffer, child or other attribute. @throws AttributeError when there is none */
  deleteAttribute(name: string): void {
    if (!(name in this)) throw new AttributeError(`'${this._getName()}' object has no attribute '${name}'`);
    Reflect.deleteProperty(this, name);
  }

  /** This module and all below it, each once, a parent before its children. */
  *modules(): IterableIterator<AnyModule> {
    for (const [, module] of this.namedModules()) yield module;
  }
  *namedModules(memo = new Set<AnyModule>(), prefix = ''): IterableIterator<[string, AnyModule]> {
    if (memo.has(this)) return;
    memo.add(this);
    yield [prefix, this];
    for (const [name, child] of this._modules) {
      if (child !== null) yield* child.namedModules(memo, prefix === '' ? name : `${prefix}.${name}`);
    }
  }

  /** The modules directly below, each once. */
  *children(): IterableIterator<AnyModule> {
    for (const [, child] of this.namedChildren()) yield child;
  }
  *namedChildren(): IterableIterator<[string, AnyModule]> {
    const seen = new Set<AnyModule>();
    for (const [name, child] of this._modules) {
      if (child === null || seen.has(child)) continue;
      seen.add(child);
      yield [name, child];
    }
  }

  /** The parameters here and (unless `recurse` is false) below, each once. */
  *parameters(recurse = true): IterableIterator<Parameter> {
    for (const [, parameter] of this.namedParameters('', recurse)) yield parameter;
  }
  namedParameters(prefix = '', recurse = true): IterableIterator<[string, Parameter]> {
    return this._namedMembers((module) => module._parameters, prefix, recurse);
  }
  *buffers(recurse = true): IterableIterator<Tensor> {
    for (const [, buffer] of this.namedBuffers('', recurse)) yield buffer;
  }
  namedBuffers(prefix = '', recurse = true): IterableIterator<[string, Tensor]> {
    return this._namedMembers((module) => module._buffers, prefix, recurse);
  }

  *_namedMembers<T extends object>(
    getMembers: (module: AnyModule) => Iterable<[string, T | null]>,
    prefix = '',
    recurse = true,
  ): IterableIterator<[string, T]> {
    const seen = new Set<T>();
    const modules: Iterable<[string, AnyModule]> = recurse
      ? this.namedModules(new Set(), prefix)
      : [[prefix, this]];
    for (const [path, module] of modules) {
      for (const [name, member] of getMembers(module)) {
        if (member === null || seen.has(member)) continue;
        seen.add(member);
        yield [path === '' ? name : `${path}.${name}`, member];
      }
    }
  }

  /** Calls `f` with every module below and then with this one. */
  apply(f: (module: AnyModule) => void): this {
    for (const child of this.children()) child.apply(f);
    f(this);
    return this;
  }

  /** Replaces the data of all parameters and buffers by `f` of them; objects, and what is shared, stay. */
  _apply(f: (tensor: Tensor) => Tensor, done = new Map<Tensor, Tensor>()): this {
    for (const child of this.children()) child._apply(f, done);
    for (const parameter of this._parameters.values()) {
      if (parameter === null || done.has(parameter)) continue;
      done.set(parameter, parameter);
      noGrad(() => {
        parameter.data = f(parameter);
        const { grad } = parameter;
        if (grad !== null) grad.data = f(grad);
      });
    }
    for (const [name, buffer] of this._buffers) {
      if (buffer === null) continue;
      let converted = done.get(buffer);
      if (converted === undefined) done.set(buffer, (converted = noGrad(() => f(buffer))));
      this._buffers.set(name, converted);
    }
    return this;
  }

  /** Floating-point parameters and buffers to another dtype, all to another device or memory format. */
  to(first: DType | Tensor | ToOptions | (string & {}), second?: DType): this {
    const { dtype, device, memoryFormat } = toOptions(first, second);
    if (dtype !== undefined && !isFloatingPoint(dtype)) {
      throw new TypeError(
        `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.${dtype}`,
      );
    }
    return this._apply((t) =>
      t.to({
        device,
        dtype: t.isFloatingPoint() ? dtype : undefined,
        memoryFormat: t.ndim === 4 ? memoryFormat : undefined,
      }),
    );
  }
  float(): this {
    return this.to('float32');
  }
  double(): this {
    return this.to('float64');
  }
  half(): this {
    return this.to('float16');
  }
  bfloat16(): this {
    return this.to('bfloat16');
  }
  cpu(): this {
    return this.to({ device: 'cpu' });
  }

  /** Into training mode (or out of it), with everything below. */
  train(mode = true): this {
    if (typeof mode !== 'boolean') throw new ValueError('training mode is expected to be boolean');
    this.training = mode;
    for (const child of this.children()) child.train(mode);
    return this;
  }
  /** Out of training mode. */
  eval(): this {
    return this.train(false);
  }
  /** Sets whether the parameters ask for gradients. */
  requiresGrad_(value = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(value);
    return this;
  }
  /** Clears the parameters' gradients: fills them with zeros, or drops them. */
  zeroGrad(setToNone = false): void {
    for (const parameter of this.parameters()) {
      const { grad } = parameter;
      if (grad === null) continue;
      if (setToNone) parameter.grad = null;
      else if (grad.gradFn !== null) parameter.grad = zerosLike(grad);
      else noGrad(() => grad.requiresGrad_(false).zero_());
    }
  }

  /** Parameters and persistent buffers by name, here and below. The tensors share their data with the module. */
  stateDict({
    destination = new StateDict(),
    prefix = '',
    keepVars = false,
  }: StateDictOptions = {}): StateDict {
    return saveInto(this, destination, prefix, keepVars);
  }
  /**
   * Copies a state dictionary's values into the module.
   *
   * @param strict  whether keys that are missing or unexpected are an error. Default true.
   * @throws RuntimeError listing all that does not fit, after everything that fits was copied
   */
  loadStateDict(stateDict: StateDictLike, strict = true): IncompatibleKeys {
    return loadInto(this, stateDict, strict);
  }

  /** The module at a dotted path; '' is this one. @throws AttributeError */
  getSubmodule(path: string): AnyModule {
    let module = this as AnyModule;
    for (const name of path === '' ? [] : path.split('.')) {
      if (!(name in module)) throw new AttributeError(`${module._getName()} has no attribute \`${name}\``);
      const next: unknown = (module as unknown as Record<string, unknown>)[name];
      if (!(next instanceof Module)) throw new AttributeError(`\`${name}\` is not an nn.Module`);
      module = next as AnyModule;
    }
    return module;
  }
  /** The parameter at a dotted path. @throws AttributeError */
  getParameter(path: string): Parameter {
    const found = this._member(path);
    if (!(found.value instanceof Parameter))
      throw new AttributeError(`\`${found.name}\` is not an nn.Parameter`);
    return found.value;
  }
  /** The buffer at a dotted path. @throws AttributeError */
  getBuffer(path: string): Tensor {
    const found = this._member(path);
    const buffer = found.module._buffers.get(found.name);
    if (!buffer) throw new AttributeError(`\`${found.name}\` is not a buffer`);
    return buffer;
  }
  private _member(path: string): { module: AnyModule; name: string; value: unknown } {
    const cut = path.lastIndexOf('.');
    const name = path.slice(cut + 1);
    const module = this.getSubmodule(path.slice(0, Math.max(cut, 0)));
    if (!(name in module)) throw new AttributeError(`${module._getName()} has no attribute \`${name}\``);
    return { module, name, value: (module as unknown as Record<string, unknown>)[name] };
  }

  /** PyTorch's number for the form in which a class saves its state: 1 where that never changed. @internal */
  get _version(): number {
    return 1;
  }
  /** Completes a state dictionary that an older form was saved in. @internal */
  _upgradeState(_state: Map<string, unknown>, _prefix: string, _version: number | undefined): void {
    // The first form is complete.
  }

  /** The class's name, as texts show it. */
  _getName(): string {
    return this.constructor.name;
  }
  /** What stands in the brackets of the text form. */
  extraRepr(): string {
    return '';
  }
  /** The module and all below it, as PyTorch prints them. */
  toString(): string {
    return moduleText(this);
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
  [Symbol.toPrimitive](hint: string): string {
    if (hint === 'number') throw new TypeError(`a ${this._getName()} is not a number`);
    return this.toString();
  }
}

export interface Module<Args extends readonly unknown[] = [input: Tensor], Result = Tensor> {
  /** Runs the module: hooks and `forward`. */
  // eslint-disable-next-line @typescript-eslint/prefer-function-type -- a type could not be merged with the class
  (...args: Args): Result;
}

nameModuleClass(Module);
