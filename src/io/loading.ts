/** What one call of `load` has made so far, and how much it may still make. */
import { FileFormatError } from '../errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Storage } from '../device/storage.ts';
import { contiguousStrides, elementCount } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';

/** PyTorch's limit. */
export const MAX_RANK = 64;
/** What kernels can count in; see `checkSize` in `tensor/create.ts`. */
const MAX_BYTES = 2 ** 31 - 2 ** 16;
/**
 * What a file may take for each of its bytes, where it can ask for the same bytes more than once: widening an int16
 * takes two, and there is some for what is read beside tensors.
 */
const BYTES_PER_BYTE = 4;

/** Where tensors shall lie: given each tensor and the place that the file has for it (`cuda:0`; null if it has none). */
export type Relocation = (tensor: Tensor, location: string | null) => Tensor;

/** Throws without a place; whoever knows where in the file it happened adds that. */
export const refuse = (problem: string): never => {
  throw new FileFormatError(problem);
};

export const isWhole = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

const isShape = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.length <= MAX_RANK && value.every(isWhole);

/** @throws FileFormatError for anything but a list of at most 64 whole numbers whose elements memory could hold */
export const checkShape = (shape: unknown, dtype: DType): readonly number[] => {
  if (!isShape(shape)) return refuse(`a shape that is not a list of at most ${MAX_RANK} whole numbers`);
  let bytes = dtypes[dtype].bytes;
  for (const size of shape) bytes *= Math.max(size, 1);
  if (bytes > MAX_BYTES) refuse(`shape [${shape.join(', ')}] of ${dtype}, which is too large`);
  return shape;
};

/** Some elements of a part of a storage, as files describe them: in elements; what is `unknown` is not yet checked. */
export interface StridedPart {
  readonly storage: Storage;
  readonly dtype: DType;
  /** Where the part begins in the storage. */
  readonly first: number;
  /** How many it has. */
  readonly count: number;
  /** From the part's beginning. */
  readonly offset: unknown;
  readonly shape: unknown;
  readonly strides: unknown;
}

export class Loading {
  private readonly storages: Storage[] = [];
  private budget: number;

  /** @param fileBytes  how long the file is */
  constructor(
    fileBytes: number,
    private readonly place: Relocation | null = null,
  ) {
    this.budget = BYTES_PER_BYTE * fileBytes;
  }

  /** @throws FileFormatError when a file asks for more than its length explains */
  spend(bytes: number): void {
    this.budget -= bytes;
    if (this.budget < 0) refuse('more memory than the length of the file explains');
  }

  /** Allows for bytes that the file has in compressed form. */
  grant(bytes: number): void {
    this.budget += bytes * BYTES_PER_BYTE;
  }

  /** Remembers memory: see `guard`. */
  own(storage: Storage): Storage {
    this.storages.push(storage);
    return storage;
  }

  /** Reads; if the file turns out to be bad, gives back all memory that was taken for it. */
  guard<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Gives back all memory that was taken. */
  release(): void {
    for (const storage of this.storages) storage.dispose();
  }

  /** A tensor on all of a storage, row-major or (Fortran's order) column-major. */
  ordered(
    storage: Storage,
    dtype: DType,
    shape: readonly number[],
    fortranOrder = false,
    location: string | null = null,
  ): Tensor {
    const strides = fortranOrder ? contiguousStrides(shape.toReversed()).reverse() : contiguousStrides(shape);
    return this.placed(new Tensor({ storage, dtype, shape, strides, offset: 0 }, 'cpu'), location);
  }

  /** @throws FileFormatError when some element would lie outside of the storage */
  strided(
    { storage, dtype, first, count, offset, shape, strides }: StridedPart,
    location: string | null,
  ): Tensor {
    const sizes = checkShape(shape, dtype);
    if (!isShape(strides) || strides.length !== sizes.length) {
      return refuse(`strides that are not ${sizes.length} whole numbers`);
    }
    if (!isWhole(offset)) return refuse('an offset that is not a whole number');
    const last = sizes.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
    if (elementCount(sizes) === 0 ? offset > count : last >= count) {
      refuse(
        `a tensor of shape [${sizes.join(', ')}], strides [${strides.join(', ')}] and offset ${offset} reaches ` +
          `beyond its storage of ${count} elements`,
      );
    }
    const view = { storage, dtype, shape: [...sizes], strides: [...strides], offset: first + offset };
    return this.placed(new Tensor(view, 'cpu'), location);
  }

  private placed(tensor: Tensor, location: string | null): Tensor {
    return this.place === null ? tensor : this.place(tensor, location);
  }
}
