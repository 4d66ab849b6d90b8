/** What the machine can do at best: multiply-adds on registers alone. */
import type * as Launch from '../src/device/launch.ts';
import type * as Memory from '../src/device/memory.ts';
import type * as Targets from '../src/device/target.ts';
import type * as Lang from '../src/lang/index.ts';

/** The parts of Millrace that this needs, from `src/` or from `dist/`. */
export type Rooms = Pick<typeof Lang, 'accumulator' | 'index' | 'kernel' | 'loop' | 'output' | 'unroll'> &
  Pick<typeof Memory, 'allocate'> &
  Pick<typeof Launch, 'launch'> &
  Pick<typeof Targets, 'currentTarget'>;

/** Enough of them to hide the latency of any processor's multiply-add: two a cycle, four to five cycles each. */
const CHAINS = 12;
/** Steps of one position: long enough that sharing them among threads costs nothing beside. */
const STEPS = 20_000;

const peakKernel = ({ accumulator, index, kernel, loop, output, unroll }: Rooms) =>
  kernel('bench peak', { out: output('f32'), steps: index }, ({ out, steps }, range) => {
    loop(range, (position) => {
      const sums = unroll(CHAINS, (i) => accumulator('f32', { initial: i / 100 }));
      const factor = accumulator('f32', { initial: 0.5 });
      loop(steps, () => {
        for (const sum of sums) sum.accumulate(factor, factor);
      });
      sums.forEach((sum, i) => {
        out.set(position.mul(CHAINS).add(i).mul(sum.lanes), sum);
      });
    });
  });

const prepared = new WeakMap<Rooms, () => void>();

/** GFLOP/s of fused multiply-adds on the current target with so many threads: the best of a few milliseconds. */
export const measurePeak = (rooms: Rooms, threads: number): number => {
  const { machine } = rooms.currentTarget();
  const positions = threads === 1 ? 1 : 8 * threads;
  let run = prepared.get(rooms);
  if (!run) {
    const kernel = peakKernel(rooms);
    const out = rooms.allocate(positions * CHAINS * machine.vectorBytes);
    run = () => {
      rooms.launch(kernel, { out, steps: STEPS }, 0, positions, { grain: 1 });
    };
    prepared.set(rooms, run);
  }
  let best = Infinity;
  const until = performance.now() + 4;
  for (let turn = 0; turn < 4 || performance.now() < until; turn++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return (2 * CHAINS * machine.lanes('f32') * STEPS * positions) / best / 1e6;
};
