/** Tensors as kernels get them, made from numbers and read back as numbers, one element at a time. */
import { heap } from '../../src/device/heap.ts';
import { contiguousStrides, elementCount, type View } from '../../src/device/view.ts';
import { dtypes, type DType } from '../../src/dtype.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../src/half.ts';

/** A number as a dtype holds it; int64 as a bigint. */
export type Element = number | bigint;

const get: Readonly<Record<DType, (view: DataView, at: number) => Element>> = {
  float32: (view, at) => view.getFloat32(at, true),
  float64: (view, at) => view.getFloat64(at, true),
  float16: (view, at) => f16ToF32(view.getUint16(at, true)),
  bfloat16: (view, at) => bf16ToF32(view.getUint16(at, true)),
  int64: (view, at) => view.getBigInt64(at, true),
  int32: (view, at) => view.getInt32(at, true),
  int8: (view, at) => view.getInt8(at),
  uint8: (view, at) => view.getUint8(at),
  bool: (view, at) => view.getUint8(at),
};

const set: Readonly<Record<DType, (view: DataView, at: number, x: Element) => void>> = {
  float32: (view, at, x) => view.setFloat32(at, Number(x), true),
  float64: (view, at, x) => view.setFloat64(at, Number(x), true),
  float16: (view, at, x) => view.setUint16(at, f32ToF16(Number(x)), true),
  bfloat16: (view, at, x) => view.setUint16(at, f32ToBf16(Number(x)), true),
  int64: (view, at, x) => view.setBigInt64(at, BigInt(x), true),
  int32: (view, at, x) => view.setInt32(at, Number(x), true),
  int8: (view, at, x) => view.setInt8(at, Number(x)),
  uint8: (view, at, x) => view.setUint8(at, Number(x)),
  bool: (view, at, x) => view.setUint8(at, Number(x) === 0 ? 0 : 1),
};

/** A view such as a tensor is: its fields are getters, which a spread would lose. */
class Seen implements View {
  readonly #view: View;
  constructor(view: View) {
    this.#view = view;
  }
  get storage(): View['storage'] {
    return this.#view.storage;
  }
  get dtype(): DType {
    return this.#view.dtype;
  }
  get shape(): readonly number[] {
    return this.#view.shape;
  }
  get strides(): readonly number[] {
    return this.#view.strides;
  }
  get offset(): number {
    return this.#view.offset;
  }
}

/** Another view of the same storage. */
export const altered = (
  { storage, dtype, shape, strides, offset }: View,
  fields: Partial<Omit<View, 'storage'>>,
): View => new Seen({ storage, dtype, shape, strides, offset, ...fields });

const memory = (view: View): DataView => {
  const address = heap.resident(view.storage);
  return new DataView(heap.memory.buffer, address, view.storage.byteLength);
};

/** Positions of a view's elements in its storage, in logical order, in elements. */
export function* positions({ shape, strides, offset }: View): Generator<number> {
  const count = elementCount(shape);
  for (let i = 0; i < count; i++) {
    let rest = i;
    let position = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    yield position;
  }
}

/** The elements in logical order. */
export const read = (view: View): Element[] => {
  const bytes = memory(view);
  const size = dtypes[view.dtype].bytes;
  return Array.from(positions(view), (at) => get[view.dtype](bytes, at * size));
};

/** Writes the elements in logical order. */
export const write = (view: View, values: readonly Element[]): void => {
  const bytes = memory(view);
  const size = dtypes[view.dtype].bytes;
  let i = 0;
  for (const at of positions(view)) set[view.dtype](bytes, at * size, values[i++]!);
};

/** A new contiguous tensor, whose storage is just as long as it. */
export const tensor = (dtype: DType, shape: readonly number[], values?: readonly Element[]): View => {
  const storage = heap.allocate(elementCount(shape) * dtypes[dtype].bytes);
  const view = new Seen({ storage, dtype, shape, strides: contiguousStrides(shape), offset: 0 });
  if (values) write(view, values);
  return view;
};

/** How a tensor lies in memory. */
export interface Layout {
  /** Axes from the outermost in memory to the innermost. Default: in order. */
  readonly order?: readonly number[];
  /** Elements between neighbours of each axis that are left out. Default: none. */
  readonly gaps?: readonly number[];
  /** Axes along which one element is repeated. */
  readonly repeated?: readonly number[];
  /** Elements before the first. Default 0. */
  readonly offset?: number;
}

/** A new tensor in any layout. */
export const laidOut = (
  dtype: DType,
  shape: readonly number[],
  { order = shape.map((_, axis) => axis), gaps = [], repeated = [], offset = 0 }: Layout,
): View => {
  const strides = shape.map(() => 0);
  let step = 1;
  for (const axis of [...order].reverse()) {
    if (repeated.includes(axis)) continue;
    strides[axis] = step * (1 + (gaps[axis] ?? 0));
    step = strides[axis] * shape[axis]!;
  }
  const last = strides.reduce((sum, stride, axis) => sum + stride * Math.max(shape[axis]! - 1, 0), offset);
  const storage = heap.allocate((last + 1) * dtypes[dtype].bytes);
  return new Seen({ storage, dtype, shape, strides, offset });
};

/** An element as the dtype holds it: floats rounded, fractions dropped, integers wrapped. */
export const as = (dtype: DType, x: Element): Element => {
  switch (dtype) {
    case 'float32':
      return Math.fround(Number(x));
    case 'float64':
      return Number(x);
    case 'float16':
      return f16ToF32(f32ToF16(Math.fround(Number(x))));
    case 'bfloat16':
      return bf16ToF32(f32ToBf16(Math.fround(Number(x))));
    case 'int64':
      return BigInt.asIntN(64, whole(x));
    case 'int32':
      return Number(BigInt.asIntN(32, whole(x)));
    case 'int8':
      return Number(BigInt.asIntN(8, whole(x)));
    case 'uint8':
      return Number(BigInt.asUintN(8, whole(x)));
    case 'bool':
      return Number(x) === 0 ? 0 : 1;
    default:
      return dtype satisfies never;
  }
};
const whole = (x: Element): bigint => (typeof x === 'bigint' ? x : BigInt(Math.trunc(x)));

/** Whole numbers below a bound, the same for the same seed. */
export const randomIntegers = (seed: number): ((below: number) => number) => {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
};
