/**
 * Many elements to one. One axis is reduced at a time, each time the one that costs least, and what is left over goes
 * through a workspace: after the first pass it is little. Long axes are cut into blocks of a fixed length, which keeps
 * rounding errors small, gives threads work to share, and makes the result independent of how they share it.
 */
import type { Reduction } from '../device/backend.ts';
import type { Region } from '../device/launch.ts';
import { workspace } from '../device/memory.ts';
import { grainOf } from '../device/threads/grain.ts';
import { elementCount, type View } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import type { ElementType } from '../lang/index.ts';
import { launchNamed, region } from './arguments.ts';
import { specialised } from './once.ts';
import { axisArguments, positions } from './axes.ts';
import { contiguous } from './compact.ts';
import { copy } from './copy.ts';
import { elementOf } from './elementwise-kernel.ts';
import { map } from './elementwise.ts';
import { fill } from './fill.ts';
import * as math from './math/index.ts';
import {
  COLUMNS,
  columnKernel,
  operandsOf,
  rowKernel,
  rules,
  type Contribution,
  type Variant,
} from './reduce-kernel.ts';
import { cheapest, type Kind, type Plan } from './reduce-plan.ts';
import { collapse, type Axis } from './walk.ts';

/** `Backend.reduce` on a CPU. */
export const reduce = (reduction: Reduction, out: View, input: View, axes: readonly number[]): void =>
  reduceAround(out.dtype === 'bool' ? ofBools[reduction] : reduction, out, input, axes, null);

/** What reductions are when a result is only true or false. */
const ofBools: Readonly<Record<Reduction, Reduction>> = {
  sum: 'any',
  prod: 'all',
  max: 'any',
  min: 'all',
  any: 'any',
  all: 'all',
  sumOfSquares: 'any',
  sumOfAbs: 'any',
};

/** `Backend.moments` on a CPU. The outputs are float32 or float64. */
export const moments = (mean: View, variance: View, input: View, axes: readonly number[]): void => {
  const count = elementCount(axes.map((axis) => input.shape[axis]!));
  reduceAround('sum', mean, input, axes, null);
  map(math.div, mean.dtype, mean, [mean], [count]);
  reduceAround('squaredDeviations', variance, input, axes, mean);
  map(math.div, variance.dtype, variance, [variance], [count]);
};

/** `Backend.covariances` on a CPU. */
export const covariances = (
  out: View,
  x: View,
  centre: View,
  partner: View,
  axes: readonly number[],
): void => {
  const alike = x.strides.every((stride, axis) => stride === partner.strides[axis]);
  const [input, other] = alike ? [x, partner] : [contiguous(x), contiguous(partner)];
  reduceAround('deviationProducts', out, input, axes, centre, other);
};

/**
 * @param centre  of out's shape and dtype: what is subtracted from the elements first
 * @param partner  of the input's shape, strides and dtype: what they are then multiplied by
 */
const reduceAround = (
  contribution: Contribution,
  out: View,
  input: View,
  axes: readonly number[],
  centre: View | null,
  partner: View | null = null,
): void => {
  if (elementCount(out.shape) === 0) return;
  if (axes.some((axis) => input.shape[axis] === 0)) {
    fill(out, rules[contribution].empty);
    return;
  }
  const kept = input.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const along = (chosen: readonly number[]) => ({ strides: chosen.map((axis) => input.strides[axis]!) });
  const sizes = (chosen: readonly number[]): number[] => chosen.map((axis) => input.shape[axis]!);
  run({
    contribution,
    from: operandOf(input),
    to: operandOf(out),
    centre: centre && operandOf(centre),
    partner: partner && operandOf(partner),
    kept: collapse(sizes(kept), [along(kept), out, ...(centre ? [centre] : [])]),
    reduced: collapse(sizes(axes), [along(axes)]),
    depth: 0,
  });
};

interface Operand extends Region {
  readonly dtype: DType;
}
const operandOf = (view: View): Operand => ({ ...region(view), dtype: view.dtype });
const moved = ({ storage, byteOffset: from, dtype }: Operand, elements: number): Operand => ({
  storage,
  byteOffset: from + elements * dtypes[dtype].bytes,
  dtype,
});

interface Task {
  readonly contribution: Contribution;
  readonly from: Operand;
  readonly to: Operand;
  readonly centre: Operand | null;
  readonly partner: Operand | null;
  /** With strides in `from`, in `to`, and in the centre if there is one. */
  readonly kept: readonly Axis[];
  /** With strides in `from`. */
  readonly reduced: readonly Axis[];
  /** How many passes have gone before. */
  readonly depth: number;
}

const run = (task: Task): void => {
  const { from, to, reduced, depth } = task;
  const dtype = accumulated[elementOf(to.dtype)];
  const plan = cheapest(task.kept, reduced, elementOf(dtype));
  const { kind, axis, kept } = plan;
  const longest = LONGEST[kind];
  const last = reduced.length === 1 && axis.size <= longest;
  if (last && (kind === 'row' || (kept[0]!.strides[1] === 1 && to.dtype === dtype))) {
    pass(task, plan, { start: 0, count: axis.size, blocks: 1 }, [], from, to);
    return;
  }

  // Partial results: the kept axes inside, around them what is still to be reduced.
  const inside = restrided(kept, 1);
  const results = positions(inside);
  const others = restrided(
    reduced.filter((other) => other !== axis),
    results,
  );
  const rows = positions(others);
  const left = rows * Math.ceil(axis.size / longest);
  const bytes = results * left * dtypes[dtype].bytes;
  const partial: Operand = { storage: workspace(`reduce ${depth % 2}`, bytes), byteOffset: 0, dtype };
  const step = axis.strides[0]!;
  for (const block of blocksOf(axis.size, longest)) {
    const ofBlocks = { size: block.blocks, strides: [step * longest, results * rows, 0] };
    const at = moved(from, block.start * step);
    const into = moved(partial, (block.start / longest) * results * rows);
    pass(task, { kind, axis, kept: inside }, block, [...others, ofBlocks], at, into);
  }

  const finished = collapse(
    kept.map(({ size }) => size),
    [inside, kept].map((axes) => ({ strides: axes.map(({ strides }) => strides[1]!) })),
  );
  if (left === 1) copy(viewOf(to, finished, 1), viewOf(partial, finished, 0));
  else {
    run({
      contribution: rules[task.contribution].then,
      from: partial,
      to,
      centre: null,
      partner: null,
      kept: finished,
      reduced: [{ size: left, strides: [results] }],
      depth: depth + 1,
    });
  }
};

/** The axes with new strides in the output, those of a block in which neighbours of the first are `step` apart. */
const restrided = (axes: readonly Axis[], step: number): Axis[] => {
  let next = step;
  return axes.map(({ size, strides: [inFrom, , inCentre = 0] }) => {
    const strides = [inFrom!, next, inCentre];
    next *= size;
    return { size, strides };
  });
};

const viewOf = (
  { storage, byteOffset: from, dtype }: Operand,
  axes: readonly Axis[],
  operand: 0 | 1,
): View => ({
  storage,
  dtype,
  shape: axes.map(({ size }) => size),
  strides: axes.map(({ strides }) => strides[operand]!),
  offset: from / dtypes[dtype].bytes,
});

/** What registers compute with, as memory holds it. */
const accumulated: Readonly<Record<ElementType, DType>> = {
  f32: 'float32',
  f64: 'float64',
  i32: 'int32',
  i64: 'int64',
};

/** Longer axes are cut. A row's kernel has sums of sums within; a column's adds groups of eight one by one. */
const LONGEST: Readonly<Record<Kind, number>> = { row: 16384, column: 256 };

/** Blocks that follow one another, all of one length. */
interface Blocks {
  readonly start: number;
  readonly count: number;
  readonly blocks: number;
}
const blocksOf = (size: number, longest: number): Blocks[] => {
  const whole = Math.floor(size / longest);
  const all = [
    { start: 0, count: longest, blocks: whole },
    { start: whole * longest, count: size - whole * longest, blocks: 1 },
  ];
  return all.filter((block) => block.count > 0 && block.blocks > 0);
};

/** Reduces one axis, or blocks of it, once for every place of the others. */
const pass = (
  { contribution, centre, partner, from: start }: Task,
  { kind, axis, kept }: Plan,
  { count }: Blocks,
  around: readonly Axis[],
  from: Operand,
  to: Operand,
): void => {
  const columns = kept[0]!;
  const inner = kind === 'row' ? axis : columns;
  const outer = [...(kind === 'row' ? kept : kept.slice(1)), ...around].filter(({ size }) => size > 1);
  if (outer.length === 0) outer.push({ size: 1, strides: [0, 0, 0] });
  const step = inner.strides[0]!;
  const variant: Variant = {
    contribution,
    from: from.dtype,
    to: to.dtype,
    strided: step !== 1,
    centred: centre !== null,
    outer: outer.length,
  };
  const shared = {
    x: from,
    ...(partner && {
      partner: { ...partner, byteOffset: partner.byteOffset + from.byteOffset - start.byteOffset },
    }),
    out: to,
    ...(centre && { centre }),
    ...(step !== 1 && { step }),
    ...axisArguments(outer, operandsOf(variant)),
  };
  const places = positions(outer);
  const { bytes } = dtypes[from.dtype];
  if (kind === 'row') {
    const grain = grainOf({ bytes: count * bytes });
    launchNamed(kernels.row(variant), { ...shared, count }, places, { grain });
    return;
  }
  const pieces = Math.ceil(columns.size / COLUMNS);
  const args = {
    ...shared,
    ...(centre && { centre_step: columns.strides[2]! }),
    rows: count,
    row_stride: axis.strides[0]!,
    columns: columns.size,
    pieces,
  };
  const grain = grainOf({ bytes: count * Math.min(columns.size, COLUMNS) * bytes });
  launchNamed(kernels.column(variant), args, places * pieces, { grain });
};

const kernels = { row: specialised(rowKernel), column: specialised(columnKernel) };
