/**
 * Random programs against a live PyTorch:
 * `npm run fuzz -- --cases 10000 --seed 1 [--only conv|large|product|module] [--algorithm direct|…] [--path …]`.
 * `--small-caches` makes many blocks of small work, and `--grain 1` as many chunks for threads as can be.
 *
 * Prints the smallest program on which the two disagree, and ends with status 1.
 */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { currentTarget } from '../../src/device/target.ts';
import { withGrain } from '../../src/device/threads/share.ts';
import { withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { verifyKernels } from '../../src/lang/index.ts';
import { setSmallCaches } from '../kernels/small-caches.ts';
import { difference } from './compare.ts';
import { convCases, convProgram, largeConvCases, type ConvCase } from './conv.ts';
import { moduleCases, moduleProgram } from './modules.ts';
import { productCases, productProgram } from './products.ts';
import { pythonLine, runHere, runnableLine, type Program } from './program.ts';
import { findPython, startTorch, type Torch } from './torch.ts';

const { values: options } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    only: { type: 'string' },
    algorithm: { type: 'string' },
    grain: { type: 'string' },
    'small-caches': { type: 'boolean', default: false },
    path: { type: 'string' },
  },
});

verifyKernels();

/** Tiles of 4 × 4 that are asked for are not what `'highest'` and float64 promise. */
const isFair = ({ precision, dtype }: ConvCase): boolean =>
  options.algorithm !== 'winograd4' || (precision === 'high' && dtype !== 'float64');

const families: Readonly<Record<string, fc.Arbitrary<Program>>> = {
  conv: convCases({
    most: 2_000_000,
    dtypes: ['float32', 'float64', 'float16', 'bfloat16'],
    faults: true,
  })
    .filter(isFair)
    .map(convProgram),
  large: largeConvCases.filter(isFair).map(convProgram),
  product: productCases.map(productProgram),
  module: moduleCases.map(moduleProgram),
};

/** A large case takes longer: of those there is one in ten, unless they alone are asked for. */
const runsOf = (name: string): number =>
  name === 'large' && options.only === undefined
    ? Math.ceil(Number(options.cases) / 10)
    : Number(options.cases);

/** By the algorithm and in the chunks that are asked for, if any. */
const asAsked = <T>(work: () => T): T => {
  const { algorithm, grain } = options;
  const inChunks = (): T => (grain === undefined ? work() : withGrain(Number(grain), work));
  return algorithm === undefined ? inChunks() : withAlgorithm(algorithm as Algorithm, inChunks);
};

/** Runs a family; returns whether all cases agree. */
const run = async (name: string, programs: fc.Arbitrary<Program>, torch: Torch): Promise<boolean> => {
  const started = performance.now();
  let done = 0;
  const agrees = fc.asyncProperty(programs, async (program) => {
    const theirs = torch.run(program);
    const ours = asAsked(() => runHere(program));
    const found = difference(program, ours, await theirs);
    if (found !== null) throw new Error(found);
    if (++done % 1000 === 0) console.log(`${name}: ${String(done)} cases`);
  });
  const result = await fc.check(agrees, {
    seed: Number(options.seed),
    numRuns: runsOf(name),
    ...(options.path === undefined ? {} : { path: options.path }),
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  if (!result.failed) {
    console.log(`${name}: ${String(result.numRuns)} cases in ${seconds} s, no difference`);
    return true;
  }
  const [smallest] = result.counterexample!;
  const error = result.errorInstance as Error;
  console.log(
    [
      `${name}: case ${String(result.numRuns)} differs; the smallest of its kind, after ${String(result.numShrinks)} steps:`,
      '',
      error.message,
      '',
      runnableLine(smallest),
      '',
      pythonLine(smallest),
      '',
      `Again: npm run fuzz -- --seed ${String(result.seed)} --only ${name} --path ${String(result.counterexamplePath)}`,
    ].join('\n'),
  );
  return false;
};

const main = async (): Promise<boolean> => {
  if (options.only !== undefined && !(options.only in families))
    throw new Error(`--only takes ${Object.keys(families).join(' or ')}, not ${options.only}`);
  if (options['small-caches']) setSmallCaches(currentTarget().name);
  // PyTorch warns of the same.
  console.warn = () => undefined;
  const { python, version } = findPython();
  console.log(`seed ${options.seed}; PyTorch ${version} (${python})`);
  await using torch = startTorch(python);
  let sound = true;
  for (const [name, programs] of Object.entries(families)) {
    if (options.only === undefined || options.only === name)
      sound = (await run(name, programs, torch)) && sound;
  }
  return sound;
};

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
