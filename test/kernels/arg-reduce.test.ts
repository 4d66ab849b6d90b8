import { beforeEach, describe, expect, it } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import type { DType } from '../../src/dtype.ts';
import { argReduce } from '../../src/kernels/arg-reduce.ts';
import { groups } from './definitions.ts';
import { as, laidOut, randomIntegers, read, tensor, write, type Element, type Layout } from './tensors.ts';

const random = randomIntegers(11);

/** The first place of the extreme, or of a NaN if there is one. */
const place = (which: 'max' | 'min', group: readonly Element[]): number => {
  const first = group.findIndex((x) => Number.isNaN(x));
  if (first >= 0) return first;
  return group.reduce<number>(
    (best, x, k) => ((which === 'max' ? x > group[best]! : x < group[best]!) ? k : best),
    0,
  );
};

const agree = (
  which: 'max' | 'min',
  dtype: DType,
  shape: readonly number[],
  axis: number,
  {
    layout = {},
    results = {},
    withNaN = false,
  }: { layout?: Layout; results?: Layout; withNaN?: boolean } = {},
): void => {
  const x = laidOut(dtype, shape, layout);
  const kept = shape.toSpliced(axis, 1);
  write(
    x,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
      withNaN && random(6) === 0 ? NaN : as(dtype, random(9) - 4),
    ),
  );
  const positions = laidOut('int64', kept, results);
  const values = laidOut(dtype, kept, results);
  const expected = groups({ shape, data: read(x) }, [axis]);
  argReduce(which, positions, values, x, axis);
  expect(read(positions)).toEqual(expected.map((group) => BigInt(place(which, group))));
  expect(read(values)).toEqual(expected.map((group) => group[place(which, group)]));
  const alone = tensor('int64', kept);
  argReduce(which, alone, null, x, axis);
  expect(read(alone)).toEqual(read(positions));
};

describe.each(availableTargets())('argReduce on %s', (target) => {
  beforeEach(() => setTarget(target));

  it('finds the first extreme of rows and columns of awkward lengths', () => {
    for (const size of [1, 2, 3, 4, 5, 8, 17]) {
      for (const which of ['max', 'min'] as const) {
        agree(which, 'float32', [3, size], 1);
        agree(which, 'float32', [size, 3], 0);
        agree(which, 'float32', [size, 9], 0);
        agree(which, 'float64', [2, size, 5], 1);
      }
    }
  });

  it('takes every dtype', () => {
    for (const dtype of ['float16', 'bfloat16', 'int64', 'int32', 'int8', 'uint8', 'bool'] as const) {
      agree('max', dtype, [3, 11], 1);
      agree('min', dtype, [11, 10], 0);
    }
  });

  it('finds the first NaN before everything else', () => {
    for (const dtype of ['float32', 'float64', 'float16'] as const) {
      agree('max', dtype, [9, 13], 1, { withNaN: true });
      agree('min', dtype, [13, 9], 0, { withNaN: true });
    }
  });

  it('takes gaps, offsets, repeated elements and any order of axes, and writes any strides', () => {
    for (const axis of [0, 1, 2]) {
      agree('max', 'float32', [4, 3, 9], axis, {
        layout: { gaps: [0, 1, 1], offset: 3 },
        results: { gaps: [1, 1] },
      });
      agree('max', 'float32', [4, 3, 9], axis, { layout: { order: [2, 0, 1] }, results: { order: [1, 0] } });
      agree('min', 'float64', [4, 3, 9], axis, { layout: { order: [1, 2, 0] }, results: { offset: 2 } });
      agree('max', 'float32', [4, 3, 9], axis, { layout: { repeated: [1] } });
    }
  });

  it('is at the first place where all elements are the least that there is', () => {
    const first = (which: 'max' | 'min', dtype: DType, value: Element): Element => {
      const position = tensor('int64', []);
      argReduce(which, position, null, tensor(dtype, [7], new Array<Element>(7).fill(value)), 0);
      return read(position)[0]!;
    };
    expect(first('max', 'float32', -Infinity)).toBe(0n);
    expect(first('min', 'float64', Infinity)).toBe(0n);
    expect(first('max', 'int64', -(2n ** 63n))).toBe(0n);
  });

  it('takes more columns than it works on at a time', () => agree('max', 'float32', [3, 1030], 0));
});
