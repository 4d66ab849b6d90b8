/**
 * The gradient of a convolution by its weight, as a matrix product over all output positions:
 *
 *     gradWeight[o, (c, i, j)] = Σ grad[o, (n, y, x)] · input[(n, y, x), (c, i, j)]
 *
 * with the same input under the same taps as in the convolution.
 */
import type { ConvGeometry } from '../../device/backend.ts';
import { workspace } from '../../device/memory.ts';
import { contiguousStrides, elementCount, storageOf, type View } from '../../device/view.ts';
import { storageBytes } from '../../lang/index.ts';
import { copy } from '../copy.ts';
import { fill } from '../fill.ts';
import { product, type Offsets } from '../gemm.ts';
import { eachChunk, type Chunk, type Correlation } from './correlation.ts';
import { forward } from './forward.ts';

/** Sums of 16-bit floats are kept as float32 until they are whole. */
export const inWideType = (gradWeight: View, sum: (out: View) => void): void => {
  if (storageBytes[storageOf[gradWeight.dtype]] >= 4) {
    sum(gradWeight);
    return;
  }
  const { shape } = gradWeight;
  const wide: View = {
    storage: workspace('conv.gradWeight', elementCount(shape) * storageBytes.f32),
    dtype: 'float32',
    shape,
    strides: contiguousStrides(shape),
    offset: 0,
  };
  sum(wide);
  copy(gradWeight, wide);
};

export const implicitWeightGrad = (
  gradWeight: View,
  grad: View,
  input: View,
  geometry: ConvGeometry,
): void => {
  const correlation = forward(grad, input, gradWeight, null, geometry);
  let prepared: { readonly run: (chunk: Chunk) => void; readonly form: string } | undefined;
  let accumulate = false;
  eachChunk(correlation, true, (chunk) => {
    const form = `${String(chunk.count)} ${String(chunk.rows)} ${String(accumulate)}`;
    if (prepared?.form !== form) prepared = { run: prepare(correlation, chunk, accumulate), form };
    prepared.run(chunk);
    accumulate = true;
  });
  if (!accumulate) fill(gradWeight, 0);
};

/** The products of all groups, for chunks of one form. */
const prepare = (
  { out: grad, taps, stride, dilation, groups }: Correlation,
  { images, count, rows }: Chunk,
  accumulate: boolean,
): ((chunk: Chunk) => void) => {
  const [gradImage, gradChannel, gradRow, gradColumn] = grad.strides as [number, number, number, number];
  const width = grad.shape[3]!;
  const deinterleaved = images.phases.count > 1;
  const run: (at: Offsets) => void = product({
    a: {
      storage: grad.storage,
      type: storageOf[grad.dtype],
      rows: { walks: [{ size: taps.out.size, step: gradChannel }] },
      columns: {
        walks: [
          { size: count, step: gradImage },
          { size: rows, step: gradRow },
          { size: width, step: gradColumn },
        ],
      },
    },
    b: {
      storage: images.storage,
      type: images.type,
      rows: {
        walks: [
          { size: count, step: images.image },
          { size: rows, step: stride[0] * images.row },
          { size: width, step: deinterleaved ? 1 : stride[1] * images.column },
        ],
      },
      columns: {
        walks: [
          { size: taps.channels.size, step: images.channel },
          { size: taps.rows.size, step: dilation[0] * images.row },
          { size: taps.columns.size, step: dilation[1] * images.column },
        ],
        ...(deinterleaved && { phases: images.phases }),
      },
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
        a:
          grad.offset +
          chunk.first * gradImage +
          chunk.firstRow * gradRow +
          group * taps.out.size * gradChannel,
        b: chunk.images.offset + group * taps.channels.size * chunk.images.channel,
        out: taps.offset + group * taps.group,
      });
    }
  };
};
