/**
 * Kernels that reduce one axis. Along the axis: each result is a row whose vectors are added up, and then its lanes.
 * Across it: the results lie side by side, and whole rows of them are added to each other.
 */
import type { Reduction } from '../device/backend.ts';
import { storageOf } from '../device/view.ts';
import type { DType } from '../dtype.ts';
import {
  active,
  constant,
  eachLane,
  index,
  inout,
  input,
  isFloat,
  kernel,
  loop,
  output,
  unroll,
  variable,
  when,
  type ElementType,
  type KernelDefinition,
  type Pointer,
  type Spec,
  type Value,
} from '../lang/index.ts';
import { number, pointer } from './arguments.ts';
import { axisOffsets, axisParameters } from './axes.ts';
import { elementOf } from './elementwise-kernel.ts';
import { converted } from './math/convert.ts';
import { Row } from './row.ts';

/** How two partial results become one. */
export type Combination = 'add' | 'mul' | 'max' | 'min';

/**
 * A reduction, or what variances are made of: the squares of the distances from a centre; or covariances: these distances
 * times the elements of a partner that lies in memory as the input does.
 */
export type Contribution = Reduction | 'squaredDeviations' | 'deviationProducts';

interface Rule {
  readonly combine: Combination;
  /** What an element contributes. */
  readonly term: (x: Value, partner?: Value) => Value;
  /** The result where there is nothing to reduce; of max and min it has no meaning. */
  readonly empty: number;
  /** How partial results of this reduction are reduced. */
  readonly then: Reduction;
}

const same = (x: Value): Value => x;
const squared = (x: Value): Value => x.mul(x);
const absolute = (x: Value): Value => x.abs();

export const rules: Readonly<Record<Contribution, Rule>> = {
  sum: { combine: 'add', term: same, empty: 0, then: 'sum' },
  prod: { combine: 'mul', term: same, empty: 1, then: 'prod' },
  max: { combine: 'max', term: same, empty: 0, then: 'max' },
  min: { combine: 'min', term: same, empty: 0, then: 'min' },
  any: { combine: 'max', term: same, empty: 0, then: 'any' },
  all: { combine: 'min', term: same, empty: 1, then: 'all' },
  sumOfSquares: { combine: 'add', term: squared, empty: 0, then: 'sum' },
  sumOfAbs: { combine: 'add', term: absolute, empty: 0, then: 'sum' },
  squaredDeviations: { combine: 'add', term: squared, empty: 0, then: 'sum' },
  deviationProducts: { combine: 'add', term: (x, partner) => x.mul(partner!), empty: 0, then: 'sum' },
};

/** The least and the greatest number of a type. */
export const lowest = (element: ElementType): number | bigint =>
  isFloat(element) ? -Infinity : element === 'i64' ? -(2n ** 63n) : -(2 ** 31);
export const greatest = (element: ElementType): number | bigint =>
  isFloat(element) ? Infinity : element === 'i64' ? 2n ** 63n - 1n : 2 ** 31 - 1;

const neutral = (combine: Combination, element: ElementType): number | bigint =>
  ({ add: 0, mul: 1, max: lowest(element), min: greatest(element) })[combine];

/** All lanes as one. */
const across: Readonly<Record<Combination, (vector: Value) => Value>> = {
  add: (vector) => vector.reduceAdd(),
  mul: (vector) => vector.reduceMul(),
  max: (vector) => vector.reduceMax(),
  min: (vector) => vector.reduceMin(),
};

/** Neighbours first, so that rounding errors do not pile up. */
const tree = (combine: Combination, values: readonly Value[]): Value => {
  if (values.length === 1) return values[0]!;
  const pairs = unroll(values.length / 2, (k) => values[2 * k]![combine](values[2 * k + 1]!));
  return tree(combine, pairs);
};

/** What tells one kernel from another. */
export interface Variant {
  readonly contribution: Contribution;
  readonly from: DType;
  /** What is written, and (an `f32` for a float16) computed with. */
  readonly to: DType;
  /** Whether the innermost axis has a step, or its elements follow one another. */
  readonly strided: boolean;
  /** Whether `centre` is subtracted from every element first. */
  readonly centred: boolean;
  /** How many axes are around. */
  readonly outer: number;
}

/** The operands of the axes around, in the order of their strides. */
export const operandsOf = ({ centred }: Pick<Variant, 'centred'>): readonly string[] =>
  centred ? ['x', 'out', 'centre'] : ['x', 'out'];

const lanesOf =
  ({ from, to }: Variant) =>
  (machine: { lanes(element: ElementType): number }): number =>
    Math.min(machine.lanes(elementOf(from)), machine.lanes(elementOf(to)));

const nameOf = (kind: string, { contribution, from, to, strided, outer }: Variant): string =>
  `${contribution}.${kind}(${from}${strided ? ' strided' : ''}) > ${to}, ${outer} outer`;

const isPaired = ({ contribution }: Variant): boolean => contribution === 'deviationProducts';

/** An element in the type of the sum; for `any` and `all` 0 or 1. */
const contributionOf = (variant: Variant, x: Value, centre: Value | undefined, partner?: Value): Value => {
  const { contribution, to } = variant;
  const element = elementOf(to);
  if (contribution === 'any' || contribution === 'all')
    return x.ne(0).select(constant(1, { element, lanes: x.lanes }), 0);
  const wide = converted(x, element);
  return rules[contribution].term(
    centre === undefined ? wide : wide.sub(centre),
    partner && converted(partner, element),
  );
};

/** Accumulators of a row: enough for one addition to be under way in each. */
const ACCUMULATORS = 4;
/** Elements that each lane of an accumulator takes one by one, before it is added to the others. */
const STEPS = 32;

/** Each position is a row of `count` elements, that becomes one. */
export const rowKernel = (variant: Variant): KernelDefinition => {
  const { contribution, from, to, strided, centred, outer } = variant;
  const { combine } = rules[contribution];
  const element = elementOf(to);
  const operands = operandsOf(variant);
  const spec: Spec = {
    x: input(storageOf[from]),
    ...(isPaired(variant) && { partner: input(storageOf[from]) }),
    out: output(storageOf[to]),
    ...(centred && { centre: input(storageOf[to]) }),
    count: index,
    ...(strided && { step: index }),
    ...axisParameters(outer, operands),
  };
  return kernel(
    nameOf('row', variant),
    spec,
    (args, range, machine) => {
      const [x, out, centre] = ['x', 'out', 'centre'].map((name) => pointer(args, name));
      const count = number(args, 'count');
      const row = new Row(strided ? number(args, 'step') : undefined);
      const lanes = lanesOf(variant)(machine);
      const start = constant(neutral(combine, element), { element, lanes });
      const whole = ACCUMULATORS * lanes;
      const distances = unroll(ACCUMULATORS + 1, (k) => row.distance(k * lanes));

      loop(range, (position) => {
        const [xAt, outAt, centreAt] = axisOffsets(args, outer, operands, position);
        const middle = centred ? centre!.splat(centreAt) : undefined;
        const at = x!.plus(xAt!).walk();
        const besides = isPaired(variant) ? pointer(args, 'partner').plus(xAt!).walk() : undefined;
        const term = (load: (p: Pointer) => Value): Value =>
          contributionOf(variant, load(at), middle, besides && load(besides));
        const total = variable(start);
        loop(
          count,
          (begin) => {
            const end = begin.add(STEPS * whole).min(count);
            const rest = end.sub(begin).rem(whole);
            const sums = unroll(ACCUMULATORS, () => variable(start));
            loop(
              { begin, end: end.sub(rest) },
              () => {
                sums.forEach((sum, k) =>
                  sum.update(
                    combine,
                    term((p) => row.vector(p.plus(distances[k]!))),
                  ),
                );
                at.advance(distances[ACCUMULATORS]!);
                besides?.advance(distances[ACCUMULATORS]!);
              },
              { step: whole },
            );
            eachLane(rest, (i) => {
              sums[0]!.update(
                combine,
                active(
                  i,
                  term((p) => row.at(p, i)),
                  start,
                ),
              );
            });
            total.update(combine, tree(combine, sums));
          },
          { step: STEPS * whole },
        );
        out!.set(outAt!, across[combine](total));
      });
    },
    { lanes: lanesOf(variant) },
  );
};

/** Columns that are worked on at a time: those of all rows that are read together, and of their sums, stay near. */
export const COLUMNS = 1024;
/** Rows that are read together: each first alone, then in pairs and fours. */
const ROWS = 8;

/**
 * Each position is a piece of at most `COLUMNS` columns, of `pieces` that there are at each place of the axes around.
 * Sums are kept in `out`, whose columns follow one another.
 */
export const columnKernel = (variant: Variant): KernelDefinition => {
  const { contribution, from, to, strided, centred, outer } = variant;
  const { combine } = rules[contribution];
  const element = elementOf(to);
  const operands = operandsOf(variant);
  const spec: Spec = {
    x: input(storageOf[from]),
    ...(isPaired(variant) && { partner: input(storageOf[from]) }),
    out: inout(storageOf[to]),
    ...(centred && { centre: input(storageOf[to]), centre_step: index }),
    rows: index,
    row_stride: index,
    columns: index,
    pieces: index,
    ...(strided && { step: index }),
    ...axisParameters(outer, operands),
  };
  return kernel(
    nameOf('column', variant),
    spec,
    (args, range) => {
      const [x, out, centre] = ['x', 'out', 'centre'].map((name) => pointer(args, name));
      const [rows, rowStride, columns, pieces] = ['rows', 'row_stride', 'columns', 'pieces'].map((name) =>
        number(args, name),
      ) as [Value, Value, Value, Value];
      const row = new Row(strided ? number(args, 'step') : undefined);
      const centres = centred ? new Row(number(args, 'centre_step')) : undefined;

      loop(range, (position) => {
        const place = position.div(pieces);
        const begin = position.sub(place.mul(pieces)).mul(COLUMNS);
        const end = begin.add(COLUMNS).min(columns);
        const [xAt, outAt, centreAt] = axisOffsets(args, outer, operands, place);
        const sums = out!.plus(outAt!);
        const middles = centred ? centre!.plus(centreAt!) : undefined;
        const at = x!.plus(xAt!).walk();
        const besides = isPaired(variant) ? pointer(args, 'partner').plus(xAt!).walk() : undefined;

        eachLane({ begin, end }, (i) => {
          sums.set(i, constant(neutral(combine, element), { element, lanes: i.lanes }));
        });
        const take = (height: number): void => {
          const group = unroll(height, (k) =>
            [at, besides].map((p) => (k === 0 ? p : p?.plus(rowStride.mul(k)))),
          );
          eachLane({ begin, end }, (i) => {
            const middle = middles && centres!.at(middles, i);
            const column = row.distance(i.base);
            const terms = group.map((lines) => {
              const [value, partner] = lines.map((line) => line && row.vector(line.plus(column), i));
              return contributionOf(variant, value!, middle, partner);
            });
            sums.set(i, sums.at(i)[combine](tree(combine, terms)));
          });
          at.advance(rowStride.mul(height));
          besides?.advance(rowStride.mul(height));
        };
        loop(rows.div(ROWS), () => take(ROWS));
        for (let height = ROWS / 2; height >= 1; height /= 2) {
          when(rows.rem(2 * height).ge(height), () => take(height));
        }
      });
    },
    { lanes: lanesOf(variant) },
  );
};
