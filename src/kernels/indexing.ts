/**
 * Elements picked and put by tables of positions. Whatever a table says, kernels stay inside their tensors: a position
 * outside the axis is moved to its nearest end (ops refuse such tables before).
 */
import { bytesOf, workspace } from '../device/memory.ts';
import { grainOf } from '../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import {
  eachLane,
  index,
  inout,
  input,
  kernel,
  loop,
  output,
  type KernelDefinition,
  type Operand,
  type Pointer,
  type Range,
  type Value,
  unroll,
  when,
} from '../lang/index.ts';
import { launchNamed, region } from './arguments.ts';
import { specialised } from './once.ts';
import { contiguous, writable } from './compact.ts';
import { copy } from './copy.ts';
import { elementOf } from './elementwise-kernel.ts';
import { reduce } from './reduce.ts';

/** The position that a table holds at `i`, kept within an axis. */
const positionAt = (table: Pointer, i: Operand, size: Value): Value =>
  table.scalar(i).max(0).min(size.sub(1).to('i64')).to('index');

/** What tells one kernel from another. */
interface Variant {
  readonly dtype: DType;
  /** Whether elements are added where the table says, or copied from there. */
  readonly add: boolean;
}

const parametersOf = ({ dtype, add }: Variant) => ({
  out: add ? inout(storageOf[dtype]) : output(storageOf[dtype]),
  source: input(storageOf[dtype]),
  table: input('i64'),
  count: index,
  size: index,
  inner: index,
  /** How many pieces each block has, and how long they are. */
  pieces: index,
  span: index,
});

/** Work that positions of the parallel axis share: entries of the table, or columns of the rows that it names. */
interface Piece {
  readonly block: Value;
  readonly begin: Value;
  readonly end: Value;
}

/** body(a piece of `size` entries or columns of a block) for the positions of a range. */
const eachPiece = (
  range: Range,
  { pieces, span }: { readonly pieces: Value; readonly span: Value },
  size: Value,
  body: (piece: Piece) => void,
): void =>
  loop(range, (position) => {
    const block = position.div(pieces);
    const begin = position.sub(block.mul(pieces)).mul(span);
    body({ block, begin, end: begin.add(span).min(size) });
  });

/**
 * Rows of `inner` elements, copied or added; of those that are added also single ones. Copies are shared by entries of the table; sums by columns,
 * since several rows may go to the same place.
 */
const rowKernel = specialised((variant: Variant & { readonly single: boolean }): KernelDefinition => {
  const { dtype, add, single } = variant;
  return kernel(
    `${add ? 'index_add' : 'index_select'}${single ? '.single' : ''}(${dtype})`,
    parametersOf(variant),
    ({ out, source, table, count, size, inner, pieces, span }, range) => {
      const take = (block: Value, entry: Value, columns: Operand | Range): void => {
        const there = block
          .mul(size)
          .add(positionAt(table, entry, size))
          .mul(inner);
        const here = block.mul(count).add(entry).mul(inner);
        const to = out.plus(add ? there : here);
        const from = source.plus(add ? here : there);
        if (single) to.set(0, to.scalar().add(from.scalar()));
        else eachLane(columns, (i) => to.set(i, add ? to.at(i).add(from.at(i)) : from.at(i)));
      };
      eachPiece(range, { pieces, span }, add ? inner : count, ({ block, begin, end }) => {
        if (add) loop(count, (entry) => take(block, entry, { begin, end }));
        else loop({ begin, end }, (entry) => take(block, entry, inner));
      });
    },
    // Lanes of the elements, not of the positions, of which one at a time is read.
    { lanes: (machine) => machine.lanes(elementOf(dtype)) },
  );
});

/** Blocks for which an entry of the table is read once. */
const TOGETHER = 8;

/**
 * Single elements of every block: where a row ends and the next one begins is known without the table, which is read once
 * for some blocks.
 */
const singleKernel = specialised(({ dtype }: { readonly dtype: DType }): KernelDefinition => {
  const { bytes } = dtypes[dtype];
  const spec = { ...parametersOf({ dtype, add: false }), outer: index };
  return kernel(
    `index_select.single(${dtype})`,
    spec,
    ({ out, source, table, count, size, pieces, span, outer }, range) => {
      const [sourceStep, outStep] = [size.mul(bytes), count.mul(bytes)];
      eachPiece(range, { pieces, span }, count, ({ block: group, begin, end }) => {
        const first = group.mul(TOGETHER);
        const [blocks, rows] = [source.plus(first.mul(size)), out.plus(first.mul(count))];
        const take = (entry: Value, each: (one: () => void) => void): void => {
          const from = blocks.plus(positionAt(table, entry, size)).walk();
          const to = rows.plus(entry).walk();
          each(() => {
            to.set(0, from.scalar());
            from.advanceBytes(sourceStep);
            to.advanceBytes(outStep);
          });
        };
        const left = outer.sub(first);
        when(
          left.ge(TOGETHER),
          () => loop({ begin, end }, (entry) => take(entry, (one) => unroll(TOGETHER, one))),
          () => loop({ begin, end }, (entry) => take(entry, (one) => loop(left, one))),
        );
      });
    },
  );
});

/** `Backend.indexSelect` on a CPU. */
export const indexSelect = (out: View, input: View, axis: number, table: View): void => {
  const count = table.shape[0] ?? 1;
  if (elementCount(out.shape) === 0 || elementCount(input.shape) === 0) return;
  const [target, finish] = writable(out);
  const operands = { out: target, source: contiguous(input), table };
  const form = formOf(input.shape, axis);
  if (form.inner === 1) {
    const groups = Math.ceil(form.outer / TOGETHER);
    const pieces = Math.ceil(count / COPIED);
    launchNamed(
      singleKernel({ dtype: target.dtype }),
      { ...regionsOf(operands), count, size: form.size, inner: 1, pieces, span: COPIED, outer: form.outer },
      groups * pieces,
      { grain: grainOf({ flops: 10 * TOGETHER * Math.min(count, COPIED) }) },
    );
  } else runRows(false, operands, form, count);
  finish();
};

/** `Backend.indexAdd` on a CPU, in the order of the table. */
export const indexAdd = (out: View, axis: number, table: View, source: View): void => {
  if (elementCount(source.shape) === 0 || elementCount(out.shape) === 0) return;
  const [target, finish] = writable(out, true);
  const form = formOf(out.shape, axis);
  runRows(true, { out: target, source: contiguous(source), table }, form, source.shape[axis]!);
  finish();
};

interface Operands {
  readonly out: View;
  readonly source: View;
  readonly table: View;
}
const regionsOf = ({ out, source, table }: Operands) => ({
  out: region(out),
  source: region(source),
  table: region(contiguous(table)),
});

const runRows = (add: boolean, operands: Operands, { outer, size, inner }: Form, count: number): void => {
  const definition = rowKernel({ dtype: operands.out.dtype, add, single: add && inner === 1 });
  launchPieces(definition, operands, add, { outer, size, inner }, count);
};

/** Elements that a piece of copies has, and columns that a piece of sums has: whole cache lines. */
const COPIED = 4096;
const SUMMED = 256;

/** How the work is cut does not depend on threads: sums are always added up in the order of the table. */
const launchPieces = (
  definition: KernelDefinition,
  operands: Operands,
  add: boolean,
  { outer, size, inner }: Form,
  count: number,
): void => {
  const span = add ? SUMMED : Math.ceil(COPIED / inner);
  const pieces = Math.ceil((add ? inner : count) / span);
  const elements = add ? count * Math.min(inner, SUMMED) : Math.min(span, count) * inner;
  // Single elements take longer than memory does.
  const grain = grainOf({ bytes: 2 * elements * dtypes[operands.out.dtype].bytes, flops: 20 * elements });
  launchNamed(definition, { ...regionsOf(operands), count, size, inner, pieces, span }, outer * pieces, {
    grain,
  });
};

/** Single elements: of each block of `count` by `inner` positions in the table; shared as those of `rowKernel`. */
const elementKernel = specialised((variant: Variant): KernelDefinition => {
  const { dtype, add } = variant;
  return kernel(
    `${add ? 'scatter_add' : 'gather'}(${dtype})`,
    parametersOf(variant),
    ({ out, source, table, count, size, inner, pieces, span }, range) => {
      eachPiece(range, { pieces, span }, add ? inner : count, ({ block, begin, end }) => {
        const whole = block.mul(size).mul(inner);
        loop(add ? count : { begin, end }, (entry) => {
          const row = block.mul(count).add(entry).mul(inner);
          loop(add ? { begin, end } : inner, (j) => {
            const here = row.add(j);
            const there = whole.add(positionAt(table, here, size).mul(inner)).add(j);
            if (add) out.set(there, out.scalar(there).add(source.scalar(here)));
            else out.set(here, source.scalar(there));
          });
        });
      });
    },
  );
});

/** `Backend.gather` on a CPU. */
export const gather = (out: View, input: View, axis: number, table: View): void => {
  if (elementCount(table.shape) === 0 || elementCount(input.shape) === 0) return;
  const source = contiguous(reached(input, axis, table.shape));
  const [target, finish] = writable(out);
  runElements(false, { out: target, source, table }, source.shape, axis);
  finish();
};

/** `Backend.scatterAdd` on a CPU, in row-major order. */
export const scatterAdd = (out: View, axis: number, table: View, source: View): void => {
  if (elementCount(table.shape) === 0 || elementCount(out.shape) === 0) return;
  const [target, finish] = writable(reached(out, axis, table.shape), true);
  const used = contiguous(cut(source, table.shape));
  runElements(true, { out: target, source: used, table }, target.shape, axis);
  finish();
};

const runElements = (add: boolean, operands: Operands, whole: readonly number[], axis: number): void => {
  const definition = elementKernel({ dtype: operands.out.dtype, add });
  launchPieces(definition, operands, add, formOf(whole, axis), operands.table.shape[axis]!);
};

/** The part of a view that a table of positions can reach: of other axes only as much as the table has. */
const reached = (view: View, axis: number, table: readonly number[]): View =>
  cut(
    view,
    view.shape.map((size, k) => (k === axis ? size : table[k]!)),
  );

/** The first elements along each axis. */
const cut = ({ storage, dtype, strides, offset }: View, shape: readonly number[]): View => ({
  storage,
  dtype,
  shape,
  strides,
  offset,
});

/** Blocks around an axis, its size, and the elements from one place on it to the next. */
interface Form {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}
const formOf = (shape: readonly number[], axis: number): Form => ({
  outer: elementCount(shape.slice(0, axis)),
  size: shape[axis]!,
  inner: elementCount(shape.slice(axis + 1)),
});

/** Whether all positions (int64) of a table are in [0, size); if not, one that is not. */
export const indexInRange = (table: View, size: number): { readonly ok: boolean; readonly bad: number } => {
  if (elementCount(table.shape) === 0) return { ok: true, bad: 0 };
  const storage = workspace('extremes of a table', 16);
  const axes = table.shape.map((_, axis) => axis);
  const extreme = (offset: 0 | 1): View => ({ storage, dtype: 'int64', shape: [], strides: [], offset });
  const [least, greatest] = [extreme(0), extreme(1)];
  if (axes.length === 0) {
    copy(least, table);
    copy(greatest, table);
  } else {
    reduce('min', least, table, axes);
    reduce('max', greatest, table, axes);
  }
  const bytes = bytesOf(storage);
  const [low, high] = new BigInt64Array(bytes.buffer, bytes.byteOffset, 2) as unknown as [bigint, bigint];
  return { ok: low >= 0n && high < BigInt(size), bad: Number(low < 0n ? low : high) };
};
