/** Where launches go while they are gathered into strands instead of being made at once: see `strands.ts`. */
import type { Storage } from './storage.ts';
import type { RangeKernel } from './threads/pool.ts';

/** A launch as it is written down. */
export interface GatheredLaunch {
  readonly run: RangeKernel;
  /** The block of its arguments, of which it has `count` words. */
  readonly words: Uint32Array;
  readonly count: number;
  readonly pieces: readonly Piece[];
  /** Storages that must live until it is made. */
  readonly held: readonly Storage[];
  readonly begin: number;
  readonly end: number;
}

/** Launches of several strands, written down for threads that take one strand after the other. */
export interface Gatherer {
  /** Begins the next strand. False when there is no room for it: the launches must be made without. */
  next(): boolean;
  /** Adds a launch to the strand. False when there is no room for it. */
  add(launch: GatheredLaunch): boolean;
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
