/**
 * The gradient of a convolution by its weight, as a matrix product over all output positions:
 *
 *     gradWeight[o, (c, i, j)] = Σ grad[o, (n, y, x)] · input[(n, y, x), (c, i, j)]
 *
 * with the same input under the same taps as in the convolution.
 */
import type { ConvGeometry } from '../../device/backend.ts';
import { storageOf, type View } from '../../device/view.ts';
import { fill } from '../fill.ts';
import { product } from '../gemm.ts';
import {
  eachChunk,
  outAxis,
  outOffset,
  pixelAxis,
  tapAxis,
  type Chunk,
  type Correlation,
} from './correlation.ts';
import { forward } from './forward.ts';
import { ofEachForm } from './implicit.ts';

export const implicitWeightGrad = (
  gradWeight: View,
  grad: View,
  input: View,
  geometry: ConvGeometry,
): void => {
  const correlation = forward(grad, input, gradWeight, null, geometry);
  let accumulate = false;
  const first = ofEachForm((chunk) => prepare(correlation, chunk, false));
  const further = ofEachForm((chunk) => prepare(correlation, chunk, true));
  eachChunk(correlation, { mayStay: true, neighbours: false }, (chunk) => {
    (accumulate ? further : first)(chunk);
    accumulate = true;
  });
  if (!accumulate) fill(gradWeight, 0);
};

/** The products of all groups. */
const prepare = (correlation: Correlation, like: Chunk, accumulate: boolean): ((chunk: Chunk) => void) => {
  const { out: grad, taps, groups } = correlation;
  const channelStep = grad.strides[1]!;
  const run = product({
    a: {
      storage: grad.storage,
      type: storageOf[grad.dtype],
      rows: { walks: [{ size: taps.out.size, step: channelStep }] },
      columns: outAxis(correlation, like),
    },
    b: {
      storage: like.images.storage,
      type: like.images.type,
      rows: pixelAxis(correlation, like),
      columns: tapAxis(correlation, like.images),
    },
    out: {
      storage: taps.storage,
      type: taps.type,
      rows: { walks: [taps.out] },
      columns: { walks: [taps.channels, taps.rows, taps.columns] },
    },
    accumulate,
  });
  return (chunk) => {
    for (let group = 0; group < groups; group++) {
      run({
        a: outOffset(grad, chunk) + group * taps.out.size * channelStep,
        b: chunk.images.offset + group * taps.channels.size * chunk.images.channel,
        out: taps.offset + group * taps.group,
      });
    }
  };
};
