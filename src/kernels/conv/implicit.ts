/**
 * Convolution as a matrix product whose right side is never stored: offset tables say where its elements are, and
 * the product packs them panel by panel.
 *
 *     out[o, (n, y, x)] = taps[o, (c, i, j)] · input[(c, i, j), (n, y, x)]
 *
 * @see Chetlur et al. 2014, "cuDNN: Efficient Primitives for Deep Learning", arXiv:1410.0759, section 3.1
 */
import { storageOf, type View } from '../../device/view.ts';
import { product } from '../gemm.ts';
import {
  eachChunk,
  extentOf,
  isInside,
  outAxis,
  outOffset,
  pixelAxis,
  tapAxis,
  type Chunk,
  type Correlation,
} from './correlation.ts';
import { byGroups } from './groups.ts';

export const implicitCorrelation = (correlation: Correlation): void => {
  const { input, taps, stride } = correlation;
  // Without padding the panels are packed straight from the input, if it is gone over as cheaply as a padded copy.
  const once = taps.rows.size * taps.columns.size <= stride[0] * stride[1];
  const dense = stride[1] === 1 && input.strides[3] === 1;
  const mayStay = once || dense;
  const stays = mayStay && isInside(extentOf(correlation, 0, correlation.out.shape[2]!), input.shape);
  for (const part of stays ? [correlation] : byGroups(correlation)) {
    const run = ofEachForm((chunk) => prepare(part, chunk));
    eachChunk(part, { mayStay, neighbours: false }, run);
  }
};

/** Prepares anew when a chunk is not like the one before it. */
export const ofEachForm = (prepared: (chunk: Chunk) => (chunk: Chunk) => void): ((chunk: Chunk) => void) => {
  let last: Chunk | undefined;
  let run: (chunk: Chunk) => void = () => undefined;
  return (chunk) => {
    if (last?.count !== chunk.count || last.rows !== chunk.rows) run = prepared(chunk);
    last = chunk;
    run(chunk);
  };
};

/** The products of all groups. */
const prepare = (correlation: Correlation, like: Chunk): ((chunk: Chunk) => void) => {
  const { out, taps, bias, epilogue, groups } = correlation;
  const residual = epilogue?.residual;
  const channelStep = out.strides[1]!;
  const run = product({
    a: {
      storage: taps.storage,
      type: taps.type,
      rows: { walks: [taps.out] },
      columns: { walks: [taps.channels, taps.rows, taps.columns] },
    },
    b: {
      storage: like.images.storage,
      type: like.images.type,
      rows: tapAxis(correlation, like.images),
      columns: pixelAxis(correlation, like),
    },
    out: {
      storage: out.storage,
      type: storageOf[out.dtype],
      rows: { walks: [{ size: taps.out.size, step: channelStep }] },
      columns: outAxis(correlation, like),
    },
    bias: bias && { storage: bias.storage, step: stepOf(bias), along: 'rows' },
    epilogue,
    repeats: 'a',
  });
  return (chunk) => {
    for (let group = 0; group < groups; group++) {
      const first = group * taps.out.size * channelStep;
      run({
        a: taps.offset + group * taps.group,
        b: chunk.images.offset + group * taps.channels.size * chunk.images.channel,
        out: outOffset(out, chunk) + first,
        ...(residual && { residual: outOffset(residual, chunk) + first }),
        bias: bias === null ? 0 : bias.offset + group * taps.out.size * stepOf(bias),
      });
    }
  };
};

const stepOf = (bias: View): number => bias.strides[0]!;
