/** Where launches go while they are gathered into strands instead of being made at once: see `strands.ts`. */
import type { Storage } from './storage.ts';
import type { RangeKernel } from './threads/pool.ts';

/** Launches of several strands, written down for threads that take one strand after the other. */
export interface Gatherer {
  /** Begins the next strand. False when there is no room for it: the launches must be made without. */
  next(): boolean;
  /**
   * Adds a launch to the strand.
   *
   * @param words  the block of its arguments, of which it has `count` words
   * @param held   storages that must live until the launch is made
   * @returns false when there is no room for it
   */
  add(
    run: RangeKernel,
    words: Uint32Array,
    count: number,
    pieces: readonly Piece[],
    held: readonly Storage[],
    begin: number,
    end: number,
  ): boolean;
  /** A kernel that makes all launches of as many strands as its range has, to be run before anything else is gathered. */
  finish(): { readonly kernel: RangeKernel; readonly args: number; readonly count: number };
  /** Forgets all launches. */
  drop(): void;
}

/** A tensor argument of which each thread has a piece of its own. */
export interface Piece {
  /** Where in the block its address is. */
  readonly word: number;
  /** Bytes from one thread's to the next one's. */
  readonly apart: number;
}

let current: Gatherer | null = null;

/** Who gathers what is launched now, if anybody does. */
export const gathering = (): Gatherer | null => current;

export const gatherWith = (gatherer: Gatherer | null): void => {
  current = gatherer;
};
