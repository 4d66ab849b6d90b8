/** A place on the tape that tensors pass together, unchanged: there their gradients can be seen, and changed, together. */
import { zeros } from '../tensor/create.ts';
import { viewOf, type Tensor } from '../tensor/tensor.ts';
import { edgeOf, Node, type Edge, type Gradients } from './node.ts';
import type { Described } from './op.ts';

/**
 * The tensors as views of themselves, made by one node. Its `postHooks` get, in the tensors' order, the gradients that
 * leave (those of the tensors given) and those that arrive (of the tensors returned; null where none did). Tensors that
 * require no gradient stay as they are.
 *
 * Changing one of the views in place is refused: it would go past the node.
 */
export const passTogether = (
  tensors: readonly Tensor[],
): { readonly node: Node; readonly tensors: Tensor[] } => {
  const node = new Passage(tensors);
  const passed = tensors.map((tensor, slot) => {
    if (!tensor.requiresGrad) return tensor;
    const view = viewOf(tensor, tensor.shape, tensor.strides, tensor.offset);
    view.origin_ = { ...view.origin_!, guarded: true };
    view.gradFn_ = node;
    view.gradSlot_ = slot;
    return view;
  });
  return { node, tensors: passed };
};

class Passage extends Node {
  readonly name = 'BackwardHookFunctionBackward';
  readonly next: readonly (Edge | null)[];
  private readonly described: readonly Described[];

  constructor(tensors: readonly Tensor[]) {
    super();
    this.next = tensors.map(edgeOf);
    this.described = tensors.map(({ shape, strides, dtype, device }) => ({ shape, strides, dtype, device }));
  }

  /** What did not arrive is zero, as in PyTorch. */
  apply(grads: Gradients): Gradients {
    return this.described.map(
      ({ shape, dtype, device }, slot) => grads[slot] ?? zeros(shape, { dtype, device }),
    );
  }

  release(): void {
    // Only shapes are kept.
  }
}
