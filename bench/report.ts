/** Tables on the terminal. */
import Table from 'cli-table3';
import {
  digits,
  duration,
  figure,
  groupsOf,
  isOurs,
  limitNote,
  overall,
  percent,
  resultOf,
  shareOfPeak,
  standing,
  times,
  unitOf,
  type ContenderInfo,
  type Group,
  type Overall,
  type Report,
  type TaskResult,
} from './results.ts';
import type { Result } from './runner.ts';

type Cell = [string, (result: Result, contender: ContenderInfo, group: Group) => string];

/** A block for one task: its name, then a line for each contender. Columns that would be empty are left out. */
export function taskReport(task: TaskResult, contenders: readonly ContenderInfo[]): string {
  const blocks = groupsOf({ contenders, tasks: [task] }).map((group) => groupBlock(task, group));
  const absent = task.absences.map(
    ({ contender, reason, failed }) => `${failed ? '!' : ' '}${contender}: ${reason}\n`,
  );
  const size = task.flops ? `  ${digits(task.flops / 1e6)} MFLOP` : '';
  return `${task.name}  ${task.what}${size}\n${blocks.join('\n')}\n${absent.join('')}`;
}

function groupBlock(task: TaskResult, group: Group): string {
  const ofStanding = (ours: ContenderInfo, which: 'min' | 'median'): string => {
    const calls = task.results.some(({ first }) => first !== undefined);
    const found = isOurs(ours) && !calls ? standing(ours, task, group) : undefined;
    return found ? times(found[which]) : '';
  };
  const optional = (value: number | undefined, show: (value: number) => string): string =>
    value === undefined ? '' : show(value);
  const unit = unitOf([task]);
  const columns: readonly Cell[] = [
    [headOf(group), (_, { name }) => name],
    ['first call', ({ first }) => optional(first, duration)],
    ['min', ({ min }) => duration(min)],
    ['median', ({ median }) => duration(median)],
    [unit, ({ min }) => (unit === 'time' ? '' : figure(task, min))],
    ['(median)', ({ median }) => (unit === 'time' ? '' : figure(task, median))],
    ['of peak', ({ min }, contender) => optional(shareOfPeak(contender, task, min), percent)],
    ['to rival', (_, contender) => ofStanding(contender, 'min')],
    ['(median)', (_, contender) => ofStanding(contender, 'median')],
    ['error', ({ error }) => (error === 0 ? '' : error.toExponential(0))],
  ];
  const rows = group.contenders.flatMap((contender) => {
    const result = resultOf(contender, task);
    return result ? [columns.map(([, cell]) => cell(result, contender, group))] : [];
  });
  const filled = columns.flatMap((_, i) => (rows.some((row) => row[i] !== '') ? [i] : []));
  const table = plainTable(filled.map((i) => columns[i]![0]));
  for (const row of rows) table.push(filled.map((i) => row[i]!));
  return table.toString();
}

const headOf = ({ threads, node }: Group): string =>
  `${threads} ${threads === 1 ? 'thread' : 'threads'}, Node ${node?.split('.')[0] ?? ''}`;

/** All tasks on one page: the figures, with each peer's time over ours; how we stand over all at the end. */
export function summary({ tasks, contenders }: Pick<Report, 'tasks' | 'contenders'>): string {
  if (tasks.some(({ results }) => results.some(({ first }) => first !== undefined))) {
    const calls = groupsOf({ contenders, tasks }).map((group) => groupSummary(tasks, group));
    return `first call in a process / median of later ones\n\n${calls.join('\n\n')}\n`;
  }
  const note = [
    `${unitOf(tasks)} of the fastest runs; for ours (% of the peak) ×: the time of the fastest rival over ours.`,
    'Rivals: of wasm ort-web and tfjs-wasm, of machine code ort-node and torch.',
    limitNote(contenders),
  ]
    .filter((line) => line !== '')
    .join('\n');
  const pages = groupsOf({ contenders, tasks }).map((group) => groupSummary(tasks, group));
  return `${note}\n\n${pages.join('\n\n')}\n`;
}

function groupSummary(tasks: readonly TaskResult[], group: Group): string {
  const table = plainTable([headOf(group), ...group.contenders.map(({ name }) => name)]);
  for (const task of tasks)
    table.push([task.name, ...group.contenders.map((c) => summaryCell(c, task, group))]);
  const row = (label: string, of: (all: Overall) => number): string[] => [
    label,
    ...group.contenders.map((contender) => {
      const all = isOurs(contender) ? overall(contender, tasks, group) : undefined;
      return all ? times(of(all)) : '';
    }),
  ];
  const calls = tasks.some(({ results }) => results.some(({ first }) => first !== undefined));
  if (tasks.length > 1 && !calls) {
    table.push(row('least', ({ least }) => least));
    table.push(row('geometric mean', ({ mean }) => mean));
    table.push(row('geometric mean of medians', ({ meanOfMedians }) => meanOfMedians));
  }
  const peaks = group.contenders.map(({ peak }) => (peak === undefined ? '' : digits(peak)));
  if (tasks.some(({ flops }) => flops > 0) && peaks.some((peak) => peak !== '')) {
    table.push(['multiply-add peak, GFLOP/s', ...peaks]);
  }
  return table.toString();
}

function summaryCell(contender: ContenderInfo, task: TaskResult, group: Group): string {
  const result = resultOf(contender, task);
  if (!result) return '–';
  if (result.first !== undefined) return `${duration(result.first)} / ${duration(result.median)}`;
  const own = isOurs(contender);
  const share = own ? shareOfPeak(contender, task, result.min) : undefined;
  const versus = own ? standing(contender, task, group) : undefined;
  return [
    figure(task, result.min),
    share === undefined ? '' : `(${percent(share)})`,
    versus ? times(versus.min) : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
}

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
