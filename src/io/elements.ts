/** The elements of files as memory of tensors: every kind that a file may hold, and what it becomes here. */
import { bytesOf } from '../device/memory.ts';
import type { Storage } from '../device/storage.ts';
import { byteOffset } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';
import { f32ToBf16 } from '../half.ts';
import { allocate, copyOf } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** What files call the types of elements, by the names that PyTorch has for them. */
export type ElementType = DType | 'int16' | 'uint16' | 'uint32';

/** Types that tensors do not have are widened to one that holds all their values. */
const widened: Readonly<Record<Exclude<ElementType, DType>, Widening>> = {
  int16: { dtype: 'int32', bytes: 2, read: (view, at) => view.getInt16(at, true) },
  uint16: { dtype: 'int32', bytes: 2, read: (view, at) => view.getUint16(at, true) },
  uint32: { dtype: 'int64', bytes: 4, read: (view, at) => view.getUint32(at, true) },
};

interface Widening {
  readonly dtype: 'int32' | 'int64';
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
}

const isWidened = (type: ElementType): type is keyof typeof widened => Object.hasOwn(widened, type);

/** The dtype of a tensor of such elements. */
export const dtypeOf = (type: ElementType): DType => (isWidened(type) ? widened[type].dtype : type);

/** Bytes of one element in a file. */
export const bytesInFile = (type: ElementType): number =>
  (isWidened(type) ? widened[type] : dtypes[type]).bytes;

const allocateElements = (type: ElementType, count: number): Storage =>
  allocate([count], dtypeOf(type), 'cpu').storage;

/**
 * Elements of a file (little-endian) in new memory.
 *
 * @param what  the elements' name, for error messages
 * @throws FileFormatError for a bool that is neither 0 nor 1
 */
export const storeElements = (type: ElementType, bytes: Uint8Array, what: string): Storage => {
  if (type === 'bool' && bytes.some((byte) => byte > 1)) {
    throw new FileFormatError(`${what}: bool elements that are neither 0 nor 1`);
  }
  const storage = allocateElements(type, bytes.length / bytesInFile(type));
  if (isWidened(type)) widenInto(bytesOf(storage), widened[type], bytes);
  else bytesOf(storage).set(bytes);
  return storage;
};

const widenInto = (memory: Uint8Array, { dtype, bytes: size, read }: Widening, bytes: Uint8Array): void => {
  const count = bytes.length / size;
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === 'int32') {
    const target = new Int32Array(memory.buffer, memory.byteOffset, count);
    for (let k = 0; k < count; k++) target[k] = read(source, k * size);
  } else {
    const target = new BigInt64Array(memory.buffer, memory.byteOffset, count);
    for (let k = 0; k < count; k++) target[k] = BigInt(read(source, k * size));
  }
};

/** float32 elements in new memory as bfloat16. */
export const storeAsBfloat16 = (bytes: Uint8Array): Storage => {
  const count = bytes.length / 4;
  const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const storage = allocateElements('bfloat16', count);
  const memory = bytesOf(storage);
  const target = new Uint16Array(memory.buffer, memory.byteOffset, count);
  for (let k = 0; k < count; k++) target[k] = f32ToBf16(source.getFloat32(4 * k, true));
  return storage;
};

/** The same elements, each with its bytes in the opposite order. */
export const swapBytes = (type: ElementType, bytes: Uint8Array): Uint8Array => {
  const size = bytesInFile(type);
  return bytes.map((_, k) => bytes[k - (k % size) + (size - 1 - (k % size))]!);
};

/** A tensor's elements as files have them: row-major, little-endian. */
export const elementBytes = (tensor: Tensor): Uint8Array<ArrayBuffer> => {
  const copy = copyOf(tensor.detach());
  const start = byteOffset(copy);
  const bytes = bytesOf(copy.storage).slice(start, start + copy.numel() * dtypes[copy.dtype].bytes);
  copy.storage.dispose();
  return bytes;
};
