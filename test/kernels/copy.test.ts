import { beforeEach, describe, expect, it } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import { dtypes, type DType } from '../../src/dtype.ts';
import { copy } from '../../src/kernels/copy.ts';
import { arange, fill } from '../../src/kernels/fill.ts';
import { altered, as, laidOut, read, tensor, write, type Element, type Layout } from './tensors.ts';

const all = Object.keys(dtypes) as DType[];
const isFloat = (dtype: DType): boolean => dtypes[dtype].category === 'float';

describe.each(availableTargets())('copy on %s', (target) => {
  beforeEach(() => setTarget(target));

  const samples = (from: DType): Element[] => {
    const values = [0, 1, -1, 2, 100, 127, -128, 5, 77];
    const fractions = [0.5, -0.5, 2.5, -2.5, 99.99, -0, 1e-7];
    return [...values, ...(isFloat(from) ? fractions : [300, -129, 40000])].map((x) => as(from, x));
  };

  it.each(all)('converts %s to every dtype as PyTorch does', (from) => {
    const values = samples(from);
    const x = tensor(from, [values.length], values);
    for (const to of all) {
      const out = tensor(to, [values.length]);
      copy(out, x);
      expect(read(out), to).toEqual(values.map((v) => as(to, v)));
    }
  });

  it('makes NaN and infinities true, and keeps them among floats', () => {
    const values = [NaN, Infinity, -Infinity, 5e-324];
    const x = tensor('float64', [4], values);
    const truth = tensor('bool', [4]);
    copy(truth, x);
    expect(read(truth)).toEqual([1, 1, 1, 1]);
    for (const to of ['float32', 'float16', 'bfloat16'] as const) {
      const out = tensor(to, [4]);
      copy(out, x);
      expect(read(out)).toEqual([NaN, Infinity, -Infinity, 0]);
    }
  });

  it('wraps integers that are too large, and keeps large int64', () => {
    const values = [2n ** 40n + 300n, -(2n ** 33n) - 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n];
    const x = tensor('int64', [5], values);
    for (const to of ['int64', 'int32', 'int8', 'uint8', 'float64', 'float32'] as const) {
      const out = tensor(to, [5]);
      copy(out, x);
      expect(read(out)).toEqual(values.map((v) => as(to, v)));
    }
  });

  it.each(['float32', 'float64', 'float16', 'bfloat16'] as const)(
    'wraps what of %s is beyond an integer type, and makes 0 of NaN and infinities',
    (from) => {
      const sizes = [300.7, 65504, 2 ** 31, 2 ** 31 - 0.5, 2 ** 31 + 0.5, 3e9, 2 ** 32, 1e10];
      const large = [2 ** 63, 2 ** 63 + 2 ** 41, 1e19, 2 ** 64, 3e19, 1e30];
      const values = [...sizes, ...large].flatMap((x) => [x, -x]).map((x) => as(from, x) as number);
      const finite = values.filter(Number.isFinite);
      const x = tensor(from, [finite.length + 3], [...finite, NaN, Infinity, -Infinity]);
      for (const to of ['int64', 'int32', 'int8', 'uint8'] as const) {
        const out = tensor(to, [finite.length + 3]);
        copy(out, x);
        expect(read(out), to).toEqual([...finite, 0, 0, 0].map((v) => as(to, v)));
      }
    },
  );

  it.each(all)('copies %s from and to places between 32-bit words', (dtype) => {
    const values = Array.from({ length: 12 }, (_, i) => as(dtype, (i * 5) % 7));
    for (const [from, to] of [[0, 1] as const, [1, 0] as const, [3, 1] as const]) {
      const x = laidOut(dtype, [2, 6], { offset: from });
      const out = laidOut(dtype, [2, 6], { offset: to });
      write(x, values);
      copy(out, x);
      expect(read(out)).toEqual(values);
    }
  });

  it.each(all)('keeps every bit of %s, whatever the layout', (dtype) => {
    const { bytes } = dtypes[dtype];
    const [rows, columns] = [19, 37];
    const x = laidOut(dtype, [rows, columns], { offset: 1 });
    const values = Array.from({ length: rows * columns }, (_, i) => as(dtype, (i * 37) % 101));
    write(x, values);
    for (const layout of [{}, { order: [1, 0] }, { gaps: [0, 1] }, { offset: 3 }]) {
      const out = laidOut(dtype, [rows, columns], layout);
      copy(out, x);
      expect(read(out)).toEqual(values);
    }
    expect(bytes).toBeGreaterThan(0);
  });

  it('keeps the payload of a NaN', () => {
    for (const [dtype, as] of [
      ['float32', 'int32'],
      ['float64', 'int64'],
    ] as const) {
      const x = tensor(dtype, [3], [0, 0, 0]);
      const bits = as === 'int32' ? [0x7f800001, -0x3ffff0, 1] : [0x7ff0000000000001n, -0xfff0n, 1n];
      write(altered(x, { dtype: as }), bits);
      const out = tensor(dtype, [3]);
      copy(out, x);
      expect(read(altered(out, { dtype: as }))).toEqual(bits);
      const apart = laidOut(dtype, [3], { gaps: [2] });
      copy(apart, x);
      expect(read(altered(apart, { dtype: as }))).toEqual(bits);
    }
  });

  it.each(all)('fills %s, also with gaps', (dtype) => {
    for (const value of [0, 1, -3, 2.75]) {
      const out = laidOut(dtype, [5, 3], { gaps: [0, 1], offset: 1 });
      const whole = altered(out, { shape: [29], strides: [1], offset: 1 });
      write(whole, new Array<number>(29).fill(1));
      fill(out, value);
      expect(read(out)).toEqual(new Array(15).fill(as(dtype, value)));
      expect(read(whole)[1]).toEqual(as(dtype, 1));
    }
  });

  it.each<[string, readonly number[], Layout, Layout]>([
    ['a matrix', [23, 41], { order: [1, 0] }, {}],
    ['a matrix of whole tiles', [32, 48], {}, { order: [1, 0] }],
    ['a matrix as narrow as a vector', [16, 70], { order: [1, 0] }, { offset: 3 }],
    ['a matrix narrower than one', [3, 50], { order: [1, 0] }, {}],
    ['channels to the inside', [2, 19, 5, 7], { order: [0, 2, 3, 1] }, {}],
    ['channels to the outside', [2, 19, 5, 7], {}, { order: [0, 2, 3, 1], offset: 1 }],
    ['axes around', [3, 17, 2, 18], { order: [3, 1, 2, 0] }, { order: [2, 0, 3, 1] }],
    ['rows with gaps', [21, 34], { order: [1, 0], gaps: [0, 3], offset: 5 }, { gaps: [2, 0] }],
    ['a row that repeats', [20, 33], { order: [1, 0] }, { repeated: [0] }],
  ])('turns memory around: %s', (_, shape, to, from) => {
    for (const dtype of ['float32', 'int32', 'float64', 'uint8'] as const) {
      const [x, out] = [laidOut(dtype, shape, from), laidOut(dtype, shape, to)];
      const count = shape.reduce((n, size) => n * size, 1);
      write(
        x,
        Array.from({ length: count }, (__, i) => (i * 7) % 251),
      );
      const expected = read(x);
      copy(out, x);
      expect(read(out)).toEqual(expected);
    }
  });

  it('keeps every bit of a NaN that is turned around', () => {
    const x = laidOut('int32', [20, 30], {});
    write(x, new Array<number>(600).fill(0x7f800001));
    const asFloats = altered(x, { dtype: 'float32' });
    const out = laidOut('float32', [20, 30], { order: [1, 0] });
    copy(out, asFloats);
    expect(new Set(read(altered(out, { dtype: 'int32' })))).toEqual(new Set([0x7f800001]));
  });

  it('copies nothing between memory orders where there are no elements', () => {
    const x = tensor('float32', [1120], new Array<number>(1120).fill(1));
    const out = tensor('float32', [1120], new Array<number>(1120).fill(7));
    const shape = [0, 8, 10, 14];
    copy(
      altered(out, { shape, strides: [1120, 1, 112, 8] }),
      altered(x, { shape, strides: [1120, 140, 14, 1] }),
    );
    expect(new Set(read(out))).toEqual(new Set([7]));
  });

  it('fills int64 with what no double holds', () => {
    const out = tensor('int64', [3]);
    fill(out, 2n ** 62n + 1n);
    expect(read(out)).toEqual(new Array(3).fill(2n ** 62n + 1n));
  });

  it('counts from a start by a step', () => {
    for (const dtype of ['float32', 'float64', 'float16', 'bfloat16', 'int64', 'int32', 'uint8'] as const) {
      const out = laidOut(dtype, [17], { offset: 2 });
      arange(out, 3, 5);
      expect(read(out)).toEqual(Array.from({ length: 17 }, (_, i) => as(dtype, 3 + 5 * i)));
    }
    const out = tensor('float32', [1001]);
    arange(out, -1.5, 0.1);
    expect(read(out)).toEqual(Array.from({ length: 1001 }, (_, i) => Math.fround(-1.5 + i * 0.1)));
  });
});
