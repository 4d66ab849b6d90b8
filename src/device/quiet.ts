/** Compiling kernels without V8's optimizing compiler, which would compile our compiler meanwhile. */

/** A program that has compiled so many goes on to compile, and is better off when that is optimized. */
const FEW = 64;
let runs = 0;

type SetFlag = (flag: string) => void;

/**
 * V8 11 (Node 20) optimizes by TurboFan alone, on four threads, and takes several milliseconds for what runs for about as
 * long before the kernel is there. On two processors those threads take turns with the one that somebody waits for: first
 * calls of sixteen convolutions took 490 ms in all, and 270 without; where there was a processor for each thread, 215 and
 * 220. Newer versions have a compiler between, Maglev, and gain nothing. This can go when Node 22 is the oldest.
 */
const findSetFlag = (): SetFlag | null => {
  const process: Partial<NodeJS.Process> | undefined = globalThis.process;
  if (process?.versions?.v8?.startsWith('11.') !== true) return null;
  // Who has switched the compiler off wants it to stay off.
  if (process.execArgv?.some((word) => /^--(no[-_]?(opt|turbofan)|jitless)$/.test(word)) === true)
    return null;
  return process.getBuiltinModule?.('node:v8').setFlagsFromString ?? null;
};
let setFlag: SetFlag | null | undefined;

/** What `run` gives. V8 optimizes nothing while it runs, unless it runs often. */
export const quietly = <T>(run: () => T): T => {
  if (setFlag === undefined) setFlag = findSetFlag();
  if (setFlag === null || ++runs > FEW) return run();
  setFlag('--no-opt');
  try {
    return run();
  } finally {
    setFlag('--opt');
  }
};
