/** Ops that copy: into other layouts, other dtypes, other tensors; and zeros around. */
import { call, callInPlace, defineOp } from '../autograd/op.ts';
import { dtypes, type DType } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import { elementCount } from '../device/view.ts';
import { allocate, allocateLike, copyOf, zerosLike } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { checkNoInternalOverlap, checkNoPartialOverlap, overlapOf } from '../tensor/layout.ts';
import { promoteTypes } from '../tensor/promotion.ts';
import { elementFrom } from '../tensor/scalar.ts';
import { listed, type Sizes } from './views.ts';
import { normalizeAxis, sameShape, Tensor, type MemoryFormat } from '../tensor/tensor.ts';

type X = { readonly x: Tensor };

export const cloneOp = defineOp<X, { format: MemoryFormat }>({
  name: 'clone',
  node: 'CloneBackward0',
  saves: [],
  forward: ({ x }, { format }) => {
    const out = allocateLike(x, format);
    backendOf(x.device).copy(out, x);
    return out;
  },
  backward: (grad) => ({ x: () => grad }),
  samples: [{ inputs: { x: [2, 3] }, params: { format: 'preserve_format' } }],
});

export const toOp = defineOp<X, { dtype: DType; format: MemoryFormat }>({
  name: 'to',
  node: 'ToCopyBackward0',
  saves: [],
  forward: ({ x }, { dtype, format }) => {
    const out = allocateLike(x, format, dtype);
    backendOf(x.device).copy(out, x);
    return out;
  },
  // The engine brings the gradient to the input's dtype.
  backward: (grad) => ({ x: () => grad }),
  samples: [{ inputs: { x: [2, 3] }, params: { dtype: 'float64', format: 'preserve_format' } }],
});

/** `copy_`: the source broadcast and converted into the target. The target's own values no longer matter. */
export const copyOp = defineOp<{ readonly target: Tensor; readonly source: Tensor }>({
  name: 'copy_',
  node: 'CopyBackwards',
  saves: [],
  forward: ({ target, source }, _, into = target) => {
    const apart = overlapOf(source, into) === 'perhaps' ? copyOf(source) : source;
    backendOf(into.device).copy(into, broadcastTo(apart, into.shape));
    return into;
  },
  backward: (grad) => ({ target: () => zerosLike(grad), source: () => grad }),
  samples: [],
});

/** A view for reading, outside the tape. */
const broadcastTo = (x: Tensor, shape: readonly number[]): Tensor => {
  if (sameShape(x.shape, shape)) return x;
  const extra = shape.length - x.ndim;
  const strides = shape.map((size, axis) => {
    const own = axis < extra ? 1 : (x.shape[axis - extra] ?? 1);
    if (own !== 1 && own !== size) {
      throw new RuntimeError(
        `The size of tensor a (${String(size)}) must match the size of tensor b (${String(own)}) at non-singleton dimension ${String(axis)}`,
      );
    }
    return axis < extra || own !== size ? 0 : x.strides[axis - extra]!;
  });
  if (extra < 0) {
    throw new RuntimeError(
      `output with shape [${shape.join(', ')}] doesn't match the broadcast shape [${x.shape.join(', ')}]`,
    );
  }
  return new Tensor({ ...x.data_, shape, strides }, x.device);
};

/** A copy outside its source's memory, on the tape. */
export const clone = (x: Tensor, memoryFormat: MemoryFormat = 'preserve_format'): Tensor =>
  call(cloneOp, { x }, { format: memoryFormat });

/** The tensor itself if it lies in row-major order (or, asked for, as channels-last), else a copy that does. */
export const contiguous = (x: Tensor, memoryFormat: MemoryFormat = 'contiguous_format'): Tensor =>
  memoryFormat === 'preserve_format' || x.isContiguous(memoryFormat) ? x : clone(x, memoryFormat);

export interface ToOptions {
  readonly device?: string | undefined;
  readonly dtype?: DType | undefined;
  readonly memoryFormat?: MemoryFormat | undefined;
  /** Copy even when nothing would change. Default false. */
  readonly copy?: boolean | undefined;
}

/**
 * The tensor with another dtype, device or memory format; itself when nothing changes.
 *
 *     x.to('float64')   x.to('cpu')   x.to('cpu', 'float64')   x.to(other)   x.to({ memoryFormat: 'channels_last' })
 */
export const to = (x: Tensor, first: DType | Tensor | ToOptions | (string & {}), second?: DType): Tensor => {
  const { device, dtype = x.dtype, memoryFormat, copy = false } = toOptions(first, second);
  if (device !== undefined) backendOf(device);
  const format = memoryFormat ?? 'preserve_format';
  const sameFormat =
    memoryFormat === undefined || memoryFormat === 'preserve_format' || x.isContiguous(memoryFormat);
  if (dtype === x.dtype) return copy || !sameFormat ? clone(x, format) : x;
  return call(toOp, { x }, { dtype, format });
};

/** `to` with a dtype, under PyTorch's names: `x.half()` is `x.to('float16')`. */
const as =
  (dtype: DType) =>
  (x: Tensor): Tensor =>
    to(x, dtype);
export const casts = {
  half: as('float16'),
  bfloat16: as('bfloat16'),
  float: as('float32'),
  double: as('float64'),
  long: as('int64'),
  int: as('int32'),
  char: as('int8'),
  byte: as('uint8'),
  bool: as('bool'),
};

const isDType = (text: string): text is DType => Object.hasOwn(dtypes, text);

/** The overloads of `to` as one object. */
export const toOptions = (first: DType | Tensor | ToOptions | (string & {}), second?: DType): ToOptions => {
  if (first instanceof Tensor) return { device: first.device, dtype: first.dtype };
  if (typeof first === 'object') return first;
  if (isDType(first)) {
    if (second !== undefined)
      throw new TypeError(`to() received an invalid combination of arguments: (${first}, ${second})`);
    return { dtype: first };
  }
  return { device: first, dtype: second };
};

/** Overwrites the target with the source: broadcast, converted to the target's dtype. */
export const copy_ = (target: Tensor, source: Tensor): Tensor => {
  checkNoInternalOverlap(target);
  checkNoPartialOverlap(source, target);
  broadcastTo(source, target.shape);
  return callInPlace(copyOp, target, { target, source }, undefined);
};

export const fillOp = defineOp<X, { value: number | bigint }>({
  name: 'fill_',
  node: 'FillBackward2',
  saves: [],
  forward: ({ x }, { value }, into = x) => {
    backendOf(into.device).fill(into, value);
    return into;
  },
  backward: (grad) => ({ x: () => zerosLike(grad) }),
  samples: [],
});
export const zeroOp = defineOp({ ...fillOp, name: 'zero_', node: 'ZeroBackward0' });

/** Every element becomes `value`. */
export const fill_ = (x: Tensor, value: number | bigint | boolean): Tensor =>
  callInPlace(fillOp, x, { x }, { value: elementFrom(value, x.dtype) });
export const zero_ = (x: Tensor): Tensor => callInPlace(zeroOp, x, { x }, { value: 0 });

/** Gradient helper: zeros of `shape` with this tensor put at the place that `part` cuts out of them. */
export const placedOp = defineOp<X, { shape: readonly number[]; part: (whole: Tensor) => Tensor }>({
  name: 'placed_in',
  node: 'PlacedInBackward0',
  saves: [],
  forward: ({ x }, { shape, part }) => {
    const out = allocate(shape, x.dtype, x.device);
    const backend = backendOf(x.device);
    backend.fill(out, 0);
    backend.copy(part(out), x);
    return out;
  },
  backward: (grad, _, { part }) => ({ x: () => part(grad) }),
  samples: [{ inputs: { x: [2, 3] }, params: { shape: [4, 3], part: (whole) => whole.narrow(0, 1, 2) } }],
});
export const placedIn = (x: Tensor, shape: readonly number[], part: (whole: Tensor) => Tensor): Tensor =>
  call(placedOp, { x }, { shape, part });

interface Cat {
  readonly axis: number;
}

/** One op per number of tensors: their names are their positions. */
const catOp = defineOp<Readonly<Record<string, Tensor>>, Cat>({
  name: 'cat',
  node: 'CatBackward0',
  saves: [],
  forward: (inputs, { axis }) => {
    const tensors = Object.values(inputs);
    const first = tensors[0]!;
    const dtype = tensors.reduce((type, x) => promoteTypes(type, x.dtype), first.dtype);
    const total = tensors.reduce((sum, x) => sum + x.shape[axis]!, 0);
    const out = allocate(first.shape.with(axis, total), dtype, first.device);
    const backend = backendOf(first.device);
    let start = 0;
    for (const x of tensors) {
      const size = x.shape[axis]!;
      const part = { ...out.data_, shape: x.shape, offset: out.offset + start * out.strides[axis]! };
      if (elementCount(x.shape) > 0) backend.copy(part, x);
      start += size;
    }
    return out;
  },
  backward: (grad, _, { axis }, described) => {
    let start = 0;
    return Object.fromEntries(
      Object.entries(described).map(([name, { shape }]) => {
        const [from, length] = [start, shape[axis]!];
        start += length;
        return [name, () => grad.narrow(axis, from, length)];
      }),
    );
  },
  samples: [{ inputs: { a0: [2, 3], a1: [2, 1], a2: [2, 2] }, params: { axis: 1 } }],
});

/** Tensors joined along an axis; the other sizes are equal (a 1-D tensor of size 0 is skipped, as in PyTorch). */
export const cat = (tensors: readonly Tensor[], axis = 0): Tensor => {
  if (tensors.length === 0) throw new RuntimeError('torch.cat(): expected a non-empty list of Tensors');
  const kept = tensors.filter((x) => !(x.ndim === 1 && x.numel() === 0));
  const used = kept.length === 0 ? tensors.slice(0, 1) : kept;
  const first = used[0]!;
  tensors.forEach((x, k) => {
    if (x.ndim === 0)
      throw new RuntimeError(`zero-dimensional tensor (at position ${String(k)}) cannot be concatenated`);
  });
  const along = normalizeAxis(axis, first.ndim);
  used.forEach((x, k) => {
    if (x.ndim !== first.ndim) {
      throw new RuntimeError(
        `Tensors must have same number of dimensions: got ${String(first.ndim)} and ${String(x.ndim)}`,
      );
    }
    if (!x.shape.every((size, j) => j === along || size === first.shape[j])) {
      const j = x.shape.findIndex((size, i) => i !== along && size !== first.shape[i]);
      throw new RuntimeError(
        `Sizes of tensors must match except in dimension ${String(along)}. Expected size ${String(first.shape[j])} but got size ${String(x.shape[j])} for tensor number ${String(k)} in the list.`,
      );
    }
  });
  // Letters before the numbers: object keys that look like numbers would be reordered.
  return call(catOp, Object.fromEntries(used.map((x, k) => [`a${String(k)}`, x])), { axis: along });
};

/** Tensors of one shape joined along a new axis. */
export const stack = (tensors: readonly Tensor[], axis = 0): Tensor => {
  if (tensors.length === 0) throw new RuntimeError('stack expects a non-empty TensorList');
  const first = tensors[0]!;
  tensors.forEach((x, k) => {
    if (!sameShape(x.shape, first.shape)) {
      throw new RuntimeError(
        `stack expects each tensor to be equal size, but got [${first.shape.join(', ')}] at entry 0 and [${x.shape.join(', ')}] at entry ${String(k)}`,
      );
    }
  });
  const along = normalizeAxis(axis, first.ndim + 1);
  return cat(
    tensors.map((x) => x.unsqueeze(along)),
    along,
  );
};

/** The tensor repeated along each axis (new axes in front). @see torch.Tensor.repeat */
export const repeat = (x: Tensor, ...repeats: Sizes): Tensor => {
  const times = listed(repeats);
  if (times.length < x.ndim) {
    throw new RuntimeError(
      'Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor',
    );
  }
  const extra = times.length - x.ndim;
  const own = times.map((_, axis) => (axis < extra ? 1 : x.shape[axis - extra]!));
  const spread = x
    .reshape(own.flatMap((size) => [1, size]))
    .expand(own.flatMap((size, k) => [times[k]!, size]));
  return spread.reshape(own.map((size, k) => size * times[k]!));
};

/** An uninitialised tensor of this dtype and device with given strides. */
export const newEmptyStrided = (x: Tensor, shape: readonly number[], strides: readonly number[]): Tensor => {
  const last = shape.reduce((sum, size, k) => sum + (size - 1) * strides[k]!, 0);
  const count = elementCount(shape) === 0 ? 0 : last + 1;
  const flat = allocate([count], x.dtype, x.device);
  return new Tensor({ ...flat.data_, shape: [...shape], strides: [...strides] }, x.device);
};
