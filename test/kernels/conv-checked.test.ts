/** Convolutions with every access to memory checked. */
import { describe, expect, it, vi } from 'vitest';
import { setTarget } from '../../src/device/target.ts';
import { withAlgorithm } from '../../src/kernels/conv/choose.ts';
import { cases, outcomes } from './conv-cases.ts';

vi.mock('../../src/device/launch.ts', async () => ({
  launch: (await import('./checked-launch.ts')).checkedLaunch,
}));

const depthwise = cases.filter(({ input, groups = 1 }) => groups === input[1]);

describe.each([
  ['implicit', cases],
  ['direct', cases],
  ['channels', cases],
  ['depthwise', depthwise],
  ['across', depthwise],
] as const)('the %s convolution', (algorithm, some) => {
  it.each(some)('touches its tensors only: $name', (test) => {
    setTarget('interpret');
    withAlgorithm(algorithm, () => {
      for (const dtype of ['float32', 'float64'] as const)
        for (const { what, actual, expected } of outcomes(test, dtype, 'integers'))
          expect(
            actual.map((x) => x + 0),
            `${what}, ${dtype}`,
          ).toEqual(expected.map((x) => x + 0));
    });
  });
});
