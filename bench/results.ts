/** What a run found, as it stands in its JSON file, and what follows from it. Times are in milliseconds. */
import type { LaneInfo } from './lanes.ts';
import type { Absence, Measurement, Result } from './runner.ts';
import { describeShape } from './tasks/conv2d.ts';
import type { PeerName, Task } from './task.ts';

export interface Report {
  readonly date: string;
  /** Number and name of the processor's cores. */
  readonly machine: string;
  /** conv2d, matmul … */
  readonly command: string;
  /** The words after `npm run bench --`. */
  readonly words: readonly string[];
  readonly direction?: string;
  readonly contenders: readonly ContenderInfo[];
  readonly tasks: readonly TaskResult[];
}

export interface ContenderInfo extends LaneInfo {
  /** GFLOP/s of multiply-adds on registers, with this number of threads. */
  readonly peak?: number;
}

export interface TaskResult {
  readonly name: string;
  /** Its shapes. */
  readonly what: string;
  readonly flops: number;
  readonly bytes: number;
  readonly results: readonly Result[];
  readonly absences: readonly Absence[];
}

export const taskResult = ({ task, results, absences }: Measurement): TaskResult => ({
  name: task.name,
  what: describeTask(task),
  flops: task.flops,
  bytes: task.bytes,
  results,
  absences,
});

const describeTask = (task: Task): string =>
  task.op === 'conv2d'
    ? describeShape(task.shape)
    : Object.values(task.inputs)
        .map(({ shape }) => `[${shape.join('×')}]`)
        .join(' ');

/** With tasks, contenders that did none of them are left out. */
type GroupedReport = Pick<Report, 'contenders'> & { readonly tasks?: readonly TaskResult[] };

/** Contenders of as many threads in the same Node: only they are compared. Python stands beside each Node. */
export interface Group {
  readonly threads: number;
  readonly node: string | undefined;
  readonly contenders: readonly ContenderInfo[];
}

export function groupsOf({ contenders: all, tasks }: GroupedReport): Group[] {
  const contenders = tasks ? all.filter((one) => tasks.some((task) => resultOf(one, task))) : all;
  const inNode = contenders.filter(({ node }) => node !== undefined);
  const heads = inNode.length > 0 ? inNode : contenders;
  const keys = new Map(heads.map(({ threads, node }) => [`${threads} ${node ?? ''}`, { threads, node }]));
  return [...keys.values()].map(({ threads, node }) => ({
    threads,
    node,
    contenders: contenders.filter(
      (other) => other.threads === threads && (other.node === undefined || other.node === node),
    ),
  }));
}

export const isOurs = ({ peer }: Pick<LaneInfo, 'peer'>): boolean => peer === 'millrace';

/** What the native peers of a run were limited to, and which they are; undefined where they used all that there is. */
export function limitOf(contenders: readonly LaneInfo[]): { isa: string; peers: PeerName[] } | undefined {
  const limited = contenders.filter((one) => !isOurs(one) && one.target !== undefined);
  const isa = limited[0]?.target?.toUpperCase();
  return isa === undefined ? undefined : { isa, peers: [...new Set(limited.map(({ peer }) => peer))] };
}

/** The same as a sentence, empty where there was no limit. */
export function limitNote(contenders: readonly LaneInfo[]): string {
  const limit = limitOf(contenders);
  return limit
    ? `Limited to ${limit.isa}, as on a processor that has nothing above it: ${limit.peers.join(', ')}.`
    : '';
}

/** WebAssembly is measured by WebAssembly, machine code by machine code. */
const rivals = (ours: LaneInfo): readonly PeerName[] =>
  ours.target === 'wasm' || ours.target === 'interpret' ? ['ort-web', 'tfjs-wasm'] : ['ort-node', 'torch'];

/** The time of the fastest rival over ours: by the fastest runs, and by the medians. Above 1 we are faster. */
export interface Standing {
  readonly rival: string;
  readonly min: number;
  readonly median: number;
}

/** How one of ours stands in its group; undefined where no rival did the task. */
export function standing(ours: ContenderInfo, task: TaskResult, group: Group): Standing | undefined {
  const own = resultOf(ours, task);
  const others = group.contenders.filter(({ peer }) => rivals(ours).includes(peer));
  const timed = others.flatMap((other) => {
    const result = resultOf(other, task);
    return result ? [{ name: other.name, ...result }] : [];
  });
  if (!own || timed.length === 0) return undefined;
  const fastest = timed.reduce((a, b) => (b.min < a.min ? b : a));
  return {
    rival: fastest.name,
    min: fastest.min / own.min,
    median: Math.min(...timed.map(({ median }) => median)) / own.median,
  };
}

export const resultOf = ({ id }: Pick<LaneInfo, 'id'>, { results }: TaskResult): Result | undefined =>
  results.find(({ contender }) => contender === id);

/** GFLOP/s or GB/s by a time; undefined where a task has neither. */
export function rate(task: TaskResult, ms: number): { figure: number; unit: 'GFLOP/s' | 'GB/s' } | undefined {
  if (task.flops > 0) return { figure: task.flops / ms / 1e6, unit: 'GFLOP/s' };
  if (task.bytes > 0) return { figure: task.bytes / ms / 1e6, unit: 'GB/s' };
  return undefined;
}

/** Which part of the peak of its own instructions a contender reaches in its fastest run. */
export function shareOfPeak({ peak }: ContenderInfo, task: TaskResult, ms: number): number | undefined {
  return peak === undefined || task.flops === 0 ? undefined : task.flops / ms / 1e6 / peak;
}

export const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

export interface Overall {
  readonly tasks: number;
  readonly least: number;
  readonly mean: number;
  readonly meanOfMedians: number;
}

/** One of ours over all tasks that a rival did as well. */
export function overall(
  ours: ContenderInfo,
  tasks: readonly TaskResult[],
  group: Group,
): Overall | undefined {
  const standings = tasks.flatMap((task) => standing(ours, task, group) ?? []);
  if (standings.length === 0) return undefined;
  const mins = standings.map(({ min }) => min);
  return {
    tasks: standings.length,
    least: Math.min(...mins),
    mean: geometricMean(mins),
    meanOfMedians: geometricMean(standings.map(({ median }) => median)),
  };
}

// How figures are written, on the terminal and in the docs.

export const duration = (ms: number): string => {
  if (ms < 1e-3) return `${digits(ms * 1e6)} ns`;
  return ms < 1 ? `${digits(ms * 1e3)} µs` : `${digits(ms)} ms`;
};

/** Three significant digits, no exponent. */
export const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

export const times = (ratio: number): string => `×${ratio >= 100 ? ratio.toFixed(0) : ratio.toFixed(2)}`;

export const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

/** A figure of a task: its rate, or where it has none, the time. */
export const figure = (task: TaskResult, ms: number): string => {
  const found = rate(task, ms);
  return found ? digits(found.figure) : duration(ms);
};

/** What `figure` counts in. */
export const unitOf = (tasks: readonly TaskResult[]): string => {
  const units = new Set(tasks.map((task) => rate(task, 1)?.unit ?? 'time'));
  return [...units].join(' or ');
};
