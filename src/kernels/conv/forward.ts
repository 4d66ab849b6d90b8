/** `Backend.conv2d` on a CPU. */
import type { ConvGeometry } from '../../device/backend.ts';
import { storageOf, type View } from '../../device/view.ts';
import { onlyMet, type Correlation } from './correlation.ts';

/** A convolution, on the rows that it meets. Along an axis with one output no step is made, however long it would be. */
export const forward = (...args: Parameters<typeof wholeForward>): Correlation => {
  const correlation = wholeForward(...args);
  const { out, stride } = correlation;
  const step = (axis: 0 | 1): number => (out.shape[axis + 2] === 1 ? 1 : stride[axis]);
  return onlyMet({ ...correlation, stride: [step(0), step(1)] }, 0);
};

/** A convolution walks over its kernel as it is. */
export const wholeForward = (
  out: View,
  input: View,
  weight: View,
  bias: View | null,
  { stride, dilation, padding, groups }: ConvGeometry,
): Correlation => {
  const [channels, perGroup, rows, columns] = weight.shape as [number, number, number, number];
  const [outStep, channelStep, rowStep, columnStep] = weight.strides as [number, number, number, number];
  const outs = channels / groups;
  return {
    out,
    input,
    taps: {
      storage: weight.storage,
      type: storageOf[weight.dtype],
      offset: weight.offset,
      group: outs * outStep,
      out: { size: outs, step: outStep },
      channels: { size: perGroup, step: channelStep },
      rows: { size: rows, step: rowStep },
      columns: { size: columns, step: columnStep },
    },
    bias,
    stride,
    dilation,
    origin: [-padding[0][0], -padding[1][0]],
    groups,
  };
};
