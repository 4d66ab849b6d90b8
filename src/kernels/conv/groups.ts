/** A correlation as several of some groups each: their padded input stays near where that of all would not. */
import { narrowed, type View } from '../../device/view.ts';
import { CHUNK_BYTES, extentOf, type Correlation } from './correlation.ts';
import { paddedBytes } from './padded.ts';

/** Parts of so many groups that an image of them, padded, is a chunk, if there are enough groups. */
export const byGroups = (correlation: Correlation): Correlation[] => {
  const { out, input, stride, groups } = correlation;
  const bytes = paddedBytes(input, extentOf(correlation, 0, out.shape[2]!), stride[1]);
  const parts = Math.min(groups, Math.ceil(bytes / CHUNK_BYTES));
  if (parts <= 1) return [correlation];
  const size = Math.ceil(groups / parts);
  return Array.from({ length: Math.ceil(groups / size) }, (_, part) =>
    someGroups(correlation, part * size, Math.min(size, groups - part * size)),
  );
};

const someGroups = (correlation: Correlation, first: number, count: number): Correlation => {
  const { out, input, taps, bias, epilogue } = correlation;
  const ofGroup = taps.out.size;
  const outs = (view: View, axis: number): View => narrowed(view, axis, first * ofGroup, count * ofGroup);
  const residual = epilogue?.residual ?? null;
  return {
    ...correlation,
    out: outs(out, 1),
    input: narrowed(input, 1, first * taps.channels.size, count * taps.channels.size),
    taps: { ...taps, offset: taps.offset + first * taps.group },
    bias: bias && outs(bias, 0),
    epilogue: epilogue && { ...epilogue, residual: residual && outs(residual, 1) },
    groups: count,
  };
};
