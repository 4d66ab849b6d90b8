/** Collections of examples. */
import { IndexError, ValueError } from '../errors.ts';
import { tensor } from '../tensor/create.ts';
import { defaultGenerator, randperm, type Generator } from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Examples by number. @see torch.utils.data.Dataset */
export interface Dataset<Item> {
  readonly length: number;
  /** @throws IndexError when there is no example of that number */
  get(index: number): Item;
  /** Many examples at once, already joined to a batch; where absent, a loader gets them singly and joins them. */
  batch?(indices: readonly number[]): Item;
}

/** Tensors whose first axis counts examples: an example is a slice of each. @see torch.utils.data.TensorDataset */
export class TensorDataset<
  Tensors extends readonly Tensor[] = readonly Tensor[],
> implements Dataset<Tensors> {
  readonly tensors: Tensors;

  constructor(...tensors: Tensors) {
    if (tensors.length === 0) throw new ValueError('TensorDataset needs at least one tensor');
    if (tensors.some((t) => t.ndim === 0 || t.shape[0] !== tensors[0]!.shape[0])) {
      throw new ValueError(
        `Size mismatch between tensors: their first sizes are ${tensors.map((t) => String(t.shape[0])).join(', ')}`,
      );
    }
    this.tensors = tensors;
  }

  get length(): number {
    return this.tensors[0]!.shape[0]!;
  }
  get(index: number): Tensors {
    checkIndex(index, this.length);
    return this.tensors.map((t) => t.select(0, index)) as readonly Tensor[] as Tensors;
  }
  batch(indices: readonly number[]): Tensors {
    for (const index of indices) checkIndex(index, this.length);
    const positions = tensor(BigInt64Array.from(indices, BigInt));
    return this.tensors.map((t) => t.indexSelect(0, positions)) as readonly Tensor[] as Tensors;
  }
}

/** Some examples of another dataset. @see torch.utils.data.Subset */
export class Subset<Item> implements Dataset<Item> {
  /** Present when the dataset has it. */
  declare readonly batch?: (indices: readonly number[]) => Item;

  constructor(
    readonly dataset: Dataset<Item>,
    readonly indices: readonly number[],
  ) {
    for (const index of indices) checkIndex(index, dataset.length);
    if (dataset.batch) this.batch = (positions) => dataset.batch!(positions.map((k) => this.indices[k]!));
  }

  get length(): number {
    return this.indices.length;
  }
  get(index: number): Item {
    checkIndex(index, this.length);
    return this.dataset.get(this.indices[index]!);
  }
}

/**
 * Splits a dataset at random into parts of the given lengths.
 *
 * @throws ValueError when the lengths do not add up to the dataset's
 * @see torch.utils.data.random_split
 */
export const randomSplit = <Item>(
  dataset: Dataset<Item>,
  lengths: readonly number[],
  { generator = defaultGenerator }: { readonly generator?: Generator } = {},
): Subset<Item>[] => {
  const total = lengths.reduce((a, b) => a + b, 0);
  if (total !== dataset.length) {
    throw new ValueError(
      `Sum of input lengths does not equal the length of the input dataset! (${String(total)} and ${String(dataset.length)})`,
    );
  }
  const order = Array.from(randperm(total, generator), Number);
  let start = 0;
  return lengths.map((length) => new Subset(dataset, order.slice(start, (start += length))));
};

const checkIndex = (index: number, length: number): void => {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new IndexError(
      `index ${String(index)} is out of range for a dataset of ${String(length)} examples`,
    );
  }
};
