import type { Tensor } from '../tensor/tensor.ts';

/** Tensors by name in the order of registration, with the version of each module that saved something. */
export class StateDict extends Map<string, Tensor> {
  /** By module path; PyTorch's `_metadata`. */
  readonly metadata = new Map<string, { readonly version: number }>();
}
