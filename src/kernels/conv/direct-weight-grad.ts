/**
 * The weight's gradient straight from the input and the output's gradient, lanes along the rows of both. For groups of
 * few channels, above all depthwise: a tile of a matrix product would be mostly empty.
 */
import type { ConvGeometry } from '../../device/backend.ts';
import { launch, type Region } from '../../device/launch.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../../device/view.ts';
import { loadedElement, storageBytes } from '../../lang/index.ts';
import { fill } from '../fill.ts';
import { offsetTable } from '../gemm-offsets.ts';
import { eachChunk, isWide, onlyMet, tapAxis, type Chunk } from './correlation.ts';
import { directTile, evenParts, panelRows } from './direct-tile.ts';
import { directWeightKernel } from './direct-weight-kernel.ts';
import { forward } from './forward.ts';
import { inPlace, pad, type Images } from './padded.ts';

/** @param gradWeight  float32 or float64 */
export const directWeightGrad = (
  gradWeight: View,
  grad: View,
  images: View,
  geometry: ConvGeometry,
): void => {
  if (elementCount(gradWeight.shape) === 0) return;
  const correlation = onlyMet(forward(grad, images, gradWeight, null, geometry), 1);
  const { input, taps, stride, groups } = correlation;
  const element = loadedElement[storageOf[gradWeight.dtype]] as 'f32' | 'f64';
  const bytes = storageBytes[element];
  const k = taps.channels.size * taps.rows.size * taps.columns.size;
  const tile = directTile(currentTarget().machine, taps.out.size);
  const part = evenParts(k, tile.across);
  const parts = Math.ceil(k / part);
  const groupPanels = Math.ceil(taps.out.size / tile.channels);
  const region = ({ storage, offset }: Pick<Images, 'storage' | 'offset'>): Region => ({
    storage,
    byteOffset: offset * bytes,
  });

  let accumulate = 0;
  const mayStay = stride[1] === 1 && input.strides[3] === 1 && isWide(input);
  eachChunk(correlation, { mayStay, neighbours: true }, (chunk) => {
    const { images, count, rows } = chunk;
    const gradients = gradientsOf(grad, chunk);
    launch(
      directWeightKernel(element, tile.channels, part),
      {
        grad: region(gradients),
        images: region(images),
        gradWeight: region(taps),
        gradOffsets: offsetTable(panelRows(groups, taps.out.size, tile.channels, gradients.channel)),
        rowOffsets: offsetTable(panelRows(groups, taps.out.size, tile.channels, taps.out.step)),
        tapOffsets: offsetTable(tapAxis(correlation, images), part),
        columnOffsets: offsetTable({ walks: [taps.channels, taps.rows, taps.columns] }, part),
        parts,
        groupPanels,
        count,
        height: rows,
        width: grad.shape[3]!,
        gradImageStep: gradients.image,
        gradRowStep: gradients.row,
        imageStep: images.image,
        groupStep: taps.channels.size * images.channel,
        rowStep: stride[0] * images.row,
        accumulate,
      },
      0,
      groups * groupPanels * parts,
      { grain: grainOf({ flops: 2 * tile.channels * part * count * rows * grad.shape[3]! }) },
    );
    accumulate = 1;
  });
  if (accumulate === 0) fill(gradWeight, 0);
};

/** A chunk of the output's gradient as vectors can be loaded from it. */
const gradientsOf = (grad: View, { first, count, firstRow, rows }: Chunk): Images => {
  const extent = { top: firstRow, left: 0, rows, columns: grad.shape[3]! };
  return grad.strides[3] === 1 && isWide(grad)
    ? inPlace(grad, first, extent)
    : pad('conv.grad', grad, first, count, extent, 1);
};
