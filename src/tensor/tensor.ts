/**
 * The tensor: a view of a storage, plus what autograd remembers about it. Its arithmetic lives in `ops/` and is
 * attached as methods by `methods.ts`, so this file knows shapes and memory only.
 */
import type { Storage } from '../device/storage.ts';
import { isContiguous, type View } from '../device/view.ts';
import { dtypes, isFloatingPoint, type DType } from '../dtype.ts';
import { IndexError, RuntimeError } from '../errors.ts';

/** Counts the in-place changes of one piece of data; shared by views and by `detach()`. */
export interface Version {
  value: number;
}

/** The step of the tape that made a tensor: what `gradFn` shows. */
export interface GradNode {
  /** PyTorch's name, `MulBackward0`. */
  readonly name: string;
}

/** Where a view comes from. The tape uses it when a view, or what it views, is changed in place. */
export interface ViewOrigin {
  /** The tensor at the root: never itself a view. */
  readonly base: Tensor;
  /** Makes the view's gradient function anew after its base has got another one. */
  regenerate: ((view: Tensor) => GradNode | null) | null;
  /** The base's version for which the view's gradient function was made. */
  generation: number;
  /** Whether a change in place would go past the backward hooks of a module, and so is refused. */
  readonly guarded: boolean;
}

export type TensorHook = (grad: Tensor) => Tensor | null | undefined | void;

export class Tensor implements View {
  /** @internal */ data_: View;
  /** @internal */ version_: Version;
  /** @internal */ origin_: ViewOrigin | null = null;
  /** @internal */ requiresGrad_flag = false;
  /** @internal */ gradFn_: GradNode | null = null;
  /** Which output of `gradFn` this is. @internal */
  gradSlot_ = 0;
  /** @internal */ grad_: Tensor | null = null;
  /** The node that adds to `grad`; made by the tape when it is first needed. @internal */
  accumulator_: GradNode | null = null;
  /** @internal */ retainsGrad_ = false;
  /** @internal */ hooks_: Map<number, TensorHook> | null = null;
  readonly device: string;

  constructor(data: View, device: string, version: Version = { value: 0 }) {
    this.data_ = data;
    this.device = device;
    this.version_ = version;
  }

  get storage(): Storage {
    return this.data_.storage;
  }
  get dtype(): DType {
    return this.data_.dtype;
  }
  get shape(): readonly number[] {
    return this.data_.shape;
  }
  get strides(): readonly number[] {
    return this.data_.strides;
  }
  get offset(): number {
    return this.data_.offset;
  }

  /** Whether modules learn it: true of `nn.Parameter`. */
  get isParameter(): boolean {
    return false;
  }

  get ndim(): number {
    return this.shape.length;
  }
  dim(): number {
    return this.shape.length;
  }
  numel(): number {
    return this.shape.reduce((n, size) => n * size, 1);
  }
  /** Bytes of one element. */
  elementSize(): number {
    return dtypes[this.dtype].bytes;
  }

  /** The shape, or the size of one axis (negative counts from the end). */
  size(): readonly number[];
  size(axis: number): number;
  size(axis?: number): readonly number[] | number {
    return axis === undefined ? this.shape : this.shape[normalizeAxis(axis, this.ndim)]!;
  }
  /** Steps in elements between neighbours along each axis, or along one. */
  stride(): readonly number[];
  stride(axis: number): number;
  stride(axis?: number): readonly number[] | number {
    return axis === undefined ? this.strides : this.strides[normalizeAxis(axis, this.ndim)]!;
  }
  storageOffset(): number {
    return this.offset;
  }
  isFloatingPoint(): boolean {
    return isFloatingPoint(this.dtype);
  }
  /** @param memoryFormat  with `'channels_last'`, whether a 4-D tensor lies in memory as N, H, W, C */
  isContiguous(memoryFormat: MemoryFormat = 'contiguous_format'): boolean {
    if (memoryFormat === 'contiguous_format') return isContiguous(this);
    if (this.ndim !== 4) return false;
    const order = [0, 2, 3, 1];
    return isContiguous({
      shape: order.map((k) => this.shape[k]!),
      strides: order.map((k) => this.strides[k]!),
    });
  }

  /** Whether gradients flow into this tensor: it is a leaf that asked for them, or was computed from one. */
  get requiresGrad(): boolean {
    return this.requiresGrad_flag || this.gradFn !== null;
  }
  set requiresGrad(value: boolean) {
    if (!value && this.gradFn !== null) {
      throw new RuntimeError(
        'you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a ' +
          "subgraph that doesn't require differentiation use var_no_grad = var.detach().",
      );
    }
    if (value && !this.isFloatingPoint()) {
      throw new RuntimeError('only Tensors of floating point dtype can require gradients');
    }
    if (this.gradFn === null) this.requiresGrad_flag = value;
  }
  /** Sets `requiresGrad` and returns the tensor. */
  requiresGrad_(value = true): this {
    this.requiresGrad = value;
    return this;
  }

  /** The function of the tape that made this tensor; null for leaves. */
  get gradFn(): GradNode | null {
    const origin = this.origin_;
    if (origin?.regenerate && origin.generation !== origin.base.version_.value) {
      const stale = origin.base.gradFn_ !== null || this.gradFn_ !== null;
      origin.generation = origin.base.version_.value;
      if (stale && origin.base.requiresGrad) this.gradFn_ = origin.regenerate(this);
    }
    return this.gradFn_;
  }
  get isLeaf(): boolean {
    return this.gradFn === null;
  }

  /** The accumulated gradient of a leaf (or of a tensor that was told to `retainGrad`); null before the first. */
  get grad(): Tensor | null {
    return this.grad_;
  }
  set grad(value: Tensor | null) {
    if (value !== null) {
      const given: unknown = value;
      if (!(given instanceof Tensor)) {
        throw new TypeError(
          `assigned grad expected to be a Tensor or None but got grad of type ${typeof given}`,
        );
      }
      if (value === this) throw new RuntimeError("can't assign Variable as its own grad");
      if (value.dtype !== this.dtype) throw new RuntimeError('assigned grad has data of a different type');
      if (!sameShape(value.shape, this.shape))
        throw new RuntimeError('assigned grad has data of a different size');
    }
    this.grad_ = value;
  }

  /** How often this data was changed in place. */
  get version(): number {
    return this.version_.value;
  }

  /** A tensor on the same data that the tape does not know; in-place changes of one are seen, and counted, by both. */
  detach(): Tensor {
    return new Tensor(this.data_, this.device, this.version_);
  }

  /**
   * Cuts the tensor off from what it was computed from: it becomes a leaf that requires no gradient. Returns itself.
   *
   * @throws RuntimeError for a view
   */
  detach_(): this {
    if (this.origin_ !== null) throw new RuntimeError("Can't detach views in-place. Use detach() instead.");
    this.gradFn_ = null;
    this.gradSlot_ = 0;
    this.requiresGrad_flag = false;
    return this;
  }

  /** The same data under a tensor that autograd neither knows nor watches. Assigning replaces data, shape and dtype. */
  get data(): Tensor {
    return new Tensor(this.data_, this.device);
  }
  set data(value: Tensor) {
    const given: unknown = value;
    if (!(given instanceof Tensor))
      throw new TypeError(`Variable data has to be a tensor, but got ${typeof given}`);
    if (this.requiresGrad && !value.isFloatingPoint()) {
      throw new RuntimeError(
        'data set to a tensor that requires gradients must be floating point or complex dtype',
      );
    }
    this.data_ = value.data_;
  }
}

/** Memory formats are choices of strides: shapes stay N, C, H, W. */
export type MemoryFormat = 'contiguous_format' | 'channels_last' | 'preserve_format';

/** Laid out in memory as N, H, W, C, and not also as N, C, H, W. */
export const isChannelsLast = (x: Tensor): boolean =>
  x.ndim === 4 && !x.isContiguous() && x.isContiguous('channels_last');

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, k) => size === b[k]);

/** `torch.Size([2, 3])`: as shapes stand in PyTorch's error texts. */
export const showSize = (shape: readonly number[]): string => `torch.Size([${shape.join(', ')}])`;

/** A non-negative axis. @throws IndexError with PyTorch's text when out of range. */
export const normalizeAxis = (axis: number, ndim: number): number => {
  const limit = Math.max(ndim, 1);
  if (!Number.isInteger(axis)) throw new TypeError(`expected an integer axis, got ${String(axis)}`);
  if (axis < -limit || axis >= limit) {
    throw new IndexError(
      `Dimension out of range (expected to be in range of [${String(-limit)}, ${String(limit - 1)}], but got ${String(axis)})`,
    );
  }
  return axis < 0 ? axis + limit : axis;
};

/**
 * Another rectangle of the same storage: shares data and version with its source, and knows its root.
 * Strides and offset in elements from the storage's start.
 */
export const viewOf = (
  source: Tensor,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): Tensor => {
  const { storage, dtype } = source;
  const view = new Tensor({ storage, dtype, shape, strides, offset }, source.device, source.version_);
  view.origin_ = {
    base: source.origin_?.base ?? source,
    regenerate: null,
    generation: source.version_.value,
    guarded: source.origin_?.guarded ?? false,
  };
  return view;
};
