/**
 * The gradient of a strided depthwise convolution by its input. All classes of rows and columns (see `input-grad.ts`) are
 * computed from one padded plane of the gradient at a time, so that what is stored are whole rows.
 */
import type { ConvGeometry } from '../../device/backend.ts';
import { launch } from '../../device/launch.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../../device/view.ts';
import { elementBytes, loadedElement } from '../../lang/index.ts';
import { region } from '../arguments.ts';
import { areFewTaps, PLANES } from './depthwise.ts';
import { depthwiseInputKernel, meetings, type DepthwiseInputForm } from './depthwise-input-kernel.ts';
import { planeArguments, tapsForm } from './depthwise-plane.ts';
import { packedTaps } from './direct-taps.ts';
import { evenParts } from './direct-tile.ts';
import { wholeForward } from './forward.ts';
import { eachShare } from '../slots.ts';

/** Multiply-adds in a tile's code, and classes of rows. */
const MOST_UNROLLED = 300;
const MOST_CLASSES = 4;

/** Whether this is for it: one channel for each group, a stride, and rows whose columns are neighbours. */
export const isStridedDepthwise = (
  gradInput: View,
  grad: View,
  weight: View,
  { stride, groups }: ConvGeometry,
): boolean =>
  (stride[0] > 1 || stride[1] > 1) &&
  stride[0] <= MOST_CLASSES &&
  stride[1] <= 2 &&
  weight.shape[0] === groups &&
  weight.shape[1] === 1 &&
  areFewTaps(weight.shape[2]!, weight.shape[3]!) &&
  elementCount(gradInput.shape) > 0 &&
  gradInput.shape[3]! >= stride[1] &&
  gradInput.strides[3] === 1 &&
  grad.strides[3] === 1;

export const depthwiseInputGrad = (
  gradInput: View,
  grad: View,
  weight: View,
  geometry: ConvGeometry,
): void => {
  const correlation = wholeForward(grad, gradInput, weight, null, geometry);
  const { stride, dilation, padding } = geometry;
  const [images, channels, height, width] = gradInput.shape as [number, number, number, number];
  const [, , tapRows, tapColumns] = weight.shape as [number, number, number, number];
  const [outImageStep, outChannelStep, outRowStep] = gradInput.strides as [number, number, number, number];
  const type = storageOf[gradInput.dtype];
  const element = loadedElement[type];
  const bytes = elementBytes[element];
  const { machine } = currentTarget();
  const lanes = machine.lanes(element);
  const classes = Math.min(stride[0], height);
  const classRows = Math.ceil(height / stride[0]);
  const classColumns = Math.ceil(width / stride[1]);

  const vectors = evenParts(Math.ceil(classColumns / lanes), 2);
  const sums = classes * stride[1] * vectors;
  const most = Math.min(
    Math.floor((machine.vectorRegisters - 2 - vectors) / sums),
    Math.floor(MOST_UNROLLED / (tapRows * tapColumns * vectors)),
    classRows,
  );
  const rows = evenParts(classRows, Math.max(most, 1));
  const form: DepthwiseInputForm = {
    above: padding[0][0],
    before: padding[1][0],
    classes,
    whole: height === classRows * classes,
    rows,
    vectors,
    keepsTaps: rows * sums + vectors + 1 + tapRows * tapColumns <= machine.vectorRegisters,
    ...tapsForm(correlation),
  };

  const down = meetings(tapRows, stride[0], dilation[0], form.above, classes);
  const across = meetings(tapColumns, stride[1], dilation[1], form.before);
  const plane = planeArguments(grad, {
    origin: [down.origin, across.origin],
    rows: classRows - 1 + down.extent,
    columns: classColumns - 1 + across.extent,
    phases: 1,
    reach: Math.ceil(classColumns / (vectors * lanes)) * vectors * lanes + across.extent - 1,
    lanes,
  });
  const planes = images * channels;
  const grain = grainOf({
    flops: 2 * tapRows * tapColumns * classRows * classColumns,
    bytes: (2 * plane.planeSize + height * width) * bytes,
  });
  const slots = { name: 'conv.depthwise', element, size: plane.planeSize, positions: planes, most: PLANES };
  const packed = packedTaps(correlation, 1);
  eachShare(slots, (slot, begin, end) =>
    launch(
      depthwiseInputKernel(form),
      {
        taps: packed,
        out: region(gradInput),
        outImageStep,
        outChannelStep,
        outRowStep,
        height,
        width,
        classRows,
        classColumns,
        ...plane,
        ...slot,
      },
      begin,
      end,
      { grain },
    ),
  );
};
