/** The kernel of depthwise weight gradients: see `depthwise-weight-grad.ts`. */
import {
  accumulator,
  eachLane,
  grid,
  index,
  input,
  loadedElement,
  loop,
  output,
  settle,
  unroll,
  type Pointer,
  type StorageType,
  type Value,
} from '../../lang/index.ts';
import { kernelsOf } from '../once.ts';
import { clear, clearedPlane, copyPlane, planeSpec, takersOf, type TapsForm } from './depthwise-plane.ts';

/** What is unrolled. */
export interface DepthwiseWeightForm extends TapsForm {
  /** Rows of the output's gradient that stay in registers, and columns of taps that are summed, at a time. */
  readonly rows: number;
  readonly columns: number;
}

const depthwiseWeightSpec = (storage: StorageType) => ({
  ...planeSpec(storage),
  grad: input(storage),
  out: output(loadedElement[storage]),
  images: index,
  /** Images of a position, the last one's may be fewer. */
  deep: index,
  /** Output channels of each of the input. */
  multiplier: index,
  gradImageStep: index,
  gradChannelStep: index,
  gradRowStep: index,
  height: index,
  width: index,
  /** From position's part to part, and from tap to tap, of the result. */
  outPartStep: index,
  outChannelStep: index,
  outRowStep: index,
  outColumnStep: index,
});

/**
 * Positions begin … end − 1: input channels, for one part of the images after the other. Each lane of the sums, which
 * wait behind the padded plane, has its own pixels; at last the lanes are summed.
 */
export const depthwiseWeightKernel = kernelsOf(
  'conv.depthwiseWeight',
  depthwiseWeightSpec,
  (form: DepthwiseWeightForm, args, range, { element, lanes }) => {
    const { tapRows, tapColumns, strideColumns: phases } = form;
    const { channels, multiplier, height, width, phasePitch, planeSize } = args;
    const pitch = phasePitch.mul(phases);
    const plane = clearedPlane(args, range, lanes);
    const kept = plane.plus(planeSize);
    const keptSize = tapRows * tapColumns * lanes;
    const fullRows = height.div(form.rows).mul(form.rows);

    /** Adds what one plane gives to the taps of some columns. */
    const addColumns = (grad: Pointer, sumsAt: Pointer, firstColumn: number, columns: number): void => {
      const places = grid(tapRows, columns, (i, j) => (i * tapColumns + firstColumn + j) * lanes);
      const sums = grid(tapRows, columns, () => accumulator(element, { lanes }));
      sums.forEach((row, i) => row.forEach((sum, j) => sum.set(sumsAt.vector(places[i]![j], { lanes }))));
      const tile = (rows: number, y: Value, x: Value, count?: Value): void => {
        const line = grad.plus(y.mul(args.gradRowStep)).plus(x).walk('line');
        const gradients = unroll(rows, (row) => {
          if (row > 0) line.advance(args.gradRowStep);
          return line.vector(0, { lanes, count });
        });
        const corner = plane.plus(y.mul(form.strideRows).mul(pitch)).plus(x);
        const under = unroll(phases, (phase) => corner.plus(phasePitch.mul(phase)).walk('row'));
        let above = 0;
        for (const [offset, takers] of takersOf(rows, form.strideRows, tapRows, form.dilationRows)) {
          if (offset > above) for (const walker of under) walker.advance(pitch.mul(offset - above));
          above = offset;
          for (let j = 0; j < columns; j++) {
            const column = (firstColumn + j) * form.dilationColumns;
            // Lanes that do not exist must be 0 on both sides: infinity times 0 is NaN.
            const pixels = under[column % phases]!.vector(Math.floor(column / phases), { lanes, count });
            for (const { at, tap } of takers) {
              sums[tap]![j]!.accumulate(gradients[at]!, pixels);
            }
            settle();
          }
        }
      };
      const band = (rows: number, y: Value): void => {
        eachLane(width, ({ base, count }) => tile(rows, y, base, count), { lanes });
      };
      loop(fullRows, (y) => band(form.rows, y), { step: form.rows });
      if (form.rows > 1) loop({ begin: fullRows, end: height }, (y) => band(1, y));
      sums.forEach((row, i) => row.forEach((sum, j) => sumsAt.set(places[i]![j]!, sum)));
    };

    loop(range, (position) => {
      const part = position.div(channels);
      const channel = position.sub(part.mul(channels));
      const first = part.mul(args.deep);
      const channelGrad = args.grad.plus(channel.mul(multiplier).mul(args.gradChannelStep));
      clear(kept, multiplier.mul(keptSize), lanes);
      loop({ begin: first, end: first.add(args.deep).min(args.images) }, (image) => {
        copyPlane(args, plane, image, channel, phases, lanes);
        const imageGrad = channelGrad.plus(image.mul(args.gradImageStep));
        loop(multiplier, (o) => {
          const grad = imageGrad.plus(o.mul(args.gradChannelStep));
          const sumsAt = kept.plus(o.mul(keptSize));
          for (let column = 0; column < tapColumns; column += form.columns) {
            addColumns(grad, sumsAt, column, Math.min(form.columns, tapColumns - column));
          }
        });
      });

      const out = args.out.plus(part.mul(args.outPartStep));
      const sums = kept.walk('sums');
      loop(multiplier, (o) => {
        const to = out.plus(channel.mul(multiplier).add(o).mul(args.outChannelStep));
        loop(tapRows, (i) => {
          loop(tapColumns, (j) => {
            const place = i.mul(args.outRowStep).add(j.mul(args.outColumnStep));
            to.set(place, sums.vector(0, { lanes }).reduceAdd());
            sums.advance(lanes);
          });
        });
      });
    });
  },
);
