/**
 * What the depthwise kernels share: the form of their taps, and a plane between zeros in a slot of scratch memory, where
 * its predecessor was, so that it stays in the first cache. Its columns are de-interleaved by the stride: see `padded.ts`.
 */
import type { Region } from '../../device/launch.ts';
import { byteOffset, storageOf, type View } from '../../device/view.ts';
import {
  constant,
  eachLane,
  index,
  input,
  loadedElement,
  loop,
  storageBytes,
  unroll,
  when,
  type Arguments,
  type Pointer,
  type StorageType,
  type Value,
} from '../../lang/index.ts';
import type { Correlation } from './correlation.ts';
import { deinterleaved } from '../interleave.ts';
import { slotOf, slotSpec } from '../slots.ts';

/** What all of them are specialised for. */
export interface TapsForm {
  readonly storage: StorageType;
  readonly tapRows: number;
  readonly tapColumns: number;
  readonly strideRows: number;
  readonly strideColumns: number;
  readonly dilationRows: number;
  readonly dilationColumns: number;
}

export const tapsForm = ({ input, taps, stride, dilation }: Correlation): TapsForm => ({
  storage: storageOf[input.dtype],
  tapRows: taps.rows.size,
  tapColumns: taps.columns.size,
  strideRows: stride[0],
  strideColumns: stride[1],
  dilationRows: dilation[0],
  dilationColumns: dilation[1],
});

/**
 * Along an axis, for each position of the input that is under a tile, counted from its first: which of the tile's `count`
 * neighbours take it, and by which tap.
 */
export const takersOf = (
  count: number,
  stride: number,
  taps: number,
  dilation: number,
): [offset: number, takers: { readonly at: number; readonly tap: number }[]][] => {
  const under = new Map<number, { at: number; tap: number }[]>();
  for (let at = 0; at < count; at++) {
    for (let tap = 0; tap < taps; tap++) {
      const offset = at * stride + tap * dilation;
      under.set(offset, [...(under.get(offset) ?? []), { at, tap }]);
    }
  }
  return [...under].sort(([a], [b]) => a - b);
};

/** What a kernel needs to know of a plane. */
export const planeSpec = (storage: StorageType) => ({
  ...slotSpec(loadedElement[storage]),
  source: input(storage),
  /** Planes of an image. */
  channels: index,
  imageStep: index,
  channelStep: index,
  rowStep: index,
  /** The part of a plane that is read, and the row of the padded plane where it begins. */
  sourceRows: index,
  sourceColumns: index,
  paddedRow: index,
  /** The column of it where a row of that part begins. */
  paddedColumn: index,
  /** Elements of a padded plane, and of the part of its rows that one phase takes. */
  planeSize: index,
  phasePitch: index,
});

export interface PlaneNeeds {
  /** Row and column of the plane that are the padded plane's first; negative ones are zeros before it. */
  readonly origin: readonly [number, number];
  readonly rows: number;
  readonly columns: number;
  readonly phases: number;
  /** Columns of a phase that vectors reach. */
  readonly reach: number;
  readonly lanes: number;
}

interface Range {
  readonly begin: Value;
  readonly end: Value;
}

type PlaneArguments = Arguments<ReturnType<typeof planeSpec>>;

/** The arguments for planes of `images`, but for the slots. */
export const planeArguments = (images: View, { origin, rows, columns, phases, reach, lanes }: PlaneNeeds) => {
  const part = (axis: 0 | 1, extent: number) => {
    const first = Math.max(origin[axis], 0);
    const end = Math.min(origin[axis] + extent, images.shape[axis + 2]!);
    return { first, size: Math.max(end - first, 0), at: first - origin[axis] };
  };
  const [down, across] = [part(0, rows), part(1, columns)];
  const nothing = down.size === 0 || across.size === 0;
  const copied = Math.ceil(Math.ceil(across.size / phases) / lanes) * lanes;
  const phasePitch = Math.max(reach, Math.floor((across.at + phases - 1) / phases) + copied);
  const [imageStep, channelStep, rowStep] = images.strides as [number, number, number, number];
  const skipped = (down.first * rowStep + across.first) * storageBytes[storageOf[images.dtype]];
  const source: Region = {
    storage: images.storage,
    byteOffset: nothing ? 0 : byteOffset(images) + skipped,
  };
  return {
    source,
    channels: images.shape[1]!,
    imageStep,
    channelStep,
    rowStep,
    sourceRows: nothing ? 0 : down.size,
    sourceColumns: across.size,
    paddedRow: down.at,
    paddedColumn: across.at,
    planeSize: rows * phases * phasePitch,
    phasePitch,
  };
};

/** The range's slot, with zeros where planes will go; around them zeros stay. */
export const clearedPlane = (args: PlaneArguments, range: Range, lanes: number): Pointer => {
  const plane = slotOf(args, range);
  when(range.begin.lt(range.end), () => clear(plane, args.planeSize, lanes));
  return plane;
};

export const clear = (from: Pointer, size: Value, lanes: number): void => {
  eachLane(size, (i) => from.set(i, constant(0, loadedElement[from.storage])), { lanes });
};

/** Calls `work` for all planes of a range, counted through all images, when they are in its slot. */
export const eachPlane = (
  args: PlaneArguments,
  range: Range,
  phases: number,
  lanes: number,
  work: (plane: Pointer, image: Value, channel: Value) => void,
): void => {
  const plane = clearedPlane(args, range, lanes);
  loop(range, (position) => {
    const image = position.div(args.channels);
    const channel = position.sub(image.mul(args.channels));
    copyPlane(args, plane, image, channel, phases, lanes);
    work(plane, image, channel);
  });
};

/** Vectors that are copied at a time. */
const SEVERAL = 4;

/** Copies the source's plane to where `plane` was cleared before. */
export const copyPlane = (
  args: PlaneArguments,
  plane: Pointer,
  image: Value,
  channel: Value,
  phases: number,
  lanes: number,
): void => {
  const { sourceColumns, paddedColumn } = args;
  const pitch = args.phasePitch.mul(phases);
  const to = plane.plus(args.paddedRow.mul(pitch)).walk('to');
  const line = args.source.plus(image.mul(args.imageStep)).plus(channel.mul(args.channelStep)).walk('line');
  // So many columns are copied at a time, then so many vectors of each phase, and what is left over.
  const some = phases * lanes;
  const several = SEVERAL * lanes;
  const groups = sourceColumns.div(several);
  const whole = sourceColumns.sub(groups.mul(several)).div(some);
  const rest = sourceColumns.rem(some);
  // Where in a row the part's first columns lie, one for each phase.
  const starts = unroll(phases, (phase) => {
    const column = paddedColumn.add(phase);
    return column.rem(phases).mul(args.phasePitch).add(column.div(phases));
  });
  loop(args.sourceRows, () => {
    // What is stored beyond the last column are zeros, since nothing is loaded there.
    if (phases === 3) {
      starts.forEach((start, phase) => {
        const step = constant(phases, 'index');
        const columns = sourceColumns.add(phases - 1 - phase).div(phases);
        const [from, there] = [line.plus(phase), to.plus(start)];
        eachLane(
          columns,
          ({ base, count }) => there.set(base, from.strided(base.mul(phases), step, { count, lanes })),
          { lanes },
        );
      });
    } else {
      const source = line.walk();
      const targets = starts.map((start) => to.plus(start).walk());
      const copy = (vectors: number, counts?: readonly Value[]): void => {
        const row = unroll(vectors, (v) => source.vector(v * lanes, { lanes, count: counts?.[v] }));
        for (let v = 0; v < vectors; v += phases)
          deinterleaved(row.slice(v, v + phases)).forEach((values, phase) =>
            targets[phase]!.set((v / phases) * lanes, values),
          );
      };
      const copies = (times: Value, vectors: number): void =>
        loop(times, () => {
          copy(vectors);
          source.advance(vectors * lanes);
          for (const target of targets) target.advance((vectors / phases) * lanes);
        });
      copies(groups, SEVERAL);
      copies(whole, phases);
      when(rest.gt(0), () =>
        copy(
          phases,
          unroll(phases, (v) =>
            rest
              .sub(v * lanes)
              .max(0)
              .min(lanes),
          ),
        ),
      );
    }
    line.advance(args.rowStep);
    to.advance(pitch);
  });
};
