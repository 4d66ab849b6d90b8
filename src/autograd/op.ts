/**
 * What an op is: its name, how its result is computed, and how its inputs' gradients follow from its result's.
 * One op lives in one file of `ops/`; this file runs it and writes it on the tape.
 */
import { dtypes, isHalf, type DType } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import type { GradNode, Tensor } from '../tensor/tensor.ts';
import { isGradEnabled } from './mode.ts';
import { edgeOf, Node, type Edge, type Gradients } from './node.ts';

/** An op's tensors by name; null where an optional one is absent. */
export type Inputs = Readonly<Record<string, Tensor | null>>;

/** What the gradient rules may know of an input that was not saved. */
export interface Described {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly dtype: DType;
  readonly device: string;
}

/** Inputs for the generic gradient test, drawn uniformly from [low, high), by default [−1, 1). */
export type SampleTensor =
  | readonly number[]
  | {
      readonly shape: readonly number[];
      readonly low?: number;
      readonly high?: number;
      readonly dtype?: 'int64' | 'int32' | 'bool';
    }
  | null;
export interface Sample<I extends Inputs, P> {
  readonly inputs: { readonly [K in keyof I]: SampleTensor };
  readonly params: P;
}

/** Names of inputs, and `'out'` for the result (unless an input is called so). */
export type Saved<I extends Inputs> = (keyof I & string) | 'out';

export interface Op<I extends Inputs, P> {
  /** As in PyTorch: `conv2d`. */
  readonly name: string;
  /** What `gradFn.name` shows: `ConvolutionBackward0`. */
  readonly node: string;
  /**
   * What the gradients need: inputs, and with `'out'` the result; as a list for whatever gradient is wanted, or as a table
   * from an input to what its own gradient needs. Everything else is let go.
   */
  readonly saves: readonly Saved<I>[] | { readonly [K in keyof I]?: readonly Saved<I>[] };
  /** Checks its inputs first, then computes: into a new tensor, a view of an input, or `into` when given. */
  forward(inputs: I, params: P, into?: Tensor): Tensor;
  /**
   * The inputs' gradients, each as a function that is called only if that gradient is wanted. `saved` holds what `saves`
   * names. Made of tensor operations, so that gradients have gradients. A gradient in a broadcast result's shape is
   * summed to the input's by the engine. Absent: the op's results never require gradients.
   */
  backward?(
    grad: Tensor,
    saved: I & { readonly out: Tensor },
    params: P,
    described: { readonly [K in keyof I]: Described },
  ): { readonly [K in keyof I]?: () => Tensor | null };
  /**
   * Whether the gradient rules take several steps, each of which would round a 16-bit float. Then they are given float32
   * tensors in place of 16-bit ones, and the engine rounds each gradient once. Default false.
   */
  stepwise?(params: P): boolean;
  /**
   * Cases for the test that checks every op's gradients by finite differences on every target. Empty where there is
   * nothing to differentiate: what is random, or overwrites its input.
   */
  readonly samples?: readonly Sample<I, P>[];
}

const defined: Op<Inputs, unknown>[] = [];

/** Declares an op. */
export const defineOp = <I extends Inputs, P = undefined>(op: Op<I, P>): Op<I, P> => {
  defined.push(op);
  return op;
};

/** All ops there are, for the tests that try each. */
export const definedOps = (): readonly Op<Inputs, unknown>[] => defined;

/** Runs an op and records it when a gradient may be wanted. */
export const call = <I extends Inputs, P>(op: Op<I, P>, inputs: I, params: P): Tensor => {
  const out = op.forward(inputs, params);
  if (op.backward === undefined || !isGradEnabled()) return out;
  // A view keeps up with what it views, also when that begins to require gradients only later.
  if (out.origin_ !== null) out.origin_.regenerate = regenerateView;
  if (!requiresGrad(inputs) || dtypes[out.dtype].category !== 'float') return out;
  const node = new OpNode(op, inputs, params);
  node.saveResult(out);
  out.gradFn_ = node;
  return out;
};

/**
 * Runs an op with its result written over `target`, one of its inputs or (as in `copy_`) none of them.
 *
 * @throws RuntimeError when gradients are being recorded and the target is a leaf that requires them, or a view of one
 */
export const callInPlace = <I extends Inputs, P>(
  op: Op<I, P>,
  target: Tensor,
  inputs: I,
  params: P,
): Tensor => {
  const recording = isGradEnabled();
  if (recording) checkMayChange(target, requiresGrad(inputs));
  const node =
    recording && op.backward && (requiresGrad(inputs) || target.requiresGrad)
      ? new OpNode(op, inputs, params, target)
      : null;
  op.forward(inputs, params, target);
  target.version_.value++;
  if (node !== null) {
    node.saveResult(target);
    rebase(target, node, Object.values(inputs).indexOf(target));
  }
  return target;
};

const requiresGrad = (inputs: Inputs): boolean => {
  for (const name in inputs) if (inputs[name]?.requiresGrad) return true;
  return false;
};

const checkMayChange = (target: Tensor, recorded: boolean): void => {
  const base = target.origin_?.base;
  if (target.origin_?.guarded) {
    throw new RuntimeError(
      `Output ${String(target.gradSlot_)} of ${target.gradFn?.name ?? 'None'} is a view and is being modified inplace. This view was created inside a ` +
        'custom Function (or because an input was returned as-is) and the autograd logic to handle view+inplace would ' +
        'override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior is ' +
        'forbidden. You can fix this by cloning the output of the custom Function.',
    );
  }
  if (target.origin_?.regenerate === null && (recorded || base!.requiresGrad)) {
    throw new RuntimeError(
      'A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case ' +
        'is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace ' +
        "either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want " +
        'the inplace to be tracked).',
    );
  }
  if (base !== undefined && base.isLeaf && base.requiresGrad) {
    throw new RuntimeError(
      'a view of a leaf Variable that requires grad is being used in an in-place operation.',
    );
  }
  if (target.isLeaf && target.requiresGrad) {
    throw new RuntimeError('a leaf Variable that requires grad is being used in an in-place operation.');
  }
};

interface Kept {
  readonly name: string;
  readonly tensor: Tensor | null;
  readonly version: number;
}

/** A recorded call of an op. */
class OpNode<I extends Inputs, P> extends Node {
  readonly name: string;
  readonly next: readonly (Edge | null)[];
  private readonly names: readonly (keyof I & string)[];
  private readonly described: { readonly [K in keyof I]: Described };
  private readonly needsResult: boolean;
  private saved: Kept[] | null = [];

  constructor(
    private readonly op: Op<I, P>,
    inputs: I,
    private readonly params: P,
    overwritten: Tensor | null = null,
  ) {
    super();
    this.name = op.node;
    this.names = Object.keys(inputs);
    const next: (Edge | null)[] = [];
    const described: Record<string, Described | null> = {};
    for (const name of this.names) {
      const input = inputs[name] ?? null;
      next.push(edgeOf(input));
      if (input === null) described[name] = null;
      else {
        const { shape, strides, dtype, device } = input;
        described[name] = { shape, strides, dtype, device };
      }
    }
    this.next = next;
    this.described = described as { readonly [K in keyof I]: Described };
    for (const name of this.names) {
      if (!this.needs(name)) continue;
      const input = inputs[name] ?? null;
      this.save(name, input !== null && input === overwritten ? input.clone() : input);
    }
    this.needsResult = !this.names.includes('out') && this.needs('out');
  }

  saveResult(out: Tensor): void {
    if (this.needsResult) this.save('out', out);
  }

  /** Whether any gradient that is wanted needs this input, or the result. */
  private needs(name: string): boolean {
    const { saves } = this.op;
    if (Array.isArray(saves)) return (saves as readonly string[]).includes(name);
    const table = saves as Readonly<Record<string, readonly string[] | undefined>>;
    return this.names.some((input, k) => this.next[k] !== null && table[input]?.includes(name) === true);
  }

  private save(name: string, tensor: Tensor | null): void {
    this.saved!.push({ name, tensor, version: tensor?.version ?? 0 });
  }

  apply([grad]: Gradients): Gradients {
    if (!grad) return this.next.map(() => null);
    const { op, params, described } = this;
    const saved = this.unpack();
    const rules = op.stepwise?.(params)
      ? op.backward!(wide(grad), allWide(saved), params, described)
      : op.backward!(grad, saved, params, described);
    return this.next.map((edge, k) => (edge === null ? null : (rules[this.names[k]!]?.() ?? null)));
  }

  private unpack(): I & { out: Tensor } {
    if (this.saved === null) throw new RuntimeError(SECOND_TIME);
    const tensors: Record<string, Tensor | null> = {};
    for (const { name, tensor, version } of this.saved) {
      if (tensor !== null && tensor.version !== version) {
        const maker = this.needsResult && name === 'out' ? this : tensor.gradFn;
        throw new RuntimeError(changedText(tensor, version, maker));
      }
      tensors[name] = tensor;
    }
    return tensors as I & { out: Tensor };
  }

  release(): void {
    this.saved = null;
  }
}

/** A 16-bit float as float32. */
const wide = (x: Tensor): Tensor => (isHalf(x.dtype) ? x.to('float32') : x);
const allWide = <T extends Inputs>(tensors: T): T =>
  !Object.values(tensors).some((x) => x !== null && isHalf(x.dtype))
    ? tensors
    : (Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, x && wide(x)])) as T);

const SECOND_TIME =
  'Trying to backward through the graph a second time (or directly access saved tensors after they have already been ' +
  'freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify ' +
  'retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors ' +
  'after calling backward.';

const changedText = (tensor: Tensor, expected: number, maker: GradNode | null): string => {
  const origin = maker === null ? '' : `, which is output ${String(tensor.gradSlot_)} of ${fullName(maker)},`;
  return (
    'one of the variables needed for gradient computation has been modified by an inplace operation: ' +
    `[${dtypes[tensor.dtype].tensorType} [${tensor.shape.join(', ')}]]${origin} is at version ${String(tensor.version)}; ` +
    `expected version ${String(expected)} instead. Hint: enable anomaly detection to find the operation that failed to ` +
    'compute its gradient, with torch.autograd.set_detect_anomaly(True).'
  );
};

/** Nodes that PyTorch wrote by hand have their namespace in its texts. */
const fullName = ({ name }: GradNode): string =>
  name.startsWith('Copy') ? `torch::autograd::${name}` : name;

/** After a change in place: the target's history, or that of the tensor it is a view of, goes on through `node`. */
const rebase = (target: Tensor, node: Node, targetInput: number): void => {
  const origin = target.origin_;
  if (origin === null) {
    target.gradFn_ = node;
    target.gradSlot_ = 0;
    return;
  }
  const { base } = origin;
  base.gradFn_ = new CopySlices(base, target, node, targetInput);
  base.gradSlot_ = 0;
  base.requiresGrad_flag = false;
  target.gradFn_ = regenerateView(target);
  target.gradSlot_ = 0;
  target.origin_ = { base, regenerate: regenerateView, generation: base.version, guarded: false };
};

/**
 * A change of a slice, seen from the whole: outside the slice the gradient passes, inside it goes through the
 * function that was applied there.
 */
class CopySlices extends Node {
  readonly name = 'CopySlices';
  readonly next: readonly (Edge | null)[];
  private readonly slice: Pick<Tensor, 'shape' | 'strides' | 'offset'>;
  private readonly whole: Pick<Tensor, 'shape' | 'strides' | 'offset'>;

  constructor(
    base: Tensor,
    slice: Tensor,
    private readonly inner: Node,
    private readonly targetInput: number,
  ) {
    super();
    this.slice = { shape: slice.shape, strides: slice.strides, offset: slice.offset };
    this.whole = { shape: base.shape, strides: base.strides, offset: base.offset };
    this.next = [edgeOf(base), ...inner.next.map((edge, k) => (k === targetInput ? null : edge))];
  }

  apply([grad]: Gradients, createGraph: boolean): Gradients {
    if (!grad) return this.next.map(() => null);
    const { whole, slice } = this;
    const passed = grad.newEmptyStrided(whole.shape, whole.strides).copy_(grad);
    const inside = passed.asStrided(slice.shape, slice.strides, slice.offset - whole.offset);
    const results = this.inner.apply([inside.clone()], createGraph);
    const through = this.targetInput < 0 ? null : results[this.targetInput];
    if (through) inside.copy_(through);
    else inside.zero_();
    return [passed, ...results.map((result, k) => (k === this.targetInput ? null : result))];
  }

  release(): void {
    this.inner.release();
  }
}

/** A view's gradient function after its base has got a new history: it is cut out of the base as it is now. */
const regenerateView = (view: Tensor): Node | null => {
  const base = view.origin_!.base;
  return base.requiresGrad ? new AsStridedNode(base, view) : null;
};

class AsStridedNode extends Node {
  readonly name = 'AsStridedBackward0';
  readonly next: readonly (Edge | null)[];
  private readonly view: Pick<Tensor, 'shape' | 'strides' | 'offset'>;
  private readonly whole: Pick<Tensor, 'shape' | 'strides' | 'offset'>;

  constructor(base: Tensor, view: Tensor) {
    super();
    this.next = [edgeOf(base)];
    this.view = { shape: view.shape, strides: view.strides, offset: view.offset };
    this.whole = { shape: base.shape, strides: base.strides, offset: base.offset };
  }

  apply([grad]: Gradients): Gradients {
    return [grad ? scatterStrided(grad, this.view, this.whole) : null];
  }

  release(): void {
    // Only shapes are kept.
  }
}

/** Zeros in the geometry of a whole, with `grad` added at the elements that a view of it shows. */
export const scatterStrided = (
  grad: Tensor,
  view: Pick<Tensor, 'shape' | 'strides' | 'offset'>,
  whole: Pick<Tensor, 'shape' | 'strides' | 'offset'>,
): Tensor => {
  // Axes of stride 0 show one element many times: their gradients add up there.
  const repeated = view.strides.flatMap((stride, axis) =>
    stride === 0 && view.shape[axis]! > 1 ? [axis] : [],
  );
  const once = repeated.length === 0 ? grad : grad.sum(repeated, true);
  const shape = view.shape.map((size, axis) => (repeated.includes(axis) ? 1 : size));
  const result = grad.newEmptyStrided(whole.shape, whole.strides).zero_();
  result.asStrided(shape, view.strides, view.offset - whole.offset).add_(once);
  return result;
};
