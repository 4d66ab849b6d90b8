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
import {
  constant,
  eachLane,
  index,
  kernel,
  loadedElement,
  loop,
  storageBytes,
  when,
  type KernelDefinition,
  type Pointer,
  type StorageType,
  type Value,
} from '../../lang/index.ts';
import { once } from '../once.ts';
import { padPhasesKernel, padSpec } from './pad-phases.ts';

type StridedSpec = ReturnType<typeof stridedSpec>;
const stridedSpec = (storage: StorageType) => ({ ...padSpec(storage), columnStep: index, phases: index });

/** Planes begin … end − 1, counted through all images. `dense`: columns of a phase are neighbours in the image. */
const padKernel = once((storage: StorageType, dense: boolean): KernelDefinition<StridedSpec> =>
  kernel(`conv.pad.${storage}.${dense ? 'dense' : 'strided'}`, stridedSpec(storage), (args, range) => {
    const { source, out, channels, imageStep, channelStep, rowStep, columnStep } = args;
    const { height, width, top, left, rows, columns, phases } = args;
    const element = loadedElement[storage];
    const step = columnStep.mul(phases);
    const pitch = columns.mul(phases);
    const stride = phases.to('i32');
    const zero = constant(0, element);
    const clear = (to: Pointer, begin: Value, end: Value): void => {
      eachLane({ begin, end }, (i) => {
        to.set(i, zero);
      });
    };

    loop(range, (plane) => {
      const image = plane.div(channels);
      const channel = plane.sub(image.mul(channels));
      const from = source.plus(image.mul(imageStep)).plus(channel.mul(channelStep));
      loop(phases, (phase) => {
        // Column q is column q · phases + shift of the image, which lies inside for q from `begin` to `end` − 1.
        const shift = phase.to('i32').sub(left);
        const begin = shift.neg().max(0).add(stride.sub(1)).div(stride).min(columns.to('i32'));
        const end = width.sub(shift).max(0).add(stride.sub(1)).div(stride).min(columns.to('i32')).max(begin);
        const [first, last] = [begin.to('index'), end.to('index')];
        const shifted = from.plus(shift.to('index').mul(columnStep));
        const to = out.plus(plane.mul(rows).mul(pitch)).plus(phase.mul(columns)).walk('to');
        loop(rows, (row) => {
          const y = row.to('i32').sub(top);
          when(
            y.ge(0).and(y.lt(height)),
            () => {
              const line = shifted.plus(y.to('index').mul(rowStep));
              clear(to, constant(0, 'index'), first);
              eachLane({ begin: first, end: last }, (i) => {
                const value = dense
                  ? line.at(i)
                  : line.strided(i.base.mul(step), step, { count: i.count, lanes: i.lanes });
                to.set(i, value);
              });
              clear(to, last, columns);
            },
            () => {
              clear(to, constant(0, 'index'), columns);
            },
          );
          to.advance(pitch);
        });
      });
    });
  }),
);

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
  if (columnStep === 1 && (phases === 2 || phases === 4))
    launch(padPhasesKernel(from, phases), args, 0, planes, sharing);
  else
    launch(padKernel(from, columnStep * phases === 1), { ...args, columnStep, phases }, 0, planes, sharing);
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
