import { readFileSync } from 'node:fs';
import { Random } from '../random.ts';
import type { Conv2dTask, ConvShape, Direction, Task } from '../task.ts';

export type NamedShape = ConvShape & { readonly name: string };

/** The shapes that we always measure: layers of well-known networks and the example of PyTorch's Conv2d page. */
export function standardShapes(): NamedShape[] {
  return JSON.parse(readFileSync(new URL('../shapes.json', import.meta.url), 'utf8')) as NamedShape[];
}

/** A small one with which a process is warmed up, unlike any of those that are measured. */
export const warmUpShape: NamedShape = {
  name: 'warm-up',
  n: 2,
  c: 5,
  h: 9,
  w: 11,
  o: 7,
  k: [2, 4],
  s: [1, 2],
  p: [1, 0],
  d: [1, 1],
  g: 1,
};

/** `count` shapes drawn by `seed`, each of at most 1024 channels and 1 to 600 MFLOP, with every stride, dilation and kind of groups. */
export function randomShapes(count: number, seed: number): NamedShape[] {
  const random = new Random(seed);
  const shapes: NamedShape[] = [];
  while (shapes.length < count) {
    const pair = (draw: () => number): [number, number] => [draw(), draw()];
    const k = pair(() => random.pick([1, 2, 3, 3, 3, 5, 7]));
    const d = pair(() => random.pick([1, 1, 1, 2, 3]));
    const cg = random.pick([1, 1, 2, 3, 4, 8, 16, 24, 32, 50, 64, 128, 200, 256]);
    const og = random.pick([1, 2, 3, 4, 8, 16, 24, 32, 50, 64, 128, 200, 256]);
    const g = random.pick([1, 1, 1, 1, 2, 4, 32, 96]);
    const shape: ConvShape = {
      n: random.pick([1, 1, 2, 3, 8]),
      c: cg * g,
      h: random.integer(5, 80),
      w: random.integer(5, 80),
      o: og * g,
      k,
      s: pair(() => random.pick([1, 1, 2, 3])),
      p: pair(() => random.integer(0, 3)),
      d,
      g,
    };
    const [oh, ow] = outputSize(shape);
    const flops = flopsOf(shape);
    if (oh < 1 || ow < 1 || Math.max(shape.c, shape.o) > 1024 || flops < 1e6 || flops > 600e6) continue;
    shapes.push({ name: `random-${seed}-${shapes.length}`, ...shape });
  }
  return shapes;
}

/** [H', W'] of the output. */
export function outputSize({ h, w, k, s, p, d }: ConvShape): [number, number] {
  const along = (axis: 0 | 1, size: number): number =>
    Math.floor((size + 2 * p[axis] - d[axis] * (k[axis] - 1) - 1) / s[axis]) + 1;
  return [along(0, h), along(1, w)];
}

/** Operations of the direct algorithm, padding counted; the same for each direction. */
function flopsOf(shape: ConvShape): number {
  const [oh, ow] = outputSize(shape);
  const { n, c, o, k, g } = shape;
  return 2 * n * o * oh * ow * (c / g) * k[0] * k[1];
}

/** As people write it: `8×64×56×56 * 64×64×3×3 s1 p1`. */
export function describeShape({ n, c, h, w, o, k, s, p, d, g }: ConvShape): string {
  const pair = ([a, b]: readonly [number, number]): string => (a === b ? `${a}` : `${a},${b}`);
  const extras = [`s${pair(s)}`, `p${pair(p)}`, d[0] * d[1] > 1 ? `d${pair(d)}` : '', g > 1 ? `g${g}` : ''];
  return `${[n, c, h, w].join('×')} * ${[o, c / g, ...k].join('×')} ${extras.filter(Boolean).join(' ')}`;
}

export function* conv2dTasks(shapes: readonly NamedShape[], direction: Direction): Generator<Task> {
  for (const { name, ...shape } of shapes) {
    const random = new Random(1);
    const { n, c, h, w, o, k, g } = shape;
    const inputs = {
      input: random.tensor([n, c, h, w]),
      weight: random.tensor([o, c / g, ...k]),
      bias: random.tensor([o]),
      grad: random.tensor([n, o, ...outputSize(shape)]),
    };
    const task = { op: 'conv2d', direction, shape, inputs } satisfies Conv2dTask;
    yield { name, flops: flopsOf(shape), bytes: 0, expected: definition(task), ...task };
  }
}

/** The definition of a convolution or of one of its gradients, for one element at a time. */
function definition({ shape, direction, inputs }: Conv2dTask): (index: number) => number {
  const { n: N, c: C, h: H, w: W, o: O, k, s, p, d, g } = shape;
  const [kH, kW] = k;
  const [oH, oW] = outputSize(shape);
  const cg = C / g;
  const og = O / g;
  const at = (a: Float32Array, i: number): number => a[i] ?? Number.NaN;
  const x = (n: number, c: number, y: number, z: number): number =>
    y < 0 || y >= H || z < 0 || z >= W ? 0 : at(inputs.input.data, ((n * C + c) * H + y) * W + z);
  const weight = (o: number, c: number, u: number, v: number): number =>
    at(inputs.weight.data, ((o * cg + c) * kH + u) * kW + v);
  const grad = (n: number, o: number, i: number, j: number): number =>
    at(inputs.grad.data, ((n * O + o) * oH + i) * oW + j);
  /** The four coordinates of an index in row-major order. */
  const split = (
    index: number,
    [b, c, d]: readonly [number, number, number],
  ): [number, number, number, number] => [
    Math.floor(index / (b * c * d)),
    Math.floor(index / (c * d)) % b,
    Math.floor(index / d) % c,
    index % d,
  ];
  const sum = (count: number, term: (i: number) => number): number => {
    let total = 0;
    for (let i = 0; i < count; i++) total += term(i);
    return total;
  };
  const forward = (index: number): number => {
    const [n, o, i, j] = split(index, [O, oH, oW]);
    const first = Math.floor(o / og) * cg;
    const tap = (c: number, u: number, v: number): number =>
      weight(o, c, u, v) * x(n, first + c, i * s[0] - p[0] + u * d[0], j * s[1] - p[1] + v * d[1]);
    return at(inputs.bias.data, o) + sum(cg, (c) => sum(kH, (u) => sum(kW, (v) => tap(c, u, v))));
  };
  const inputGrad = (index: number): number => {
    const [n, c, y, z] = split(index, [C, H, W]);
    const group = Math.floor(c / cg);
    const tap = (o: number, u: number, v: number): number => {
      const i = (y + p[0] - u * d[0]) / s[0];
      const j = (z + p[1] - v * d[1]) / s[1];
      const reached = Number.isInteger(i) && Number.isInteger(j) && i >= 0 && i < oH && j >= 0 && j < oW;
      return reached ? weight(o, c % cg, u, v) * grad(n, o, i, j) : 0;
    };
    return sum(og, (o) => sum(kH, (u) => sum(kW, (v) => tap(group * og + o, u, v))));
  };
  const weightGrad = (index: number): number => {
    const [o, c, u, v] = split(index, [cg, kH, kW]);
    const channel = Math.floor(o / og) * cg + c;
    const term = (n: number, i: number, j: number): number =>
      grad(n, o, i, j) * x(n, channel, i * s[0] - p[0] + u * d[0], j * s[1] - p[1] + v * d[1]);
    return sum(N, (n) => sum(oH, (i) => sum(oW, (j) => term(n, i, j))));
  };
  return { forward, 'input-grad': inputGrad, 'weight-grad': weightGrad }[direction];
}
