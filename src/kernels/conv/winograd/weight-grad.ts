/**
 * The gradient of a convolution by its 3 × 3 weight, at stride 1: the transposed algorithm. What the transforms of taps
 * and of outputs did, their transposes undo; inputs are transformed as they were.
 *
 *     gradWeight = Gᵀ [ Σ (A dY Aᵀ) ⊙ (Bᵀ d B) ] G     over all tiles
 *
 * @see Lavin & Gray 2015, arXiv:1509.09308, section 4.3
 */
import type { ConvGeometry } from '../../../device/backend.ts';
import { launch } from '../../../device/launch.ts';
import { workspace } from '../../../device/memory.ts';
import { currentTarget } from '../../../device/target.ts';
import { grainOf } from '../../../device/threads/grain.ts';
import type { View } from '../../../device/view.ts';
import { storageBytes } from '../../../lang/index.ts';
import { fill } from '../../fill.ts';
import { offsetTable } from '../../gemm-offsets.ts';
import { tileOf } from '../../gemm-tile.ts';
import { forward } from '../forward.ts';
import { pad } from '../padded.ts';
import {
  eachBlock,
  elementOf,
  roomFor,
  rowsOfBlock,
  strips,
  transformTiles,
  undilated,
  type Block,
} from './blocks.ts';
import { oddLines, pointsOf } from './layout.ts';
import type { TileSize } from './matrices.ts';
import { gradientKernel, sumKernel } from './gradient.ts';

/** Of transformed tiles at a time: many, as summing the lanes at the end of each block has its price. */
const BLOCK_BYTES = 8 * 2 ** 20;

/** @param gradWeight  float32 or float64 */
export const winogradWeightGrad = (
  gradWeight: View,
  grad: View,
  input: View,
  geometry: ConvGeometry,
  m: TileSize,
): void => {
  const correlation = forward(grad, input, gradWeight, null, geometry);
  const { taps, groups } = correlation;
  const element = elementOf(gradWeight);
  const bytes = storageBytes[element];
  const { rows, vectors } = tileOf(currentTarget().machine, element);
  const outPanels = Math.ceil(taps.out.size / rows);
  const inPanels = Math.ceil(taps.channels.size / vectors);
  const atOnce = Math.max(
    1,
    Math.floor(BLOCK_BYTES / (pointsOf(m) * (taps.out.size + taps.channels.size) * bytes)),
  );

  const sumPitch = inPanels * vectors;
  const sumStep = oddLines(outPanels * rows * sumPitch, element);
  const sumBytes = pointsOf(m) * sumStep * bytes;
  const sums = workspace(`winograd.sums.${element}`, groups * sumBytes);
  let accumulate = 0;
  for (const dense of undilated(correlation)) {
    for (const strip of strips(dense, m, atOnce)) {
      const rowsAtOnce = rowsOfBlock(strip, m, atOnce);
      const tiles = rowsAtOnce * Math.ceil(strip.out.shape[3]! / m);
      const inputs = roomFor('inputs', element, m, inPanels * vectors, tiles);
      const gradients = roomFor('products', element, m, outPanels * rows, tiles);
      const padded = ofEachChunk(strip.out, m);
      eachBlock(
        strip,
        m,
        () => rowsAtOnce,
        (block) => {
          const gradImages = padded(block);
          for (let group = 0; group < groups; group++) {
            const ins = { first: group * taps.channels.size, count: taps.channels.size };
            const outs = { first: group * taps.out.size, count: taps.out.size };
            transformTiles('inputs', m, block.chunk.images, ins, block, inputs);
            transformTiles('gradients', m, gradImages, outs, block, gradients);
            launch(
              sumKernel(element),
              {
                gradients: gradients.storage,
                inputs: inputs.storage,
                sums: { storage: sums, byteOffset: group * sumBytes },
                outPanels,
                inPanels,
                tiles: block.rows * block.columns,
                pitch: inputs.pitch,
                gradientStep: gradients.point,
                inputStep: inputs.point,
                sumStep,
                sumPitch,
                accumulate,
              },
              0,
              pointsOf(m) * outPanels,
              { grain: grainOf({ flops: 2 * rows * inPanels * vectors * block.rows * block.columns }) },
            );
          }
          accumulate = 1;
        },
      );
    }
  }
  if (accumulate === 0) {
    fill(gradWeight, 0);
    return;
  }
  for (let group = 0; group < groups; group++) {
    launch(
      gradientKernel(element, m),
      {
        sums: { storage: sums, byteOffset: group * sumBytes },
        gradWeight: { storage: taps.storage, byteOffset: (taps.offset + group * taps.group) * bytes },
        offsets: offsetTable({ walks: [taps.rows, taps.columns] }),
        channels: taps.channels.size,
        channelStep: taps.channels.step,
        outStep: taps.out.step,
        sumStep,
        sumPitch,
      },
      0,
      taps.out.size,
      { grain: grainOf({ flops: 16 * pointsOf(m) * taps.channels.size }) },
    );
  }
};

/** The gradients of a block's chunk, with zeros up to whole tiles; copied when the chunk is a new one. */
const ofEachChunk = (grad: View, m: TileSize) => {
  let last: Block['chunk'] | null = null;
  let images: ReturnType<typeof pad> | null = null;
  return ({ chunk, columns }: Block): ReturnType<typeof pad> => {
    if (images === null || last !== chunk) {
      const extent = { top: chunk.firstRow, left: 0, rows: chunk.rows, columns: columns * m };
      images = pad('conv.grad', grad, chunk.first, chunk.count, extent, m);
      last = chunk;
    }
    return images;
  };
};
