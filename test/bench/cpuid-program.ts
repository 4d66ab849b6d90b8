/** Programs of their own for isa.test.ts: what CPUID says where AVX2 is the limit, and what becomes of other faults. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { CpuidLimit } from '../../bench/peers/cpuid.ts';
import { makeCall, placeCode } from '../../src/device/native/code.ts';
import { connectSystem } from '../../src/device/native/ffi.ts';
import { at, instruction, low, r9, rax, rbx, rcx, rdx } from '../../src/device/native/registers.ts';
import { assemble } from '../../src/target/x64/encode.ts';

const system = connectSystem();
const page = system.map(4096);
const buffer = system.view(page, 4096);
const call = makeCall(system, { buffer, begin: 0, address: page });
const [rdi, rsi] = [7, 6].map((number) => ({ ...rax, number })) as [typeof rax, typeof rax];

/** `cpuid(results, leaf, subleaf)` */
const cpuid = placeCode(
  system,
  assemble([
    instruction('push', rbx),
    instruction('mov', r9, rdi),
    instruction('mov', low(rax), low(rsi)),
    instruction('mov', low(rcx), low(rdx)),
    instruction('cpuid'),
    ...[rax, rbx, rcx, rdx].map((register, k) => instruction('mov', at(r9, 4 * k, 32), low(register))),
    instruction('pop', rbx),
    instruction('ret'),
  ]).bytes,
);
const ask = (leaf: number, subleaf: number): number[] => {
  call(cpuid, page + 64, leaf, subleaf);
  return [...new Uint32Array(buffer, 64, 4)];
};

/** Leaves that say the same on every core: the features, the caches, and who made it. */
const all = (): Record<string, number[]> => ({
  '7.0': ask(7, 0),
  '7.1': ask(7, 1),
  '7.2': ask(7, 2),
  '0.0': ask(0, 0),
  '80000001.0': ask(0x80000001, 0),
  '80000002.0': ask(0x80000002, 0),
});

/** A new thread, which answers when it is told to. */
const start = async (): Promise<() => Promise<unknown>> => {
  // A worker has to be told anew how TypeScript is read.
  const script = `import('tsx/esm/api').then(({ register }) => (register(), import(${JSON.stringify(import.meta.url)})));`;
  const worker = new Worker(script, { eval: true });
  await once(worker, 'message');
  return async () => {
    worker.postMessage('ask');
    const [answer] = (await once(worker, 'message')) as [unknown];
    await worker.terminate();
    return answer;
  };
};

/** `(i32) => i32` that loads from memory of one page, in WebAssembly. */
const load = (): ((address: number) => number) => {
  const bytes = [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    [0x01, 0x06, 1, 0x60, 1, 0x7f, 1, 0x7f],
    [0x03, 0x02, 1, 0],
    [0x05, 0x03, 1, 0, 1],
    [0x07, 0x08, 1, 4, ...Buffer.from('load'), 0, 0],
    [0x0a, 0x09, 1, 7, 0, 0x20, 0, 0x28, 2, 0, 0x0b],
  ].flat();
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(bytes)));
  return exports['load'] as (address: number) => number;
};

const parts: Readonly<Record<string, () => void | Promise<void>>> = {
  async ask() {
    const before = all();
    const older = await start();
    const limit = new CpuidLimit();
    const during = all();
    const younger = await start();
    const { answered } = limit;
    limit.end();
    const after = all();
    const stays = limit.answered === answered;
    const threads = { older: await older(), younger: await younger() };
    console.log(JSON.stringify({ before, during, after, answered, stays, ...threads }));
  },
  webAssembly() {
    const limit = new CpuidLimit();
    const read = load();
    let message = '';
    try {
      read(70_000);
    } catch (error) {
      message = (error as Error).message;
    }
    const before = limit.answered;
    ask(7, 0);
    console.log(`${message}; then answered ${limit.answered - before}`);
  },
  data() {
    new CpuidLimit();
    const code = assemble([instruction('mov', rax, at(rdi, 0, 64)), instruction('ret')]).bytes;
    call(placeCode(system, code), 16, 0, 0);
    console.log('read from nowhere');
  },
  code() {
    new CpuidLimit();
    call(16, 0, 0, 0);
    console.log('ran nothing');
  },
};

if (isMainThread) await parts[process.argv[2]!]!();
else {
  parentPort!.once('message', () => {
    parentPort!.postMessage(all());
  });
  parentPort!.postMessage('started');
}
