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
  Pointer,
  settle,
  unroll,
  when,
  type KernelDefinition,
  type Machine,
} from '../../../lang/index.ts';
import { tileOf, type Tile } from '../../gemm-tile.ts';
import { once } from '../../once.ts';
import { CHANNELS } from './layout.ts';
import { TAPS, transposed, winogradOf, type TileSize } from './matrices.ts';
import { apart, transform } from './transform.ts';

type SumSpec = ReturnType<typeof sumSpec>;
const sumSpec = (element: 'f32' | 'f64') => ({
  /** As the transforms leave them: see `layout.ts`. */
  gradients: input(element),
  inputs: input(element),
  /** [point][output][input] */
  sums: inout(element),
  /** Panels of `rows` outputs. */
  outPanels: index,
  channels: index,
  tiles: index,
  gradientBlock: index,
  gradientStep: index,
  inputBlock: index,
  inputStep: index,
  sumStep: index,
  /** From output to output, of the sums. */
  sumPitch: index,
  /** Whether to add to what is there. */
  accumulate: index,
});

/** The tile of the sums: its rows, which are outputs, fall evenly into blocks of channels. */
export const sumTile = (machine: Machine, element: 'f32' | 'f64'): Tile => {
  const tile = tileOf(machine, element);
  return { ...tile, rows: 2 ** Math.floor(Math.log2(tile.rows)) };
};

/**
 * sums[point][o][c] = Σ gradients[point][o][tile] · inputs[point][c][tile], at points and of panels of outputs
 * begin … end − 1, counted panel by panel. Lanes are inputs.
 */
export const sumKernel = once(
  (element: 'f32' | 'f64', rows: number, vectors: number): KernelDefinition<SumSpec> =>
    kernel(`winograd.sum.${element}.${String(rows)}x${String(vectors)}`, sumSpec(element), (args, range) => {
      const { gradients, inputs, sums, outPanels, channels, tiles } = args;
      const { gradientBlock, gradientStep, inputBlock, inputStep, sumStep, sumPitch, accumulate } = args;
      const { lanes } = inputs.builder;
      const step = CHANNELS * elementBytes[element];

      loop(range, (place) => {
        const point = place.div(outPanels);
        const o = place.sub(point.mul(outPanels)).mul(rows);
        const outBlock = o.div(CHANNELS);
        const left = gradients
          .plus(point.mul(gradientStep))
          .plus(outBlock.mul(gradientBlock).add(o.sub(outBlock.mul(CHANNELS))));
        const right = inputs.plus(point.mul(inputStep));
        const to = sums.plus(point.mul(sumStep).add(o.mul(sumPitch)));
        const end = left.address.add(tiles.mul(step));
        loop(
          channels,
          (c) => {
            const totals = grid(rows, vectors, () => accumulator(element));
            const rights = unroll(vectors, (j) => {
              // Vectors that are not there are taken from the last block, and nobody reads their sums.
              const block = c
                .add(j * lanes)
                .min(channels.sub(1))
                .div(CHANNELS);
              return right.plus(block.mul(inputBlock).add(c.add(j * lanes).rem(CHANNELS))).walk();
            });
            loop(
              { begin: left.address, end },
              (at) => {
                const factors = new Pointer(gradients.builder, gradients.param, element, at);
                const row = rights.map((pointer) => pointer.vector());
                totals.forEach((line, i) => {
                  const factor = factors.splat(i);
                  line.forEach((total, j) => {
                    total.accumulate(factor, row[j]!);
                  });
                  settle();
                });
                for (const pointer of rights) pointer.advance(CHANNELS);
              },
              { step },
            );
            totals.forEach((line, i) => {
              const place = to.plus(sumPitch.mul(i)).plus(c);
              line.forEach((total, j) => {
                when(accumulate.ne(0), () => {
                  total.update('add', place.vector(j * lanes));
                });
                place.set(j * lanes, total);
              });
            });
          },
          { step: vectors * lanes },
        );
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
