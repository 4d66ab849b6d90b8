/**
 * Matrix products of anything that offset tables can describe: blocked as in BLIS, packed into panels, multiplied by
 * one micro-kernel.
 */
import type { Epilogue } from '../device/backend.ts';
import { launch, type Region } from '../device/launch.ts';
import { workspace } from '../device/memory.ts';
import type { Storage } from '../device/storage.ts';
import { currentTarget } from '../device/target.ts';
import { grainOf } from '../device/threads/grain.ts';
import { getNumThreads } from '../device/threads/number.ts';
import { loadedElement, storageBytes, type StorageType } from '../lang/index.ts';
import { epilogueForm } from './epilogue.ts';
import { axisForm, axisSize, offsetTable, type Axis } from './gemm-offsets.ts';
import { multiplyKernel, multiplySlot, panelsTogether, type Addend } from './gemm-multiply.ts';
import { packingOf, packKernel } from './gemm-pack.ts';
import { isWorthTile } from './gemm-rest.ts';
import { blocksOf, evenParts, partedRows, restVectors, stackedRows, tileFor } from './gemm-tile.ts';
import { keptForm } from './packed.ts';
import { eachShare } from './slots.ts';

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

/** Larger left sides are packed block by block. */
const PACKED_WHOLE_BYTES = 32 * 2 ** 20;

/** A launch has at least about so many parts to share among threads. */
const PARTS = 16;
/** Additions and multiplications that make a part of its own worth while. */
const PART_FLOPS = 100_000;
/** Positions that are handed out at a time, and have room for their panels. */
const POSITIONS = 64;

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
  const blocks = blocksOf(machine, element, tile, {
    m,
    n,
    k,
    sourceB: extentOf(b.rows) + extentOf(b.columns),
  });
  // Sums of several spans meet in `out`: a narrow type would round them each time.
  const span = out.type === element ? blocks.span : Math.max(k, 1);
  const rest = restVectors(tile, n);
  const vain = 2 * m * k * (tile.vectors - rest) * lanes;
  const narrow = vain === 0 || isWorthTile(machine, element, tile.rows, rest, vain) ? rest : tile.vectors;
  const stack = stackedRows(machine, tile, narrow);
  // A tile of several panels may reach beyond the last.
  const spaceA = (wholeA ? tiles * tile.rows * k : blocks.rows * span) + (stack - 1) * tile.rows * span;

  const packA = packKernel(a.type, tile.rows, { across: a.rows, depth: a.columns });
  const axesB = { across: b.columns, depth: b.rows };
  const tables = {
    aRows: offsetTable(a.rows, tile.rows),
    aDepth: offsetTable(a.columns),
    bDepth: offsetTable(b.rows),
    bColumns: offsetTable(b.columns, tile.columns),
    // A tile asks for the places of the next one.
    outRows: offsetTable(out.rows, tile.rows * stack, tile.rows * stack),
    outColumns: offsetTable(out.columns, tile.columns),
  };

  // What is multiplied with all of A, one after the other: columns at some depth, in panels of so many vectors.
  const rights: Right[] = [];
  let allB = 0;
  const packsApart = machine.shallow === true;
  for (let n0 = 0; n0 < n; n0 += blocks.columns) {
    const some = Math.min(blocks.columns, n - n0);
    const whole = narrow === tile.vectors ? some : some - (some % tile.columns);
    for (let k0 = 0; k0 < Math.max(k, 1); k0 += span) {
      const deep = Math.min(span, k - k0);
      const add = (j0: number, width: number, vectors: number): void => {
        if (width === 0) return;
        const panelSize = vectors * lanes * deep;
        const count = Math.ceil(width / (vectors * lanes));
        rights.push({ k0, deep, j0, width, vectors, count, panelSize, at: allB });
        allB += count * panelSize;
      };
      add(n0, whole, tile.vectors);
      add(n0 + whole, some - whole, narrow);
    }
  }
  const mostB = Math.max(...rights.map(({ count, panelSize }) => count * panelSize));

  const packLeft = (
    into: Storage,
    from: number,
    m0: number,
    rows: number,
    right: Depth,
    to: number,
  ): void => {
    pack(packA, a, from, tables.aDepth, right.k0, tables.aRows, m0, Math.ceil(rows / tile.rows), right.deep, {
      out: { storage: into, byteOffset: to * bytes },
      panelSize: tile.rows * right.deep,
    });
  };
  const packAllLeft = (into: Storage, from: number): void => {
    for (let k0 = 0; k0 < k; k0 += span)
      packLeft(into, from, 0, m, { k0, deep: Math.min(span, k - k0) }, tiles * tile.rows * k0);
  };
  const packRight = (into: Storage, from: number, right: Right, to: number): void => {
    const { k0, deep, j0, vectors, count, panelSize } = right;
    pack(
      packKernel(b.type, vectors * lanes, axesB),
      b,
      from,
      tables.bDepth,
      k0,
      tables.bColumns,
      j0,
      count,
      deep,
      {
        out: { storage: into, byteOffset: to * bytes },
        panelSize,
      },
    );
  };

  /** @param panels  all that decides about the order of panels, and how many there are */
  const form = (panels: readonly (string | number)[], { type, rows, columns }: Matrix): string =>
    ['gemm', element, ...panels, span, type, axisForm(rows), axisForm(columns)].join(' ');
  const leftForm = repeats === 'a' && wholeA ? form(['left', tile.rows, stack], a) : null;
  const rightForm =
    repeats === 'b' && allB * bytes <= PACKED_WHOLE_BYTES
      ? form(['right', tile.vectors, narrow, blocks.columns], b)
      : null;
  const lastForm = epilogueForm(epilogue);
  const residual = epilogue?.residual;
  // What is packed of A whole: scratch memory that A is packed from may hold other images at the same place.
  let packedAt = -1;
  let packedChanges = -1;

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
            for (const right of rights) packRight(into, at.b, right, right.at);
          });
    const packedA = keptA ?? workspace(`gemm.a.${element}`, spaceA * bytes);
    const packedB = keptB ?? (packsApart ? workspace(`gemm.b.${element}`, mostB * bytes) : null);
    if (wholeA && !keptA && (packedAt !== at.a || packedChanges !== a.storage.changes)) {
      packAllLeft(packedA, at.a);
      packedAt = at.a;
      packedChanges = a.storage.changes;
    }
    for (let m0 = 0; m0 < m; m0 += blocks.rows) {
      const rows = Math.min(blocks.rows, m - m0);
      let packedK = -1;
      for (const right of rights) {
        const { k0, deep, j0, width, vectors, count } = right;
        if (!keptB && packsApart) packRight(packedB!, at.b, right, 0);
        if (!wholeA && packedK !== k0) packLeft(packedA, at.a, m0, rows, right, 0);
        packedK = k0;
        const placeA = wholeA ? tiles * tile.rows * k0 + m0 * deep : 0;
        const adding: Addend =
          k0 > 0 || accumulate
            ? 'out'
            : bias === null
              ? 'nothing'
              : bias.along === 'rows'
                ? 'rowBias'
                : 'columnBias';
        const first = bias === null ? 0 : (at.bias ?? 0) + bias.step * (bias.along === 'rows' ? m0 : j0);
        const block = evenParts(Math.max(deep, 1), blocks.depth);
        const multiply = {
          storage: out.type,
          right: packedB ? null : packingOf(b.type, vectors * lanes, axesB),
          panelRows: tile.rows,
          stack: vectors === tile.vectors ? 1 : stack,
          vectors,
          waits: block < deep,
          adding,
          epilogue: k0 + deep === k ? lastForm : '',
        };
        const groups = Math.ceil(count / panelsTogether(multiply, lanes));
        const tileRows = tile.rows * multiply.stack;
        const rowTiles = Math.ceil(rows / tileRows);
        const worth = Math.floor((2 * rows * width * deep) / PART_FLOPS);
        const partRows = partedRows({
          groups,
          rowTiles,
          tileRows,
          most: Math.min(Math.ceil(PARTS / groups), worth),
          packs: packedB === null,
          threads: getNumThreads(),
        });
        const parts = Math.ceil(rows / partRows);
        const slotSize = multiplySlot(multiply, lanes, { k: deep, deep: block, parts, partRows });
        const slots = { name: 'gemm', element, size: slotSize, positions: groups * parts, most: POSITIONS };
        const flops = (2 * width * partRows * Math.max(deep, 1)) / groups;
        eachShare(slots, (slot, begin, end) =>
          launch(
            multiplyKernel(multiply),
            {
              a: { storage: packedA, byteOffset: placeA * bytes },
              b: packedB
                ? { storage: packedB, byteOffset: keptB ? right.at * bytes : 0 }
                : region(b.storage, k === 0 ? 0 : at.b, b.type),
              bDepth: region(tables.bDepth, k0, 'i32'),
              bColumns: region(tables.bColumns, j0, 'i32'),
              out: region(out.storage, at.out, out.type),
              rowOffsets: region(tables.outRows, m0, 'i32'),
              columnOffsets: region(tables.outColumns, j0, 'i32'),
              bias: bias === null ? out.storage : region(bias.storage, first, out.type),
              residual: residual ? region(residual.storage, at.residual ?? 0, out.type) : out.storage,
              biasStep: bias === null ? 0 : bias.step,
              m: rows,
              n: width,
              k: deep,
              blocks: Math.ceil(Math.max(deep, 1) / block),
              deep: block,
              parts,
              partRows,
              ...slot,
            },
            begin,
            end,
            { grain: grainOf({ flops }) },
          ),
        );
      }
    }
  };
};

interface Depth {
  readonly k0: number;
  readonly deep: number;
}

/** A part of B: columns j0 … j0 + width − 1 at depth k0 … k0 + deep − 1, as so many panels. */
interface Right extends Depth {
  readonly j0: number;
  readonly width: number;
  readonly vectors: number;
  readonly count: number;
  readonly panelSize: number;
  /** Where it begins among all parts, if they are packed. */
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

/** Elements over which an axis goes. */
const extentOf = ({ walks }: Axis): number =>
  walks.reduce((sum, { size, step }) => sum + Math.max(size - 1, 0) * Math.abs(step), 0);

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
