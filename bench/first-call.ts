/** What the first call of a shape costs more than a later one: code to assemble, plans to make, memory to get. */
import { openLane, type Lane, type Setup } from './lanes.ts';
import { absenceOf, extremes, type Absence, type Measurement, type Result } from './runner.ts';
import type { Contender, Task } from './task.ts';

const LATER = 15;

/**
 * Each contender gets a new process for each task. It is warmed up with `warmUp`, so that the start of the library is
 * not in the figures; then the first call of the task is timed, and some later ones. What a library builds for one
 * shape before it can be called, such as onnxruntime's session, counts as part of the first call.
 */
export async function measureFirstCalls(
  task: Task,
  warmUp: Task,
  setups: readonly Setup[],
): Promise<Measurement> {
  const results: Result[] = [];
  const absences: Absence[] = [];
  for (const setup of setups) {
    const lane = await openLane(setup);
    try {
      results.push(await firstCall(lane, task, warmUp));
    } catch (error) {
      absences.push(absenceOf(lane, error as Error));
    } finally {
      await lane.open.close();
    }
  }
  return { task, results, absences };
}

async function firstCall({ info, open }: Lane, task: Task, warmUp: Task): Promise<Result> {
  await timed(await open.prepare(warmUp), 20);
  const contender = await open.prepare(task);
  const [first = Number.NaN] = await contender.time(1, 1);
  await contender.time(5, 1);
  const times = await timed(contender, LATER);
  return {
    contender: info.id,
    ...extremes(times),
    samples: LATER,
    repeats: 1,
    error: 0,
    first: first + (contender.setupMs ?? 0),
  };
}

async function timed(contender: Contender, samples: number): Promise<number[]> {
  const times = await contender.time(samples, 1);
  await contender.dispose();
  return times;
}
