/**
 * The gradient of a convolution by its input where the stride keeps outputs apart: no two of them have taps on the same
 * input. Each input then is a sum over output channels only, so all of them are one matrix product, whose rows are the
 * taps; `input-grad.ts` would make a correlation of each place in the stride, of one tap, whose columns are far from each
 * other. For patches and for layers that halve images.
 */
import type { ConvGeometry } from '../../device/backend.ts';
import { elementCount, storageOf, type View } from '../../device/view.ts';
import { loadedElement, type Machine } from '../../lang/index.ts';
import { fill } from '../fill.ts';
import { product } from '../gemm.ts';
import { productCycles } from '../gemm-tile.ts';

/** Columns of a product at a time, at most: as many entries do its tables have. */
const MOST_COLUMNS = 2 ** 16;

/** Whether this is for it: several taps that no other output has, and all of them on the input. */
export const areApart = (gradInput: View, grad: View, weight: View, geometry: ConvGeometry): boolean => {
  const { stride, dilation, padding } = geometry;
  const isApart = (axis: 0 | 1): boolean => {
    const extent = (weight.shape[axis + 2]! - 1) * dilation[axis] + 1;
    const last = (grad.shape[axis + 2]! - 1) * stride[axis] + extent;
    return extent <= stride[axis] && padding[axis][0] === 0 && last <= gradInput.shape[axis + 2]!;
  };
  return weight.shape[2]! * weight.shape[3]! > 1 && isApart(0) && isApart(1) && elementCount(grad.shape) > 0;
};

/** To bring a sum to its place, which has no neighbours or few: of a product of so deep blocks, each time. */
const STORED_ALONE = 4;
const DEEP = 384;

/** Estimated cycles, as those of `estimate.ts`. */
export const apartCycles = (machine: Machine, grad: View, weight: View, groups: number): number => {
  const element = loadedElement[storageOf[grad.dtype]];
  const [images, channels, height, width] = grad.shape as [number, number, number, number];
  const pixels = images * height * width;
  const taps = elementCount(weight.shape.slice(1));
  const outs = channels / groups;
  const stored = STORED_ALONE * pixels * taps * Math.ceil(outs / DEEP);
  return groups * (outs * productCycles(machine, element, pixels, taps) + stored);
};

export const apartInputGrad = (
  gradInput: View,
  grad: View,
  weight: View,
  { stride, dilation, groups }: ConvGeometry,
): void => {
  const [channels, perGroup, tapRows, tapColumns] = weight.shape as [number, number, number, number];
  const [outStep, channelStep, rowStep, columnStep] = weight.strides as [number, number, number, number];
  const [images, , height, width] = grad.shape as [number, number, number, number];
  const [imageStep, planeStep, lineStep, elementStep] = gradInput.strides as [number, number, number, number];
  const outs = channels / groups;
  if (elementCount(gradInput.shape) > images * groups * perGroup * tapRows * tapColumns * height * width)
    fill(gradInput, 0);

  const atOnce = Math.min(images, Math.max(1, Math.floor(MOST_COLUMNS / (height * width))));
  const ofImages = (count: number) =>
    product({
      a: {
        storage: weight.storage,
        type: storageOf[weight.dtype],
        rows: {
          walks: [
            { size: perGroup, step: channelStep },
            { size: tapRows, step: rowStep },
            { size: tapColumns, step: columnStep },
          ],
        },
        columns: { walks: [{ size: outs, step: outStep }] },
      },
      b: {
        storage: grad.storage,
        type: storageOf[grad.dtype],
        rows: { walks: [{ size: outs, step: grad.strides[1]! }] },
        columns: {
          walks: [
            { size: count, step: grad.strides[0]! },
            { size: height, step: grad.strides[2]! },
            { size: width, step: grad.strides[3]! },
          ],
        },
      },
      out: {
        storage: gradInput.storage,
        type: storageOf[gradInput.dtype],
        rows: {
          walks: [
            { size: perGroup, step: planeStep },
            { size: tapRows, step: dilation[0] * lineStep },
            { size: tapColumns, step: dilation[1] * elementStep },
          ],
        },
        columns: {
          walks: [
            { size: count, step: imageStep },
            { size: height, step: stride[0] * lineStep },
            { size: width, step: stride[1] * elementStep },
          ],
        },
      },
      repeats: 'a',
    });
  const some = ofImages(atOnce);
  for (let first = 0; first < images; first += atOnce) {
    const run = first + atOnce <= images ? some : ofImages(images - first);
    for (let group = 0; group < groups; group++)
      run({
        a: weight.offset + group * outs * outStep,
        b: grad.offset + first * grad.strides[0]! + group * outs * grad.strides[1]!,
        out: gradInput.offset + first * imageStep + group * perGroup * planeStep,
      });
  }
};
