/** What users call: backward, grad, hooks on tensors. */
import { RuntimeError } from '../errors.ts';
import { ones } from '../tensor/create.ts';
import { sameShape, showSize, type Tensor, type TensorHook } from '../tensor/tensor.ts';
import { walk } from './engine.ts';
import { addHook, type RemovableHandle } from './handle.ts';
import { edgeOf, type Edge, type Node } from './node.ts';

export interface BackwardOptions {
  /** Keep the graph for another pass. Default: the value of `createGraph`. */
  readonly retainGraph?: boolean | undefined;
  /** Make the gradients differentiable themselves. Default false. */
  readonly createGraph?: boolean | undefined;
}

/**
 * Adds the gradients of a tensor to the `grad` of the leaves that it was computed from.
 *
 * @param gradient  cotangent in the tensor's shape; may be omitted for one element, where it is 1
 * @throws RuntimeError as torch.autograd.backward does
 */
export const backward = (
  root: Tensor,
  gradient: Tensor | null = null,
  { createGraph = false, retainGraph = createGraph }: BackwardOptions = {},
): void => {
  walk([rootOf(root, gradient, 0)], { createGraph, retainGraph });
};

export interface GradOptions extends BackwardOptions {
  /** Cotangents, one per output; null or absent for one-element outputs. */
  readonly gradOutputs?: Tensor | null | readonly (Tensor | null)[] | undefined;
  /** Give null for an input that the outputs do not depend on, rather than an error. Default false. */
  readonly allowUnused?: boolean | undefined;
}

/**
 * The gradients of outputs with respect to inputs, returned rather than accumulated.
 *
 * @see torch.autograd.grad
 */
export const grad = (
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  { gradOutputs, createGraph = false, retainGraph = createGraph, allowUnused = false }: GradOptions = {},
): (Tensor | null)[] => {
  const ends = list(outputs);
  const cotangents =
    gradOutputs === undefined || gradOutputs === null
      ? []
      : Array.isArray(gradOutputs)
        ? (gradOutputs as (Tensor | null)[])
        : [gradOutputs as Tensor];
  const capture = list(inputs).map((input): Edge => {
    const edge = edgeOf(input);
    if (edge === null) throw new RuntimeError('One of the differentiated Tensors does not require grad');
    return edge;
  });
  const roots = ends.map((end, k) => rootOf(end, cotangents[k] ?? null, k));
  const results = walk(roots, { createGraph, retainGraph, capture });
  if (!allowUnused && results.includes(null)) {
    throw new RuntimeError(
      'One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.',
    );
  }
  return results;
};

const list = (x: Tensor | readonly Tensor[]): readonly Tensor[] =>
  Array.isArray(x) ? (x as readonly Tensor[]) : [x as Tensor];

const rootOf = (tensor: Tensor, gradient: Tensor | null, position: number): { edge: Edge; grad: Tensor } => {
  if (gradient !== null && !sameShape(gradient.shape, tensor.shape)) {
    const k = String(position);
    throw new RuntimeError(
      `Mismatch in shape: grad_output[${k}] has a shape of ${showSize(gradient.shape)} and output[${k}] has a shape of ${showSize(tensor.shape)}.`,
    );
  }
  if (gradient === null && tensor.requiresGrad && tensor.numel() !== 1) {
    throw new RuntimeError('grad can be implicitly created only for scalar outputs');
  }
  const edge = edgeOf(tensor);
  if (edge === null) {
    throw new RuntimeError(
      `element ${String(position)} of tensors does not require grad and does not have a grad_fn`,
    );
  }
  return { edge, grad: gradient ?? ones(tensor.shape, { dtype: tensor.dtype, device: tensor.device }) };
};

/**
 * Calls `hook` with the tensor's gradient whenever one is computed; what it returns (if anything) takes its place.
 *
 * @throws RuntimeError when the tensor does not require a gradient
 */
export const registerHook = (tensor: Tensor, hook: TensorHook): RemovableHandle => {
  if (!tensor.requiresGrad)
    throw new RuntimeError("cannot register a hook on a tensor that doesn't require gradient");
  const node = tensor.gradFn as Node | null;
  if (node === null) return addHook((tensor.hooks_ ??= new Map<number, TensorHook>()), hook);
  const slot = tensor.gradSlot_;
  if (!node.hooks.has(slot)) node.hooks.set(slot, new Map<number, TensorHook>());
  return addHook(node.hooks.get(slot)!, hook);
};

/** Keeps the gradient of a tensor that is not a leaf in its `grad` too. */
export const retainGrad = (tensor: Tensor): void => {
  if (!tensor.requiresGrad)
    throw new RuntimeError("can't retain_grad on Tensor that has requires_grad=False");
  const node = tensor.gradFn as Node | null;
  if (node === null || tensor.retainsGrad_) return;
  tensor.retainsGrad_ = true;
  node.retained.set(tensor.gradSlot_, tensor);
};
