/** Walks the tape backwards. */
import { RuntimeError } from '../errors.ts';
import { sameShape, type Tensor } from '../tensor/tensor.ts';
import { enableGrad, noGrad } from './mode.ts';
import { AccumulateGrad, type Edge, type Gradients, type Node } from './node.ts';
import { Ownership } from './ownership.ts';

export interface WalkOptions {
  /** Keep what the nodes saved, for another walk. */
  readonly retainGraph: boolean;
  /** Record the walk itself, so that its results can be differentiated again. */
  readonly createGraph: boolean;
  /** Only the gradients that arrive on these edges are wanted, and they are returned instead of accumulated. */
  readonly capture?: readonly Edge[];
}

/**
 * Sends gradients from the roots to the leaves. A node runs once, when everything it waits for has arrived:
 * a node's inputs were always made before it, so the latest node goes first. Leaves come last.
 *
 * @returns what arrived on the captured edges
 */
export const walk = (
  roots: readonly { edge: Edge; grad: Tensor }[],
  options: WalkOptions,
): (Tensor | null)[] => {
  const { capture, createGraph, retainGraph } = options;
  const mode = createGraph ? enableGrad : noGrad;
  const wanted =
    capture &&
    nodesLeadingTo(
      roots.map(({ edge }) => edge.node),
      new Set(capture.map((edge) => edge.node)),
    );
  const captured = new Map<Node, Map<number, Tensor>>();
  const arrived = new Map<Node, (Tensor | null)[]>();
  const queue = new Queue();

  // What is differentiated again is kept by what records it.
  const owned = createGraph ? null : new Ownership();

  const send = (edge: Edge, grad: Tensor): void => {
    if (wanted && !wanted.has(edge.node)) return;
    let fitted = grad;
    if (!fits(grad, edge)) fitted = owned ? owned.making(() => fit(grad, edge)) : fit(grad, edge);
    const slots = arrived.get(edge.node);
    if (slots === undefined) {
      const fresh: (Tensor | null)[] = [];
      fresh[edge.slot] = fitted;
      arrived.set(edge.node, fresh);
      queue.add(edge.node);
      owned?.hold(fitted);
      return;
    }
    const before = slots[edge.slot];
    if (!before) {
      slots[edge.slot] = fitted;
      owned?.hold(fitted);
      return;
    }
    const sum = owned ? owned.making(() => before.add(fitted)) : before.add(fitted);
    slots[edge.slot] = sum;
    if (owned === null) return;
    owned.hold(sum);
    owned.drop(before);
    owned.sweep(fitted.storage === grad.storage ? [before] : [before, fitted]);
  };

  mode(() => {
    for (const { edge, grad } of roots) send(edge, grad);
    for (let node = queue.take(); node !== undefined; node = queue.take()) {
      const waiting = arrived.get(node)!;
      arrived.delete(node);
      const leaf = node instanceof AccumulateGrad ? node : null;
      const shown = node.isWatched || (leaf?.variable.hooks_ ?? null) !== null;
      if (shown) owned?.release(waiting);
      const grads = shown ? observe(node, waiting) : waiting;
      for (const { node: asked, slot } of capture ?? []) {
        const grad = grads[slot];
        if (asked !== node || !grad) continue;
        if (!captured.has(node)) captured.set(node, new Map());
        captured.get(node)!.set(slot, grad);
        owned?.release([grad]);
      }
      if (capture && (leaf || !node.next.some((edge) => edge !== null && wanted!.has(edge.node)))) {
        letGo(owned, waiting);
        continue;
      }
      if (leaf && grads[0] && owned?.isSole(grads[0]) && leaf.take(grads[0])) {
        owned.release(grads);
        continue;
      }
      let results = owned
        ? owned.making(() => node.apply(grads, createGraph))
        : node.apply(grads, createGraph);
      if (node.isWatched) {
        for (const hook of [...node.postHooks.values()]) results = hook(results, grads) ?? results;
        owned?.release(results);
      }
      if (!retainGraph) node.release();
      for (let k = 0; k < node.next.length; k++) {
        const edge = node.next[k];
        const result = results[k];
        if (edge && result) send(edge, result);
      }
      letGo(owned, waiting);
      owned?.sweep(results);
    }
  });
  return (capture ?? []).map((edge) => captured.get(edge.node)?.get(edge.slot) ?? null);
};

/** A node has read the gradients that waited for it. */
const letGo = (owned: Ownership | null, grads: readonly (Tensor | null)[]): void => {
  if (owned === null) return;
  for (const grad of grads) if (grad) owned.drop(grad);
  owned.sweep(grads);
};

/** Runs the hooks of the tensors made by this node on their gradients, and keeps those that are to be retained. */
const observe = (node: Node, grads: (Tensor | null)[]): Gradients => {
  const slots = Math.max(grads.length, 1);
  const observed = Array.from({ length: slots }, (_, slot) => {
    let grad = grads[slot] ?? null;
    const own = node instanceof AccumulateGrad ? node.variable.hooks_ : node.hooks.get(slot);
    if (grad !== null && own) {
      for (const hook of [...own.values()]) grad = hook(grad) ?? grad;
    }
    return grad;
  });
  for (const [slot, tensor] of node.retained) {
    const grad = observed[slot];
    if (grad) tensor.grad = grad;
  }
  return observed;
};

const fits = (grad: Tensor, { shape, dtype }: Edge): boolean =>
  grad.dtype === dtype && sameShape(grad.shape, shape);

/** A gradient in the shape and dtype of what it is the gradient of: summed where that was broadcast. */
const fit = (grad: Tensor, { shape, dtype, node }: Edge): Tensor => {
  let result = grad;
  if (!sameShape(grad.shape, shape)) {
    if (!expandsTo(shape, grad.shape)) {
      throw new RuntimeError(
        `Function ${node.name} returned an invalid gradient - got [${grad.shape.join(', ')}] but expected shape compatible with [${shape.join(', ')}]`,
      );
    }
    result = grad.sumToSize(shape);
  }
  return result.dtype === dtype ? result : result.to(dtype);
};

const expandsTo = (from: readonly number[], to: readonly number[]): boolean =>
  from.length <= to.length && from.every((size, k) => size === 1 || size === to[to.length - from.length + k]);

/** The nodes on a way from the roots to a target. */
const nodesLeadingTo = (roots: readonly Node[], targets: ReadonlySet<Node>): ReadonlySet<Node> => {
  const reachable = new Set<Node>();
  const stack = [...roots];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (reachable.has(node)) continue;
    reachable.add(node);
    for (const edge of node.next) if (edge) stack.push(edge.node);
  }
  // Inputs are older than what was made of them, so one pass from old to new finds all.
  const leading = new Set<Node>();
  for (const node of [...reachable].sort(oldestFirst)) {
    if (targets.has(node) || node.next.some((edge) => edge !== null && leading.has(edge.node)))
      leading.add(node);
  }
  return leading;
};

const isLeaf = (node: Node): boolean => node instanceof AccumulateGrad;
const oldestFirst = (a: Node, b: Node): number =>
  Number(isLeaf(b)) - Number(isLeaf(a)) || a.sequence - b.sequence;

/** A binary heap: the latest node first, leaves after all others. */
class Queue {
  private readonly heap: Node[] = [];

  add(node: Node): void {
    const { heap } = this;
    let k = heap.push(node) - 1;
    while (k > 0) {
      const parent = (k - 1) >> 1;
      if (oldestFirst(heap[parent]!, node) >= 0) break;
      heap[k] = heap[parent]!;
      k = parent;
    }
    heap[k] = node;
  }

  take(): Node | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return first;
    let k = 0;
    for (;;) {
      let child = 2 * k + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && oldestFirst(heap[child]!, heap[child + 1]!) < 0) child++;
      if (oldestFirst(last, heap[child]!) >= 0) break;
      heap[k] = heap[child]!;
      k = child;
    }
    heap[k] = last;
    return first;
  }
}
