/** The sizes into which a matrix product is cut: registers, then caches. */
import { elementBytes, type ElementType, type Machine } from '../lang/index.ts';

/** What the micro-kernel computes at a time, in registers: `rows` × `vectors` vectors. */
export interface Tile {
  readonly rows: number;
  readonly vectors: number;
  /** vectors · lanes. */
  readonly columns: number;
}

/**
 * Of 15 or 16 registers, 4 × 2 are accumulators, two hold a row of B and up to four the elements of A that multiply
 * it: V8 before version 12 moves all arithmetic to the end of its basic block, so that everything loaded in one step
 * is live at once. 3 × 3 would need them all and was measured no faster; 6 × 2 spills there. With 32 registers 6 × 3
 * leaves the multipliers fewer loads to wait for.
 */
export const tileOf = (machine: Machine, element: ElementType): Tile => {
  const [rows, vectors] = machine.vectorRegisters >= 32 ? [6, 3] : [4, 2];
  return { rows, vectors, columns: vectors * machine.lanes(element) };
};

/**
 * BLIS's blocks: A in blocks of `rows` × `depth` that stay in half of the second cache, B in `depth` × `columns` that
 * stay in the other, and one panel of each in half of the first.
 *
 * @see Van Zee & van de Geijn 2015, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality"
 */
export interface Blocks {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

export const blocksOf = (machine: Machine, element: ElementType, m: number, n: number, k: number): Blocks => {
  const tile = tileOf(machine, element);
  const bytes = element === 'f32' || element === 'i32' ? elementBytes.f32 : elementBytes.f64;
  const depth = evenly(k, Math.floor(machine.l1 / 2 / (bytes * (tile.rows + tile.columns))), 1);
  const cached = Math.floor(machine.l2 / 2 / (bytes * Math.max(depth, 1)));
  return { rows: evenly(m, cached, tile.rows), columns: evenly(n, cached, tile.columns), depth };
};

/** The size of parts, a multiple of `unit` and about `most` at most, into which `size` falls almost evenly. */
const evenly = (size: number, most: number, unit: number): number => {
  const units = Math.max(Math.ceil(size / unit), 1);
  const parts = Math.ceil(units / Math.max(Math.floor(most / unit), 1));
  return Math.ceil(units / parts) * unit;
};
