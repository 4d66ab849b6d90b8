import { ValueError } from '../errors.ts';
import { stack } from '../ops/copies.ts';
import { tensor } from '../tensor/create.ts';
import { defaultGenerator, Generator, randperm } from '../tensor/random/index.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Dataset } from './dataset.ts';

export interface DataLoaderOptions<Item, Batch> {
  /** Examples a batch. Default 1. */
  readonly batchSize?: number | undefined;
  /** Another order in every pass. Default false. */
  readonly shuffle?: boolean | undefined;
  /** Leave out a last batch that is not full. Default false. */
  readonly dropLast?: boolean | undefined;
  /** Where the order comes from. Default: the generator that `manualSeed` seeds. */
  readonly generator?: Generator | undefined;
  /** Joins examples to a batch. Default: tensors are stacked, numbers become a tensor, arrays and objects go by parts. */
  readonly collate?: ((items: readonly Item[]) => Batch) | undefined;
}

/**
 * Batches of a dataset's examples.
 *
 *     for (const [images, labels] of new DataLoader(train, { batchSize: 64, shuffle: true })) …
 *
 * The order for a seed is PyTorch's: every pass draws a base seed and then, when it shuffles, the seed of its permutation.
 *
 * @see torch.utils.data.DataLoader
 */
export class DataLoader<Item, Batch = Item> implements Iterable<Batch> {
  private readonly batchSize: number;
  private readonly options: DataLoaderOptions<Item, Batch>;

  constructor(
    readonly dataset: Dataset<Item>,
    options: DataLoaderOptions<Item, Batch> = {},
  ) {
    const { batchSize = 1 } = options;
    if (!Number.isInteger(batchSize) || batchSize <= 0) {
      throw new ValueError(
        `batch_size should be a positive integer value, but got batch_size=${String(batchSize)}`,
      );
    }
    this.batchSize = batchSize;
    this.options = options;
  }

  /** Batches in one pass. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.options.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): Iterator<Batch> {
    const { dataset, batchSize } = this;
    const { collate } = this.options;
    const order = this.order();
    for (let k = 0; k < this.length; k++) {
      const indices = order.slice(k * batchSize, (k + 1) * batchSize);
      if (collate) yield collate(indices.map((index) => dataset.get(index)));
      else if (dataset.batch) yield dataset.batch(indices) as unknown as Batch;
      else yield joined(indices.map((index) => dataset.get(index))) as Batch;
    }
  }

  private order(): readonly number[] {
    const { shuffle = false, generator } = this.options;
    const count = this.dataset.length;
    // PyTorch gives each pass a base seed for its workers, whether or not there are any.
    (generator ?? defaultGenerator).random64();
    if (!shuffle) return Array.from({ length: count }, (_, k) => k);
    const source = generator ?? new Generator(BigInt.asUintN(63, defaultGenerator.random64()));
    return Array.from(randperm(count, source), Number);
  }
}

/** Examples of like structure as one batch of that structure. @see torch.utils.data.default_collate */
const joined = (items: readonly unknown[]): unknown => {
  const first = items[0];
  if (first instanceof Tensor) return stack(items as readonly Tensor[]);
  if (typeof first === 'number' || typeof first === 'bigint' || typeof first === 'boolean') {
    return tensor(items as readonly number[], Number.isInteger(first) ? { dtype: 'int64' } : {});
  }
  if (Array.isArray(first))
    return first.map((_, k) => joined(items.map((item) => (item as readonly unknown[])[k])));
  if (typeof first === 'object' && first !== null) {
    return Object.fromEntries(
      Object.keys(first).map((key) => [
        key,
        joined(items.map((item) => (item as Record<string, unknown>)[key])),
      ]),
    );
  }
  return items;
};
