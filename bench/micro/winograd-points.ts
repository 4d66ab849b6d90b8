/**
 * How exact Winograd's algorithms are: which interpolation points suit F(4 × 4, 3 × 3) best, by emulating float32, and
 * the errors of the kernels that run. The tables of docs/precision.md.
 *
 *     npx tsx bench/micro/winograd-points.ts
 */
import { allocate, bytesOf } from '../../src/device/memory.ts';
import { currentTarget } from '../../src/device/target.ts';
import { contiguousStrides, elementCount, type View } from '../../src/device/view.ts';
import { withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { conv2d, conv2dWeightGrad } from '../../src/kernels/conv/index.ts';
import { cookToom, type Matrix } from '../../src/kernels/conv/winograd/matrices.ts';

/** Normally distributed float32 numbers from a seed: mulberry32, Box and Muller. */
const normals = (seed: number): (() => number) => {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return (((x ^ (x >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.fround(Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
};

type Plane = readonly (readonly number[])[];
const plane = (rows: number, columns: number, f: (i: number, j: number) => number): Plane =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => f(i, j)));

/** matrix · x · matrixᵀ, each sum in float32 with one rounding for a term. */
const both = (matrix: Matrix, x: Plane): Plane => {
  const along = (rows: Plane): Plane =>
    plane(matrix.length, rows[0]!.length, (i, j) =>
      matrix[i]!.reduce((sum, c, k) => Math.fround(sum + Math.fround(c) * rows[k]![j]!), 0),
    );
  const flip = (rows: Plane): Plane => plane(rows[0]!.length, rows.length, (i, j) => rows[j]![i]!);
  return flip(along(flip(along(x))));
};

/** Relative error (L2) of one output channel of F(4 × 4, 3 × 3) with these points. */
const emulated = (points: Parameters<typeof cookToom>[0], channels: number, tiles: number): number => {
  const { input, taps, output } = cookToom(points);
  let [errors, squares] = [0, 0];
  for (let tile = 0; tile < tiles; tile++) {
    const next = normals(tile + 1);
    const sums = Array.from({ length: 6 }, () => new Float32Array(6));
    const exact = Array.from({ length: 4 }, () => new Float64Array(4));
    for (let c = 0; c < channels; c++) {
      const d = plane(6, 6, next);
      const g = plane(3, 3, next);
      const [u, v] = [both(taps, g), both(input, d)];
      for (let i = 0; i < 6; i++) for (let j = 0; j < 6; j++) sums[i]![j]! += u[i]![j]! * v[i]![j]!;
      for (let y = 0; y < 4; y++)
        for (let x = 0; x < 4; x++)
          for (let i = 0; i < 3; i++)
            for (let j = 0; j < 3; j++) exact[y]![x]! += d[y + i]![x + j]! * g[i]![j]!;
    }
    both(
      output,
      sums.map((row) => [...row]),
    ).forEach((row, y) => {
      row.forEach((value, x) => {
        errors += (value - exact[y]![x]!) ** 2;
        squares += exact[y]![x]! ** 2;
      });
    });
  }
  return Math.sqrt(errors / squares);
};

const candidates: readonly (readonly [number, number])[] = [
  [1, 2],
  [3, 5],
  [5, 8],
  [2, 3],
  [3, 4],
  [5, 6],
  [1, 1],
  [6, 5],
  [5, 4],
  [4, 3],
  [3, 2],
  [8, 5],
  [7, 4],
  [2, 1],
];
const show = ([n, d]: readonly [number, number]): string =>
  d === 1 ? String(n) : `${String(n)}/${String(d)}`;

const pairs = candidates.flatMap((a, i) =>
  candidates.slice(i + 1).map((b) => {
    const points = [[0, 1] as const, a, [-a[0], a[1]] as const, b, [-b[0], b[1]] as const];
    return { name: `0, ±${show(a)}, ±${show(b)}, ∞`, error: emulated(points, 32, 60) };
  }),
);
pairs.sort((a, b) => a.error - b.error);
const usual = pairs.findIndex(({ name }) => name === '0, ±1, ±2, ∞');
console.log('| points | relative error |\n| --- | --- |');
for (const { name, error } of [...pairs.slice(0, 6), pairs[usual]!, pairs.at(-1)!])
  console.log(`| ${name} | ${error.toExponential(1)} |`);

const tensor = (shape: readonly number[], next: () => number): View => {
  const storage = allocate(elementCount(shape) * 4);
  const { buffer, byteOffset } = bytesOf(storage);
  const data = new Float32Array(buffer, byteOffset, elementCount(shape));
  for (let i = 0; i < data.length; i++) data[i] = next();
  return { storage, dtype: 'float32', shape, strides: contiguousStrides(shape), offset: 0 };
};
const read = ({ storage, shape }: View): Float32Array => {
  const { buffer, byteOffset } = bytesOf(storage);
  return new Float32Array(buffer.slice(byteOffset, byteOffset + 4 * elementCount(shape)));
};

const algorithms: readonly Algorithm[] = ['direct', 'winograd2', 'winograd4'];
const geometry = {
  stride: [1, 1],
  dilation: [1, 1],
  padding: [
    [1, 1],
    [1, 1],
  ],
  groups: 1,
} as const;
const [height, width, outs] = [24, 24, 16];

console.log(`\n${currentTarget().name}; max |error| / max |result| (and relative L2)\n`);
console.log('| | channels | plain sum | F(2 × 2) | F(4 × 4) |\n| --- | --- | --- | --- | --- |');
for (const what of ['output', 'gradient of the weight'] as const)
  for (const channels of [16, 64, 128, 256, 512]) {
    const next = normals(channels);
    const input = tensor([1, channels, height, width], next);
    const weight = tensor([outs, channels, 3, 3], next);
    const out = tensor([1, outs, height, width], next);
    const [x, w, y] = [read(input), read(weight), read(out)];
    const exact = new Float64Array(what === 'output' ? y.length : w.length);
    for (let o = 0; o < outs; o++)
      for (let c = 0; c < channels; c++)
        for (let i = 0; i < 3; i++)
          for (let j = 0; j < 3; j++) {
            const tap = (o * channels + c) * 9 + 3 * i + j;
            for (let row = Math.max(0, 1 - i); row < Math.min(height, height + 1 - i); row++)
              for (let column = Math.max(0, 1 - j); column < Math.min(width, width + 1 - j); column++) {
                const to = (o * height + row) * width + column;
                const from = x[(c * height + row + i - 1) * width + column + j - 1]!;
                if (what === 'output') exact[to]! += from * w[tap]!;
                else exact[tap]! += from * y[to]!;
              }
          }
    const errors = algorithms.map((algorithm) =>
      withAlgorithm(algorithm, () => {
        if (what === 'output') conv2d(out, input, weight, null, geometry);
        else conv2dWeightGrad(weight, out, input, geometry);
        const result = read(what === 'output' ? out : weight);
        let [error, most, squares, all] = [0, 0, 0, 0];
        result.forEach((value, k) => {
          error = Math.max(error, Math.abs(value - exact[k]!));
          most = Math.max(most, Math.abs(exact[k]!));
          squares += (value - exact[k]!) ** 2;
          all += exact[k]! ** 2;
        });
        return `${(error / most).toExponential(1)} (${Math.sqrt(squares / all).toExponential(1)})`;
      }),
    );
    console.log(`| ${what} | ${String(channels)} | ${errors.join(' | ')} |`);
  }
