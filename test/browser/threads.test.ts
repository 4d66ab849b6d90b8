import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type * as library from './threads-entry.ts';
import { describeInPage, openPage } from './page.ts';

const entry = fileURLToPath(new URL('threads-entry.ts', import.meta.url));

/** Runs in pages: how many threads there are, how many started, and a few results on one thread and on three. */
async function compute(given: unknown) {
  const flow = given as typeof library;
  const work = (): number[][] => {
    flow.manualSeed(3);
    const x = flow.randn([2, 8, 20, 14], { requiresGrad: true });
    const y = flow.conv2d(x, flow.randn([12, 8, 3, 3])).exp();
    y.mean().backward();
    const z = flow
      .randn([90, 70])
      .matmul(flow.randn([70, 80]))
      .softmax(0);
    return [y, x.grad!, z, z.sum()].map((out) => [...(out.toTypedArray() as Float32Array)]);
  };
  flow.setNumThreads(1);
  const alone = work();
  flow.setNumThreads(3);
  const { pool } = flow.currentTarget();
  for (let tries = 0; flow.getNumThreads() > 1 && pool!.started < 3 && tries < 1000; tries++) {
    flow.withGrain(1, work);
    // Workers of a page start between its tasks.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const together = flow.withGrain(1, work);
  return { threads: flow.getNumThreads(), started: pool!.started, alone, together };
}

describeInPage('threads in a page', () => {
  it('share the work when it is cross-origin isolated, with the same results', async () => {
    await using page = await openPage({ entry });
    const { threads, started, alone, together } = await page.evaluate(compute);
    expect({ threads, started }).toEqual({ threads: 3, started: 3 });
    expect(together).toEqual(alone);
    expect(page.errors).toEqual([]);
  });

  it('are one where memory cannot be shared, however many are asked for', async () => {
    await using page = await openPage({ entry, isolated: false });
    const { threads, started, alone, together } = await page.evaluate(compute);
    expect({ threads, started }).toEqual({ threads: 1, started: 1 });
    expect(together).toEqual(alone);
    expect(page.errors).toEqual([]);
  });
});
