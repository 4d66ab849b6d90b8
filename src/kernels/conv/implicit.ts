/**
 * Convolution as a matrix product whose right side is never stored: offset tables say where its elements are, and
 * the product packs them panel by panel.
 *
 *     out[o, (n, y, x)] = taps[o, (c, i, j)] · input[(c, i, j), (n, y, x)]
 *
 * @see Chetlur et al. 2014, "cuDNN: Efficient Primitives for Deep Learning", arXiv:1410.0759, section 3.1
 */
import { storageOf } from '../../device/view.ts';
import { product } from '../gemm.ts';
import { eachChunk, type Chunk, type Correlation } from './correlation.ts';

export const implicitCorrelation = (correlation: Correlation): void => {
  const { input, taps, stride } = correlation;
  // Without padding the panels are packed straight from the input, if it is gone over as cheaply as a padded copy.
  const once = taps.rows.size * taps.columns.size <= stride[0] * stride[1];
  const dense = stride[1] === 1 && input.strides[3] === 1;
  let prepared: { readonly run: (chunk: Chunk) => void; readonly form: string } | undefined;
  eachChunk(correlation, once || dense, (chunk) => {
    const form = `${String(chunk.count)} ${String(chunk.rows)}`;
    if (prepared?.form !== form) prepared = { run: prepare(correlation, chunk), form };
    prepared.run(chunk);
  });
};

/** The products of all groups, for chunks of one form. */
const prepare = (
  { out, taps, bias, stride, dilation, groups }: Correlation,
  { images, count, rows }: Chunk,
): ((chunk: Chunk) => void) => {
  const [outImage, outChannel, outRow, outColumn] = out.strides as [number, number, number, number];
  const width = out.shape[3]!;
  const run = product({
    a: {
      storage: taps.storage,
      type: taps.type,
      rows: { walks: [taps.out] },
      columns: { walks: [taps.channels, taps.rows, taps.columns] },
    },
    b: {
      storage: images.storage,
      type: images.type,
      rows: {
        walks: [
          { size: taps.channels.size, step: images.channel },
          { size: taps.rows.size, step: dilation[0] * images.row },
          { size: taps.columns.size, step: dilation[1] * images.column },
        ],
        ...(images.phases.count > 1 && { phases: images.phases }),
      },
      columns: {
        walks: [
          { size: count, step: images.image },
          { size: rows, step: stride[0] * images.row },
          { size: width, step: images.phases.count > 1 ? 1 : stride[1] * images.column },
        ],
      },
    },
    out: {
      storage: out.storage,
      type: storageOf[out.dtype],
      rows: { walks: [{ size: taps.out.size, step: outChannel }] },
      columns: {
        walks: [
          { size: count, step: outImage },
          { size: rows, step: outRow },
          { size: width, step: outColumn },
        ],
      },
    },
    bias: bias && { storage: bias.storage, step: bias.strides[0]!, along: 'rows' },
  });
  return (chunk) => {
    for (let group = 0; group < groups; group++) {
      run({
        a: taps.offset + group * taps.group,
        b: chunk.images.offset + group * taps.channels.size * chunk.images.channel,
        out:
          out.offset + chunk.first * outImage + chunk.firstRow * outRow + group * taps.out.size * outChannel,
        bias: bias === null ? 0 : bias.offset + group * taps.out.size * bias.strides[0]!,
      });
    }
  };
};
