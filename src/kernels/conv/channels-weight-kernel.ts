/** The kernel of the weight's gradient with lanes on output channels: see `channels-weight-grad.ts`. */
import {
  accumulator,
  grid,
  index,
  inout,
  input,
  kernel,
  loop,
  Pointer,
  settle,
  storageBytes,
  unroll,
  when,
  type KernelDefinition,
  type Variable,
} from '../../lang/index.ts';
import { specialised } from '../once.ts';

export interface ChannelsWeightForm {
  readonly element: 'f32' | 'f64';
  /** Rows of taps that are taken together, of one channel or several, and how many taps each has. */
  readonly lines: number;
  readonly columns: number;
  /** Elements from what a tap reads to what its neighbour in the row reads. */
  readonly step: number;
  /** Of output channels. */
  readonly vectors: number;
}

const channelsWeightSpec = (element: 'f32' | 'f64') => ({
  /** For each panel of output channels their gradients: pixels × channels. */
  gradients: input(element),
  images: input(element),
  /** [tap][channel], the channels of all panels; tiles of taps are whole. */
  sums: inout(element),
  /** Where a pixel's first tap reads, in the group's first channel: an entry for each pixel. */
  pixelOffsets: input('i32'),
  /** Where a row of taps begins, from there: `lines` entries for each tile. */
  lineOffsets: input('i32'),
  /** Pixels in all, and those that are taken together: as many as stay in the first cache. */
  pixels: index,
  deep: index,
  blocks: index,
  /** Tiles of taps: all, those of a band; and bands. */
  tiles: index,
  bandTiles: index,
  bands: index,
  /** Panels of output channels: of one group. */
  groupPanels: index,
  groupStep: index,
  /** From tap to tap of the sums. */
  pitch: index,
  /** Whether to add to what is there. */
  accumulate: index,
});

/**
 * Positions begin … end − 1: bands of tiles of taps, for one panel of output channels after the other. Each pixel of the
 * input is spread over the lanes where it is, and multiplied with the gradients at one place in all channels of the panel.
 * A few pixels at a time stay in the first cache while all tiles of the band pass.
 */
export const channelsWeightKernel = specialised(
  ({
    element,
    lines,
    columns,
    step,
    vectors,
  }: ChannelsWeightForm): KernelDefinition<ReturnType<typeof channelsWeightSpec>> =>
    kernel(
      `conv.channelsWeight.${element}.${lines}x${columns}x${vectors}.${step}`,
      channelsWeightSpec(element),
      (args, range, machine) => {
        const { gradients, images, sums, pixelOffsets, lineOffsets, pixels, pitch } = args;
        const lanes = machine.lanes(element);
        const channels = vectors * lanes;
        const bytes = storageBytes[element];

        loop(range, (position) => {
          const panel = position.div(args.bands);
          const firstTile = position.sub(panel.mul(args.bands)).mul(args.bandTiles);
          const endTile = firstTile.add(args.bandTiles).min(args.tiles);
          const group = images.plus(panel.div(args.groupPanels).mul(args.groupStep));
          const ofPanel = gradients.plus(panel.mul(pixels).mul(channels));
          const corner = sums.plus(panel.mul(channels));

          loop(args.blocks, (block) => {
            const first = block.mul(args.deep);
            const end = first.add(args.deep).min(pixels);
            loop({ begin: firstTile, end: endTile }, (tile) => {
              const starts = unroll(lines, (i) =>
                group.plus(lineOffsets.scalar(tile.mul(lines).add(i)).to('index')),
              );
              const totals = grid(lines * columns, vectors, () => accumulator(element, { lanes }));
              const place = corner.plus(tile.mul(lines * columns).mul(pitch));
              const eachTotal = (visit: (total: Variable, to: Pointer) => void): void => {
                const to = place.walk('to');
                totals.forEach((tap, t) => {
                  if (t > 0) to.advance(pitch);
                  tap.forEach((total, v) => visit(total, to.plus(v * lanes)));
                });
              };
              when(first.add(args.accumulate).ne(0), () =>
                eachTotal((total, from) => total.set(from.vector(0, { lanes }))),
              );

              const factors = ofPanel.plus(first.mul(channels)).walk('factors');
              loop(
                { begin: pixelOffsets.plus(first).address, end: pixelOffsets.plus(end).address },
                (at) => {
                  const entry = new Pointer(pixelOffsets.builder, pixelOffsets.param, 'i32', at);
                  const offset = entry.scalar().to('index').mul(bytes);
                  const row = unroll(vectors, (v) => factors.vector(v * lanes, { lanes }));
                  starts.forEach((start, i) => {
                    const line = start.plusBytes(offset);
                    for (let j = 0; j < columns; j++) {
                      const pixel = line.splat(j * step, lanes);
                      totals[i * columns + j]!.forEach((total, v) => {
                        total.accumulate(row[v]!, pixel);
                      });
                      settle();
                    }
                  });
                  factors.advance(channels);
                },
                { step: storageBytes.i32 },
              );
              eachTotal((total, to) => to.set(0, total));
            });
          });
        });
      },
    ),
);
