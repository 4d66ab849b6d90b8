/** The tape's graph: nodes compute the gradients of their inputs from the gradients of their outputs. */
import type { DType } from '../dtype.ts';
import { noGrad } from './mode.ts';
import { denseOrder } from '../tensor/layout.ts';
import { Tensor, type GradNode, type TensorHook } from '../tensor/tensor.ts';

/** Where a gradient goes: output number `slot` of a node, with the shape and dtype that it must have there. */
export interface Edge {
  readonly node: Node;
  readonly slot: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

export type Gradients = readonly (Tensor | null)[];

interface Watchers {
  readonly retained: Map<number, Tensor>;
  readonly hooks: Map<number, Map<number, TensorHook>>;
  readonly postHooks: Map<
    number,
    (gradInput: Gradients, gradOutput: Gradients) => Gradients | null | undefined
  >;
}

let sequence = 0;

export abstract class Node implements GradNode {
  abstract readonly name: string;
  /** Nodes made later come first on the way back. */
  readonly sequence: number = sequence++;
  /** One entry per input; null where no gradient is wanted. */
  abstract readonly next: readonly (Edge | null)[];
  private watchers: Watchers | null = null;

  /** Tensors (by output) whose gradient is to be kept when it passes. */
  get retained(): Watchers['retained'] {
    return this.watched().retained;
  }
  /** Hooks (by output) on the tensors made here. */
  get hooks(): Watchers['hooks'] {
    return this.watched().hooks;
  }
  /** Called after `apply` with the gradients of inputs and outputs; may replace the former. Module hooks use it. */
  get postHooks(): Watchers['postHooks'] {
    return this.watched().postHooks;
  }
  /** Whether anybody ever asked to see the gradients that pass here. */
  get isWatched(): boolean {
    return this.watchers !== null;
  }

  /** Most nodes have no watchers, and there are many nodes. */
  private watched(): Watchers {
    return (this.watchers ??= { retained: new Map(), hooks: new Map(), postHooks: new Map() });
  }

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
      variable.grad = createGraph ? arrived.clone() : noGrad(() => asLaidOut(variable, arrived));
    else if (createGraph) variable.grad = variable.grad.add(arrived);
    else {
      const { grad } = variable;
      noGrad(() => grad.add_(arrived));
    }
    return [];
  }

  /** Makes a gradient that nobody else holds the leaf's, if it is the first and lies in memory as the leaf does. */
  take(arrived: Tensor): boolean {
    const { variable } = this;
    const { storage } = arrived;
    if (variable.grad !== null || variable.hooks_ !== null) return false;
    const { shape, strides } = variable;
    // Where there is but one element along an axis, the stride means nothing; the gradient gets the leaf's.
    if (!arrived.strides.every((stride, axis) => stride === strides[axis] || shape[axis] === 1)) return false;
    if (storage.byteLength !== arrived.numel() * arrived.elementSize()) return false;
    variable.grad = new Tensor({ ...arrived.data_, strides }, arrived.device);
    return true;
  }

  release(): void {
    // A leaf saves nothing.
  }
}

/** A copy of a gradient that lies in memory as the leaf does, if the leaf has neither gaps nor repeated elements. */
const asLaidOut = (variable: Tensor, grad: Tensor): Tensor =>
  denseOrder(variable) === null
    ? grad.detach().clone()
    : grad.newEmptyStrided(variable.shape, variable.strides).copy_(grad);

/** The edge on which a tensor's gradient travels; null when it wants none. */
export const edgeOf = (tensor: Tensor | null | undefined): Edge | null => {
  if (!tensor?.requiresGrad) return null;
  const { shape, dtype } = tensor;
  const { gradFn } = tensor;
  if (gradFn !== null) return { node: gradFn as Node, slot: tensor.gradSlot_, shape, dtype };
  return { node: accumulatorOf(tensor), slot: 0, shape, dtype };
};

export const accumulatorOf = (leaf: Tensor): Node => (leaf.accumulator_ ??= new AccumulateGrad(leaf)) as Node;
