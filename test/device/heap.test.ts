import { describe, expect, it } from 'vitest';
import { Allocator } from '../../src/device/allocator.ts';
import { Heap } from '../../src/device/heap.ts';
import { collector } from '../../src/device/reclaim.ts';
import type { Storage } from '../../src/device/storage.ts';

const MEBIBYTE = 2 ** 20;

/** Numbers from a seed, the same at every run. */
const numbers = (seed: number): (() => number) => {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
};

describe('The allocator', () => {
  it('hands out lines that do not overlap, and joins everything again when all is freed', () => {
    const random = numbers(1);
    const total = 64 * 4096;
    const allocator = new Allocator();
    allocator.extend(64, total);
    /** The plain model: every line knows its owner. */
    const owner = new Map<number, number>();
    const blocks: { start: number; size: number; id: number }[] = [];
    for (let id = 1; id <= 20000; id++) {
      if (random() < 0.55 && blocks.length < 400) {
        const size = Allocator.rounded(Math.floor(random() ** 4 * 20000));
        const start = allocator.allocate(size);
        if (start < 0) continue;
        expect(start % 64).toBe(0);
        for (let line = start; line < start + size; line += 64) {
          expect(owner.has(line)).toBe(false);
          owner.set(line, id);
        }
        expect(start).toBeGreaterThanOrEqual(64);
        expect(start + size).toBeLessThanOrEqual(64 + total);
        blocks.push({ start, size, id });
      } else if (blocks.length > 0) {
        const [block] = blocks.splice(Math.floor(random() * blocks.length), 1);
        for (let line = block!.start; line < block!.start + block!.size; line += 64) owner.delete(line);
        allocator.free(block!.start, block!.size);
      }
      expect(allocator.freeBytes).toBe(total - 64 * owner.size);
    }
    for (const { start, size } of blocks) allocator.free(start, size);
    expect(allocator.largestFree()).toBe(total);
  });

  it('finds a block whenever one is large enough', () => {
    for (let lines = 1; lines < 300; lines++) {
      const allocator = new Allocator();
      allocator.extend(64, 64 * lines);
      expect(allocator.allocate(64 * lines)).toBe(64);
      expect(allocator.allocate(64)).toBe(-1);
    }
  });
});

describe('A heap beyond 2 GiB', () => {
  const middle = 2 ** 31;
  const placesOf = (sizes: readonly number[]) => {
    const heap = new Heap({ limit: 2 ** 32, collector: null });
    return sizes.map((size) => {
      const begin = heap.resident(heap.allocate(size));
      return { begin, end: begin + size };
    });
  };

  it.each([
    ['many blocks', Array.from({ length: 12 }, () => 300 * MEBIBYTE)],
    ['a block that ends there', [middle - MEBIBYTE - 128, MEBIBYTE, MEBIBYTE]],
    ['a large block behind a small one', [MEBIBYTE, middle - 65536]],
  ])('has no block on both sides of the middle, where signed addresses turn round: %s', (_, sizes) => {
    for (const { begin, end } of placesOf(sizes)) expect(begin >= middle).toBe(end >= middle);
  });
});

describe.each([
  ['finding dead storages', collector],
  ['as in a page, without', null],
] as const)('The heap, %s', (_, collector) => {
  const heapOf = (limit: number): Heap => new Heap({ limit, collector });
  const fill = (heap: Heap, storage: Storage, value: number): void => void heap.bytes(storage).fill(value);
  const holds = (heap: Heap, storage: Storage, value: number): boolean =>
    heap.bytes(storage).every((byte) => byte === value);

  it('keeps what living storages hold while others come and go under its limit', () => {
    const heap = heapOf(8 * MEBIBYTE);
    const living = Array.from({ length: 12 }, (_, k) => heap.allocate(MEBIBYTE + 100 * k));
    living.forEach((storage, k) => {
      fill(heap, storage, k + 1);
    });
    for (let k = 0; k < 200; k++) fill(heap, heap.allocate(500_000 + 997 * k), 255);
    living.forEach((storage, k) => {
      expect(holds(heap, storage, k + 1)).toBe(true);
    });
    expect(heap.stats().evictions).toBeGreaterThan(0);
    expect(heap.stats().heapBytes).toBeLessThanOrEqual(16 * MEBIBYTE);
  });

  it('stays bounded in a synchronous loop that forgets its storages', () => {
    const heap = heapOf(64 * MEBIBYTE);
    const passes = collector === null ? 2000 : 20000;
    let last = heap.allocate(4);
    for (let k = 0; k < passes; k++) {
      const next = heap.allocate(3_200_000);
      heap.bytes(next)[0] = heap.bytes(last)[0]! + 1;
      last = next;
    }
    expect(heap.bytes(last)[0]).toBe(passes % 256);
    expect(heap.stats().heapBytes).toBeLessThanOrEqual(64 * MEBIBYTE);
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(1200 * MEBIBYTE);
  });

  it('frees a disposed storage at once, and refuses to use it', () => {
    const heap = heapOf(MEBIBYTE);
    const before = heap.stats().residentBytes;
    const storage = heap.allocate(20_000);
    storage.dispose();
    storage.dispose();
    expect(heap.stats().residentBytes).toBe(before);
    expect(() => heap.bytes(storage)).toThrow(
      /memory was given back: dispose\(\) was called, or the flow.scope/,
    );
  });

  it('grows beyond its limit rather than fail when everything is in use', () => {
    const heap = heapOf(2 * MEBIBYTE);
    const large = heap.allocate(20 * MEBIBYTE);
    fill(heap, large, 7);
    expect(holds(heap, large, 7)).toBe(true);
  });

  it('grows when what it moves out keeps coming back', () => {
    const heap = heapOf(16 * MEBIBYTE);
    const living = Array.from({ length: 24 }, () => heap.allocate(MEBIBYTE));
    const step = (): number => {
      const { reloads } = heap.stats();
      for (const storage of living) {
        heap.resident(storage);
        heap.allocate(MEBIBYTE / 8);
      }
      return heap.stats().reloads - reloads;
    };
    // The first pass brings in what did not fit. Soon all of it fits, and nothing comes and goes any more.
    expect(step()).toBeGreaterThan(0);
    for (let k = 0; k < 8; k++) step();
    expect(step()).toBe(0);
    expect(heap.stats().heapBytes).toBeLessThanOrEqual(64 * MEBIBYTE);
  });

  it('does not grow when what it moves out is dead', () => {
    const heap = heapOf(16 * MEBIBYTE);
    const seldom = heap.allocate(MEBIBYTE);
    for (let k = 0; k < 2000; k++) {
      heap.allocate(MEBIBYTE / 2);
      // Long enough ago that it was moved out where dead storages are not found.
      if (k % 100 === 0) heap.resident(seldom);
    }
    expect(heap.stats().heapBytes).toBeLessThanOrEqual(16 * MEBIBYTE);
  });

  it('moves nothing out for what has no place even in an empty heap', () => {
    const heap = heapOf(8 * MEBIBYTE);
    const living = Array.from({ length: 5 }, () => heap.allocate(MEBIBYTE));
    heap.allocate(30 * MEBIBYTE);
    expect(heap.stats().evictions).toBe(0);
    expect(living.length).toBe(5);
  });

  it('does not move what is pinned', () => {
    const heap = heapOf(4 * MEBIBYTE);
    const pinned = heap.allocate(MEBIBYTE);
    const address = heap.resident(pinned);
    pinned.slot.pins = 1;
    const others = Array.from({ length: 20 }, () => heap.allocate(MEBIBYTE));
    expect(heap.stats().evictions).toBeGreaterThan(0);
    expect(others.length).toBe(20);
    expect(pinned.slot.address).toBe(address);
  });

  it.each([[-1], [1.5], [NaN]])('refuses a size of %s bytes', (bytes) => {
    expect(() => heapOf(MEBIBYTE).allocate(bytes)).toThrow(
      `cannot allocate ${String(bytes)} bytes: the size must be a non-negative integer`,
    );
  });

  it('says what is in use when there is no room', () => {
    const heap = heapOf(MEBIBYTE);
    const kept = heap.allocate(64_000);
    expect(() => heap.allocate(2 ** 33)).toThrow(
      /^out of memory: 8589934592 bytes were asked for, 64000 of 1048576 are in use by 1 tensors/,
    );
    expect(kept.disposed).toBe(false);
  });

  it('keeps what small storages hold apart, in little memory, while others of them come and go', () => {
    const heap = heapOf(8 * MEBIBYTE);
    const random = numbers(2);
    const living: Storage[] = [];
    for (let k = 0; k < 200_000; k++) {
      const storage = heap.allocate(Math.floor(10_000 * random() ** 3));
      if (k % 1000 !== 0) continue;
      fill(heap, storage, living.length);
      living.push(storage);
    }
    living.forEach((storage, value) => expect(holds(heap, storage, value)).toBe(true));
    expect(heap.stats().heapBytes).toBeLessThanOrEqual(16 * MEBIBYTE);
  });

  it('refuses a small storage that was disposed, and leaves its neighbours alone', () => {
    const heap = heapOf(MEBIBYTE);
    const [before, disposed, after] = [heap.allocate(4), heap.allocate(4), heap.allocate(4)];
    fill(heap, before, 1);
    fill(heap, after, 2);
    disposed.dispose();
    disposed.dispose();
    fill(heap, heap.allocate(4), 3);
    expect(() => heap.bytes(disposed)).toThrow(/memory was given back/);
    expect(holds(heap, before, 1)).toBe(true);
    expect(holds(heap, after, 2)).toBe(true);
  });

  it('hands a small storage over with what it holds', () => {
    const heap = heapOf(MEBIBYTE);
    const [storage, neighbour] = [heap.allocate(12), heap.allocate(12)];
    fill(heap, storage, 1);
    fill(heap, neighbour, 2);
    const bytes = new Uint8Array(12);
    storage.slot.owner.surrender(storage.slot, bytes);
    expect(bytes.every((byte) => byte === 1)).toBe(true);
    expect(storage.slot.address).toBe(0);
    expect(holds(heap, neighbour, 2)).toBe(true);
  });

  it('gives storages of no bytes, too', () => {
    const heap = heapOf(MEBIBYTE);
    expect(heap.bytes(heap.allocate(0)).length).toBe(0);
  });
});
