import { parseArgs } from 'node:util';
import { millrace } from './peers/millrace.ts';
import { ortNode } from './peers/ort-node.ts';
import { ortWeb } from './peers/ort-web.ts';
import { tfjsWasm } from './peers/tfjs-wasm.ts';
import { torch } from './peers/torch.ts';
import { machine, summary, taskReport, writeJson } from './report.ts';
import { measure, type Measurement } from './runner.ts';
import type { Direction, OpenPeer, Peer, Task } from './task.ts';
import { conv2dTasks, randomShapes, standardShapes } from './tasks/conv2d.ts';
import { matmulTasks } from './tasks/matmul.ts';
import { opsTasks } from './tasks/ops.ts';
import { trainStepTasks } from './tasks/train-step.ts';

const peers: readonly Peer[] = [ortWeb, tfjsWasm, ortNode, torch];
const directions: readonly Direction[] = ['forward', 'input-grad', 'weight-grad'];

const usage = `usage: npm run bench -- <what> [options]

what
  conv2d      convolutions: the layers in bench/shapes.json, or random ones
  matmul      matrix products
  ops         add, relu, sum, softmax, pooling, normalization
  train-step  one step of training LeNet, batch 64

options
  --filter TEXT         only tasks whose name contains TEXT
  --peers A,B           of ${peers.map(({ name }) => name).join(', ')}; default: all that are there
  --threads N           threads of each contender; default 1
  --runs N              timed runs of each contender; default: as many as take half a second, at least 15
  --json FILE           write all figures to FILE
  --direction D         conv2d: ${directions.join(', ')}; default forward
  --random N, --seed S  conv2d: N random shapes, drawn by seed S (default 0)`;

/** @param argv the words after `npm run bench --` */
export async function main(argv: string[]): Promise<void> {
  let options;
  try {
    options = readOptions(argv);
  } catch (error) {
    console.error(`bench: ${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  const open = new Map<string, OpenPeer>();
  const versions: Record<string, string> = {};
  console.log(`${machine()}, Node ${process.versions.node}, threads: ${options.threads}`);
  for (const peer of [millrace, ...options.peers]) {
    try {
      const opened = await peer.open(options);
      open.set(peer.name, opened);
      versions[peer.name] = opened.version;
      console.log(`  ${peer.name}: ${opened.version}`);
    } catch (error) {
      console.log(`  ${peer.name} stays out: ${(error as Error).message}`);
    }
  }
  console.log();

  const measurements: Measurement[] = [];
  try {
    for (const task of options.tasks) {
      const measurement = await measure(task, open, options);
      measurements.push(measurement);
      console.log(taskReport(measurement));
      if (measurement.absences.some(({ failed }) => failed)) process.exitCode = 1;
    }
  } finally {
    for (const peer of open.values()) await peer.close();
  }
  console.log(summary([...open.keys()], measurements));
  const { command, threads } = options;
  if (options.json) writeJson(options.json, { command, threads, contenders: versions }, measurements);
}

interface Options {
  readonly command: string;
  readonly peers: readonly Peer[];
  readonly tasks: Iterable<Task>;
  readonly threads: number;
  readonly runs: number | undefined;
  readonly json: string | undefined;
}

function readOptions(argv: string[]): Options {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      filter: { type: 'string', default: '' },
      peers: { type: 'string', default: peers.map(({ name }) => name).join() },
      threads: { type: 'string', default: '1' },
      runs: { type: 'string' },
      json: { type: 'string' },
      direction: { type: 'string', default: 'forward' },
      random: { type: 'string' },
      seed: { type: 'string', default: '0' },
    },
  });
  const oneOf = <T>(option: string, choices: ReadonlyMap<string, T>, value: string): T => {
    const choice = choices.get(value);
    if (choice !== undefined) return choice;
    throw new RangeError(`${option} '${value}' is none of ${[...choices.keys()].join(', ')}`);
  };
  const whole = (option: string, value: string, least: number): number => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= least) return number;
    throw new RangeError(`${option} must be a whole number from ${least}, not '${value}'`);
  };
  const named = ({ name }: { name: string }): boolean => name.includes(values.filter);

  const [command = '', ...rest] = positionals;
  if (rest.length > 0) throw new RangeError(`one thing at a time: '${rest.join(' ')}' is too much`);
  const convolutions = (): Iterable<Task> => {
    const shapes =
      values.random === undefined
        ? standardShapes()
        : randomShapes(whole('--random', values.random, 1), whole('--seed', values.seed, 0));
    const direction = oneOf('--direction', new Map(directions.map((d) => [d, d])), values.direction);
    return conv2dTasks(shapes.filter(named), direction);
  };
  const commands = new Map<string, () => Iterable<Task>>([
    ['conv2d', convolutions],
    ['matmul', () => [...matmulTasks()].filter(named)],
    ['ops', () => [...opsTasks()].filter(named)],
    ['train-step', () => [...trainStepTasks()].filter(named)],
  ]);
  return {
    command,
    peers: values.peers
      .split(',')
      .filter(Boolean)
      .map((name) => oneOf('--peers', new Map(peers.map((p) => [p.name, p])), name)),
    tasks: oneOf('<what>', commands, command)(),
    threads: whole('--threads', values.threads, 1),
    runs: values.runs === undefined ? undefined : whole('--runs', values.runs, 1),
    json: values.json,
  };
}
