import { beforeEach, describe, expect, it } from 'vitest';
import type { Reduction } from '../../src/device/backend.ts';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import type { View } from '../../src/device/view.ts';
import type { DType } from '../../src/dtype.ts';
import { covariances, moments, reduce } from '../../src/kernels/reduce.ts';
import { groups } from './definitions.ts';
import { as, laidOut, randomIntegers, read, tensor, write, type Element, type Layout } from './tensors.ts';

const definitions: Readonly<Record<Reduction, (group: readonly number[]) => number>> = {
  sum: (group) => group.reduce((a, b) => a + b, 0),
  prod: (group) => group.reduce((a, b) => a * b, 1),
  max: (group) => Math.max(...group),
  min: (group) => Math.min(...group),
  any: (group) => Number(group.some((x) => x !== 0)),
  all: (group) => Number(group.every((x) => x !== 0)),
  sumOfSquares: (group) => group.reduce((a, b) => a + b * b, 0),
  sumOfAbs: (group) => group.reduce((a, b) => a + Math.abs(b), 0),
};
const reductions = Object.keys(definitions) as Reduction[];

const random = randomIntegers(3);
/** Numbers with few digits, so that sums and products of some of them are exact. */
const fill = (view: View, below = 7): void =>
  write(
    view,
    Array.from({ length: view.shape.reduce((a, b) => a * b, 1) }, () => random(below) - 3),
  );
const numbers = (elements: readonly Element[]): number[] => elements.map(Number);

const without = (shape: readonly number[], axes: readonly number[]): number[] =>
  shape.filter((_, axis) => !axes.includes(axis));

const agree = (
  reduction: Reduction,
  [from, to]: readonly [DType, DType],
  shape: readonly number[],
  axes: readonly number[],
  [inputLayout, outLayout]: readonly [Layout, Layout] = [{}, {}],
): void => {
  const x = laidOut(from, shape, inputLayout);
  const out = laidOut(to, without(shape, axes), outLayout);
  fill(x, from === 'bool' ? 5 : 7);
  reduce(reduction, out, x, axes);
  const expected = groups({ shape, data: read(x) }, axes).map((group) =>
    as(to, definitions[reduction](numbers(to === 'bool' ? group.map((x) => as(to, x)) : group))),
  );
  expect(numbers(read(out)), `${reduction} of [${shape.join()}] over ${axes.join()}`).toEqual(
    numbers(expected),
  );
};

describe.each(availableTargets())('reduce on %s', (target) => {
  beforeEach(() => setTarget(target));
  const float32 = ['float32', 'float32'] as const;

  it.each(reductions)('computes %s of rows of awkward lengths', (reduction) => {
    for (const size of [1, 3, 4, 5, 15, 16, 17, 31, 67]) agree(reduction, float32, [3, size], [1]);
  });

  it.each(reductions)('computes %s of columns of awkward lengths', (reduction) => {
    for (const [rows, columns] of [
      [1, 5],
      [2, 3],
      [7, 4],
      [8, 19],
      [9, 16],
      [23, 13],
    ] as const)
      agree(reduction, float32, [rows, columns], [0]);
  });

  it('takes any set of axes', () => {
    const shape = [2, 3, 5, 7];
    for (let set = 1; set < 16; set++) {
      const axes = [0, 1, 2, 3].filter((axis) => (set >> axis) & 1);
      agree('sum', float32, shape, axes);
      agree('max', float32, shape, axes, [{ order: [0, 2, 3, 1] }, {}]);
      agree('sum', ['float64', 'float64'], shape, axes, [{ order: [3, 0, 2, 1] }, {}]);
    }
  });

  it('takes gaps, offsets and repeated elements, and writes any strides', () => {
    const shape = [4, 3, 9];
    for (const axes of [[0], [1], [2], [0, 2], [0, 1], [1, 2], [0, 1, 2]]) {
      agree('sum', float32, shape, axes, [{ gaps: [0, 1, 1], offset: 3 }, { gaps: [1, 1] }]);
      agree('sum', float32, shape, axes, [{ repeated: [2] }, {}]);
      agree('min', float32, shape, axes, [{ repeated: [0, 1] }, { offset: 5 }]);
      agree('sum', float32, shape, axes, [{}, { order: [1, 0].slice(axes.length - 1) }]);
    }
  });

  it('computes in the type of the result', () => {
    const pairs: [DType, DType][] = [
      ['float64', 'float64'],
      ['float16', 'float16'],
      ['bfloat16', 'bfloat16'],
      ['float32', 'float64'],
      ['float64', 'float32'],
      ['int64', 'int64'],
      ['int32', 'int64'],
      ['int8', 'int64'],
      ['uint8', 'int64'],
      ['bool', 'int64'],
      ['int32', 'int32'],
      ['uint8', 'float32'],
    ];
    for (const pair of pairs) {
      for (const reduction of reductions) {
        if ((reduction === 'prod' && pair[0] !== 'float64') || (reduction !== 'sum' && pair[0] === 'uint8'))
          continue;
        agree(reduction, pair, [5, 19], [1]);
        agree(reduction, pair, [19, 6], [0]);
        agree(reduction, pair, [3, 5, 4], [0, 2]);
      }
    }
  });

  it('knows true and false', () => {
    for (const from of ['bool', 'float64', 'uint8'] as const) {
      for (const reduction of ['any', 'all', 'max', 'sum'] as const) {
        agree(reduction, [from, 'bool'], [7, 3], [0]);
        agree(reduction, [from, 'bool'], [3, 7], [1]);
      }
    }
  });

  it('cuts long axes', () => {
    agree('sum', ['float32', 'float32'], [3, 16384 + 5], [1]);
    agree('max', ['int32', 'int32'], [40000], [0]);
    agree('sum', ['float64', 'float64'], [515, 20], [0]);
    agree('sum', ['float64', 'float64'], [3, 300, 5], [0, 1]);
    agree('sum', ['int8', 'int64'], [600, 3], [0]);
  });

  it('takes more columns than it works on at a time', () => {
    agree('sum', float32, [5, 2500], [0]);
    agree('max', float32, [2, 3, 1025], [1]);
  });

  it('gives the neutral element where there is nothing to reduce', () => {
    const empty = tensor('float32', [2, 0]);
    for (const [reduction, expected] of [
      ['sum', 0],
      ['prod', 1],
      ['any', 0],
      ['all', 1],
    ] as const) {
      const out = tensor('float32', [2], [5, 5]);
      reduce(reduction, out, empty, [1]);
      expect(read(out)).toEqual([expected, expected]);
    }
    reduce('sum', tensor('float32', [0]), empty, [0]);
  });

  it('finds the extremes of negative numbers, infinities and whole ranges', () => {
    const extremes = (dtype: DType, values: readonly Element[]): Element[] =>
      (['max', 'min'] as const).map((which) => {
        const out = tensor(dtype, []);
        reduce(which, out, tensor(dtype, [values.length], values), [0]);
        return read(out)[0]!;
      });
    expect(extremes('float32', [-3, -5, -4])).toEqual([-3, -5]);
    expect(extremes('float32', [-Infinity, -Infinity])).toEqual([-Infinity, -Infinity]);
    expect(extremes('int64', [-(2n ** 63n), 2n ** 63n - 1n, 0n])).toEqual([2n ** 63n - 1n, -(2n ** 63n)]);
    expect(extremes('int32', [-(2 ** 31)])).toEqual([-(2 ** 31), -(2 ** 31)]);
    expect(extremes('int8', [-128, -1, -2, -3, -4])).toEqual([-1, -128]);
  });

  it('makes NaN of maxima and minima that contain one, wherever it stands', () => {
    for (const size of [1, 4, 7, 33]) {
      for (let at = 0; at < size; at++) {
        const x = tensor('float32', [size], new Array<number>(size).fill(1).with(at, NaN));
        for (const which of ['max', 'min'] as const) {
          const out = tensor('float32', []);
          reduce(which, out, x, [0]);
          expect(read(out)).toEqual([NaN]);
        }
      }
    }
  });
});

describe('sums of many float32', () => {
  const exact = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const values = Array.from({ length: 200_003 }, (_, i) => Math.fround(0.1 + (i % 7) * 1e-3));

  it('lose few digits, along rows and across them', () => {
    setTarget('wasm');
    const out = tensor('float32', []);
    reduce('sum', out, tensor('float32', [values.length], values), [0]);
    expect(Math.abs(Number(read(out)[0]) / exact(values) - 1)).toBeLessThan(2e-7);

    const columns = 4;
    const rows = 50_000;
    const wide = tensor('float32', [columns]);
    reduce('sum', wide, tensor('float32', [rows, columns], values.slice(0, rows * columns)), [0]);
    read(wide).forEach((sum, column) => {
      const own = values.slice(0, rows * columns).filter((_, i) => i % columns === column);
      expect(Math.abs(Number(sum) / exact(own) - 1)).toBeLessThan(4e-7);
    });
  });
});

describe.each(availableTargets())('moments on %s', (target) => {
  beforeEach(() => setTarget(target));

  it('are the mean and the biased variance', () => {
    const shape = [3, 5, 4, 7];
    for (const axes of [[0, 2, 3], [3], [0], [1], [0, 1, 2, 3], [2]]) {
      for (const [dtype, compute] of [
        ['float32', 'float32'],
        ['float64', 'float64'],
        ['float16', 'float32'],
      ] as const) {
        for (const order of [undefined, [0, 2, 3, 1]]) {
          const x = laidOut(dtype, shape, order ? { order } : {});
          write(
            x,
            Array.from({ length: 420 }, () => 100 + random(1000) / 64),
          );
          const [mean, variance] = [0, 1].map(() => tensor(compute, without(shape, axes))) as [View, View];
          moments(mean, variance, x, axes);
          const expected = groups({ shape, data: read(x) }, axes).map((group) => {
            const all = numbers(group);
            const centre = all.reduce((a, b) => a + b, 0) / all.length;
            return [centre, all.reduce((sum, v) => sum + (v - centre) ** 2, 0) / all.length] as const;
          });
          const tolerance = { rtol: compute === 'float64' ? 1e-13 : 2e-6 };
          expect(numbers(read(mean))).toBeAllclose(
            expected.map(([m]) => m),
            tolerance,
          );
          expect(numbers(read(variance))).toBeAllclose(
            expected.map(([, v]) => v),
            tolerance,
          );
        }
      }
    }
  });

  it('do not suffer from a large mean', () => {
    const x = tensor(
      'float32',
      [1, 40],
      Array.from({ length: 40 }, (_, i) => 1e6 + (i % 2)),
    );
    const [mean, variance] = [tensor('float32', [1]), tensor('float32', [1])];
    moments(mean, variance, x, [1]);
    expect([...read(mean), ...read(variance)]).toEqual([1e6 + 0.5, 0.25]);
  });

  it('are not numbers where there are no elements', () => {
    const [mean, variance] = [tensor('float32', [2]), tensor('float32', [2])];
    moments(mean, variance, tensor('float32', [2, 0]), [1]);
    expect([...read(mean), ...read(variance)]).toEqual([NaN, NaN, NaN, NaN]);
  });
});

describe.each(availableTargets())('covariances on %s', (target) => {
  beforeEach(() => setTarget(target));

  it.each([
    ['laid out alike', undefined, undefined],
    ['with channels inside', [0, 2, 3, 1], [0, 2, 3, 1]],
    ['laid out each its own way', undefined, [0, 2, 3, 1]],
  ])(
    'are the sums of products of distances from a centre and partners, %s',
    (_, orderOfX, orderOfPartner) => {
      const layout = (order: readonly number[] | undefined): Layout => (order ? { order } : {});
      for (const shape of [
        [3, 5, 4, 7],
        [2, 3, 1, 67],
        [300, 2, 1, 1],
      ]) {
        for (const axes of [[0, 2, 3], [3], [1], [0, 1, 2, 3]]) {
          for (const dtype of ['float32', 'float64'] as const) {
            const [x, partner] = [
              laidOut(dtype, shape, layout(orderOfX)),
              laidOut(dtype, shape, layout(orderOfPartner)),
            ];
            fill(x);
            fill(partner, 5);
            const [out, centre] = [0, 1].map(() => tensor(dtype, without(shape, axes))) as [View, View];
            fill(centre);
            covariances(out, x, centre, partner, axes);
            const centres = numbers(read(centre));
            const partners = groups({ shape, data: read(partner) }, axes).map(numbers);
            const expected = groups({ shape, data: read(x) }, axes).map((group, k) =>
              numbers(group).reduce((sum, v, i) => sum + (v - centres[k]!) * partners[k]![i]!, 0),
            );
            expect(numbers(read(out)), `[${shape.join()}] over ${axes.join()}`).toEqual(expected);
          }
        }
      }
    },
  );
});
