/** Matrix products on every target against their definition, and with every access checked. */
import { afterAll, describe, expect, it, vi } from 'vitest';
import { currentTarget, setTarget, availableTargets } from '../../src/device/target.ts';
import { elementCount, type View } from '../../src/device/view.ts';
import type { DType } from '../../src/dtype.ts';
import type { checkedLaunch } from './checked-launch.ts';
import { setSmallCaches } from './small-caches.ts';
import { as, laidOut, randomIntegers, read, write, type Element, type Layout } from './tensors.ts';

const checking = vi.hoisted(() => ({ launch: null as typeof checkedLaunch | null }));
vi.mock('../../src/device/launch.ts', async (original) => {
  const real = await original<{ launch: typeof checkedLaunch }>();
  const launch: typeof checkedLaunch = (...args) => {
    (checking.launch ?? real.launch)(...args);
  };
  return { ...real, launch };
});
const { matmul } = await import('../../src/kernels/matmul.ts');

const before = currentTarget().name;
afterAll(() => {
  setTarget(before);
});

interface Case {
  readonly name: string;
  readonly batch?: readonly number[];
  readonly size: readonly [m: number, n: number, k: number];
  readonly layouts?: { readonly out?: Layout; readonly a?: Layout; readonly b?: Layout };
  readonly bias?: boolean;
}

const transposed: Layout = { order: [1, 0] };

const cases: readonly Case[] = [
  { name: 'one element', size: [1, 1, 1] },
  { name: 'whole tiles', size: [8, 16, 5] },
  { name: 'partial tiles', size: [7, 13, 11], bias: true },
  { name: 'a row', size: [1, 19, 6], bias: true },
  { name: 'a column', size: [17, 1, 6], bias: true },
  { name: 'a dot product', size: [1, 1, 37] },
  { name: 'few rows of a transposed right side', size: [3, 11, 29], layouts: { b: transposed }, bias: true },
  { name: 'few columns', size: [21, 3, 9], layouts: { a: transposed } },
  { name: 'no depth', size: [3, 5, 0], bias: true },
  { name: 'no depth and few rows of a transposed right side', size: [2, 5, 0], layouts: { b: transposed } },
  { name: 'no rows', size: [0, 5, 3] },
  { name: 'a transposed left side', size: [6, 9, 10], layouts: { a: transposed } },
  { name: 'a transposed right side', size: [6, 9, 10], layouts: { b: transposed }, bias: true },
  { name: 'a transposed result', size: [10, 9, 6], layouts: { out: transposed }, bias: true },
  {
    name: 'gaps everywhere',
    size: [9, 10, 6],
    layouts: { out: { gaps: [1, 1] }, a: { gaps: [2, 1], offset: 3 }, b: { gaps: [0, 2] } },
    bias: true,
  },
  { name: 'panels that are packed together', size: [5, 161, 6], bias: true },
  { name: 'packed whole tiles', size: [8, 16, 5], bias: true },
  { name: 'a packed transposed left side', size: [6, 9, 10], layouts: { a: transposed }, bias: true },
  { name: 'tiles that begin earlier', size: [11, 71, 7] },
  { name: 'the same of a transposed left side', size: [13, 150, 3], layouts: { a: transposed } },
  { name: 'rows apart', size: [6, 35, 4], layouts: { a: { gaps: [1, 2] }, b: { gaps: [3, 0], offset: 5 } } },
  { name: 'a matrix and a vector', size: [23, 1, 150] },
  { name: 'a transposed matrix and a vector', size: [23, 1, 10], layouts: { a: transposed } },
  { name: 'a matrix and few vectors', size: [7, 4, 19], layouts: { b: transposed } },
  { name: 'two vectors and a matrix', size: [2, 7, 70], layouts: { b: transposed }, bias: true },
  { name: 'four vectors and few rows', size: [4, 2, 40], layouts: { a: { gaps: [1, 0] }, b: transposed } },
  { name: 'a batch', batch: [2, 3], size: [4, 5, 6], bias: true },
  {
    name: 'a batch with one right side',
    batch: [3, 2],
    size: [3, 9, 4],
    layouts: { b: { repeated: [0, 1] } },
  },
  { name: 'a batch with one left side', batch: [4], size: [3, 9, 4], layouts: { a: { repeated: [0] } } },
  { name: 'no batches', batch: [2, 0], size: [3, 4, 5] },
];

const large: readonly Case[] = [
  { name: 'several blocks', size: [301, 523, 1009], bias: true },
  { name: 'several blocks, transposed', size: [150, 701, 700], layouts: { a: transposed, out: transposed } },
  { name: 'a long row', size: [1, 1003, 907], bias: true },
  { name: 'rows in parts', size: [1003, 32, 30] },
  { name: 'several blocks of few rows', batch: [2], size: [15, 523, 1009] },
  { name: 'a long row of a transposed matrix', size: [2, 1003, 907], layouts: { b: transposed } },
];

/** In small caches: several blocks of rows, of columns and of the depth, among them such as sums wait between. */
const blocks: readonly Case[] = [
  { name: 'every way', size: [61, 131, 43], bias: true },
  { name: 'few rows', size: [7, 101, 90], bias: true },
  { name: 'a transposed result', size: [90, 45, 37], layouts: { out: transposed }, bias: true },
  {
    name: 'transposed sides',
    size: [53, 70, 29],
    layouts: { a: transposed, b: { order: [1, 0], gaps: [1, 0] } },
  },
  { name: 'a batch', batch: [3], size: [30, 50, 21], layouts: { a: { repeated: [0] } }, bias: true },
];

/** Runs a case: what came and what should. */
const outcome = (
  test: Case,
  dtype: DType,
): { readonly actual: readonly Element[]; readonly expected: readonly Element[] } => {
  const { batch = [], layouts = {}, size } = test;
  const [m, n, k] = size;
  const below = randomIntegers(5);
  const tensor = (rows: number, columns: number, layout: Layout = {}): View => {
    const view = laidOut(dtype, [...batch, rows, columns], layout);
    write(
      view,
      Array.from({ length: elementCount(view.shape) }, () => below(9) - 4),
    );
    return view;
  };
  const a = tensor(m, k, layouts.a);
  const b = tensor(k, n, layouts.b);
  const out = tensor(m, n, layouts.out);
  const bias = test.bias === true ? laidOut(dtype, [n], { gaps: [1] }) : null;
  if (bias)
    write(
      bias,
      Array.from({ length: n }, () => below(9) - 4),
    );
  matmul(out, a, b, bias);

  const expected = remembered(test, dtype, () => {
    const [x, y] = [read(a).map(Number), read(b).map(Number)];
    const offsets = bias === null ? new Array<number>(n).fill(0) : read(bias).map(Number);
    const sums: Element[] = [];
    for (let i = 0; i < elementCount(batch); i++)
      for (let row = 0; row < m; row++)
        for (let column = 0; column < n; column++) {
          let sum = offsets[column]!;
          for (let p = 0; p < k; p++) sum += x[(i * m + row) * k + p]! * y[(i * k + p) * n + column]!;
          sums.push(as(dtype, sum));
        }
    return sums.map(plus0);
  });
  return { actual: read(out).map(plus0), expected };
};
const plus0 = (e: Element): Element => (typeof e === 'number' ? e + 0 : e);

const expectations = new WeakMap<Case, Map<DType, readonly Element[]>>();

/** What was expected of a case before: it is the same on every target. */
const remembered = (test: Case, dtype: DType, compute: () => readonly Element[]): readonly Element[] => {
  let known = expectations.get(test);
  if (known === undefined) expectations.set(test, (known = new Map<DType, readonly Element[]>()));
  let expected = known.get(dtype);
  if (expected === undefined) known.set(dtype, (expected = compute()));
  return expected;
};

describe.each(availableTargets())('matmul on %s', (target) => {
  it.each(cases)('agrees with the definition: $name', (test) => {
    setTarget(target);
    for (const dtype of ['float32', 'float64', 'float16', 'bfloat16', 'int32', 'int64'] as const) {
      const { actual, expected } = outcome(test, dtype);
      expect(actual, dtype).toEqual(expected);
    }
  });

  // The interpreter would take minutes.
  it.each(target === 'interpret' ? [] : large)('puts its blocks together: $name', (test) => {
    setTarget(target);
    const { actual, expected } = outcome(test, 'float32');
    expect(actual.findIndex((x, i) => x !== expected[i])).toBe(-1);
  });
});

describe.each(availableTargets())('matmul in small caches on %s', (target) => {
  it.each(blocks)('puts its blocks together: $name', (test) => {
    setSmallCaches(target);
    for (const dtype of ['float32', 'float64', 'float16', 'int32'] as const) {
      const { actual, expected } = outcome(test, dtype);
      expect(actual, dtype).toEqual(expected);
    }
  });
});

it.each(cases)('matmul touches its tensors only: $name', async (test) => {
  setTarget('interpret');
  checking.launch = (await import('./checked-launch.ts')).checkedLaunch;
  try {
    for (const dtype of ['float32', 'float64'] as const) {
      const { actual, expected } = outcome(test, dtype);
      expect(actual, dtype).toEqual(expected);
    }
  } finally {
    checking.launch = null;
  }
});
