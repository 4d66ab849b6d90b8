/** Saving and loading what a module has learned. */
import { noGrad } from '../autograd/mode.ts';
import { RuntimeError } from '../errors.ts';
import { StateDict } from '../io/state-dict.ts';
import { sameShape, showSize, Tensor } from '../tensor/tensor.ts';
import type { RegisteredModule } from './registries.ts';
import { typeName } from './names.ts';

/** What can be loaded: a map, or a plain object (whose integer-like keys JavaScript puts first). */
export type StateDictLike = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

export const saveInto = (
  module: RegisteredModule,
  destination: StateDict,
  prefix: string,
  keepVars: boolean,
): StateDict => {
  destination.metadata.set(prefix.slice(0, -1), { version: module._version });
  for (const [name, tensor] of localState(module)) {
    destination.set(prefix + name, keepVars ? tensor : tensor.detach());
  }
  for (const [name, child] of module._modules) {
    if (child !== null) saveInto(child, destination, `${prefix}${name}.`, keepVars);
  }
  return destination;
};

/** Parameters, then persistent buffers, without empty names. */
const localState = (module: RegisteredModule): [string, Tensor][] => {
  const buffers = [...module._buffers].filter(([name]) => !module._nonPersistentBuffers.has(name));
  return [...module._parameters, ...buffers].filter((entry): entry is [string, Tensor] => entry[1] !== null);
};

/** Which keys did not meet their counterpart. */
export class IncompatibleKeys {
  constructor(
    readonly missingKeys: readonly string[],
    readonly unexpectedKeys: readonly string[],
  ) {}

  toString(): string {
    if (this.missingKeys.length === 0 && this.unexpectedKeys.length === 0)
      return '<All keys matched successfully>';
    const list = (keys: readonly string[]): string => `[${keys.map((key) => `'${key}'`).join(', ')}]`;
    return `_IncompatibleKeys(missing_keys=${list(this.missingKeys)}, unexpected_keys=${list(this.unexpectedKeys)})`;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

export const loadInto = (
  module: RegisteredModule,
  stateDict: StateDictLike,
  strict: boolean,
): IncompatibleKeys => {
  const given: unknown = stateDict;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(`Expected state_dict to be dict-like, got <class '${typeName(given)}'>.`);
  }
  const state = new Map<string, unknown>(given instanceof Map ? given : Object.entries(given));
  const metadata = given instanceof StateDict ? given.metadata : undefined;
  const missing: string[] = [];
  const unexpected: string[] = [];
  const errors: string[] = [];

  const load = (part: RegisteredModule, prefix: string): void => {
    part._upgradeState(state, prefix, metadata?.get(prefix.slice(0, -1))?.version);
    const local = new Map(localState(part));
    for (const [name, target] of local) {
      const key = prefix + name;
      if (!state.has(key)) missing.push(key);
      else copyEntry(key, target, state.get(key), errors);
    }
    for (const key of state.keys()) {
      if (!key.startsWith(prefix)) continue;
      const [name] = key.slice(prefix.length).split('.');
      if (!part._modules.has(name!) && !local.has(name!)) unexpected.push(key);
    }
    for (const [name, child] of part._modules) if (child !== null) load(child, `${prefix}${name}.`);
  };
  load(module, '');

  if (strict) {
    const quoted = (keys: readonly string[]): string => keys.map((key) => `"${key}"`).join(', ');
    if (unexpected.length > 0) errors.unshift(`Unexpected key(s) in state_dict: ${quoted(unexpected)}. `);
    if (missing.length > 0) errors.unshift(`Missing key(s) in state_dict: ${quoted(missing)}. `);
  }
  if (errors.length > 0) {
    throw new RuntimeError(
      `Error(s) in loading state_dict for ${module._getName()}:\n\t${errors.join('\n\t')}`,
    );
  }
  return new IncompatibleKeys(missing, unexpected);
};

const copyEntry = (key: string, target: Tensor, value: unknown, errors: string[]): void => {
  if (!(value instanceof Tensor)) {
    errors.push(
      `While copying the parameter named "${key}", expected torch.Tensor or Tensor-like object from checkpoint but received <class '${typeName(value)}'>`,
    );
    return;
  }
  // Checkpoints of PyTorch before 0.4 keep scalars as one-element vectors.
  const source = target.ndim === 0 && value.ndim === 1 && value.numel() > 0 ? value.select(0, 0) : value;
  if (!sameShape(source.shape, target.shape)) {
    errors.push(
      `size mismatch for ${key}: copying a param with shape ${showSize(source.shape)} from checkpoint, the shape in current model is ${showSize(target.shape)}.`,
    );
    return;
  }
  try {
    noGrad(() => target.copy_(source));
  } catch (error) {
    errors.push(`While copying the parameter named "${key}", ${String(error)}`);
  }
};
