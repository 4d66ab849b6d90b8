/** For kernels that work on row-major memory only: copies to it and from it, where a view is laid out otherwise. */
import { allocate } from '../device/memory.ts';
import { contiguousStrides, elementCount, isContiguous, type View } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import { copy } from './copy.ts';

/** Row-major memory of its own. */
export const freshView = (shape: readonly number[], dtype: DType): View => ({
  storage: allocate(elementCount(shape) * dtypes[dtype].bytes),
  dtype,
  shape,
  strides: contiguousStrides(shape),
  offset: 0,
});

/** The view itself if it is row-major, else a copy that is. */
export const contiguous = (view: View): View => {
  if (isContiguous(view)) return view;
  const result = freshView(view.shape, view.dtype);
  copy(result, view);
  return result;
};

/**
 * A row-major view to write to instead of `view`, and what brings the result home.
 *
 * @param keeps  whether what `view` holds matters
 */
export const writable = (view: View, keeps = false): [target: View, finish: () => void] => {
  if (isContiguous(view)) return [view, () => undefined];
  const target = freshView(view.shape, view.dtype);
  if (keeps) copy(target, view);
  return [
    target,
    () => {
      copy(view, target);
    },
  ];
};
