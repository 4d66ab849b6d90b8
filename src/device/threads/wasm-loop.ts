/**
 * The loops of a WebAssembly pool: how chunks are taken, and how threads wait. In WebAssembly and not in JavaScript,
 * whose 64-bit atomics would make garbage and whose calls between chunks would cost more than the chunks.
 */
import { encode } from '../../target/wasm/encode.ts';
import type { Instruction } from '../../target/wasm/instructions.ts';
import type { WasmFunction } from '../../target/wasm/module.ts';
import { control, LAST_TAKEN, LINE, MOST_CHUNKS, NUMBER_SHIFT } from './control.ts';

/** What the module exports. Ranks are of workers; the caller's is −1. */
export interface PoolLoop {
  /** How many kernels the table holds; of others `load` is asked first. */
  readonly known: WebAssembly.Global;
  /** Writes a job down, wakes so many workers, works, and waits until all is done. */
  run(
    kernel: number,
    args: number,
    begin: number,
    end: number,
    chunk: number,
    chunks: number,
    workers: number,
  ): void;
  /** Takes chunks until there are none: the caller the first of those that are left, workers the last. */
  work(rank: number): void;
  /** Says that the chunk which a trap ended is over. */
  fail(): void;
  /** Waits until all chunks are finished. */
  join(): void;
  /** Returns when there may be work for a worker, or when it should end. */
  idle(rank: number): void;
}

/** What it imports: memory, the kernels, and what brings a kernel into the table. */
export interface PoolImports extends WebAssembly.ModuleImports {
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
  readonly load: (kernel: number) => void;
}

/**
 * Turns of waiting before sleep: about 100 µs. Shorter, and it would sleep between the operations of one network, which
 * costs 50 µs and more at every waking; longer, and it would keep a core from others.
 */
const SPINS = 12000;
/** The same in milliseconds, about. */
export const PATIENCE = 0.1;

/** @param mayWait  whether the caller may sleep, which the main thread of a page may not */
export const poolLoop = (address: number, mayWait: boolean): Uint8Array<ArrayBuffer> => {
  const field = (name: keyof typeof control): { offset: number } => ({ offset: address + control[name] });
  const base: Instruction = ['i32.const', 0];
  const local = (index: number): Instruction => ['local.get', index];
  const load = (name: keyof typeof control): Instruction[] => [base, ['i32.load', field(name)]];
  const look = (name: keyof typeof control): Instruction[] => [base, ['i32.atomic.load', field(name)]];
  const store = (name: keyof typeof control, ...value: Instruction[]): Instruction[] => [
    base,
    ...value,
    ['i32.atomic.store', field(name)],
  ];
  /** Where a rank's line is, for accesses at `asleep`. */
  const line = (rank: number): Instruction[] => [local(rank), ['i32.const', LINE], ['i32.mul']];
  const left: Instruction[] = [base, ['i64.atomic.load', field('ticket')], ['i32.wrap_i64']];
  /** Whether a worker should look for chunks, or end. */
  const called = (rank: number): Instruction[] => [
    ...left,
    ['i32.const', 0],
    ['i32.ne'],
    local(rank),
    ...look('active'),
    ['i32.lt_s'],
    ['i32.and'],
    ...look('stop'),
    ['i32.or'],
  ];
  const spinning = (counter: number, ...leaveIf: Instruction[]): Instruction[] => [
    ['i32.const', SPINS],
    ['local.set', counter],
    ['loop', { label: 'spin' }],
    ...leaveIf,
    ['br_if', 'ready'],
    // Takes as long as some twenty instructions, and leaves the core to its other thread.
    ['atomic.fence'],
    local(counter),
    ['i32.const', 1],
    ['i32.sub'],
    ['local.tee', counter],
    ['br_if', 'spin'],
    ['end'],
  ];
  const allFinished: Instruction[] = [...look('finished'), ...load('chunks'), ['i32.eq']];

  const [LOAD, FINISH, WORK, JOIN] = [0, 1, 2, 3];

  const finish: WasmFunction = {
    name: 'finish',
    params: [{ name: 'chunks', type: 'i32' }],
    body: [
      base,
      ['i32.const', 1],
      ['i32.atomic.rmw.add', field('finished')],
      ['i32.const', 1],
      ['i32.add'],
      local(0),
      ['i32.eq'],
      ['if'],
      ...look('awaited'),
      ['if'],
      base,
      ['i32.const', 1],
      ['memory.atomic.notify', field('finished')],
      ['drop'],
      ['end'],
      ['end'],
    ],
  };

  const [RANK, TICKET, CHUNKS, KERNEL, FROM] = [0, 1, 2, 3, 4];
  const isCaller: Instruction[] = [local(RANK), ['i32.const', 0], ['i32.lt_s']];
  const work: WasmFunction = {
    name: 'work',
    export: 'work',
    params: [{ name: 'rank', type: 'i32' }],
    locals: [
      { name: 'ticket', type: 'i64' },
      { name: 'chunks', type: 'i32' },
      { name: 'kernel', type: 'i32' },
      { name: 'from', type: 'i32' },
    ],
    body: [
      ['block', { label: 'none' }],
      ['loop', { label: 'next' }],
      base,
      ['i64.atomic.load', field('ticket')],
      ['local.tee', TICKET],
      ['i32.wrap_i64'],
      ['i32.eqz'],
      ['br_if', 'none'],
      local(RANK),
      ...look('active'),
      ['i32.ge_s'],
      ['br_if', 'none'],
      base,
      local(TICKET),
      local(TICKET),
      ['i64.const', -1n],
      ['i64.const', LAST_TAKEN - 1n],
      ...isCaller,
      ['select'],
      ['i64.add'],
      ['i64.atomic.rmw.cmpxchg', field('ticket')],
      local(TICKET),
      ['i64.ne'],
      ['br_if', 'next'],

      ...load('chunks'),
      ['local.set', CHUNKS],
      ...load('kernel'),
      ['local.tee', KERNEL],
      ['global.get', 0],
      ['i32.ge_u'],
      ['if'],
      local(KERNEL),
      ['call', LOAD],
      ['end'],
      ...load('begin'),
      local(CHUNKS),
      local(TICKET),
      ['i32.wrap_i64'],
      ['i32.const', 1],
      ...isCaller,
      ['select'],
      ['i32.sub'],
      local(TICKET),
      ['i64.const', 32],
      ['i64.shr_u'],
      ['i32.wrap_i64'],
      ['i32.const', MOST_CHUNKS],
      ['i32.and'],
      ['i32.sub'],
      ...load('chunk'),
      ['i32.mul'],
      ['i32.add'],
      ['local.set', FROM],
      ...load('args'),
      local(FROM),
      local(FROM),
      // The least of two unsigned numbers.
      ...load('chunk'),
      ...load('end'),
      local(FROM),
      ['i32.sub'],
      ...load('chunk'),
      ...load('end'),
      local(FROM),
      ['i32.sub'],
      ['i32.lt_u'],
      ['select'],
      ['i32.add'],
      local(KERNEL),
      ['call_indirect', { params: ['i32', 'i32', 'i32'], results: [] }],
      local(CHUNKS),
      ['call', FINISH],
      ['br', 'next'],
      ['end'],
      ['end'],
    ],
  };

  const join: WasmFunction = {
    name: 'join',
    export: 'join',
    locals: [
      { name: 'counter', type: 'i32' },
      { name: 'seen', type: 'i32' },
    ],
    body: [
      ['block', { label: 'ready' }],
      ['loop', { label: 'again' }],
      ...spinning(0, ...allFinished),
      ...(mayWait
        ? ([
            ...store('awaited', ['i32.const', 1]),
            ['loop', { label: 'sleep' }],
            ...look('finished'),
            ['local.tee', 1],
            ...load('chunks'),
            ['i32.eq'],
            ['br_if', 'ready'],
            base,
            local(1),
            ['i64.const', -1],
            ['memory.atomic.wait32', field('finished')],
            ['drop'],
            ['br', 'sleep'],
            ['end'],
          ] satisfies Instruction[])
        : []),
      ['br', 'again'],
      ['end'],
      ['end'],
    ],
  };

  const job = ['kernel', 'args', 'begin', 'end', 'chunk', 'chunks'] as const;
  const [CHUNKS_GIVEN, WORKERS, SLEEPER] = [5, 6, 7];
  const run: WasmFunction = {
    name: 'run',
    export: 'run',
    params: [...job, 'workers'].map((name) => ({ name, type: 'i32' }) as const),
    locals: [{ name: 'sleeper', type: 'i32' }],
    body: [
      ...job.flatMap((name, k): Instruction[] => [base, local(k), ['i32.store', field(name)]]),
      ...(['finished', 'awaited', 'failed'] as const).flatMap((name) => store(name, ['i32.const', 0])),
      base,
      base,
      ['i64.atomic.load', field('ticket')],
      // The next number, and all chunks.
      ['i64.const', NUMBER_SHIFT],
      ['i64.shr_u'],
      ['i64.const', 1],
      ['i64.add'],
      ['i64.const', NUMBER_SHIFT],
      ['i64.shl'],
      local(CHUNKS_GIVEN),
      ['i64.extend_i32_u'],
      ['i64.or'],
      ['i64.atomic.store', field('ticket')],
      ['block', { label: 'woken' }],
      ['loop', { label: 'wake' }],
      local(SLEEPER),
      local(WORKERS),
      ['i32.ge_u'],
      ['br_if', 'woken'],
      ...line(SLEEPER),
      ['i32.const', 1],
      ['i32.const', 0],
      ['i32.atomic.rmw.cmpxchg', field('asleep')],
      ['if'],
      ...line(SLEEPER),
      ['i32.const', 1],
      ['memory.atomic.notify', field('asleep')],
      ['drop'],
      ['end'],
      local(SLEEPER),
      ['i32.const', 1],
      ['i32.add'],
      ['local.set', SLEEPER],
      ['br', 'wake'],
      ['end'],
      ['end'],
      ['i32.const', -1],
      ['call', WORK],
      ['call', JOIN],
    ],
  };

  const fail: WasmFunction = {
    name: 'fail',
    export: 'fail',
    body: [...store('failed', ['i32.const', 1]), ...load('chunks'), ['call', FINISH]],
  };

  const idle: WasmFunction = {
    name: 'idle',
    export: 'idle',
    params: [{ name: 'rank', type: 'i32' }],
    locals: [{ name: 'counter', type: 'i32' }],
    body: [
      ['block', { label: 'ready' }],
      ...spinning(1, ...called(0)),
      ...line(0),
      ['i32.const', 1],
      ['i32.atomic.store', field('asleep')],
      // A job that was written down before this thread was seen to sleep.
      ...called(0),
      ['if'],
      ...line(0),
      ['i32.const', 0],
      ['i32.atomic.store', field('asleep')],
      ['br', 'ready'],
      ['end'],
      ['loop', { label: 'sleep' }],
      ...line(0),
      ['i32.const', 1],
      ['i64.const', -1],
      ['memory.atomic.wait32', field('asleep')],
      ['drop'],
      ...line(0),
      ['i32.atomic.load', field('asleep')],
      ['br_if', 'sleep'],
      ['end'],
      ['end'],
    ],
  };

  return encode({
    memory: { import: { module: 'env', name: 'memory' }, min: 0, max: 65536, shared: true },
    table: { import: { module: 'env', name: 'table' }, min: 0 },
    globals: [{ type: 'i32', value: 0, mutable: true, export: 'known' }],
    imports: [{ import: { module: 'env', name: 'load' }, name: 'load', params: ['i32'], results: [] }],
    functions: [finish, work, join, run, fail, idle],
  });
};
