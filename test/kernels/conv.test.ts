/** Convolution and its gradients, by every algorithm and on every target, against their definition. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { currentTarget, setTarget, availableTargets } from '../../src/device/target.ts';
import { getNumThreads, setNumThreads } from '../../src/device/threads/number.ts';
import { withGrain } from '../../src/device/threads/share.ts';
import type { DType } from '../../src/dtype.ts';
import { setFloat32ConvPrecision } from '../../src/kernels/conv/precision.ts';
import { withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { cases, largeCases, outcomes, type Case } from './conv-cases.ts';
import { setSmallCaches } from './small-caches.ts';

const before = currentTarget().name;
const threads = getNumThreads();
// What is chosen must be exact, too.
beforeAll(() => {
  setFloat32ConvPrecision('highest');
});
afterAll(() => {
  setFloat32ConvPrecision('high');
  setTarget(before);
  setNumThreads(threads);
});

/** By which algorithms cases are computed, and which cases: of the others another is chosen. */
const depthwise = cases.filter(({ input, groups = 1 }) => groups === input[1]);
const algorithms: readonly {
  algorithm: Algorithm | 'chosen';
  some: readonly Case[];
  large: readonly Case[];
}[] = [
  { algorithm: 'chosen', some: cases, large: largeCases },
  { algorithm: 'implicit', some: cases, large: largeCases },
  { algorithm: 'direct', some: cases, large: largeCases },
  { algorithm: 'channels', some: cases, large: largeCases },
  { algorithm: 'depthwise', some: depthwise, large: [] },
  { algorithm: 'across', some: depthwise, large: [] },
];
const natives = availableTargets().filter((target) => target !== 'interpret');
const configurations = availableTargets().flatMap((target) =>
  algorithms.map((each) => ({ ...each, target })),
);
const by = (algorithm: Algorithm | 'chosen', work: () => void): void => {
  if (algorithm === 'chosen') work();
  else withAlgorithm(algorithm, work);
};

/** Of the largest expected number, as for PyTorch's own kernels in the golden data. */
const bounds: Partial<Record<DType, number>> = {
  float32: 4e-6,
  float64: 1e-13,
  // One rounding of the result.
  float16: 2 ** -11,
  bfloat16: 2 ** -8,
};

describe.each(configurations)(
  'the $algorithm convolution on $target',
  ({ target, algorithm, some, large }) => {
    it.each(some)('is exact on integers: $name', (test) => {
      setTarget(target);
      by(algorithm, () => {
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
      by(algorithm, () => {
        for (const test of some)
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
      by(algorithm, () => {
        for (const test of some)
          for (const { what, actual, expected } of outcomes(test, 'float32', 'infinite'))
            expect(
              actual.map((x) => x + 0),
              `${test.name}, ${what}`,
            ).toEqual(expected.map((x) => x + 0));
      });
    });

    // The interpreter would take minutes.
    it.each(target === 'interpret' ? [] : large)('puts its parts together: $name', (test) => {
      setTarget(target);
      by(algorithm, () => {
        for (const { what, actual, expected } of outcomes(test, 'float32', 'integers'))
          expect(
            actual.findIndex((x, i) => x !== expected[i]),
            what,
          ).toBe(-1);
      });
    });
  },
);

/** Blocks depend on caches, and everything is cut into as many chunks as can be, which threads take. */
describe.each(algorithms)('the $algorithm convolution in small caches', ({ algorithm, some }) => {
  it.each(natives)('puts blocks and chunks together on %s', (target) => {
    setSmallCaches(target);
    setNumThreads(3);
    withGrain(1, () => {
      by(algorithm, () => {
        for (const test of some)
          for (const { what, actual, expected } of outcomes(test, 'float32', 'integers'))
            expect(
              actual.map((x) => x + 0),
              `${test.name}, ${what}`,
            ).toEqual(expected.map((x) => x + 0));
      });
    });
  });
});
