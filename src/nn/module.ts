/** The base of all layers and networks. */
import { addHook, type RemovableHandle } from '../autograd/handle.ts';
import { noGrad } from '../autograd/mode.ts';
import type { DType } from '../dtype.ts';
import { NotImplementedError, RuntimeError, ValueError } from '../errors.ts';
import type { StateDict } from '../io/state-dict.ts';
import { to } from '../ops/copies.ts';
import { emptyLike } from '../tensor/create.ts';
import { checkGlobalTarget, toGlobal, toLocal, type Placement, type Sbp } from '../tensor/global.ts';
import type { MemoryFormat, Tensor } from '../tensor/tensor.ts';
import { callWithHooks } from './calling.ts';
import { applyToOwn, cudaDevice, toTarget, type DeviceOrDType, type ModuleToOptions } from './convert.ts';
import { copyModule } from './copy.ts';
import type {
  BackwardHook,
  ForwardArgs,
  ForwardHook,
  ForwardPreHook,
  ForwardResult,
  HookRegistries,
  LoadArguments,
  LoadStateDictPostHook,
  LoadStateDictPreHook,
  LoadStateDictPreHookWithModule,
  StateDictHook,
  StateDictPreHook,
} from './hooks.ts';
import type { IncompatibleKeys } from './incompatible-keys.ts';
import { ModuleMembers } from './members.ts';
import { moduleSummary, moduleText, shallowText, type ModuleSummary } from './repr.ts';
import { moduleFrom, snapshotOf, type ModuleSnapshot } from './snapshot.ts';
import {
  loadInto,
  loadOwn,
  saveInto,
  saveOwn,
  stateDictOptions,
  type StateDictLike,
  type StateDictOptions,
} from './state-dict.ts';
import type { StateKey } from './state-key.ts';

/** Any module, whatever its `forward` takes and gives. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- parameters of functions are contravariant: any module fits
export type AnyModule = Module<any, unknown>;

/** The modules that a table of classes makes. */
type InstancesOf<Classes> = {
  [Name in keyof Classes]: Classes[Name] extends abstract new (...args: never) => infer M
    ? M extends AnyModule
      ? M
      : never
    : never;
}[keyof Classes];

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
 *     net(images);            // runs hooks and forward, with forward's types
 *
 * An assignment to a registered name is checked: a parameter's takes a parameter or null, a child's a module or null, a
 * buffer's a tensor or null. Names keep the order in which they came.
 *
 * A call has the types of the class's own `forward`. Where only `nn.Module` is said, a module takes and gives one tensor;
 * type arguments say otherwise: `nn.Module<[input: Tensor, target: Tensor], Tensor>`.
 *
 * @see torch.nn.Module, oneflow.nn.Module
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the interface below says that instances are callable
export class Module<
  Args extends readonly unknown[] = never,
  Result = [Args] extends [never] ? unknown : Tensor,
> extends ModuleMembers<AnyModule> {
  /** Whether layers such as dropout behave as in training. Set by `train()` and `eval()`. */
  declare training: boolean;
  /** @internal */ declare readonly _forwardPreHooks: HookRegistries['_forwardPreHooks'];
  /** @internal */ declare readonly _forwardHooks: HookRegistries['_forwardHooks'];
  /** @internal */ declare readonly _backwardHooks: HookRegistries['_backwardHooks'];
  /** @internal */ declare _isFullBackwardHook: HookRegistries['_isFullBackwardHook'];
  /** @internal */ declare readonly _stateDictHooks: HookRegistries['_stateDictHooks'];
  /** @internal */ declare readonly _stateDictPreHooks: HookRegistries['_stateDictPreHooks'];
  /** @internal */ declare readonly _loadStateDictPreHooks: HookRegistries['_loadStateDictPreHooks'];
  /** @internal */ declare readonly _loadStateDictPostHooks: HookRegistries['_loadStateDictPostHooks'];

  /**
   * What the module computes. Subclasses say it.
   *
   * @throws NotImplementedError in Module itself
   */
  forward(..._args: Args): Result {
    throw new NotImplementedError(`Module [${this._getName()}] is missing the required "forward" function`);
  }

  /** Runs the pre-hooks, `forward`, and the hooks: what `module(…)` does. */
  call(...args: ForwardArgs<this>): ForwardResult<this> {
    const hooks = this._forwardPreHooks.size + this._forwardHooks.size + this._backwardHooks.size;
    const result: unknown =
      hooks === 0 ? this.forward(...(args as unknown as Args)) : callWithHooks(this, args);
    return result as ForwardResult<this>;
  }

  /**
   * Calls `hook(module, args)` before every `forward`. An array that it returns takes the arguments' place, any other
   * value but null and undefined that of the only argument.
   */
  registerForwardPreHook(hook: ForwardPreHook<this>): RemovableHandle {
    return addHook(this._forwardPreHooks, hook);
  }
  /** Calls `hook(module, args, result)` after every `forward`; what it returns takes the result's place. */
  registerForwardHook(hook: ForwardHook<this>): RemovableHandle {
    return addHook(this._forwardHooks, hook);
  }
  /**
   * Calls `hook(module, gradInput, gradOutput)` once per backward pass through a call of the module, when the gradients of
   * its arguments are known: one entry per argument and per result, null for what is no tensor. What the hook returns, an
   * array as long or the only gradient, takes the place of `gradInput`; the next hook sees it.
   *
   * If no argument requires a gradient, the hook runs when the result's gradient is known, with nulls, and must return
   * nothing. Inside such a call arguments and results are views of what they were: changing them in place is an error.
   *
   * @throws RuntimeError when the module has backward hooks of the old kind
   */
  registerFullBackwardHook(hook: BackwardHook<this>): RemovableHandle {
    return this._addBackwardHook(hook, true);
  }
  /**
   * Calls `hook(module, gradInput, gradOutput)` with the gradients of the op that made the result: of a `Conv2d` those of
   * input, weight and bias. PyTorch's old kind; prefer `registerFullBackwardHook`.
   *
   * @throws RuntimeError when the module has full backward hooks
   */
  registerBackwardHook(hook: BackwardHook<this>): RemovableHandle {
    return this._addBackwardHook(hook, false);
  }
  private _addBackwardHook(hook: BackwardHook<this>, full: boolean): RemovableHandle {
    if (this._isFullBackwardHook === !full) {
      throw new RuntimeError(
        'Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them.',
      );
    }
    this._isFullBackwardHook = full;
    return addHook(this._backwardHooks, hook);
  }

  /**
   * Replaces the data of all parameters and buffers by `f` of them, children first. Parameters and their gradients stay
   * the same objects, buffers become what `f` returns; each is converted once, so that what is shared stays shared.
   *
   * @param applied  what was converted already, and into what
   */
  _apply(f: (tensor: Tensor) => Tensor, applied = new Map<Tensor, Tensor>()): this {
    for (const child of this.children()) child._apply(f, applied);
    applyToOwn(this, f, applied);
    return this;
  }

  /**
   * Floating-point parameters and buffers in another dtype, all on another device, those of four axes in another memory
   * format. The module changes, and is returned.
   *
   *     net.to('float64')   net.to('cpu')   net.to('cpu', 'float64')   net.to(x)   net.to({ memoryFormat: 'channels_last' })
   *
   * @throws TypeError for a dtype that is not floating-point, and for other arguments
   * @throws RuntimeError for a device that does not exist
   */
  to(target?: DeviceOrDType | Tensor | ModuleToOptions | null, dtype?: DType | null): this;
  to(...args: unknown[]): this {
    const { device, dtype, memoryFormat } = toTarget(args);
    this._apply((t) =>
      to(t, {
        device,
        dtype: t.isFloatingPoint() ? dtype : undefined,
        memoryFormat: t.ndim === 4 ? memoryFormat : undefined,
      }),
    );
    return memoryFormat === undefined ? this : this._toMemoryFormat(memoryFormat);
  }
  /** Floating-point parameters and buffers to float32. */
  float(): this {
    return this.to('float32');
  }
  /** Floating-point parameters and buffers to float64. */
  double(): this {
    return this.to('float64');
  }
  /** Floating-point parameters and buffers to float16. */
  half(): this {
    return this.to('float16');
  }
  /** Floating-point parameters and buffers to bfloat16. */
  bfloat16(): this {
    return this.to('bfloat16');
  }
  /** All parameters and buffers to a dtype, those of integers too. */
  type(dtype: DType): this {
    return this._apply((t) => to(t, dtype));
  }
  /** All parameters and buffers to the CPU. */
  cpu(): this {
    return this.to({ device: 'cpu' });
  }
  /**
   * All parameters and buffers to a GPU: the current one, or one by number or name.
   *
   * @throws RuntimeError naming the device when it is not available
   */
  cuda(device?: number | string | null): this {
    const name = cudaDevice(device);
    return this._apply((t) => to(t, { device: name }));
  }
  /** Memory for parameters and buffers on a device, with nothing in it yet. */
  toEmpty({ device }: { readonly device: string }): this {
    return this._apply((t) => emptyLike(t, { device }));
  }
  /** Told by `to` in which memory format tensors of four axes now are; for classes that keep others. Does nothing here. */
  toMemoryFormat(_format: MemoryFormat): void {
    // Strides are all there is to a memory format.
  }
  /** Calls `toMemoryFormat` of every module below, and then of this one. */
  _toMemoryFormat(format: MemoryFormat): this {
    for (const child of this.children()) child._toMemoryFormat(format);
    this.toMemoryFormat(format);
    return this;
  }

  /**
   * Parameters and buffers as parts of global tensors.
   *
   * @throws ValueError when placement or sbp are missing, TypeError when they are something else
   * @throws RuntimeError because this process belongs to no group
   */
  toGlobal(placement?: Placement, sbp?: Sbp | readonly Sbp[]): this {
    checkGlobalTarget(placement, sbp);
    return this._apply((t) => toGlobal(t, { placement, sbp }));
  }
  /** This rank's parts of global parameters and buffers. @throws RuntimeError when one is local */
  toLocal(): this {
    return this._apply(toLocal);
  }
  /** OneFlow's old name of `toGlobal`. @throws RuntimeError always */
  toConsistent(..._args: readonly unknown[]): never {
    throw new RuntimeError('.to_consistent has been removed, please use .to_global instead');
  }

  /** Into training mode (or out of it), with everything below. @throws ValueError when `mode` is no boolean */
  train(mode = true): this {
    if (typeof mode !== 'boolean') throw new ValueError('training mode is expected to be boolean');
    this.training = mode;
    for (const child of this.children()) child.train(mode);
    return this;
  }
  /** Out of training mode, with everything below. */
  eval(): this {
    return this.train(false);
  }
  /** Sets whether the parameters ask for gradients. */
  requiresGrad_(value = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(value);
    return this;
  }
  /** Clears the parameters' gradients: fills them with zeros in place, or (with `setToNone`) drops them. */
  zeroGrad(setToNone = false): void {
    for (const parameter of this.parameters()) {
      const { grad } = parameter;
      if (grad === null) continue;
      if (setToNone) parameter.grad = null;
      else noGrad(() => (grad.gradFn === null ? grad.requiresGrad_(false) : grad.detach_()).zero_());
    }
  }

  /**
   * Parameters and persistent buffers by name, here and below. The tensors share their data with the module. Options may
   * also be given one by one: destination, prefix, keepVars.
   *
   *     const state = net.stateDict();
   *     state.get('conv.weight'); // a Tensor
   *     state.get(name);          // a Tensor or undefined
   */
  stateDict(options?: StateDictOptions): StateDict<StateKey<this>>;
  stateDict(
    destination: Map<string, Tensor> | null,
    prefix?: string,
    keepVars?: boolean,
  ): StateDict<StateKey<this>>;
  stateDict(
    first?: StateDictOptions | Map<string, Tensor> | null,
    second?: string,
    third?: boolean,
  ): StateDict<StateKey<this>> {
    const { destination, prefix, keepVars } = stateDictOptions(first, second, third);
    return saveInto(this, destination, prefix, keepVars);
  }
  /**
   * Copies a state dictionary's values into the module's parameters and buffers, which keep their dtype, device and
   * strides. Besides tensors it takes nested arrays, typed arrays, and `{ data, shape }`.
   *
   * @param strict  whether keys that are missing or unexpected are an error. Default true.
   * @returns the keys that found no counterpart
   * @throws RuntimeError listing all that does not fit, after everything that fits was copied
   */
  loadStateDict(stateDict: StateDictLike, strict = true): IncompatibleKeys {
    return loadInto(this, stateDict, strict);
  }
  /** Puts this module's own entries into a state dictionary; for classes that save something else. */
  _saveToStateDict(destination: StateDict, prefix: string, keepVars: boolean): void {
    const hasExtraState = this.getExtraState !== Module.prototype.getExtraState;
    saveOwn(this, destination, prefix, keepVars, hasExtraState);
  }
  /**
   * Loads this module's own entries, and adds to the three lists what does not fit; for classes whose form of saving has
   * changed. Called once for each place at which the module stands.
   */
  _loadFromStateDict(...args: LoadArguments): void {
    const hasExtraState = this.setExtraState !== Module.prototype.setExtraState;
    loadOwn(this, hasExtraState, ...args);
  }
  /** Which form of its state the class saves: PyTorch's number, 1 where it never changed. */
  get _version(): number {
    return 1;
  }
  /** What a class saves besides parameters and buffers, under `_extra_state`; it must say how to load it, too. */
  getExtraState(): unknown {
    throw new RuntimeError('Reached a code path in Module.get_extra_state() that should never be called.');
  }
  /** Takes back what `getExtraState` gave. */
  setExtraState(_state: unknown): void {
    throw new RuntimeError('Reached a code path in Module.set_extra_state() that should never be called.');
  }
  /** Calls `hook(module, stateDict, prefix, localMetadata)` when the module has filled a state dictionary. */
  registerStateDictHook(hook: StateDictHook<this>): RemovableHandle {
    return addHook(this._stateDictHooks, hook);
  }
  /** Calls `hook(module, prefix, keepVars)` before the module fills a state dictionary. */
  registerStateDictPreHook(hook: StateDictPreHook<this>): RemovableHandle {
    return addHook(this._stateDictPreHooks, hook);
  }
  /**
   * Calls a hook with the arguments of `_loadFromStateDict` before the module loads; it may change the dictionary, and add
   * to the lists.
   *
   * @param options.withModule  whether the module comes first among the hook's arguments. Default false.
   */
  registerLoadStateDictPreHook(
    hook: LoadStateDictPreHookWithModule<this>,
    options: { readonly withModule: true },
  ): RemovableHandle;
  registerLoadStateDictPreHook(
    hook: LoadStateDictPreHook,
    options?: { readonly withModule?: false },
  ): RemovableHandle;
  registerLoadStateDictPreHook(
    hook: LoadStateDictPreHook | LoadStateDictPreHookWithModule<this>,
    { withModule = false }: { readonly withModule?: boolean } = {},
  ): RemovableHandle {
    // The module is the one that loads: a clone's hooks get the clone.
    const called = withModule
      ? (hook as LoadStateDictPreHookWithModule<this>)
      : (_module: this, ...args: LoadArguments): void => (hook as LoadStateDictPreHook)(...args);
    return addHook(this._loadStateDictPreHooks, called);
  }
  /**
   * Calls `hook(module, incompatibleKeys)` when the module and all below it have loaded; it may change the lists of keys,
   * and must return nothing.
   */
  registerLoadStateDictPostHook(hook: LoadStateDictPostHook<this>): RemovableHandle {
    return addHook(this._loadStateDictPostHooks, hook);
  }

  /**
   * A module of the same class with the same values: parameters (without gradients), buffers, children and attributes of
   * its own, what is shared in the original shared in the copy, and the same hooks. The constructor is not run, so a class
   * with private fields (`#x`) overrides this. Attributes that are functions, or objects of other classes, are shared.
   *
   * @throws RuntimeError when an attribute is a tensor that was computed from others
   * @see copy.deepcopy of a torch.nn.Module
   */
  clone(): this {
    return copyModule(this);
  }
  /**
   * The module and all below it as data that `structuredClone` and `postMessage` carry: classes by name, attributes,
   * parameters, buffers. In place of Python's pickling. Hooks are left out, with a warning.
   *
   * @throws TypeError naming an attribute that is no data, such as a function
   */
  toSnapshot(): ModuleSnapshot {
    return snapshotOf(this);
  }
  /**
   * The module in a snapshot. Classes are looked up by name in `classes` and nowhere else; their constructors are not run.
   *
   *     const net = nn.Module.fromSnapshot(snapshot, { ...nn, Net });
   *
   * @throws ValueError saying what is wrong with the snapshot, or which class is missing
   */
  static fromSnapshot<const Classes extends Readonly<Record<string, unknown>>>(
    snapshot: ModuleSnapshot,
    classes: Classes,
  ): InstancesOf<Classes> {
    return moduleFrom(snapshot, classes, isModuleClass) as InstancesOf<Classes>;
  }
  /** A readable summary: classes, shapes, dtypes; no values. */
  toJSON(): ModuleSummary {
    return moduleSummary(this);
  }

  /** Whether the other is this very module: modules with equal weights are not equal. */
  equals(other: unknown): boolean {
    return this === other;
  }
  /** What stands in the brackets of the text form. */
  extraRepr(): string {
    return '';
  }
  /** The module and all below it, as PyTorch prints them. */
  override toString(): string {
    return moduleText(this);
  }
  /** The module as it prints without its children. */
  _shallowRepr(): string {
    return shallowText(this);
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
  /** Modules have a text, and no order. @throws TypeError when they are compared, or counted with */
  [Symbol.toPrimitive](hint: string): string {
    if (hint !== 'number') return this.toString();
    const name = this._getName();
    throw new TypeError(`'<' not supported between instances of '${name}' and '${name}'`);
  }
}

export interface Module<
  Args extends readonly unknown[] = never,
  // eslint-disable-next-line @typescript-eslint/no-unused-vars -- both declarations must have the same parameters
  Result = [Args] extends [never] ? unknown : Tensor,
> {
  /** Runs the module: hooks and `forward`, whose arguments and result it has. */
  // eslint-disable-next-line @typescript-eslint/prefer-function-type -- a type could not be merged with the class
  (...args: ForwardArgs<this>): ForwardResult<this>;
}

const isModuleClass = (value: unknown): value is typeof Module =>
  value === Module || (typeof value === 'function' && value.prototype instanceof Module);
