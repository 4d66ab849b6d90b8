/** The kernel of the direct weight gradient: see `direct-weight-grad.ts`. */
import {
  accumulator,
  eachLane,
  grid,
  index,
  inout,
  input,
  kernel,
  loop,
  unroll,
  variable,
  when,
  type KernelDefinition,
  type Pointer,
} from '../../lang/index.ts';
import { once } from '../once.ts';

type DirectWeightSpec = ReturnType<typeof directWeightSpec>;
const directWeightSpec = (element: 'f32' | 'f64') => ({
  grad: input(element),
  images: input(element),
  gradWeight: inout(element),
  /** Where the planes of the gradient and the rows of the weight's are: `channels` entries for each panel. */
  gradOffsets: input('i32'),
  rowOffsets: input('i32'),
  /** Where a tap reads, and where its gradient is: `taps` entries for each part. */
  tapOffsets: input('i32'),
  columnOffsets: input('i32'),
  /** Parts into which the taps of one panel fall. */
  parts: index,
  groupPanels: index,
  count: index,
  height: index,
  width: index,
  gradImageStep: index,
  gradRowStep: index,
  imageStep: index,
  groupStep: index,
  rowStep: index,
  /** Whether to add to what is there. */
  accumulate: index,
});

/**
 * For pairs begin … end − 1 of a panel of output channels and a part of their taps: each lane sums its pixels of every
 * row of every image, and in the end the lanes are summed.
 */
export const directWeightKernel = once(
  (element: 'f32' | 'f64', channels: number, taps: number): KernelDefinition<DirectWeightSpec> =>
    kernel(
      `conv.directWeight.${element}.${String(channels)}x${String(taps)}`,
      directWeightSpec(element),
      (args, range) => {
        const { grad, images, gradWeight, gradOffsets, rowOffsets, tapOffsets, columnOffsets } = args;
        const { parts, groupPanels, count, height, width, accumulate } = args;
        const { gradImageStep, gradRowStep, imageStep, groupStep, rowStep } = args;

        loop(range, (pair) => {
          const panel = pair.div(parts);
          const part = pair.sub(panel.mul(parts));
          const entries = (table: Pointer, at: typeof pair, number: number) =>
            unroll(number, (i) => table.scalar(at.mul(number).add(i)).to('index'));
          const group = images.plus(panel.div(groupPanels).mul(groupStep));
          const planes = entries(gradOffsets, panel, channels).map((offset) => grad.plus(offset));
          const under = entries(tapOffsets, part, taps).map((offset) => group.plus(offset));
          const sums = grid(channels, taps, () => accumulator(element));

          loop(count, (image) => {
            loop(height, (y) => {
              const gradAt = image.mul(gradImageStep).add(y.mul(gradRowStep));
              const imageAt = image.mul(imageStep).add(y.mul(rowStep));
              const gradLines = planes.map((plane) => plane.plus(gradAt));
              const lines = under.map((tap) => tap.plus(imageAt));
              eachLane(width, (i) => {
                const gradients = gradLines.map((line) => line.at(i));
                const pixels = lines.map((line) => line.at(i));
                sums.forEach((row, o) => {
                  row.forEach((sum, t) => {
                    sum.accumulate(gradients[o]!, pixels[t]!);
                  });
                });
              });
            });
          });

          // The last panel and the last part may hold something twice: so all is read before anything is written.
          const columns = entries(columnOffsets, part, taps);
          const rows = entries(rowOffsets, panel, channels).map((offset) => gradWeight.plus(offset));
          const places = rows.map((row) => columns.map((column) => row.plus(column)));
          const totals = sums.map((row) => row.map((sum) => variable(sum.reduceAdd())));
          when(accumulate.ne(0), () => {
            totals.forEach((row, o) => {
              row.forEach((total, t) => {
                total.update('add', places[o]![t]!.scalar());
              });
            });
          });
          totals.forEach((row, o) => {
            row.forEach((total, t) => {
              places[o]![t]!.set(0, total);
            });
          });
        });
      },
    ),
);
