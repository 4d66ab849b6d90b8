/** The tape's graph: nodes compute the gradients of their inputs from the gradients of their outputs. */
import type { DType } from '../dtype.ts';
import { noGrad } from './mode.ts';
import type { GradNode, Tensor, TensorHook } from '../tensor/tensor.ts';

/** Where a gradient goes: output number `slot` of a node, with the shape and dtype that it must have there. */
export interface Edge {
  readonly node: Node;
  readonly slot: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export type Gradients = readonly (Tensor | null)[];

let sequence = 0;

export abstract class Node implements GradNode {
  abstract readonly name: string;
  /** Nodes made later come first on the way back. */
  readonly sequence: number = sequence++;
  /** One entry per input; null where no gradient is wanted. */
  abstract readonly next: readonly (Edge | null)[];
  /** Tensors (by output) whose gradient is to be kept when it passes. */
  readonly retained = new Map<number, Tensor>();
  /** Hooks (by output) on the tensors made here. */
  readonly hooks = new Map<number, Map<number, TensorHook>>();
  /** Called after `apply` with the gradients of inputs and outputs; may replace the former. Module hooks use it. */
  readonly postHooks = new Map<
    number,
    (gradInput: Gradients, gradOutput: Gradients) => Gradients | null | undefined
  >();

  /** The gradients of the inputs, one entry per edge. */
  abstract apply(grads: Gradients, createGraph: boolean): Gradients;
  /** Drops what was saved for `apply`. */
  abstract release(): void;
}

/** Adds what arrives to the `grad` of a leaf. */
export class AccumulateGrad extends Node {
  readonly name = 'AccumulateGrad';
  readonly next: readonly Edge[] = [];

  constructor(readonly variable: Tensor) {
    super();
  }

  apply([arrived]: Gradients, createGraph: boolean): Gradients {
    const { variable } = this;
    if (arrived === null || arrived === undefined) return [];
    if (variable.grad === null)
      variable.grad = createGraph ? arrived.clone() : noGrad(() => arrived.detach().clone());
    else if (createGraph) variable.grad = variable.grad.add(arrived);
    else {
      const { grad } = variable;
      noGrad(() => grad.add_(arrived));
    }
    return [];
  }

  release(): void {
    // A leaf saves nothing.
  }
}

/** The edge on which a tensor's gradient travels; null when it wants none. */
export const edgeOf = (tensor: Tensor | null | undefined): Edge | null => {
  if (!tensor?.requiresGrad) return null;
  const { shape, dtype } = tensor;
  const { gradFn } = tensor;
  if (gradFn !== null) return { node: gradFn as Node, slot: tensor.gradSlot_, shape, dtype };
  return { node: accumulatorOf(tensor), slot: 0, shape, dtype };
};

export const accumulatorOf = (leaf: Tensor): Node => (leaf.accumulator_ ??= new AccumulateGrad(leaf)) as Node;
