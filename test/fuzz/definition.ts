/** What a random convolution must give, by its definition: plain loops in float64 over logical indices. */
import type { ConvGeometry } from '../../src/device/backend.ts';
import * as reference from '../reference/conv2d.ts';
import { outputOf, paddingOf, type ConvCase, type Operand } from './conv.ts';

interface Values {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** The operands as the case's program drew them; no cotangent where nothing learns. */
export interface Drawn {
  readonly input: Values;
  readonly weight: Values;
  readonly bias: Values | null;
  readonly cotangent: Values | null;
}

/** Which element of an axis of size n stands at offset t from its beginning, −1 for a zero. */
const extended = (mode: string, t: number, n: number): number => {
  if (t >= 0 && t < n) return t;
  switch (mode) {
    case 'reflect':
      return t < 0 ? -t : 2 * (n - 1) - t;
    case 'replicate':
      return t < 0 ? 0 : n - 1;
    case 'circular':
      return t < 0 ? t + n : t - n;
    default:
      return -1;
  }
};

export const byDefinition = (
  c: ConvCase,
  { input, weight, bias, cotangent }: Drawn,
): { readonly output: Float64Array; readonly gradient: Readonly<Record<Operand, Float64Array>> } => {
  const batched = (shape: readonly number[]): readonly number[] =>
    shape.length === 3 ? [1, ...shape] : shape;
  const x = reference.plain(batched(c.input), input.data);
  const w = reference.plain(weight.shape, weight.data);
  const b = bias && reference.plain(bias.shape, bias.data);
  const gy = reference.plain(batched(outputOf(c)), cotangent?.data);
  const pair = (size: ConvCase['stride']): readonly [number, number] =>
    typeof size === 'number' ? [size, size] : [size[0]!, size[1]!];

  // The extended input, and where each of its elements comes from.
  const [top, left] = [paddingOf(c, 0), paddingOf(c, 1)];
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const [tall, wide] = [height + top[0] + top[1], width + left[0] + left[1]];
  const from = Array.from({ length: n * channels * tall * wide }, (_, at) => {
    const mode = c.functional ? 'zeros' : c.paddingMode;
    const row = extended(mode, (Math.floor(at / wide) % tall) - top[0], height);
    const column = extended(mode, (at % wide) - left[0], width);
    const plane = Math.floor(at / (wide * tall));
    return row < 0 || column < 0 ? -1 : (plane * height + row) * width + column;
  });
  const around = reference.plain(
    [n, channels, tall, wide],
    from.map((at) => (at < 0 ? 0 : x.data[at]!)),
  );
  const geometry: ConvGeometry = {
    stride: pair(c.stride),
    dilation: pair(c.dilation),
    padding: [
      [0, 0],
      [0, 0],
    ],
    groups: c.groups,
  };
  const gradient = {
    input: new Float64Array(x.data.length),
    weight: reference.conv2dWeightGrad(w.shape, gy, around, geometry).data,
    bias: new Float64Array(c.outChannels),
  };
  reference.conv2dInputGrad(around.shape, gy, w, geometry).data.forEach((g, k) => {
    if (from[k]! >= 0) gradient.input[from[k]!]! += g;
  });
  const plane = gy.shape[2]! * gy.shape[3]!;
  gy.data.forEach((g, k) => {
    gradient.bias[Math.floor(k / plane) % c.outChannels]! += g;
  });
  return { output: reference.conv2d(around, w, b, geometry).data, gradient };
};
