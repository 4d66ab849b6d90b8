/**
 * Elements picked and put by tables of positions. Whatever a table says, kernels stay inside their tensors: a position
 * outside the axis is moved to its nearest end (ops refuse such tables before).
 */
import { elementCount, storageOf, type View } from '../device/view.ts';
import { bytesOf, workspace } from '../device/memory.ts';
import type { DType } from '../dtype.ts';
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
  type Value,
} from '../lang/index.ts';
import { launchNamed } from './arguments.ts';
import { specialised } from './once.ts';
import { contiguous, region, writable } from './compact.ts';
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
});

/**
 * Rows of `inner` elements, or single ones, copied or added. Copies are shared by rows: row r is block r ÷ count, entry
 * r mod count. Sums are shared by blocks, since several rows of one may go to the same place; so are single elements.
 */
const rowKernel = specialised((variant: Variant & { readonly single: boolean }): KernelDefinition => {
  const { dtype, add, single } = variant;
  return kernel(
    `${add ? 'index_add' : 'index_select'}${single ? '.single' : ''}(${dtype})`,
    parametersOf(variant),
    ({ out, source, table, count, size, inner }, range) => {
      const take = (block: Value, entry: Value): void => {
        const there = block
          .mul(size)
          .add(positionAt(table, entry, size))
          .mul(inner);
        const here = block.mul(count).add(entry).mul(inner);
        const to = out.plus(add ? there : here);
        const from = source.plus(add ? here : there);
        if (single) to.set(0, add ? to.scalar().add(from.scalar()) : from.scalar());
        else eachLane(inner, (i) => to.set(i, add ? to.at(i).add(from.at(i)) : from.at(i)));
      };
      if (byBlocks(variant)) loop(range, (block) => loop(count, (entry) => take(block, entry)));
      else {
        loop(range, (row) => {
          const block = row.div(count);
          take(block, row.sub(block.mul(count)));
        });
      }
    },
    // Lanes of the elements, not of the positions, of which one at a time is read.
    { lanes: (machine) => machine.lanes(elementOf(dtype)) },
  );
});
const byBlocks = ({ add, single }: { readonly add: boolean; readonly single: boolean }): boolean =>
  add || single;

/** `Backend.indexSelect` on a CPU. */
export const indexSelect = (out: View, input: View, axis: number, table: View): void => {
  const count = table.shape[0] ?? 1;
  if (elementCount(out.shape) === 0 || elementCount(input.shape) === 0) return;
  const [target, finish] = writable(out);
  runRows(false, { out: target, source: contiguous(input), table }, formOf(input.shape, axis), count);
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
  const variant = { dtype: operands.out.dtype, add, single: inner === 1 };
  const end = byBlocks(variant) ? outer : outer * count;
  launchNamed(rowKernel(variant), { ...regionsOf(operands), count, size, inner }, end);
};

/** Single elements: of each block of `count` by `inner` positions in the table, block by block. */
const elementKernel = specialised((variant: Variant): KernelDefinition => {
  const { dtype, add } = variant;
  return kernel(
    `${add ? 'scatter_add' : 'gather'}(${dtype})`,
    parametersOf(variant),
    ({ out, source, table, count, size, inner }, range) => {
      loop(range, (block) => {
        const whole = block.mul(size).mul(inner);
        loop(count, (entry) => {
          const row = block.mul(count).add(entry).mul(inner);
          loop(inner, (j) => {
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
  const { outer, size, inner } = formOf(whole, axis);
  const args = { ...regionsOf(operands), count: operands.table.shape[axis]!, size, inner };
  launchNamed(elementKernel({ dtype: operands.out.dtype, add }), args, outer);
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
