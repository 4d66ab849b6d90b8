/** The kernel of depthwise correlation across channels: see `across.ts`. */
import {
  constant,
  eachLane,
  index,
  input,
  loadedElement,
  loop,
  output,
  settle,
  unroll,
  variable,
  when,
  type Pointer,
  type StorageType,
  type Value,
} from '../../lang/index.ts';
import { finished, type EpilogueForm } from '../epilogue.ts';
import { interleaved } from '../interleave.ts';
import { kernelsOf } from '../once.ts';
import { slotOf, slotSpec } from '../slots.ts';
import { takersOf } from './depthwise-plane.ts';

/** What is unrolled. */
export interface AcrossForm {
  readonly storage: StorageType;
  readonly tapColumns: number;
  readonly strideColumns: number;
  readonly dilationColumns: number;
  /** Output columns computed at a time. */
  readonly pixels: number;
  /** Whether the input's planes, and the output's, have fewer pixels than a vector has lanes. */
  readonly smallInput: boolean;
  readonly smallOutput: boolean;
  /** What is done to the sums at last. */
  readonly epilogue: EpilogueForm;
}

/** Entries of `rows` for each output row. */
export const ROW_ENTRIES = 3;

const acrossSpec = (storage: StorageType) => ({
  ...slotSpec(loadedElement[storage]),
  source: input(storage),
  /** For each output channel of an input channel, each panel, and each tap: a vector's lanes. */
  taps: input(loadedElement[storage]),
  out: output(storage),
  bias: input(storage),
  /** Laid out like `out`. */
  residual: input(storage),
  /** Where the input's channels are, and the first output channel of each, and its bias: a vector's lanes for each panel. */
  channelOffsets: input('i32'),
  outOffsets: input('i32'),
  biasOffsets: input('i32'),
  /** Where in the slot the input's pixels go. */
  places: input('i32'),
  /** For each output row: the first row of taps that meets the input, how many do, and where in the slot. */
  rows: input('i32'),
  hasBias: index,
  biasStep: index,
  panels: index,
  /** Output channels of each of the input. */
  multiplier: index,
  imageStep: index,
  outImageStep: index,
  outChannelStep: index,
  /** Pixels of a plane. */
  inputSize: index,
  outSize: index,
  height: index,
  width: index,
  /** Rows and elements of all taps of a panel, elements between rows of taps in the slot, and its parts. */
  panelTaps: index,
  tapRowStep: index,
  inputSlot: index,
});

/**
 * Positions begin … end − 1: panels of as many channels as a vector has lanes, counted through all images. In the last
 * panel the last channel is there more than once. Their planes are transposed into the slot, pixel by pixel, with zeros
 * beside their rows; so are the sums on their way back. The last tile of a row, and the last pixels of a plane, are moved
 * back to end where it ends, and done again.
 */
export const acrossKernel = kernelsOf(
  'conv.across',
  acrossSpec,
  (form: AcrossForm, args, range, { element, lanes }) => {
    const { tapColumns, strideColumns, pixels } = form;
    const { panels, multiplier, height, width, inputSize, outSize } = args;
    const slot = slotOf(args, range);
    const sumsSlot = slot.plus(args.inputSlot);

    /** Calls `work` for `size` pixels, a vector of them at a time. */
    const eachPixels = (size: Value, small: boolean, work: (p: Value, count?: Value) => void): void => {
      if (small) work(constant(0, 'index'), size);
      else loop(size, (p) => work(p.min(size.sub(lanes))), { step: lanes });
    };
    const entry = (table: Pointer, i: Value | number): Value => table.scalar(i).to('index');

    when(range.begin.lt(range.end), () => {
      eachLane(args.inputSlot, (i) => slot.set(i, constant(0, element)), { lanes });
    });
    loop(range, (position) => {
      const image = position.div(panels);
      const panel = position.sub(image.mul(panels));
      const first = panel.mul(lanes);

      const from = args.source.plus(image.mul(args.imageStep));
      const channelOffsets = args.channelOffsets.plus(first);
      eachPixels(inputSize, form.smallInput, (p, count) => {
        const under = from.plus(p);
        const planes = unroll(lanes, (lane) => under.vector(entry(channelOffsets, lane), { lanes, count }));
        const places = args.places.plus(p);
        interleaved(planes).forEach((pixel, k) => slot.set(entry(places, k), pixel));
      });

      loop(multiplier, (m) => {
        const initial = variable(constant(0, { element, lanes }));
        when(args.hasBias.ne(0), () => {
          // Put together where the sums will be.
          const biases = args.bias.plus(m.mul(args.biasStep));
          const offsets = args.biasOffsets.plus(first);
          for (let lane = 0; lane < lanes; lane++) sumsSlot.set(lane, biases.scalar(entry(offsets, lane)));
          initial.set(sumsSlot.vector(0, { lanes }));
        });
        const weights = args.taps.plus(m.mul(panels).add(panel).mul(args.panelTaps));
        const store = sumsSlot.walk('store');
        loop(height, (y) => {
          const row = args.rows.plus(y.mul(ROW_ENTRIES));
          const line = slot.plus(entry(row, 2));
          const lineTaps = weights.plus(entry(row, 0).mul(tapColumns * lanes));
          const count = entry(row, 1);
          loop(
            width,
            (column) => {
              const x = column.min(width.sub(pixels));
              const sums = unroll(pixels, () => variable(initial));
              const under = line.plus(x.mul(strideColumns * lanes)).walk('under');
              const factors = lineTaps.walk('factors');
              loop(count, () => {
                const taps = unroll(tapColumns, (j) => factors.vector(j * lanes, { lanes }));
                for (const [offset, takers] of takersOf(
                  pixels,
                  strideColumns,
                  tapColumns,
                  form.dilationColumns,
                )) {
                  const pixel = under.vector(offset * lanes, { lanes });
                  for (const { at, tap } of takers) sums[at]!.accumulate(pixel, taps[tap]!);
                  settle();
                }
                under.advance(args.tapRowStep);
                factors.advance(tapColumns * lanes);
              });
              const to = store.plus(x.mul(lanes));
              sums.forEach((sum, k) => to.set(k * lanes, sum));
            },
            { step: pixels },
          );
          store.advance(width.mul(lanes));
        });

        const outOffsets = args.outOffsets.plus(first);
        const place = image.mul(args.outImageStep).add(m.mul(args.outChannelStep));
        eachPixels(outSize, form.smallOutput, (p, count) => {
          const line = sumsSlot.plus(p.mul(lanes));
          const rows = unroll(lanes, (k) => line.vector(k * lanes, { lanes }));
          const there = place.add(p);
          interleaved(rows).forEach((sum, lane) => {
            const at = there.add(entry(outOffsets, lane));
            const besides = (): Value => args.residual.vector(at, { lanes, count });
            args.out.set(at, finished(form.epilogue, sum, besides), { count });
          });
        });
      });
    });
  },
);
