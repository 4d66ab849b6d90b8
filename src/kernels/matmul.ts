/** `Backend.matmul` on a CPU. */
import { elementCount, storageOf, type View } from '../device/view.ts';
import { product, type Matrix } from './gemm.ts';

/**
 * out[…, M, N] = a[…, M, K] · b[…, K, N], + bias[N] if there is one. Equal leading axes; any strides, 0 where broadcast.
 * Integers wrap, as in PyTorch; 16-bit floats are summed as float32 and rounded once.
 */
export const matmul = (out: View, a: View, b: View, bias: View | null = null): void => {
  const [wideOut, wideA, wideB] = [out, a, b].map(split) as [Batch, Batch, Batch];
  const merged = mergeRows(wideOut, wideA, wideB);
  const [o, x, y] = merged;
  const run = product({
    a: matrix(a, x),
    b: matrix(b, y),
    out: matrix(out, o),
    bias: bias && { storage: bias.storage, step: bias.strides[0]!, along: 'columns' },
    // A weight has no batch.
    ...(o.batch.length === 0 && { repeats: 'b' }),
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
