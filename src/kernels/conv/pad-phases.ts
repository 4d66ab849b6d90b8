/** The kernel that pads images whose columns are neighbours, and de-interleaves them: see `padded.ts`. */
import {
  constant,
  eachLane,
  index,
  input,
  kernel,
  loadedElement,
  loop,
  output,
  scalar,
  unroll,
  variable,
  when,
  type KernelDefinition,
  type Pointer,
  type StorageType,
  type Value,
} from '../../lang/index.ts';
import { deinterleaved } from '../interleave.ts';
import { once } from '../once.ts';

type PadSpec = ReturnType<typeof padSpec>;
/** What every kernel that pads is told. */
export const padSpec = (storage: StorageType) => ({
  source: input(storage),
  out: output(loadedElement[storage]),
  channels: index,
  height: scalar('i32'),
  width: scalar('i32'),
  imageStep: index,
  channelStep: index,
  rowStep: index,
  /** Row `top` of the result is row 0 of the image; negative: rows above are cut off. */
  top: scalar('i32'),
  left: scalar('i32'),
  /** Rows of the result, and columns of each of its phases. */
  rows: index,
  columns: index,
});

/** Planes begin … end − 1, counted through all images. @param phases  a power of two */
export const padPhasesKernel = once((storage: StorageType, phases: number): KernelDefinition<PadSpec> =>
  kernel(`conv.pad.${storage}.phases${String(phases)}`, padSpec(storage), (args, range) => {
    const { source, out, channels, imageStep, channelStep, rowStep } = args;
    const { height, width, top, left, rows, columns } = args;
    const { lanes } = source.builder;
    const element = loadedElement[storage];
    const zero = constant(0, element);
    const pitch = columns.mul(phases);
    const starts = unroll(phases, (phase) => columns.mul(phase));
    // Columns q of the phases are columns q · phases − left and those after it of the image: none of them before it
    // from here on.
    const first = left
      .add(phases - 1)
      .max(0)
      .div(phases)
      .to('index')
      .min(columns);

    loop(range, (plane) => {
      const image = plane.div(channels);
      const channel = plane.sub(image.mul(channels));
      const from = source.plus(image.mul(imageStep)).plus(channel.mul(channelStep));
      const to = out.plus(plane.mul(rows).mul(pitch)).walk('to');

      const partlyBefore = (line: Pointer): void => {
        loop(first, (q) => {
          for (let phase = 0; phase < phases; phase++) {
            const column = q.mul(phases).add(phase).to('i32').sub(left);
            const value = variable(zero);
            when(column.ge(0).and(column.lt(width)), () => {
              value.set(line.scalar(column.to('index')));
            });
            to.plus(starts[phase]!).set(q, value);
          }
        });
      };
      /** From column q on as many columns of every phase as vectors have lanes, or as there are. */
      const group = (line: Pointer, q: Value, partial: boolean): void => {
        const column = q.mul(phases).to('i32').sub(left);
        const at = line.plus(column.to('index'));
        const there = width.sub(column);
        const row = unroll(phases, (k) =>
          at.vector(k * lanes, {
            count: partial
              ? there
                  .sub(k * lanes)
                  .max(0)
                  .min(lanes)
                  .to('index')
              : undefined,
          }),
        );
        const count = partial ? columns.sub(q).min(lanes) : undefined;
        deinterleaved(row).forEach((values, phase) => {
          to.plus(starts[phase]!).set(q, values, { count });
        });
      };

      loop(rows, (row) => {
        const y = row.to('i32').sub(top);
        when(
          y.ge(0).and(y.lt(height)),
          () => {
            const line = from.plus(y.to('index').mul(rowStep));
            partlyBefore(line);
            loop(
              { begin: first, end: columns },
              (q) => {
                const last = q.add(lanes).mul(phases).to('i32').sub(left);
                when(
                  q.add(lanes).le(columns).and(last.le(width)),
                  () => {
                    group(line, q, false);
                  },
                  () => {
                    group(line, q, true);
                  },
                );
              },
              { step: lanes },
            );
          },
          () => {
            eachLane(pitch, (i) => {
              to.set(i, zero);
            });
          },
        );
        to.advance(pitch);
      });
    });
  }),
);
