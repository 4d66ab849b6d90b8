/** What `npm start` runs: PyTorch's numbers from generated code, and a network that learns real digits. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as flow from 'millrace';
import { documentationExample } from './documentation.ts';
import { loadDigits } from './mnist/digits.ts';
import { besideEachOther, drawDigit } from './mnist/draw.ts';
import { LeNet } from './mnist/lenet.ts';
import { evaluate, train } from './mnist/train.ts';

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const code = {
  avx2: 'x86-64 machine code (avx2)',
  avx512: 'x86-64 machine code (avx512)',
  wasm: 'WebAssembly SIMD (wasm)',
  interpret: 'the interpreter of kernels: slow',
}[flow.getTarget()];
const threads = flow.getNumThreads();
console.log(
  `Millrace ${version}, Node ${process.version}: ${code}, ${String(threads)} thread${threads === 1 ? '' : 's'}\n`,
);

if (!documentationExample()) {
  console.error("The numbers are not PyTorch's.");
  process.exitCode = 1;
}

const digits = loadDigits();
console.log(
  `Real digits of MNIST: ${String(digits.train.length)} to learn from, ${String(digits.test.length)} to be tested on.\n`,
);
flow.manualSeed(1);
const model = new LeNet();
console.log(`${String(model).replaceAll(/^/gm, '  ')}\n`);
train(model, digits.train, { epochs: 8, batchSize: 64, lr: 2e-3 });
const { accuracy, misread } = evaluate(model, digits.test);
console.log(`\n  test accuracy ${percent(accuracy)}`);

const folder = mkdtempSync(join(tmpdir(), 'millrace-'));
try {
  const file = join(folder, 'lenet.pt');
  await flow.save(model, file);
  const again = new LeNet();
  again.loadStateDict(await flow.load(file));
  const reloaded = evaluate(again, digits.test).accuracy;
  console.log(
    `  saved as PyTorch does (lenet.pt, ${String(Math.round(statSync(file).size / 1024))} KiB), loaded into a fresh network: ${percent(reloaded)}`,
  );
  if (reloaded !== accuracy) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}

console.log(`\nSome of the ${String(misread.length)} misread digits:\n`);
const [images, labels] = digits.test.tensors;
const drawings = misread.slice(0, 4).map(({ index, read }) => ({
  caption: `a ${String(labels.select(0, index).item())}, read as ${String(read)}`,
  lines: drawDigit(images.select(0, index)),
}));
if (drawings.length > 0) console.log(besideEachOther(drawings));

console.log(`\n${(performance.now() / 1000).toFixed(0)} s in all`);
if (accuracy < 0.975) {
  console.error(`\nThe accuracy is below 97.5 %.`);
  process.exitCode = 1;
}
