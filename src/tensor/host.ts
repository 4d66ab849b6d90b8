/** Between tensors and JavaScript's own arrays. */
import { placeOf } from '../device/memory.ts';
import { byteOffset, contiguousStrides, elementCount, isContiguous, type View } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import { RuntimeError, ValueError } from '../errors.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../half.ts';
import { backendOf } from './devices.ts';
import type { Tensor } from './tensor.ts';

/** Where the runtime has it (Node 24, browsers of 2025); declared here, so that the library compiles for others, too. */
export interface HalfArray extends ArrayBufferView {
  readonly length: number;
  readonly BYTES_PER_ELEMENT: number;
  readonly [Symbol.toStringTag]: 'Float16Array';
  [index: number]: number;
}

export type NumericArray =
  | HalfArray
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array;

/** The dtype that a typed array's elements have as a tensor. */
export const arrayDtype = (array: NumericArray): DType => {
  if (isHalfArray(array)) return 'float16';
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof Int8Array) return 'int8';
  if (array instanceof Uint8Array || array instanceof Uint8ClampedArray) return 'uint8';
  return 'int32';
};

const isHalfArray = (array: ArrayBufferView): array is HalfArray =>
  (array as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'Float16Array';

type RawArray =
  Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;

const rawArrays: Readonly<
  Record<DType, (buffer: ArrayBufferLike, offset: number, length: number) => RawArray>
> = {
  float32: (b, o, n) => new Float32Array(b, o, n),
  float64: (b, o, n) => new Float64Array(b, o, n),
  float16: (b, o, n) => new Uint16Array(b, o, n),
  bfloat16: (b, o, n) => new Uint16Array(b, o, n),
  int64: (b, o, n) => new BigInt64Array(b, o, n),
  int32: (b, o, n) => new Int32Array(b, o, n),
  int8: (b, o, n) => new Int8Array(b, o, n),
  uint8: (b, o, n) => new Uint8Array(b, o, n),
  bool: (b, o, n) => new Uint8Array(b, o, n),
};

/**
 * The memory of a contiguous view as a typed array of its bit patterns (halves as Uint16Array): a window, valid only
 * until memory is next allocated.
 */
export const rawWindow = (view: View): RawArray => {
  const { buffer, begin } = placeOf(view.storage);
  const count = elementCount(view.shape);
  // A view without elements may begin anywhere, also beyond its storage.
  return rawArrays[view.dtype](buffer, count === 0 ? 0 : begin + byteOffset(view), count);
};

/** Puts values into a contiguous tensor in order, converted to its dtype. */
export const writeElements = (
  target: Tensor,
  values: NumericArray | readonly (number | bigint | boolean)[],
): void => {
  const window = rawWindow(target);
  const { dtype } = target;
  const asStored =
    ArrayBuffer.isView(values) &&
    arrayDtype(values) === dtype &&
    values.BYTES_PER_ELEMENT === window.BYTES_PER_ELEMENT;
  if (asStored) {
    const { buffer, byteOffset: from, length } = values;
    (window as Uint8Array).set(rawArrays[dtype](buffer, from, length) as Uint8Array);
    return;
  }
  const convert = fromNumber[dtype];
  for (let k = 0; k < window.length; k++) (window as Uint8Array)[k] = convert(values[k]!) as number;
};

const truncated = (x: number | bigint | boolean): bigint => {
  if (typeof x === 'bigint') return x;
  const n = Math.trunc(Number(x));
  return Number.isFinite(n) ? BigInt.asIntN(64, BigInt(n)) : 0n;
};

/** A JavaScript number as the dtype's bit pattern (as far as a typed array's assignment does not do that). */
const fromNumber: Readonly<Record<DType, (x: number | bigint | boolean) => number | bigint>> = {
  float32: Number,
  float64: Number,
  float16: (x) => f32ToF16(Number(x)),
  bfloat16: (x) => f32ToBf16(Number(x)),
  int64: truncated,
  int32: (x) => Number(BigInt.asIntN(32, truncated(x))),
  int8: (x) => Number(BigInt.asIntN(8, truncated(x))),
  uint8: (x) => Number(BigInt.asUintN(8, truncated(x))),
  bool: (x) => (Number(x) !== 0 || Number.isNaN(Number(x)) ? 1 : 0),
};

const identity = (x: number | bigint): number | bigint => x;
const toNumber: Readonly<Record<DType, (x: number | bigint) => number | bigint | boolean>> = {
  float32: identity,
  float64: identity,
  float16: (x) => f16ToF32(Number(x)),
  bfloat16: (x) => bf16ToF32(Number(x)),
  int64: identity,
  int32: identity,
  int8: identity,
  uint8: identity,
  bool: (x) => x !== 0,
};

/** The elements in row-major order as a window of contiguous memory: the tensor's own, or a copy's. */
const contiguousWindow = (tensor: Tensor): RawArray => {
  if (isContiguous(tensor)) return rawWindow(tensor);
  const backend = backendOf(tensor.device);
  const storage = backend.allocate(tensor.numel() * dtypes[tensor.dtype].bytes);
  const view: View = {
    storage,
    dtype: tensor.dtype,
    shape: tensor.shape,
    strides: contiguousStrides(tensor.shape),
    offset: 0,
  };
  backend.copy(view, tensor);
  const window = rawWindow(view).slice();
  storage.dispose();
  return window;
};

/** An element reader by row-major index, for printing: values as JavaScript shows them. Valid until memory is next allocated. */
export const elementReader = (tensor: Tensor): ((index: number) => number | bigint | boolean) => {
  const window = contiguousWindow(tensor);
  const convert = toNumber[tensor.dtype];
  return (index) => convert(window[index]!);
};

/**
 * The elements in row-major order as a new typed array: Float32Array for float32 and (widened) the halves,
 * Float64Array, BigInt64Array, Int32Array, Int8Array, Uint8Array for uint8 and bool.
 */
export const toTypedArray = (
  tensor: Tensor,
): Float32Array | Float64Array | BigInt64Array | Int32Array | Int8Array | Uint8Array => {
  const window = contiguousWindow(tensor);
  if (window instanceof Uint16Array)
    return Float32Array.from(window, tensor.dtype === 'float16' ? f16ToF32 : bf16ToF32);
  return window.slice();
};

export type NestedValues = number | bigint | boolean | NestedValues[];

/** The elements as nested arrays; int64 as numbers where they are exact, else as bigints; bool as booleans. */
export const tolist = (tensor: Tensor): NestedValues => {
  const read = elementReader(tensor);
  let next = 0;
  const level = (axis: number): NestedValues => {
    if (axis === tensor.ndim) return simplest(read(next++));
    return Array.from({ length: tensor.shape[axis]! }, () => level(axis + 1));
  };
  return level(0);
};

/**
 * The one element as a number; of a bool tensor 1 or 0.
 *
 * @throws ValueError when the tensor has not exactly one element
 * @throws RuntimeError when an int64 does not fit a number exactly; use `tolist()` then
 */
export const item = (tensor: Tensor): number => {
  if (tensor.numel() !== 1)
    throw new ValueError('only one element tensors can be converted to Python scalars');
  const value = simplest(elementReader(tensor)(0));
  if (typeof value === 'bigint') {
    throw new RuntimeError(`item: ${String(value)} is not exact as a number; tolist() gives it as a bigint`);
  }
  return Number(value);
};

const simplest = (x: number | bigint | boolean): number | bigint | boolean =>
  typeof x === 'bigint' && Number.isSafeInteger(Number(x)) ? Number(x) : x;
