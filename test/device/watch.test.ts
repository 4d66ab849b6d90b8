import { describe, expect, it } from 'vitest';
import { collector, type Collector } from '../../src/device/reclaim.ts';
import { slotFor, Storage, type Slot, type SlotOwner } from '../../src/device/storage.ts';
import { Watch } from '../../src/device/watch.ts';

const MEBIBYTE = 2 ** 20;

const nobody: SlotOwner = {
  release: () => {
    throw new Error('not asked for');
  },
  surrender: () => {
    throw new Error('not asked for');
  },
};

const storageOf = (bytes: number): Storage => new Storage(bytes, slotFor(bytes, nobody));

describe("This engine's collector", () => {
  it('is found', () => {
    expect(collector).not.toBeNull();
  });

  it.each(['young', 'all'] as const)('drops the dead from weak sets, and no others: %s', (which) => {
    const set = new WeakSet<Storage>();
    const living = Array.from({ length: 100 }, (_, k) => storageOf(k));
    for (const storage of living) set.add(storage);
    for (let k = 0; k < 1000; k++) set.add(storageOf(k));
    collector![which]();
    const seen = new Set<Storage>();
    collector!.members(set, (storage) => seen.add(storage));
    for (const storage of living) expect(seen.has(storage)).toBe(true);
    expect(seen.size).toBeLessThan(110);
  });
});

describe('A watch', () => {
  /** A watch over storages that are dead when they were taken out of `alive`. */
  const watched = (): {
    watch: Watch;
    alive: Set<Storage>;
    dead: Slot[];
    counts: { young: number; all: number };
    make: (bytes: number) => Storage;
  } => {
    const alive = new Set<Storage>();
    const made: Storage[] = [];
    const counts = { young: 0, all: 0 };
    const dead: Slot[] = [];
    const ages = new Map<Storage, number>();
    let collectable = new Set<Storage>();
    // As V8 does it: what outlived two collections of the young is left to one of all.
    const fake: Collector = {
      young: () => {
        counts.young++;
        for (const storage of made) {
          const age = ages.get(storage) ?? 0;
          if (age < 2 && !alive.has(storage)) collectable.add(storage);
          else ages.set(storage, age + 1);
        }
      },
      all: () => {
        counts.all++;
        collectable = new Set(made.filter((storage) => !alive.has(storage)));
      },
      members: (set, visit) => {
        for (const storage of made as unknown as (typeof set extends WeakSet<infer T> ? T : never)[])
          if (set.has(storage) && !collectable.has(storage as unknown as Storage)) visit(storage);
      },
    };
    const watch = new Watch(fake, (slot) => {
      dead.push(slot);
      watch.drop(slot);
    });
    const make = (bytes: number): Storage => {
      watch.taking(bytes);
      const storage = storageOf(bytes);
      made.push(storage);
      alive.add(storage);
      watch.add(storage);
      return storage;
    };
    return { watch, alive, dead, counts, make };
  };

  it('releases those that are dead, once, and no others', () => {
    const { alive, dead, make, watch } = watched();
    const kept = make(MEBIBYTE);
    const others = Array.from({ length: 100 }, () => {
      const storage = make(MEBIBYTE);
      alive.delete(storage);
      return storage;
    });
    make(20 * MEBIBYTE);
    expect(dead.length).toBeGreaterThan(80);
    expect(new Set(dead).size).toBe(dead.length);
    expect(dead.includes(kept.slot)).toBe(false);
    const slots = new Set(others.map(({ slot }) => slot));
    expect(dead.every((slot) => slots.has(slot))).toBe(true);
    expect(watch.count).toBe(102 - dead.length);
  });

  it('looks seldom at little', () => {
    const { alive, counts, make } = watched();
    for (let k = 0; k < 1000; k++) alive.delete(make(100));
    expect(counts).toEqual({ young: 0, all: 0 });
  });

  it('collects everything when much has grown old, and finds the dead among it', () => {
    const { alive, dead, counts, make } = watched();
    const old = Array.from({ length: 40 }, () => make(4 * MEBIBYTE));
    for (let k = 0; k < 60; k++) alive.delete(make(4 * MEBIBYTE));
    expect(dead.some((slot) => old.some((storage) => storage.slot === slot))).toBe(false);
    for (const storage of old) alive.delete(storage);
    for (let k = 0; k < 200; k++) make(4 * MEBIBYTE);
    expect(counts.all).toBeGreaterThan(0);
    expect(counts.all).toBeLessThan(10);
    for (const { slot } of old) expect(dead.includes(slot)).toBe(true);
  });

  it('forgets what was disposed, though the storage lives on', () => {
    const { dead, make, watch } = watched();
    const disposed = make(30 * MEBIBYTE);
    watch.drop(disposed.slot);
    for (let k = 0; k < 20; k++) make(10 * MEBIBYTE);
    watch.sweep();
    expect(dead).toEqual([]);
    expect(watch.count).toBe(20);
    expect(watch.bytes).toBe(200 * MEBIBYTE);
  });

  it('watches again what came back from another owner, however old it was', () => {
    const { alive, dead, make, watch } = watched();
    const storage = make(30 * MEBIBYTE);
    for (let k = 0; k < 10; k++) make(30 * MEBIBYTE);
    watch.drop(storage.slot);
    watch.sweep();
    watch.add(storage);
    watch.sweep();
    expect(dead).toEqual([]);
    alive.delete(storage);
    watch.sweep();
    expect(dead).toEqual([storage.slot]);
  });
});
