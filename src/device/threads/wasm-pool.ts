/**
 * Threads for WebAssembly: workers, of Node or of a page that is cross-origin isolated, whose kernels are instances of
 * the same modules on the same shared memory.
 */
import { RuntimeError } from '../../errors.ts';
import { threads } from '../../target/wasm/features.ts';
import type { Heap } from '../heap.ts';
import { chunksOf, control, CONTROL_BYTES, MAX_WORKERS } from './control.ts';
import type { Pool, RangeKernel } from './pool.ts';
import { PATIENCE, poolLoop, type PoolImports, type PoolLoop } from './wasm-loop.ts';
import { workerScript, type WorkerStart } from './wasm-worker.ts';

export class WasmPool implements Pool {
  readonly most: number;
  readonly patience = PATIENCE;
  private running: Running | null = null;

  /** @param moduleOf  the module from which a kernel was made */
  constructor(
    private readonly heap: Heap,
    private readonly moduleOf: (kernel: RangeKernel) => Uint8Array,
  ) {
    this.most = heap.shared && starter !== null ? MAX_WORKERS + 1 : 1;
  }

  get started(): number {
    return 1 + (this.running?.arrived() ?? 0);
  }

  get awake(): boolean {
    return this.running?.awake() ?? false;
  }

  run(kernel: RangeKernel, args: number, begin: number, end: number, chunk: number, threads: number): void {
    this.running ??= new Running(this.heap, this.moduleOf);
    this.running.run(kernel, args, begin, end, chunk, Math.min(threads, this.most));
  }
}

/** Workers started at a time: each takes a millisecond or two of the caller's. */
const STARTS = 4;

/** Kernels that a library has room for at first. */
const FIRST_KERNELS = 256;

class Running {
  private readonly memory: WebAssembly.Memory;
  private readonly address: number;
  private readonly words: Int32Array;
  private readonly module: WebAssembly.Module;
  private readonly loop: PoolLoop;
  private readonly table = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
  private readonly numbers = new Map<RangeKernel, number>();
  private library: { readonly address: number; readonly capacity: number };
  private workers = 0;
  private active = 0;

  constructor(
    private readonly heap: Heap,
    private readonly moduleOf: (kernel: RangeKernel) => Uint8Array,
  ) {
    this.memory = heap.memory;
    this.address = heap.reserve(CONTROL_BYTES);
    this.library = { address: heap.reserve(8 * FIRST_KERNELS), capacity: FIRST_KERNELS };
    // As long as now: enough, and it stays valid when the memory grows.
    this.words = new Int32Array(this.memory.buffer, this.address, CONTROL_BYTES / 4).fill(0);
    this.words[control.library / 4] = this.library.address;
    this.module = new WebAssembly.Module(poolLoop(this.address, mayWait()));
    const imports: PoolImports = { memory: this.memory, table: this.table, load: unknownKernel };
    const instance = new WebAssembly.Instance(this.module, { env: imports });
    this.loop = instance.exports as unknown as PoolLoop;
  }

  run(kernel: RangeKernel, args: number, begin: number, end: number, wanted: number, threads: number): void {
    const { chunk, chunks } = chunksOf(end - begin, wanted);
    this.grow(threads - 1, chunks - 1);
    const number = this.numbers.get(kernel) ?? this.enter(kernel);
    let trap: unknown;
    try {
      this.loop.run(number, args, begin, end, chunk, chunks, Math.min(this.active, chunks - 1));
    } catch (error) {
      trap = error;
    }
    // What failed here or there must not be followed by another job before all of it is over.
    while (trap !== undefined && !this.finish()) continue;
    if (this.words[control.failed / 4] !== 0) {
      throw new RuntimeError('a kernel failed in one of the threads', { cause: trap });
    }
  }

  arrived(): number {
    return Atomics.load(this.words, control.arrived / 4);
  }

  awake(): boolean {
    return this.arrived() > 0 && Atomics.load(this.words, control.asleep / 4) === 0;
  }

  /** After a trap of this thread's own: works on until the job is over; false when there was another. */
  private finish(): boolean {
    this.loop.fail();
    try {
      this.loop.work(-1);
    } catch {
      return false;
    }
    this.loop.join();
    return true;
  }

  /** So many workers may take part. Of those that are missing some are started, if they are of use. */
  private grow(workers: number, useful: number): void {
    if (workers === this.active) return;
    const enough = Math.min(workers, useful, this.workers + STARTS);
    for (; this.workers < enough; this.workers++) {
      const field = (name: keyof typeof control): number => this.address + control[name];
      const { memory, module: loop } = this;
      const [library, stop, arrived] = [field('library'), field('stop'), field('arrived')];
      starter!({ memory, loop, rank: this.workers, library, stop, arrived });
    }
    this.active = Math.min(workers, this.workers);
    Atomics.store(this.words, control.active / 4, this.active);
  }

  /** Puts a kernel into the library, from where workers take it. */
  private enter(kernel: RangeKernel): number {
    const module = this.moduleOf(kernel);
    const number = this.numbers.size;
    if (number === this.library.capacity) this.extendLibrary();
    const address = this.heap.reserve(module.byteLength);
    const bytes = new Uint8Array(this.memory.buffer);
    bytes.set(module, address);
    const entry = new Uint32Array(this.memory.buffer, this.library.address + 8 * number, 2);
    entry.set([address, module.byteLength]);
    this.table.grow(1);
    this.table.set(number, kernel);
    this.numbers.set(kernel, number);
    this.loop.known.value = number + 1;
    return number;
  }

  private extendLibrary(): void {
    const { address, capacity } = this.library;
    const larger = { address: this.heap.reserve(16 * capacity), capacity: 2 * capacity };
    new Uint8Array(this.memory.buffer).copyWithin(larger.address, address, address + 8 * capacity);
    this.library = larger;
    Atomics.store(this.words, control.library / 4, larger.address);
  }
}

const unknownKernel = (): never => {
  throw new RuntimeError('a job of a kernel that its pool does not know');
};

/** Whether this thread may sleep: the main thread of a page may not. */
const mayWait = (): boolean => {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
};

/** What starts a worker; null where there are none. A worker that does not start is not missed. */
const starter: ((start: WorkerStart) => void) | null = findStarter();

function findStarter(): ((start: WorkerStart) => void) | null {
  if (!threads()) return null;
  // Not by an import of node:worker_threads, at which bundlers for pages would stop.
  const process: Partial<NodeJS.Process> | undefined = globalThis.process;
  const node =
    process?.versions?.node === undefined ? undefined : process.getBuiltinModule?.('node:worker_threads');
  if (node) {
    return (workerData) => {
      // Nothing of the program's own options: what they load is not for these workers.
      const options = { eval: true, workerData, execArgv: [], name: 'millrace' };
      ignoring(() => {
        const worker = new node.Worker(workerScript, options);
        worker.on('error', () => undefined);
        // It must not keep the process alive.
        worker.unref();
      });
    };
  }
  if (typeof Worker !== 'function' || typeof Blob !== 'function') return null;
  let url: string | undefined;
  return (start) => {
    ignoring(() => {
      url ??= URL.createObjectURL(new Blob([workerScript], { type: 'text/javascript' }));
      const worker = new Worker(url, { name: 'millrace' });
      worker.onerror = (event) => {
        event.preventDefault();
      };
      worker.postMessage(start);
    });
  };
}

/** A program that may not start workers, by its permissions or a page's policy, computes without them. */
const ignoring = (start: () => void): void => {
  try {
    start();
  } catch {
    // The caller does all by itself.
  }
};
