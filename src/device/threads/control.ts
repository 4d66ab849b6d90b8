/**
 * Where the threads of a pool meet: a block of shared memory, of one form for WebAssembly and for machine code.
 *
 * A job is a kernel's range, cut into chunks. Whoever takes a chunk counts the ticket down, by compare and exchange: it
 * holds both the job's number and how many chunks are left, so a thread that comes late cannot take a chunk of a job that
 * it did not look at. The other fields change only when every chunk of the job before is finished, so they can be read by
 * whoever holds a chunk. Finished chunks are counted, not threads: nobody waits for a thread that does not wake up.
 */
export const control = {
  /** 64 bits: in the high half the job's number, in the low half how many chunks nobody has taken yet. */
  ticket: 0,

  /** Chunks finished of the current job. */
  finished: 64,
  /** Whether the caller sleeps until the last chunk is finished. */
  awaited: 68,
  /** Whether a chunk of the current job failed. */
  failed: 72,

  // The job, in words of 64 bits.
  kernel: 128,
  args: 136,
  begin: 144,
  end: 152,
  /** Positions of a chunk. */
  chunk: 160,
  chunks: 168,

  /** How many of the workers take part, the first of them; the others sleep. */
  active: 192,
  /** Workers end when this is not zero. */
  stop: 196,
  /** How many workers have begun. */
  arrived: 200,
  /** Where workers find kernels that they do not know yet. */
  library: 204,

  /** Of each worker, a cache line apart: 1 while it sleeps. */
  asleep: 256,
} as const;

/** Bytes from line to line. Each worker has one, for what others write. */
export const LINE = 64;

export const MAX_WORKERS = 255;

export const CONTROL_BYTES = control.asleep + LINE * MAX_WORKERS;
