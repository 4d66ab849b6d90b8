/**
 * Matrix products of anything that offset tables can describe: blocked as in BLIS, packed into panels, multiplied by
 * one micro-kernel.
 */
import type { Epilogue } from '../device/backend.ts';
import { launch, type Region } from '../device/launch.ts';
import { workspace } from '../device/memory.ts';
import type { Storage } from '../device/storage.ts';
import { currentTarget } from '../device/target.ts';
import { ownWorkspace, strands, strandThreads } from '../device/strands.ts';
import { grainOf } from '../device/threads/grain.ts';
import { loadedElement, storageBytes, type StorageType } from '../lang/index.ts';
import { epilogueForm } from './epilogue.ts';
import { axisForm, axisSize, offsetTable, type Axis } from './gemm-offsets.ts';
import { multiplyKernel, type Addend } from './gemm-multiply.ts';
import { packKernel } from './gemm-pack.ts';
import { blocksFrom, blocksOf, evenBlocks, restVectors, tileFor } from './gemm-tile.ts';
import { keptForm } from './packed.ts';

/** A tensor seen as a matrix: element [i, j] is at offset + rows[i] + columns[j], in elements. */
export interface Matrix {
  readonly storage: Storage;
  readonly type: StorageType;
  readonly rows: Axis;
  readonly columns: Axis;
}

/** out[m, n] = a[m, k] · b[k, n] (+ a bias for each row, or for each column). */
export interface Product {
  readonly a: Matrix;
  readonly b: Matrix;
  readonly out: Matrix;
  readonly bias?: {
    readonly storage: Storage;
    readonly step: number;
    readonly along: 'rows' | 'columns';
  } | null;
  /** What else is done to the sums. Its residual has the form of `out`, and begins where `out` begins. */
  readonly epilogue?: Epilogue | undefined;
  /** Adds to what `out` holds. Not together with a bias. */
  readonly accumulate?: boolean;
  /** Which side may come again as it is, as weights do: it is then packed once. Default: neither. */
  readonly repeats?: 'a' | 'b';
}

/** Where each matrix and the bias begin, in elements: what differs between the products of a batch. */
export interface Offsets {
  readonly a: number;
  readonly b: number;
  readonly out: number;
  readonly bias?: number;
  /** Default: 0. */
  readonly residual?: number;
}

/** Larger left sides are packed block by block, again for every block of columns. */
const PACKED_WHOLE_BYTES = 32 * 2 ** 20;

/** A launch has at least about so many parts to share among threads. */
const PARTS = 16;

/** Prepares products of one form. The result may be called for as many places as there are. */
export const product = (wanted: Product): ((at: Offsets) => void) => {
  if (neighbours(wanted.out.rows) && !neighbours(wanted.out.columns)) return transposed(wanted);
  const { a, b, out, bias = null, epilogue, accumulate = false, repeats } = wanted;
  const element = loadedElement[out.type];
  const bytes = storageBytes[element];
  const { machine } = currentTarget();
  const m = axisSize(out.rows);
  const n = axisSize(out.columns);
  const k = axisSize(a.columns);
  if (m === 0 || n === 0) return () => undefined;

  const lanes = machine.lanes(element);
  const tile = tileFor(machine, element, m, n);
  const tiles = Math.ceil(m / tile.rows);
  const wholeA = tiles * tile.rows * k * bytes <= PACKED_WHOLE_BYTES;
  const blocks = blocksOf(machine, element, tile, { m, n, k }, wholeA);
  // Blocks of columns are strands if they can be made to keep all threads busy.
  const even = wholeA ? evenBlocks(n, tile.columns, blocks.columns, strandThreads()) : null;
  const columnBlocks = even ?? blocksFrom(n, blocks.columns);
  // Sums of several blocks meet in `out`: a narrow type would round them each time.
  const depth = out.type === element ? blocks.depth : Math.max(k, 1);
  const spaceA = wholeA ? tiles * tile.rows * k : blocks.rows * depth;
  // With few panels of columns the rows are parted, too, so that there is work for several threads.
  const height = Math.min(blocks.rows, m);
  const panels = Math.max(...columnBlocks.map(({ width }) => Math.ceil(width / tile.columns)));
  const parts = even ? 1 : Math.max(1, Math.min(Math.ceil(PARTS / panels), Math.ceil(height / tile.rows)));
  const spaceB = panels * tile.columns * (depth + parts * tile.rows);

  const packA = packKernel(a.type, tile.rows, { across: a.rows, depth: a.columns });
  const tables = {
    aRows: offsetTable(a.rows, tile.rows),
    aDepth: offsetTable(a.columns),
    bDepth: offsetTable(b.rows),
    bColumns: offsetTable(b.columns, tile.columns),
    outRows: offsetTable(out.rows, tile.rows),
    outColumns: offsetTable(out.columns, tile.columns),
  };

  // What is multiplied with all of A, one after the other: columns at some depth, in panels of so many vectors.
  let allB = 0;
  const rights = columnBlocks.map(({ first: n0, width }) => {
    const some: Right[] = [];
    const narrow = restVectors(tile, width);
    const whole = narrow === tile.vectors ? width : width - (width % tile.columns);
    for (let k0 = 0; k0 < Math.max(k, 1); k0 += depth) {
      const deep = Math.min(depth, k - k0);
      const add = (j0: number, columns: number, vectors: number): void => {
        if (columns === 0) return;
        const panelSize = vectors * lanes * (deep + parts * tile.rows);
        const count = Math.ceil(columns / (vectors * lanes));
        some.push({ k0, deep, j0, width: columns, vectors, count, panelSize, at: allB });
        allB += count * panelSize;
      };
      add(n0, whole, tile.vectors);
      add(n0 + whole, width - whole, narrow);
    }
    return some;
  });

  const packLeft = (
    into: Storage,
    from: number,
    m0: number,
    rows: number,
    k0: number,
    deep: number,
    to: number,
  ): void => {
    pack(packA, a, from, tables.aDepth, k0, tables.aRows, m0, Math.ceil(rows / tile.rows), deep, {
      out: { storage: into, byteOffset: to * bytes },
      panelSize: tile.rows * deep,
    });
  };
  const packAllLeft = (into: Storage, from: number): void => {
    for (let k0 = 0; k0 < k; k0 += depth)
      packLeft(into, from, 0, m, k0, Math.min(depth, k - k0), tiles * tile.rows * k0);
  };
  const packRight = (into: Region, from: number, right: Right): void => {
    const { k0, deep, j0, vectors, count, panelSize } = right;
    const packB = packKernel(b.type, vectors * lanes, { across: b.columns, depth: b.rows });
    pack(packB, b, from, tables.bDepth, k0, tables.bColumns, j0, count, deep, { out: into, panelSize });
  };

  const form = (side: Matrix): string =>
    [
      'gemm',
      element,
      tile.rows,
      tile.vectors,
      depth,
      parts,
      side.type,
      axisForm(side.rows),
      axisForm(side.columns),
    ].join(' ');
  const leftForm = repeats === 'a' && wholeA ? form(a) : null;
  const rightForm =
    repeats === 'b' && allB * bytes <= PACKED_WHOLE_BYTES ? `${form(b)} ${String(blocks.columns)}` : null;
  const lastForm = epilogueForm(epilogue);
  const residual = epilogue?.residual;
  let packedAt = -1;

  return (at) => {
    const keptA =
      leftForm === null
        ? null
        : keptForm(a.storage, `${leftForm} ${String(at.a)}`, spaceA * bytes, (into) => {
            packAllLeft(into, at.a);
          });
    const keptB =
      rightForm === null
        ? null
        : keptForm(b.storage, `${rightForm} ${String(at.b)}`, allB * bytes, (into) => {
            for (const right of rights.flat())
              packRight({ storage: into, byteOffset: right.at * bytes }, at.b, right);
          });
    const packedA = keptA ?? workspace(`gemm.a.${element}`, spaceA * bytes);
    if (wholeA && !keptA && packedAt !== at.a) {
      packAllLeft(packedA, at.a);
      packedAt = at.a;
    }
    const multiply = (right: Right): void => {
      const { k0, deep, j0, width, vectors, count } = right;
      const packedB = keptB
        ? { storage: keptB, byteOffset: right.at * bytes }
        : ownWorkspace(`gemm.b.${element}`, spaceB * bytes);
      if (!keptB) packRight(packedB, at.b, right);
      const placeA = wholeA ? tiles * tile.rows * k0 : 0;
      const adding: Addend =
        k0 > 0 || accumulate
          ? 'out'
          : bias === null
            ? 'nothing'
            : bias.along === 'rows'
              ? 'rowBias'
              : 'columnBias';
      for (let m0 = 0; m0 < m; m0 += blocks.rows) {
        const rows = Math.min(blocks.rows, m - m0);
        if (!wholeA) packLeft(packedA, at.a, m0, rows, k0, deep, 0);
        const first = bias === null ? 0 : (at.bias ?? 0) + bias.step * (bias.along === 'rows' ? m0 : j0);
        const partRows = Math.ceil(Math.ceil(rows / tile.rows) / parts) * tile.rows;
        const form = k0 + deep === k ? lastForm : '';
        launch(
          multiplyKernel(out.type, tile.rows, vectors, adding, form),
          {
            a: { storage: packedA, byteOffset: (placeA + (wholeA ? m0 * deep : 0)) * bytes },
            b: packedB,
            out: region(out.storage, at.out, out.type),
            rowOffsets: region(tables.outRows, m0, 'i32'),
            columnOffsets: region(tables.outColumns, j0, 'i32'),
            bias: bias === null ? out.storage : region(bias.storage, first, out.type),
            residual: residual ? region(residual.storage, at.residual ?? 0, out.type) : out.storage,
            biasStep: bias === null ? 0 : bias.step,
            m: rows,
            n: width,
            k: deep,
            parts,
            partRows,
          },
          0,
          count * parts,
          { grain: grainOf({ flops: 2 * vectors * lanes * partRows * Math.max(deep, 1) }) },
        );
      }
    };
    strands(rights.length, even ? grainOf({ flops: (2 * m * n * k) / rights.length }) : Infinity, (block) => {
      for (const right of rights[block]!) multiply(right);
    });
  };
};

/** A part of B: columns j0 … j0 + width − 1 at depth k0 … k0 + deep − 1, as so many panels. */
interface Right {
  readonly k0: number;
  readonly deep: number;
  readonly j0: number;
  readonly width: number;
  readonly vectors: number;
  readonly count: number;
  readonly panelSize: number;
  /** Where it begins among all parts. */
  readonly at: number;
}

const region = (storage: Storage, offset: number, type: StorageType): Region => ({
  storage,
  byteOffset: offset * storageBytes[type],
});

const pack = (
  definition: ReturnType<typeof packKernel>,
  source: Matrix,
  offset: number,
  depth: Storage,
  k0: number,
  across: Storage,
  i0: number,
  panels: number,
  k: number,
  to: { readonly out: Region | Storage; readonly panelSize: number },
): void => {
  if (k === 0) return;
  launch(
    definition,
    {
      source: region(source.storage, offset, source.type),
      depth: region(depth, k0, 'i32'),
      across: region(across, i0, 'i32'),
      k,
      ...to,
    },
    0,
    panels,
    { grain: grainOf({ bytes: 2 * to.panelSize * storageBytes[source.type] }) },
  );
};

/** Whether positions that follow one another on the axis follow one another in memory. */
const neighbours = ({ walks, phases }: Axis): boolean =>
  walks.findLast(({ size }) => size > 1)?.step === 1 && phases === undefined;

/** The same product as outᵀ = bᵀ · aᵀ: vectors are stored along columns. */
const transposed = ({ a, b, out, bias, repeats, ...rest }: Product): ((at: Offsets) => void) => {
  const flip = (matrix: Matrix): Matrix => ({ ...matrix, rows: matrix.columns, columns: matrix.rows });
  const run = product({
    ...rest,
    a: flip(b),
    b: flip(a),
    out: flip(out),
    bias: bias ? { ...bias, along: bias.along === 'rows' ? 'columns' : 'rows' } : null,
    ...(repeats && { repeats: repeats === 'a' ? 'b' : 'a' }),
  });
  return (at) => {
    run({ ...at, a: at.b, b: at.a });
  };
};
