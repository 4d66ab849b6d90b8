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
  /**
   * Joins examples to a batch. Default: tensors are stacked; numbers become a tensor, int64 if all are whole and else
   * float64; booleans one of bools; arrays and objects go by parts; anything else stays a list.
   */
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
    let indices: number[] = [];
    for (const index of this.order()) {
      indices.push(index);
      if (indices.length < this.batchSize) continue;
      yield this.load(indices);
      indices = [];
    }
    if (indices.length > 0 && !this.options.dropLast) yield this.load(indices);
  }

  /** The numbers of the examples, drawing from the generators what PyTorch draws, and when. */
  private *order(): Iterable<number> {
    const { shuffle = false, generator } = this.options;
    const count = this.dataset.length;
    // Each pass gets a base seed for its workers, whether or not there are any.
    (generator ?? defaultGenerator).random64();
    if (!shuffle) {
      for (let k = 0; k < count; k++) yield k;
      return;
    }
    const source = generator ?? new Generator(BigInt.asUintN(63, defaultGenerator.random64()));
    for (const index of randperm(count, source)) yield Number(index);
    // The sampler draws whole permutations until it has enough, and then one more of which it takes nothing.
    if (generator) randperm(count, generator);
  }

  private load(indices: readonly number[]): Batch {
    const { dataset } = this;
    const { collate } = this.options;
    if (collate) return collate(indices.map((index) => dataset.get(index)));
    if (dataset.batch) return dataset.batch(indices) as unknown as Batch;
    return joined(indices.map((index) => dataset.get(index))) as Batch;
  }
}

/** Examples of like structure as one batch of that structure. @see torch.utils.data.default_collate */
const joined = (items: readonly unknown[]): unknown => {
  const first = items[0];
  if (first instanceof Tensor) return stack(items as readonly Tensor[]);
  if (typeof first === 'boolean') return tensor(items as readonly boolean[]);
  if (typeof first === 'number' || typeof first === 'bigint') {
    const whole = items.every((item) => typeof item === 'bigint' || Number.isInteger(item));
    return tensor(items as readonly number[], { dtype: whole ? 'int64' : 'float64' });
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
