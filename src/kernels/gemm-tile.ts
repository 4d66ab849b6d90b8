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
/** More panels of A need more addresses than there are registers for. */
const MOST_STACKED = 3;

/**
 * Whether a tile fits the registers: its sums, a row of B, and the element of A that multiplies it.
 */
export const fits = (machine: Machine, rows: number, vectors: number): boolean =>
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

export const sized = (machine: Machine, element: ElementType, rows: number, vectors: number): Tile => ({
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
  let least = stackedCycles(machine, usual, m, n);
  for (let vectors = MOST_VECTORS; vectors >= 2; vectors--) {
    for (let rows = 1; rows <= mostRows(machine, vectors); rows++) {
      const tile = sized(machine, element, rows, vectors);
      // A kernel of its own is made for every form of tile: it has to be worth it.
      const time = stackedCycles(machine, tile, m, n) * 1.04;
      if (time < least) [best, least] = [tile, time];
    }
  }
  return best;
};

/** The last panel of columns has only as many vectors as it needs. */
export const restVectors = ({ columns, vectors }: Tile, n: number): number =>
  Math.ceil(((n % columns) * vectors) / columns);

/**
 * How many panels of A the tiles of that last panel take at a time: with few vectors a tile of one panel would have too few
 * sums to hide how long a multiplication takes.
 */
export const stackedRows = (machine: Machine, { rows, vectors: usual }: Tile, vectors: number): number => {
  let stack = 1;
  while (vectors > 0 && vectors < usual && stack < MOST_STACKED && fits(machine, rows * (stack + 1), vectors))
    stack++;
  return stack;
};

/** The same for the best tile. */
export const productCycles = (machine: Machine, element: ElementType, m: number, n: number): number =>
  stackedCycles(machine, tileFor(machine, element, m, n), m, n);

/** What a step costs beside its multiplications; from the measurements above. */
const OVERHEAD = 0.75;

/**
 * Cycles that a tile takes for one step of the depth, on a machine of two multipliers with a latency of four cycles, and
 * two loads a cycle.
 */
export const stepCycles = (rows: number, vectors: number, loads = rows + vectors): number =>
  Math.max((rows * vectors) / 2, loads / 2, 4) + OVERHEAD;

/** The same of all tiles of a product. @param stacked  rows of a tile of the last panel */
export const cycles = (tile: Tile, m: number, n: number, stacked = tile.rows): number => {
  const { rows, vectors, columns } = tile;
  const rest = restVectors(tile, n);
  return (
    Math.ceil(m / rows) * Math.floor(n / columns) * stepCycles(rows, vectors) +
    (rest > 0 ? Math.ceil(m / stacked) * stepCycles(stacked, rest) : 0)
  );
};

/** The same with as many panels of A to a tile of the last panel as fit. */
const stackedCycles = (machine: Machine, tile: Tile, m: number, n: number): number =>
  cycles(tile, m, n, tile.rows * stackedRows(machine, tile, restVectors(tile, n)));

/**
 * BLIS's blocks: A in blocks of `rows` × `span` that stay in half of the second cache, less what B is packed from, while all of B passes, and of B
 * panels so deep that one stays in the first, past which A streams. A span is many such panels deep, if there is room.
 *
 * @see Van Zee & van de Geijn 2015, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality"
 */
export interface Blocks {
  readonly rows: number;
  readonly span: number;
  readonly depth: number;
  /** Columns of B that are taken at a time. */
  readonly columns: number;
}

/** Deeper blocks than this were measured no faster. */
const DEEPEST = 384;

/** More of B would leave the second cache as its source and the results pass. */
const RIGHT_BYTES = 256 * 1024;

export const blocksOf = (
  machine: Machine,
  element: ElementType,
  tile: Tile,
  {
    m,
    n,
    k,
    sourceB,
  }: Readonly<Record<'m' | 'n' | 'k', number>> & {
    /** Elements of what B is packed from. */
    readonly sourceB: number;
  },
): Blocks => {
  const bytes = elementBytes[element];
  const depth = evenParts(k, Math.min(DEEPEST, Math.floor(machine.l1 / (bytes * tile.columns))));
  const shared = machine.shallow === true ? 0 : Math.min(sourceB * bytes, machine.l2 / 4);
  const fitting = Math.floor((machine.l2 / 2 - shared) / bytes);
  // Tiles of the last panel begin where their tables can be read to their ends.
  const unit = tile.rows * stackedRows(machine, tile, restVectors(tile, n));
  const rows = evenParts(Math.ceil(m / unit), Math.floor(fitting / depth / unit)) * unit;
  const spans = machine.shallow === true ? 1 : Math.max(1, Math.floor(fitting / rows / depth));
  const span = evenParts(Math.max(k, 1), spans * depth);
  // B that is packed, or sums that other spans will be added to.
  const cached = machine.shallow === true ? RIGHT_BYTES / span : span < k ? machine.l2 / 4 / rows : Infinity;
  const fittingPanels = Math.floor(cached / bytes / tile.columns);
  return { rows, span, depth, columns: evenParts(Math.ceil(n / tile.columns), fittingPanels) * tile.columns };
};

/** `total` in equal parts of at most `most`: the size of one. */
export const evenParts = (total: number, most: number): number => {
  const parts = Math.max(1, Math.ceil(total / Math.max(most, 1)));
  return Math.max(1, Math.ceil(total / parts));
};

/** Cycles in which a vector of the right side is packed, where a row's multiplication with it takes half of one. */
const PACK_CYCLES = 8;

/**
 * How many rows of a product are one position of a launch. With few groups of panels of columns the rows are parted, so
 * that there is work for several threads; but where a panel is packed just before it is multiplied, each of its parts may
 * pack it anew. So the parts are as many as make the longest of the threads' shares shortest. (64 rows, 256 columns and
 * 3136 steps in two parts of ten groups took 1.13 ms with AVX2 on two threads.)
 *
 * @param of.groups    positions, were the rows not parted
 * @param of.rowTiles  tiles of `tileRows` rows
 * @param of.most      parts, at most
 * @param of.packs     whether panels are packed by the launch
 */
export const partedRows = (of: {
  readonly groups: number;
  readonly rowTiles: number;
  readonly tileRows: number;
  readonly most: number;
  readonly packs: boolean;
  readonly threads: number;
}): number => {
  const { groups, rowTiles, tileRows, most, packs, threads } = of;
  let best = rowTiles;
  let least = Infinity;
  for (let parts = 1; parts <= Math.max(1, Math.min(most, rowTiles)); parts++) {
    const tiles = Math.ceil(rowTiles / parts);
    const share = Math.ceil((groups * Math.ceil(rowTiles / tiles)) / threads);
    const time = share * ((tiles * tileRows) / 2 + (packs ? PACK_CYCLES : 0));
    // Of as good ones more, as a thread that was held up leaves smaller parts to the others.
    if (time <= least) [best, least] = [tiles, time];
  }
  return best * tileRows;
};
