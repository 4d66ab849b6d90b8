/** docs/benchmarks.md, from what runs have found. */
import { chart, titleOf } from './chart.ts';
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
  type Report,
  type TaskResult,
} from './results.ts';

export interface Page {
  readonly text: string;
  /** Charts by the names of their files, which lie beside the page. */
  readonly charts: ReadonlyMap<string, string>;
}

/** @param note a sentence for the head, on what readers must know about these figures */
export function page(reports: readonly Report[], note = ''): Page {
  const charts = new Map<string, string>();
  const sections = reports.map((report) => {
    const pictures = groupsOf(report).flatMap(({ threads }, i, groups) => {
      // A chart for each number of threads, where there are enough rows for one.
      if (report.tasks.length < 5 || groups.findIndex((group) => group.threads === threads) !== i) return [];
      const name = `benchmarks-${slug(titleOf(report))}-${threads}.svg`;
      charts.set(name, chart(report, threads));
      return [`![${titleOf(report)}, threads: ${threads}](${name})`];
    });
    return [
      `## ${titleOf(report)}`,
      `\`\`\`sh\nnpm run bench -- ${report.words.join(' ')}\n\`\`\``,
      limitNote(report.contenders),
      ...pictures,
      ...groupsOf(report).map((group) => groupTable(report.tasks, group)),
      absences(report),
    ]
      .filter((part) => part !== '')
      .join('\n\n');
  });
  return { text: `${[head(reports, note), ...sections].join('\n\n')}\n`, charts };
}

function head(reports: readonly Report[], note: string): string {
  const machines = [...new Set(reports.map(({ machine }) => machine))].join('; ');
  const days = [...new Set(reports.map(({ date }) => date.slice(0, 10)))].sort();
  const versions = new Map(
    reports.flatMap(({ contenders }) =>
      contenders
        .filter((contender) => !isOurs(contender))
        .map(({ peer, version }) => [peer, version] as const),
    ),
  );
  const nodes = [
    ...new Set(reports.flatMap(({ contenders }) => contenders.flatMap(({ node }) => node ?? []))),
  ];
  const peaks = new Map<string, number>();
  for (const { name, threads, peak } of reports.flatMap(({ contenders }) => contenders)) {
    if (peak === undefined) continue;
    const key = `${name.replace(/^millrace-/, '').replace(/-high(est)?$/, '')}, threads: ${threads}`;
    peaks.set(key, Math.max(peaks.get(key) ?? 0, peak));
  }
  return `# Benchmarks

Millrace beside its peers, one interleaved run for each section. [How it is measured](../bench/README.md), and how to
do it again. This page is made by \`npm run bench -- report\` from the files of the runs.
${note === '' ? '' : `\n**${note}**\n`}
| | |
| --- | --- |
| machine | ${machines} |
| date | ${days.join(', ')} |
| Node | ${nodes.join(', ')} |
${[...versions].map(([peer, version]) => `| ${peer} | ${version} |`).join('\n')}
${[...peaks].map(([name, peak]) => `| multiply-add peak, ${name} | ${digits(peak)} GFLOP/s |`).join('\n')}

In the tables a figure is that of the fastest run, with the median behind it in brackets; a percentage is the share of
the multiply-add peak that the fastest run reaches, which an algorithm that saves multiplications, such as Winograd's,
may exceed. **×** is the time of the fastest rival over ours, again of the fastest runs and of the medians: above 1
Millrace is faster. Rivals of WebAssembly are ort-web and tfjs-wasm, rivals of machine code ort-node and torch.

${overview(reports)}`;
}

/** One line for each of ours in each part: how it stands over all tasks. */
function overview(reports: readonly Report[]): string {
  const rows = reports.flatMap((report) =>
    groupsOf(report).flatMap((group) =>
      group.contenders.filter(isOurs).flatMap((ours) => {
        const all = report.command === 'first-call' ? undefined : overall(ours, report.tasks, group);
        if (!all) return [];
        const where = `${group.threads}, Node ${majorOf(group)}`;
        const cells = [
          `[${titleOf(report)}](#${slug(titleOf(report))})`,
          ours.name,
          where,
          String(all.tasks),
          times(all.least),
          times(all.mean),
          times(all.meanOfMedians),
        ];
        return [row(cells)];
      }),
    ),
  );
  const columns = ['', 'target', 'threads', 'tasks', 'least ×', 'geometric mean ×', 'of medians'];
  return [row(columns), rule(columns.length), ...rows].join('\n');
}

function groupTable(tasks: readonly TaskResult[], group: Group): string {
  const { contenders, threads } = group;
  const calls = tasks.some(({ results }) => results.some(({ first }) => first !== undefined));
  const ours = calls
    ? []
    : contenders.filter((own) => isOurs(own) && tasks.some((task) => standing(own, task, group)));
  const short = ({ name }: ContenderInfo): string => name.replace('millrace-', '');
  const rows = tasks.map((task) =>
    row([
      `${task.name}<br>${task.what}`,
      ...contenders.map((contender) => cell(contender, task)),
      ...ours.map((own) => {
        const found = standing(own, task, group);
        return found ? `**${found.min.toFixed(2)}** (${found.median.toFixed(2)})` : '–';
      }),
    ]),
  );
  const unit = calls ? 'First call, and in brackets the median of later ones' : unitOf(tasks);
  const caption = `${unit}; threads: ${threads}, Node ${majorOf(group)}`;
  const columns = ['', ...contenders.map(({ name }) => name), ...ours.map((own) => `× ${short(own)}`)];
  return [`${caption}\n`, row(columns), rule(columns.length), ...rows].join('\n');
}

function cell(contender: ContenderInfo, task: TaskResult): string {
  const result = resultOf(contender, task);
  if (!result) return '–';
  if (result.first !== undefined) return `${duration(result.first)} (${duration(result.median)})`;
  const share = shareOfPeak(contender, task, result.min);
  const both = `${figure(task, result.min)} (${figure(task, result.median)})`;
  return share === undefined ? both : `${both} ${percent(share)}`;
}

/** Who was not timed, and why; the same reason only once. */
function absences({ tasks, contenders }: Report): string {
  const names = new Map(contenders.map(({ id, name }) => [id, name]));
  const reasons = new Map<string, Set<string>>();
  for (const task of tasks) {
    for (const { contender, reason } of task.absences) {
      const who = `${names.get(contender) ?? contender} ${reason}`;
      reasons.set(who, (reasons.get(who) ?? new Set()).add(task.name));
    }
  }
  return [...reasons]
    .map(([who, where]) => `- ${who}${where.size < tasks.length ? `: ${[...where].join(', ')}` : ''}`)
    .join('\n');
}

const majorOf = ({ node }: Group): string => node?.split('.')[0] ?? '';

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const rule = (columns: number): string => row(['---', ...Array.from({ length: columns - 1 }, () => '--:')]);

/** As GitHub makes the anchor of a heading. */
const slug = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-');
