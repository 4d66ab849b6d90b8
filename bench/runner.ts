import { setTimeout as sleep } from 'node:timers/promises';
import type { Lane } from './lanes.ts';
import { Random } from './random.ts';
import { Refusal, type Contender, type Task } from './task.ts';

export interface Result {
  /** The id of its lane. */
  readonly contender: string;
  /** Milliseconds per run. */
  readonly min: number;
  readonly median: number;
  /** Timed samples, each of `repeats` runs. */
  readonly samples: number;
  readonly repeats: number;
  /** Largest difference from the oracle, relative to the largest output. */
  readonly error: number;
  /** Milliseconds of the first call of this shape in a process, where that was measured. */
  readonly first?: number;
}

/** A contender that was not timed: it cannot do the task, or (`failed`) it threw, or its output is wrong. */
export interface Absence {
  readonly contender: string;
  readonly reason: string;
  readonly failed: boolean;
}

export interface Measurement {
  readonly task: Task;
  readonly results: readonly Result[];
  readonly absences: readonly Absence[];
}

export interface RunnerOptions {
  /** Timed samples of each contender; by default as many as fill its `milliseconds`, and at least 15. */
  readonly runs?: number | undefined;
  readonly milliseconds: number;
  /** The highest peak of each lane so far, by its id; GFLOP/s. */
  readonly peaks: Map<string, number>;
}

/** Timed samples in a row, before it is the next contender's turn. */
const TURN = 3;
const MIN_SAMPLES = 15;
const WARM_UP_MS = 150;
/** Runs shorter than this are repeated within a sample, so that the clock's grain does not show. */
const SAMPLE_MS = 0.05;
/** A pool of threads spins for a while after its work; the next contender waits until it sleeps. */
const SETTLE_MS = 10;
/** Float32 in another order of summation, Winograd's transforms included, stays far below this. */
const TOLERANCE = 1e-4;

/**
 * Measures one task. Every contender first shows that its output is right, as a wrong result has no speed, and
 * is warmed up. Then they take turns, A B C A B C …, so that a change in the machine's speed hits all alike. A
 * turn begins with a run that is not timed, which brings back what the others have driven out of the caches.
 */
export async function measure(
  task: Task,
  lanes: readonly Lane[],
  { runs, milliseconds, peaks }: RunnerOptions,
): Promise<Measurement> {
  const absences: Absence[] = [];
  const entrants: Entrant[] = [];
  const oracle = new Oracle(task);
  for (const lane of lanes) {
    let contender: Contender | undefined;
    try {
      contender = await lane.open.prepare(task);
      const error = oracle.check(lane.info.name, await contender.output());
      entrants.push({ lane, contender, error, repeats: await warmUp(contender), times: [] });
    } catch (error) {
      await contender?.dispose();
      absences.push(absenceOf(lane, error as Error));
    }
  }
  await notePeaks(lanes, peaks);

  const until = performance.now() + milliseconds * entrants.length;
  const enough = (samples: number): boolean =>
    runs === undefined ? samples >= MIN_SAMPLES && performance.now() >= until : samples >= runs;
  const threaded = lanes.some(({ info }) => info.threads > 1);
  for (let samples = 0; entrants.length > 0 && !enough(samples); samples += TURN) {
    for (const { contender, repeats, times } of entrants) {
      if (threaded) await sleep(SETTLE_MS);
      await contender.time(1, repeats);
      times.push(...(await contender.time(TURN, repeats)));
    }
  }
  for (const { contender } of entrants) await contender.dispose();
  return { task, absences, results: entrants.map(toResult) };
}

export const absenceOf = ({ info }: Lane, error: Error): Absence => ({
  contender: info.id,
  reason: error.message,
  failed: !(error instanceof Refusal),
});

/** The machine's speed changes with its load and warmth, so the peak is looked for all the time. */
async function notePeaks(lanes: readonly Lane[], peaks: Map<string, number>): Promise<void> {
  for (const { info, open } of lanes) {
    if (open.peak) peaks.set(info.id, Math.max(peaks.get(info.id) ?? 0, await open.peak()));
  }
}

interface Entrant {
  readonly lane: Lane;
  readonly contender: Contender;
  readonly error: number;
  readonly repeats: number;
  readonly times: number[];
}

function toResult({ lane, times, repeats, error }: Entrant): Result {
  const { min, median } = extremes(times);
  return { contender: lane.info.id, min, median, samples: times.length, repeats, error };
}

export function extremes(times: readonly number[]): { min: number; median: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (i: number): number => sorted[i] ?? Number.NaN;
  const half = sorted.length / 2;
  return { min: at(0), median: (at(Math.ceil(half) - 1) + at(Math.floor(half))) / 2 };
}

/** Runs until compilers and caches have seen enough; gives the repeats that fill a sample. */
async function warmUp(contender: Contender): Promise<number> {
  const until = performance.now() + WARM_UP_MS;
  let fastest = Number.POSITIVE_INFINITY;
  let repeats = 1;
  for (let i = 0; i < 3 || performance.now() < until; i++) {
    const [time = 0] = await contender.time(1, repeats);
    fastest = Math.min(fastest, time);
    repeats = Math.max(1, Math.ceil(SAMPLE_MS / fastest));
  }
  return repeats;
}

/** Compares the first right output with the definition, at some places; all others with it, everywhere. */
class Oracle {
  readonly #task: Task;
  #first: { name: string; output: Float32Array } | undefined;

  constructor(task: Task) {
    this.#task = task;
  }

  /** @returns the largest difference, relative to the largest output. @throws if it is too large. */
  check(name: string, output: Float32Array): number {
    const error = this.#first ? this.#compare(output, this.#first) : this.#sample(output);
    const other = this.#first?.name ?? 'the definition';
    if (!(error <= TOLERANCE)) {
      throw new Error(`differs from ${other} by ${error.toExponential(1)} of the largest output`);
    }
    this.#first ??= { name, output };
    return error;
  }

  #compare(output: Float32Array, first: { name: string; output: Float32Array }): number {
    if (output.length !== first.output.length) {
      throw new Error(`gives ${output.length} elements, ${first.name} gives ${first.output.length}`);
    }
    return relativeError(output, output.keys(), (i) => first.output[i] ?? Number.NaN);
  }

  #sample(output: Float32Array): number {
    const { expected } = this.#task;
    return expected ? relativeError(output, somePlaces(output.length), expected) : 0;
  }
}

/** The first, the last, and some between. */
function somePlaces(length: number): Set<number> {
  const random = new Random(length);
  return new Set([0, length - 1, ...Array.from({ length: 62 }, () => random.integer(0, length - 1))]);
}

function relativeError(
  output: Float32Array,
  places: Iterable<number>,
  expected: (index: number) => number,
): number {
  let difference = 0;
  let largest = 0;
  for (const i of places) {
    const value = expected(i);
    const gap = Math.abs((output[i] ?? Number.NaN) - value);
    if (!(gap <= difference)) difference = gap; // a NaN is a difference, too
    largest = Math.max(largest, Math.abs(value));
  }
  return difference === 0 ? 0 : difference / largest;
}
