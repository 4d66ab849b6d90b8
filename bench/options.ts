/** What stands behind `npm run bench --`. */
import { parseArgs } from 'node:util';
import { setups, type Setup } from './lanes.ts';
import { peerNames, type Direction, type Isa, type Precision, type Task } from './task.ts';
import { conv2dTasks, randomShapes, standardShapes, type NamedShape } from './tasks/conv2d.ts';
import { matmulTasks } from './tasks/matmul.ts';
import { opsTasks, overheadTasks } from './tasks/ops.ts';
import { trainStepTasks } from './tasks/train-step.ts';

const directions: readonly Direction[] = ['forward', 'input-grad', 'weight-grad'];
const precisions: readonly Precision[] = ['high', 'highest'];
const targets = ['avx512', 'avx2', 'wasm', 'interpret'] as const;
const isas: readonly Isa[] = ['avx2'];
const peers = peerNames.filter((name) => name !== 'millrace');

export const usage = `usage: npm run bench -- <what> [options]

what
  conv2d      convolutions: the layers in bench/shapes.json, or random ones
  matmul      matrix products
  ops         element by element, copies, reductions, pooling, normalization
  train-step  one step of training a LeNet, batch 64
  overhead    operations so small that only the cost of a call counts
  first-call  what the first call of a convolution costs more than a later one
  suite DIR   all of the above as they stand in docs/benchmarks.md: a file DIR/….json for each
  report FILE.json … --out FILE.md     that page, and the charts beside it; --note adds a sentence to its head
  chart FILE.json FILE.svg             one chart; --threads says of which part

options
  --filter TEXT          only tasks whose name contains TEXT
  --peers A,B            of ${peers.join(', ')}; default: all that are there; none: only Millrace
  --targets A,B          of ${targets.join(', ')}: Millrace once for each; default: the one that it chooses
  --precision A,B        of ${precisions.join(', ')}: Millrace once for each; default: its default, high
  --isa ISA              ${isas.join()}: ort-node and torch use nothing above it, nor does Millrace; default: all that is there
  --threads N,M          every contender once for each number of threads; default 1
  --node PATH            every contender in this Node ('.': the one that runs this); may be repeated; default .
  --ms N                 milliseconds for which each contender is timed at a task; default 500, at least 15 runs
  --runs N               timed runs of each contender instead
  --json FILE            write all figures to FILE
  --direction D          conv2d, first-call: ${directions.join(', ')}; default forward
  --random N, --seed S   conv2d, first-call: N random shapes, drawn by seed S (default 0)`;

export interface Run {
  readonly kind: 'run';
  readonly command: string;
  readonly direction: Direction | undefined;
  readonly setups: readonly Setup[];
  readonly tasks: Iterable<Task>;
  readonly runs: number | undefined;
  readonly milliseconds: number;
  readonly json: string | undefined;
}

export type Options =
  | Run
  | { readonly kind: 'suite'; readonly folder: string; readonly words: readonly string[] }
  | {
      readonly kind: 'report';
      readonly files: readonly string[];
      readonly out: string;
      readonly note: string;
    }
  | { readonly kind: 'chart'; readonly file: string; readonly out: string; readonly threads: number };

/** @throws RangeError or TypeError that says what is wrong with the words */
export function readOptions(argv: string[]): Options {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      filter: { type: 'string', default: '' },
      peers: { type: 'string', default: peers.join() },
      targets: { type: 'string' },
      precision: { type: 'string' },
      isa: { type: 'string' },
      threads: { type: 'string', default: '1' },
      node: { type: 'string', multiple: true, default: ['.'] },
      ms: { type: 'string', default: '500' },
      runs: { type: 'string' },
      json: { type: 'string' },
      out: { type: 'string' },
      note: { type: 'string', default: '' },
      direction: { type: 'string', default: 'forward' },
      random: { type: 'string' },
      seed: { type: 'string', default: '0' },
    },
  });
  const [command = '', ...files] = positionals;
  const threads = list(values.threads).map((value) => whole('--threads', value, 1));
  switch (command) {
    case 'suite': {
      if (files.length !== 1) throw new RangeError('suite takes one folder');
      const words = argv.filter((word) => word !== command && word !== files[0]);
      return { kind: 'suite', folder: files[0]!, words };
    }
    case 'report':
      if (files.length === 0 || values.out === undefined) {
        throw new RangeError('report takes files and --out FILE.md');
      }
      return { kind: 'report', files, out: values.out, note: values.note };
    case 'chart':
      if (files.length !== 2) throw new RangeError('chart takes FILE.json and FILE.svg');
      return { kind: 'chart', file: files[0]!, out: files[1]!, threads: threads[0] ?? 1 };
    default:
      if (files.length > 0) throw new RangeError(`one thing at a time: '${files.join(' ')}' is too much`);
  }

  const named = ({ name }: { name: string }): boolean => name.includes(values.filter);
  const direction = oneOf('--direction', directions, values.direction);
  const shapes = (): NamedShape[] => {
    const all =
      values.random === undefined
        ? standardShapes()
        : randomShapes(whole('--random', values.random, 1), whole('--seed', values.seed, 0));
    return all.filter(named);
  };
  const isa = values.isa === undefined ? undefined : oneOf('--isa', isas, values.isa);
  if (isa !== undefined && list(values.targets ?? '').includes('avx512')) {
    throw new RangeError(`--targets avx512 is above --isa ${isa}`);
  }
  const convolutions = (): Iterable<Task> => conv2dTasks(shapes(), direction);
  const commands: Readonly<Record<string, () => Iterable<Task>>> = {
    conv2d: convolutions,
    'first-call': convolutions,
    matmul: () => [...matmulTasks()].filter(named),
    ops: () => [...opsTasks()].filter(named),
    overhead: () => [...overheadTasks()].filter(named),
    'train-step': () => [...trainStepTasks()].filter(named),
  };
  const tasksOf = commands[oneOf('<what>', Object.keys(commands), command)]!;
  return {
    kind: 'run',
    command,
    direction: tasksOf === convolutions ? direction : undefined,
    setups: setups({
      peers: list(values.peers)
        .filter((name) => name !== 'none')
        .map((name) => oneOf('--peers', peers, name)),
      targets: choices(values.targets ?? isa, (name) => oneOf('--targets', targets, name)),
      precisions: choices(values.precision, (name) => oneOf('--precision', precisions, name)),
      threads,
      nodes: values.node.map((path) => (path === '.' ? process.execPath : path)),
      isa,
    }),
    tasks: tasksOf(),
    runs: values.runs === undefined ? undefined : whole('--runs', values.runs, 1),
    milliseconds: whole('--ms', values.ms, 1),
    json: values.json,
  };
}

const list = (value: string): string[] => value.split(',').filter(Boolean);

const choices = <T>(value: string | undefined, read: (name: string) => T): readonly (T | undefined)[] =>
  value === undefined ? [undefined] : list(value).map(read);

function oneOf<T extends string>(option: string, known: readonly T[], value: string): T {
  const choice = known.find((name) => name === value);
  if (choice !== undefined) return choice;
  throw new RangeError(`${option} '${value}' is none of ${known.join(', ')}`);
}

function whole(option: string, value: string, least: number): number {
  const number = Number(value);
  if (Number.isInteger(number) && number >= least) return number;
  throw new RangeError(`${option} must be a whole number from ${least}, not '${value}'`);
}
