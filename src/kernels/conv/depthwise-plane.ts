/**
 * A plane between zeros in a slot of scratch memory, where its predecessor was, so that it stays in the first cache. With
 * two phases the even columns of a row lie before its odd ones.
 */
import type { Region } from '../../device/launch.ts';
import { byteOffset, storageOf, type View } from '../../device/view.ts';
import {
  eachLane,
  index,
  inout,
  input,
  loadedElement,
  loop,
  storageBytes,
  unroll,
  when,
  type Arguments,
  type Pointer,
  type StorageType,
  type Value,
} from '../../lang/index.ts';

/** What a kernel needs to know of it. */
export const planeSpec = (storage: StorageType) => ({
  source: input(storage),
  /** Slots for positions from `firstPosition` on, of which only that of a range's first is used. */
  slots: inout(loadedElement[storage]),
  firstPosition: index,
  slotSize: index,
  imageStep: index,
  channelStep: index,
  rowStep: index,
  /** The part of a plane that is read, and the row of the padded plane where it begins. */
  sourceRows: index,
  sourceColumns: index,
  paddedRow: index,
  /** Where in a row of it the first column lies, and the second when columns are apart by phases. */
  firstAt: index,
  secondAt: index,
  /** Elements of a padded plane, and of the part of its rows that one phase takes. */
  planeSize: index,
  phasePitch: index,
});

export interface PlaneNeeds {
  /** Row and column of the plane that are the padded plane's first; negative ones are zeros before it. */
  readonly origin: readonly [number, number];
  readonly rows: number;
  readonly columns: number;
  readonly phases: number;
  /** Columns of a phase that vectors reach. */
  readonly reach: number;
  readonly lanes: number;
}

/** The arguments for planes of `images`, but for the slots. */
export const planeArguments = (images: View, { origin, rows, columns, phases, reach, lanes }: PlaneNeeds) => {
  const part = (axis: 0 | 1, extent: number) => {
    const first = Math.max(origin[axis], 0);
    const end = Math.min(origin[axis] + extent, images.shape[axis + 2]!);
    return { first, size: Math.max(end - first, 0), at: first - origin[axis] };
  };
  const [down, across] = [part(0, rows), part(1, columns)];
  const nothing = down.size === 0 || across.size === 0;
  const copied = Math.ceil(Math.ceil(across.size / phases) / lanes) * lanes;
  const phasePitch = Math.max(reach, Math.floor((across.at + phases - 1) / phases) + copied);
  const inRow = (column: number): number => (column % phases) * phasePitch + Math.floor(column / phases);
  const [imageStep, channelStep, rowStep] = images.strides as [number, number, number, number];
  const skipped = (down.first * rowStep + across.first) * storageBytes[storageOf[images.dtype]];
  const source: Region = {
    storage: images.storage,
    byteOffset: nothing ? 0 : byteOffset(images) + skipped,
  };
  return {
    source,
    imageStep,
    channelStep,
    rowStep,
    sourceRows: nothing ? 0 : down.size,
    sourceColumns: across.size,
    paddedRow: down.at,
    firstAt: inRow(across.at),
    secondAt: inRow(across.at + 1),
    planeSize: rows * phases * phasePitch,
    phasePitch,
  };
};

/** Copies the source's plane that is at `from` to where `plane` was cleared before. */
export const copyPlane = (
  args: Arguments<ReturnType<typeof planeSpec>>,
  plane: Pointer,
  from: Pointer,
  phases: number,
  lanes: number,
): void => {
  const { sourceColumns, firstAt, secondAt } = args;
  const pitch = args.phasePitch.mul(phases);
  const to = plane.plus(args.paddedRow.mul(pitch)).walk('to');
  const line = from.walk('line');
  const whole = sourceColumns.div(2 * lanes);
  const rest = sourceColumns.sub(whole.mul(2 * lanes));
  loop(args.sourceRows, () => {
    // What is stored beyond the last column are zeros, since nothing is loaded there.
    if (phases === 1) {
      eachLane(sourceColumns, (i) => to.plus(firstAt).set(i.base, line.at(i)), { lanes });
    } else {
      const source = line.walk();
      const [evens, odds] = [to.plus(firstAt).walk(), to.plus(secondAt).walk()];
      const pair = (counts?: readonly Value[]): void => {
        const [a, b] = unroll(2, (half) => source.vector(half * lanes, { lanes, count: counts?.[half] })) as [
          Value,
          Value,
        ];
        evens.set(0, a.evens(b));
        odds.set(0, a.odds(b));
      };
      loop(whole, () => {
        pair();
        source.advance(2 * lanes);
        evens.advance(lanes);
        odds.advance(lanes);
      });
      when(rest.gt(0), () => pair([rest.min(lanes), rest.sub(lanes).max(0)]));
    }
    line.advance(args.rowStep);
    to.advance(pitch);
  });
};
