import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from './random.ts';
import { Refusal, type Contender, type OpenPeer, type Task } from './task.ts';

export interface Result {
  readonly contender: string;
  /** Milliseconds per run. */
  readonly min: number;
  readonly median: number;
  /** Timed samples, each of `repeats` runs. */
  readonly samples: number;
  readonly repeats: number;
  /** Largest difference from the oracle, relative to the largest output. */
  readonly error: number;
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
  readonly threads: number;
  /** Timed samples of each contender; by default as many as fill half a second, and at least 15. */
  readonly runs?: number | undefined;
}

/** Timed samples in a row, before it is the next contender's turn. */
const TURN = 3;
const MIN_SAMPLES = 15;
const MS_PER_CONTENDER = 500;
const WARM_UP_MS = 150;
/** Runs shorter than this are repeated within a sample, so that the clock's grain does not show. */
const SAMPLE_MS = 0.05;
/** A pool of threads spins for a while after its work; the next contender waits until it sleeps. */
const SETTLE_MS = 5;
/** Float32 in another order of summation, Winograd's transforms included, stays far below this. */
const TOLERANCE = 1e-4;

/**
 * Measures one task. Every contender first shows that its output is right, as a wrong result has no speed, and
 * is warmed up. Then they take turns, A B C A B C …, so that a change in the machine's speed hits all alike. A
 * turn begins with a run that is not timed, which brings back what the others have driven out of the caches.
 */
export async function measure(
  task: Task,
  peers: ReadonlyMap<string, OpenPeer>,
  { threads, runs }: RunnerOptions,
): Promise<Measurement> {
  const absences: Absence[] = [];
  const entrants: Entrant[] = [];
  const oracle = new Oracle(task);
  for (const [name, peer] of peers) {
    let contender: Contender | undefined;
    try {
      contender = await peer.prepare(task);
      const error = oracle.check(name, await contender.output());
      entrants.push({ name, contender, error, repeats: await warmUp(contender), times: [] });
    } catch (error) {
      await contender?.dispose();
      absences.push({
        contender: name,
        reason: (error as Error).message,
        failed: !(error instanceof Refusal),
      });
    }
  }

  const until = performance.now() + MS_PER_CONTENDER * entrants.length;
  const enough = (samples: number): boolean =>
    runs === undefined ? samples >= MIN_SAMPLES && performance.now() >= until : samples >= runs;
  for (let samples = 0; entrants.length > 0 && !enough(samples); samples += TURN) {
    for (const { contender, repeats, times } of entrants) {
      if (threads > 1) await sleep(SETTLE_MS);
      await contender.time(1, repeats);
      times.push(...(await contender.time(TURN, repeats)));
    }
  }
  for (const { contender } of entrants) await contender.dispose();
  return { task, absences, results: entrants.map(toResult) };
}

interface Entrant {
  readonly name: string;
  readonly contender: Contender;
  readonly error: number;
  readonly repeats: number;
  readonly times: number[];
}

function toResult({ name, times, repeats, error }: Entrant): Result {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (i: number): number => sorted[i] ?? Number.NaN;
  const half = sorted.length / 2;
  const median = (at(Math.ceil(half) - 1) + at(Math.floor(half))) / 2;
  return { contender: name, min: at(0), median, samples: times.length, repeats, error };
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
