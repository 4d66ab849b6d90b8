import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { chart } from './chart.ts';
import { measureFirstCalls } from './first-call.ts';
import { openLane, type Lane } from './lanes.ts';
import { page } from './page.ts';
import { readOptions, usage, type Options, type Run } from './options.ts';
import { summary, taskReport } from './report.ts';
import { taskResult, type ContenderInfo, type Report, type TaskResult } from './results.ts';
import { measure } from './runner.ts';
import { suite, suiteInNodes } from './suite.ts';
import { conv2dTasks, warmUpShape } from './tasks/conv2d.ts';

/** @param argv the words after `npm run bench --` */
export async function main(argv: string[]): Promise<void> {
  let options: Options;
  try {
    options = readOptions(argv);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  switch (options.kind) {
    case 'run':
      await run(options, argv);
      break;
    case 'suite':
      await runSuite(options.folder, options.words);
      break;
    case 'report':
      writePage(options.files, options.out, options.note);
      break;
    case 'chart':
      writeFileSync(options.out, chart(readReport(options.file), options.threads));
      break;
    default:
      throw new TypeError(`no such kind: ${String(options satisfies never)}`);
  }
}

async function run(options: Run, words: readonly string[]): Promise<void> {
  console.log(machine());
  const lanes: Lane[] = [];
  const setups = [];
  for (const setup of options.setups) {
    try {
      const lane = await openLane(setup);
      lanes.push(lane);
      setups.push(setup);
      console.log(`  ${lane.info.id}: ${lane.info.version}`);
    } catch (error) {
      const who = [setup.peer, setup.target].filter((part) => part !== undefined).join('-');
      console.log(`  ${who}, threads ${setup.threads}, stays out: ${(error as Error).message}`);
    }
  }
  console.log();

  const peaks = new Map<string, number>();
  const contenders = (): ContenderInfo[] =>
    lanes.map(({ info }) => {
      const peak = peaks.get(info.id);
      return peak === undefined ? info : { ...info, peak };
    });
  const tasks: TaskResult[] = [];
  const firstCalls = options.command === 'first-call';
  const close = async (): Promise<void> => {
    for (const { open } of lanes) await open.close();
  };
  try {
    if (firstCalls) await close();
    for (const task of options.tasks) {
      const measured = taskResult(
        firstCalls
          ? await measureFirstCalls(task, warmUp(options), setups)
          : await measure(task, lanes, { ...options, peaks }),
      );
      tasks.push(measured);
      console.log(taskReport(measured, contenders()));
      if (measured.absences.some(({ failed }) => failed)) process.exitCode = 1;
    }
  } finally {
    if (!firstCalls) await close();
  }
  console.log(summary({ tasks, contenders: contenders() }));
  if (options.json === undefined) return;
  writeReport(options.json, {
    date: new Date().toISOString(),
    machine: machine(),
    command: options.command,
    words: shown(words),
    ...(options.direction === undefined ? {} : { direction: options.direction }),
    contenders: contenders(),
    tasks,
  });
}

/** The command without what is only true of this machine: the JSON's path, and those of other Nodes. */
const shown = (words: readonly string[]): string[] =>
  words
    .filter((word, i) => word !== '--json' && words[i - 1] !== '--json')
    .map((word, i, all) => (all[i - 1] === '--node' && word !== '.' ? '"$NODE"' : word));

const warmUp = ({ direction = 'forward' }: Run) => {
  const [task] = conv2dTasks([warmUpShape], direction);
  return task!;
};

/** Everything that the page shows. Words behind the folder, such as `--ms 200`, go to every run. */
async function runSuite(folder: string, words: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const inNodes = words.includes('--node') ? [suiteInNodes] : [];
  const withoutNodes = words.filter((word, i) => word !== '--node' && words[i - 1] !== '--node');
  for (const [name, command] of [...suite, ...inNodes]) {
    const own = inNodes.length > 0 && name === suiteInNodes[0] ? words : withoutNodes;
    const start = performance.now();
    console.log(`=== ${name}: ${command} ${own.join(' ')}`);
    await main([...command.split(' '), ...own, '--json', join(folder, `${name}.json`)]);
    console.log(`=== ${name}: ${((performance.now() - start) / 1000).toFixed(0)} s\n`);
  }
}

const readReport = (file: string): Report => JSON.parse(readFileSync(file, 'utf8')) as Report;

/** Figures with five digits, one line for each result. */
function writeReport(file: string, report: Report): void {
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
  const oneLine = (inner: string): string => inner.replaceAll(/\s*\n\s*/g, ' ').trim();
  const lines = JSON.stringify(report, rounded, 1)
    .replaceAll(/\{(\s*"(?:contender|id|peer)":[^{}]*?)\}/g, (_, inner: string) => `{ ${oneLine(inner)} }`)
    .replaceAll(/"words": \[([^\]]*)\]/g, (_, inner: string) => `"words": [${oneLine(inner)}]`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${lines}\n`);
}

function writePage(files: readonly string[], out: string, note: string): void {
  const { text, charts } = page(files.map(readReport), note);
  writeFileSync(out, text);
  for (const [name, svg] of charts) writeFileSync(join(dirname(out), name), svg);
}

function machine(): string {
  const all = cpus();
  return `${all.length} × ${all[0]?.model.trim() ?? process.arch}`;
}
