/** When a kernel's range is shared among threads, and in which pieces. */
import { wantedThreads } from './number.ts';
import type { Pool, RangeKernel } from './pool.ts';

/** So many chunks for each thread, that one which was held up leaves its share to the others. */
const CHUNKS_PER_THREAD = 8;

/**
 * A job of fewer grains, about 100 µs, is too short to wake threads for: that takes 6 to 15 µs of the caller's time, and
 * they come after 50. (Measured on two cores of an EPYC server.)
 */
const SHORT = 48;

/** When the last short job ended: two of them, with less time between than threads stay awake, are the beginning of many. */
let shortEnded = -Infinity;

/** Chunks that long begin at whole cache lines, of whatever type. */
const ALIGNMENT = 64;

/**
 * Runs a kernel over a range: on one thread if it is not worth two, else on all.
 *
 * @param grain  as many positions as are worth a thread's while
 */
export const share = (
  pool: Pool | null,
  kernel: RangeKernel,
  args: number,
  begin: number,
  end: number,
  grain: number,
): void => {
  const positions = end - begin;
  if (forced !== null) inForced(forced, pool, kernel, args, begin, end);
  else if (pool === null || positions < 2 * Math.max(grain, 1)) kernel(args, begin, end);
  else {
    const threads = Math.min(wantedThreads(), pool.most);
    if (threads === 1) kernel(args, begin, end);
    else if (positions >= SHORT * grain || pool.awake || performance.now() - shortEnded < pool.patience) {
      const least = Math.ceil(positions / Math.floor(positions / grain));
      const chunk = Math.max(least, Math.round(positions / (threads * CHUNKS_PER_THREAD)));
      pool.run(kernel, args, begin, end, chunk > ALIGNMENT ? aligned(chunk) : chunk, threads);
    } else {
      kernel(args, begin, end);
      shortEnded = performance.now();
    }
  }
};

const aligned = (chunk: number): number => Math.ceil(chunk / ALIGNMENT) * ALIGNMENT;

let forced: number | null = null;

/** Whatever `work` launches is cut into chunks of `grain` positions, and without threads run from the last: for tests. */
export const withGrain = <T>(grain: number, work: () => T): T => {
  const before = forced;
  forced = grain;
  try {
    return work();
  } finally {
    forced = before;
  }
};

const inForced = (
  grain: number,
  pool: Pool | null,
  kernel: RangeKernel,
  args: number,
  begin: number,
  end: number,
): void => {
  const threads = Math.min(wantedThreads(), pool?.most ?? 1);
  if (pool !== null && threads > 1 && end > begin) {
    pool.run(kernel, args, begin, end, grain, threads);
    return;
  }
  const chunks = Math.ceil((end - begin) / grain);
  for (let chunk = chunks - 1; chunk >= 0; chunk--) {
    const from = begin + chunk * grain;
    kernel(args, from, Math.min(from + grain, end));
  }
};
