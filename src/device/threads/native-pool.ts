/**
 * Threads for machine code: the system's own, which run a loop of machine code and no JavaScript. So they start in a
 * tenth of a millisecond, and any memory of the process is theirs as well. Only on Linux: how threads wait is different
 * everywhere, and elsewhere it was not tested.
 */
import { RuntimeError } from '../../errors.ts';
import type { Call } from '../native/code.ts';
import type { System } from '../native/ffi.ts';
import type { Processor } from '../native/processor.ts';
import { chunksOf, control, LINE, MAX_WORKERS } from './control.ts';
import { NATIVE_CONTROL_BYTES, PATIENCE, placing, runCode, threadCode, worker } from './native-loop.ts';
import type { Pool, RangeKernel } from './pool.ts';

export class NativePool implements Pool {
  most: number;
  readonly patience = PATIENCE;
  private running: Running | null = null;

  constructor(private readonly processor: Processor) {
    this.most = processor.system.startThread === null ? 1 : MAX_WORKERS + 1;
  }

  get started(): number {
    return 1 + (this.running?.workers ?? 0);
  }

  get awake(): boolean {
    return this.running?.awake ?? false;
  }

  run(kernel: RangeKernel, args: number, begin: number, end: number, chunk: number, threads: number): void {
    this.running ??= this.begin();
    if (this.running === null) kernel(args, begin, end);
    else this.running.run(kernel.address!, args, begin, end, chunk, Math.min(threads, this.most));
  }

  /** Null, and no more is tried, where memory outside of V8's cannot be looked at, as in Electron, or there is none. */
  private begin(): Running | null {
    try {
      return new Running(this.processor);
    } catch {
      this.most = 1;
      return null;
    }
  }
}

/** A pool's memory and code. Both stay as long as the process: threads may sleep there for ever. */
class Running {
  workers = 0;
  private active = 0;
  private refused = false;
  private readonly system: System;
  private readonly call: Call;
  private readonly address: number;
  private readonly words: Int32Array;
  private readonly runAt: number;
  private readonly threadAt: number;

  constructor({ system, call, place }: Processor) {
    this.system = system;
    this.call = call;
    this.address = system.map(NATIVE_CONTROL_BYTES);
    if (this.address === 0) throw new RuntimeError('the system has no memory for threads');
    this.words = new Int32Array(system.view(this.address, NATIVE_CONTROL_BYTES));
    this.runAt = place(runCode());
    this.threadAt = place(threadCode());
    this.endWithThread();
  }

  /** Whether the first worker would answer at once. */
  get awake(): boolean {
    return this.workers > 0 && this.words[control.asleep / 4] === 0;
  }

  run(kernel: number, args: number, begin: number, end: number, wanted: number, threads: number): void {
    const { chunk, chunks } = chunksOf(end - begin, wanted);
    this.grow(threads - 1, chunks - 1);
    this.set('kernel', kernel);
    this.set('args', args);
    this.set('begin', begin);
    this.set('end', end);
    this.set('chunk', chunk);
    this.set('chunks', chunks);
    this.call(this.runAt, this.address, Math.min(this.active, chunks - 1), 0);
  }

  private set(field: 'kernel' | 'args' | 'begin' | 'end' | 'chunk' | 'chunks', value: number): void {
    // Stores keep the lowest 32 bits.
    this.words[control[field] / 4] = value;
    this.words[control[field] / 4 + 1] = value / 2 ** 32;
  }

  /** So many workers may take part; those that are missing and of use are started. */
  private grow(workers: number, useful: number): void {
    if (workers === this.active) return;
    const enough = Math.min(workers, useful);
    while (this.workers < enough && !this.refused) this.start(this.workers);
    this.active = Math.min(workers, this.workers);
    Atomics.store(this.words, control.active / 4, this.active);
    Atomics.store(this.words, placing.processor / 4, -1);
  }

  private start(rank: number): void {
    const line = control.asleep + LINE * rank;
    this.words[(line + worker.rank) / 4] = rank;
    this.words[(line + worker.control) / 4] = this.address;
    this.words[(line + worker.control) / 4 + 1] = this.address / 2 ** 32;
    // A system that has no room for another thread is asked no more: the caller does more by itself.
    if (this.system.startThread!(this.threadAt, this.address + line)) this.workers++;
    else this.refused = true;
  }

  /**
   * Where a thread of Node's that is not the main one ends in order, so do those that it started. When it is terminated
   * they are left asleep, which costs a few kilobytes; with the process all end.
   */
  private endWithThread(): void {
    const node = globalThis.process.getBuiltinModule('node:worker_threads');
    if (node.isMainThread) return;
    globalThis.process.once('exit', () => {
      Atomics.store(this.words, control.stop / 4, 1);
      // A job of no chunks wakes them.
      for (const field of ['begin', 'end', 'chunks'] as const) this.set(field, 0);
      this.call(this.runAt, this.address, this.workers, 0);
    });
  }
}
