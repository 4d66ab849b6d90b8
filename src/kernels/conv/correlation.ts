/**
 * What a convolution, its input gradient and each part of a strided one's input gradient have in common:
 *
 *     out[n, o, y, x] = bias[o] + Σ input[n, c, y·sH + i·dH + top, x·sW + j·dW + left] · taps[o, c, i, j]
 *
 * over the channels c of o's group, with zeros outside of the input.
 */
import type { Epilogue } from '../../device/backend.ts';
import type { Storage } from '../../device/storage.ts';
import { elementCount, storageOf, type View } from '../../device/view.ts';
import { loadedElement, storageBytes, type StorageType } from '../../lang/index.ts';
import type { Axis, Walk } from '../gemm-offsets.ts';
import { inPlace, pad, paddedBytes, type Extent, type Images } from './padded.ts';

/** A kernel as it is walked over: transposed and flipped where need be. */
export interface Taps {
  readonly storage: Storage;
  readonly type: StorageType;
  /** Of the element with the least address. */
  readonly offset: number;
  /** Elements from group to group. */
  readonly group: number;
  /** Output channels of a group. */
  readonly out: Walk;
  /** Input channels of a group. */
  readonly channels: Walk;
  readonly rows: Walk;
  readonly columns: Walk;
}

export interface Correlation {
  /** [N, O, OH, OW] */
  readonly out: View;
  /** [N, C, H, W] */
  readonly input: View;
  readonly taps: Taps;
  readonly bias: View | null;
  /** What else is done to the sums. Default: nothing. */
  readonly epilogue?: Epilogue | undefined;
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** The row and the column of the input under the first tap of the first output; negative in the padding. */
  readonly origin: readonly [number, number];
  readonly groups: number;
  /**
   * Of two correlations whose columns alternate which this is. The first may write between its columns, as the second
   * comes after it.
   */
  readonly turn?: 'first' | 'second' | undefined;
}

/**
 * The same correlation on those rows (axis 0) or columns (axis 1) of the input that some tap meets: where stride and
 * dilation have a common divisor, or there is one tap, all others need not be read.
 */
export const onlyMet = (correlation: Correlation, axis: 0 | 1): Correlation => {
  const { input, taps, stride, dilation, origin } = correlation;
  const { size } = axis === 0 ? taps.rows : taps.columns;
  const every = size === 1 ? stride[axis] : gcd(stride[axis], dilation[axis]);
  if (every === 1 || size === 0) return correlation;
  const first = ((origin[axis] % every) + every) % every;
  const met = Math.max(0, Math.ceil((input.shape[axis + 2]! - first) / every));
  const step = input.strides[axis + 2]!;
  const pair = ([rows, columns]: readonly [number, number], value: number): [number, number] =>
    axis === 0 ? [value, columns] : [rows, value];
  return {
    ...correlation,
    input: {
      storage: input.storage,
      dtype: input.dtype,
      shape: input.shape.with(axis + 2, met),
      strides: input.strides.with(axis + 2, step * every),
      offset: input.offset + (met === 0 ? 0 : first * step),
    },
    stride: pair(stride, stride[axis] / every),
    dilation: pair(dilation, size === 1 ? 1 : dilation[axis] / every),
    origin: pair(origin, (origin[axis] - first) / every),
  };
};

export const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Some images, or some output rows of one, and the input under them. */
export interface Chunk {
  readonly images: Images;
  readonly first: number;
  readonly count: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** Bytes of padded input at a time: about the second cache, as every tap comes back to it. */
export const CHUNK_BYTES = 2 ** 20;
/** Positions in an offset table. */
const CHUNK_POSITIONS = 2 ** 16;

/** What part of the input lies under output rows y … y + rows − 1. */
export const extentOf = (
  { out, taps, stride, dilation, origin }: Correlation,
  y: number,
  rows: number,
): Extent => ({
  top: origin[0] + y * stride[0],
  left: origin[1],
  rows: (rows - 1) * stride[0] + (taps.rows.size - 1) * dilation[0] + 1,
  columns: (out.shape[3]! - 1) * stride[1] + (taps.columns.size - 1) * dilation[1] + 1,
});

export const isInside = (
  { top, left, rows, columns }: Extent,
  [, , height, width]: readonly number[],
): boolean => top >= 0 && left >= 0 && top + rows <= height! && left + columns <= width!;

export interface Needs {
  /** Whether input that needs no padding can be read where it is. */
  readonly mayStay: boolean;
  /** Whether neighbouring outputs of a row must read neighbouring inputs. */
  readonly neighbours: boolean;
  /** Into how many phases a row is de-interleaved. Default: the horizontal stride. */
  readonly phases?: number;
}

/** Calls `work` for all parts of the output, one after the other, since they share a workspace. */
export const eachChunk = (
  correlation: Correlation,
  { mayStay, neighbours, phases: wanted }: Needs,
  work: (chunk: Chunk) => void,
): void => {
  const { out, input, taps, stride, dilation } = correlation;
  const [count, , height, width] = out.shape as [number, number, number, number];
  if (elementCount(out.shape) === 0) return;
  const whole = extentOf(correlation, 0, height);
  const several = (images: number, place: (first: number, count: number) => Images): void => {
    for (let first = 0; first < count; first += images) {
      const some = Math.min(images, count - first);
      work({ images: place(first, some), first, count: some, firstRow: 0, rows: height });
    }
  };
  const byPositions = Math.max(1, Math.floor(CHUNK_POSITIONS / (height * width)));

  if (taps.rows.size === 0 || taps.columns.size === 0) {
    several(byPositions, () => inPlace(input, 0, { ...whole, top: 0, left: 0 }));
    return;
  }
  if (mayStay && isInside(whole, input.shape)) {
    several(byPositions, (first) => inPlace(input, first, whole));
    return;
  }
  // With one tap only the columns under it are wanted: de-interleaving would copy the others, too.
  const phases = wanted ?? (taps.columns.size === 1 && !neighbours ? 1 : stride[1]);
  const image = paddedBytes(input, whole, phases);
  if (image <= CHUNK_BYTES) {
    const images = Math.min(byPositions, Math.max(1, Math.floor(CHUNK_BYTES / image)));
    several(images, (first, some) => pad('conv.padded', input, first, some, whole, phases));
    return;
  }
  // Bands of rows. Neighbours share some input; at most half of a band is copied twice.
  const perRow = image / whole.rows;
  const shared = (taps.rows.size - 1) * dilation[0];
  const fitting = Math.floor((CHUNK_BYTES / perRow - shared) / stride[0]);
  const least = Math.max(1, Math.ceil(shared / stride[0]));
  const band = Math.min(height, Math.max(fitting, least));
  for (let first = 0; first < count; first++) {
    for (let firstRow = 0; firstRow < height; firstRow += band) {
      const rows = Math.min(band, height - firstRow);
      const extent = extentOf(correlation, firstRow, rows);
      work({ images: pad('conv.padded', input, first, 1, extent, phases), first, count: 1, firstRow, rows });
    }
  }
};

/** Whether input may be read where it is: nothing to widen. */
export const isWide = ({ dtype }: View): boolean => {
  const storage = storageOf[dtype];
  return storageBytes[storage] === storageBytes[loadedElement[storage]];
};

/** Where the taps of one group read, from a pixel's place in the group's first channel. */
export const tapAxis = ({ taps, dilation }: Correlation, images: Images): Axis => ({
  walks: [
    { size: taps.channels.size, step: images.channel },
    { size: taps.rows.size, step: dilation[0] * images.row },
    { size: taps.columns.size, step: dilation[1] * images.column },
  ],
  ...(images.phases.count > 1 && { phases: images.phases }),
});

/** Where the pixels of a chunk's output read: under their first tap, in the group's first channel. */
export const pixelAxis = ({ out, stride }: Correlation, { images, count, rows }: Chunk): Axis => ({
  walks: [
    { size: count, step: images.image },
    { size: rows, step: stride[0] * images.row },
    { size: out.shape[3]!, step: images.phases.count > 1 ? 1 : stride[1] * images.column },
  ],
});

/** Where the pixels of a chunk's output are written, from its first one on. */
export const outAxis = ({ out }: Correlation, { count, rows }: Chunk): Axis => ({
  walks: [
    { size: count, step: out.strides[0]! },
    { size: rows, step: out.strides[2]! },
    { size: out.shape[3]!, step: out.strides[3]! },
  ],
});

/** Where the first pixel of a chunk is in an output's first channel. */
export const outOffset = ({ offset, strides }: View, { first, firstRow }: Chunk): number =>
  offset + first * strides[0]! + firstRow * strides[2]!;
