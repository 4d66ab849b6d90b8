import { beforeEach, describe, expect, it } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import type { DType } from '../../src/dtype.ts';
import { cumsum } from '../../src/kernels/cumsum.ts';
import { coordinates, flat } from './definitions.ts';
import { as, laidOut, randomIntegers, read, tensor, write, type Layout } from './tensors.ts';

const random = randomIntegers(7);

const agree = (
  [from, to]: readonly [DType, DType],
  shape: readonly number[],
  axis: number,
  [inputLayout, outLayout]: readonly [Layout, Layout] = [{}, {}],
): void => {
  const x = laidOut(from, shape, inputLayout);
  const out = laidOut(to, shape, outLayout);
  write(
    x,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random(9) - 3),
  );
  cumsum(out, x, axis);
  const elements = read(x).map(Number);
  const expected = coordinates(shape).map((at) => {
    let sum = 0;
    for (let k = 0; k <= at[axis]!; k++) sum += elements[flat(shape, at.with(axis, k))]!;
    return Number(as(to, sum));
  });
  expect(read(out).map(Number)).toEqual(expected);
};

describe.each(availableTargets())('cumsum on %s', (target) => {
  beforeEach(() => setTarget(target));

  it('agrees with the definition along every axis', () => {
    for (const shape of [[1], [7], [3, 5], [5, 9], [2, 3, 4], [4, 1, 3]]) {
      shape.forEach((_, axis) => {
        agree(['float32', 'float32'], shape, axis);
        agree(['float64', 'float64'], shape, axis);
        agree(['int8', 'int64'], shape, axis);
      });
    }
    agree(['float32', 'float32'], [3, 1025], 0);
  });

  it('takes every dtype', () => {
    for (const pair of [
      ['float16', 'float16'],
      ['bfloat16', 'bfloat16'],
      ['int64', 'int64'],
      ['bool', 'int64'],
      ['uint8', 'float32'],
      ['int32', 'int32'],
    ] as const) {
      agree(pair, [3, 7], 1);
      agree(pair, [3, 7], 0);
    }
  });

  it('takes gaps, repeated elements and any order of axes', () => {
    for (const axis of [0, 1, 2]) {
      agree(['float32', 'float32'], [4, 3, 5], axis, [{ gaps: [0, 1, 1], offset: 2 }, { order: [2, 1, 0] }]);
      agree(['float32', 'float32'], [4, 3, 5], axis, [
        { order: [0, 2, 1] },
        { order: [0, 2, 1], gaps: [0, 1] },
      ]);
      agree(['float32', 'float32'], [4, 3, 5], axis, [{ repeated: [1] }, {}]);
    }
  });

  it('rounds floats once, when they are stored', () => {
    const size = 1000;
    const x = tensor('float32', [size], new Array<number>(size).fill(Math.fround(0.1)));
    const out = tensor('float32', [size]);
    cumsum(out, x, 0);
    expect(read(out).at(-1)).toBe(Math.fround(size * Math.fround(0.1)));
  });

  it('does nothing to tensors without elements', () => {
    cumsum(tensor('float32', [3, 0]), tensor('float32', [3, 0]), 1);
    cumsum(tensor('float32', [0, 3]), tensor('float32', [0, 3]), 0);
  });
});
