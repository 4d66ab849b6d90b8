import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import Table from 'cli-table3';
import { describeShape } from './tasks/conv2d.ts';
import type { Measurement, Result } from './runner.ts';
import type { Task } from './task.ts';

/** The contender that the others are compared with. */
const OURS = 'millrace';

/** How many times as long as Millrace a peer takes: by the fastest runs, and by the medians. */
interface Ratio {
  readonly min: number;
  readonly median: number;
}

function ratioOf(peer: Result, { results }: Measurement): Ratio | undefined {
  const ours = results.find(({ contender }) => contender === OURS);
  if (!ours || peer === ours) return undefined;
  return { min: peer.min / ours.min, median: peer.median / ours.median };
}

/** 10⁹ floating-point operations a second, those of the definition. */
const gflops = (task: Task, ms: number): number | undefined =>
  task.flops ? task.flops / ms / 1e6 : undefined;

const describe = (task: Task): string =>
  task.op === 'conv2d'
    ? describeShape(task.shape)
    : Object.values(task.inputs)
        .map(({ shape }) => `[${shape.join('×')}]`)
        .join(' ');

/** A block for one task: its name, then a line for each contender. Columns that would be empty are left out. */
export function taskReport(measurement: Measurement): string {
  const { task, results, absences } = measurement;
  const columns: readonly [string, (result: Result) => string][] = [
    ['', ({ contender }) => contender],
    ['min', ({ min }) => duration(min)],
    ['median', ({ median }) => duration(median)],
    ['GFLOP/s', ({ min }) => number(gflops(task, min))],
    ['(median)', ({ median }) => number(gflops(task, median))],
    ['ratio', (result) => times(ratioOf(result, measurement)?.min)],
    ['(median)', (result) => times(ratioOf(result, measurement)?.median)],
    ['error', ({ error }) => error.toExponential(0)],
  ];
  const filled = columns.filter(([, cell]) => results.some((result) => cell(result) !== ''));
  const table = plainTable(filled.map(([head]) => head));
  for (const result of results) table.push(filled.map(([, cell]) => cell(result)));
  const size = task.flops ? `  ${number(task.flops / 1e6)} MFLOP` : '';
  const absent = absences.map(
    ({ contender, reason, failed }) => `\n ${failed ? '!' : ' '}${contender} ${reason}`,
  );
  return `${task.name}  ${describe(task)}${size}\n${table.toString()}${absent.join('')}\n`;
}

/** All tasks on one page: our figure, and each peer's with its ratio to ours; geometric means at the end. */
export function summary(names: readonly string[], measurements: readonly Measurement[]): string {
  const table = plainTable(['', ...names]);
  for (const measurement of measurements) {
    const { task, results } = measurement;
    const cell = (name: string): string => {
      const result = results.find(({ contender }) => contender === name);
      if (!result) return '–';
      const figure = task.flops ? number(gflops(task, result.min)) : duration(result.min);
      return `${figure} ${times(ratioOf(result, measurement)?.min)}`.trimEnd();
    };
    table.push([task.name, ...names.map(cell)]);
  }
  const means = geometricMeans(measurements);
  if (means.size > 0) {
    const row = (label: string, of: (mean: Ratio) => number): string[] => [
      label,
      ...names.map((name) => {
        const mean = means.get(name);
        return mean ? times(of(mean)) : '';
      }),
    ];
    table.push(row('geometric mean, fastest runs', ({ min }) => min));
    table.push(row('geometric mean, medians', ({ median }) => median));
  }
  const unit = measurements.every(({ task }) => task.flops) ? 'GFLOP/s' : 'GFLOP/s or time';
  return `${unit} of the fastest runs, and ×: a peer's time over Millrace's\n${table.toString()}\n`;
}

/** For each peer, over the tasks that both it and Millrace did. */
function geometricMeans(measurements: readonly Measurement[]): Map<string, Ratio> {
  const ratios = new Map<string, Ratio[]>();
  for (const measurement of measurements) {
    for (const result of measurement.results) {
      const ratio = ratioOf(result, measurement);
      if (ratio) ratios.set(result.contender, [...(ratios.get(result.contender) ?? []), ratio]);
    }
  }
  const mean = (values: readonly number[]): number =>
    Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
  return new Map(
    [...ratios].map(([name, list]) => [
      name,
      { min: mean(list.map(({ min }) => min)), median: mean(list.map(({ median }) => median)) },
    ]),
  );
}

export interface Run {
  readonly command: string;
  readonly threads: number;
  /** Name → version. */
  readonly contenders: Readonly<Record<string, string>>;
}

/** Everything that was measured, with the machine it was measured on. Times are in milliseconds. */
export function writeJson(path: string, run: Run, measurements: readonly Measurement[]): void {
  const report = {
    date: new Date().toISOString(),
    machine: machine(),
    node: process.versions.node,
    v8: process.versions.v8,
    ...run,
    tasks: measurements.map((measurement) => {
      const { task, results, absences } = measurement;
      const { inputs: _, expected: __, ...rest } = task;
      return {
        ...rest,
        results: results.map((result) => ({
          ...result,
          gflops: gflops(task, result.min),
          gflopsMedian: gflops(task, result.median),
          ratio: ratioOf(result, measurement),
        })),
        absences,
      };
    }),
    geometricMeans: Object.fromEntries(geometricMeans(measurements)),
  };
  writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`);
}

export function machine(): string {
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? process.arch}`;
}

const duration = (ms: number): string =>
  ms < 0.001
    ? `${(ms * 1e6).toFixed(0)} ns`
    : ms < 1
      ? `${(ms * 1e3).toPrecision(3)} µs`
      : `${number(ms)} ms`;

/** Three significant digits, no exponent. */
const number = (value: number | undefined): string =>
  value === undefined ? '' : value >= 100 ? value.toFixed(0) : value.toPrecision(3);

const times = (ratio: number | undefined): string => (ratio === undefined ? '' : `×${ratio.toFixed(2)}`);

/** Columns without lines: the first to the left, figures to the right. */
function plainTable(head: string[]): Table.Table {
  const sides = ['top', 'bottom', 'left', 'right', 'mid'] as const;
  const corners = [
    'top-mid',
    'top-left',
    'top-right',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left-mid',
    'mid-mid',
    'right-mid',
  ] as const;
  return new Table({
    head,
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
    chars: { ...Object.fromEntries([...sides, ...corners].map((char) => [char, ''])), middle: ' ' },
    style: { 'padding-left': 1, 'padding-right': 0, head: [], border: [], compact: true },
  });
}
