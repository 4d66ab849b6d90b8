import fc from 'fast-check';
import { expect, it } from 'vitest';
import { offsetsOf, runOf, type Axis } from '../../src/kernels/gemm-offsets.ts';

const walk = fc
  .record({ size: fc.integer({ min: 1, max: 5 }), step: fc.integer({ min: -2, max: 12 }) })
  .chain(({ size, step }) => fc.integer({ min: 1, max: size }).map((distinct) => ({ size, step, distinct })));
const phases = fc.option(
  fc.record({ count: fc.integer({ min: 2, max: 4 }), pitch: fc.integer({ min: 1, max: 8 }) }),
  { nil: undefined },
);
const axes: fc.Arbitrary<Axis> = fc
  .record({ walks: fc.array(walk, { minLength: 1, maxLength: 3 }), phases })
  // De-interleaved images are walked forwards.
  .map(({ walks, phases }) =>
    phases === undefined
      ? { walks }
      : { walks: walks.map((walk) => ({ ...walk, step: Math.abs(walk.step) })), phases },
  );

/** How many entries of a table follow one another from the first on. */
const counted = (table: Int32Array): number => {
  const end = table.findIndex((offset, i) => offset !== table[0]! + i);
  return end < 0 ? table.length : end;
};

it('a run is of positions that follow one another', () => {
  fc.assert(
    fc.property(axes, (axis) => {
      expect(runOf(axis)).toBeLessThanOrEqual(counted(offsetsOf(axis, 1)));
    }),
    { numRuns: 2000 },
  );
});

it('axes that join in memory are one run, and repetitions end it', () => {
  expect(
    runOf({
      walks: [
        { size: 4, step: 21 },
        { size: 3, step: 7 },
        { size: 7, step: 1 },
      ],
    }),
  ).toBe(84);
  expect(
    runOf({
      walks: [
        { size: 4, step: 27 },
        { size: 3, step: 9 },
        { size: 7, step: 1 },
      ],
    }),
  ).toBe(7);
  expect(
    runOf({
      walks: [
        { size: 4, step: 3 },
        { size: 8, step: 1, distinct: 5 },
      ],
    }),
  ).toBe(5);
  expect(runOf({ walks: [{ size: 6, step: 2 }], phases: { count: 2, pitch: 9 } })).toBe(6);
  expect(runOf({ walks: [{ size: 6, step: 3 }] })).toBe(1);
});
