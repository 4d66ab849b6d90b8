/**
 * What the machine can do at best, on one thread: multiply-adds on registers alone, in GFLOP/s.
 *
 *     npx tsx bench/micro/peak.ts
 */
import { allocate } from '../../src/device/memory.ts';
import { launch } from '../../src/device/launch.ts';
import { currentTarget } from '../../src/device/target.ts';
import { accumulator, index, kernel, loop, output, unroll } from '../../src/lang/index.ts';

/** Enough of them to hide the latency of any processor's multiply-add: two a cycle, four to five cycles each. */
const CHAINS = 12;

const peak = kernel('bench.peak', { out: output('f32'), n: index }, ({ out, n }) => {
  const sums = unroll(CHAINS, (i) => accumulator('f32', { initial: i / 100 }));
  const factor = accumulator('f32', { initial: 0.5 });
  loop(n, () => {
    for (const sum of sums) sum.accumulate(factor, factor);
  });
  sums.forEach((sum, i) => out.set(i * sum.lanes, sum));
});

/** GFLOP/s of fused multiply-adds on the current target. */
export const measurePeak = (): number => {
  const { machine } = currentTarget();
  const out = allocate(CHAINS * machine.vectorBytes);
  const n = 100_000;
  let best = Infinity;
  for (let turn = 0; turn < 60; turn++) {
    const start = performance.now();
    launch(peak, { out, n }, 0, 0);
    best = Math.min(best, performance.now() - start);
  }
  return (2 * CHAINS * machine.lanes('f32') * n) / best / 1e6;
};

console.log(`${currentTarget().name}: ${measurePeak().toFixed(1)} GFLOP/s`);
