import { expect, it } from 'vitest';
import { Heap } from '../../src/device/heap.ts';
import { collector } from '../../src/device/reclaim.ts';

const MEBIBYTE = 2 ** 20;

// In a process of its own: after the other tests of the heap, with tasks between them, V8 11 often runs no finalizers any
// more, though what they wait for is dead.
it('Finalizers give memory back between tasks', async () => {
  const heap = new Heap({ limit: 512 * MEBIBYTE, collector: null });
  for (let k = 0; k < 50; k++) heap.allocate(100_000);
  expect(heap.stats().storages).toBe(50);
  for (let turn = 0; turn < 50 && heap.stats().storages > 0; turn++) {
    collector?.all();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(heap.stats().storages).toBe(0);
});
