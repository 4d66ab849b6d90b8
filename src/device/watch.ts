/**
 * Notices which storages are dead, so that their memory is used again while it is still in the processor's caches.
 * Storages are sorted by age, as V8 sorts its objects: a look at the young is cheap and finds nearly all of the dead; of
 * those that outlived two looks, only a collection of everything tells.
 *
 * What looks cost and what they gain: docs/architecture.md, "Memory".
 */
import type { Collector } from './reclaim.ts';
import type { Slot, SlotWatch, Storage } from './storage.ts';

const MEBIBYTE = 2 ** 20;
/** There is no look at the young before so many bytes were taken since the last. */
const LEAST = 4 * MEBIBYTE;
/** Each storage counts for so many bytes more: many small ones take their time too. */
const PER_STORAGE = 1024;
/** Looks take at most so large a share of the time, unless they are due. */
const SHARE = 0.03;
/**
 * A look is due after so many bytes for each millisecond that it takes, within bounds. Memory that was used
 * longer ago has left the caches, and the tables of pages too.
 */
const DUE_PER_MS = 16 * MEBIBYTE;
const LEAST_DUE = 16 * MEBIBYTE;
const MOST_DUE = 256 * MEBIBYTE;
/** There is no collection of everything before the old have grown by so many bytes. */
const OLD_GROWTH = 64 * MEBIBYTE;
/** So many looks make a storage old. V8 moves what outlived two collections to where the cheap ones do not come. */
const OLD_AGE = 2;

/** Storages of about one age. It holds slots, never storages. */
class Generation {
  readonly members = new WeakSet<Storage>();
  readonly slots = new Set<Slot>();
  bytes = 0;

  add(storage: Storage): void {
    this.members.add(storage);
    this.slots.add(storage.slot);
    this.bytes += storage.slot.size;
  }

  drop(slot: Slot): void {
    if (this.slots.delete(slot)) this.bytes -= slot.size;
  }
}

export class Watch implements SlotWatch {
  private readonly young = new Generation();
  private readonly old = new Generation();
  /** Which look this is. */
  private look = 0;
  private collected = 0;
  /** Bytes taken since the last look. */
  private taken = 0;
  /** Bytes after which a look is due however much time it takes. */
  private due = LEAST_DUE;
  /** The bytes of the old at which everything is collected. */
  private oldDue = OLD_GROWTH;
  /** What looks at the young took of late, in milliseconds: a mean that follows slowly, as the first ones run cold. */
  private cost = 0.2;
  /** When the last look ended, and how long no other one should begin, in milliseconds. */
  private ended = 0;
  private pause = 0;

  /** @param release  takes the memory back of a slot whose storage is dead */
  constructor(
    private readonly collector: Collector,
    private readonly release: (slot: Slot) => void,
  ) {}

  /** Storages that are not known to be dead. */
  get count(): number {
    return this.young.slots.size + this.old.slots.size;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.young.bytes + this.old.bytes;
  }

  /** How often all garbage was collected. */
  get collections(): number {
    return this.collected;
  }

  add(storage: Storage): void {
    storage.slot.watch = this;
    storage.slot.age = 0;
    this.young.add(storage);
  }

  drop(slot: Slot): void {
    slot.watch = null;
    (slot.age < OLD_AGE ? this.young : this.old).drop(slot);
  }

  /** To be called before memory is taken: looks for the dead when it is time. */
  taking(bytes: number): void {
    this.taken += bytes + PER_STORAGE;
    if (this.taken < LEAST) return;
    const start = performance.now();
    if (this.taken < this.due && start - this.ended < this.pause) return;
    this.sweepYoung(start);
    if (this.old.bytes > this.oldDue) this.sweepOld();
  }

  /** Finds all of the dead, at the price of a collection of everything. */
  sweep(): void {
    this.collector.all();
    this.collected++;
    this.lookThrough(this.young);
    this.lookThrough(this.old);
    this.oldDue = this.old.bytes + Math.max(OLD_GROWTH, this.old.bytes / 2);
    this.taken = 0;
  }

  private sweepYoung(start: number): void {
    this.collector.young();
    const alive = this.lookThrough(this.young);
    let survived = 0;
    for (const storage of alive) {
      const { slot } = storage;
      survived += slot.size;
      if (++slot.age < OLD_AGE) continue;
      this.young.drop(slot);
      this.young.members.delete(storage);
      this.old.add(storage);
    }
    const end = performance.now();
    this.cost += (Math.min(end - start, 4 * this.cost) - this.cost) / 4;
    // While a program makes much that lives on, looks find little.
    this.due = Math.min(Math.max(this.cost * DUE_PER_MS, LEAST_DUE) + survived, MOST_DUE);
    this.pause = this.cost / SHARE;
    this.ended = end;
    this.taken = 0;
  }

  /** First without a collection of ours: V8 may have made one. */
  private sweepOld(): void {
    this.lookThrough(this.old);
    if (this.old.bytes > this.oldDue) this.sweep();
  }

  /** Releases the dead of a generation; the living. */
  private lookThrough(generation: Generation): Storage[] {
    const look = ++this.look;
    const alive: Storage[] = [];
    this.collector.members(generation.members, (storage) => {
      const { slot } = storage;
      // Who was disposed, or has moved to another owner, is still a member.
      if (slot.watch !== this || !generation.slots.has(slot)) return;
      slot.seen = look;
      alive.push(storage);
    });
    for (const slot of generation.slots) if (slot.seen !== look) this.release(slot);
    return alive;
  }
}
