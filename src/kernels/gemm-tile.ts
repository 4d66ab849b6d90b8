/** The sizes into which a matrix product is cut: registers, then caches. */
import { elementBytes, type ElementType, type Machine } from '../lang/index.ts';

/** What the micro-kernel computes at a time, in registers: `rows` × `vectors` vectors. */
export interface Tile {
  readonly rows: number;
  readonly vectors: number;
  /** vectors · lanes. */
  readonly columns: number;
}

/** Wider panels of B leave no room for rows. */
const MOST_VECTORS = 3;

/**
 * Whether a tile fits the registers: its sums, a row of B, and the element of A that multiplies it.
 */
const fits = (machine: Machine, rows: number, vectors: number): boolean =>
  (rows + 1) * vectors + 1 <= machine.vectorRegisters;

/** The most rows for so many vectors. */
const mostRows = (machine: Machine, vectors: number): number => {
  let rows = 1;
  while (fits(machine, rows + 1, vectors)) rows++;
  return rows;
};

/**
 * The tile of large products. Measured in GFLOP/s on a processor with 512-bit units, of 268, 136 and 67 possible:
 * AVX-512 8 × 3 247, 6 × 3 230, 13 × 2 228, 9 × 3 217; AVX2 4 × 3 131, 6 × 2 125; WebAssembly 6 × 2 65, 4 × 2 and 3 × 3 60,
 * and 4 × 3, which spills, 32.
 */
export const tileOf = (machine: Machine, element: ElementType): Tile => {
  if (machine.vectorRegisters >= 32) return sized(machine, element, 8, 3);
  return machine.vectorRegisters >= 16 ? sized(machine, element, 4, 3) : sized(machine, element, 6, 2);
};

const sized = (machine: Machine, element: ElementType, rows: number, vectors: number): Tile => ({
  rows,
  vectors,
  columns: vectors * machine.lanes(element),
});

/**
 * The tile for a product of m rows and n columns: the one that is estimated to take the least time, counting what is
 * computed beyond the edges in vain.
 */
export const tileFor = (machine: Machine, element: ElementType, m: number, n: number): Tile => {
  const usual = tileOf(machine, element);
  let best = usual;
  let least = cycles(usual, m, n);
  for (let vectors = MOST_VECTORS; vectors >= 2; vectors--) {
    for (let rows = 1; rows <= mostRows(machine, vectors); rows++) {
      const tile = sized(machine, element, rows, vectors);
      // A kernel of its own is made for every form of tile: it has to be worth it.
      const time = cycles(tile, m, n) * 1.04;
      if (time < least) [best, least] = [tile, time];
    }
  }
  return best;
};

/** The last panel of columns has only as many vectors as it needs. */
export const restVectors = ({ columns, vectors }: Tile, n: number): number =>
  Math.ceil(((n % columns) * vectors) / columns);

/** The same for the best tile. */
export const productCycles = (machine: Machine, element: ElementType, m: number, n: number): number =>
  cycles(tileFor(machine, element, m, n), m, n);

/** What a step costs beside its multiplications; from the measurements above. */
const OVERHEAD = 0.75;

/**
 * Cycles that a tile takes for one step of the depth, on a machine of two multipliers with a latency of four cycles, and
 * two loads a cycle.
 */
export const stepCycles = (rows: number, vectors: number, loads = rows + vectors): number =>
  Math.max((rows * vectors) / 2, loads / 2, 4) + OVERHEAD;

/** The same of all tiles of a product. */
export const cycles = (tile: Tile, m: number, n: number): number => {
  const { rows, vectors, columns } = tile;
  const rest = restVectors(tile, n);
  return (
    Math.ceil(m / rows) *
    (Math.floor(n / columns) * stepCycles(rows, vectors) + (rest > 0 ? stepCycles(rows, rest) : 0))
  );
};

/**
 * BLIS's blocks: A in blocks of `rows` × `depth` that stay in half of the second cache, B in `depth` × `columns` that
 * stay in the other, and a panel of B in the first, past which A streams.
 *
 * @see Van Zee & van de Geijn 2015, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality"
 */
export interface Blocks {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** Deeper blocks than this were measured no faster. */
const DEEPEST = 384;

/**
 * More of B is not packed at a time, if A is packed but once: it would leave the second cache as its source and the results pass. Measured in
 * GFLOP/s with a cache of 2 MiB, with half of it and with this: 1 × 1 from 64 to 256 channels on 56 × 56 126 and 129, with
 * an output that was in no cache 104 and 110.
 */
const RIGHT_BYTES = 256 * 1024;

export const blocksOf = (
  machine: Machine,
  element: ElementType,
  tile: Tile,
  { m, n, k }: { readonly m: number; readonly n: number; readonly k: number },
  wholeA: boolean,
): Blocks => {
  const bytes = elementBytes[element];
  const deepest = Math.min(DEEPEST, Math.floor(machine.l1 / (bytes * tile.columns)));
  const depth = evenly(k, deepest, 1);
  const fitting = (cached: number): number => Math.floor(cached / (bytes * Math.max(depth, 1)));
  const half = machine.l2 / 2;
  return {
    rows: evenly(m, fitting(half), tile.rows),
    columns: evenly(n, fitting(wholeA ? Math.min(half, RIGHT_BYTES) : half), tile.columns),
    depth,
  };
};

/** The size of parts, a multiple of `unit` and about `most` at most, into which `size` falls almost evenly. */
const evenly = (size: number, most: number, unit: number): number => {
  const units = Math.max(Math.ceil(size / unit), 1);
  const parts = Math.ceil(units / Math.max(Math.floor(most / unit), 1));
  return Math.ceil(units / parts) * unit;
};

/** Some of the columns. */
export interface ColumnBlock {
  readonly first: number;
  readonly width: number;
}

/** Blocks of `most` columns, of which the last may have fewer. */
export const blocksFrom = (n: number, most: number): ColumnBlock[] =>
  Array.from({ length: Math.ceil(n / most) }, (_, k) => ({
    first: k * most,
    width: Math.min(most, n - k * most),
  }));

/** Threads may wait for the last of them so much of the time. */
const IDLE = 0.12;

/**
 * Blocks of whole panels, of `most` columns at most, as many for each of several threads, and about as large; null where
 * panels are too few for that, or there is one thread.
 */
export const evenBlocks = (n: number, panel: number, most: number, threads: number): ColumnBlock[] | null => {
  const panels = Math.ceil(n / panel);
  const each = Math.ceil(panels / (threads * Math.max(1, Math.floor(most / panel))));
  const count = threads * each;
  const longest = each * Math.floor(panels / count) + Math.ceil((panels % count) / threads);
  if (threads === 1 || longest * threads > panels * (1 + IDLE)) return null;
  const begin = (block: number): number => Math.floor((block * panels) / count) * panel;
  return Array.from({ length: count }, (_, k) => ({
    first: begin(k),
    width: Math.min(begin(k + 1), n) - begin(k),
  }));
};
