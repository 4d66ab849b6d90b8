/** Scopes: memory allocated inside is given back at their end, for those who want a bound on the peak. */
import { RuntimeError } from '../errors.ts';
import type { Slot, SlotScope, Storage } from './storage.ts';

// Pages older than 2025 lack it; `using` needs it before the first scope is made.
(Symbol as { dispose?: symbol }).dispose ??= Symbol.for('Symbol.dispose');

let innermost: Scope | null = null;

/** Of bytes that are V8's to collect, a scope keeps so many from it, in order to give them back for reuse. */
const HELD_BYTES = 128 * 2 ** 20;

/**
 *     using scope = new Scope();
 *     …                          // storages made here are given back at the end of the block
 *     scope.keep(storage);       // but this one passes to the scope around
 */
export class Scope implements Disposable, SlotScope {
  private readonly outer = innermost;
  /**
   * Those that are watched, and as many as it may hold of those whose bytes V8 collects. All others learn from `ended`
   * that they were given back: they hold their bytes, so who holds the slot would keep them from being collected.
   */
  readonly slots = new Set<Slot>();
  private outsideBytes = 0;
  ended = false;

  constructor() {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the innermost scope is known to all
    innermost = this;
  }

  /** Notes a storage as made here. */
  add({ slot }: Storage): void {
    slot.scope = this;
    this.hold(slot);
  }

  /** Lets a storage live on: it passes to the scope around this one, if there is one. */
  keep(storage: Storage): void {
    const { slot } = storage;
    if (slot.scope !== this) return;
    this.drop(slot);
    slot.scope = null;
    this.outer?.add(storage);
  }

  hold(slot: Slot): void {
    if (slot.owner.collects === true) return;
    if (isV8s(slot)) {
      if (slot.native === 0 || this.outsideBytes + slot.size > HELD_BYTES) return;
      this.outsideBytes += slot.size;
    }
    this.slots.add(slot);
  }

  drop(slot: Slot): void {
    if (this.slots.delete(slot) && isV8s(slot)) this.outsideBytes -= slot.size;
  }

  [Symbol.dispose](): void {
    if (this.ended) return;
    if (innermost !== this) throw new RuntimeError('scopes must end in the reverse order of their beginning');
    this.ended = true;
    innermost = this.outer;
    for (const slot of this.slots) slot.owner.release(slot);
  }
}

/** Whether a slot holds its bytes, which V8 collects. */
const isV8s = ({ address, watch }: Slot): boolean => address === 0 && watch === null;

/** Notes a new storage in the innermost scope. */
export const noteAllocation = (storage: Storage): void => innermost?.add(storage);
