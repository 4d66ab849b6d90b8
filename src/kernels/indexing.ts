/**
 * Elements picked and put by tables of positions. Whatever a table says, kernels stay inside their tensors: a position
 * outside the axis is moved to its nearest end (ops refuse such tables before).
 */
import { launch } from '../device/launch.ts';
import { elementCount, storageOf, type View } from '../device/view.ts';
import type { DType } from '../dtype.ts';
import {
  eachLane,
  index,
  inout,
  input,
  kernel,
  loop,
  output,
  variable,
  type KernelDefinition,
  type Operand,
  type Pointer,
  type Value,
} from '../lang/index.ts';
import { contiguous, region, writable } from './compact.ts';

/** The position that a table holds at `i`, kept within an axis. */
const positionAt = (table: Pointer, i: Operand, size: Value): Value =>
  table.scalar(i).to('index').max(0).min(size.sub(1));

const made = new Map<string, KernelDefinition>();
const kernelOf = (name: string, make: (name: string) => unknown): KernelDefinition => {
  let found = made.get(name);
  if (found === undefined) made.set(name, (found = make(name) as KernelDefinition));
  return found;
};

/** Rows of `inner` elements, copied or added: row r of the parallel axis is block r ÷ count, entry r mod count. */
const rowKernel = (name: string, dtype: DType, add: boolean): unknown => {
  const storage = storageOf[dtype];
  return kernel(
    name,
    {
      out: add ? inout(storage) : output(storage),
      source: input(storage),
      table: input('i64'),
      count: index,
      size: index,
      inner: index,
    },
    ({ out, source, table, count, size, inner }, { begin, end }) => {
      const block = variable(begin.div(count));
      const entry = variable(begin.rem(count));
      loop({ begin, end }, (row) => {
        const position = positionAt(table, entry, size);
        const there = block.mul(size).add(position).mul(inner);
        const here = row.mul(inner);
        const to = out.plus(add ? there : here);
        const from = source.plus(add ? here : there);
        eachLane(inner, (i) => {
          to.set(i, add ? to.at(i).add(from.at(i)) : from.at(i));
        });
        entry.update('add', 1);
        const wrapped = entry.ge(count);
        block.set(wrapped.select(block.add(1), block));
        entry.set(wrapped.select(entry.sub(count), entry));
      });
    },
    // Lanes of the elements, not of the positions, of which one at a time is read.
    { lanes: (machine) => machine.lanes(elementOfStorage(storage)) },
  );
};

const elementOfStorage = (storage: (typeof storageOf)[DType]): 'f32' | 'f64' | 'i32' | 'i64' =>
  storage === 'f64' || storage === 'i64'
    ? storage
    : storage === 'f32' || storage === 'f16' || storage === 'bf16'
      ? 'f32'
      : 'i32';

/** out = input with `axis` replaced by the entries that `table` names. */
export const indexSelect = (out: View, input: View, axis: number, table: View): void => {
  if (elementCount(out.shape) === 0) return;
  const { outer, size, inner } = formOf(input.shape, axis);
  const count = table.shape[0] ?? 1;
  const [target, finish] = writable(out);
  const definition = kernelOf(`index_select(${out.dtype})`, (name) => rowKernel(name, out.dtype, false));
  const args = { out: region(target), source: region(contiguous(input)), table: region(contiguous(table)) };
  launch(definition, { ...args, count, size, inner }, 0, outer * count);
  finish();
};

/** out[…, table[k], …] += source[…, k, …], in the order of k. */
export const indexAdd = (out: View, axis: number, table: View, source: View): void => {
  if (elementCount(source.shape) === 0) return;
  const { outer, size, inner } = formOf(out.shape, axis);
  const count = source.shape[axis]!;
  const [target, finish] = writable(out, true);
  const definition = kernelOf(`index_add(${out.dtype})`, (name) => rowKernel(name, out.dtype, true));
  const args = { out: region(target), source: region(contiguous(source)), table: region(contiguous(table)) };
  launch(definition, { ...args, count, size, inner }, 0, outer * count);
  finish();
};

/** Single elements: of each block of `count` by `inner` positions in the table, block by block. */
const elementKernel = (name: string, dtype: DType, add: boolean): unknown => {
  const storage = storageOf[dtype];
  return kernel(
    name,
    {
      out: add ? inout(storage) : output(storage),
      source: input(storage),
      table: input('i64'),
      count: index,
      size: index,
      inner: index,
    },
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
};

/** out[i][j][k] = input[table[i][j][k]][j][k] along axis 0, and likewise along others. */
export const gather = (out: View, input: View, axis: number, table: View): void => {
  if (elementCount(table.shape) === 0) return;
  const source = contiguous(reached(input, axis, table.shape));
  const [target, finish] = writable(out);
  const definition = kernelOf(`gather(${out.dtype})`, (name) => elementKernel(name, out.dtype, false));
  runElements(definition, { out: target, source, table }, source.shape, axis);
  finish();
};

/** out[table[i][j][k]][j][k] += source[i][j][k] along axis 0, and likewise along others; in row-major order. */
export const scatterAdd = (out: View, axis: number, table: View, source: View): void => {
  if (elementCount(table.shape) === 0) return;
  const [target, finish] = writable(reached(out, axis, table.shape), true);
  const used = cut(source, table.shape);
  const definition = kernelOf(`scatter_add(${out.dtype})`, (name) => elementKernel(name, out.dtype, true));
  runElements(definition, { out: target, source: contiguous(used), table }, target.shape, axis);
  finish();
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

const runElements = (
  definition: KernelDefinition,
  { out, source, table }: { readonly out: View; readonly source: View; readonly table: View },
  whole: readonly number[],
  axis: number,
): void => {
  const { outer, size, inner } = formOf(whole, axis);
  const args = { out: region(out), source: region(source), table: region(contiguous(table)) };
  launch(definition, { ...args, count: table.shape[axis]!, size, inner }, 0, outer);
};

/** Blocks around an axis, its size, and the elements from one place on it to the next. */
const formOf = (shape: readonly number[], axis: number): { outer: number; size: number; inner: number } => ({
  outer: elementCount(shape.slice(0, axis)),
  size: shape[axis]!,
  inner: elementCount(shape.slice(axis + 1)),
});
