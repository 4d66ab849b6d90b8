/** The kernels that pad images, and de-interleave their columns: see `padded.ts`. */
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
  when,
  type Arguments,
  type KernelDefinition,
  type Pointer,
  type Range,
  type StorageType,
  type Value,
} from '../../lang/index.ts';
import { deinterleaved } from '../interleave.ts';
import { once } from '../once.ts';

type PadSpec = ReturnType<typeof padSpec>;
const padSpec = (storage: StorageType) => ({
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

/** What of a row or column of the image there is room for in the result: how much, from where, and to where. */
const copied = (size: Value, room: Value, before: Value): { count: Value; from: Value; to: Value } => {
  const [from, to] = [before.neg().max(0), before.max(0)];
  const count = size.sub(from).min(room.to('i32').sub(to)).max(0);
  return { count, from: from.to('index'), to: to.to('index') };
};

/**
 * Planes begin … end − 1, counted through all images. A plane is cleared if there is something around the image, which is
 * faster than around each row; then the image is copied.
 *
 * @param copy  copies so many rows, from the first column that is wanted of the first of them
 */
const padPlanes = (
  args: Arguments<PadSpec>,
  range: Range,
  pitch: Value,
  columns: { readonly count: Value; readonly from: Pointer },
  copy: (rows: Value, line: Pointer, to: Pointer) => void,
): void => {
  const { out, channels, imageStep, channelStep, rowStep, height, top, rows } = args;
  const zero = constant(0, loadedElement[out.storage]);
  const down = copied(height, rows, top);
  const size = rows.mul(pitch);
  const around = down.count.to('index').mul(columns.count.to('index')).lt(size);
  loop(range, (plane) => {
    const image = plane.div(channels);
    const channel = plane.sub(image.mul(channels));
    const target = out.plus(plane.mul(size));
    when(around, () => {
      eachLane(size, (i) => {
        target.set(i, zero);
      });
    });
    const from = columns.from.plus(image.mul(imageStep)).plus(channel.mul(channelStep));
    copy(down.count.to('index'), from.plus(down.from.mul(rowStep)), target.plus(down.to.mul(pitch)));
  });
};

/** For images whose columns are neighbours. @param phases  a power of two */
export const padKernel = once((storage: StorageType, phases: number): KernelDefinition<PadSpec> =>
  kernel(`conv.pad.${storage}.phases${String(phases)}`, padSpec(storage), (args, range) => {
    const { source, width, left, columns } = args;
    const { lanes } = source.builder;
    const pitch = columns.mul(phases);
    const { count, from, to: first } = copied(width, pitch, left);
    // So many columns of each phase are copied at a time, and what is left over, of whose vectors some are partial.
    const whole = count.div(phases * lanes).to('index');
    const rest = count.rem(phases * lanes);
    const loaded = unroll(phases, (k) =>
      rest
        .sub(k * lanes)
        .max(0)
        .min(lanes)
        .to('index'),
    );
    const stored = unroll(phases, (k) =>
      rest
        .add(phases - 1 - k)
        .div(phases)
        .to('index'),
    );
    // Where the columns go that are k, k + phases, … behind the first.
    const places = unroll(phases, (k) => {
      const column = first.add(k);
      const q = column.div(phases);
      return column.sub(q.mul(phases)).mul(columns).add(q);
    });

    padPlanes(args, range, pitch, { count, from: source.plus(from) }, (rows, first, target) => {
      const line = first.walk('line');
      const to = target.walk('to');
      loop(rows, () => {
        const at = line.walk();
        const targets = places.map((place) => to.plus(place).walk());
        const copy = (loads?: readonly Value[], stores?: readonly Value[]): void => {
          const row = unroll(phases, (k) => at.vector(k * lanes, { count: loads?.[k] }));
          deinterleaved(row).forEach((values, k) => {
            targets[k]!.set(0, values, { count: stores?.[k] });
          });
        };
        loop(whole, () => {
          copy();
          at.advance(phases * lanes);
          for (const walker of targets) walker.advance(lanes);
        });
        when(rest.gt(0), () => {
          copy(loaded, stored);
        });
        line.advance(args.rowStep);
        to.advance(pitch);
      });
    });
  }),
);

type StridedSpec = ReturnType<typeof stridedSpec>;
const stridedSpec = (storage: StorageType) => ({ ...padSpec(storage), columnStep: index, phases: index });

/** For images whose columns lie anyhow, and for any number of phases. */
export const padStridedKernel = once((storage: StorageType): KernelDefinition<StridedSpec> =>
  kernel(`conv.pad.${storage}.strided`, stridedSpec(storage), (args, range) => {
    const { source, width, left, columns, columnStep, phases } = args;
    const pitch = columns.mul(phases);
    const { count, from, to: first } = copied(width, pitch, left);
    const copiedColumns = count.to('index');
    const step = columnStep.mul(phases);

    padPlanes(
      args,
      range,
      pitch,
      { count, from: source.plus(from.mul(columnStep)) },
      (rows, start, target) => {
        // From each of the first columns every so many-th.
        loop(copiedColumns.min(phases), (k) => {
          const column = first.add(k);
          const q = column.div(phases);
          const some = copiedColumns.sub(k).add(phases).sub(1).div(phases);
          const line = start.plus(k.mul(columnStep)).walk('line');
          const to = target
            .plus(column.sub(q.mul(phases)).mul(columns))
            .plus(q)
            .walk('to');
          loop(rows, () => {
            eachLane(some, (i) => {
              to.set(i, line.strided(i.base.mul(step), step, { count: i.count, lanes: i.lanes }));
            });
            line.advance(args.rowStep);
            to.advance(pitch);
          });
        });
      },
    );
  }),
);
