/** The products at all points: a small matrix product each, on panels as the transforms leave them. */
import {
  accumulator,
  elementBytes,
  grid,
  index,
  input,
  kernel,
  loop,
  output,
  Pointer,
  settle,
  unroll,
  type KernelDefinition,
} from '../../../lang/index.ts';
import { askAhead } from '../../ahead.ts';
import { once } from '../../once.ts';

/**
 * Taps are asked for so many bytes ahead: there may be more of them than a cache holds, and the processor's own
 * prefetching ends at each page. Measured in GFLOP/s on AVX-512, without and with it: 512 channels of 7 × 7 161 and 178,
 * 256 of 14 × 14 220 and 236, 64 of 56 × 56 225 and 225; 1024 and 4096 bytes were no better.
 */
const AHEAD = 2048;

type MultiplySpec = ReturnType<typeof multiplySpec>;
const multiplySpec = (element: 'f32' | 'f64') => ({
  /** Transformed taps: for each point and panel of outputs, `rows` outputs for one channel after another. */
  taps: input(element),
  /** Transformed inputs, and the products: [point][channel][tile]. */
  inputs: input(element),
  out: output(element),
  channels: index,
  /** Panels of outputs. */
  outPanels: index,
  /** Panels of `vectors` vectors of tiles, and the tile at which the first begins. */
  tilePanels: index,
  firstTile: index,
  /** From channel to channel, of both. */
  pitch: index,
  tapStep: index,
  inputStep: index,
  outStep: index,
});

/**
 * Products at points and of panels of tiles begin … end − 1, counted panel by panel: the taps of a point stay in the
 * second cache while its panels pass, a panel of inputs in the first while the taps pass it.
 */
export const multiplyKernel = once(
  (element: 'f32' | 'f64', rows: number, vectors: number): KernelDefinition<MultiplySpec> =>
    kernel(
      `winograd.multiply.${element}.${String(rows)}x${String(vectors)}`,
      multiplySpec(element),
      (args, range) => {
        const { taps, inputs, out, channels, outPanels, tilePanels, firstTile, pitch } = args;
        const { tapStep, inputStep, outStep } = args;
        const { lanes } = taps.builder;
        const step = rows * elementBytes[element];
        const panelBytes = channels.mul(step);
        const pitchBytes = pitch.mul(elementBytes[element]);

        loop(range, (place) => {
          const point = place.div(tilePanels);
          const tile = place
            .sub(point.mul(tilePanels))
            .mul(vectors * lanes)
            .add(firstTile);
          const right = inputs.plus(point.mul(inputStep).add(tile));
          const left = taps.plus(point.mul(tapStep)).walk('left');
          const to = out.plus(point.mul(outStep).add(tile)).walk('to');
          loop(outPanels, () => {
            const sums = grid(rows, vectors, () => accumulator(element));
            const from = right.walk('right');
            loop(
              { begin: left.address, end: left.address.add(panelBytes) },
              (at) => {
                const factors = new Pointer(taps.builder, taps.param, element, at);
                askAhead(factors, step, AHEAD);
                const row = unroll(vectors, (j) => from.vector(j * lanes));
                sums.forEach((line, i) => {
                  const factor = factors.splat(i);
                  line.forEach((sum, j) => {
                    sum.accumulate(factor, row[j]!);
                  });
                  settle();
                });
                from.advanceBytes(pitchBytes);
              },
              { step },
            );
            left.advanceBytes(panelBytes);
            for (const line of sums) {
              line.forEach((sum, j) => {
                to.set(j * lanes, sum);
              });
              to.advanceBytes(pitchBytes);
            }
          });
        });
      },
    ),
);
