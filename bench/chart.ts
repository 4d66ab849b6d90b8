/** A chart as SVG: a line for each task, a dot for each contender, how fast it is along a logarithmic axis. */
import {
  digits,
  groupsOf,
  isOurs,
  limitOf,
  rate,
  resultOf,
  type ContenderInfo,
  type Report,
  type TaskResult,
} from './results.ts';

const WIDTH = 900;
const NAMES = 210;
const RIGHT = 24;
const ROW = 24;
const TOP = 64;
const BOTTOM = 44;

/** Colours that people who confuse red and green can tell apart (Okabe & Ito 2008). */
const colours: Readonly<Record<string, string>> = {
  'millrace-avx512': '#d55e00',
  'millrace-avx2': '#e69f00',
  'millrace-wasm': '#cc79a7',
  'ort-node': '#0072b2',
  torch: '#000000',
  'ort-web': '#56b4e9',
  'tfjs-wasm': '#009e73',
};
const colourOf = ({ name }: ContenderInfo): string => {
  const known = Object.keys(colours).find((start) => name.startsWith(start));
  return known === undefined ? '#777777' : colours[known]!;
};

/** Contenders with `threads` threads, in the first Node of the report. @throws RangeError if there are none */
export function chart(report: Report, threads: number): string {
  const group = groupsOf(report).find((candidate) => candidate.threads === threads);
  if (!group) throw new RangeError(`there is nobody with ${threads} threads in this report`);
  const { contenders } = group;
  const { tasks } = report;
  const speeds = tasks.flatMap((task) => contenders.flatMap((contender) => speedOf(contender, task) ?? []));
  const axis = logarithmic(Math.min(...speeds), Math.max(...speeds));
  const bottom = TOP + ROW * tasks.length;

  const ticks = axis.ticks.map((tick) => {
    const x = axis.at(tick);
    return `${line(x, TOP - 6, x, bottom, 'grid')}${text(x, bottom + 16, showTick(tick), 'tick')}`;
  });
  const rows = tasks.map((task, i) => {
    const y = TOP + ROW * i + ROW / 2;
    const dots = contenders.flatMap((contender) => {
      const speed = speedOf(contender, task);
      if (speed === undefined) return [];
      return [mark(contender, axis.at(speed), y, `${task.name}, ${contender.name}: ${digits(speed)}`)];
    });
    return [
      text(NAMES - 10, y + 4, task.name, 'name'),
      line(NAMES, y, WIDTH - RIGHT, y, 'grid'),
      ...dots,
    ].join('');
  });
  const step = (WIDTH - 20) / contenders.length;
  const legend = contenders.map((contender, i) => {
    const x = 20 + step * i;
    return mark(contender, x, 40, '') + text(x + 10, 44, contender.name, 'label');
  });
  const threadsText = `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  const height = bottom + BOTTOM;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<style>
text { font: 12px system-ui, sans-serif; fill: #222 }
.title { font-weight: 600 }
.name { text-anchor: end }
.tick { text-anchor: middle; fill: #555 }
.unit { text-anchor: end; fill: #555 }
.grid { stroke: #ddd }
</style>
<rect width="${WIDTH}" height="${height}" fill="#fff"/>
${text(12, 20, `${titleOf(report)}, ${threadsText}, ${report.machine}`, 'title')}
${legend.join('\n')}
${ticks.join('\n')}
${rows.join('\n')}
${text(WIDTH - RIGHT, bottom + 34, `${axisUnit(tasks)}, fastest runs; farther right is faster`, 'unit')}
</svg>
`;
}

export function titleOf({ command, direction, words, contenders }: Omit<Report, 'tasks'>): string {
  const after = (word: string): string | undefined =>
    words.includes(word) ? words[words.indexOf(word) + 1] : undefined;
  const titles: Readonly<Record<string, string>> = {
    conv2d: 'Convolution',
    matmul: 'Matrix product',
    ops: 'Bound by memory',
    'train-step': 'A step of training',
    overhead: 'The cost of a call',
    'first-call': 'The first call of a convolution',
  };
  const ways = {
    forward: 'forward',
    'input-grad': 'gradient by the input',
    'weight-grad': 'gradient by the weight',
  };
  const nodes = new Set(contenders.flatMap(({ node }) => node ?? []));
  const limit = limitOf(contenders);
  const details = [
    titles[command] ?? command,
    command === 'conv2d' && direction !== undefined ? ways[direction as keyof typeof ways] : '',
    words.includes('--random') ? `random shapes of seed ${after('--seed') ?? '0'}` : '',
    words.includes('--precision') ? `precision ${after('--precision') ?? ''}` : '',
    limit ? `${limit.isa} at most` : '',
    nodes.size > 1 ? `WebAssembly in ${nodes.size} versions of Node` : '',
  ];
  return details.filter((part) => part !== '').join(', ');
}

/** What the task counts in a second, or else how many such calls. */
function speedOf(contender: ContenderInfo, task: TaskResult): number | undefined {
  const result = resultOf(contender, task);
  return result && (rate(task, result.min)?.figure ?? 1000 / result.min);
}

const axisUnit = (tasks: readonly TaskResult[]): string =>
  [...new Set(tasks.map((task) => rate(task, 1)?.unit ?? 'calls a second'))].join(' or ');

/** An axis from somewhat below `low` to somewhat above `high`, with ticks at 1, 2, 5, 10 … */
function logarithmic(low: number, high: number): { at(value: number): number; ticks: number[] } {
  const from = Math.log(low / 1.15);
  const to = Math.log(high * 1.15);
  const decades = Math.log10(high / low);
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1; power++) {
    for (const digit of decades > 3 ? [1] : [1, 2, 5]) {
      const tick = digit * 10 ** power;
      if (Math.log(tick) >= from && Math.log(tick) <= to) ticks.push(tick);
    }
  }
  const at = (value: number): number =>
    NAMES + ((Math.log(value) - from) / (to - from)) * (WIDTH - RIGHT - NAMES);
  return { at, ticks };
}

const showTick = (value: number): string =>
  value >= 1e6
    ? `${value / 1e6} M`
    : value >= 1e3
      ? `${value / 1e3} k`
      : String(Number(value.toPrecision(1)));

/** Ours are filled, the others are rings. */
function mark(contender: ContenderInfo, x: number, y: number, title: string): string {
  const colour = colourOf(contender);
  const fill = isOurs(contender) ? `fill="${colour}"` : `fill="#fff" stroke="${colour}" stroke-width="2.5"`;
  const inner = title === '' ? '' : `<title>${escape(title)}</title>`;
  return `<circle cx="${x.toFixed(1)}" cy="${y}" r="${isOurs(contender) ? 5.5 : 4.5}" ${fill}>${inner}</circle>`;
}

const line = (x1: number, y1: number, x2: number, y2: number, kind: string): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1}" x2="${x2.toFixed(1)}" y2="${y2}" class="${kind}"/>`;

const text = (x: number, y: number, content: string, kind: string): string =>
  `<text x="${x.toFixed(1)}" y="${y}" class="${kind}">${escape(content)}</text>`;

const escape = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
