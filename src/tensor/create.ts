/** How tensors come into being. */
import { currentTarget } from '../device/target.ts';
import { contiguousStrides, elementCount, isContiguous } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import { RuntimeError, ValueError } from '../errors.ts';
import { backendOf } from './devices.ts';
import { arrayDtype, writeElements, type NumericArray } from './host.ts';
import { memoryOrder } from './layout.ts';
import { getDefaultDtype } from './promotion.ts';
import { elementFrom } from './scalar.ts';
import { Tensor, type MemoryFormat } from './tensor.ts';

export interface TensorOptions {
  /** Default: the default dtype, `float32` unless `setDefaultDtype` said otherwise. */
  readonly dtype?: DType | undefined;
  /** Default `'cpu'`. */
  readonly device?: string | undefined;
  /** Whether gradients are wanted for it. Default false. */
  readonly requiresGrad?: boolean | undefined;
}

/** Nested arrays of numbers, all rows equally long. */
export type Nested = number | bigint | boolean | readonly Nested[];

/** A new contiguous tensor whose memory nobody has written yet. For ops; users call `empty`. */
export const allocate = (shape: readonly number[], dtype: DType, device: string): Tensor => {
  checkSize(shape, dtype);
  const storage = backendOf(device).allocate(elementCount(shape) * dtypes[dtype].bytes);
  return new Tensor(
    { storage, dtype, shape: [...shape], strides: contiguousStrides(shape), offset: 0 },
    device,
  );
};

/** As `allocate`, with the memory order of the axes given: `order[0]` is the outermost. */
export const allocateOrdered = (
  shape: readonly number[],
  order: readonly number[],
  dtype: DType,
  device: string,
): Tensor => {
  const plain = allocate(
    order.map((axis) => shape[axis]!),
    dtype,
    device,
  );
  const strides = new Array<number>(shape.length);
  order.forEach((axis, k) => (strides[axis] = plain.strides[k]!));
  return new Tensor({ ...plain.data_, shape: [...shape], strides }, device);
};

/** N, H, W, C from the outside in. */
export const channelsLastOrder = [0, 2, 3, 1] as const;

/** As `allocate`, channels-last in memory if that is asked for. */
export const allocateFormatted = (
  shape: readonly number[],
  channelsLast: boolean,
  dtype: DType,
  device: string,
): Tensor =>
  channelsLast ? allocateOrdered(shape, channelsLastOrder, dtype, device) : allocate(shape, dtype, device);

/** Memory for something like `x`, in the format asked for: `preserve_format` keeps the order of axes in memory. */
export const allocateLike = (
  x: Tensor,
  format: MemoryFormat,
  dtype: DType = x.dtype,
  device = x.device,
): Tensor => {
  if (format === 'channels_last') {
    if (x.ndim !== 4) throw new RuntimeError('required rank 4 tensor to use channels_last format');
    return allocateOrdered(x.shape, channelsLastOrder, dtype, device);
  }
  return format === 'contiguous_format' || isContiguous(x)
    ? allocate(x.shape, dtype, device)
    : allocateOrdered(x.shape, memoryOrder(x), dtype, device);
};

/** @throws RuntimeError for sizes that are negative, not integers, or beyond what the memory can address */
export const checkSize = (shape: readonly number[], dtype: DType): void => {
  if (!Object.hasOwn(dtypes, dtype))
    throw new TypeError(`dtype must be one of ${Object.keys(dtypes).join(', ')}, not ${dtype as string}`);
  for (const size of shape) {
    if (!Number.isInteger(size)) {
      throw new TypeError(
        `empty(): argument 'size' must be tuple of ints, but found element of type ${typeof size} (${String(size)})`,
      );
    }
    if (size < 0) {
      throw new RuntimeError(
        `Trying to create tensor with negative dimension ${String(size)}: [${shape.join(', ')}]`,
      );
    }
  }
  const bytes = elementCount(shape) * dtypes[dtype].bytes;
  const { maxBytes } = currentTarget().memory;
  if (bytes > maxBytes) {
    throw new RuntimeError(
      `a ${dtype} tensor of shape [${shape.join(', ')}] would take ${String(bytes)} bytes; the largest possible takes ${String(maxBytes)}`,
    );
  }
};

const finish = (tensor: Tensor, requiresGrad = false): Tensor => {
  if (requiresGrad) {
    if (!tensor.isFloatingPoint()) {
      throw new RuntimeError('Only Tensors of floating point and complex dtype can require gradients');
    }
    tensor.requiresGrad_flag = true;
  }
  return tensor;
};

/** Uninitialised memory. */
export const empty = (shape: readonly number[], options: TensorOptions = {}): Tensor =>
  finish(allocate(shape, options.dtype ?? getDefaultDtype(), options.device ?? 'cpu'), options.requiresGrad);

/** Every element `value`. The dtype follows the value: bool, int64 for integers given as bigint, else the default. */
export const full = (
  shape: readonly number[],
  value: number | bigint | boolean,
  options: TensorOptions = {},
): Tensor => {
  const dtype =
    options.dtype ??
    (typeof value === 'boolean' ? 'bool' : typeof value === 'bigint' ? 'int64' : getDefaultDtype());
  return filled(empty(shape, { ...options, dtype }), value);
};

const filled = (tensor: Tensor, value: number | bigint | boolean): Tensor => {
  backendOf(tensor.device).fill(tensor, elementFrom(value, tensor.dtype));
  return tensor;
};

export const zeros = (shape: readonly number[], options: TensorOptions = {}): Tensor =>
  full(shape, 0, { ...options, dtype: options.dtype ?? getDefaultDtype() });

export const ones = (shape: readonly number[], options: TensorOptions = {}): Tensor =>
  full(shape, 1, { ...options, dtype: options.dtype ?? getDefaultDtype() });

export interface LikeOptions extends TensorOptions {
  /** How the result lies in memory. Default `'preserve_format'`: the axes in the model's order. */
  readonly memoryFormat?: MemoryFormat | undefined;
}

/** Uninitialised memory in the shape of a tensor and, unless told otherwise, its dtype, device and memory order. */
export const emptyLike = (model: Tensor, options: LikeOptions = {}): Tensor => {
  const { memoryFormat = 'preserve_format', dtype, device, requiresGrad } = options;
  return finish(allocateLike(model, memoryFormat, dtype, device), requiresGrad);
};

/** As `emptyLike`, every element `value`. */
export const fullLike = (
  model: Tensor,
  value: number | bigint | boolean,
  options: LikeOptions = {},
): Tensor => filled(emptyLike(model, options), value);
/** As `emptyLike`, every element 0. */
export const zerosLike = (model: Tensor, options: LikeOptions = {}): Tensor => fullLike(model, 0, options);
/** As `emptyLike`, every element 1. */
export const onesLike = (model: Tensor, options: LikeOptions = {}): Tensor => fullLike(model, 1, options);

/**
 * start, start + step, … below end. `arange(5)` counts from 0. Integers throughout give int64, else the default dtype.
 *
 * @throws RuntimeError when the step is 0 or leads away from the end
 */
export function arange(end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, step: number, options?: TensorOptions): Tensor;
export function arange(...args: readonly (number | TensorOptions | undefined)[]): Tensor {
  const numbers = args.filter((x): x is number => typeof x === 'number');
  const options = args.find((x): x is TensorOptions => typeof x === 'object') ?? {};
  const [start, end, step] =
    numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1];
  if (step === 0) throw new RuntimeError('step must be nonzero');
  if (!Number.isFinite(start) || !Number.isFinite(end)) {
    throw new RuntimeError(`unsupported range: ${String(start)} -> ${String(end)}`);
  }
  if (step > 0 ? end < start : end > start) {
    throw new RuntimeError('upper bound and larger bound inconsistent with step sign');
  }
  const dtype = options.dtype ?? (numbers.every(Number.isInteger) ? 'int64' : getDefaultDtype());
  const tensor = empty([Math.ceil((end - start) / step)], { ...options, dtype });
  backendOf(tensor.device).arange(tensor, start, step);
  return tensor;
}

/** `steps` numbers from start to end, both included, evenly spaced. */
export const linspace = (start: number, end: number, steps: number, options: TensorOptions = {}): Tensor => {
  if (steps < 0) throw new RuntimeError('number of steps must be non-negative');
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  // Counted from both ends, as PyTorch does, so that the last number is exactly `end`.
  const at = (k: number): number => (k < steps / 2 ? start + step * k : end - step * (steps - 1 - k));
  return tensor(
    Float64Array.from({ length: steps }, (_, k) => at(k)),
    { dtype: getDefaultDtype(), ...options },
  );
};

/** The n × m matrix with ones on its diagonal. `m` defaults to n. */
export const eye = (n: number, m: number = n, options: TensorOptions = {}): Tensor => {
  const result = zeros([n, m], options);
  const diagonal = { ...result.data_, shape: [Math.min(n, m)], strides: [m + 1] };
  backendOf(result.device).fill(diagonal, 1);
  return result;
};

/**
 * A tensor of the given values, copied.
 *
 * From nested arrays: the shape is theirs, and the dtype bool or, for bigints, int64, otherwise the default dtype.
 * From a typed array: flat unless `shape` is given; the dtype is the array's (Float32Array → float32, Float64Array →
 * float64, Float16Array → float16, BigInt64Array → int64, Int32Array → int32, Int8Array → int8, Uint8Array → uint8).
 *
 * @throws ValueError when rows differ in length or the shape does not fit the number of values
 * @see torch.tensor
 */
export const tensor = (
  values: Nested | NumericArray,
  options: TensorOptions & { readonly shape?: readonly number[] } = {},
): Tensor => {
  const flat = ArrayBuffer.isView(values) ? values : flatten(values);
  const shape = options.shape ?? (ArrayBuffer.isView(values) ? [values.length] : nestedShape(values));
  if (elementCount(shape) !== flat.length) {
    throw new ValueError(
      `tensor: shape [${shape.join(', ')}] holds ${String(elementCount(shape))} elements, but ${String(flat.length)} values are given`,
    );
  }
  const dtype = options.dtype ?? (ArrayBuffer.isView(flat) ? arrayDtype(flat) : listDtype(flat));
  const result = allocate(shape, dtype, options.device ?? 'cpu');
  writeElements(result, flat);
  return finish(result, options.requiresGrad);
};

const listDtype = (values: readonly (number | bigint | boolean)[]): DType => {
  if (values.length > 0 && values.every((x) => typeof x === 'boolean')) return 'bool';
  if (values.length > 0 && values.every((x) => typeof x === 'bigint')) return 'int64';
  return getDefaultDtype();
};

const nestedShape = (values: Nested): number[] => {
  const shape: number[] = [];
  for (
    let level: Nested | undefined = values;
    Array.isArray(level);
    level = (level as readonly Nested[])[0]
  ) {
    shape.push((level as readonly Nested[]).length);
  }
  return shape;
};

const flatten = (values: Nested): (number | bigint | boolean)[] => {
  const shape = nestedShape(values);
  const flat: (number | bigint | boolean)[] = [];
  const walk = (level: Nested, axis: number): void => {
    if (Array.isArray(level)) {
      if (axis >= shape.length || level.length !== shape[axis]) {
        throw new ValueError(
          `expected sequence of length ${String(shape[axis] ?? 1)} at dim ${String(axis)} (got ${String(level.length)})`,
        );
      }
      for (const item of level as readonly Nested[]) walk(item, axis + 1);
    } else {
      if (axis < shape.length) {
        throw new ValueError(
          `expected sequence of length ${String(shape[axis])} at dim ${String(axis)} (got a ${typeof level})`,
        );
      }
      if (typeof level !== 'number' && typeof level !== 'bigint' && typeof level !== 'boolean') {
        throw new TypeError(
          `tensor: values must be numbers, bigints or booleans, got ${level === null ? 'null' : typeof level}`,
        );
      }
      flat.push(level);
    }
  };
  walk(values, 0);
  return flat;
};

/** A fresh tensor with this tensor's values, dtype and device, outside the tape. */
export const copyOf = (source: Tensor, dtype: DType = source.dtype): Tensor => {
  const result = allocate(source.shape, dtype, source.device);
  backendOf(source.device).copy(result, source);
  return result;
};
