/** A tensor as devices see it: a rectangle of elements somewhere in a storage. */
import { dtypes, type DType } from '../dtype.ts';
import type { StorageType } from '../lang/index.ts';
import type { Storage } from './storage.ts';

export interface View {
  readonly storage: Storage;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Distances between neighbours along each axis, in elements; 0 repeats one element. Never negative. */
  readonly strides: readonly number[];
  /** Where element [0, …, 0] lies, in elements from the storage's start. */
  readonly offset: number;
}

/** How memory holds each dtype; `bool` is a byte of 0 or 1. */
export const storageOf: Readonly<Record<DType, StorageType>> = {
  float32: 'f32',
  float64: 'f64',
  float16: 'f16',
  bfloat16: 'bf16',
  int64: 'i64',
  int32: 'i32',
  int8: 'i8',
  uint8: 'u8',
  bool: 'u8',
};

export const elementCount = (shape: readonly number[]): number => shape.reduce((n, size) => n * size, 1);

/** Row-major strides. */
export const contiguousStrides = (shape: readonly number[]): number[] => {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= Math.max(shape[axis]!, 1);
  }
  return strides;
};

/** Whether the elements follow one another in row-major order (axes of size 1 do not matter). */
export const isContiguous = ({ shape, strides }: Pick<View, 'shape' | 'strides'>): boolean => {
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!;
    if (size === 0) return true;
    if (size !== 1 && strides[axis] !== step) return false;
    step *= size;
  }
  return true;
};

/** The view's first element in bytes from the storage's start. */
export const byteOffset = (view: View): number => view.offset * dtypes[view.dtype].bytes;

/** Of an axis only the places first … first + size − 1. @see torch.narrow */
export const narrowed = (
  { storage, dtype, shape, strides, offset }: View,
  axis: number,
  first: number,
  size: number,
): View => ({
  storage,
  dtype,
  shape: shape.with(axis, size),
  strides,
  offset: offset + first * strides[axis]!,
});
