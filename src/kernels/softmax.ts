/**
 * Softmax and its logarithm along one axis. Along a contiguous axis each row is worked on by vectors; along another the
 * vectors lie across, so that neighbouring columns are worked on together. Either way several vectors are under way at
 * a time: of a row, because each addition waits for the one before; across, because they share a cache line.
 */
import { grainOf } from '../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import {
  accumulator,
  active,
  constant,
  eachLane,
  index,
  inout,
  input,
  kernel,
  loop,
  output,
  unroll,
  variable,
  type KernelDefinition,
  type LaneIndex,
  type Pointer,
  type Value,
} from '../lang/index.ts';
import { launchNamed, region } from './arguments.ts';
import { specialised } from './once.ts';
import { contiguous, writable } from './compact.ts';
import { elementOf } from './elementwise-kernel.ts';
import { exp, expOfNegative } from './math/exp.ts';
import { log as logarithm } from './math/log.ts';

/** `Backend.softmax` on a CPU. Rows of −∞ give NaN, as in PyTorch. */
export const softmax = (out: View, input: View, axis: number, log: boolean): void =>
  run(forwardKernel, out, [input], axis, log);

/** `Backend.softmaxGrad` on a CPU: out · (g − Σ g · out), or with `log` g − e^out · Σ g. */
export const softmaxGrad = (gradInput: View, grad: View, output: View, axis: number, log: boolean): void =>
  run(backwardKernel, gradInput, [grad, output], axis, log);

/** What tells one kernel from another. */
interface Variant {
  readonly dtype: DType;
  /** Whether vectors lie across the axis. */
  readonly across: boolean;
  readonly log: boolean;
}

/** Columns of a row that one position of the parallel axis stands for, where vectors lie across. */
const COLUMNS = 256;

/** Runs a kernel of the parameters out, a (, b), size, inner, pieces over rows, or over pieces of their columns. */
const run = (
  kernelOf: (variant: Variant) => KernelDefinition,
  out: View,
  inputs: readonly View[],
  axis: number,
  log: boolean,
): void => {
  if (elementCount(out.shape) === 0) return;
  const outer = elementCount(out.shape.slice(0, axis));
  const inner = elementCount(out.shape.slice(axis + 1));
  const [target, finish] = writable(out);
  const [a, b] = inputs.map((view) => region(contiguous(view)));
  const size = out.shape[axis]!;
  const pieces = Math.ceil(inner / COLUMNS);
  const args = { out: region(target), a: a!, ...(b && { b }), size, inner, pieces };
  const elements = size * Math.min(inner, COLUMNS);
  const grain = grainOf({ bytes: 2 * elements * dtypes[out.dtype].bytes, flops: 20 * elements });
  launchNamed(kernelOf({ dtype: out.dtype, across: inner > 1, log }), args, outer * pieces, { grain });
  finish();
};

const nameOf = (kind: string, { dtype, across, log }: Variant): string =>
  `${log ? 'log_' : ''}${kind}.${across ? 'across' : 'along'}(${dtype})`;

/** A vector's worth of the axis, or of columns at one place of it. */
interface Step {
  /** Which of the vectors that are under way. */
  readonly slot: number;
  readonly load: (p: Pointer) => Value;
  readonly store: (p: Pointer, value: Value) => void;
  /** The value, or what adds nothing in lanes that do not count. */
  readonly counted: (value: Value, neutral: number) => Value;
}

/** One turn of a kernel's body: a row, or a few columns. */
interface Turn {
  /** How many vectors are under way. */
  readonly slots: number;
  /** Runs over the axis. */
  readonly along: (step: (step: Step) => void) => void;
  /** From what each slot has gathered to what all of the axis has, for each slot. */
  readonly whole: (gathered: readonly Value[], combine: 'max' | 'add') => readonly Value[];
}

const SLOTS = 4;

interface Sizes {
  readonly size: Value;
  readonly inner: Value;
  readonly pieces: Value;
}

const eachTurn = (
  across: boolean,
  pointers: readonly Pointer[],
  sizes: Sizes,
  range: { readonly begin: Value; readonly end: Value },
  body: (turn: Turn) => void,
): void => {
  const { size, inner, pieces } = sizes;
  loop(range, (position) => {
    const row = across ? position.div(pieces) : position;
    const start = row.mul(size).mul(inner);
    const rows = new Map(pointers.map((p) => [p, p.plus(start)]));
    if (across) {
      const begin = position.sub(row.mul(pieces)).mul(COLUMNS);
      columnsOf(rows, sizes, { begin, end: begin.add(COLUMNS).min(inner) }, body);
    } else body(rowOf(rows, sizes));
  });
};

const rowOf = (rows: ReadonlyMap<Pointer, Pointer>, { size }: Sizes): Turn => {
  const stepAt = (i: LaneIndex, slot: number): Step => ({
    slot,
    load: (p) =>
      rows
        .get(p)!
        .plus(slot * i.lanes)
        .at(i),
    store: (p, value) =>
      rows
        .get(p)!
        .plus(slot * i.lanes)
        .set(i, value),
    counted: (value, neutral) => active(i, value, neutral),
  });
  return {
    slots: SLOTS,
    along(step) {
      const { lanes } = rows.keys().next().value!.builder;
      const rest = size.rem(SLOTS * lanes);
      const full = size.sub(rest);
      loop(full, (base) => unroll(SLOTS, (slot) => step(stepAt({ base, lanes }, slot))), {
        step: SLOTS * lanes,
      });
      eachLane({ begin: full, end: size }, (i) => step(stepAt(i, 0)));
    },
    whole(gathered, combine) {
      const vector = gathered.reduce((a, b) => a[combine](b));
      const scalar = combine === 'max' ? vector.reduceMax() : vector.reduceAdd();
      const spread = scalar.splat();
      return gathered.map(() => spread);
    },
  };
};

const columnsOf = (
  rows: ReadonlyMap<Pointer, Pointer>,
  { size, inner }: Sizes,
  { begin, end }: { readonly begin: Value; readonly end: Value },
  body: (turn: Turn) => void,
): void => {
  const turn = (i: LaneIndex, slots: number): Turn => {
    const columns = new Map([...rows].map(([p, row]) => [p, row.plus(i.base)]));
    return {
      slots,
      along(step) {
        loop(size, (k) => {
          const distance = k.mul(inner);
          const lines = new Map([...columns].map(([p, column]) => [p, column.plus(distance)]));
          const { lanes, count } = i;
          unroll(slots, (slot) =>
            step({
              slot,
              load: (p) => lines.get(p)!.vector(slot * lanes, { lanes, count }),
              store: (p, value) => lines.get(p)!.set(slot * lanes, value, { count }),
              counted: (value) => value,
            }),
          );
        });
      },
      whole: (gathered) => gathered,
    };
  };
  const { lanes } = rows.keys().next().value!.builder;
  const full = end.sub(end.sub(begin).rem(SLOTS * lanes));
  loop({ begin, end: full }, (base) => body(turn({ base, lanes }, SLOTS)), { step: SLOTS * lanes });
  eachLane({ begin: full, end }, (i) => body(turn(i, 1)));
};

const forwardKernel = specialised((variant: Variant): KernelDefinition => {
  const { dtype, across, log } = variant;
  const storage = storageOf[dtype];
  const element = elementOf(dtype);
  // What is written in 16 bits cannot be read back as it was: the exponentials are computed again.
  const exact = storage === element;
  return kernel(
    nameOf('softmax', variant),
    { out: inout(storage), a: input(storage), size: index, inner: index, pieces: index },
    ({ out, a, size, inner, pieces }, range) => {
      eachTurn(across, [out, a], { size, inner, pieces }, range, ({ slots, along, whole }) => {
        const tops = unroll(slots, () => variable(constant(-Infinity, element).splat()));
        along(({ slot, load, counted }) => {
          // Here a NaN may be passed over: its exponential makes the sum, and so all results, NaN.
          const x = counted(load(a), -Infinity);
          tops[slot]!.set(x.gt(tops[slot]!).select(x, tops[slot]!));
        });
        const most = whole(tops, 'max');

        const sums = unroll(slots, () => accumulator(element));
        along(({ slot, load, store, counted }) => {
          const e = expOfNegative(load(a).sub(most[slot]!));
          if (!log && exact) store(out, e);
          sums[slot]!.update('add', counted(e, 0));
        });
        const totals = whole(sums, 'add');

        if (log) {
          const shifts = totals.map((total, slot) => most[slot]!.add(logarithm(total)));
          along(({ slot, load, store }) => store(out, load(a).sub(shifts[slot]!)));
        } else {
          const scales = totals.map((total) => constant(1, total.type).div(total));
          along(({ slot, load, store }) =>
            store(out, (exact ? load(out) : expOfNegative(load(a).sub(most[slot]!))).mul(scales[slot]!)),
          );
        }
      });
    },
  );
});

const backwardKernel = specialised((variant: Variant): KernelDefinition => {
  const { dtype, across, log } = variant;
  const storage = storageOf[dtype];
  return kernel(
    nameOf('softmax_grad', variant),
    { out: output(storage), a: input(storage), b: input(storage), size: index, inner: index, pieces: index },
    ({ out, a, b, size, inner, pieces }, range) => {
      eachTurn(across, [out, a, b], { size, inner, pieces }, range, ({ slots, along, whole }) => {
        const sums = unroll(slots, () => accumulator(elementOf(dtype)));
        along(({ slot, load }) => {
          // Beyond a row's end loads give 0, which adds nothing.
          if (log) sums[slot]!.update('add', load(a));
          else sums[slot]!.accumulate(load(a), load(b));
        });
        const totals = whole(sums, 'add');
        along(({ slot, load, store }) => {
          const total = totals[slot]!;
          store(out, log ? load(a).sub(exp(load(b)).mul(total)) : load(b).mul(load(a).sub(total)));
        });
      });
    },
  );
});
