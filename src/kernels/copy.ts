import { dtypes, type DType } from '../dtype.ts';
import { elementCount, isContiguous, type View } from '../device/view.ts';
import { map } from './elementwise.ts';
import { identity } from './math/index.ts';
import { copyTransposed } from './transpose.ts';

/**
 * `Backend.copy` on a CPU. The elements are computed with as the dtype they come from, and converted once: floats
 * truncate to integers and wrap around, to bool is x ≠ 0.
 */
export const copy = (out: View, input: View): void => {
  if (out.dtype !== input.dtype) {
    map(identity, input.dtype, out, [input]);
    return;
  }
  const [to, from] = [asWords(out), asWords(input)];
  if (to !== null && from !== null) map(identity, to.dtype, to, [from]);
  else if (dtypes[out.dtype].bytes === 4 && copyTransposed(out, input)) return;
  else map(identity, bitsOf[out.dtype] ?? out.dtype, asBits(out), [asBits(input)]);
};

/** The integer dtype under which a copy keeps all bits; 16-bit floats have none, but every one of them is an f32. */
const bitsOf: Readonly<Partial<Record<DType, DType>>> = {
  float32: 'int32',
  float64: 'int64',
  bool: 'uint8',
  int8: 'uint8',
};
const asBits = ({ storage, dtype, shape, strides, offset }: View): View => ({
  storage,
  dtype: bitsOf[dtype] ?? dtype,
  shape,
  strides,
  offset,
});

/** A contiguous view as 32-bit words; null if it is not made of whole ones. */
const asWords = (view: View): View | null => {
  if (!isContiguous(view)) return null;
  const { bytes } = dtypes[view.dtype];
  const words = (elementCount(view.shape) * bytes) / 4;
  const offset = (view.offset * bytes) / 4;
  if (!Number.isInteger(words) || !Number.isInteger(offset)) return null;
  return { storage: view.storage, dtype: 'int32', shape: [words], strides: [1], offset };
};
