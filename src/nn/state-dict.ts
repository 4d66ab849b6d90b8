/** Saving and loading what a module has learned. */
import { noGrad } from '../autograd/mode.ts';
import { AssertionError, RuntimeError } from '../errors.ts';
import { StateDict } from '../io/state-dict.ts';
import { tensor } from '../tensor/create.ts';
import type { NumericArray } from '../tensor/host.ts';
import { sameShape, showSize, Tensor } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import type { LoadArguments } from './hooks.ts';
import { IncompatibleKeys } from './incompatible-keys.ts';
import type { RegisteredModule } from './registries.ts';

/** Numbers with the shape that they have as a tensor: row by row. */
export interface ShapedArray {
  readonly data: NumericArray;
  readonly shape: readonly number[];
}
/** What can be copied into a parameter or buffer: a tensor, nested arrays of numbers, or a typed array. */
export type Loadable = Tensor | NestedNumbers | NumericArray | ShapedArray;
export type NestedNumbers = readonly (number | bigint | boolean | NestedNumbers)[];

/** What can be loaded: a map, or a plain object (whose integer-like keys JavaScript puts first). */
export type StateDictLike = ReadonlyMap<string, Loadable> | Readonly<Record<string, Loadable>>;

export interface StateDictOptions {
  /** A map to fill instead of a new one. */
  readonly destination?: Map<string, Tensor> | null | undefined;
  /** Put before every key as it is, without a dot. Default ''. */
  readonly prefix?: string | undefined;
  /** Give the parameters themselves instead of detached tensors on the same data. Default false. */
  readonly keepVars?: boolean | undefined;
}

/** Where a class keeps what is neither parameter nor buffer, if it says so. @see torch.nn.Module.get_extra_state */
const EXTRA_STATE = '_extra_state';

/** Options as one object, or in PyTorch's order: destination, prefix, keepVars. */
export const stateDictOptions = (
  first: StateDictOptions | Map<string, Tensor> | null = {},
  prefix = '',
  keepVars = false,
): { destination: Map<string, Tensor> | null | undefined; prefix: string; keepVars: boolean } => {
  if (first === null || first instanceof Map) return { destination: first, prefix, keepVars };
  return {
    destination: first.destination,
    prefix: first.prefix ?? prefix,
    keepVars: first.keepVars ?? keepVars,
  };
};

/** `module.stateDict()`: the module's own entries, those of its children, and its hooks. */
export const saveInto = (
  module: RegisteredModule,
  given: Map<string, Tensor> | null | undefined,
  prefix: string,
  keepVars: boolean,
): StateDict => {
  // A map without metadata is filled all the same.
  let destination = (given ?? new StateDict()) as StateDict;
  const localMetadata = { version: module._version };
  if (destination instanceof StateDict) destination.metadata.set(prefix.slice(0, -1), localMetadata);
  for (const hook of [...module._stateDictPreHooks.values()]) hook(module as never, prefix, keepVars);
  module._saveToStateDict(destination, prefix, keepVars);
  for (const [name, child] of module._modules) {
    child?.stateDict({ destination, prefix: `${prefix}${name}.`, keepVars });
  }
  for (const hook of [...module._stateDictHooks.values()]) {
    destination = hook(module as never, destination, prefix, localMetadata) ?? destination;
  }
  return destination;
};

/** A module's own entries: parameters, persistent buffers, and the extra state of classes that have one. */
export const saveOwn = (
  module: RegisteredModule,
  destination: StateDict,
  prefix: string,
  keepVars: boolean,
  hasExtraState: boolean,
): void => {
  for (const [name, member] of localState(module)) {
    destination.set(prefix + name, keepVars ? member : member.detach());
  }
  // PyTorch's maps hold anything; ours promise tensors to everybody who does not use this.
  if (hasExtraState) destination.set(prefix + EXTRA_STATE, module.getExtraState() as Tensor);
};

/** Parameters, then persistent buffers, without empty names. */
const localState = (module: RegisteredModule): [string, Tensor][] => {
  const buffers = [...module._buffers].filter(([name]) => !module._nonPersistentBuffers.has(name));
  return [...module._parameters, ...buffers].filter((entry): entry is [string, Tensor] => entry[1] !== null);
};

/** Copies a module's own entries and notes what does not fit. @see torch.nn.Module._load_from_state_dict */
export const loadOwn = (module: RegisteredModule, hasExtraState: boolean, ...args: LoadArguments): void => {
  for (const hook of [...module._loadStateDictPreHooks.values()]) hook(module as never, ...args);
  const [stateDict, prefix, , strict, missingKeys, unexpectedKeys, errorMsgs] = args;
  const local = new Map(localState(module));
  for (const [name, target] of local) {
    const key = prefix + name;
    if (stateDict.has(key)) copyEntry(key, target, stateDict.get(key), errorMsgs);
    else if (strict) missingKeys.push(key);
  }
  const extraKey = prefix + EXTRA_STATE;
  if (hasExtraState) {
    if (stateDict.has(extraKey)) module.setExtraState(stateDict.get(extraKey));
    else if (strict) missingKeys.push(extraKey);
  } else if (strict && stateDict.has(extraKey)) unexpectedKeys.push(extraKey);
  if (!strict) return;
  for (const key of stateDict.keys()) {
    if (!key.startsWith(prefix) || key === extraKey) continue;
    const [name] = key.slice(prefix.length).split('.');
    if (!module._modules.has(name!) && !local.has(name!)) unexpectedKeys.push(key);
  }
};

/** `module.loadStateDict()`. */
export const loadInto = (
  module: RegisteredModule,
  given: StateDictLike,
  strict: boolean,
): IncompatibleKeys => {
  const entries = entriesOf(given);
  const metadata = given instanceof StateDict ? given.metadata : undefined;
  const found = new IncompatibleKeys([], []);
  const { missingKeys, unexpectedKeys } = found;
  const errors: string[] = [];

  // Each module gets a dictionary of its own, so that hooks may change it.
  const load = (part: RegisteredModule, stateDict: Map<string, unknown>, prefix: string): void => {
    const localMetadata = metadata?.get(prefix.slice(0, -1)) ?? {};
    part._loadFromStateDict(stateDict, prefix, localMetadata, true, missingKeys, unexpectedKeys, errors);
    for (const [name, child] of part._modules) {
      if (child === null) continue;
      const below = `${prefix}${name}.`;
      load(child, new Map([...stateDict].filter(([key]) => key.startsWith(below))), below);
    }
    for (const hook of [...part._loadStateDictPostHooks.values()]) {
      const returned = (hook as (module: never, keys: IncompatibleKeys) => unknown)(part as never, found);
      if (returned !== undefined && returned !== null) throw new AssertionError(POST_HOOK_RETURNED);
    }
  };
  load(module, new Map(entries), '');

  if (strict) {
    const quoted = (keys: readonly string[]): string => keys.map((key) => `"${key}"`).join(', ');
    if (unexpectedKeys.length > 0)
      errors.unshift(`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys)}. `);
    if (missingKeys.length > 0) errors.unshift(`Missing key(s) in state_dict: ${quoted(missingKeys)}. `);
  }
  if (errors.length > 0) {
    throw new RuntimeError(
      `Error(s) in loading state_dict for ${module._getName()}:\n\t${errors.join('\n\t')}`,
    );
  }
  return found;
};

const POST_HOOK_RETURNED =
  'Hooks registered with ``register_load_state_dict_post_hook`` are not' +
  'expected to return new values, if incompatible_keys need to be modified,' +
  'it should be done inplace.';

/** @throws TypeError for what is neither a map nor a plain object */
const entriesOf = (given: unknown): Iterable<readonly [string, unknown]> => {
  if (given instanceof Map) return given as Map<string, unknown>;
  if (typeof given === 'object' && given !== null) {
    const prototype: unknown = Object.getPrototypeOf(given);
    if (prototype === Object.prototype || prototype === null) return Object.entries(given);
  }
  throw new TypeError(`Expected state_dict to be dict-like, got ${typeName(given)}.`);
};

const copyEntry = (key: string, target: Tensor, value: unknown, errors: string[]): void => {
  let source = asTensor(value, target);
  if (source === null) {
    errors.push(
      `While copying the parameter named "${key}", expected torch.Tensor or Tensor-like object from checkpoint but received ${typeName(value)}`,
    );
    return;
  }
  // Checkpoints of PyTorch before 0.4 keep scalars as one-element vectors.
  if (target.ndim === 0 && source.ndim === 1 && source.numel() > 0) source = source.select(0, 0);
  if (!sameShape(source.shape, target.shape)) {
    errors.push(
      `size mismatch for ${key}: copying a param with shape ${showSize(source.shape)} from checkpoint, the shape in current model is ${showSize(target.shape)}.`,
    );
    return;
  }
  const values = source;
  try {
    noGrad(() => target.copy_(values));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    errors.push(
      `While copying the parameter named "${key}", whose dimensions in the model are ${showSize(target.shape)} and whose dimensions in the checkpoint are ${showSize(values.shape)}, an exception occurred : (${quotedText(text)},).`,
    );
  }
};

/** A text as Python shows it. */
const quotedText = (text: string): string =>
  text.includes("'") && !text.includes('"') ? `"${text}"` : `'${text.replaceAll("'", "\\'")}'`;

/**
 * A value that can be loaded, as a tensor; null when it is none. Typed arrays without a shape are vectors; numbers in
 * nested arrays have no dtype but the target's.
 */
const asTensor = (value: unknown, { dtype, device }: Tensor): Tensor | null => {
  if (value instanceof Tensor) return value;
  try {
    if (Array.isArray(value)) return tensor(value as NestedNumbers, { dtype, device });
    if (isNumericArray(value)) return tensor(value, { device });
    if (isShaped(value)) return tensor(value.data, { shape: value.shape, device });
  } catch {
    return null;
  }
  return null;
};

const isNumericArray = (value: unknown): value is NumericArray =>
  ArrayBuffer.isView(value) && !(value instanceof DataView);
const isShaped = (value: unknown): value is ShapedArray =>
  typeof value === 'object' &&
  value !== null &&
  'data' in value &&
  'shape' in value &&
  isNumericArray(value.data) &&
  Array.isArray(value.shape);
