/**
 * What a worker of a WebAssembly pool does, as the text of a script: bundlers then have no file to find, and Node and
 * pages start it alike. It hears nothing of what is posted to it after the start, because it waits in the pool's loop; so
 * it takes the kernels' modules from the shared memory.
 */

/** What a worker is given. */
export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  readonly loop: WebAssembly.Module;
  readonly rank: number;
  /** Where in the memory the fields of `control` are. */
  readonly library: number;
  readonly stop: number;
  readonly arrived: number;
}

/** The script. Kernels in the library are pairs of words: where the module is, and its bytes. */
export const workerScript = `
'use strict';
const start = ({ memory, loop, rank, library, stop, arrived }) => {
  const table = new WebAssembly.Table({ element: 'anyfunc', initial: 0 });
  let known = 0;
  const load = (kernel) => {
    memory.grow(0); // The buffer, as large as the memory is by now.
    const entries = new Uint32Array(memory.buffer, Atomics.load(new Int32Array(memory.buffer), library / 4) >>> 0);
    table.grow(kernel + 1 - known);
    for (; known <= kernel; known++) {
      const bytes = new Uint8Array(memory.buffer, entries[2 * known], entries[2 * known + 1]).slice();
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
      table.set(known, exports.run);
    }
    pool.known.value = known;
  };
  const pool = new WebAssembly.Instance(loop, { env: { memory, table, load } }).exports;
  Atomics.add(new Int32Array(memory.buffer), arrived / 4, 1);
  const words = new Int32Array(memory.buffer);
  while (Atomics.load(words, stop / 4) === 0) {
    try {
      pool.work(rank);
      pool.idle(rank);
    } catch {
      pool.fail();
    }
  }
};
if (typeof require === 'function') start(require('node:worker_threads').workerData);
else onmessage = ({ data }) => { start(data); close(); };
`;
