/** The products at all points: a small matrix product each, on tiles as the transforms leave them. */
import {
  accumulator,
  constant,
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
import { CHANNELS } from './layout.ts';

type MultiplySpec = ReturnType<typeof multiplySpec>;
const multiplySpec = (element: 'f32' | 'f64') => ({
  /** Transformed taps: for each point and panel of outputs, the panel's outputs for one channel after another. */
  taps: input(element),
  /** Transformed inputs, and the products: see `layout.ts`. */
  inputs: input(element),
  out: output(element),
  channels: index,
  /** The first panel of outputs, how many panels, and elements of one. */
  firstPanel: index,
  panels: index,
  panelSize: index,
  tiles: index,
  tapStep: index,
  inputBlock: index,
  inputStep: index,
  outBlock: index,
  outStep: index,
});

/**
 * Products at points and of panels of outputs begin … end − 1, counted panel by panel. Some tiles at a time, of which the
 * last ones are taken twice if they are fewer than the others: there must be at least `rows`.
 *
 * @param rows     tiles at a time
 * @param vectors  vectors of outputs
 * @param width    vectors of a panel
 */
export const multiplyKernel = once(
  (element: 'f32' | 'f64', rows: number, vectors: number, width: number): KernelDefinition<MultiplySpec> =>
    kernel(
      `winograd.multiply.${element}.${String(rows)}x${String(vectors)}of${String(width)}`,
      multiplySpec(element),
      (args, range) => {
        const { taps, inputs, out, channels, firstPanel, panels, panelSize, tiles } = args;
        const { tapStep, inputBlock, inputStep, outBlock, outStep } = args;
        const { lanes } = taps.builder;
        const bytes = elementBytes[element];

        const step = vectors * lanes * bytes;
        const pace = constant(step, 'index').div(tiles.add(rows - 1).div(rows));

        loop(range, (place) => {
          const point = place.div(panels);
          const panel = place.sub(point.mul(panels)).add(firstPanel);
          const left = inputs.plus(point.mul(inputStep));
          const right = taps.plus(point.mul(tapStep).add(panel.mul(panelSize)));
          const results = out.plus(point.mul(outStep));
          const columns = unroll(vectors, (j) => {
            const channel = panel.mul(width * lanes).add(j * lanes);
            const block = channel.div(CHANNELS);
            return results.plus(block.mul(outBlock).add(channel.sub(block.mul(CHANNELS))));
          });
          // Of the next panel so much is asked for in each step that all of it is there when its turn comes.
          const next = right.plus(panelSize).walk('next');
          loop(
            tiles,
            (some) => {
              const tile = some.min(tiles.sub(rows)).mul(CHANNELS);
              const sums = grid(rows, vectors, () => accumulator(element));
              const from = left.plus(tile).walk('from');
              const factors = right.walk('factors');
              loop(
                channels,
                (channel) => {
                  const end = from.address.add(channels.sub(channel).min(CHANNELS).mul(bytes));
                  loop(
                    { begin: from.address, end },
                    (at) => {
                      const row = new Pointer(inputs.builder, inputs.param, element, at);
                      askAhead(next, step, 0);
                      const line = unroll(vectors, (j) => factors.vector(j * lanes));
                      sums.forEach((totals, i) => {
                        const value = row.splat(i * CHANNELS);
                        totals.forEach((total, j) => {
                          total.accumulate(value, line[j]!);
                        });
                        settle();
                      });
                      factors.advance(width * lanes);
                      next.advanceBytes(pace);
                    },
                    { step: bytes },
                  );
                  from.advance(inputBlock);
                },
                { step: CHANNELS },
              );
              const targets = columns.map((pointer) => pointer.plus(tile));
              sums.forEach((totals, i) => {
                totals.forEach((total, j) => {
                  targets[j]!.set(i * CHANNELS, total);
                });
              });
            },
            { step: rows },
          );
        });
      },
    ),
);
