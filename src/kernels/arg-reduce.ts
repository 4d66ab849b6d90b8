/** Where along an axis the extreme is: the first of equals, and a NaN before everything else. */
import { grainOf } from '../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import {
  active,
  constant,
  eachLane,
  elementBytes,
  index,
  input,
  iota,
  kernel,
  loop,
  output,
  unroll,
  variable,
  when,
  type KernelDefinition,
  type LaneIndex,
  type Pointer,
  type Spec,
  type Value,
  type Variable,
} from '../lang/index.ts';
import { launchNamed, number, pointer, region } from './arguments.ts';
import { specialised } from './once.ts';
import { axisArguments, axisOffsets, axisParameters, positions as placesOf } from './axes.ts';
import { elementOf } from './elementwise-kernel.ts';
import { COLUMNS, greatest, lowest } from './reduce-kernel.ts';
import { cheapest } from './reduce-plan.ts';
import { Row } from './row.ts';
import { collapse } from './walk.ts';

/** `Backend.argReduce` on a CPU. The axis is not empty. */
export const argReduce = (
  which: 'max' | 'min',
  positions: View,
  values: View | null,
  x: View,
  axis: number,
): void => {
  if (elementCount(positions.shape) === 0) return;
  const along = { size: x.shape[axis]!, strides: [x.strides[axis]!] };
  const around = collapse(positions.shape, [
    { strides: x.strides.filter((_, k) => k !== axis) },
    positions,
    ...(values ? [values] : []),
  ]);
  const { kind, kept } = cheapest(around, [along], elementOf(x.dtype));
  const columns = kept[0]!;
  const side = kind === 'row' ? kept : kept.slice(1);
  const outer = side.length > 0 ? side : [{ size: 1, strides: [0, 0, 0] }];
  const step = (kind === 'row' ? along : columns).strides[0]!;
  const variant: Variant = {
    which,
    dtype: x.dtype,
    withValues: values !== null,
    strided: step !== 1,
    outer: outer.length,
  };
  const args = {
    x: region(x),
    positions: region(positions),
    ...(values && { values: region(values) }),
    count: along.size,
    ...(step !== 1 && { step }),
    ...axisArguments(outer, operandsOf(variant)),
  };
  const places = placesOf(outer);
  const bytes = along.size * dtypes[x.dtype].bytes;
  if (kind === 'row') {
    launchNamed(rows(variant), args, places, { grain: grainOf({ bytes }) });
    return;
  }
  const pieces = Math.ceil(columns.size / COLUMNS);
  const crossing = {
    row_stride: along.strides[0]!,
    columns: columns.size,
    pieces,
    positions_step: columns.strides[1]!,
    ...(values && { values_step: columns.strides[2]! }),
  };
  const grain = grainOf({ bytes: bytes * Math.min(columns.size, COLUMNS) });
  launchNamed(columnsOf(variant), { ...args, ...crossing }, places * pieces, { grain });
};

interface Variant {
  readonly which: 'max' | 'min';
  readonly dtype: DType;
  readonly withValues: boolean;
  /** Whether the innermost axis has a step, or its elements follow one another. */
  readonly strided: boolean;
  /** How many axes are around. */
  readonly outer: number;
}

const operandsOf = ({ withValues }: Pick<Variant, 'withValues'>): readonly string[] =>
  withValues ? ['x', 'positions', 'values'] : ['x', 'positions'];

const parametersOf = (variant: Variant): Spec => ({
  x: input(storageOf[variant.dtype]),
  positions: output('i64'),
  ...(variant.withValues && { values: output(storageOf[variant.dtype]) }),
  count: index,
  ...(variant.strided && { step: index }),
  ...axisParameters(variant.outer, operandsOf(variant)),
});

const nameOf = (kind: string, { which, dtype, withValues, strided, outer }: Variant): string =>
  `arg${which}.${kind}(${dtype}${strided ? ' strided' : ''})${withValues ? ' with values' : ''}, ${outer} outer`;

/** The extremes so far, each lane for itself, and where they were. */
class Extreme {
  readonly value: Variable;
  readonly place: Variable;
  private readonly integer: 'i32' | 'i64';

  constructor(
    private readonly which: 'max' | 'min',
    dtype: DType,
    private readonly lanes: number,
  ) {
    const element = elementOf(dtype);
    this.integer = elementBytes[element] === 8 ? 'i64' : 'i32';
    this.value = variable(constant(this.least(element), { element, lanes }));
    this.place = variable(constant(0, { element: this.integer, lanes }));
  }

  /** What no other element is less extreme than. */
  least(element: ReturnType<typeof elementOf>): number | bigint {
    return this.which === 'max' ? lowest(element) : greatest(element);
  }

  /** Elements of one place, or of as many places as there are lanes. */
  take(x: Value, place: Value, across: boolean): void {
    const { value, which } = this;
    const exceeds = which === 'max' ? x.gt(value) : x.lt(value);
    const firstNaN = x.ne(x).and(value.eq(value));
    const better = exceeds.or(firstNaN);
    const first = place.to(this.integer).splat(this.lanes);
    this.place.set(better.select(across ? first.add(iota(this.integer, this.lanes)) : first, this.place));
    value.set(better.select(x, value));
  }

  /** The extreme of all lanes, and its first place. */
  joined(): { readonly value: Value; readonly place: Value } {
    const { value, place, which } = this;
    const joint = which === 'max' ? value.reduceMax() : value.reduceMin();
    const there = value.eq(joint).or(value.ne(value));
    const none = constant(greatest(this.integer), this.integer).splat(this.lanes);
    return { value: joint, place: there.select(place, none).reduceMin() };
  }
}

/** Each position is a row of `count` elements. */
const rows = specialised((variant: Variant): KernelDefinition => {
  const { which, dtype, withValues, strided, outer } = variant;
  return kernel(
    nameOf('row', variant),
    parametersOf(variant),
    (args, range, machine) => {
      const row = new Row(strided ? number(args, 'step') : undefined);
      loop(range, (position) => {
        const [xAt, positionsAt, valuesAt] = axisOffsets(args, outer, operandsOf(variant), position);
        const at = pointer(args, 'x').plus(xAt!);
        const extreme = new Extreme(which, dtype, machine.lanes(elementOf(dtype)));
        const least = constant(extreme.least(elementOf(dtype)), extreme.value.type);
        eachLane(number(args, 'count'), (i) => {
          extreme.take(active(i, row.at(at, i), least), i.base, true);
        });
        const { value, place } = extreme.joined();
        pointer(args, 'positions').set(positionsAt!, place.to('i64'));
        if (withValues) pointer(args, 'values').set(valuesAt!, value);
      });
    },
    { lanes: (machine) => machine.lanes(elementOf(dtype)) },
  );
});

/** Each position is a piece of at most `COLUMNS` columns, of `pieces` at each place of the axes around. */
const columnsOf = specialised((variant: Variant): KernelDefinition => {
  const { which, dtype, withValues, strided, outer } = variant;
  return kernel(
    nameOf('column', variant),
    {
      ...parametersOf(variant),
      row_stride: index,
      columns: index,
      pieces: index,
      positions_step: index,
      ...(withValues && { values_step: index }),
    },
    (args, range) => {
      const row = new Row(strided ? number(args, 'step') : undefined);
      loop(range, (position) => {
        const place = position.div(number(args, 'pieces'));
        const begin = position.sub(place.mul(number(args, 'pieces'))).mul(COLUMNS);
        const end = begin.add(COLUMNS).min(number(args, 'columns'));
        const [xAt, positionsAt, valuesAt] = axisOffsets(args, outer, operandsOf(variant), place);
        eachLane({ begin, end }, (i) => {
          const extreme = new Extreme(which, dtype, i.lanes);
          const at = pointer(args, 'x').plus(xAt!).plus(row.distance(i.base)).walk();
          loop(number(args, 'count'), (k) => {
            extreme.take(row.vector(at, i), k, false);
            at.advance(number(args, 'row_stride'));
          });
          storeEach(
            pointer(args, 'positions').plus(positionsAt!),
            i,
            extreme.place,
            number(args, 'positions_step'),
          );
          if (withValues) {
            const step = number(args, 'values_step');
            const { count } = i;
            pointer(args, 'values')
              .plus(valuesAt!)
              .set(i.base.mul(step), extreme.value, { stride: step, count });
          }
        });
      });
    },
    { lanes: (machine) => machine.lanes(elementOf(dtype)) },
  );
});

/** Places one by one: a vector of them has 64 bits in memory for each lane, in registers perhaps 32. */
const storeEach = (out: Pointer, { base, count, lanes }: LaneIndex, places: Value, step: Value): void => {
  unroll(lanes, (lane) => {
    const store = (): void =>
      out.set(base.add(lane).mul(step), (lanes === 1 ? places : places.lane(lane)).to('i64'));
    if (count === undefined) store();
    else when(count.gt(lane), store);
  });
};
