/**
 * What it costs to share a kernel among threads: starting them, a job for threads that are awake or asleep, and what is
 * won. Every core should be free.
 *
 *     MILLRACE_TARGET=wasm npx tsx bench/micro/threads.ts [threads]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { launch } from '../../src/device/launch.ts';
import { allocate, bytesOf } from '../../src/device/memory.ts';
import { currentTarget } from '../../src/device/target.ts';
import { setNumThreads } from '../../src/device/threads/number.ts';
import * as flow from '../../src/index.ts';
import { eachLane, inout, kernel } from '../../src/lang/index.ts';

const threads = Number(process.argv[2] ?? 2);

const square = kernel('bench square', { x: inout('f32') }, ({ x }, range) => {
  eachLane(range, (i) => x.set(i, x.at(i).mul(x.at(i))));
});

const now = (): number => performance.now() * 1000;
const report = (name: string, times: number[]): void => {
  times.sort((a, b) => a - b);
  const [least, middle] = [times[0]!, times[times.length >> 1]!];
  console.log(
    `${name.padEnd(48)} min ${least.toFixed(2).padStart(9)}   median ${middle.toFixed(2).padStart(9)} µs`,
  );
};
const timed = (work: () => void): number => {
  const begin = now();
  work();
  return now() - begin;
};
const often = (work: () => void, times = 3000): number[] => Array.from({ length: times }, () => timed(work));

const pool = currentTarget().pool;
if (pool === null) throw new Error(`${currentTarget().name} has no threads`);
console.log(`${currentTarget().name}, ${String(threads)} threads`);

const size = 2 ** 20;
const x = allocate(4 * size);
bytesOf(x).fill(0);
const job = (positions: number, grain?: number) => () =>
  launch(square, { x }, 0, positions, grain === undefined ? {} : { grain });

setNumThreads(1);
job(size)();
report('16 positions, one thread', often(job(16)));

setNumThreads(threads);
const begin = now();
report('first job', [timed(job(size, 1024))]);
while (pool.started < threads) {
  job(size, 1024)();
  await sleep(1);
}
report('until all threads have started', [now() - begin]);
report('16 positions in 2 chunks, threads awake', often(job(16, 8)));
report('16 positions in 16 chunks, threads awake', often(job(16, 1)));
const asleep: number[] = [];
for (let k = 0; k < 200; k++) {
  await sleep(3);
  asleep.push(timed(job(1024, 1)));
}
report('1024 positions in 16 chunks, threads asleep', asleep);

for (const positions of [2 ** 14, 2 ** 15, 2 ** 16, 2 ** 17, 2 ** 18, 2 ** 20]) {
  for (const n of [1, threads]) {
    setNumThreads(n);
    report(`${String(positions)} positions, ${String(n)} threads`, often(job(positions, 2 ** 13), 500));
  }
}

const a = flow.randn([512, 512]);
const b = flow.randn([512, 512]);
const image = flow.randn([1, 64, 56, 56]);
const weight = flow.randn([64, 64, 3, 3]);
for (const [name, work] of [
  ['matmul 512', () => flow.matmul(a, b)],
  ['conv2d 3x3, 64 channels, 56x56', () => flow.conv2d(image, weight, null, { padding: 1 })],
  ['softmax 512x512', () => flow.softmax(a, 1)],
  ['sum 512x512', () => flow.sum(a)],
] as const) {
  for (const n of [1, threads]) {
    setNumThreads(n);
    flow.noGrad(() =>
      report(
        `${name}, ${String(n)} threads`,
        often(() => work().storage.dispose(), 200),
      ),
    );
  }
}
