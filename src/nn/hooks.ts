/** The hooks that modules take: what each is called with, and what it may return. */
import type { StateDict } from '../io/state-dict.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { IncompatibleKeys } from './incompatible-keys.ts';

/** Whatever has a `forward`. */
export interface Forwarding {
  forward(...args: never): unknown;
}

type ArgsOf<F> = F extends (...args: infer Args) => unknown ? Args : never;
type ResultOf<F> = F extends (...args: never) => infer Result ? Result : never;
/** Whether a module's type says nothing of its `forward`, as that of `Module` itself: then it takes and gives one tensor. */
type Unsaid<M extends Forwarding> = [ArgsOf<M['forward']>] extends [never] ? true : false;
/** What a call of a module takes. */
export type ForwardArgs<M extends Forwarding> =
  Unsaid<M> extends true ? [input: Tensor] : ArgsOf<M['forward']>;
/** What a call of a module gives. */
export type ForwardResult<M extends Forwarding> = Unsaid<M> extends true ? Tensor : ResultOf<M['forward']>;

type Nothing = null | undefined | void;

/**
 * Called before `forward` with its arguments. An array that it returns takes the arguments' place, another value that of
 * the only argument.
 */
export type ForwardPreHook<M extends Forwarding> = (
  module: M,
  args: ForwardArgs<M>,
) => readonly unknown[] | ForwardArgs<M>[0] | Nothing;

/** Called after `forward` with its arguments and its result; what it returns takes the result's place. */
export type ForwardHook<M extends Forwarding> = (
  module: M,
  args: ForwardArgs<M>,
  result: ForwardResult<M>,
) => ForwardResult<M> | Nothing;

/** One entry per argument or result; null for what is no tensor, and where no gradient arrives. */
export type ModuleGradients = readonly (Tensor | null)[];

/**
 * Called on the way back with the gradients of the module's arguments and of its results; what it returns (an array, or
 * the only gradient itself) takes the place of the former.
 */
export type BackwardHook<M> = (
  module: M,
  gradInput: ModuleGradients,
  gradOutput: ModuleGradients,
) => ModuleGradients | Tensor | Nothing;

/** What a state dictionary says of each module: in which form it saved its state. */
export interface ModuleMetadata {
  readonly version: number;
}

/** Called with a module and the state dictionary that it has filled; a map that it returns takes its place. */
export type StateDictHook<M> = (
  module: M,
  stateDict: StateDict,
  prefix: string,
  localMetadata: ModuleMetadata,
) => StateDict | Nothing;

/** Called before a module fills a state dictionary. */
export type StateDictPreHook<M> = (module: M, prefix: string, keepVars: boolean) => void;

/** What is known while one module's state is loaded: the arguments of `_loadFromStateDict`. */
export type LoadArguments = readonly [
  stateDict: Map<string, unknown>,
  prefix: string,
  localMetadata: Partial<ModuleMetadata>,
  strict: boolean,
  missingKeys: string[],
  unexpectedKeys: string[],
  errorMsgs: string[],
];

/** Called before a module loads its state; may change the dictionary and the lists. */
export type LoadStateDictPreHook = (...args: LoadArguments) => void;
/** The same, with the module as its first argument. */
export type LoadStateDictPreHookWithModule<M> = (module: M, ...args: LoadArguments) => void;
/** Called after a module and all below it have loaded; may change the lists of keys. */
export type LoadStateDictPostHook<M> = (module: M, incompatibleKeys: IncompatibleKeys) => void;

/**
 * The hooks of one module by the ids of their handles, in the order of registration. Whoever calls them knows the module
 * less exactly than they do; hence `never`.
 */
export interface HookRegistries {
  readonly _forwardPreHooks: Map<number, (module: never, args: never) => unknown>;
  readonly _forwardHooks: Map<number, (module: never, args: never, result: never) => unknown>;
  readonly _backwardHooks: Map<number, BackwardHook<never>>;
  /** Which kind the backward hooks are: full, or of the old kind; null before the first. */
  _isFullBackwardHook: boolean | null;
  readonly _stateDictHooks: Map<number, StateDictHook<never>>;
  readonly _stateDictPreHooks: Map<number, StateDictPreHook<never>>;
  readonly _loadStateDictPreHooks: Map<number, LoadStateDictPreHookWithModule<never>>;
  readonly _loadStateDictPostHooks: Map<number, LoadStateDictPostHook<never>>;
}
