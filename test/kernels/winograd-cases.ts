/** Convolutions that Winograd's algorithms compute. */
import type { ConvGeometry } from '../../src/device/backend.ts';
import type { Case } from './conv-cases.ts';

export const around = (padding: number): ConvGeometry['padding'] => [
  [padding, padding],
  [padding, padding],
];
export const three = [3, 3] as const;
export const cases: readonly Case[] = [
  {
    name: 'one pixel, in the middle of padding',
    input: [1, 1, 1, 1],
    outs: 1,
    kernel: three,
    padding: around(1),
  },
  { name: 'one row', input: [1, 2, 1, 9], outs: 3, kernel: three, padding: around(1), bias: true },
  { name: 'one column', input: [2, 3, 7, 1], outs: 2, kernel: three, padding: around(1) },
  { name: 'one output', input: [3, 5, 3, 3], outs: 4, kernel: three, bias: true },
  { name: 'no padding', input: [2, 3, 6, 8], outs: 17, kernel: three, bias: true },
  { name: 'partial tiles', input: [2, 17, 7, 11], outs: 3, kernel: three, padding: around(1) },
  { name: 'rows of more than one vector', input: [1, 2, 5, 75], outs: 3, kernel: three, padding: around(1) },
  {
    name: 'padding of one side',
    input: [2, 3, 5, 6],
    outs: 5,
    kernel: three,
    padding: [
      [2, 0],
      [0, 1],
    ],
    bias: true,
  },
  { name: 'much padding', input: [1, 2, 2, 3], outs: 3, kernel: three, padding: around(4) },
  { name: 'groups', input: [2, 6, 5, 9], outs: 10, kernel: three, groups: 2, padding: around(1), bias: true },
  {
    name: 'dilation',
    input: [2, 3, 9, 13],
    outs: 4,
    kernel: three,
    dilation: [2, 3],
    padding: [
      [2, 1],
      [3, 0],
    ],
    bias: true,
  },
  {
    name: 'channels last',
    input: [2, 5, 6, 7],
    outs: 6,
    kernel: three,
    padding: around(1),
    layout: { order: [0, 2, 3, 1] },
    bias: true,
  },
  {
    name: 'transposed, with gaps',
    input: [2, 3, 6, 5],
    outs: 4,
    kernel: three,
    padding: around(1),
    layout: { order: [1, 0, 3, 2], gaps: [1, 0, 2, 1], offset: 5 },
  },
  { name: 'no input channels', input: [2, 0, 5, 4], outs: 4, kernel: three, bias: true },
  { name: 'no images', input: [0, 3, 5, 4], outs: 4, kernel: three },
];

/** In several chunks, blocks and strips. */
export const largeCases: readonly Case[] = [
  { name: 'bands of rows', input: [1, 3, 230, 431], outs: 2, kernel: three, padding: around(1), bias: true },
  {
    name: 'parts of a dilation in several rounds, which end within a part',
    input: [2, 3, 47, 61],
    outs: 81,
    kernel: three,
    dilation: [2, 3],
    padding: around(2),
    bias: true,
  },
  { name: 'sums of several blocks', input: [2, 1, 43, 41], outs: 197, kernel: three, padding: around(1) },
  { name: 'many images', input: [40, 9, 13, 15], outs: 19, kernel: three, padding: around(1) },
  {
    name: 'several rounds and blocks of a gradient',
    input: [1, 260, 24, 120],
    outs: 12,
    kernel: three,
    padding: around(1),
  },
  {
    name: 'strips of columns',
    input: [1, 40, 5, 190],
    outs: 44,
    kernel: three,
    padding: around(1),
    bias: true,
  },
];

/** Of more tiles than are multiplied together. */
export const rounds: readonly Case[] = [
  { name: 'even', input: [3, 5, 47, 47], outs: 21, kernel: three, padding: around(1), bias: true },
  { name: 'uneven', input: [2, 18, 25, 37], outs: 4, kernel: three, padding: around(2) },
  { name: 'groups', input: [4, 6, 33, 21], outs: 4, kernel: three, padding: around(1), groups: 2 },
  {
    name: 'dilation',
    input: [1, 3, 41, 39],
    outs: 5,
    kernel: three,
    dilation: [2, 1],
    padding: around(1),
    bias: true,
  },
  {
    name: 'channels last',
    input: [2, 3, 31, 30],
    outs: 17,
    kernel: three,
    padding: around(1),
    layout: { order: [0, 2, 3, 1] },
    bias: true,
  },
];
