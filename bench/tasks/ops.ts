import { Random } from '../random.ts';
import type { HostTensor, SimpleOp, Task } from '../task.ts';
import { conv2dTasks } from './conv2d.ts';

type Inputs = Record<string, HostTensor>;

const MILLION = [1000, 1000];
const IMAGES = [8, 64, 56, 56];

/** What memory bounds rather than arithmetic. */
export function* opsTasks(): Generator<Task> {
  const random = new Random(1);
  const task = (name: string, op: SimpleOp, inputs: Inputs, output: readonly number[]): Task => {
    const shapes = [...Object.values(inputs).map(({ shape }) => shape), output];
    const elements = shapes.map((shape) => shape.reduce((a, b) => a * b, 1));
    return { op, name, flops: 0, bytes: 4 * elements.reduce((a, b) => a + b), inputs };
  };
  const x = random.tensor(MILLION, -5, 5);
  const positive = random.tensor(MILLION, 0, 1);
  yield task('add-1M', 'add', { a: x, b: positive }, MILLION);
  yield task('relu-1M', 'relu', { x }, MILLION);
  yield task('sigmoid-1M', 'sigmoid', { x }, MILLION);
  yield task('transpose-1000x1000', 'transpose', { x }, MILLION);
  yield task('sum-1M', 'sum', { x: positive }, []);
  yield task('mean-rows-1000x1000', 'mean', { x: positive }, [1000]);
  yield task('softmax-1000x1000', 'softmax', { x }, MILLION);
  const images = random.tensor(IMAGES);
  const halves = [8, 64, 28, 28];
  yield task('max-pool-8x64x56x56', 'maxPool2d', { x: images }, halves);
  yield task('avg-pool-8x64x56x56', 'avgPool2d', { x: images }, halves);
  const weight = random.tensor([64]);
  const bias = random.tensor([64]);
  const mean = random.tensor([64]);
  const variance = random.tensor([64], 0.5, 2);
  yield task('batch-norm-8x64x56x56', 'batchNorm', { x: images, mean, variance, weight, bias }, IMAGES);
  yield task('batch-norm-train-8x64x56x56', 'batchNormTraining', { x: images, weight, bias }, IMAGES);
}

/** So little work that the cost of a call is what is measured. */
export function* overheadTasks(): Generator<Task> {
  const random = new Random(1);
  const task = (name: string, op: SimpleOp, inputs: Inputs): Task => ({
    op,
    name,
    flops: 0,
    bytes: 0,
    inputs,
  });
  const four = random.tensor([4]);
  const square = random.tensor([4, 4]);
  yield task('add-4', 'add', { a: four, b: random.tensor([4]) });
  yield task('relu-4', 'relu', { x: four });
  yield task('sum-4', 'sum', { x: four });
  yield task('softmax-4', 'softmax', { x: four });
  yield task('matmul-4x4x4', 'matmul', { a: square, b: random.tensor([4, 4]) });
  yield task('max-pool-1x1x4x4', 'maxPool2d', { x: random.tensor([1, 1, 4, 4]) });
  const shape = { n: 1, c: 1, h: 4, w: 4, o: 1, k: [3, 3], s: [1, 1], p: [1, 1], d: [1, 1], g: 1 } as const;
  for (const conv of conv2dTasks([{ name: 'conv2d-1x1x4x4', ...shape }], 'forward')) {
    yield { ...conv, flops: 0 };
  }
}
