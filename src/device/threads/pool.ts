/** A kernel as a function of the address of its argument block and a range. */
export interface RangeKernel {
  (args: number, begin: number, end: number): void;
  /** Natively, where its code is. */
  readonly address?: number;
}

/** Threads that share a kernel's range. */
export interface Pool {
  /** The most threads, the caller among them, that it can have. */
  readonly most: number;
  /** How many threads there are by now, the caller among them. */
  readonly started: number;
  /** Whether another thread would answer at once. Sleeping ones take 50 µs, and the caller some to call them. */
  readonly awake: boolean;
  /** For so many milliseconds threads wait for the next job before they sleep. */
  readonly patience: number;
  /**
   * Runs a kernel over a range, in chunks of so many positions (the last may have fewer), on at most so many threads, and
   * returns when all of it is done. Threads are started when they are first needed; until they run, and where they cannot
   * be started, the caller does all by itself.
   */
  run(kernel: RangeKernel, args: number, begin: number, end: number, chunk: number, threads: number): void;
}
