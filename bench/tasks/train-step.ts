import { Random } from '../random.ts';
import type { Task } from '../task.ts';

const BATCH = 64;

/** A step of training LeNet on 64 images; the numbers are random, as the time does not depend on them. */
export function* trainStepTasks(): Generator<Task> {
  const random = new Random(1);
  const images = random.tensor([BATCH, 1, 28, 28]);
  const labels = { shape: [BATCH], data: Float32Array.from({ length: BATCH }, () => random.integer(0, 9)) };
  yield {
    op: 'trainStep',
    name: `lenet-step-${BATCH}`,
    flops: 0,
    bytes: 0,
    inputs: { images, labels },
    learningRate: 0.002,
  };
}
