/** Ops that look at the same memory through other shapes and strides. Their gradients are the views undone. */
import { contiguousStrides, elementCount, isContiguous } from '../device/view.ts';
import { dtypes } from '../dtype.ts';
import { IndexError, RuntimeError } from '../errors.ts';
import { call, defineOp, scatterStrided } from '../autograd/op.ts';
import { normalizeAxis, viewOf, type Tensor } from '../tensor/tensor.ts';

type X = { readonly x: Tensor };

export const viewOp = defineOp<X, { shape: readonly number[] }>({
  name: 'view',
  node: 'ViewBackward0',
  saves: [],
  forward: ({ x }, { shape }) => {
    const sizes = inferSize(shape, x.numel());
    const strides = stridesForView(x, sizes);
    if (strides === null) {
      throw new RuntimeError(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two " +
          'contiguous subspaces). Use .reshape(...) instead.',
      );
    }
    return viewOf(x, sizes, strides, x.offset);
  },
  backward: (grad, _, __, { x }) => ({ x: () => grad.reshape(x.shape) }),
  samples: [{ inputs: { x: [2, 6] }, params: { shape: [3, -1, 2] } }],
});

export const permuteOp = defineOp<X, { axes: readonly number[] }>({
  name: 'permute',
  node: 'PermuteBackward0',
  saves: [],
  forward: ({ x }, { axes }) => {
    if (axes.length !== x.ndim) {
      throw new RuntimeError(
        `permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = ${String(x.ndim)} is not equal to len(dims) = ${String(axes.length)}`,
      );
    }
    const order = axes.map((axis) => normalizeAxis(axis, x.ndim));
    if (new Set(order).size !== order.length)
      throw new RuntimeError('permute(): duplicate dims are not allowed.');
    return viewOf(
      x,
      order.map((k) => x.shape[k]!),
      order.map((k) => x.strides[k]!),
      x.offset,
    );
  },
  backward: (grad, _, { axes }) => ({
    x: () => {
      const inverse = new Array<number>(axes.length);
      axes.forEach((axis, k) => (inverse[normalizeAxis(axis, axes.length)] = k));
      return grad.permute(inverse);
    },
  }),
  samples: [{ inputs: { x: [2, 3, 4] }, params: { axes: [2, 0, -2] } }],
});

export const transposeOp = defineOp<X, { a: number; b: number }>({
  name: 'transpose',
  node: 'TransposeBackward0',
  saves: [],
  forward: ({ x }, { a, b }) => {
    const swap = (list: readonly number[]): number[] => {
      const result = [...list];
      if (x.ndim === 0) return result;
      const [i, j] = [normalizeAxis(a, x.ndim), normalizeAxis(b, x.ndim)];
      [result[i], result[j]] = [list[j]!, list[i]!];
      return result;
    };
    normalizeAxis(a, x.ndim);
    normalizeAxis(b, x.ndim);
    return viewOf(x, swap(x.shape), swap(x.strides), x.offset);
  },
  backward: (grad, _, { a, b }) => ({ x: () => grad.transpose(a, b) }),
  samples: [{ inputs: { x: [2, 3, 4] }, params: { a: 0, b: -1 } }],
});

export const expandOp = defineOp<X, { shape: readonly number[] }>({
  name: 'expand',
  node: 'ExpandBackward0',
  saves: [],
  forward: ({ x }, { shape }) => {
    const extra = shape.length - x.ndim;
    if (extra < 0) {
      throw new RuntimeError(
        `expand(${dtypes[x.dtype].tensorType}{[${x.shape.join(', ')}]}, size=[${shape.join(', ')}]): the number of sizes provided (${String(shape.length)}) must be greater or equal to the number of dimensions in the tensor (${String(x.ndim)})`,
      );
    }
    const strides: number[] = [];
    const sizes = shape.map((size, axis) => {
      const own = axis < extra ? 1 : x.shape[axis - extra]!;
      if (size === -1 && axis < extra) {
        throw new RuntimeError(
          `The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ${String(axis)}`,
        );
      }
      const target = size === -1 ? own : size;
      if (own !== target && own !== 1) {
        throw new RuntimeError(
          `The expanded size of the tensor (${String(target)}) must match the existing size (${String(own)}) at non-singleton dimension ${String(axis)}.  Target sizes: [${shape.join(', ')}].  Tensor sizes: [${x.shape.join(', ')}]`,
        );
      }
      strides.push(axis < extra || own !== target ? 0 : x.strides[axis - extra]!);
      return target;
    });
    return viewOf(x, sizes, strides, x.offset);
  },
  // The engine sums the gradient back to the input's shape.
  backward: (grad) => ({ x: () => grad }),
  samples: [{ inputs: { x: [3, 1] }, params: { shape: [2, 3, 4] } }],
});

export const narrowOp = defineOp<X, { axis: number; start: number; length: number }>({
  name: 'narrow',
  node: 'SliceBackward0',
  saves: [],
  forward: ({ x }, { axis, start, length }) => {
    if (x.ndim === 0) throw new RuntimeError('narrow() cannot be applied to a 0-dim tensor.');
    const k = normalizeAxis(axis, x.ndim);
    const size = x.shape[k]!;
    if (length < 0) throw new RuntimeError('narrow(): length must be non-negative.');
    if (start < -size || start > size) {
      throw new IndexError(
        `Dimension out of range (expected to be in range of [${String(-size)}, ${String(size)}], but got ${String(start)})`,
      );
    }
    const from = start < 0 ? start + size : start;
    if (from + length > size) {
      throw new RuntimeError(
        `start (${String(from)}) + length (${String(length)}) exceeds dimension size (${String(size)}).`,
      );
    }
    return viewOf(x, x.shape.with(k, length), x.strides, x.offset + from * x.strides[k]!);
  },
  backward: (grad, _, { axis, start, length }, { x }) => ({
    x: () => {
      const k = normalizeAxis(axis, x.shape.length);
      const from = start < 0 ? start + x.shape[k]! : start;
      return grad.placedIn(x.shape, (whole) => whole.narrow(k, from, length));
    },
  }),
  samples: [{ inputs: { x: [3, 5] }, params: { axis: -1, start: 1, length: 3 } }],
});

export const sliceOp = defineOp<X, { axis: number; start: number; end: number; step: number }>({
  name: 'slice',
  node: 'SliceBackward0',
  saves: [],
  forward: ({ x }, { axis, start, end, step }) => {
    const k = normalizeAxis(axis, x.ndim);
    if (step <= 0) throw new RuntimeError('slice step must be positive');
    const size = x.shape[k]!;
    const clamp = (at: number, least: number): number =>
      Math.max(least, Math.min(at < 0 ? at + size : at, size));
    const from = clamp(start, 0);
    const length = Math.ceil((clamp(end, from) - from) / step);
    return viewOf(
      x,
      x.shape.with(k, length),
      x.strides.with(k, x.strides[k]! * step),
      x.offset + from * x.strides[k]!,
    );
  },
  backward: (grad, _, { axis, start, end, step }, { x }) => ({
    x: () => grad.placedIn(x.shape, (whole) => whole.slice(axis, start, end, step)),
  }),
  samples: [{ inputs: { x: [3, 7] }, params: { axis: 1, start: 1, end: -1, step: 2 } }],
});

export const selectOp = defineOp<X, { axis: number; index: number }>({
  name: 'select',
  node: 'SelectBackward0',
  saves: [],
  forward: ({ x }, { axis, index }) => {
    if (x.ndim === 0) throw new IndexError('select() cannot be applied to a 0-dim tensor.');
    const k = normalizeAxis(axis, x.ndim);
    const size = x.shape[k]!;
    if (!Number.isInteger(index) || index < -size || index >= size) {
      throw new IndexError(
        `select(): index ${String(index)} out of range for tensor of size [${x.shape.join(', ')}] at dimension ${String(k)}`,
      );
    }
    const at = index < 0 ? index + size : index;
    return viewOf(x, x.shape.toSpliced(k, 1), x.strides.toSpliced(k, 1), x.offset + at * x.strides[k]!);
  },
  backward: (grad, _, { axis, index }, { x }) => ({
    x: () => grad.placedIn(x.shape, (whole) => whole.select(axis, index)),
  }),
  samples: [{ inputs: { x: [3, 4, 2] }, params: { axis: 1, index: -1 } }],
});

export const squeezeOp = defineOp<X, { axis: number | null }>({
  name: 'squeeze',
  node: 'SqueezeBackward1',
  saves: [],
  forward: ({ x }, { axis }) => {
    const only = axis === null ? null : normalizeAxis(axis, x.ndim);
    const kept = x.shape.flatMap((size, k) => (size === 1 && (only === null || only === k) ? [] : [k]));
    return viewOf(
      x,
      kept.map((k) => x.shape[k]!),
      kept.map((k) => x.strides[k]!),
      x.offset,
    );
  },
  backward: (grad, _, __, { x }) => ({ x: () => grad.reshape(x.shape) }),
  samples: [
    { inputs: { x: [1, 3, 1] }, params: { axis: null } },
    { inputs: { x: [1, 3, 1] }, params: { axis: -1 } },
  ],
});

export const unsqueezeOp = defineOp<X, { axis: number }>({
  name: 'unsqueeze',
  node: 'UnsqueezeBackward0',
  saves: [],
  forward: ({ x }, { axis }) => {
    const k = normalizeAxis(axis, x.ndim + 1);
    const stride = k < x.ndim ? x.shape[k]! * x.strides[k]! : 1;
    return viewOf(x, x.shape.toSpliced(k, 0, 1), x.strides.toSpliced(k, 0, stride), x.offset);
  },
  backward: (grad, _, { axis }) => ({ x: () => grad.squeeze(axis) }),
  samples: [{ inputs: { x: [2, 3] }, params: { axis: -2 } }],
});

export const asStridedOp = defineOp<
  X,
  { shape: readonly number[]; strides: readonly number[]; offset: number }
>({
  name: 'as_strided',
  node: 'AsStridedBackward0',
  saves: [],
  forward: ({ x }, { shape, strides, offset }) => {
    if (shape.length !== strides.length) {
      throw new RuntimeError(
        `mismatch in length of strides and shape: ${String(strides.length)} and ${String(shape.length)}`,
      );
    }
    if (strides.some((stride) => stride < 0)) {
      throw new RuntimeError(
        `as_strided: Negative strides are not supported at the moment, got strides: [${strides.join(', ')}]`,
      );
    }
    const last = offset + shape.reduce((sum, size, k) => sum + (size - 1) * strides[k]!, 0);
    const room = x.storage.byteLength / x.elementSize();
    if (elementCount(shape) > 0 && (offset < 0 || last >= room)) {
      throw new RuntimeError(
        `setStorage: sizes [${shape.join(', ')}], strides [${strides.join(', ')}], storage offset ${String(offset)} are out of bounds for storage of ${String(room)} elements`,
      );
    }
    return viewOf(x, shape, strides, offset);
  },
  backward: (grad, _, view, { x }) => ({
    x: () => scatterStrided(grad, view, { shape: x.shape, strides: contiguousStrides(x.shape), offset: 0 }),
  }),
  samples: [{ inputs: { x: [3, 4] }, params: { shape: [2, 3], strides: [5, 1], offset: 1 } }],
});

/** A shape with at most one −1 filled in. */
export const inferSize = (shape: readonly number[], count: number): readonly number[] => {
  const unknown = shape.indexOf(-1);
  const known = shape.reduce((n, size, k) => (k === unknown ? n : n * size), 1);
  if (shape.indexOf(-1, unknown + 1) > unknown && unknown >= 0)
    throw new RuntimeError('only one dimension can be inferred');
  if (shape.some((size) => size < -1 || !Number.isInteger(size))) {
    throw new RuntimeError(
      `invalid shape dimension ${String(shape.find((size) => size < -1 || !Number.isInteger(size)))}`,
    );
  }
  const fits = unknown < 0 ? known === count : known === 0 ? false : count % known === 0;
  if (!fits) {
    if (unknown >= 0 && known === 0 && count === 0) {
      throw new RuntimeError(
        `cannot reshape tensor of 0 elements into shape [${shape.join(', ')}] because the unspecified dimension size -1 can be any value and is ambiguous`,
      );
    }
    throw new RuntimeError(`shape '[${shape.join(', ')}]' is invalid for input of size ${String(count)}`);
  }
  return unknown < 0 ? shape : shape.with(unknown, count / known);
};

/** Strides that show the same elements in another shape; null when no strides can. */
export const stridesForView = (
  x: Pick<Tensor, 'shape' | 'strides'>,
  sizes: readonly number[],
): readonly number[] | null => {
  if (isContiguous(x) || elementCount(sizes) === 0) return contiguousStrides(sizes);
  const strides = new Array<number>(sizes.length).fill(1);
  // Axes of the source are joined, from the innermost, into chunks that lie evenly in memory; each chunk is cut anew.
  let target = sizes.length - 1;
  let chunkStride = x.strides[x.shape.length - 1] ?? 1;
  let chunk = 1;
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    chunk *= x.shape[axis]!;
    const joins = axis > 0 && (x.shape[axis - 1] === 1 || x.strides[axis - 1] === chunk * chunkStride);
    if (joins) continue;
    let covered = 1;
    while (target >= 0 && (covered < chunk || sizes[target] === 1)) {
      strides[target] = covered * chunkStride;
      covered *= sizes[target]!;
      target--;
    }
    if (covered !== chunk) return null;
    if (axis > 0) {
      chunkStride = x.strides[axis - 1]!;
      chunk = 1;
    }
  }
  return target < 0 ? strides : null;
};

/** Sizes one by one or as an array: `x.view(2, -1)` or `x.view([2, -1])`. */
export type Sizes = number[] | [readonly number[]];
export const listed = (sizes: Sizes): readonly number[] =>
  Array.isArray(sizes[0]) ? (sizes[0] as readonly number[]) : (sizes as readonly number[]);

/** The same elements in another shape; one size may be −1. @throws RuntimeError when strides cannot express it */
export const view = (x: Tensor, ...shape: Sizes): Tensor => call(viewOp, { x }, { shape: listed(shape) });

/** A view where possible, else a copy in the new shape. */
export const reshape = (x: Tensor, ...shape: Sizes): Tensor => {
  const sizes = inferSize(listed(shape), x.numel());
  return stridesForView(x, sizes) === null ? x.contiguous().view(sizes) : view(x, sizes);
};

/** Axes in another order. */
export const permute = (x: Tensor, ...axes: Sizes): Tensor => call(permuteOp, { x }, { axes: listed(axes) });
export const transpose = (x: Tensor, a: number, b: number): Tensor => call(transposeOp, { x }, { a, b });

/** The matrix transposed; tensors of less than two axes as they are. */
export const t = (x: Tensor): Tensor => {
  if (x.ndim > 2)
    throw new RuntimeError(`t() expects a tensor with <= 2 dimensions, but self is ${String(x.ndim)}D`);
  return x.ndim < 2 ? x : transpose(x, 0, 1);
};

/** Axes of size 1 repeated without copying; −1 keeps a size; new axes go in front. */
export const expand = (x: Tensor, ...shape: Sizes): Tensor => call(expandOp, { x }, { shape: listed(shape) });
/** Expanded to another tensor's shape. */
export const expandAs = (x: Tensor, other: Tensor): Tensor => expand(x, other.shape);
/** Positions start … start + length − 1 of an axis. */
export const narrow = (x: Tensor, axis: number, start: number, length: number): Tensor =>
  call(narrowOp, { x }, { axis, start, length });
/** x[start:end:step] along an axis; negative positions count from the end, positions beyond it are cut. */
export const slice = (x: Tensor, axis = 0, start = 0, end = Infinity, step = 1): Tensor =>
  call(sliceOp, { x }, { axis, start, end, step });
/** One position of an axis, which goes away. */
export const select = (x: Tensor, axis: number, index: number): Tensor =>
  call(selectOp, { x }, { axis, index });
/** Without the axes of size 1, or without one if it has size 1. */
export const squeeze = (x: Tensor, axis?: number): Tensor => call(squeezeOp, { x }, { axis: axis ?? null });
export const unsqueeze = (x: Tensor, axis: number): Tensor => call(unsqueezeOp, { x }, { axis });
/** Any rectangle of the storage; strides and offset in elements. */
export const asStrided = (
  x: Tensor,
  shape: readonly number[],
  strides: readonly number[],
  offset = x.offset,
): Tensor => call(asStridedOp, { x }, { shape, strides, offset });

/** Axes start … end joined into one. */
export const flatten = (x: Tensor, start = 0, end = -1): Tensor => {
  if (x.ndim === 0) return reshape(x, [1]);
  const [from, to] = [normalizeAxis(start, x.ndim), normalizeAxis(end, x.ndim)];
  if (from > to) throw new RuntimeError('flatten() has invalid args: start_dim cannot come after end_dim');
  if (from === to) return x;
  return reshape(x, x.shape.toSpliced(from, to - from + 1, elementCount(x.shape.slice(from, to + 1))));
};

/** One axis cut into several; one size may be −1. */
export const unflatten = (x: Tensor, axis: number, sizes: readonly number[]): Tensor => {
  const k = normalizeAxis(axis, x.ndim);
  return view(x, x.shape.toSpliced(k, 1, ...inferSize(sizes, x.shape[k]!)));
};

/** Pieces of the given length along an axis, the last one shorter if need be; or of the given lengths. */
export const split = (x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] => {
  const k = normalizeAxis(axis, x.ndim);
  const total = x.shape[k]!;
  if (typeof sizes === 'number' && sizes <= 0 && !(sizes === 0 && total === 0)) {
    throw new RuntimeError(
      sizes === 0
        ? `split_size can only be 0 if dimension size is 0, but got dimension size of ${String(total)}`
        : `split expects split_size be non-negative, but got split_size=${String(sizes)}`,
    );
  }
  const lengths =
    typeof sizes !== 'number'
      ? sizes
      : Array.from({ length: Math.max(Math.ceil(total / sizes), 1) }, (_, i) =>
          Math.min(sizes, total - i * sizes),
        );
  const sum = lengths.reduce((a, b) => a + b, 0);
  if (sum !== total) {
    throw new RuntimeError(
      `split_with_sizes expects split_sizes to sum exactly to ${String(total)} (input tensor's size at dimension ${String(k)}), but got split_sizes=[${lengths.join(', ')}]`,
    );
  }
  let start = 0;
  return lengths.map((length) => {
    const piece = narrow(x, k, start, length);
    start += length;
    return piece;
  });
};

/** At most `chunks` equal pieces along an axis, the last one shorter if need be. */
export const chunk = (x: Tensor, chunks: number, axis = 0): Tensor[] => {
  if (chunks <= 0)
    throw new RuntimeError('chunk expects `chunks` to be greater than 0, got: ' + String(chunks));
  const size = x.shape[normalizeAxis(axis, x.ndim)]!;
  return split(x, Math.max(Math.ceil(size / chunks), 1), axis);
};

/** The slices along an axis, which goes away. */
export const unbind = (x: Tensor, axis = 0): Tensor[] =>
  Array.from({ length: x.shape[normalizeAxis(axis, x.ndim)]! }, (_, index) => select(x, axis, index));
