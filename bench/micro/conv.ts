/**
 * GFLOP/s of our convolutions alone, forward and both gradients, on the shapes of bench/shapes.json: for working on
 * kernels. Comparisons with others are in `bench/`.
 *
 *     npx tsx bench/micro/conv.ts [part of a shape's name] [f64] [algorithm]
 *
 * An algorithm is one of those in `src/kernels/conv/estimate.ts`.
 */
import { readFileSync } from 'node:fs';
import { allocate, bytesOf } from '../../src/device/memory.ts';
import { contiguousStrides, elementCount, type View } from '../../src/device/view.ts';
import { dtypes, type DType } from '../../src/dtype.ts';
import { withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { conv2d, conv2dInputGrad, conv2dWeightGrad } from '../../src/kernels/conv/index.ts';

interface Shape {
  readonly name: string;
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly o: number;
  readonly k: readonly [number, number];
  readonly s: readonly [number, number];
  readonly p: readonly [number, number];
  readonly d: readonly [number, number];
  readonly g: number;
}

const path = new URL('../shapes.json', import.meta.url);
const shapes = JSON.parse(readFileSync(path, 'utf8')) as Shape[];
const [part = '', ...words] = process.argv.slice(2);
const dtype: DType = words.includes('f64') ? 'float64' : 'float32';
const algorithm = words.find((word) => word !== 'f64') as Algorithm | undefined;

const tensor = (...shape: number[]): View => {
  const storage = allocate(elementCount(shape) * dtypes[dtype].bytes);
  const { buffer, byteOffset } = bytesOf(storage);
  const length = elementCount(shape);
  const data: Float32Array | Float64Array =
    dtype === 'float64'
      ? new Float64Array(buffer, byteOffset, length)
      : new Float32Array(buffer, byteOffset, length);
  for (let i = 0; i < data.length; i++) data[i] = Math.random() - 0.5;
  return { storage, dtype, shape, strides: contiguousStrides(shape), offset: 0 };
};

/** Milliseconds of one call: the least of many, after V8 has optimised. */
const time = (run: () => void): number => {
  const start = performance.now();
  let best = Infinity;
  for (let turn = 0; turn < 8 || performance.now() - start < 300; turn++) {
    const before = performance.now();
    run();
    best = Math.min(best, performance.now() - before);
  }
  return best;
};

console.log(
  `${'GFLOP/s, one thread'.padEnd(24)}${'forward'.padStart(9)}${'by input'.padStart(9)}${'by weight'.padStart(10)}`,
);
for (const { name, n, c, h, w, o, k, s, p, d, g } of shapes.filter((shape) => shape.name.includes(part))) {
  const size = (length: number, axis: 0 | 1): number =>
    Math.floor((length + 2 * p[axis] - d[axis] * (k[axis] - 1) - 1) / s[axis]) + 1;
  const geometry = {
    stride: s,
    dilation: d,
    padding: [
      [p[0], p[0]],
      [p[1], p[1]],
    ],
    groups: g,
  } as const;
  const input = tensor(n, c, h, w);
  const weight = tensor(o, c / g, ...k);
  const bias = tensor(o);
  const out = tensor(n, o, size(h, 0), size(w, 1));
  const gradInput = tensor(n, c, h, w);
  const gradWeight = tensor(o, c / g, ...k);
  const flops = (2 * elementCount(out.shape) * c * k[0] * k[1]) / g;
  const rates = [
    () => conv2d(out, input, weight, bias, geometry),
    () => conv2dInputGrad(gradInput, out, weight, geometry),
    () => conv2dWeightGrad(gradWeight, out, input, geometry),
  ].map((run) => {
    const ms = algorithm === undefined ? time(run) : withAlgorithm(algorithm, () => time(run));
    return (flops / ms / 1e6).toFixed(1);
  });
  console.log(name.padEnd(24) + rates[0]!.padStart(9) + rates[1]!.padStart(9) + rates[2]!.padStart(10));
}
