import type { Tensor } from '../tensor/tensor.ts';

/**
 * Tensors by name in the order of registration, with the version of each module that saved something.
 *
 * The type argument says which keys are there for sure: `module.stateDict()` knows its parameters.
 */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging, @typescript-eslint/no-unused-vars -- the interface below types `get`
export class StateDict<Key extends string = never> extends Map<string, Tensor> {
  /** By module path; PyTorch's `_metadata`. */
  readonly metadata = new Map<string, { readonly version: number }>();
}

export interface StateDict<Key extends string = never> {
  get(key: Key): Tensor;
  get(key: string): Tensor | undefined;
}
