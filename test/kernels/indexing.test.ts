import { beforeEach, describe, expect, it } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import { elementCount, type View } from '../../src/device/view.ts';
import type { DType } from '../../src/dtype.ts';
import { gather, indexAdd, indexInRange, indexSelect, scatterAdd } from '../../src/kernels/indexing.ts';
import { coordinates, flat } from './definitions.ts';
import { as, laidOut, randomIntegers, read, tensor, write, type Element, type Layout } from './tensors.ts';

const random = randomIntegers(29);
const allDTypes = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int8',
  'uint8',
  'bool',
] as const;

const filled = (dtype: DType, shape: readonly number[], layout: Layout = {}): View => {
  const view = laidOut(dtype, shape, layout);
  write(
    view,
    Array.from({ length: elementCount(shape) }, () => as(dtype, random(50) - 25)),
  );
  return view;
};
const table = (shape: readonly number[], below: number, layout: Layout = {}): View => {
  const view = laidOut('int64', shape, layout);
  write(
    view,
    Array.from({ length: elementCount(shape) }, () => BigInt(random(below))),
  );
  return view;
};
const sum = (dtype: DType, a: Element, b: Element): Element =>
  as(dtype, typeof a === 'bigint' ? a + BigInt(b) : a + Number(b));

interface Case {
  readonly dtype?: DType;
  readonly shape: readonly number[];
  readonly axis: number;
  /** How many positions along the axis. */
  readonly count: number;
  readonly layouts?: readonly [Layout, Layout, Layout];
}

const rows = ({ dtype = 'float32', shape, axis, count, layouts = [{}, {}, {}] }: Case): void => {
  const outShape = shape.with(axis, count);
  const index = table([count], shape[axis]!, count > 1 ? layouts[2] : {});
  const places = read(index).map(Number);

  const x = filled(dtype, shape, layouts[0]);
  const picked = laidOut(dtype, outShape, layouts[1]);
  indexSelect(picked, x, axis, index);
  const elements = read(x);
  expect(read(picked)).toEqual(
    coordinates(outShape).map((at) => elements[flat(shape, at.with(axis, places[at[axis]!]!))]),
  );

  const source = filled(dtype, outShape, layouts[1]);
  const expected = read(x);
  const added = read(source);
  coordinates(outShape).forEach((at, k) => {
    const there = flat(shape, at.with(axis, places[at[axis]!]!));
    expected[there] = sum(dtype, expected[there]!, added[k]!);
  });
  indexAdd(x, axis, index, source);
  if (dtype !== 'bool') expect(read(x)).toEqual(expected);
};

const elements = (
  { dtype = 'float32', shape, axis, count, layouts = [{}, {}, {}] }: Case,
  less = 0,
): void => {
  const indexShape = shape.map((size, k) => (k === axis ? count : Math.max(size - less, 1)));
  const index = table(indexShape, shape[axis]!, layouts[2]);
  const places = read(index).map(Number);

  const x = filled(dtype, shape, layouts[0]);
  const picked = laidOut(dtype, indexShape, layouts[1]);
  gather(picked, x, axis, index);
  const values = read(x);
  expect(read(picked)).toEqual(
    coordinates(indexShape).map((at, k) => values[flat(shape, at.with(axis, places[k]!))]),
  );

  const sourceShape = indexShape.map((size) => size + less);
  const source = filled(dtype, sourceShape, layouts[1]);
  const added = read(source);
  const expected = read(x);
  coordinates(indexShape).forEach((at, k) => {
    const there = flat(shape, at.with(axis, places[k]!));
    expected[there] = sum(dtype, expected[there]!, added[flat(sourceShape, at)]!);
  });
  scatterAdd(x, axis, index, source);
  if (dtype !== 'bool') expect(read(x)).toEqual(expected);
};

const cases: readonly Case[] = [
  { shape: [5], axis: 0, count: 7 },
  { shape: [4, 9], axis: 0, count: 3 },
  { shape: [4, 9], axis: 1, count: 13 },
  { shape: [3, 5, 4], axis: 1, count: 6 },
  { shape: [3, 5, 17], axis: 1, count: 2 },
  { shape: [2, 3, 4, 5], axis: 2, count: 9 },
  { shape: [6, 1], axis: 1, count: 4 },
  { shape: [1, 7], axis: 0, count: 1 },
  { shape: [19, 70], axis: 1, count: 66 },
];

describe.each(availableTargets())('positions from a table on %s', (target) => {
  beforeEach(() => setTarget(target));

  it.each(cases)('select and add rows, as the definition does, for $shape along $axis', (given) => {
    rows(given);
    for (const dtype of allDTypes) rows({ ...given, dtype });
  });

  it.each(cases)('gather and scatter elements for $shape along $axis', (given) => {
    elements(given);
    elements(given, 1);
    for (const dtype of allDTypes) elements({ ...given, dtype });
  });

  it('take gaps, offsets and any order of axes', () => {
    for (const axis of [0, 1, 2]) {
      for (const layouts of [
        [{ order: [2, 0, 1] }, {}, {}],
        [{}, { order: [1, 2, 0] }, { offset: 2 }],
        [{ gaps: [0, 1, 1], offset: 1 }, { gaps: [1, 0, 1] }, {}],
      ] satisfies (readonly [Layout, Layout, Layout])[]) {
        rows({ shape: [4, 3, 6], axis, count: 5, layouts });
        elements({ shape: [4, 3, 6], axis, count: 5, layouts });
      }
      elements({ shape: [4, 3, 6], axis, count: 5, layouts: [{}, {}, { order: [2, 1, 0] }] });
      elements({ shape: [4, 3, 6], axis, count: 5, layouts: [{}, {}, { repeated: [0] }] });
    }
  });

  it('add to one place in the order of the table', () => {
    const x = tensor('float32', [1], [0]);
    const source = tensor('float32', [3], [2 ** 25, 1, -(2 ** 25)]);
    indexAdd(x, 0, tensor('int64', [3], [0, 0, 0]), source);
    expect(read(x)).toEqual([0]);
    scatterAdd(x, 0, tensor('int64', [3], [0, 0, 0]), source);
    expect(read(x)).toEqual([0]);
  });

  it('keep inside their tensors whatever the table says', () => {
    const wild = [-1n, 3n, 2n ** 40n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 32n];
    const index = tensor('int64', [6], wild);
    const x = tensor('float32', [3], [1, 2, 3]);
    for (const pick of [indexSelect, gather]) {
      const out = tensor('float32', [6]);
      pick(out, x, 0, index);
      for (const value of read(out)) expect([1, 2, 3]).toContain(value);
    }
    for (const put of [indexAdd, scatterAdd]) {
      const out = tensor('float32', [3], [0, 0, 0]);
      put(out, 0, index, tensor('float32', [6], [1, 1, 1, 1, 1, 1]));
      expect(read(out).reduce<number>((a, b) => a + Number(b), 0)).toBe(6);
    }
  });

  it('do nothing when the table is empty', () => {
    const x = tensor('float32', [3], [1, 2, 3]);
    const nothing = tensor('float32', [0]);
    const index = tensor('int64', [0]);
    indexSelect(nothing, x, 0, index);
    gather(nothing, x, 0, index);
    indexAdd(x, 0, index, nothing);
    scatterAdd(x, 0, index, nothing);
    expect(read(x)).toEqual([1, 2, 3]);
  });

  it('are found to be out of range', () => {
    const inRange = (values: readonly bigint[], shape: readonly number[], size: number) =>
      indexInRange(tensor('int64', shape, values), size);
    expect(inRange([0n, 4n, 2n, 1n, 3n, 0n], [2, 3], 5)).toMatchObject({ ok: true });
    expect(inRange([0n, 5n], [2], 5)).toEqual({ ok: false, bad: 5 });
    expect(inRange([-1n, 5n], [2], 6)).toEqual({ ok: false, bad: -1 });
    expect(inRange([7n], [], 7)).toEqual({ ok: false, bad: 7 });
    expect(inRange([], [0], 0)).toMatchObject({ ok: true });
  });
});
