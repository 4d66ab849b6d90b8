import type { Peer } from '../task.ts';
import { prepareOrt } from './ort.ts';

/** onnxruntime-node on the CPU; an optional dependency of this package. */
export const ortNode: Peer = {
  name: 'ort-node',
  async open({ threads }) {
    const ort = await import('onnxruntime-node');
    const options = {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    } as const;
    return {
      version: `onnxruntime-node ${ort.env.versions.node}`,
      prepare: (task) => prepareOrt(ort, task, options),
      close: () => undefined,
    };
  },
};
