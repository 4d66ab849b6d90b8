/** Products of matrices that are too small to be worth packing: read where they lie. */
import { launch } from '../device/launch.ts';
import type { Storage } from '../device/storage.ts';
import { currentTarget } from '../device/target.ts';
import { grainOf } from '../device/threads/grain.ts';
import {
  accumulator,
  elementBytes,
  grid,
  index,
  input,
  kernel,
  loop,
  output,
  settle,
  unroll,
  variable,
  type ElementType,
  type KernelDefinition,
  type Machine,
} from '../lang/index.ts';
import type { Offsets } from './gemm.ts';
import { multiplyAdd } from './gemm-multiply.ts';
import { fits, sized, stepCycles, type Tile } from './gemm-tile.ts';
import { specialised } from './once.ts';

/** A matrix by the distances between its rows and between its columns, in elements. */
export interface Strided {
  readonly storage: Storage;
  readonly rowStep: number;
  readonly columnStep: number;
}

export interface DirectProduct {
  readonly element: ElementType;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Strided;
  /** Its columns follow one another, as those of `out` do. */
  readonly b: Strided;
  readonly out: Strided;
}

interface DirectForm {
  readonly element: ElementType;
  readonly rows: number;
  readonly vectors: number;
  /** Whether there are fewer columns than a tile has. */
  readonly partial: boolean;
}

type DirectSpec = ReturnType<typeof directSpec>;
const directSpec = ({ element }: DirectForm) => ({
  a: input(element),
  b: input(element),
  out: output(element),
  /** Steps in elements. */
  aRow: index,
  aColumn: index,
  bRow: index,
  outRow: index,
  m: index,
  n: index,
  k: index,
  /** Parts into which the rows fall, and rows of a part. */
  parts: index,
  partRows: index,
});

/**
 * out = a · b for the parts begin … end − 1: part q is the rows of part q mod `parts` of the ⌊q / parts⌋-th tile's columns. A
 * tile that would reach beyond the last row or column begins so much earlier: what is computed twice comes out the same.
 */
const directKernel = specialised((form: DirectForm): KernelDefinition<DirectSpec> => {
  const { element, rows, vectors, partial } = form;
  const name = `matmul.direct.${element}.${String(rows)}x${String(vectors)}${partial ? '.partial' : ''}`;
  return kernel(name, directSpec(form), (args, range, machine) => {
    const { a, b, out, aRow, aColumn, bRow, outRow, m, n, k, parts, partRows } = args;
    const lanes = machine.lanes(element);
    const bytes = elementBytes[element];
    const columns = vectors * lanes;
    const rowBytes = bRow.mul(bytes);
    const aStep = aColumn.mul(bytes);
    const depth = k.mul(aStep);
    const rest = n.sub((vectors - 1) * lanes);
    const some = (j: number) => (partial && j === vectors - 1 ? { lanes, count: rest } : { lanes });
    loop(range, (part) => {
      const panel = part.div(parts);
      const firstRow = part.sub(panel.mul(parts)).mul(partRows);
      const column = partial ? panel.mul(columns) : panel.mul(columns).min(n.sub(columns));
      const right = b.plus(column);
      loop(
        { begin: firstRow, end: firstRow.add(partRows).min(m) },
        (at) => {
          const row = at.min(m.sub(rows));
          const first = a.plus(row.mul(aRow));
          const lefts = unroll(rows, (i) => (i === 0 ? first : first.plus(aRow.mul(i))));
          const sums = grid(rows, vectors, () => accumulator(element, { lanes }));
          const line = right.walk('line');
          const along = variable(depth.sub(depth), 'along');
          loop(k, () => {
            const values = unroll(vectors, (j) => line.vector(j * lanes, some(j)));
            for (let i = 0; i < rows; i++) {
              const factor = lefts[i]!.plusBytes(along).splat(0, lanes);
              for (let j = 0; j < vectors; j++) multiplyAdd(sums[i]![j]!, factor, values[j]!);
              settle();
            }
            along.update('add', aStep);
            line.advanceBytes(rowBytes);
          });
          const target = out.plus(row.mul(outRow)).plus(column);
          for (let i = 0; i < rows; i++) {
            const place = i === 0 ? target : target.plus(outRow.mul(i));
            for (let j = 0; j < vectors; j++) place.set(j * lanes, sums[i]![j]!, some(j));
          }
        },
        { step: rows },
      );
    });
  });
});

/** More rows would need more addresses than there are registers for. */
const MOST_ROWS = 8;
const MOST_VECTORS = 4;

/** The tile that is estimated to take the least time. */
const tileOf = (machine: Machine, element: ElementType, m: number, n: number): Tile => {
  const lanes = machine.lanes(element);
  let best: Tile | null = null;
  let least = Infinity;
  for (let vectors = Math.min(MOST_VECTORS, Math.ceil(n / lanes)); vectors >= 1; vectors--) {
    for (let rows = Math.min(MOST_ROWS, m); rows >= 1; rows--) {
      if (!fits(machine, rows, vectors)) continue;
      const time = Math.ceil(m / rows) * Math.ceil(n / (vectors * lanes)) * stepCycles(rows, vectors);
      if (time < least) [best, least] = [sized(machine, element, rows, vectors), time];
    }
  }
  return best!;
};

/**
 * Whether reading both matrices where they lie takes less than packing them. (Measured with AVX-512, AVX2 and WebAssembly, µs
 * packed and direct: 32³ 1.0 and 0.7, 2.7 and 1.0, 2.0 and 1.5; 64³ 4.5 and 3.0, 6.3 and 5.2, 11.0 and 11.4; 96³ 10.7 and 9.2,
 * 16.7 and 15.2, 32 and 36; 200³ 91 and 99, 139 and 142, 261 and 312; 8 rows of 512 by 512 × 512 42 and 25, 63 and 40, 107 and
 * 100; but where what was packed is kept 24 and 25, 44 and 42.) WebAssembly has to compute each address.
 *
 * @param options.kept  whether the right side may come again, and be kept as it was packed
 */
export const isWorthReadingDirectly = (
  machine: Machine,
  [m, n, k]: readonly [number, number, number],
  { kept }: { readonly kept: boolean },
): boolean =>
  m * n * k <= (machine.shallow === true ? 50 ** 3 : 100 ** 3) || m <= (kept ? 1 : fewRows(machine));

/** What is packed of the right side is used but once or twice by so many rows. */
const fewRows = (machine: Machine): number => (machine.shallow === true ? 1 : 16);

/** Additions and multiplications that make a part of its own worth while. */
const PART_FLOPS = 400_000;

/** Prepares products of one form. */
export const directProduct = ({ element, m, n, k, a, b, out }: DirectProduct): ((at: Offsets) => void) => {
  const { machine } = currentTarget();
  const { rows, vectors, columns } = tileOf(machine, element, m, n);
  const bytes = elementBytes[element];
  const panels = Math.ceil(n / columns);
  const flops = 2 * m * n * k;
  const wanted = Math.min(Math.ceil(m / rows), Math.max(1, Math.floor(flops / panels / PART_FLOPS)));
  const partRows = Math.ceil(m / rows / wanted) * rows;
  const parts = Math.ceil(m / partRows);
  const definition = directKernel({ element, rows, vectors, partial: n < columns });
  const grain = grainOf({ flops: flops / panels / parts });
  return (at) => {
    launch(
      definition,
      {
        a: { storage: a.storage, byteOffset: at.a * bytes },
        b: { storage: b.storage, byteOffset: at.b * bytes },
        out: { storage: out.storage, byteOffset: at.out * bytes },
        aRow: a.rowStep,
        aColumn: a.columnStep,
        bRow: b.rowStep,
        outRow: out.rowStep,
        m,
        n,
        k,
        parts,
        partRows,
      },
      0,
      panels * parts,
      { grain },
    );
  };
};
