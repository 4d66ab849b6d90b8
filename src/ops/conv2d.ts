/** Two-dimensional convolution, its two gradients, and theirs: each is made of the other two. */
import { call, defineOp } from '../autograd/op.ts';
import type { ConvGeometry } from '../device/backend.ts';
import { dtypes, type DType } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import { backendOf } from '../tensor/devices.ts';
import { allocateFormatted, zeros } from '../tensor/create.ts';
import { isChannelsLast, Tensor } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import { to } from './copies.ts';

interface ConvInputs {
  readonly [name: string]: Tensor | null;
  readonly input: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
}

/** What a gradient must know of the operand it is the gradient of. */
interface Target {
  readonly shape: readonly number[];
  readonly channelsLast: boolean;
}

const geometry: ConvGeometry = {
  stride: [2, 1],
  dilation: [1, 2],
  padding: [
    [1, 0],
    [2, 1],
  ],
  groups: 2,
};
const plain: ConvGeometry = {
  stride: [1, 1],
  dilation: [1, 1],
  padding: [
    [0, 0],
    [0, 0],
  ],
  groups: 1,
};

export const conv2dOp = defineOp<ConvInputs, ConvGeometry>({
  name: 'conv2d',
  node: 'ConvolutionBackward0',
  saves: ['input', 'weight'],
  forward({ input, weight, bias }, p) {
    const [n, , h, w] = input.shape as [number, number, number, number];
    const [o, , kh, kw] = weight.shape as [number, number, number, number];
    const shape = [n, o, outputSize(h, kh, p, 0), outputSize(w, kw, p, 1)];
    const channelsLast = isChannelsLast(input) || isChannelsLast(weight);
    const out = allocateFormatted(shape, channelsLast, input.dtype, input.device);
    backendOf(input.device).conv2d(out, input, weight, bias, p);
    return out;
  },
  backward: (grad, { input, weight }, p) => ({
    input: () => inputGrad(grad, weight, { shape: input.shape, channelsLast: isChannelsLast(input) }, p),
    weight: () => weightGrad(grad, input, { shape: weight.shape, channelsLast: isChannelsLast(weight) }, p),
    bias: () => grad.sum([0, 2, 3]),
  }),
  samples: [
    { inputs: { input: [2, 4, 5, 6], weight: [6, 2, 3, 2], bias: [6] }, params: geometry },
    { inputs: { input: [1, 2, 4, 3], weight: [3, 2, 1, 1], bias: null }, params: plain },
  ],
});

/** Sends a gradient of the output back to the input: a transposed convolution of exactly the input's size. */
export const conv2dInputGradOp = defineOp<
  { readonly grad: Tensor; readonly weight: Tensor },
  ConvGeometry & { readonly target: Target }
>({
  name: 'conv2d_input',
  node: 'ConvolutionInputBackward0',
  saves: ['grad', 'weight'],
  forward: ({ grad, weight }, p) => {
    const out = allocateFormatted(p.target.shape, p.target.channelsLast, grad.dtype, grad.device);
    backendOf(grad.device).conv2dInputGrad(out, grad, weight, p);
    return out;
  },
  backward: (cotangent, { grad, weight }, p) => ({
    grad: () => call(conv2dOp, { input: cotangent, weight, bias: null }, p),
    weight: () =>
      weightGrad(grad, cotangent, { shape: weight.shape, channelsLast: isChannelsLast(weight) }, p),
  }),
  samples: [
    {
      inputs: { grad: [2, 6, 2, 7], weight: [6, 2, 3, 2] },
      params: { ...geometry, target: { shape: [2, 4, 5, 6], channelsLast: false } },
    },
  ],
});

/** The gradient of the weight: correlates a gradient of the output with the input. */
export const conv2dWeightGradOp = defineOp<
  { readonly grad: Tensor; readonly input: Tensor },
  ConvGeometry & { readonly target: Target }
>({
  name: 'conv2d_weight',
  node: 'ConvolutionWeightBackward0',
  saves: ['grad', 'input'],
  forward: ({ grad, input }, p) => {
    const out = allocateFormatted(p.target.shape, p.target.channelsLast, grad.dtype, grad.device);
    backendOf(grad.device).conv2dWeightGrad(out, grad, input, p);
    return out;
  },
  backward: (cotangent, { grad, input }, p) => ({
    grad: () => call(conv2dOp, { input, weight: cotangent, bias: null }, p),
    input: () => inputGrad(grad, cotangent, { shape: input.shape, channelsLast: isChannelsLast(input) }, p),
  }),
  samples: [
    {
      inputs: { grad: [2, 6, 2, 7], input: [2, 4, 5, 6] },
      params: { ...geometry, target: { shape: [6, 2, 3, 2], channelsLast: false } },
    },
  ],
});

/** Of an empty batch the gradients are constants: as in PyTorch they depend on nothing. */
const inputGrad = (grad: Tensor, weight: Tensor, target: Target, p: ConvGeometry): Tensor =>
  grad.numel() === 0
    ? zeros(target.shape, { dtype: grad.dtype, device: grad.device })
    : call(conv2dInputGradOp, { grad, weight }, { ...p, target });
const weightGrad = (grad: Tensor, input: Tensor, target: Target, p: ConvGeometry): Tensor =>
  grad.numel() === 0
    ? zeros(target.shape, { dtype: grad.dtype, device: grad.device })
    : call(conv2dWeightGradOp, { grad, input }, { ...p, target });

const outputSize = (size: number, kernel: number, p: ConvGeometry, axis: 0 | 1): number => {
  const [before, after] = p.padding[axis];
  return Math.floor((size + before + after - p.dilation[axis] * (kernel - 1) - 1) / p.stride[axis]) + 1;
};

/** A number for both axes, or [vertical, horizontal]. */
export type Pair = number | readonly number[];

export interface Conv2dOptions {
  /** Step in input elements. Default 1. */
  readonly stride?: Pair | undefined;
  /** Zeros added on both sides of each axis, `'valid'` for none, or `'same'` for as many as keep the size. Default 0. */
  readonly padding?: Pair | 'same' | 'valid' | undefined;
  /** Distance between kernel elements. Default 1. */
  readonly dilation?: Pair | undefined;
  /** Channels are split into this many groups that do not see each other. Default 1. */
  readonly groups?: number | undefined;
}

/**
 * 2-D cross-correlation, which deep learning calls convolution.
 *
 * @param input   [N, C, H, W], or [C, H, W] without a batch
 * @param weight  [O, C / groups, kH, kW]
 * @param bias    [O]
 * @returns [N, O, ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride⌋ + 1, likewise for W]; channels-last in memory if
 *   the input or the weight is
 * @throws RuntimeError with PyTorch's texts, in PyTorch's order, when something does not fit
 * @see torch.nn.functional.conv2d; Dumoulin & Visin 2016, arXiv:1603.07285
 */
export const conv2d = (
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  { stride = 1, padding = 0, dilation = 1, groups = 1 }: Conv2dOptions = {},
): Tensor => {
  checkTensor('input', 1, input);
  checkTensor('weight', 2, weight);
  if (bias !== null)
    checkTensor('bias', 3, bias, '; options come fourth: conv2d(input, weight, null, { … })');
  const named = typeof padding === 'string';
  if (bias !== null && !named) checkBiasType(input, bias);
  if (input.ndim !== 3 && input.ndim !== 4) {
    throw new RuntimeError(
      `Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [${input.shape.join(', ')}]`,
    );
  }
  if (named && !paddingNames.has(padding)) {
    throw new RuntimeError(`Invalid padding string: '${padding as string}'`);
  }
  const spatial = weight.ndim - 2;
  if (spatial < 1) throw new RuntimeError('weight should have at least three dimensions');
  const wrongLength = padding === 'same' ? cannotBroadcast : wrongList;
  const steps = pairOf('stride', stride, spatial, wrongLength);
  const sizes = named ? padding : pairOf('padding', padding, spatial, wrongList);
  const dilations = pairOf('dilation', dilation, spatial, wrongLength);
  const pads =
    typeof sizes === 'string' ? namedPadding(sizes, weight.shape, steps, dilations) : symmetric(sizes);
  const batched = input.ndim === 4 ? input : input.unsqueeze(0);
  const p: ConvGeometry = { stride: steps, dilation: dilations, padding: pads, groups };
  checkGeometry(p);
  checkChannels(batched, weight, groups, named ? pads : noPadding);
  checkBiasShape(weight, bias);
  checkExtent(batched, weight, p);
  checkNotEmpty(batched);
  checkKernel(weight);
  checkWeightType(batched, weight);
  checkFloating(batched);
  // With a named padding PyTorch takes a bias of any dtype.
  const shift = bias === null ? null : to(bias, input.dtype);
  const out = call(conv2dOp, { input: batched, weight, bias: shift }, p);
  return input.ndim === 4 ? out : out.squeeze(0);
};

type Padding = ConvGeometry['padding'];
const noPadding: Padding = [
  [0, 0],
  [0, 0],
];

const checkTensor = (name: string, position: number, value: unknown, remedy = ''): void => {
  if (value instanceof Tensor) return;
  throw new TypeError(
    `conv2d(): argument '${name}' (position ${String(position)}) must be Tensor, not ${typeName(value)}${remedy}`,
  );
};

const paddingNames: ReadonlySet<string> = new Set(['same', 'valid']);

const wrongList = (name: string, list: readonly number[], spatial: number): string =>
  `expected ${name} to be a single integer value or a list of ${String(spatial)} values to match the convolution dimensions, but got ${name}=[${list.join(', ')}]`;
/** What PyTorch says where the padding is `'same'`. */
const cannotBroadcast = (name: string, _: readonly number[], spatial: number): string =>
  `${name} cannot broadcast to ${String(spatial)} dimensions`;

const pairOf = (
  name: string,
  value: Pair,
  spatial: number,
  wrongLength: typeof wrongList,
): readonly [number, number] => {
  if (spatial === 2 && Number.isInteger(value)) return [value as number, value as number];
  const list = typeof value === 'number' ? [value] : value;
  if (list.length !== 1 && list.length !== spatial) {
    throw new RuntimeError(wrongLength(name, list, spatial));
  }
  if (!list.every(Number.isInteger)) {
    throw new TypeError(`conv2d(): argument '${name}' must be tuple of ints, not [${list.join(', ')}]`);
  }
  if (spatial !== 2) {
    throw new RuntimeError(
      `conv2d: weight must have 4 dimensions [O, C / groups, kH, kW], but has ${String(spatial + 2)}`,
    );
  }
  return list.length === 1 ? [list[0]!, list[0]!] : [list[0]!, list[1]!];
};

const symmetric = ([v, h]: readonly [number, number]): Padding => [
  [v, v],
  [h, h],
];

/** `'same'` keeps the size; with an odd total the bottom and right get the extra zero. */
const namedPadding = (
  name: 'same' | 'valid',
  weight: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): Padding => {
  if (name === 'valid') return noPadding;
  if (stride.some((step) => step !== 1))
    throw new RuntimeError("padding='same' is not supported for strided convolutions");
  const around = (axis: number): readonly [number, number] => {
    const total = dilation[axis]! * (weight[axis + 2]! - 1);
    const before = Math.floor(total / 2);
    return [before, total - before];
  };
  return [around(0), around(1)];
};

const checkBiasType = (input: Tensor, bias: Tensor): void => {
  if (input.dtype !== bias.dtype) {
    throw new RuntimeError(
      `Input type (${dtypes[input.dtype].cName}) and bias type (${dtypes[bias.dtype].cName}) should be the same`,
    );
  }
};

const checkGeometry = ({ groups, padding, stride, dilation }: ConvGeometry): void => {
  if (!Number.isInteger(groups) || groups <= 0)
    throw new RuntimeError('non-positive groups is not supported');
  const [[top, bottom], [left, right]] = padding;
  if (top < 0 || bottom < 0 || left < 0 || right < 0)
    throw new RuntimeError('negative padding is not supported');
  if (stride[0] <= 0 || stride[1] <= 0) throw new RuntimeError('non-positive stride is not supported');
  if (dilation[0] <= 0 || dilation[1] <= 0) throw new RuntimeError('non-positive dilation is not supported');
};

/** `shown`: PyTorch pads one-sidedly before it checks, when the total of `'same'` is odd; its text shows that size. */
const checkChannels = (input: Tensor, weight: Tensor, groups: number, shown: Padding): void => {
  const [outs, perGroup] = weight.shape as [number, number];
  const channels = perGroup * groups;
  if (outs >= groups && outs % groups === 0 && input.shape[1] === channels) return;
  const size = `[${weight.shape.join(', ')}]`;
  const given = `Given groups=${String(groups)}`;
  if (outs < groups) {
    throw new RuntimeError(
      `${given}, expected weight to be at least ${String(groups)} at dimension 0, but got weight of size ${size} instead`,
    );
  }
  if (outs % groups !== 0) {
    throw new RuntimeError(
      `${given}, expected weight to be divisible by ${String(groups)} at dimension 0, but got weight of size [${size}] instead`,
    );
  }
  const extra = shown.map(([before, after]) => after - before);
  const padded = input.shape.map((n, axis) => n + (extra[axis - 2] ?? 0));
  throw new RuntimeError(
    `${given}, weight of size ${size}, expected input[${padded.join(', ')}] to have ${String(channels)} channels, but got ${String(input.shape[1])} channels instead`,
  );
};

const checkBiasShape = (weight: Tensor, bias: Tensor | null): void => {
  if (bias === null || (bias.ndim === 1 && bias.shape[0] === weight.shape[0])) return;
  throw new RuntimeError(
    `Given weight of size [${weight.shape.join(', ')}], expected bias to be 1-dimensional with ${String(weight.shape[0])} elements, but got bias of size [${bias.shape.join(', ')}] instead`,
  );
};

const checkExtent = (input: Tensor, weight: Tensor, { padding, dilation }: ConvGeometry): void => {
  const paddedAlong = (axis: 0 | 1): number => input.shape[axis + 2]! + padding[axis][0] + padding[axis][1];
  const extentAlong = (axis: 0 | 1): number => dilation[axis] * (weight.shape[axis + 2]! - 1) + 1;
  const padded = [paddedAlong(0), paddedAlong(1)] as const;
  const extent = [extentAlong(0), extentAlong(1)] as const;
  if (padded[0] < extent[0] || padded[1] < extent[1]) {
    throw new RuntimeError(
      `Calculated padded input size per channel: (${padded.join(' x ')}). Kernel size: (${extent.join(' x ')}). Kernel size can't be greater than actual input size`,
    );
  }
};

/** Types for which PyTorch says that it has no kernel before it compares. */
const withoutKernel: ReadonlySet<DType> = new Set(['float16', 'bool']);

const checkWeightType = (input: Tensor, weight: Tensor): void => {
  if (input.dtype === weight.dtype) return;
  const type = dtypes[input.dtype].scalarType;
  if (withoutKernel.has(input.dtype))
    throw new RuntimeError(`"slow_conv2d_cpu" not implemented for '${type}'`);
  throw new RuntimeError(`expected scalar type ${type} but found ${dtypes[weight.dtype].scalarType}`);
};

const checkNotEmpty = (input: Tensor): void => {
  if (input.shape[2] === 0 || input.shape[3] === 0) {
    throw new RuntimeError(
      `Only zero batch or zero channel inputs are supported, but got input shape: [${input.shape.join(', ')}]`,
    );
  }
};

const checkKernel = (weight: Tensor): void => {
  if (weight.shape[2] === 0 || weight.shape[3] === 0) {
    throw new RuntimeError(
      `kernel size should be greater than zero, but got kernel_height: ${String(weight.shape[2])} kernel_width: ${String(weight.shape[3])}`,
    );
  }
};

const checkFloating = (input: Tensor): void => {
  if (!input.isFloatingPoint()) {
    throw new RuntimeError(
      `conv2d: input and weight must be floating-point tensors, but they are ${input.dtype}`,
    );
  }
};
