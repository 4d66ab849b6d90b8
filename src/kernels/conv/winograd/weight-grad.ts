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
import { forward } from '../forward.ts';
import { eachBlock, elementOf, roomFor, strips, transformTiles, undilated, wholeBlock } from './blocks.ts';
import { gradientKernel, sumKernel, sumTile } from './gradient.ts';
import { oddLines, pointsOf } from './layout.ts';
import type { TileSize } from './matrices.ts';

/** Of transformed tiles at a time: many, as reading and writing the sums has its price. */
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
  const { rows, vectors, columns } = sumTile(currentTarget().machine, element);
  const outPanels = Math.ceil(taps.out.size / rows);
  const atOnce = Math.max(
    1,
    Math.floor(BLOCK_BYTES / (pointsOf(m) * (taps.out.size + taps.channels.size) * bytes)),
  );

  const sumPitch = Math.ceil(taps.channels.size / columns) * columns;
  const sumStep = oddLines(outPanels * rows * sumPitch, element);
  const sumBytes = pointsOf(m) * sumStep * bytes;
  const sums = workspace(`winograd.sums.${element}`, groups * sumBytes);
  let accumulate = 0;
  for (const dense of undilated(correlation)) {
    for (const strip of strips(dense, m, atOnce)) {
      const whole = wholeBlock(strip, m);
      const rowsAtOnce = Math.min(Math.max(1, Math.floor(atOnce / whole.columns)), whole.rows);
      const tiles = rowsAtOnce * whole.columns;
      const inputs = roomFor('inputs', element, m, taps.channels.size, tiles);
      const gradients = roomFor('products', element, m, taps.out.size, tiles);
      eachBlock(
        strip,
        m,
        () => rowsAtOnce,
        (block) => {
          for (let group = 0; group < groups; group++) {
            const ins = { first: group * taps.channels.size, count: taps.channels.size };
            const outs = { first: group * taps.out.size, count: taps.out.size };
            transformTiles('inputs', m, strip.input, strip.origin, ins, block, inputs);
            transformTiles('gradients', m, strip.out, [0, 0], outs, block, gradients);
            launch(
              sumKernel(element, rows, vectors),
              {
                gradients: gradients.room,
                inputs: inputs.room,
                sums: { storage: sums, byteOffset: group * sumBytes },
                outPanels,
                channels: taps.channels.size,
                tiles: block.rows * block.columns,
                gradientBlock: gradients.block,
                gradientStep: gradients.point,
                inputBlock: inputs.block,
                inputStep: inputs.point,
                sumStep,
                sumPitch,
                accumulate,
              },
              0,
              pointsOf(m) * outPanels,
              { grain: grainOf({ flops: 2 * rows * sumPitch * block.rows * block.columns }) },
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
