/** The kernel of strided depthwise input gradients: see `depthwise-input-grad.ts`. */
import {
  accumulator,
  grid,
  index,
  input,
  loadedElement,
  loop,
  output,
  settle,
  unroll,
  when,
  type Pointer,
  type StorageType,
  type Value,
} from '../../lang/index.ts';
import { interleaved } from '../interleave.ts';
import { kernelsOf } from '../once.ts';
import { eachPlane, planeSpec, type TapsForm } from './depthwise-plane.ts';
import { classesOf } from './input-grad.ts';

/** What is unrolled. */
export interface DepthwiseInputForm extends TapsForm {
  /** Zeros before the first row and column of the convolution's input. */
  readonly above: number;
  readonly before: number;
  /** Rows of the result that are computed together as classes: the stride, or fewer where there are no more. */
  readonly classes: number;
  /** Whether the result's rows are a multiple of that. */
  readonly whole: boolean;
  /** Rows of every class, and vectors of columns of every class, computed at a time. */
  readonly rows: number;
  readonly vectors: number;
  /** Whether all taps stay in registers. */
  readonly keepsTaps: boolean;
}

/** Which positions of the gradient the classes of an axis meet, counted from `origin` on, by which taps. */
export const meetings = (taps: number, stride: number, dilation: number, before: number, count = stride) => {
  const classes = classesOf(count, taps, stride, dilation, before).map(({ taps: met, origin, ...of }) =>
    unroll(met.count, (k) => ({
      at: origin + k * of.dilation,
      tap: met.first + (met.count - 1 - k) * met.step,
    })),
  );
  const places = classes.flat().map(({ at }) => at);
  const origin = places.length === 0 ? 0 : Math.min(...places);
  return {
    origin,
    /** Positions that the first of each class meet. */
    extent: places.length === 0 ? 1 : Math.max(...places) - origin + 1,
    classes: classes.map((met) => met.map(({ at, tap }) => ({ at: at - origin, tap }))),
  };
};

const depthwiseInputSpec = (storage: StorageType) => ({
  ...planeSpec(storage),
  /** tapRows · tapColumns for each channel. */
  taps: input(loadedElement[storage]),
  out: output(storage),
  outImageStep: index,
  outChannelStep: index,
  outRowStep: index,
  height: index,
  width: index,
  /** Rows of the first class, at least a tile's, and columns. */
  classRows: index,
  classColumns: index,
});

/**
 * Planes begin … end − 1, counted through all images. A tile has the same rows and columns of every class; its columns
 * are interleaved as they are stored. The last tile of a column is moved back to end where the result ends.
 */
export const depthwiseInputKernel = kernelsOf(
  'conv.depthwiseInput',
  depthwiseInputSpec,
  (form: DepthwiseInputForm, args, range, { element, lanes }) => {
    const { tapRows, tapColumns, strideRows, strideColumns, rows, vectors } = form;
    const down = meetings(tapRows, strideRows, form.dilationRows, form.above, form.classes);
    const across = meetings(tapColumns, strideColumns, form.dilationColumns, form.before);
    const { height, width, phasePitch: pitch } = args;
    const tapCount = tapRows * tapColumns;

    const correlate = (plane: Pointer, weights: Pointer, to: Pointer): void => {
      const kept = form.keepsTaps ? unroll(tapCount, (t) => weights.splat(t, lanes)) : [];
      const tap = (i: number, j: number): Value =>
        kept[i * tapColumns + j] ?? weights.splat(i * tapColumns + j, lanes);
      const tile = (u: Value, q: Value): void => {
        const lines = unroll(rows, (row) =>
          down.classes.map((met, first) => ({
            row: row * strideRows + first,
            met: met.map(({ at, tap }) => ({ at: at + row, tap })),
            sums: grid(strideColumns, vectors, () => accumulator(element, { lanes })),
          })),
        ).flat();
        const under = plane.plus(u.mul(pitch)).plus(q).walk('under');
        for (let y = 0; y < down.extent + rows - 1; y++) {
          if (y > 0) under.advance(pitch);
          const takers = lines.flatMap(({ met, sums }) =>
            met.filter(({ at }) => at === y).map(({ tap }) => ({ sums, i: tap })),
          );
          for (let x = 0; takers.length > 0 && x < across.extent; x++) {
            const columns = across.classes.flatMap((met, phase) =>
              met.filter(({ at }) => at === x).map(({ tap }) => ({ phase, j: tap })),
            );
            if (columns.length === 0) continue;
            const pixels = unroll(vectors, (v) => under.vector(x + v * lanes, { lanes }));
            for (const { sums, i } of takers)
              for (const { phase, j } of columns) {
                const factor = tap(i, j);
                pixels.forEach((pixel, v) => sums[phase]![v]!.accumulate(factor, pixel));
              }
            settle();
          }
        }
        const first = u.mul(strideRows);
        const store = (partial: boolean): void => {
          for (const { row, sums } of lines) {
            const line = to.plus(first.add(row).mul(args.outRowStep)).plus(q.mul(strideColumns));
            const write = (): void =>
              unroll(vectors, (v) => interleaved(sums.map((phase) => phase[v]!)))
                .flat()
                .forEach((values, k) => {
                  const there = partial
                    ? width
                        .sub(q.mul(strideColumns))
                        .sub(k * lanes)
                        .max(0)
                        .min(lanes)
                    : undefined;
                  line.set(k * lanes, values, { count: there });
                });
            if (form.whole) write();
            else when(first.add(row).lt(height), write);
          }
        };
        when(
          q
            .add(vectors * lanes)
            .mul(strideColumns)
            .le(width),
          () => store(false),
          () => store(true),
        );
      };
      const last = args.classRows.sub(rows);
      loop(
        args.classRows,
        (row) => {
          const u = row.min(last);
          loop(args.classColumns, (q) => tile(u, q), { step: vectors * lanes });
        },
        { step: rows },
      );
    };

    eachPlane(args, range, 1, lanes, (plane, image, channel) => {
      const to = args.out.plus(image.mul(args.outImageStep)).plus(channel.mul(args.outChannelStep));
      correlate(plane, args.taps.plus(channel.mul(tapCount)), to);
    });
  },
);
