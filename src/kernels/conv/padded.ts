/**
 * Images as the convolutions like to read them: zeros around, so that no tap asks whether it is inside; and columns
 * de-interleaved by the horizontal stride, so that neighbouring outputs read neighbouring inputs:
 *
 *     stride 2:  x0 x1 x2 x3 x4 x5   is stored as   x0 x2 x4  x1 x3 x5
 */
import { launch } from '../../device/launch.ts';
import { workspace } from '../../device/memory.ts';
import type { Storage } from '../../device/storage.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { byteOffset, storageOf, type View } from '../../device/view.ts';
import { loadedElement, storageBytes, type StorageType } from '../../lang/index.ts';
import { padKernel, padStridedKernel } from './pad-kernels.ts';

/** Images in memory, in steps of elements. A row of `phases` phases, each `pitch` columns apart. */
export interface Images {
  readonly storage: Storage;
  readonly type: StorageType;
  readonly offset: number;
  readonly image: number;
  readonly channel: number;
  readonly row: number;
  /** From column to column if there is one phase; with more of them columns of a phase are neighbours. */
  readonly column: number;
  readonly phases: { readonly count: number; readonly pitch: number };
}

/** Which part of the images is wanted: rows and columns count from the image's first, negative ones are zeros before it. */
export interface Extent {
  readonly top: number;
  readonly left: number;
  readonly rows: number;
  readonly columns: number;
}

/** Elements behind the last image that may be read, so that vectors may begin at any column. */
const SLACK = 64;

/** The bytes that one padded image takes. */
export const paddedBytes = (
  images: View,
  { rows, columns }: Pick<Extent, 'rows' | 'columns'>,
  phases: number,
): number =>
  images.shape[1]! *
  rows *
  Math.ceil(columns / phases) *
  phases *
  storageBytes[loadedElement[storageOf[images.dtype]]];

/** Copies images `first … first + count − 1` into a workspace, widened to what one computes with. */
export const pad = (
  name: string,
  images: View,
  first: number,
  count: number,
  extent: Extent,
  phases: number,
): Images => {
  const from = storageOf[images.dtype];
  const type = loadedElement[from];
  const [, channels, height, width] = images.shape as [number, number, number, number];
  const [imageStep, channelStep, rowStep, columnStep] = images.strides as [number, number, number, number];
  const columns = Math.ceil(extent.columns / phases);
  const row = columns * phases;
  const channel = extent.rows * row;
  const bytes = (count * channels * channel + SLACK) * storageBytes[type];
  const storage = workspace(`${name}.${type}`, bytes);

  const args = {
    source: {
      storage: images.storage,
      byteOffset: byteOffset(images) + first * imageStep * storageBytes[from],
    },
    out: storage,
    channels,
    height,
    width,
    imageStep,
    channelStep,
    rowStep,
    top: -extent.top,
    left: -extent.left,
    rows: extent.rows,
    columns,
  };
  const planes = count * channels;
  const sharing = { grain: grainOf({ bytes: 2 * Math.max(channel, 1) * storageBytes[type] }) };
  if (columnStep === 1 && (phases === 1 || phases === 2 || phases === 4))
    launch(padKernel(from, phases), args, 0, planes, sharing);
  else launch(padStridedKernel(from), { ...args, columnStep, phases }, 0, planes, sharing);
  return {
    storage,
    type,
    offset: 0,
    image: channels * channel,
    channel,
    row,
    column: 1,
    phases: { count: phases, pitch: columns },
  };
};

/** Images where they are: good if every tap stays inside. */
export const inPlace = (images: View, first: number, { top, left }: Extent): Images => {
  const [image, channel, row, column] = images.strides as [number, number, number, number];
  return {
    storage: images.storage,
    type: storageOf[images.dtype],
    offset: images.offset + first * image + top * row + left * column,
    image,
    channel,
    row,
    column,
    phases: { count: 1, pitch: 0 },
  };
};
