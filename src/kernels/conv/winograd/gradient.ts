/** Kernels of the weight's gradient: the products summed over tiles, and the last transform. */
import {
  accumulator,
  eachLane,
  elementBytes,
  grid,
  index,
  inout,
  input,
  kernel,
  loop,
  settle,
  unroll,
  variable,
  when,
  type KernelDefinition,
} from '../../../lang/index.ts';
import { tileOf } from '../../gemm-tile.ts';
import { once } from '../../once.ts';
import { TAPS, transposed, winogradOf, type TileSize } from './matrices.ts';
import { apart, transform } from './transform.ts';

type SumSpec = ReturnType<typeof sumSpec>;
const sumSpec = (element: 'f32' | 'f64') => ({
  /** [point][channel][tile], as the transforms leave them. */
  gradients: input(element),
  inputs: input(element),
  /** [point][output][input] */
  sums: inout(element),
  /** Panels of `rows` outputs, and of `vectors` inputs. */
  outPanels: index,
  inPanels: index,
  tiles: index,
  pitch: index,
  gradientStep: index,
  inputStep: index,
  sumStep: index,
  /** From output to output, of the sums. */
  sumPitch: index,
  /** Whether to add to what is there. */
  accumulate: index,
});

/**
 * sums[point][o][c] = Σ gradients[point][o][tile] · inputs[point][c][tile], at points and of panels of outputs
 * begin … end − 1, counted panel by panel. Each lane sums its tiles, and in the end the lanes are summed.
 */
export const sumKernel = once((element: 'f32' | 'f64'): KernelDefinition<SumSpec> =>
  kernel(`winograd.sum.${element}`, sumSpec(element), (args, range, machine) => {
    const { gradients, inputs, sums, outPanels, inPanels, tiles, pitch } = args;
    const { gradientStep, inputStep, sumStep, sumPitch, accumulate } = args;
    const { rows, vectors } = tileOf(machine, element);

    loop(range, (place) => {
      const point = place.div(outPanels);
      const o = place.sub(point.mul(outPanels)).mul(rows);
      const left = gradients.plus(point.mul(gradientStep).add(o.mul(pitch)));
      const lefts = unroll(rows, (i) => left.plus(pitch.mul(i)));
      const right = inputs.plus(point.mul(inputStep));
      const to = sums.plus(point.mul(sumStep).add(o.mul(sumPitch)));
      loop(inPanels, (panel) => {
        const c = panel.mul(vectors);
        const rights = unroll(vectors, (j) => right.plus(c.add(j).mul(pitch)));
        const totals = grid(rows, vectors, () => accumulator(element));
        eachLane(tiles, (tile) => {
          const row = rights.map((pointer) => pointer.at(tile));
          lefts.forEach((pointer, i) => {
            const factor = pointer.at(tile);
            row.forEach((value, j) => {
              totals[i]![j]!.accumulate(factor, value);
            });
            settle();
          });
        });
        totals.forEach((line, i) => {
          const place = to.plus(sumPitch.mul(i)).plus(c);
          line.forEach((total, j) => {
            const sum = variable(total.reduceAdd());
            when(accumulate.ne(0), () => {
              sum.update('add', place.scalar(j));
            });
            place.set(j, sum);
          });
        });
      });
    });
  }),
);

type GradientSpec = ReturnType<typeof gradientSpec>;
const gradientSpec = (element: 'f32' | 'f64') => ({
  /** [point][output][input], spent afterwards. */
  sums: inout(element),
  gradWeight: inout(element),
  /** Where the taps of a pair of channels lie: nine entries. */
  offsets: input('i32'),
  channels: index,
  channelStep: index,
  outStep: index,
  sumStep: index,
  sumPitch: index,
});

/** Gᵀ S G for output channels begin … end − 1. Lanes are input channels. */
export const gradientKernel = once((element: 'f32' | 'f64', m: TileSize): KernelDefinition<GradientSpec> =>
  kernel(`winograd.gradient.${element}.${String(m)}`, gradientSpec(element), (args, range) => {
    const { sums, gradWeight, offsets, channels, channelStep, outStep, sumStep, sumPitch } = args;
    const matrix = transposed(winogradOf(m).taps);
    const size = m + 2;
    const pointBytes = sumStep.mul(elementBytes[element]);
    const lineBytes = pointBytes.mul(size);

    loop(range, (o) => {
      const from = sums.plus(o.mul(sumPitch));
      const to = gradWeight.plus(o.mul(outStep));
      eachLane(channels, ({ base, lanes, count }) => {
        const corner = from.plus(base);
        const place = to.plus(base.mul(channelStep));
        loop(size, (j) => {
          const points = apart(corner.plusBytes(pointBytes.mul(j)), lineBytes, size);
          const column = points.map((pointer) => pointer.vector(0, { lanes, count }));
          transform(matrix, column).forEach((value, i) => {
            points[i]!.set(0, value, { count });
          });
        });
        loop(TAPS, (i) => {
          const points = apart(corner.plusBytes(lineBytes.mul(i)), pointBytes, size);
          const row = points.map((pointer) => pointer.vector(0, { lanes, count }));
          transform(matrix, row).forEach((value, j) => {
            const tap = offsets.scalar(i.mul(TAPS).add(j)).to('index');
            place.plus(tap).set(0, value, { count, stride: channelStep });
          });
        });
      });
    });
  }),
);
