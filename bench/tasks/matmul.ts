import { Random } from '../random.ts';
import type { Task } from '../task.ts';

/** [M, K, N]: squares, tall and wide ones, a fully connected layer, and sizes that are multiples of nothing. */
const sizes: readonly (readonly [number, number, number])[] = [
  [32, 32, 32],
  [128, 128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [1024, 1024, 1024],
  [64, 1152, 3136],
  [3136, 64, 256],
  [1, 1024, 1000],
  [64, 400, 120],
  [127, 257, 383],
];

export function* matmulTasks(): Generator<Task> {
  for (const [m, k, n] of sizes) {
    const random = new Random(1);
    const a = random.tensor([m, k]);
    const b = random.tensor([k, n]);
    yield {
      op: 'matmul',
      name: `matmul-${m}x${k}x${n}`,
      flops: 2 * m * k * n,
      bytes: 0,
      inputs: { a, b },
      expected: (index) => {
        const row = Math.floor(index / n);
        let total = 0;
        for (let i = 0; i < k; i++) total += a.data[row * k + i]! * b.data[i * n + (index % n)]!;
        return total;
      },
    };
  }
}
