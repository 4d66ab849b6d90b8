/**
 * Strands (Cilk's word): sequences of launches that do not depend on each other. Each is made by one thread, from its first
 * launch to its last, so what one launch leaves in a thread's caches the next one finds there, and threads wait for each
 * other once, not after every launch. A launch by itself is shared among threads instead, which then read from each
 * other's caches what the launch before has written.
 */
import { debugging } from './debug.ts';
import { gatherWith, gathering, type GatheredLaunch } from './gathering.ts';
import { workspace } from './memory.ts';
import type { StrandPlace } from './recording.ts';
import type { Region } from './storage.ts';
import { currentTarget } from './target.ts';
import { getNumThreads } from './threads/number.ts';
import { share } from './threads/share.ts';

/** On how many threads strands would run now. One: there is no need to part work into any. */
export const strandThreads = (): number =>
  currentTarget().strands === null || inStrand() || debugging('time') ? 1 : getNumThreads();

/** Threads may wait for the last of them so much of the time. */
const IDLE = 0.12;

/** Whether strands of such sizes, taken in order, keep so many threads busy; one thread needs none. */
export const areEven = (sizes: readonly number[], threads: number): boolean => {
  if (threads === 1) return false;
  const loads = new Array<number>(threads).fill(0);
  for (const size of sizes) loads[loads.indexOf(Math.min(...loads))]! += size;
  const all = sizes.reduce((sum, size) => sum + size, 0);
  return Math.max(...loads) * threads <= all * (1 + IDLE);
};

/**
 * Makes what `work` launches for each of `count` strands. Whatever strands share must be there before: a launch in one
 * must not read what a launch in another writes. On one thread, and within a strand, all is made in order.
 *
 * @param grain  as many strands as are worth a thread's while (see `threads/grain.ts`)
 */
export const strands = (count: number, grain: number, work: (strand: number) => void): void => {
  if (count < 2 || strandThreads() === 1) {
    for (let k = 0; k < count; k++) work(k);
    return;
  }
  const group = { grain };
  try {
    beginStrands();
    for (let k = 0; k < count; k++) {
      nextStrand({ group });
      work(k);
    }
    endStrands();
  } finally {
    dropStrands();
  }
};

let strand: StrandPlace | null = null;
const inStrand = (): boolean => strand !== null;

/** The strand whose launches are being made. */
export const strandNow = (): StrandPlace | null => strand;

export const beginStrands = (): void => {
  gatherWith(currentTarget().strands);
};

export const nextStrand = (place: StrandPlace): void => {
  strand = place;
  if (gathering()?.next() === false) makeGathered();
};

/** Makes what was gathered. */
export const endStrands = (): void => {
  if (gathering() !== null) makeGathered();
  strand = null;
};

/** Ends strands whether all went well or not. */
export const dropStrands = (): void => {
  gathering()?.drop();
  gatherWith(null);
  strand = null;
};

/** Makes what was gathered: of a last strand that is not whole yet on the calling thread. */
const makeGathered = (partial: 0 | 1 = 0): void => {
  const gatherer = gathering()!;
  gatherWith(null);
  const { kernel, args, count } = gatherer.finish();
  try {
    share(currentTarget().pool, kernel, args, 0, count - partial, strand!.group.grain);
    if (partial === 1) kernel(args, count - 1, count);
  } finally {
    gatherer.drop();
  }
};

/** Adds a launch to the strand. False when it must be made at once. */
export const gathered = (launch: GatheredLaunch): boolean => {
  const gatherer = gathering();
  if (gatherer === null) return false;
  if (gatherer.add(launch)) return true;
  // No room: the rest is made launch by launch, and with the caller's pieces, so this strand's beginning is as well.
  makeGathered(1);
  return false;
};

/** Pieces begin at cache lines, of which some processors fetch two at a time. */
const ALIGNMENT = 128;

/** A workspace of which, within a strand, each thread has a piece of its own, of so many bytes at least. */
export const ownWorkspace = (name: string, bytes: number): Region => {
  if (!inStrand()) return { storage: workspace(name, bytes), byteOffset: 0 };
  const threads = getNumThreads();
  const { byteLength } = workspace(name, threads * Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
  // By the storage, not by what is asked: in smaller pieces one thread's would lie in a larger one of another's.
  const apart = Math.floor(byteLength / threads / ALIGNMENT) * ALIGNMENT;
  return { storage: workspace(name, threads * apart), byteOffset: 0, apart };
};
