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

export interface Refused {
  readonly contender: string;
  readonly refusal: string;
}

export interface Measurement {
  readonly task: Task;
  readonly results: readonly Result[];
  readonly refused: readonly Refused[];
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

/** A contender gives another result than the oracle. */
export class Disagreement extends Error {}

/**
 * Measures one task. Every contender first shows that its output is right and is warmed up; then they take
 * turns, A B C A B C …, so that a change in the machine's speed hits all alike. A turn begins with a run that
 * is not timed, which brings back what the others have driven out of the caches.
 *
 * @throws Disagreement when an output is wrong: a wrong result has no speed.
 */
export async function measure(
  task: Task,
  peers: ReadonlyMap<string, OpenPeer>,
  { threads, runs }: RunnerOptions,
): Promise<Measurement> {
  const refused: Refused[] = [];
  const entrants: Entrant[] = [];
  try {
    for (const [name, peer] of peers) {
      try {
        entrants.push({ name, contender: await peer.prepare(task), error: 0, repeats: 1, times: [] });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        refused.push({ contender: name, refusal: error.message });
      }
    }
    await checkOutputs(task, entrants);
    for (const entrant of entrants) entrant.repeats = await warmUp(entrant.contender);

    const until = performance.now() + MS_PER_CONTENDER * entrants.length;
    const enough = (samples: number): boolean =>
      runs === undefined ? samples >= MIN_SAMPLES && performance.now() >= until : samples >= runs;
    for (let samples = 0; !enough(samples); samples += TURN) {
      for (const { contender, repeats, times } of entrants) {
        if (threads > 1) await sleep(SETTLE_MS);
        await contender.time(1, repeats);
        times.push(...(await contender.time(TURN, repeats)));
      }
    }
  } finally {
    for (const { contender } of entrants) await contender.dispose();
  }
  return { task, refused, results: entrants.map(toResult) };
}

interface Entrant {
  readonly name: string;
  readonly contender: Contender;
  readonly times: number[];
  error: number;
  repeats: number;
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

/** Compares the first output with the definition, at some places, and all others with the first, everywhere. */
async function checkOutputs(task: Task, entrants: readonly Entrant[]): Promise<void> {
  let first: { name: string; output: Float32Array } | undefined;
  for (const entrant of entrants) {
    const output = await entrant.contender.output();
    if (first) {
      const { name, output: oracle } = first;
      if (oracle.length !== output.length) {
        throw new Disagreement(
          `${task.name}: ${entrant.name} gives ${output.length} elements, ${name} gives ${oracle.length}`,
        );
      }
      entrant.error = relativeError(output, output.keys(), (i) => oracle[i] ?? Number.NaN);
    } else if (task.expected) {
      entrant.error = relativeError(output, somePlaces(output.length), task.expected);
    }
    if (!(entrant.error <= TOLERANCE)) {
      const other = first?.name ?? 'the definition';
      const error = entrant.error.toExponential(1);
      throw new Disagreement(
        `${task.name}: ${entrant.name} and ${other} differ by ${error} of the largest output`,
      );
    }
    first ??= { name: entrant.name, output };
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
