/** Convolution and its gradients by their definition: plain loops in float64 over logical indices. */
import type { ConvGeometry } from '../../src/device/backend.ts';

/** A tensor by its shape and its elements in row-major order. */
export interface Plain {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const plain = (shape: readonly number[], data?: ArrayLike<number>): Plain => ({
  shape,
  data: data ? Float64Array.from(data) : new Float64Array(shape.reduce((n, size) => n * size, 1)),
});

/** Calls visit(offset in out, in input, in weight) for every product that the convolution sums. */
const eachProduct = (
  out: readonly number[],
  input: readonly number[],
  weight: readonly number[],
  { stride, dilation, padding, groups }: ConvGeometry,
  visit: (out: number, input: number, weight: number) => void,
): void => {
  const [N, O, OH, OW] = out as [number, number, number, number];
  const [, C, H, W] = input as [number, number, number, number];
  const [, perGroup, kH, kW] = weight as [number, number, number, number];
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++) {
      const group = Math.floor(o / (O / groups));
      for (let y = 0; y < OH; y++)
        for (let x = 0; x < OW; x++)
          for (let c = 0; c < perGroup; c++)
            for (let i = 0; i < kH; i++)
              for (let j = 0; j < kW; j++) {
                const row = y * stride[0] + i * dilation[0] - padding[0][0];
                const column = x * stride[1] + j * dilation[1] - padding[1][0];
                if (row < 0 || row >= H || column < 0 || column >= W) continue;
                visit(
                  ((n * O + o) * OH + y) * OW + x,
                  ((n * C + group * perGroup + c) * H + row) * W + column,
                  ((o * perGroup + c) * kH + i) * kW + j,
                );
              }
    }
};

/** The shape of the output. */
export const outputShape = (
  input: readonly number[],
  weight: readonly number[],
  { stride, dilation, padding }: ConvGeometry,
): number[] => {
  const size = (axis: 0 | 1): number =>
    Math.floor(
      (input[2 + axis]! +
        padding[axis][0] +
        padding[axis][1] -
        dilation[axis] * (weight[2 + axis]! - 1) -
        1) /
        stride[axis],
    ) + 1;
  return [input[0]!, weight[0]!, size(0), size(1)];
};

export const conv2d = (input: Plain, weight: Plain, bias: Plain | null, geometry: ConvGeometry): Plain => {
  const out = plain(outputShape(input.shape, weight.shape, geometry));
  const [, channels, height, width] = out.shape as [number, number, number, number];
  eachProduct(out.shape, input.shape, weight.shape, geometry, (o, i, w) => {
    out.data[o]! += input.data[i]! * weight.data[w]!;
  });
  if (bias !== null) {
    out.data.forEach((_, k) => {
      out.data[k]! += bias.data[Math.floor(k / (height * width)) % channels]!;
    });
  }
  return out;
};

export const conv2dInputGrad = (
  inputShape: readonly number[],
  grad: Plain,
  weight: Plain,
  geometry: ConvGeometry,
): Plain => {
  const out = plain(inputShape);
  eachProduct(grad.shape, inputShape, weight.shape, geometry, (o, i, w) => {
    out.data[i]! += grad.data[o]! * weight.data[w]!;
  });
  return out;
};

export const conv2dWeightGrad = (
  weightShape: readonly number[],
  grad: Plain,
  input: Plain,
  geometry: ConvGeometry,
): Plain => {
  const out = plain(weightShape);
  eachProduct(grad.shape, input.shape, weightShape, geometry, (o, i, w) => {
    out.data[w]! += grad.data[o]! * input.data[i]!;
  });
  return out;
};
