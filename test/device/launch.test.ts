import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heap } from '../../src/device/heap.ts';
import { launch, type LaunchArguments } from '../../src/device/launch.ts';
import type { Storage } from '../../src/device/storage.ts';
import { setTarget, targetNames } from '../../src/device/target.ts';
import { eachLane, index, inout, input, kernel, loop, output, scalar } from '../../src/lang/index.ts';

const MEBIBYTE = 2 ** 20;

const scaleAdd = kernel(
  'test scaleAdd',
  { a: input('f32'), b: input('f32'), factor: scalar('f32'), out: output('f32') },
  ({ a, b, factor, out }, range) => {
    eachLane(range, (i) => out.set(i, a.at(i).mul(factor.splat(i.lanes)).add(b.at(i))));
  },
);

/** Stores each number that it is given. */
const tell = kernel(
  'test tell',
  {
    f64s: inout('f64'),
    i32s: inout('i32'),
    i64s: inout('i64'),
    double: scalar('f64'),
    int: scalar('i32'),
    long: scalar('i64'),
    count: index,
  },
  ({ f64s, i32s, i64s, double, int, long, count }) => {
    loop(count, (i) => {
      f64s.set(i, double);
      i32s.set(i, int);
      i64s.set(i, long);
    });
  },
);

const storageOf = (values: ArrayBufferView): Storage => {
  const storage = heap.allocate(values.byteLength);
  heap.bytes(storage).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return storage;
};
const floatsIn = (storage: Storage): number[] => [...new Float32Array(heap.bytes(storage).slice().buffer)];

describe.each(targetNames)('Launching on %s', (target) => {
  beforeAll(() => {
    setTarget(target);
  });
  afterAll(() => {
    setTarget('wasm');
  });

  it('runs a kernel over its range, and not beyond', () => {
    const a = storageOf(Float32Array.of(1, 2, 3, 4, 5, 6, 7));
    const b = storageOf(Float32Array.of(10, 20, 30, 40, 50, 60, 70));
    const out = storageOf(new Float32Array(7).fill(-1));
    launch(scaleAdd, { a, b, factor: 2, out }, 1, 6);
    expect(floatsIn(out)).toEqual([-1, 24, 36, 48, 60, 72, -1]);
  });

  it('begins a region at its byte', () => {
    const a = storageOf(Float32Array.of(1, 2, 3, 4, 5));
    const b = storageOf(Float32Array.of(10, 20, 30));
    const out = storageOf(new Float32Array(4).fill(-1));
    launch(
      scaleAdd,
      { a: { storage: a, byteOffset: 8 }, b, factor: 1, out: { storage: out, byteOffset: 4 } },
      0,
      2,
    );
    expect(floatsIn(out)).toEqual([-1, 13, 24, -1]);
  });

  it('passes numbers of every type', () => {
    const f64s = storageOf(new Float64Array(2));
    const i32s = storageOf(new Int32Array(2));
    const i64s = storageOf(new BigInt64Array(2));
    const long = -(2n ** 61n) + 3n;
    launch(tell, { f64s, i32s, i64s, double: 0.1, int: -5, long, count: 2 }, 0, 1);
    expect([...new Float64Array(heap.bytes(f64s).slice().buffer)]).toEqual([0.1, 0.1]);
    expect([...new Int32Array(heap.bytes(i32s).slice().buffer)]).toEqual([-5, -5]);
    expect([...new BigInt64Array(heap.bytes(i64s).slice().buffer)]).toEqual([long, long]);
  });

  it('sees the memory after it has grown', () => {
    const a = storageOf(Float32Array.of(3));
    const out = storageOf(new Float32Array(1));
    launch(scaleAdd, { a, b: a, factor: 1, out }, 0, 1);
    const before = heap.stats().heapBytes;
    const large = heap.allocate(before);
    expect(heap.stats().heapBytes).toBeGreaterThan(before);
    launch(scaleAdd, { a, b: a, factor: 2, out }, 0, 1);
    expect(floatsIn(out)).toEqual([9]);
    large.dispose();
  });

  it('brings in arguments that were moved out, without moving one of them for another', () => {
    // Three arguments fill the heap: bringing the last one in finds room only where no argument lies.
    const elements = MEBIBYTE / 4;
    const arguments_ = [1, 2, 4].map((value) => storageOf(new Float32Array(elements).fill(value)));
    const [a, b, out] = arguments_ as [Storage, Storage, Storage];
    heap.setLimit(heap.stats().heapBytes);
    const others: Storage[] = [];
    while (arguments_.some(({ slot }) => slot.address !== 0)) others.push(heap.allocate(MEBIBYTE));
    const { reloads } = heap.stats();
    launch(scaleAdd, { a, b, factor: 3, out }, 0, elements);
    expect(heap.stats().reloads).toBe(reloads + 3);
    expect(floatsIn(out).every((value) => value === 5)).toBe(true);
    expect(arguments_.map(({ slot }) => slot.pins)).toEqual([0, 0, 0]);
    heap.setLimit(512 * MEBIBYTE);
    for (const storage of [...others, ...arguments_]) storage.dispose();
  });
});

describe('Launching refuses', () => {
  const a = storageOf(Float32Array.of(1, 2));
  const good = { f64s: a, i32s: a, i64s: a, double: 0, int: 0, long: 0, count: 0 };
  type Given = Record<string, unknown>;

  it.each<[string, Given, string]>([
    ['a missing tensor', { f64s: undefined }, 'argument f64s must be a storage or a region of one'],
    ['a number for a tensor', { i32s: 3 }, 'argument i32s must be a storage or a region of one'],
    ['a missing number', { int: undefined }, 'argument int must be a number, got undefined'],
    ['a text for a number', { double: '1' }, 'argument double must be a number, got string'],
    ['an index with a fraction', { count: 1.5 }, 'count = 1.5 is no index: an integer from 0 to 4294967295'],
    ['a negative index', { count: -1 }, 'count = -1 is no index: an integer from 0 to 4294967295'],
    ['an index of 33 bits', { count: 2 ** 32 }, 'count = 4294967296 is no index'],
    ['a long that is no number', { long: NaN }, 'long = NaN is no integer'],
    ['an infinite long', { long: -Infinity }, 'long = -Infinity is no integer'],
    [
      'an offset beyond the end',
      { f64s: { storage: a, byteOffset: 9 } },
      'f64s begins at byte 9 of a storage of 8',
    ],
    [
      'an offset before the start',
      { f64s: { storage: a, byteOffset: -4 } },
      'f64s begins at byte -4 of a storage of 8',
    ],
    [
      'an offset with a fraction',
      { f64s: { storage: a, byteOffset: 0.5 } },
      'f64s begins at byte 0.5 of a storage of 8',
    ],
  ])('%s', (_, wrong, text) => {
    const given = { ...good, ...wrong } as unknown as LaunchArguments<typeof tell.spec>;
    expect(() => launch(tell, given, 0, 1)).toThrow(`test tell: ${text}`);
  });

  it.each([
    [-1, 1],
    [0, 1.5],
    [0, NaN],
  ])('the range [%s, %s)', (begin, end) => {
    expect(() => launch(tell, good, begin, end)).toThrow(
      `test tell: [${String(begin)}, ${String(end)}) is no range of indices`,
    );
  });

  it('a storage that was given back', () => {
    const gone = heap.allocate(8);
    gone.dispose();
    expect(() => launch(tell, { ...good, f64s: gone }, 0, 1)).toThrow(/^this tensor's memory was given back/);
  });
});
