/** `Backend.matmul` on a CPU. */
import { currentTarget } from '../device/target.ts';
import { elementCount, storageOf, type View } from '../device/view.ts';
import { loadedElement, type ElementType } from '../lang/index.ts';
import { product, type Matrix, type Offsets } from './gemm.ts';
import { directProduct, isWorthReadingDirectly, type DirectProduct } from './matmul-direct.ts';
import { dots, MOST_VECTORS } from './matmul-dots.ts';

/**
 * out[…, M, N] = a[…, M, K] · b[…, K, N], + bias[N] if there is one. Equal leading axes; any strides, 0 where broadcast.
 * Integers wrap, as in PyTorch; 16-bit floats are summed as float32 and rounded once.
 */
export const matmul = (out: View, a: View, b: View, bias: View | null = null): void => {
  const [wideOut, wideA, wideB] = [out, a, b].map(split) as [Batch, Batch, Batch];
  const merged = mergeRows(wideOut, wideA, wideB);
  const [o, x, y] = merged;
  const operands = { out: placed(out, o), a: placed(a, x), b: placed(b, y), bias };
  // A weight has no batch.
  const repeats = o.batch.length === 0;
  const run =
    withFewVectors(operands) ??
    unpacked(operands, repeats) ??
    product({
      a: matrix(a, x),
      b: matrix(b, y),
      out: matrix(out, o),
      bias: bias && { storage: bias.storage, step: bias.strides[0]!, along: 'columns' },
      ...(repeats && { repeats: 'b' }),
    });
  forEachPlace(
    o.batch,
    [o, x, y].map(({ batchSteps }) => batchSteps),
    ([toOut, toA, toB]) => {
      run({ out: out.offset + toOut!, a: a.offset + toA!, b: b.offset + toB!, bias: bias?.offset ?? 0 });
    },
  );
};

/** The last two axes apart from those before them. */
interface Batch {
  readonly batch: readonly number[];
  readonly batchSteps: readonly number[];
  readonly size: readonly [number, number];
  readonly steps: readonly [number, number];
}

const split = ({ shape, strides }: View): Batch => ({
  batch: shape.slice(0, -2),
  batchSteps: strides.slice(0, -2),
  size: shape.slice(-2) as unknown as [number, number],
  steps: strides.slice(-2) as unknown as [number, number],
});

/** While all batches of the last leading axis share one right side, and rows go on where the batch before ended: one product of more rows. */
const mergeRows = (out: Batch, a: Batch, b: Batch): readonly [Batch, Batch, Batch] => {
  const count = out.batch.at(-1);
  const follows = ({ batchSteps, size, steps }: Batch): boolean => batchSteps.at(-1) === size[0] * steps[0];
  if (count === undefined || b.batchSteps.at(-1) !== 0 || !follows(out) || !follows(a)) return [out, a, b];
  const shorter = (x: Batch): Batch => ({
    ...x,
    batch: x.batch.slice(0, -1),
    batchSteps: x.batchSteps.slice(0, -1),
  });
  const taller = (x: Batch): Batch => ({ ...shorter(x), size: [x.size[0] * count, x.size[1]] });
  return mergeRows(taller(out), taller(a), shorter(b));
};

const matrix = ({ storage, dtype }: View, { size, steps }: Batch): Matrix => ({
  storage,
  type: storageOf[dtype],
  rows: { walks: [{ size: size[0], step: steps[0] }] },
  columns: { walks: [{ size: size[1], step: steps[1] }] },
});

/** A matrix of a batch, wherever it begins. */
interface Placed {
  readonly view: View;
  readonly rows: number;
  readonly columns: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

interface Operands {
  readonly out: Placed;
  readonly a: Placed;
  readonly b: Placed;
  readonly bias: View | null;
}

const placed = (view: View, { size, steps }: Batch): Placed => ({
  view,
  rows: size[0],
  columns: size[1],
  rowStep: steps[0],
  columnStep: steps[1],
});

const flipped = ({ view, rows, columns, rowStep, columnStep }: Placed): Placed => ({
  view,
  rows: columns,
  columns: rows,
  rowStep: columnStep,
  columnStep: rowStep,
});

type Run = (at: Offsets) => void;

/** The element type of a product that is something to sum up, and whose operands need no conversion. */
const elementOf = ({ out, a }: Operands): ElementType | null => {
  const type = storageOf[out.view.dtype];
  return loadedElement[type] === type && out.rows * out.columns * a.columns > 0 ? type : null;
};

/** Neighbours along an axis of one element are whatever they should be. */
const isStep1 = (size: number, step: number): boolean => size <= 1 || step === 1;

/** A product with a few rows, or a few columns, whose operands both lie along the sums. */
const withFewVectors = (operands: Operands): Run | null => {
  const { out, a, b, bias } = operands;
  const element = elementOf(operands);
  if (element === null) return null;
  if (!isStep1(a.columns, a.columnStep) || !isStep1(b.rows, b.rowStep)) return null;
  const length = a.columns;
  const rows = { storage: a.view.storage, count: out.rows, step: a.rowStep };
  const columns = { storage: b.view.storage, count: out.columns, step: b.columnStep };
  const { storage } = out.view;
  if (rows.count <= MOST_VECTORS) {
    const run = dots({
      element,
      matrix: columns,
      vectors: rows,
      length,
      out: { storage, vectorStep: out.rowStep, rowStep: out.columnStep },
      bias: bias && { storage: bias.storage, step: bias.strides[0]! },
    });
    return (at) => {
      run({ matrix: at.b, vectors: at.a, out: at.out, bias: at.bias ?? 0 });
    };
  }
  if (columns.count > MOST_VECTORS || bias !== null) return null;
  const run = dots({
    element,
    matrix: rows,
    vectors: columns,
    length,
    out: { storage, vectorStep: out.columnStep, rowStep: out.rowStep },
    bias: null,
  });
  return (at) => {
    run({ matrix: at.a, vectors: at.b, out: at.out, bias: 0 });
  };
};

/** A product that is read where it lies, or as outᵀ = bᵀ · aᵀ if it lies so. */
const unpacked = (operands: Operands, repeats: boolean): Run | null => {
  const { out, a, b, bias } = operands;
  const element = elementOf(operands);
  if (element === null || bias !== null) return null;
  const direct = (to: Placed, left: Placed, right: Placed, kept: boolean): Run | null => {
    const [m, n, k] = [to.rows, to.columns, left.columns];
    if (!isStep1(n, to.columnStep) || !isStep1(n, right.columnStep)) return null;
    if (!isWorthReadingDirectly(currentTarget().machine, [m, n, k], { kept })) return null;
    const [x, y, z] = [left, right, to].map(({ view, rowStep, columnStep }) => ({
      storage: view.storage,
      rowStep,
      columnStep,
    })) as [Lies, Lies, Lies];
    return directProduct({ element, m, n, k, a: x, b: y, out: z });
  };
  const run = direct(out, a, b, repeats);
  if (run !== null) return run;
  const turned = direct(flipped(out), flipped(b), flipped(a), false);
  return (
    turned &&
    ((at) => {
      turned({ ...at, a: at.b, b: at.a });
    })
  );
};
type Lies = DirectProduct['a'];

/** Visits every place of a batch: the offsets there, one for each list of steps. */
const forEachPlace = (
  sizes: readonly number[],
  steps: readonly (readonly number[])[],
  visit: (offsets: readonly number[]) => void,
): void => {
  const count = elementCount(sizes);
  const offsets = steps.map(() => 0);
  const position = sizes.map(() => 0);
  for (let i = 0; i < count; i++) {
    visit(offsets);
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      position[axis]!++;
      steps.forEach((step, s) => (offsets[s]! += step[axis]!));
      if (position[axis]! < sizes[axis]!) break;
      position[axis] = 0;
      steps.forEach((step, s) => (offsets[s]! -= step[axis]! * sizes[axis]!));
    }
  }
};
