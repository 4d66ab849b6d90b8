import { Random } from '../random.ts';
import type { HostTensor, SimpleOp, Task } from '../task.ts';

const MILLION = [1000, 1000];
const IMAGES = [8, 64, 56, 56];

/** What memory or the cost of a call bounds, rather than arithmetic. */
export function* opsTasks(): Generator<Task> {
  const random = new Random(1);
  const task = (name: string, op: SimpleOp, inputs: Record<string, HostTensor>): Task => ({
    op,
    name,
    flops: 0,
    inputs,
  });
  yield task('add-4', 'add', { a: random.tensor([4]), b: random.tensor([4]) });
  yield task('add-1M', 'add', { a: random.tensor(MILLION), b: random.tensor(MILLION) });
  yield task('relu-1M', 'relu', { x: random.tensor(MILLION) });
  yield task('sum-1M', 'sum', { x: random.tensor(MILLION, 0, 1) });
  yield task('softmax-1000x1000', 'softmax', { x: random.tensor(MILLION, -5, 5) });
  yield task('max-pool-8x64x56x56', 'maxPool2d', { x: random.tensor(IMAGES) });
  const channels = [64];
  yield task('batch-norm-8x64x56x56', 'batchNorm', {
    x: random.tensor(IMAGES),
    mean: random.tensor(channels),
    variance: random.tensor(channels, 0.5, 2),
    weight: random.tensor(channels),
    bias: random.tensor(channels),
  });
}
