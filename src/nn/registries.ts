/** What the rules about attributes, texts and state dictionaries know of a module. */
import type { Tensor } from '../tensor/tensor.ts';
import type { Parameter } from '../tensor/parameter.ts';

export interface Registries {
  /** Maps keep the order of registration, also for names that look like numbers. */
  readonly _parameters: Map<string, Parameter | null>;
  readonly _buffers: Map<string, Tensor | null>;
  readonly _modules: Map<string, RegisteredModule | null>;
  /** Buffers that state dictionaries leave out. */
  readonly _nonPersistentBuffers: Set<string>;
}

/** A module, as far as it is registered and shown. */
export interface RegisteredModule extends Registries {
  _getName(): string;
  extraRepr(): string;
  /** Which form of its state the class saves; raised when that changes. */
  readonly _version: number;
  /** Adds to a state dictionary what the class saved less of in an older form; undefined where the form is unknown. */
  _upgradeState(state: Map<string, unknown>, prefix: string, version: number | undefined): void;
}
