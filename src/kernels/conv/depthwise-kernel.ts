/** The kernel of depthwise correlation: see `depthwise.ts`. */
import {
  accumulator,
  grid,
  index,
  input,
  loadedElement,
  loop,
  output,
  settle,
  settling,
  unroll,
  variable,
  when,
  type Pointer,
  type StorageType,
  type Value,
} from '../../lang/index.ts';
import { finished, type EpilogueForm } from '../epilogue.ts';
import { kernelsOf } from '../once.ts';
import { eachPlane, planeSpec, takersOf, type TapsForm } from './depthwise-plane.ts';

/** What is unrolled. */
export interface DepthwiseForm extends TapsForm {
  /** Output rows, and vectors of output columns, computed at a time. */
  readonly rows: number;
  readonly vectors: number;
  /** Whether rows of the output are shorter than those vectors. */
  readonly narrow: boolean;
  /** Whether all taps stay in registers. */
  readonly keepsTaps: boolean;
  /** What is done to the sums at last. */
  readonly epilogue: EpilogueForm;
}

const depthwiseSpec = (storage: StorageType) => ({
  ...planeSpec(storage),
  /** tapRows · tapColumns for each output channel. */
  taps: input(loadedElement[storage]),
  out: output(storage),
  bias: input(storage),
  /** Laid out like `out`. */
  residual: input(storage),
  hasBias: index,
  biasStep: index,
  /** Output channels of each of the input. */
  multiplier: index,
  outImageStep: index,
  outChannelStep: index,
  outRowStep: index,
  /** Output rows, at least a tile's, and columns. */
  height: index,
  width: index,
});

/**
 * Planes begin … end − 1 of the input, counted through all images. Each is copied between zeros and correlated with the
 * taps of its output channels. A row of it is loaded once for all the output rows of a tile that it is under. The last
 * tile of a column, and of a row, is moved back to end where the output ends, and computes some of it again.
 */
export const depthwiseKernel = kernelsOf(
  'conv.depthwise',
  depthwiseSpec,
  (form: DepthwiseForm, args, range, { element, lanes }) => {
    const { tapRows, tapColumns, strideColumns: phases, rows, vectors, narrow } = form;
    const { multiplier, height, width, phasePitch } = args;
    const pitch = phasePitch.mul(phases);
    const tapCount = tapRows * tapColumns;
    const columns = vectors * lanes;

    const correlate = (plane: Pointer, weights: Pointer, initial: Value, to: Value): void => {
      const kept = form.keepsTaps ? unroll(tapCount, (t) => weights.splat(t, lanes)) : [];
      const tap = (i: number, j: number): Value =>
        kept[i * tapColumns + j] ?? weights.splat(i * tapColumns + j, lanes);
      const first = initial.splat(lanes);
      const counts = unroll(narrow ? vectors : 0, (v) =>
        width
          .sub(v * lanes)
          .max(0)
          .min(lanes),
      );
      // What is the same for all columns is computed here, as V8 leaves it where it stands.
      const band = (y: Value): void => {
        const corner = plane.plus(y.mul(form.strideRows).mul(pitch));
        const corners = unroll(phases, (phase) => corner.plus(phasePitch.mul(phase)));
        const outRow = to.add(y.mul(args.outRowStep));
        const tile = (x: Value): void => {
          const sums = grid(rows, vectors, () => variable(first));
          const lines = corners.map((corner) => corner.plus(x).walk('row'));
          settling(() => {
            let above = 0;
            for (const [offset, takers] of takersOf(rows, form.strideRows, tapRows, form.dilationRows)) {
              if (offset > above) for (const line of lines) line.advance(pitch.mul(offset - above));
              above = offset;
              for (let j = 0; j < tapColumns; j++) {
                const column = j * form.dilationColumns;
                const line = lines[column % phases]!;
                const pixels = unroll(vectors, (v) =>
                  line.vector(Math.floor(column / phases) + v * lanes, { lanes }),
                );
                for (const taker of takers) {
                  const factor = tap(taker.tap, j);
                  pixels.forEach((pixel, v) => sums[taker.at]![v]!.accumulate(factor, pixel));
                }
                settle();
              }
            }
          });
          const place = outRow.add(x);
          const out = args.out.plus(place).walk('out');
          sums.forEach((line, row) => {
            if (row > 0) out.advance(args.outRowStep);
            line.forEach((sum, v) => {
              const count = counts[v];
              const besides = (): Value =>
                args.residual.vector(place.add(args.outRowStep.mul(row)).add(v * lanes), { lanes, count });
              out.set(v * lanes, finished(form.epilogue, sum, besides), { count });
            });
          });
        };
        const last = width.sub(columns);
        loop(width, (x) => tile(narrow ? x : x.min(last)), { step: columns });
      };
      const last = height.sub(rows);
      loop(height, (row) => band(row.min(last)), { step: rows });
    };

    eachPlane(args, range, phases, lanes, (plane, image, channel) => {
      loop(multiplier, (o) => {
        const out = channel.mul(multiplier).add(o);
        const initial = accumulator(element, { lanes: 1 });
        when(args.hasBias.ne(0), () => {
          initial.set(args.bias.scalar(out.mul(args.biasStep)));
        });
        const to = image.mul(args.outImageStep).add(out.mul(args.outChannelStep));
        correlate(plane, args.taps.plus(out.mul(tapCount)), initial, to);
      });
    });
  },
);
