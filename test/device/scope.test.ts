import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Heap } from '../../src/device/heap.ts';
import {
  allocate,
  bytesOf,
  memoryStats,
  setMemoryLimit,
  workspace,
  releaseWorkspaces,
} from '../../src/device/memory.ts';
import { collector } from '../../src/device/reclaim.ts';
import { Scope } from '../../src/device/scope.ts';
import type { Storage } from '../../src/device/storage.ts';

const MEBIBYTE = 2 ** 20;

describe('A scope', () => {
  it('gives back what was made in it, and nothing else', () => {
    const before = allocate(100);
    let inside: Storage;
    {
      using _ = new Scope();
      inside = allocate(100);
    }
    const after = allocate(100);
    expect([before.disposed, inside.disposed, after.disposed]).toEqual([false, true, false]);
  });

  it('passes what is kept to the scope around it', () => {
    let kept: Storage;
    let keptTwice: Storage;
    {
      using outer = new Scope();
      {
        using inner = new Scope();
        kept = allocate(8);
        keptTwice = allocate(8);
        inner.keep(kept);
        inner.keep(keptTwice);
      }
      expect(kept.disposed).toBe(false);
      outer.keep(keptTwice);
    }
    expect([kept.disposed, keptTwice.disposed]).toEqual([true, false]);
  });

  it('does not keep what belongs to another scope', () => {
    using outer = new Scope();
    const storage = allocate(8);
    {
      using inner = new Scope();
      inner.keep(storage);
    }
    expect(storage.disposed).toBe(false);
    outer[Symbol.dispose]();
    expect(storage.disposed).toBe(true);
  });

  it('gives back when its block throws', () => {
    let inside: Storage | undefined;
    expect(() => {
      using _ = new Scope();
      inside = allocate(8);
      throw new Error('halfway');
    }).toThrow('halfway');
    expect(inside?.disposed).toBe(true);
    expect(allocate(8).disposed).toBe(false);
  });

  it('may end twice, but not before those inside it', () => {
    const outer = new Scope();
    const inner = new Scope();
    expect(() => {
      outer[Symbol.dispose]();
    }).toThrow('scopes must end in the reverse order of their beginning');
    inner[Symbol.dispose]();
    inner[Symbol.dispose]();
    outer[Symbol.dispose]();
  });
});

describe.each([
  ['finding dead storages', collector],
  ['as in a page, without', null],
] as const)('A scope over a full heap, %s', (_, collector) => {
  const madeIn = (scope: Scope, heap: Heap, bytes: number): Storage => {
    const storage = heap.allocate(bytes);
    scope.add(storage);
    return storage;
  };

  it('does not hold what nobody else holds', () => {
    const heap = new Heap({ limit: 32 * MEBIBYTE, collector });
    using scope = new Scope();
    let most = 0;
    for (let k = 0; k < 2000; k++) {
      madeIn(scope, heap, MEBIBYTE);
      if (k % 50 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
    expect(heap.stats().heapBytes).toBeLessThanOrEqual(32 * MEBIBYTE);
    expect(scope.slots.size).toBeLessThanOrEqual(32);
    // Held, they would take 2000.
    expect(most).toBeLessThan(1000 * MEBIBYTE);
  });

  it('gives back what was moved out, and what came back again', () => {
    const heap = new Heap({ limit: 4 * MEBIBYTE, collector });
    const scope = new Scope();
    const made = Array.from({ length: 10 }, () => madeIn(scope, heap, MEBIBYTE));
    const out = made.filter(({ slot }) => slot.address === 0);
    expect(out.length).toBeGreaterThan(5);
    const [again, kept] = out as [Storage, Storage];
    heap.resident(again);
    heap.bytes(kept)[0] = 42;
    scope.keep(kept);
    scope[Symbol.dispose]();
    expect(made.filter(({ disposed }) => !disposed)).toEqual([kept]);
    expect(() => heap.resident(out[2]!)).toThrow(/^this tensor's memory was given back/);
    expect(heap.bytes(kept)[0]).toBe(42);
    expect(heap.stats().storages).toBe(1);
  });
});

describe('A workspace', () => {
  beforeAll(releaseWorkspaces);
  afterAll(releaseWorkspaces);

  it('is the same block under the same name, until a larger one is asked for', () => {
    const first = workspace('test', 1000);
    expect(workspace('test', 10)).toBe(first);
    expect(workspace('other', 10)).not.toBe(first);
    const larger = workspace('test', 2000);
    expect(larger.byteLength).toBe(2000);
    expect(first.disposed).toBe(true);
    expect(memoryStats().workspaceBytes).toBe(2010);
  });

  it('outlives the scope in which it is first asked for', () => {
    let scratch: Storage;
    {
      using _ = new Scope();
      scratch = workspace('made in a scope', 64);
    }
    expect(scratch.disposed).toBe(false);
    expect(workspace('made in a scope', 64)).toBe(scratch);
  });

  it('is there again after a larger one could not be had', () => {
    workspace('test', 100);
    expect(() => workspace('test', NaN)).toThrow('cannot allocate NaN bytes');
    expect(workspace('test', 50).disposed).toBe(false);
  });

  it('keeps its contents under pressure, for an op comes back for what it packed', () => {
    const scratch = workspace('packed', 4096);
    bytesOf(scratch).fill(7);
    setMemoryLimit(memoryStats().heapBytes);
    const others: Storage[] = [];
    while (scratch.slot.address !== 0) others.push(allocate(MEBIBYTE));
    expect(workspace('packed', 4096)).toBe(scratch);
    expect(bytesOf(scratch).every((byte) => byte === 7)).toBe(true);
    for (const storage of others) storage.dispose();
    setMemoryLimit(512 * MEBIBYTE);
  });
});

it('A memory limit must be a positive number', () => {
  expect(() => {
    setMemoryLimit(0);
  }).toThrow('the memory limit must be a positive number of bytes, got 0');
});
