/** Kernels of the weight's gradient: the products summed over tiles, and the last transform. */
import {
  accumulator,
  constant,
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
} from '../../../lang/index.ts';
import { once } from '../../once.ts';
import { storeRow, turnedColumns } from './bands.ts';
import { CHANNELS } from './layout.ts';
import { TAPS, transposed, winogradOf, type TileSize } from './matrices.ts';
import { apart, transform } from './transform.ts';

type SumSpec = ReturnType<typeof sumSpec>;
const sumSpec = (element: 'f32' | 'f64') => ({
  /** As the transforms leave them: see `layout.ts`. */
  gradients: input(element),
  inputs: input(element),
  /** [point][output][input], of the block. */
  sums: inout(element),
  /** The block's first output, and of how many panels of `rows` it is. */
  firstOut: index,
  outPanels: index,
  /** The first input of the block's panels of so many vectors, how many panels, and where in the block they begin. */
  firstChannel: index,
  panels: index,
  column: index,
  /** Inputs that there are. */
  channels: index,
  /** The first tile, and how many. */
  firstTile: index,
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

/**
 * sums[point][o][c] = Σ gradients[point][o][tile] · inputs[point][c][tile], at points and of panels of inputs
 * begin … end − 1, counted panel by panel. Lanes are inputs.
 *
 * @param rows  outputs at a time, which fall evenly into blocks of channels
 */
export const sumKernel = once(
  (element: 'f32' | 'f64', rows: number, vectors: number): KernelDefinition<SumSpec> =>
    kernel(`winograd.sum.${element}.${String(rows)}x${String(vectors)}`, sumSpec(element), (args, range) => {
      const { gradients, inputs, sums, firstOut, outPanels, firstChannel, panels, column, channels } = args;
      const { firstTile, tiles, gradientBlock, gradientStep, inputBlock, inputStep } = args;
      const { sumStep, sumPitch, accumulate } = args;
      const { lanes, machine } = inputs.builder;
      const step = CHANNELS * elementBytes[element];

      loop(range, (place) => {
        const point = place.div(panels);
        const panel = place.sub(point.mul(panels)).mul(vectors * lanes);
        const c = firstChannel.add(panel);
        const tilesBefore = firstTile.mul(CHANNELS);
        const left = gradients.plus(point.mul(gradientStep).add(tilesBefore));
        const right = inputs.plus(point.mul(inputStep).add(tilesBefore));
        const rights = unroll(vectors, (j) => {
          // Vectors that are not there are taken from the last block, and nobody reads their sums.
          const channel = c.add(j * lanes);
          const block = channel.min(channels.sub(1)).div(CHANNELS);
          return right.plus(block.mul(inputBlock).add(channel.rem(CHANNELS)));
        });
        const to = sums.plus(point.mul(sumStep).add(column).add(panel));
        // What lies between the transforms fills more than the second cache. So the next panel of inputs is asked for
        // meanwhile, a block of channels with each panel of outputs, and with the last one of a point its next gradients.
        const next = place.add(1);
        const nextPoint = next.div(panels);
        const nextChannel = firstChannel.add(next.sub(nextPoint.mul(panels)).mul(vectors * lanes));
        const nextInputs = inputs
          .plus(nextPoint.mul(inputStep).add(tilesBefore))
          .plus(nextChannel.div(CHANNELS).mul(inputBlock));
        const nextGradients = nextPoint.sub(point).mul(gradientStep).mul(elementBytes[element]);
        loop(outPanels, (outPanel) => {
          const o = outPanel.mul(rows);
          const output = firstOut.add(o);
          const block = output.div(CHANNELS);
          const from = left.plus(block.mul(gradientBlock).add(output.sub(block.mul(CHANNELS))));
          const totals = grid(rows, vectors, () => accumulator(element));
          const asked = outPanel.min(Math.ceil((vectors * lanes) / CHANNELS) - 1);
          const ahead = nextInputs.plus(asked.mul(inputBlock)).address.sub(from.address);
          const walks = rights.map((pointer) => pointer.walk());
          loop(
            { begin: from.address, end: from.address.add(tiles.mul(step)) },
            (at) => {
              const factors = new Pointer(gradients.builder, gradients.param, element, at);
              if (machine.prefetches === true) {
                factors.plusBytes(ahead).prefetch(0, 'read');
                factors.plusBytes(nextGradients).prefetch(0, 'read');
              }
              const row = walks.map((pointer) => pointer.vector());
              totals.forEach((line, i) => {
                const factor = factors.splat(i);
                line.forEach((total, j) => {
                  total.accumulate(factor, row[j]!);
                });
                settle();
              });
              for (const pointer of walks) pointer.advance(CHANNELS);
            },
            { step },
          );
          const results = to.plus(o.mul(sumPitch));
          when(accumulate.ne(0), () => {
            totals.forEach((line, i) => {
              const already = results.plus(sumPitch.mul(i));
              line.forEach((total, j) => {
                total.update('add', already.vector(j * lanes));
              });
            });
          });
          totals.forEach((line, i) => {
            const target = results.plus(sumPitch.mul(i));
            line.forEach((total, j) => {
              target.set(j * lanes, total);
            });
          });
        });
      });
    }),
);

type GradientSpec = ReturnType<typeof gradientSpec>;
const gradientSpec = (element: 'f32' | 'f64') => ({
  /** [point][output][input], of a block. */
  sums: input(element),
  gradWeight: inout(element),
  /** Scratch memory: a piece for each position, of which that of the first is used. */
  waiting: inout(element),
  /** Where the taps of a pair of channels lie: nine entries. */
  offsets: input('i32'),
  channels: index,
  channelStep: index,
  outStep: index,
  sumStep: index,
  sumPitch: index,
});

/** Elements of a piece of scratch memory: the points of a vector that were transformed along one axis, and its taps. */
export const gradientPiece = (m: TileSize, lanes: number): number =>
  TAPS * (m + 2) * lanes + turnedColumns(TAPS * TAPS) * CHANNELS;

/**
 * Gᵀ S G for output channels begin … end − 1. Lanes are input channels.
 *
 * @param dense  whether the nine taps of a pair of channels follow one another: they are turned, and stored together
 */
export const gradientKernel = once(
  (element: 'f32' | 'f64', m: TileSize, dense: boolean): KernelDefinition<GradientSpec> => {
    const name = `winograd.gradient.${element}.${String(m)}.${dense ? 'dense' : 'strided'}`;
    return kernel(name, gradientSpec(element), (args, range) => {
      const { sums, gradWeight, waiting, offsets, channels, channelStep, outStep, sumStep, sumPitch } = args;
      const { lanes } = sums.builder;
      const matrix = transposed(winogradOf(m).taps);
      const size = m + 2;
      const pointBytes = sumStep.mul(elementBytes[element]);
      const lineBytes = pointBytes.mul(size);
      const piece = waiting.plus(range.begin.mul(gradientPiece(m, lanes)));
      const taps = piece.plus(TAPS * size * lanes);

      loop(range, (o) => {
        const from = sums.plus(o.mul(sumPitch));
        const to = gradWeight.plus(o.mul(outStep));
        eachLane(channels, ({ base, count }) => {
          const corner = from.plus(base).walk('corner');
          const place = piece.walk('place');
          loop(size, () => {
            const column = apart(corner, lineBytes, size).map((pointer) => pointer.vector());
            transform(matrix, column).forEach((value, i) => {
              place.set(i * size * lanes, value);
            });
            corner.advanceBytes(pointBytes);
            place.advance(lanes);
          });
          const source = piece.walk('source');
          const target = to.plus(base.mul(channelStep));
          loop(TAPS, (i) => {
            const row = Array.from({ length: size }, (_, j) => source.vector(j * lanes));
            transform(matrix, row).forEach((value, j) => {
              const tap = i.mul(TAPS).add(j);
              if (dense) taps.set(tap.mul(CHANNELS), value);
              else {
                const there = target.plus(offsets.scalar(tap).to('index'));
                there.set(0, value, { count, stride: channelStep });
              }
            });
            source.advance(size * lanes);
          });
          if (!dense) return;
          const some = count ?? constant(lanes, 'index');
          const turned = { count: constant(TAPS * TAPS, 'index'), channelStep, channels: some };
          storeRow(turned, taps, target, (channel, tap, values, part) => {
            channel.set(tap, values, { count: part });
          });
        });
      });
    });
  },
);
