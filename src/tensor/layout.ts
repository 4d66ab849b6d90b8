/** How tensors lie in memory, and whether two of them share some of it. */
import { elementCount, type View } from '../device/view.ts';
import { RuntimeError } from '../errors.ts';
import { sameShape } from './tensor.ts';

/**
 * Axes from the outermost in memory to the innermost, as PyTorch orders them: of equal steps the longer axis is outside,
 * and an axis that repeats one element stays where it is among the others.
 *
 * @see at::infer_dense_strides, TensorIteratorBase::reorder_dimensions
 */
export const memoryOrder = ({ shape, strides }: Pick<View, 'shape' | 'strides'>): readonly number[] => {
  const innermostFirst = shape.map((_, axis) => shape.length - 1 - axis);
  for (let i = 1; i < innermostFirst.length; i++) {
    let place = i;
    for (let before = i - 1; before >= 0; before--) {
      const [a, b] = [innermostFirst[before]!, innermostFirst[place]!];
      const order = outside(a, b, shape, strides);
      if (order < 0) break;
      if (order > 0) {
        [innermostFirst[before], innermostFirst[place]] = [b, a];
        place = before;
      }
    }
  }
  return innermostFirst.reverse();
};

/** Positive if axis a belongs outside of b, negative if inside, 0 if there is no telling. */
const outside = (a: number, b: number, shape: readonly number[], strides: readonly number[]): number => {
  if (strides[a] === 0 || strides[b] === 0) return 0;
  return strides[a]! - strides[b]! || Math.max(shape[a]! - shape[b]!, 0);
};

/** The same, for views whose elements fill a stretch of memory; null when elements overlap or leave gaps. */
export const denseOrder = (x: Pick<View, 'shape' | 'strides'>): readonly number[] | null => {
  const order = memoryOrder(x);
  let step = 1;
  for (const axis of order.toReversed()) {
    if (x.shape[axis]! !== 1 && x.strides[axis] !== step) return null;
    step *= x.shape[axis]!;
  }
  return order;
};

/** @throws RuntimeError when elements of a tensor that is to be written are one and the same in memory */
export const checkNoInternalOverlap = ({ shape, strides }: View): void => {
  if (elementCount(shape) > 0 && shape.some((size, axis) => size > 1 && strides[axis] === 0)) {
    throw new RuntimeError(
      'unsupported operation: more than one element of the written-to tensor refers to a single memory location. ' +
        'Please clone() the tensor before performing the operation.',
    );
  }
};

/**
 * `'same'`: element for element. `'partly'`: in another order or shifted. `'perhaps'`: with gaps, so that only going
 * through the elements would tell.
 */
export type Overlap = 'none' | 'same' | 'partly' | 'perhaps';

/** What a tensor that is read has in common with one that is written. */
export const overlapOf = (read: View, written: View): Overlap => {
  if (read.storage !== written.storage) return 'none';
  const sameStart = read.offset === written.offset;
  if (sameStart && sameShape(read.shape, written.shape) && sameShape(read.strides, written.strides))
    return 'same';
  const [a, b] = [extent(read), extent(written)];
  if (a.begin >= b.end || b.begin >= a.end) return 'none';
  return denseOrder(read) && denseOrder(written) ? 'partly' : 'perhaps';
};

/** @throws RuntimeError as PyTorch does when an operation in place would read what it has already written */
export const checkNoPartialOverlap = (read: View, written: View): void => {
  if (overlapOf(read, written) === 'partly') {
    throw new RuntimeError(
      'unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory ' +
        'location. Please clone() the tensor before performing the operation.',
    );
  }
};

/** From the first element to behind the last one, in elements of the storage. */
const extent = ({ shape, strides, offset }: View): { readonly begin: number; readonly end: number } => {
  if (elementCount(shape) === 0) return { begin: offset, end: offset };
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
  return { begin: offset, end: last + 1 };
};
