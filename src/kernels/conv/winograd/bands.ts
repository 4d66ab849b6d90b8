/**
 * Bands of images with channels in lanes: [row][column][channel], a block of channels at a time, as the transforms like to
 * read and to write them. They stay in the first cache, and are turned as they are filled from images or stored to them.
 */
import { constant, eachLane, loop, storageBytes, type Pointer, type Value } from '../../../lang/index.ts';
import { interleaved } from '../../interleave.ts';
import { CHANNELS } from './layout.ts';
import { apart } from './transform.ts';

/**
 * Channels and columns that are turned together. Vectors of four need one shuffle where longer ones need two or three, and
 * leave less over.
 */
const SQUARE = 4;

/** Columns of a band that are filled from `columns` of an image. */
export const turnedColumns = (columns: number): number => Math.ceil(columns / SQUARE) * SQUARE;

/** Rows of a part of a block, and into how many parts its rows of tiles fall. */
export interface Parts {
  readonly parts: number;
  readonly partRows: number;
}

/** Fewer positions than this are not shared well among threads. */
const POSITIONS = 8;

export const partsOf = (blocks: number, rows: number): Parts => {
  const partRows = Math.ceil(rows / Math.ceil(POSITIONS / Math.max(1, blocks)));
  return { parts: Math.ceil(rows / partRows), partRows };
};

/** Columns of an image, of several channels. */
export interface Columns {
  /** Whether columns of the image follow one another. */
  readonly dense: boolean;
  readonly count: Value;
  readonly columnStep: Value;
  readonly channelStep: Value;
  /** Channels of the block, CHANNELS at most. */
  readonly channels: Value;
}

/** A row of an image to a row of a band. @param from  the first channel's first column */
export const fillRow = (
  { dense, count: columns, columnStep, channelStep, channels }: Columns,
  from: Pointer,
  to: Pointer,
): void => {
  eachSquare(channels, from, channelStep, to, (lines, place, lanes) => {
    eachLane(
      columns,
      ({ base, count }) => {
        const target = place.plus(base.mul(CHANNELS));
        const values = lines.map((line) =>
          dense
            ? line.vector(base, { lanes, count })
            : line.strided(base.mul(columnStep), columnStep, { lanes, count }),
        );
        if (lines.length > 1) {
          interleaved(values).forEach((value, k) => {
            target.set(k * CHANNELS, value);
          });
        } else target.set(0, values[0]!, { count, stride: constant(CHANNELS, 'index') });
      },
      { lanes },
    );
  });
};

/**
 * A row of a band to a row of an image.
 *
 * @param store  stores so many columns of a channel, from a column on; the pointer is the channel's
 */
export const storeRow = (
  { count: columns, channelStep, channels }: Omit<Columns, 'dense' | 'columnStep'>,
  from: Pointer,
  to: Pointer,
  store: (to: Pointer, column: Value, values: Value, count: Value | undefined) => void,
): void => {
  eachSquare(channels, to, channelStep, from, (lines, place, lanes) => {
    eachLane(
      columns,
      ({ base, count }) => {
        const source = place.plus(base.mul(CHANNELS));
        if (lines.length > 1) {
          const values = lines.map((_, k) => source.vector(k * CHANNELS, { lanes }));
          interleaved(values).forEach((value, k) => {
            store(lines[k]!, base, value, count);
          });
        } else {
          const stride = constant(CHANNELS, 'index');
          store(lines[0]!, base, source.strided(0, stride, { lanes, count }), count);
        }
      },
      { lanes },
    );
  });
};

/** Channels of a block: some at a time, then those left over one by one. */
const eachSquare = (
  channels: Value,
  image: Pointer,
  channelStep: Value,
  band: Pointer,
  work: (lines: Pointer[], place: Pointer, lanes: number) => void,
): void => {
  const { lanes } = band.builder;
  const some = Math.min(SQUARE, lanes);
  const stepBytes = channelStep.mul(storageBytes[image.storage]);
  const squares = channels.div(some);
  loop(squares, (square) => {
    const first = square.mul(some);
    work(apart(image.plus(first.mul(channelStep)), stepBytes, some), band.plus(first), some);
  });
  loop({ begin: squares.mul(some), end: channels }, (channel) => {
    work([image.plus(channel.mul(channelStep))], band.plus(channel), lanes);
  });
};
