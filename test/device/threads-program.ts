/** Programs of their own for threads.test.ts: how they end, and several users of the library in one process. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { currentTarget } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';

interface User {
  readonly user: number;
  /** Two kinds are ended from outside. */
  readonly ending: 'by itself' | 'working' | 'idle';
}

/** Work for all threads, and a number that it comes to. */
const work = (seed: number): number => {
  flow.manualSeed(seed);
  const x = flow.randn([200, 300]).matmul(flow.randn([300, 250]));
  return x.exp().sum().item();
};

const started = async (): Promise<number> => {
  const pool = currentTarget().pool!;
  for (let tries = 0; pool.started < flow.getNumThreads() && tries < 2000; tries++) {
    work(0);
    await sleep(2);
  }
  return pool.started;
};

/** What each user computes, with the others beside it. */
const results = (user: number): number[] => Array.from({ length: 15 }, (_, k) => work(100 * user + k));

if (!isMainThread) {
  const { user, ending } = workerData as User;
  await started();
  if (ending === 'by itself') parentPort!.postMessage(results(user));
  else {
    parentPort!.postMessage('started');
    while (ending === 'working') work(user);
    await sleep(2 ** 30);
  }
} else {
  const [part] = process.argv.slice(2);
  if (part === 'end' || part === 'exit') {
    const threads = await started();
    if (part === 'end')
      process.stdout.write(`${String(threads)} of ${String(flow.getNumThreads())} threads\n`);
    work(1);
    // Threads are awake now.
    if (part === 'exit') process.exit(7);
  } else {
    const user = (data: User) => {
      // A worker has to be told anew how TypeScript is read.
      const start = `import('tsx/esm/api').then(({ register }) => (register(), import(${JSON.stringify(import.meta.url)})));`;
      const worker = new Worker(start, { eval: true, workerData: data });
      const message = new Promise<unknown>((resolve, reject) => {
        worker.once('message', resolve);
        worker.once('error', reject);
      });
      return { worker, message };
    };
    const users = [1, 2].map((k) => user({ user: k, ending: 'by itself' }));
    for (const ending of ['working', 'idle'] as const) {
      const interrupted = user({ user: 3, ending });
      await interrupted.message;
      // In the midst of its work, or while its threads sleep.
      await sleep(5);
      await interrupted.worker.terminate();
    }
    await started();
    const here = [1, 2].map(results);
    const there = await Promise.all(users.map(({ message }) => message));
    flow.setNumThreads(1);
    const alone = [1, 2].map(results);
    const agree =
      JSON.stringify(here) === JSON.stringify(alone) && JSON.stringify(there) === JSON.stringify(alone);
    process.stdout.write(agree ? 'all agree\n' : 'they differ\n');
  }
}
