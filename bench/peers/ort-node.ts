import type { Peer } from '../task.ts';
import { conv2dTasks, warmUpShape } from '../tasks/conv2d.ts';
import { CpuidLimit } from './cpuid.ts';
import { prepareOrt } from './ort.ts';

/**
 * onnxruntime-node on the CPU; an optional dependency of this package. It has no switch for its instructions: they are
 * those that CPUID tells of when it is loaded and makes its first session.
 */
export const ortNode: Peer = {
  name: 'ort-node',
  async open({ threads, target }) {
    const limit = target === undefined ? undefined : new CpuidLimit();
    const ort = await import('onnxruntime-node');
    const options = {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'all',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
    } as const;
    if (limit) {
      const [task] = conv2dTasks([warmUpShape], 'forward');
      const first = await prepareOrt(ort, task!, options);
      await first.output();
      await first.dispose();
      limit.end();
      if (limit.answered === 0) throw new Error('does not ask CPUID, so it cannot be limited');
    }
    return {
      version: `onnxruntime-node ${ort.env.versions.node}`,
      ...(target === undefined ? {} : { target }),
      prepare: (task) => prepareOrt(ort, task, options),
      close: () => undefined,
    };
  },
};
