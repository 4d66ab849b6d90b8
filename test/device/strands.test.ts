import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launch } from '../../src/device/launch.ts';
import { allocate, bytesOf, workspace } from '../../src/device/memory.ts';
import { ownWorkspace, strandNow, strands, strandThreads } from '../../src/device/strands.ts';
import { availableTargets, currentTarget, setTarget } from '../../src/device/target.ts';
import { getNumThreads, setNumThreads } from '../../src/device/threads/number.ts';
import { withGrain } from '../../src/device/threads/share.ts';
import * as flow from '../../src/index.ts';
import { index, inout, input, kernel, loop, scalar } from '../../src/lang/index.ts';

const initial = getNumThreads();
afterEach(() => setNumThreads(initial));

/** out[i] = value */
const put = kernel('test put', { out: inout('i32'), value: scalar('i32') }, ({ out, value }, range) => {
  loop(range, (i) => out.set(i, value));
});
/** out[to + i] += x[i] */
const addTo = kernel(
  'test add to',
  { x: input('i32'), out: inout('i32'), to: index },
  ({ x, out, to }, range) => {
    loop(range, (i) => {
      const there = to.add(i);
      out.set(there, out.scalar(there).add(x.scalar(i)));
    });
  },
);

const LENGTH = 37;

/** Each strand fills its scratch memory and adds it to its place in `out`, several times. */
const run = (count: number, times = 1): number[] => {
  const out = allocate(4 * LENGTH * count);
  bytesOf(out).fill(0);
  withGrain(1, () => {
    strands(count, 1, (k) => {
      for (let time = 0; time < times; time++) {
        const x = ownWorkspace('test strand', 4 * LENGTH);
        launch(put, { out: x, value: 1000 * k + time }, 0, LENGTH);
        launch(addTo, { x, out, to: LENGTH * k }, 0, LENGTH);
      }
    });
  });
  return [...new Int32Array(bytesOf(out).slice().buffer)];
};
const expected = (count: number, times = 1): number[] =>
  Array.from({ length: count * LENGTH }, (_, i) => {
    const k = Math.floor(i / LENGTH);
    return times * 1000 * k + (times * (times - 1)) / 2;
  });

describe.each(availableTargets())('Strands on %s', (target) => {
  beforeAll(async () => {
    setTarget(target);
    setNumThreads(4);
    while ((currentTarget().pool?.started ?? 4) < 4) {
      withGrain(1, () => flow.ones([64]).add(1));
      await sleep(5);
    }
  });

  it.each([1, 2, 3, 4])(
    'make their launches in order, with memory of their own, on %i threads',
    (threads) => {
      setTarget(target);
      setNumThreads(threads);
      for (const count of [0, 1, 2, 7, 61]) {
        for (let time = 0; time < 20; time++) expect(run(count, 3)).toEqual(expected(count, 3));
      }
    },
  );

  it('may be more than are gathered at a time, and longer', () => {
    setTarget(target);
    setNumThreads(3);
    expect(run(1500)).toEqual(expected(1500));
    expect(run(3, 4000)).toEqual(expected(3, 4000));
  });

  it('have pieces of one size in one memory, whatever was asked for', () => {
    setTarget(target);
    setNumThreads(3);
    const pieces: ReturnType<typeof ownWorkspace>[] = [];
    strands(2, 1, () => {
      for (const bytes of [1000, 300, 5000, 300, 1]) pieces.push(ownWorkspace('test sizes', bytes));
    });
    for (const { storage, apart } of pieces) {
      for (const other of pieces) if (other.storage === storage) expect(other.apart).toBe(apart);
      if (apart !== undefined) expect(3 * apart).toBeLessThanOrEqual(storage.byteLength);
    }
  });

  it('leave nothing behind when they fail', () => {
    setTarget(target);
    setNumThreads(2);
    const out = allocate(4);
    bytesOf(out).fill(0);
    expect(() => {
      strands(2, 1, (k) => {
        launch(put, { out, value: 5 }, 0, 1);
        if (k === 1) throw new Error('no');
      });
    }).toThrow('no');
    expect(strandNow()).toBe(null);
    expect(run(5)).toEqual(expected(5));
  });

  it('within strands are part of them', () => {
    setTarget(target);
    setNumThreads(2);
    const out = allocate(4 * 6);
    bytesOf(out).fill(0);
    const one = allocate(4);
    new Int32Array(bytesOf(one).buffer, bytesOf(one).byteOffset, 1)[0] = 1;
    withGrain(1, () => {
      strands(2, 1, (k) => {
        if (strandThreads() !== 1) throw new Error('a strand runs on one thread');
        strands(3, 1, (j) => {
          launch(addTo, { x: one, out, to: 3 * k + j }, 0, 1);
        });
      });
    });
    expect([...new Int32Array(bytesOf(out).slice().buffer)]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('keep memory that is given up before their launches are made', () => {
    setTarget(target);
    setNumThreads(2);
    const out = allocate(4 * LENGTH * 2);
    bytesOf(out).fill(0);
    withGrain(1, () => {
      strands(2, 1, (k) => {
        const x = workspace(`test strand ${String(k)}`, 4 * LENGTH + 16384);
        launch(put, { out: x, value: 3 + k }, 0, LENGTH);
        launch(addTo, { x, out, to: LENGTH * k }, 0, LENGTH);
        // The name's memory is another now, and somebody else may want that of before.
        workspace(`test strand ${String(k)}`, 4 * LENGTH + 65536);
        const other = allocate(4 * LENGTH + 16384);
        launch(put, { out: other, value: -1 }, 0, LENGTH);
      });
    });
    const values = [...new Int32Array(bytesOf(out).slice().buffer)];
    expect(values).toEqual([...new Array<number>(LENGTH).fill(3), ...new Array<number>(LENGTH).fill(4)]);
  });
});
