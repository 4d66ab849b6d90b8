/** The kernels of the direct weight gradient: see `direct-weight-grad.ts`. */
import {
  accumulator,
  grid,
  index,
  inout,
  input,
  kernel,
  loop,
  output,
  settle,
  storageBytes,
  unroll,
  variable,
  when,
  type KernelDefinition,
  type Machine,
  type Operand,
  type Pointer,
  type Value,
} from '../../lang/index.ts';
import { once } from '../once.ts';

/** Entries of a block in the table of blocks. */
export const BLOCK_ENTRIES = 6;

type DirectWeightSpec = ReturnType<typeof directWeightSpec>;
const directWeightSpec = (element: 'f32' | 'f64') => ({
  grad: input(element),
  images: input(element),
  /** For each panel and each part of its taps the sums of a tile: see `tileSums`. */
  sums: inout(element),
  /** Where the planes of the gradient are: `channels` entries for each panel. */
  gradOffsets: input('i32'),
  /** Where a tap reads: `taps` entries for each part. */
  tapOffsets: input('i32'),
  /** What stays in the first cache: image, row and column where it begins, and how many it has of each. */
  blockTable: input('i32'),
  blocks: index,
  /** Parts into which the taps of one panel fall: all, those of a band; and bands. */
  parts: index,
  bandParts: index,
  bands: index,
  groupPanels: index,
  gradImageStep: index,
  gradRowStep: index,
  imageStep: index,
  groupStep: index,
  rowStep: index,
  /** Whether to add to what is there. */
  accumulate: index,
});

/** Elements that the sums of a tile take: whole vectors. */
export const tileSums = (
  machine: Machine,
  element: 'f32' | 'f64',
  channels: number,
  taps: number,
): number => {
  const lanes = machine.lanes(element);
  return Math.ceil((channels * taps) / lanes) * lanes;
};

/**
 * For positions begin … end − 1, each a panel of output channels and a band of their taps: each lane sums its pixels of a
 * block, and then the lanes are summed. Gradients of a block stay in the first cache while all taps of the band pass.
 */
export const directWeightKernel = once(
  (element: 'f32' | 'f64', channels: number, taps: number): KernelDefinition<DirectWeightSpec> =>
    kernel(
      `conv.directWeight.${element}.${String(channels)}x${String(taps)}`,
      directWeightSpec(element),
      (args, range, machine) => {
        const { grad, images, sums, gradOffsets, tapOffsets, blockTable, parts, groupPanels } = args;
        const { gradImageStep, gradRowStep, imageStep, groupStep, rowStep, accumulate } = args;
        const lanes = machine.lanes(element);
        const bytes = storageBytes[element];
        const pitch = tileSums(machine, element, channels, taps);

        loop(range, (position) => {
          const panel = position.div(args.bands);
          const firstPart = position.sub(panel.mul(args.bands)).mul(args.bandParts);
          const endPart = firstPart.add(args.bandParts).min(parts);
          const group = images.plus(panel.div(groupPanels).mul(groupStep));
          const ofPanel = sums.plus(panel.mul(parts).mul(pitch));

          loop(args.blocks, (block) => {
            const entry = (i: number): Value =>
              blockTable.scalar(block.mul(BLOCK_ENTRIES).add(i)).to('index');
            const [image, row, column, count, rows, width] = unroll(BLOCK_ENTRIES, entry) as [
              Value,
              Value,
              Value,
              Value,
              Value,
              Value,
            ];
            const ofBlock = grad.plus(image.mul(gradImageStep).add(row.mul(gradRowStep)).add(column));
            const rest = width.rem(lanes);
            const whole = width.sub(rest).mul(bytes);
            const planes = entries(gradOffsets, panel, channels).map((offset) => ofBlock.plus(offset));
            const under = group.plus(image.mul(imageStep).add(row.mul(rowStep)).add(column));

            loop({ begin: firstPart, end: endPart }, (part) => {
              const starts = entries(tapOffsets, part, taps).map((offset) => under.plus(offset));
              const totals = grid(channels, taps, () => accumulator(element, { lanes }));
              loop(count, (n) => {
                loop(rows, (y) => {
                  // Pointers that do not move, so that accesses take them and the loop's counter for nothing.
                  const gradAt = n.mul(gradImageStep).add(y.mul(gradRowStep));
                  const imageAt = n.mul(imageStep).add(y.mul(rowStep));
                  const gradLines = planes.map((plane) => plane.plus(gradAt));
                  const lines = starts.map((start) => start.plus(imageAt));
                  const step = (at: Operand, some?: Value): void => {
                    const from = (line: Pointer): Value =>
                      line.plusBytes(at).vector(0, { lanes, count: some });
                    const gradients = gradLines.map(from);
                    lines.forEach((line, t) => {
                      const pixels = from(line);
                      totals.forEach((row, o) => {
                        row[t]!.accumulate(gradients[o]!, pixels);
                      });
                      settle();
                    });
                  };
                  loop(whole, step, { step: lanes * bytes });
                  when(rest.gt(0), () => {
                    step(whole, rest);
                  });
                });
              });

              const to = ofPanel.plus(part.mul(pitch));
              const more = block.add(accumulate).ne(0);
              lanesSummed(totals.flat(), lanes).forEach((total, k) => {
                const sum = variable(total);
                when(more, () => {
                  sum.update('add', to.vector(k * lanes, { lanes }));
                });
                to.set(k * lanes, sum);
              });
            });
          });
        });
      },
    ),
);

const entries = (table: Pointer, at: Value, number: number): Value[] =>
  unroll(number, (i) => table.scalar(at.mul(number).add(i)).to('index'));

/** The sums over the lanes of each vector, in the order of the vectors: as many as a vector has lanes in one vector. */
const lanesSummed = (vectors: readonly Value[], lanes: number): readonly Value[] => {
  let some = vectors;
  for (let left = lanes; left > 1; left /= 2) {
    const before = some;
    some = unroll(Math.ceil(before.length / 2), (k) => {
      const [a, b = a] = [before[2 * k]!, before[2 * k + 1]];
      return a.evens(b).add(a.odds(b));
    });
  }
  return some;
};

type PlaceSpec = ReturnType<typeof placeSpec>;
const placeSpec = (element: 'f32' | 'f64') => ({
  sums: input(element),
  gradWeight: output(element),
  /** Where an output channel's gradients are: `channels` entries for each panel. */
  rowOffsets: input('i32'),
  /** Where a tap's gradient is: `taps` entries for each part. */
  columnOffsets: input('i32'),
  parts: index,
});

/** Brings the sums of panels begin … end − 1 to their places. The last panel and the last part may hold something twice. */
export const directWeightPlaces = once(
  (element: 'f32' | 'f64', channels: number, taps: number): KernelDefinition<PlaceSpec> =>
    kernel(
      `conv.directWeightPlaces.${element}.${String(channels)}x${String(taps)}`,
      placeSpec(element),
      ({ sums, gradWeight, rowOffsets, columnOffsets, parts }, range, machine) => {
        const pitch = tileSums(machine, element, channels, taps);
        loop(range, (panel) => {
          const rows = entries(rowOffsets, panel, channels).map((offset) => gradWeight.plus(offset));
          loop(parts, (part) => {
            const from = sums.plus(panel.mul(parts).add(part).mul(pitch));
            const columns = entries(columnOffsets, part, taps);
            rows.forEach((row, o) => {
              columns.forEach((column, t) => {
                row.set(column, from.scalar(o * taps + t));
              });
            });
          });
        });
      },
    ),
);
