/**
 * Gradients on their way that nobody but the walk can see. JavaScript counts no references, so the walk counts its own:
 * what a node made while it ran, and no hook was shown, belongs to it. When its last reader has run, its memory is
 * given back at once, and serves the next gradient while it is still in the caches; what comes to a leaf alone becomes
 * the leaf's `grad` without a copy, as in PyTorch.
 */
import { storagesMade, type Storage } from '../device/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';

type Seen = Tensor | null | undefined;

export class Ownership {
  /** How many gradients that wait for their node lie in each storage. */
  private readonly waiting = new Map<Storage, number>();

  /** Runs what makes gradients; those in memory that it made belong to the walk. */
  making<T extends Tensor | readonly Seen[]>(make: () => T): T {
    const before = storagesMade();
    const made = make();
    for (const grad of Array.isArray(made) ? (made as readonly Seen[]) : [made as Tensor]) {
      if (grad && grad.storage.number > before) this.waiting.set(grad.storage, 0);
    }
    return made;
  }

  /** A gradient waits for its node. */
  hold({ storage }: Tensor): void {
    const count = this.waiting.get(storage);
    if (count !== undefined) this.waiting.set(storage, count + 1);
  }

  /** It does so no more. */
  drop({ storage }: Tensor): void {
    const count = this.waiting.get(storage);
    if (count !== undefined) this.waiting.set(storage, count - 1);
  }

  /** Gives back what nobody waits for among these. */
  sweep(grads: readonly Seen[]): void {
    for (const grad of grads) {
      if (!grad || !((this.waiting.get(grad.storage) ?? 1) <= 0)) continue;
      this.waiting.delete(grad.storage);
      grad.storage.dispose();
    }
  }

  /** Whether this gradient, which waits, is the only one in its memory. */
  isSole({ storage }: Tensor): boolean {
    return this.waiting.get(storage) === 1;
  }

  /** Others may keep these from now on. */
  release(grads: readonly Seen[]): void {
    for (const grad of grads) if (grad) this.waiting.delete(grad.storage);
  }
}
