/**
 * Offset tables: where the rows, the columns and the depth of a matrix lie in a tensor.
 *
 * A matrix product needs of its operands only that element [i, j] is at offset rows[i] + columns[j]. Convolutions,
 * their gradients and products of transposed or strided tensors all have this form, so one product serves them all,
 * and what would be an im2col matrix is never stored: two short tables describe it.
 *
 * @see Matthews 2018, "High-Performance Tensor Contraction without Transposition", arXiv:1607.00291: the
 *      block-scatter matrix
 */
import type { Storage } from '../device/storage.ts';
import { RuntimeError } from '../errors.ts';
import { iota, type Pointer, type Value } from '../lang/index.ts';
import { keptTable } from './tables.ts';

/** An axis of a tensor as an axis of a matrix goes over it: `size` positions, `step` elements apart. */
export interface Walk {
  readonly size: number;
  /** Negative: the walk begins at the far end, so that it ends at offset 0. */
  readonly step: number;
  /** How many positions differ, if not all: those after them repeat the last of them. */
  readonly distinct?: number;
}

/**
 * An axis of a matrix: walks over axes of a tensor, the last one fastest.
 * `phases` says that the last axis is stored de-interleaved (see `conv/padded.ts`): position p of it lies at
 * (p mod count) · pitch + ⌊p / count⌋.
 */
export interface Axis {
  readonly walks: readonly Walk[];
  readonly phases?: { readonly count: number; readonly pitch: number };
}

export const axisSize = ({ walks }: Axis): number => walks.reduce((n, { size }) => n * size, 1);

/** The offsets of an axis, with the last one repeated until their number is a multiple of `multiple`, and `beyond` times more. */
export const offsetsOf = ({ walks, phases }: Axis, multiple: number, beyond = 0): Int32Array => {
  const start = walks.reduce((sum, { size, step }) => sum + Math.max((size - 1) * -step, 0), 0);
  let offsets: readonly number[] | Float64Array = [start];
  walks.forEach(({ size, step, distinct = size }, depth) => {
    const next = new Float64Array(offsets.length * size);
    let at = 0;
    for (const offset of offsets) {
      for (let i = 0; i < size; i++) {
        const position = Math.min(i, distinct - 1) * step;
        next[at++] =
          phases === undefined || depth < walks.length - 1
            ? offset + position
            : offset + (position % phases.count) * phases.pitch + Math.floor(position / phases.count);
      }
    }
    offsets = next;
  });
  const table = new Int32Array(Math.ceil(offsets.length / multiple) * multiple + beyond);
  for (let i = 0; i < table.length; i++) {
    const offset = offsets[Math.min(i, offsets.length - 1)]!;
    if (!(offset >= 0 && offset < 2 ** 31)) {
      throw new RuntimeError(`a tensor of more than 2147483647 elements is too large for a matrix product`);
    }
    table[i] = offset;
  }
  return table;
};

/** How many positions follow one another in memory from the first on. */
export const runOf = ({ walks, phases }: Axis): number => {
  let run = 1;
  for (let depth = walks.length - 1; depth >= 0; depth--) {
    const { size, step, distinct = size } = walks[depth]!;
    if (size === 1) continue;
    const deinterleaved = phases !== undefined && depth === walks.length - 1;
    if (deinterleaved ? step !== phases.count : step !== run) break;
    run *= distinct;
    if (distinct < size || deinterleaved) break;
  }
  return run;
};

/** An axis as text, the same for the same axis only. */
export const axisForm = ({ walks, phases }: Axis): string =>
  `${walks.map(({ size, step, distinct = size }) => `${String(size)}*${String(step)}/${String(distinct)}`).join()}:${
    phases === undefined ? '' : `${String(phases.count)}*${String(phases.pitch)}`
  }`;

/** The table of an axis: see `offsetsOf`. */
export const offsetTable = (axis: Axis, multiple = 1, beyond = 0): Storage =>
  keptTable(`${axisForm(axis)}/${String(multiple)}+${String(beyond)}`, () =>
    offsetsOf(axis, multiple, beyond),
  );

/** Whether `width` entries of a table follow one another, so that a vector can take what they point at. */
export const consecutive = (table: Pointer, width: number): Value => {
  const first = table.scalar();
  const somewhere: Value[] = [];
  let at = 0;
  for (let lanes = table.builder.lanes; lanes >= 1; lanes /= 2) {
    const differences: Value[] = [];
    for (; at + lanes <= width; at += lanes) {
      differences.push(
        lanes === 1
          ? table.scalar(at).ne(first.add(at))
          : table.vector(at, { lanes }).sub(first.add(at).splat(lanes)).ne(iota('i32', lanes)),
      );
    }
    if (differences.length > 0) {
      const any = differences.reduce((a, b) => a.or(b));
      somewhere.push(lanes === 1 ? any : any.any());
    }
  }
  return somewhere.reduce((a, b) => a.or(b)).not();
};
