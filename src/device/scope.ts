/** Scopes: memory allocated inside is given back at their end, for those who want a bound on the peak. */
import { RuntimeError } from '../errors.ts';
import type { Slot, SlotScope, Storage } from './storage.ts';

// Pages older than 2025 lack it; `using` needs it before the first scope is made.
(Symbol as { dispose?: symbol }).dispose ??= Symbol.for('Symbol.dispose');

let innermost: Scope | null = null;

/**
 *     using scope = new Scope();
 *     …                          // storages made here are given back at the end of the block
 *     scope.keep(storage);       // but this one passes to the scope around
 */
export class Scope implements Disposable, SlotScope {
  private readonly outer = innermost;
  readonly slots = new Set<Slot>();
  ended = false;

  constructor() {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the innermost scope is known to all
    innermost = this;
  }

  /** Notes a storage as made here. */
  add({ slot }: Storage): void {
    slot.scope = this;
    if (slot.address !== 0) this.slots.add(slot);
  }

  /** Lets a storage live on: it passes to the scope around this one, if there is one. */
  keep(storage: Storage): void {
    const { slot } = storage;
    if (slot.scope !== this) return;
    this.slots.delete(slot);
    slot.scope = null;
    this.outer?.add(storage);
  }

  [Symbol.dispose](): void {
    if (this.ended) return;
    if (innermost !== this) throw new RuntimeError('scopes must end in the reverse order of their beginning');
    this.ended = true;
    innermost = this.outer;
    for (const slot of this.slots) slot.owner.release(slot);
  }
}

/** Notes a new storage in the innermost scope. */
export const noteAllocation = (storage: Storage): void => innermost?.add(storage);
