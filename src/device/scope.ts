/** Scopes: memory allocated inside is given back at their end, for those who want a bound on the peak. */
import { RuntimeError } from '../errors.ts';
import type { Storage } from './storage.ts';

// Pages older than 2025 lack it; `using` needs it before the first scope is made.
(Symbol as { dispose?: symbol }).dispose ??= Symbol.for('Symbol.dispose');

let innermost: Scope | null = null;

/**
 *     using scope = new Scope();
 *     …                          // storages made here are given back at the end of the block
 *     scope.keep(storage);       // but this one passes to the scope around
 */
export class Scope implements Disposable {
  private readonly outer = innermost;
  private readonly made = new Set<Storage>();
  private ended = false;

  constructor() {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- the innermost scope is known to all
    innermost = this;
  }

  /** Notes a storage as made here. */
  add(storage: Storage): void {
    this.made.add(storage);
  }

  /** Lets a storage live on: it passes to the scope around this one, if there is one. */
  keep(storage: Storage): void {
    if (this.made.delete(storage)) this.outer?.add(storage);
  }

  [Symbol.dispose](): void {
    if (this.ended) return;
    if (innermost !== this) throw new RuntimeError('scopes must end in the reverse order of their beginning');
    this.ended = true;
    innermost = this.outer;
    for (const storage of this.made) storage.dispose();
  }
}

/** Notes a new storage in the innermost scope. */
export const noteAllocation = (storage: Storage): void => innermost?.add(storage);
