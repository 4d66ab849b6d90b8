/** Convolutions of every kind, small enough to be interpreted, and what they must give. */
import type { ConvGeometry } from '../../src/device/backend.ts';
import { elementCount, type View } from '../../src/device/view.ts';
import type { DType } from '../../src/dtype.ts';
import { conv2d, conv2dInputGrad, conv2dWeightGrad } from '../../src/kernels/half.ts';
import * as reference from '../reference/conv2d.ts';
import { laidOut, randomIntegers, read, write, type Layout } from './tensors.ts';

export interface Case {
  readonly name: string;
  /** [N, C, H, W] */
  readonly input: readonly [number, number, number, number];
  readonly outs: number;
  readonly kernel: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly padding?: ConvGeometry['padding'];
  readonly groups?: number;
  readonly bias?: boolean;
  /** Of all tensors. Default: contiguous. */
  readonly layout?: Layout;
}

const channelsLast: Layout = { order: [0, 2, 3, 1] };

export const cases: readonly Case[] = [
  { name: 'one pixel', input: [1, 1, 1, 1], outs: 1, kernel: [1, 1] },
  { name: 'one tap', input: [2, 3, 4, 5], outs: 6, kernel: [1, 1], bias: true },
  { name: 'one tap, stride', input: [2, 3, 5, 7], outs: 4, kernel: [1, 1], stride: [3, 2] },
  {
    name: 'one tap, padding',
    input: [1, 2, 3, 4],
    outs: 5,
    kernel: [1, 1],
    padding: [
      [1, 0],
      [2, 3],
    ],
  },
  { name: 'plain', input: [2, 5, 6, 9], outs: 7, kernel: [3, 2], bias: true },
  { name: 'a row of exactly one vector', input: [1, 2, 3, 6], outs: 3, kernel: [3, 3] },
  {
    name: 'padded',
    input: [1, 3, 5, 11],
    outs: 9,
    kernel: [3, 5],
    padding: [
      [1, 1],
      [2, 2],
    ],
    bias: true,
  },
  {
    name: 'padding of one side',
    input: [2, 3, 4, 5],
    outs: 2,
    kernel: [2, 4],
    padding: [
      [0, 1],
      [3, 0],
    ],
  },
  {
    name: 'padding beyond the kernel',
    input: [1, 2, 3, 2],
    outs: 3,
    kernel: [2, 1],
    padding: [
      [4, 3],
      [2, 5],
    ],
  },
  {
    name: 'stride',
    input: [2, 3, 9, 12],
    outs: 5,
    kernel: [3, 4],
    stride: [2, 3],
    padding: [
      [1, 0],
      [2, 1],
    ],
  },
  {
    name: 'stride, little padding',
    input: [2, 2, 35, 37],
    outs: 3,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [
      [1, 1],
      [1, 1],
    ],
  },
  {
    name: 'stride beyond the kernel',
    input: [1, 2, 9, 11],
    outs: 3,
    kernel: [1, 2],
    stride: [4, 5],
    bias: true,
  },
  {
    name: 'stride beyond everything',
    input: [2, 3, 5, 6],
    outs: 4,
    kernel: [3, 2],
    stride: [10 ** 9, 2 ** 40 + 1],
    bias: true,
  },
  {
    name: 'dilation',
    input: [1, 3, 9, 10],
    outs: 4,
    kernel: [3, 2],
    dilation: [2, 4],
    padding: [
      [2, 2],
      [0, 3],
    ],
  },
  {
    name: 'stride and dilation with a common divisor',
    input: [2, 2, 13, 12],
    outs: 3,
    kernel: [4, 3],
    stride: [4, 6],
    dilation: [2, 3],
    padding: [
      [3, 2],
      [4, 0],
    ],
  },
  {
    name: 'kernel larger than the image',
    input: [1, 2, 2, 3],
    outs: 3,
    kernel: [5, 6],
    padding: [
      [2, 1],
      [3, 2],
    ],
  },
  {
    name: 'groups',
    input: [2, 6, 5, 7],
    outs: 10,
    kernel: [3, 2],
    groups: 2,
    padding: [
      [1, 1],
      [0, 1],
    ],
    bias: true,
  },
  {
    name: 'groups of few',
    input: [1, 12, 5, 9],
    outs: 15,
    kernel: [2, 3],
    groups: 3,
    stride: [1, 2],
    bias: true,
  },
  {
    name: 'patches, several outputs each',
    input: [2, 3, 8, 12],
    outs: 5,
    kernel: [4, 4],
    stride: [4, 4],
    bias: true,
  },
  {
    name: 'taps apart, groups, rows and columns that no tap meets',
    input: [3, 4, 11, 13],
    outs: 6,
    kernel: [2, 2],
    stride: [4, 3],
    dilation: [3, 1],
    groups: 2,
  },
  {
    name: 'taps apart, channels last',
    input: [2, 5, 6, 7],
    outs: 4,
    kernel: [1, 2],
    stride: [2, 2],
    layout: channelsLast,
  },
  {
    name: 'depthwise',
    input: [2, 5, 6, 13],
    outs: 5,
    kernel: [3, 3],
    groups: 5,
    padding: [
      [1, 1],
      [1, 1],
    ],
    bias: true,
  },
  {
    name: 'depthwise, stride',
    input: [1, 3, 7, 31],
    outs: 3,
    kernel: [3, 3],
    groups: 3,
    stride: [2, 2],
    padding: [
      [1, 1],
      [1, 1],
    ],
  },
  {
    name: 'depthwise, several outputs each',
    input: [1, 3, 5, 6],
    outs: 9,
    kernel: [2, 3],
    groups: 3,
    dilation: [1, 2],
  },
  {
    name: 'depthwise, padding beyond the kernel',
    input: [1, 3, 2, 5],
    outs: 3,
    kernel: [3, 3],
    padding: [
      [4, 5],
      [6, 3],
    ],
    groups: 3,
    bias: true,
  },
  {
    name: 'depthwise, dilation, several outputs each',
    input: [2, 2, 13, 11],
    outs: 6,
    kernel: [3, 2],
    dilation: [2, 3],
    padding: [
      [2, 1],
      [1, 3],
    ],
    groups: 2,
  },
  {
    name: 'depthwise, wide rows, stride and dilation',
    input: [1, 2, 12, 77],
    outs: 2,
    kernel: [5, 3],
    stride: [1, 2],
    dilation: [1, 3],
    padding: [
      [2, 2],
      [5, 4],
    ],
    groups: 2,
    bias: true,
  },
  {
    name: 'depthwise, seven by seven',
    input: [2, 3, 9, 35],
    outs: 3,
    kernel: [7, 7],
    padding: [
      [3, 3],
      [3, 3],
    ],
    groups: 3,
  },
  {
    name: 'depthwise, negative padding',
    input: [1, 2, 9, 21],
    outs: 2,
    kernel: [3, 3],
    padding: [
      [-1, 1],
      [-2, -3],
    ],
    groups: 2,
  },
  {
    name: 'depthwise, every second row, three taps a column, many images',
    input: [5, 2, 17, 10],
    outs: 4,
    kernel: [3, 4],
    stride: [3, 2],
    dilation: [2, 1],
    padding: [
      [2, 0],
      [1, 2],
    ],
    groups: 2,
  },
  {
    name: 'depthwise, tall, five columns of taps, dilation',
    input: [2, 3, 23, 3],
    outs: 3,
    kernel: [4, 5],
    stride: [1, 2],
    dilation: [3, 2],
    padding: [
      [3, 4],
      [7, 4],
    ],
    groups: 3,
  },
  {
    name: 'depthwise, rows that no tap meets, dilation of the columns',
    input: [2, 3, 11, 41],
    outs: 3,
    kernel: [2, 5],
    stride: [4, 2],
    dilation: [2, 3],
    padding: [
      [3, 0],
      [5, 6],
    ],
    groups: 3,
    bias: true,
  },
  {
    name: 'depthwise, stride, one row, two columns, some padding cut off',
    input: [3, 2, 1, 2],
    outs: 2,
    kernel: [3, 5],
    stride: [3, 2],
    padding: [
      [3, 2],
      [7, -1],
    ],
    groups: 2,
  },
  {
    name: 'depthwise, stride, wide rows of many taps',
    input: [1, 2, 19, 67],
    outs: 2,
    kernel: [7, 7],
    stride: [2, 2],
    padding: [
      [3, 3],
      [3, 3],
    ],
    groups: 2,
  },
  {
    name: 'depthwise, every third column',
    input: [2, 3, 8, 73],
    outs: 6,
    kernel: [3, 5],
    stride: [2, 3],
    padding: [
      [1, 1],
      [2, 4],
    ],
    groups: 3,
    bias: true,
  },
  {
    name: 'depthwise, every fourth column, dilation, some padding cut off',
    input: [1, 2, 9, 70],
    outs: 2,
    kernel: [2, 3],
    stride: [4, 4],
    dilation: [2, 3],
    padding: [
      [1, 0],
      [-3, 2],
    ],
    groups: 2,
  },
  {
    name: 'depthwise, more planes and images than are handed out at a time',
    input: [70, 4, 3, 5],
    outs: 4,
    kernel: [3, 3],
    padding: [
      [1, 1],
      [1, 1],
    ],
    groups: 4,
    bias: true,
  },
  {
    name: 'depthwise, more channels than are handed out at a time',
    input: [1, 261, 3, 2],
    outs: 261,
    kernel: [2, 2],
    padding: [
      [1, 0],
      [1, 1],
    ],
    groups: 261,
  },
  {
    name: 'rows and columns that no tap meets, groups',
    input: [2, 6, 14, 41],
    outs: 9,
    kernel: [3, 2],
    stride: [2, 3],
    dilation: [4, 3],
    padding: [
      [5, 2],
      [1, 4],
    ],
    groups: 3,
    bias: true,
  },
  {
    name: 'one tap that misses the image, groups, stride',
    input: [2, 4, 5, 7],
    outs: 6,
    kernel: [1, 1],
    stride: [3, 2],
    padding: [
      [-5, 8],
      [-7, 9],
    ],
    groups: 2,
    bias: true,
  },
  {
    name: 'one row of taps, every third, groups',
    input: [1, 4, 20, 33],
    outs: 6,
    kernel: [1, 3],
    stride: [3, 2],
    padding: [
      [4, 4],
      [1, 2],
    ],
    dilation: [5, 2],
    groups: 2,
  },
  {
    name: 'many output channels, stride',
    input: [2, 4, 11, 13],
    outs: 37,
    kernel: [5, 4],
    stride: [2, 3],
    dilation: [1, 2],
    padding: [
      [2, 1],
      [0, 3],
    ],
    bias: true,
  },
  {
    name: 'many channels, every second column, an odd number of columns',
    input: [2, 18, 4, 37],
    outs: 35,
    kernel: [3, 4],
    stride: [2, 2],
    padding: [
      [1, 1],
      [2, 1],
    ],
  },
  {
    name: 'many channels in groups, every second column, three columns',
    input: [1, 34, 5, 3],
    outs: 66,
    kernel: [2, 5],
    stride: [1, 2],
    dilation: [2, 1],
    padding: [
      [0, 1],
      [2, 2],
    ],
    groups: 2,
  },
  {
    name: 'many output channels in groups, one tap',
    input: [2, 130, 3, 5],
    outs: 34,
    kernel: [1, 1],
    groups: 2,
    bias: true,
  },
  {
    name: 'more taps than the first cache holds',
    input: [1, 97, 3, 4],
    outs: 19,
    kernel: [3, 3],
    stride: [1, 2],
    padding: [
      [1, 1],
      [1, 1],
    ],
  },
  {
    name: 'many channels, images as small as the kernel',
    input: [2, 18, 6, 5],
    outs: 17,
    kernel: [5, 5],
    padding: [
      [4, 3],
      [2, 4],
    ],
  },
  {
    name: 'many channels, padding as wide as several tiles',
    input: [1, 17, 4, 33],
    outs: 18,
    kernel: [3, 7],
    dilation: [2, 2],
    padding: [
      [2, 5],
      [11, 12],
    ],
    bias: true,
  },
  {
    name: 'many channels, rows that meet no tap',
    input: [1, 17, 3, 4],
    outs: 18,
    kernel: [2, 2],
    stride: [1, 2],
    padding: [
      [3, 4],
      [1, 1],
    ],
    bias: true,
  },
  {
    name: 'wide rows',
    input: [1, 2, 3, 70],
    outs: 2,
    kernel: [1, 3],
    groups: 2,
    padding: [
      [0, 0],
      [1, 1],
    ],
  },
  {
    name: 'channels last',
    input: [2, 5, 4, 6],
    outs: 6,
    kernel: [3, 2],
    padding: [
      [1, 1],
      [1, 0],
    ],
    layout: channelsLast,
    bias: true,
  },
  {
    name: 'channels last, one tap',
    input: [2, 9, 3, 4],
    outs: 11,
    kernel: [1, 1],
    layout: channelsLast,
    bias: true,
  },
  {
    name: 'channels last, depthwise, stride',
    input: [1, 4, 7, 9],
    outs: 8,
    kernel: [3, 3],
    groups: 4,
    stride: [2, 1],
    layout: channelsLast,
    bias: true,
  },
  {
    name: 'transposed, with gaps',
    input: [2, 3, 5, 4],
    outs: 4,
    kernel: [2, 3],
    stride: [2, 1],
    layout: { order: [1, 0, 3, 2], gaps: [1, 0, 2, 1], offset: 5 },
    bias: true,
  },
  { name: 'no images', input: [0, 3, 5, 4], outs: 4, kernel: [2, 3] },
  { name: 'no input channels', input: [2, 0, 5, 4], outs: 4, kernel: [2, 3], bias: true },
];

/** Large enough to fall into several parts: bands of rows, chunks of images, blocks of a matrix product. */
export const largeCases: readonly Case[] = [
  {
    name: 'many taps, which do not fall into equal blocks',
    input: [1, 256, 11, 29],
    outs: 24,
    kernel: [5, 7],
    stride: [3, 2],
    dilation: [1, 3],
    padding: [
      [3, 3],
      [2, 2],
    ],
    bias: true,
  },
  {
    name: 'bands of rows',
    input: [2, 6, 211, 223],
    outs: 3,
    kernel: [3, 2],
    padding: [
      [1, 1],
      [0, 1],
    ],
    bias: true,
  },
  {
    name: 'stride, an input gradient whose parts are padded once',
    input: [3, 4, 67, 75],
    outs: 6,
    kernel: [3, 4],
    stride: [2, 2],
    padding: [
      [1, 1],
      [1, 2],
    ],
    groups: 2,
  },
  {
    name: 'stride, an input gradient whose parts are padded once, in bands of rows',
    input: [2, 3, 219, 263],
    outs: 24,
    kernel: [4, 3],
    stride: [2, 3],
    padding: [
      [2, 0],
      [1, 1],
    ],
  },
  {
    name: 'bands of rows, stride',
    input: [1, 9, 190, 181],
    outs: 9,
    kernel: [5, 3],
    stride: [2, 3],
    groups: 3,
  },
  {
    name: 'groups, some at a time',
    input: [1, 10, 190, 201],
    outs: 15,
    kernel: [3, 2],
    padding: [
      [1, 1],
      [0, 1],
    ],
    groups: 5,
    bias: true,
  },
  {
    name: 'chunks of images',
    input: [5, 4, 117, 125],
    outs: 5,
    kernel: [1, 3],
    padding: [
      [0, 0],
      [1, 1],
    ],
    bias: true,
  },
  {
    name: 'channels last, chunks of images, three taps',
    input: [4, 37, 56, 50],
    outs: 3,
    kernel: [1, 3],
    padding: [
      [0, 0],
      [1, 1],
    ],
    layout: channelsLast,
  },
  {
    name: 'one tap, channels of planes larger than the first cache',
    input: [2, 130, 53, 61],
    outs: 5,
    kernel: [1, 1],
  },
  {
    name: 'patches of more pixels than a table has entries',
    input: [3, 1, 150, 301],
    outs: 2,
    kernel: [1, 2],
    stride: [1, 2],
  },
  {
    name: 'many channels',
    input: [1, 130, 9, 7],
    outs: 150,
    kernel: [3, 3],
    padding: [
      [1, 1],
      [1, 1],
    ],
    bias: true,
  },
];

/** `infinite`: integers, but for one infinite element of the input. */
export type Numbers = 'integers' | 'normals' | 'infinite';

/** Sums of these integers are exact in every dtype here. */
const values = (count: number, numbers: Numbers, seed: number): number[] => {
  const below = randomIntegers(seed);
  const uniform = (): number => (below(2 ** 24) + 0.5) / 2 ** 24;
  return Array.from({ length: count }, () =>
    numbers !== 'normals'
      ? below(9) - 4
      : Math.fround(Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())),
  );
};

export interface Outcome {
  readonly what: 'forward' | 'input gradient' | 'weight gradient';
  readonly actual: readonly number[];
  readonly expected: readonly number[];
}

/** Runs a case in all three ways, and by definition. Biases and outputs are not initialised, but full of NaN. */
export const outcomes = (test: Case, dtype: DType, numbers: Numbers): Outcome[] => {
  const { input: inputShape, outs, kernel, groups = 1, layout = {} } = test;
  const geometry: ConvGeometry = {
    stride: test.stride ?? [1, 1],
    dilation: test.dilation ?? [1, 1],
    padding: test.padding ?? [
      [0, 0],
      [0, 0],
    ],
    groups,
  };
  const weightShape = [outs, inputShape[1] / groups, ...kernel];
  const outShape = reference.outputShape(inputShape, weightShape, geometry);
  const tensor = (shape: readonly number[], data: readonly number[]): View => {
    const view = laidOut(dtype, shape, shape.length === 4 ? layout : {});
    write(view, data);
    return view;
  };
  const filled = (shape: readonly number[], seed: number): { view: View; plain: reference.Plain } => {
    const view = tensor(shape, values(elementCount(shape), numbers, seed));
    return { view, plain: reference.plain(shape, read(view).map(Number)) };
  };
  const empty = (shape: readonly number[]): View =>
    tensor(shape, new Array<number>(elementCount(shape)).fill(NaN));

  const input = filled(inputShape, 1);
  if (numbers === 'infinite' && input.plain.data.length > 0) {
    const elements = [...input.plain.data];
    elements[Math.floor(elements.length / 3)] = Infinity;
    write(input.view, elements);
    input.plain.data.set(elements);
  }
  const weight = filled(weightShape, 2);
  const grad = filled(outShape, 3);
  const bias = test.bias === true ? filled([outs], 4) : null;
  const out = empty(outShape);
  const gradInput = empty(inputShape);
  const gradWeight = empty(weightShape);
  conv2d(out, input.view, weight.view, bias?.view ?? null, geometry);
  conv2dInputGrad(gradInput, grad.view, weight.view, geometry);
  conv2dWeightGrad(gradWeight, grad.view, input.view, geometry);

  const expected = remembered(test, `${dtype} ${numbers}`, () =>
    [
      reference.conv2d(input.plain, weight.plain, bias?.plain ?? null, geometry),
      reference.conv2dInputGrad(inputShape, grad.plain, weight.plain, geometry),
      reference.conv2dWeightGrad(weightShape, grad.plain, input.plain, geometry),
    ].map(({ data }) => [...data]),
  );
  const kinds = ['forward', 'input gradient', 'weight gradient'] as const;
  return [out, gradInput, gradWeight].map((actual, k) => ({
    what: kinds[k]!,
    actual: read(actual).map(Number),
    expected: expected[k]!,
  }));
};

const expectations = new WeakMap<Case, Map<string, readonly (readonly number[])[]>>();

/** What was expected of a case's numbers before: they are the same for every algorithm and target. */
const remembered = (
  test: Case,
  numbers: string,
  compute: () => readonly (readonly number[])[],
): readonly (readonly number[])[] => {
  let known = expectations.get(test);
  if (known === undefined)
    expectations.set(test, (known = new Map<string, readonly (readonly number[])[]>()));
  let expected = known.get(numbers);
  if (expected === undefined) known.set(numbers, (expected = compute()));
  return expected;
};
