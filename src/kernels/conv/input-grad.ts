/**
 * The gradient of a convolution by its input, as correlations of the output's gradient with the kernel flipped and
 * its channels exchanged.
 *
 * A stride s scatters: input row y meets the taps i with (y + top − i·d) mod s = 0 and no others. So the rows fall into
 * s classes, each with its own taps, and each is a correlation of stride 1 of its own; likewise the columns.
 *
 * @see Dumoulin & Visin 2016, arXiv:1603.07285, chapter 4
 */
import type { ConvGeometry } from '../../device/backend.ts';
import { storageOf, type View } from '../../device/view.ts';
import { gcd, type Correlation } from './correlation.ts';

/** One class of positions along an axis, and the taps that meet them. */
interface Class {
  /** The first position of the class, and how many there are, `stride` apart. */
  readonly first: number;
  readonly count: number;
  /** Taps first, first + step, …; walked over from the last to the first. */
  readonly taps: { readonly first: number; readonly step: number; readonly count: number };
  /** Between those taps in the gradient, and the gradient's position under the last tap at the first position. */
  readonly dilation: number;
  readonly origin: number;
}

export const classesOf = (
  size: number,
  taps: number,
  stride: number,
  dilation: number,
  before: number,
): Class[] => {
  const step = stride / gcd(stride, dilation);
  return Array.from({ length: Math.min(stride, size) }, (_, first): Class => {
    // Of `step` taps in a row at most one meets the class.
    let tap = 0;
    while (tap < Math.min(step, taps) && (first + before - tap * dilation) % stride !== 0) tap++;
    const meets = tap < Math.min(step, taps);
    const count = meets ? Math.ceil((taps - tap) / step) : 0;
    const last = tap + (count - 1) * step;
    return {
      first,
      count: Math.ceil((size - first) / stride),
      taps: { first: meets ? tap : 0, step, count },
      dilation: (step * dilation) / stride,
      origin: meets ? (first + before - last * dilation) / stride : 0,
    };
  });
};

/** The correlations that write each element of `gradInput` once. */
export const inputGrad = (
  gradInput: View,
  grad: View,
  weight: View,
  { stride, dilation, padding, groups }: ConvGeometry,
): Correlation[] => {
  const [channels, perGroup, kernelRows, kernelColumns] = weight.shape as [number, number, number, number];
  const [outStep, channelStep, rowStep, columnStep] = weight.strides as [number, number, number, number];
  const [count, inputs, height, width] = gradInput.shape as [number, number, number, number];
  const [imageStep, planeStep, lineStep, elementStep] = gradInput.strides as [number, number, number, number];
  const outs = channels / groups;
  const rows = classesOf(height, kernelRows, stride[0], dilation[0], padding[0][0]);
  const columns = classesOf(width, kernelColumns, stride[1], dilation[1], padding[1][0]);
  return rows.flatMap((row) =>
    columns.map((column): Correlation => ({
      out: {
        storage: gradInput.storage,
        dtype: gradInput.dtype,
        shape: [count, inputs, row.count, column.count],
        // With a stride beyond the image there is one position to a class.
        strides: [
          imageStep,
          planeStep,
          lineStep * Math.min(stride[0], height),
          elementStep * Math.min(stride[1], width),
        ],
        offset: gradInput.offset + row.first * lineStep + column.first * elementStep,
      },
      input: grad,
      taps: {
        storage: weight.storage,
        type: storageOf[weight.dtype],
        offset: weight.offset + row.taps.first * rowStep + column.taps.first * columnStep,
        group: outs * outStep,
        out: { size: perGroup, step: channelStep },
        channels: { size: outs, step: outStep },
        rows: { size: row.taps.count, step: -row.taps.step * rowStep },
        columns: { size: column.taps.count, step: -column.taps.step * columnStep },
      },
      bias: null,
      stride: [1, 1],
      dilation: [row.dilation, column.dilation],
      origin: [row.origin, column.origin],
      groups,
      turn:
        stride[1] === 2 && elementStep === 1 && columns.length === 2
          ? column.first === 0
            ? 'first'
            : 'second'
          : undefined,
    })),
  );
};
