/** How many threads a program wants its kernels to run on, and how many they have. */
import { RuntimeError, ValueError } from '../../errors.ts';
import { currentTarget } from '../target.ts';

let wanted: number | null = null;

const isCount = (n: unknown): n is number => Number.isInteger(n) && (n as number) >= 1;

/** What was asked for: by `setNumThreads`, else by MILLRACE_NUM_THREADS, else as many as the machine has cores. */
export const wantedThreads = (): number => (wanted ??= fromEnvironment() ?? cores());

const fromEnvironment = (): number | null => {
  const text = globalThis.process?.env?.['MILLRACE_NUM_THREADS'];
  // A variable set to nothing is as good as none.
  if (text === undefined || text === '') return null;
  const n = Number(text);
  if (!isCount(n)) throw new ValueError(`MILLRACE_NUM_THREADS must be a positive integer, got '${text}'`);
  return n;
};

const cores = (): number => {
  const process: Partial<NodeJS.Process> | undefined = globalThis.process;
  // Not by an import of node:os, at which bundlers for pages would stop. It knows of limits, which navigator does not.
  const os = process?.versions?.node === undefined ? undefined : process.getBuiltinModule?.('node:os');
  const navigator: Partial<Navigator> | undefined = globalThis.navigator;
  return os?.availableParallelism() ?? navigator?.hardwareConcurrency ?? 1;
};

/**
 * Sets how many threads kernels run on, the calling one among them. Results do not depend on it, and small operations
 * stay on one thread. The threads are started when they are first needed, sleep when there is nothing to do, and do not
 * keep the process alive. Each thread of a program that imports the library has its own number and its own threads.
 *
 * Default: the environment variable MILLRACE_NUM_THREADS, else as many as the machine has cores.
 *
 * @param n  a positive integer. More than there can be is accepted; `getNumThreads` tells what it comes to.
 * @throws TypeError when `n` is not a number; RuntimeError when it is not a positive integer
 * @see torch.set_num_threads
 */
export const setNumThreads = (n: number): void => {
  if (typeof n !== 'number') throw new TypeError(`setNumThreads expects an int, but got ${typeof n}`);
  if (!isCount(n)) throw new RuntimeError(`setNumThreads expects a positive integer, got ${String(n)}`);
  wanted = n;
};

/**
 * How many threads kernels run on: what was asked for, or the most that there can be where that is less. It is 1 where
 * threads cannot share memory: in a page that is not cross-origin isolated.
 *
 * @see torch.get_num_threads
 */
export const getNumThreads = (): number => Math.min(wantedThreads(), currentTarget().pool?.most ?? 1);
