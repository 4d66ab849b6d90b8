/** What a module keeps, and what the rules about attributes, calls, texts and state dictionaries know of it. */
import type { StateDict } from '../io/state-dict.ts';
import type { Parameter } from '../tensor/parameter.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Forwarding, HookRegistries, LoadArguments } from './hooks.ts';

/** Names with what is registered under them, for those who only look. */
export interface Members {
  readonly _parameters: ReadonlyMap<string, unknown>;
  readonly _buffers: ReadonlyMap<string, unknown>;
  readonly _modules: ReadonlyMap<string, unknown>;
}

export interface Registries extends Members {
  /** Maps keep the order of registration, also for names that look like numbers. */
  readonly _parameters: Map<string, Parameter | null>;
  readonly _buffers: Map<string, Tensor | null>;
  readonly _modules: Map<string, RegisteredModule | null>;
  /** Buffers that state dictionaries leave out. */
  readonly _nonPersistentBuffers: Set<string>;
}

/** A module, as far as these rules know it. */
export interface RegisteredModule extends Registries, HookRegistries, Forwarding {
  training: boolean;
  _getName(): string;
  extraRepr(): string;
  toString(): string;
  /** Which form of its state the class saves; raised when that changes. */
  readonly _version: number;
  stateDict(options: {
    readonly destination: StateDict;
    readonly prefix: string;
    readonly keepVars: boolean;
  }): unknown;
  _saveToStateDict(destination: StateDict, prefix: string, keepVars: boolean): void;
  _loadFromStateDict(...args: LoadArguments): void;
  getExtraState(): unknown;
  setExtraState(state: unknown): void;
}

const hidden = (value: unknown): PropertyDescriptor => ({ value, writable: true, configurable: true });

/** The own properties of a fresh module. Only `training` is an attribute like others; the rest is not listed. */
export const freshState = (): PropertyDescriptorMap => ({
  training: { ...hidden(true), enumerable: true },
  _parameters: hidden(new Map()),
  _buffers: hidden(new Map()),
  _modules: hidden(new Map()),
  _nonPersistentBuffers: hidden(new Set()),
  _forwardPreHooks: hidden(new Map()),
  _forwardHooks: hidden(new Map()),
  _backwardHooks: hidden(new Map()),
  _isFullBackwardHook: hidden(null),
  _stateDictHooks: hidden(new Map()),
  _stateDictPreHooks: hidden(new Map()),
  _loadStateDictPreHooks: hidden(new Map()),
  _loadStateDictPostHooks: hidden(new Map()),
});

/** The registries of hooks by name. */
export const hookRegistries = [
  '_forwardPreHooks',
  '_forwardHooks',
  '_backwardHooks',
  '_stateDictHooks',
  '_stateDictPreHooks',
  '_loadStateDictPreHooks',
  '_loadStateDictPostHooks',
] as const satisfies readonly (keyof HookRegistries)[];
