import type { Peer } from '../task.ts';
import { prepareOrt } from './ort.ts';

/**
 * onnxruntime-web on its WebAssembly backend. A run copies its input into, and its output out of, the
 * WebAssembly memory; there is no way around it for a CPU tensor, so it is part of the time.
 */
export const ortWeb: Peer = {
  name: 'ort-web',
  async open({ threads }) {
    const ort = await import('onnxruntime-web');
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = 'error';
    return {
      version: `onnxruntime-web ${ort.env.versions.web}, wasm`,
      prepare: (task) =>
        prepareOrt(ort, task, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' }),
      close: () => undefined,
    };
  },
};
