/** Convolution and its gradients, by every algorithm and on every target, against their definition. */
import { afterAll, describe, expect, it } from 'vitest';
import { currentTarget, setTarget, availableTargets } from '../../src/device/target.ts';
import { getNumThreads, setNumThreads } from '../../src/device/threads/number.ts';
import { withGrain } from '../../src/device/threads/share.ts';
import type { DType } from '../../src/dtype.ts';
import { setFloat32ConvPrecision } from '../../src/kernels/conv/precision.ts';
import { withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { cases, largeCases, outcomes } from './conv-cases.ts';
import { setSmallCaches } from './small-caches.ts';

const before = currentTarget().name;
const threads = getNumThreads();
afterAll(() => {
  setTarget(before);
  setNumThreads(threads);
});

const algorithms: readonly Algorithm[] = ['implicit', 'direct', 'channels', 'depthwise', 'across'];
const natives = availableTargets().filter((target) => target !== 'interpret');
const configurations = availableTargets().flatMap((target) =>
  algorithms.map((algorithm) => ({ target, algorithm })),
);

/** Of the largest expected number, as for PyTorch's own kernels in the golden data. */
const bounds: Partial<Record<DType, number>> = {
  float32: 4e-6,
  float64: 1e-13,
  // One rounding of the result.
  float16: 2 ** -11,
  bfloat16: 2 ** -8,
};

describe.each(configurations)('the $algorithm convolution on $target', ({ target, algorithm }) => {
  it.each(cases)('is exact on integers: $name', (test) => {
    setTarget(target);
    withAlgorithm(algorithm, () => {
      for (const dtype of ['float32', 'float64'] as const)
        for (const { what, actual, expected } of outcomes(test, dtype, 'integers'))
          expect(
            actual.map((x) => x + 0),
            `${what}, ${dtype}`,
          ).toEqual(expected.map((x) => x + 0));
    });
  });

  it.each(Object.entries(bounds) as [DType, number][])('is close on normal numbers: %s', (dtype, bound) => {
    setTarget(target);
    withAlgorithm(algorithm, () => {
      for (const test of cases)
        for (const { what, actual, expected } of outcomes(test, dtype, 'normals')) {
          const most = expected.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
          expect(actual.length).toBe(expected.length);
          actual.forEach((x, i) => {
            if (!(Math.abs(x - expected[i]!) <= bound * most))
              expect.fail(`${test.name}, ${what}, ${dtype}: [${i}] is ${x}, expected ${expected[i]!}`);
          });
        }
    });
  });

  it('is not touched by an infinity that no tap of a result reaches', () => {
    setTarget(target);
    withAlgorithm(algorithm, () => {
      for (const test of cases)
        for (const { what, actual, expected } of outcomes(test, 'float32', 'infinite'))
          expect(
            actual.map((x) => x + 0),
            `${test.name}, ${what}`,
          ).toEqual(expected.map((x) => x + 0));
    });
  });

  // The interpreter would take minutes.
  it.each(target === 'interpret' ? [] : largeCases)('puts its parts together: $name', (test) => {
    setTarget(target);
    // Where the algorithm is not for the case another is chosen, which must be exact, too.
    setFloat32ConvPrecision('highest');
    try {
      withAlgorithm(algorithm, () => {
        for (const { what, actual, expected } of outcomes(test, 'float32', 'integers'))
          expect(
            actual.findIndex((x, i) => x !== expected[i]),
            what,
          ).toBe(-1);
      });
    } finally {
      setFloat32ConvPrecision('high');
    }
  });
});

/** Blocks depend on caches, and everything is cut into as many chunks as can be, which threads take. */
describe.each(algorithms)('the %s convolution in small caches', (algorithm) => {
  it.each(natives)('puts blocks and chunks together on %s', (target) => {
    setSmallCaches(target);
    setNumThreads(3);
    withGrain(1, () => {
      withAlgorithm(algorithm, () => {
        for (const test of cases)
          for (const { what, actual, expected } of outcomes(test, 'float32', 'integers'))
            expect(
              actual.map((x) => x + 0),
              `${test.name}, ${what}`,
            ).toEqual(expected.map((x) => x + 0));
      });
    });
  });
});
