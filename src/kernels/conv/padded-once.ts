/**
 * Correlations of one input, as the parts of a strided convolution's input gradient are, on a copy of it between zeros that
 * is made once for all of them, some images or rows at a time. Each by itself would pad it anew.
 */
import { narrowed, type View } from '../../device/view.ts';
import { evenParts } from '../gemm-tile.ts';
import { CHUNK_BYTES, extentOf, isInside, isWide, type Correlation } from './correlation.ts';
import { pad, paddedBytes, type Extent } from './padded.ts';

/** Where more products than this are with padding, an algorithm may leave them out: for that it must see where they are. */
const MOST_OUTSIDE = 1 / 32;
/** Fewer rows at a time are not worth their launches. */
const LEAST_ROWS = 8;

/** Calls `work` for correlations that make together what these do; first for what they make of the input's first rows. */
export const paddedOnce = (
  correlations: readonly Correlation[],
  work: (correlation: Correlation) => void,
): void => {
  const reaching = correlations.filter(reachesOut);
  const { input } = correlations[0]!;
  if (reaching.length < 2 || !isWide(input) || reaching.some(isMuchOutside)) {
    correlations.forEach(work);
    return;
  }
  const height = Math.max(...correlations.map(({ out }) => out.shape[2]!));
  const whole = extentOfAll(reaching, 0, height);
  const image = paddedBytes(input, whole, 1);
  const shared = whole.rows - height;
  const fitting = Math.floor((CHUNK_BYTES * whole.rows) / image) - shared;
  if (fitting < Math.min(LEAST_ROWS, height)) {
    correlations.forEach(work);
    return;
  }
  const band = evenParts(height, fitting);
  const count = input.shape[0]!;
  const atOnce = band < height ? 1 : Math.min(count, Math.max(1, Math.floor(CHUNK_BYTES / image)));
  for (let first = 0; first < count; first += atOnce) {
    const images = Math.min(atOnce, count - first);
    for (let row = 0; row < height; row += band) {
      const extent = extentOfAll(reaching, row, Math.min(band, height - row));
      const {
        storage,
        image: imageStep,
        channel,
        row: rowStep,
      } = pad('conv.once', input, first, images, extent, 1);
      const padded: View = {
        storage,
        dtype: input.dtype,
        shape: [images, input.shape[1]!, extent.rows, extent.columns],
        strides: [imageStep, channel, rowStep, 1],
        offset: 0,
      };
      for (const correlation of correlations) {
        const { out, origin, stride } = correlation;
        const rows = Math.min(band, out.shape[2]! - row);
        if (rows <= 0) continue;
        const top = origin[0] + row * stride[0];
        const isPadded = reaching.includes(correlation);
        work({
          ...correlation,
          out: narrowed(narrowed(out, 0, first, images), 2, row, rows),
          input: isPadded ? padded : narrowed(input, 0, first, images),
          origin: isPadded ? [top - extent.top, origin[1] - extent.left] : [top, origin[1]],
        });
      }
    }
  }
};

const reachesOut = (correlation: Correlation): boolean =>
  correlation.taps.rows.size > 0 &&
  correlation.taps.columns.size > 0 &&
  !isInside(extentOf(correlation, 0, correlation.out.shape[2]!), correlation.input.shape);

/** Along an axis: of all pairs of an output and a tap those that meet padding. */
const isMuchOutside = ({ out, input, taps, stride, dilation, origin }: Correlation): boolean =>
  ([0, 1] as const).some((axis) => {
    const { size } = axis === 0 ? taps.rows : taps.columns;
    const [outputs, inputs] = [out.shape[axis + 2]!, input.shape[axis + 2]!];
    let outside = 0;
    for (let output = 0; output < outputs; output++)
      for (let tap = 0; tap < size; tap++) {
        const place = origin[axis] + output * stride[axis] + tap * dilation[axis];
        if (place < 0 || place >= inputs) outside++;
      }
    return outside > MOST_OUTSIDE * outputs * size;
  });

/** What all of them read for rows y … y + rows − 1 of their outputs. */
const extentOfAll = (correlations: readonly Correlation[], y: number, rows: number): Extent => {
  const extents = correlations.map((correlation) => extentOf(correlation, y, rows));
  const top = Math.min(...extents.map((extent) => extent.top));
  const left = Math.min(...extents.map((extent) => extent.left));
  return {
    top,
    left,
    rows: Math.max(...extents.map((extent) => extent.top + extent.rows)) - top,
    columns: Math.max(...extents.map((extent) => extent.left + extent.columns)) - left,
  };
};
