/** Pooling over windows of [N, C, H, W] or [C, H, W]. */
import { isGradEnabled } from '../autograd/mode.ts';
import { call, defineOp } from '../autograd/op.ts';
import type { PoolGeometry } from '../device/backend.ts';
import { dtypes } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import { allocate, allocateFormatted, allocateLike } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { isChannelsLast, type Tensor } from '../tensor/tensor.ts';
import type { Pair } from './conv2d.ts';

interface MaxPool {
  readonly geometry: PoolGeometry;
  readonly shape: readonly number[];
  /** Whether the caller asks where each maximum was found. A gradient does, too. */
  readonly asked: boolean;
  /** Filled by the forward pass if anybody does. */
  readonly found: { positions: Tensor | null };
}

export const maxPool2dOp = defineOp<{ readonly x: Tensor }, MaxPool>({
  name: 'max_pool2d',
  node: 'MaxPool2DWithIndicesBackward0',
  saves: [],
  forward: ({ x }, p) => {
    const out = allocateInOrder(x, p.shape);
    const wanted = p.asked || (x.requiresGrad && isGradEnabled());
    const positions = wanted ? allocate(p.shape, 'int32', x.device) : null;
    backendOf(x.device).maxPool2d(out, positions, x, p.geometry);
    p.found.positions = positions;
    return out;
  },
  backward: (grad, _, p, { x }) => ({
    x: () => call(maxPool2dGradOp, { grad, positions: p.found.positions! }, { shape: x.shape }),
  }),
  samples: [
    {
      inputs: { x: [2, 3, 6, 7] },
      params: {
        geometry: { kernel: [3, 2], stride: [2, 1], dilation: [1, 2], padding: [1, 0] },
        shape: [2, 3, 3, 5],
        asked: true,
        found: { positions: null },
      },
    },
  ],
});

/** Each gradient goes to where the maximum came from. */
export const maxPool2dGradOp = defineOp<
  { readonly grad: Tensor; readonly positions: Tensor },
  { readonly shape: readonly number[] }
>({
  name: 'max_pool2d_backward',
  node: 'MaxPool2DWithIndicesBackwardBackward0',
  saves: ['positions'],
  forward: ({ grad, positions }, { shape }) => {
    const out = allocate(shape, grad.dtype, grad.device);
    backendOf(grad.device).maxPool2dGrad(out, grad, positions);
    return out;
  },
  backward: (cotangent, { positions }) => ({
    grad: () => cotangent.flatten(-2).gather(-1, positions.flatten(-2).to('int64')).reshape(positions.shape),
  }),
  samples: [
    {
      inputs: { grad: [2, 3, 2, 2], positions: { shape: [2, 3, 2, 2], dtype: 'int32', low: 0, high: 20 } },
      params: { shape: [2, 3, 4, 5] },
    },
  ],
});

interface AvgPool {
  readonly geometry: PoolGeometry;
  readonly shape: readonly number[];
  readonly countIncludePad: boolean;
  readonly divisor: number | null;
}

export const avgPool2dOp = defineOp<{ readonly x: Tensor }, AvgPool>({
  name: 'avg_pool2d',
  node: 'AvgPool2DBackward0',
  saves: [],
  forward: ({ x }, p) => {
    const out = allocateInOrder(x, p.shape);
    backendOf(x.device).avgPool2d(out, x, p.geometry, p);
    return out;
  },
  backward: (grad, _, p, { x }) => ({
    x: (): Tensor => call(avgPool2dGradOp, { grad }, { ...p, shape: x.shape }),
  }),
  samples: [
    {
      inputs: { x: [2, 3, 5, 7] },
      params: {
        geometry: { kernel: [3, 2], stride: [2, 2], dilation: [1, 1], padding: [1, 1] },
        shape: [2, 3, 3, 4],
        countIncludePad: false,
        divisor: null,
      },
    },
  ],
});

export const avgPool2dGradOp = defineOp<{ readonly grad: Tensor }, AvgPool>({
  name: 'avg_pool2d_backward',
  node: 'AvgPool2DBackwardBackward0',
  saves: [],
  forward: ({ grad }, p) => {
    const out = allocate(p.shape, grad.dtype, grad.device);
    backendOf(grad.device).avgPool2dGrad(out, grad, p.geometry, p);
    return out;
  },
  backward: (cotangent, _, p, { grad }) => ({
    grad: (): Tensor => call(avgPool2dOp, { x: cotangent }, { ...p, shape: grad.shape }),
  }),
  samples: [
    {
      inputs: { grad: [2, 3, 3, 4] },
      params: {
        geometry: { kernel: [3, 2], stride: [2, 2], dilation: [1, 1], padding: [1, 1] },
        shape: [2, 3, 5, 7],
        countIncludePad: true,
        divisor: null,
      },
    },
  ],
});

export const adaptiveAvgPool2dOp = defineOp<{ readonly x: Tensor }, { readonly shape: readonly number[] }>({
  name: 'adaptive_avg_pool2d',
  node: 'AdaptiveAvgPool2DBackward0',
  saves: [],
  forward: ({ x }, { shape }) => {
    const out = allocateInOrder(x, shape);
    backendOf(x.device).adaptiveAvgPool2d(out, x);
    return out;
  },
  backward: (grad, _, __, { x }) => ({
    x: (): Tensor => call(adaptiveAvgPool2dGradOp, { grad }, { shape: x.shape }),
  }),
  samples: [{ inputs: { x: [2, 3, 5, 7] }, params: { shape: [2, 3, 2, 3] } }],
});

export const adaptiveAvgPool2dGradOp = defineOp<
  { readonly grad: Tensor },
  { readonly shape: readonly number[] }
>({
  name: 'adaptive_avg_pool2d_backward',
  node: 'AdaptiveAvgPool2DBackwardBackward0',
  saves: [],
  forward: ({ grad }, { shape }) => {
    const out = allocate(shape, grad.dtype, grad.device);
    backendOf(grad.device).adaptiveAvgPool2dGrad(out, grad);
    return out;
  },
  backward: (cotangent, _, __, { grad }) => ({
    grad: (): Tensor => call(adaptiveAvgPool2dOp, { x: cotangent }, { shape: grad.shape }),
  }),
  samples: [{ inputs: { grad: [2, 3, 2, 3] }, params: { shape: [2, 3, 5, 7] } }],
});

/** Memory for a result of another height and width, channels-last if the input is. */
const allocateInOrder = (x: Tensor, shape: readonly number[]): Tensor =>
  shape.every((size, axis) => size === x.shape[axis])
    ? allocateLike(x, 'preserve_format')
    : allocateFormatted(shape, isChannelsLast(x), x.dtype, x.device);

export interface PoolOptions {
  /** Step of the window. Default: the kernel size. */
  readonly stride?: Pair | null | undefined;
  /** Elements around that do not exist; at most half the kernel. Default 0. */
  readonly padding?: Pair | undefined;
  /** Round output sizes up, so that windows may run over the edge. Default false. */
  readonly ceilMode?: boolean | undefined;
}
export interface MaxPoolOptions extends PoolOptions {
  /** Distance between the elements of a window. Default 1. */
  readonly dilation?: Pair | undefined;
}
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts in the average. Default true. */
  readonly countIncludePad?: boolean | undefined;
  /** Divide by this instead of the window's size. */
  readonly divisorOverride?: number | null | undefined;
}

/** The largest element of each window; NaN if there is one. @see torch.nn.functional.max_pool2d */
export const maxPool2d = (x: Tensor, kernelSize: Pair, options: MaxPoolOptions = {}): Tensor =>
  maxPooled(x, kernelSize, options, false).out;

/** With the positions (int64, in the H · W plane) where the maxima were found. */
export const maxPool2dWithIndices = (
  x: Tensor,
  kernelSize: Pair,
  options: MaxPoolOptions = {},
): [Tensor, Tensor] => {
  const { out, positions } = maxPooled(x, kernelSize, options, true);
  const wide = positions!.to('int64');
  return [out, x.ndim === 4 ? wide : wide.squeeze(0)];
};

/** The maxima in the shape of `x`, and their positions (int32), always of a batch; at least if they are asked for. */
const maxPooled = (
  x: Tensor,
  kernelSize: Pair,
  options: MaxPoolOptions,
  asked: boolean,
): { readonly out: Tensor; readonly positions: Tensor | null } => {
  const batched = batchOf('max_pool2d', x);
  const geometry = poolGeometry('max_pool2d', kernelSize, options);
  const shape = pooledShape(batched, geometry, options.ceilMode);
  const found: MaxPool['found'] = { positions: null };
  const out = call(maxPool2dOp, { x: batched }, { geometry, shape, asked, found });
  return { out: x.ndim === 4 ? out : out.squeeze(0), positions: found.positions };
};

/** The mean of each window; of int64 rounded toward 0. @see torch.nn.functional.avg_pool2d */
export const avgPool2d = (
  x: Tensor,
  kernelSize: Pair,
  { countIncludePad = true, divisorOverride = null, ...options }: AvgPoolOptions = {},
): Tensor => {
  if (divisorOverride === 0) throw new RuntimeError('divisor must be not zero');
  const batched = batchOf('avg_pool2d', x);
  const geometry = poolGeometry('avg_pool2d', kernelSize, options);
  const shape = pooledShape(batched, geometry, options.ceilMode);
  const out = call(
    avgPool2dOp,
    { x: batched },
    { geometry, shape, countIncludePad, divisor: divisorOverride },
  );
  return x.ndim === 4 ? out : out.squeeze(0);
};

/**
 * Means of windows laid so that the result has the given size; null keeps an axis.
 * @see torch.nn.functional.adaptive_avg_pool2d
 */
export const adaptiveAvgPool2d = (x: Tensor, outputSize: number | readonly (number | null)[]): Tensor => {
  const batched = batchOf('adaptive_avg_pool2d', x);
  const [n, c, h, w] = batched.shape as [number, number, number, number];
  const [oh, ow] =
    typeof outputSize === 'number' ? [outputSize, outputSize] : [outputSize[0] ?? h, outputSize[1] ?? w];
  if (oh < 0 || ow < 0)
    throw new RuntimeError(
      `adaptive_avg_pool2d: elements of output_size must be greater than or equal to 0 but received {${String(oh)}, ${String(ow)}}`,
    );
  const out = call(adaptiveAvgPool2dOp, { x: batched }, { shape: [n, c, oh, ow] });
  return x.ndim === 4 ? out : out.squeeze(0);
};

const batchOf = (op: string, x: Tensor): Tensor => {
  const empty = x.shape.slice(x.ndim === 4 ? 1 : 0).includes(0);
  if (x.ndim !== 3 && x.ndim !== 4) {
    throw new RuntimeError(
      op === 'adaptive_avg_pool2d'
        ? `${op}(): Expected 3D or 4D tensor, but got [${x.shape.join(', ')}]`
        : 'non-empty 3D or 4D (batch mode) tensor expected for input',
    );
  }
  if (empty) {
    throw new RuntimeError(
      `Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:[${x.shape.join(', ')}]`,
    );
  }
  if (!x.isFloatingPoint() && !(op === 'avg_pool2d' && x.dtype === 'int64'))
    throw new RuntimeError(`"${op}" not implemented for '${dtypes[x.dtype].scalarType}'`);
  return x.ndim === 4 ? x : x.unsqueeze(0);
};

const pairOf = (op: string, name: string, value: Pair): readonly [number, number] => {
  if (Number.isInteger(value)) return [value as number, value as number];
  const list = typeof value === 'number' ? [value] : value;
  if (list.length !== 1 && list.length !== 2) {
    throw new RuntimeError(`${op}: ${name} must either be a single int, or a tuple of two ints`);
  }
  if (!list.every(Number.isInteger))
    throw new TypeError(`${op}: ${name} must be made of integers, got [${list.join(', ')}]`);
  return [list[0]!, list[1] ?? list[0]!];
};

const poolGeometry = (
  op: string,
  kernelSize: Pair,
  { stride, padding = 0, dilation = 1 }: MaxPoolOptions,
): PoolGeometry => {
  const kernel = pairOf(op, 'kernel_size', kernelSize);
  const steps = stride === null || stride === undefined ? kernel : pairOf(op, 'stride', stride);
  const pads = pairOf(op, 'padding', padding);
  const dilations = pairOf(op, 'dilation', dilation);
  if (steps[0] <= 0 || steps[1] <= 0) {
    throw new RuntimeError(
      steps[0] === 0 || steps[1] === 0
        ? 'stride should not be zero'
        : `stride should be greater than zero, but got dH: ${String(steps[0])} dW: ${String(steps[1])}`,
    );
  }
  if (kernel[0] <= 0 || kernel[1] <= 0) {
    throw new RuntimeError(
      `kernel size should be greater than zero, but got kH: ${String(kernel[0])} kW: ${String(kernel[1])}`,
    );
  }
  if (dilations[0] <= 0 || dilations[1] <= 0) {
    throw new RuntimeError(
      `dilation should be greater than zero, but got dilationH: ${String(dilations[0])} dilationW: ${String(dilations[1])}`,
    );
  }
  for (const axis of [0, 1] as const) {
    if (pads[axis] >= 0 && pads[axis] <= kernel[axis] / 2) continue;
    throw new RuntimeError(
      pads[axis] < 0
        ? `pad must be non-negative, but got pad: ${String(pads[axis])}`
        : `pad should be at most half of kernel size, but got pad=${String(pads[axis])} and kernel_size=${String(kernel[axis])}`,
    );
  }
  return { kernel, stride: steps, dilation: dilations, padding: pads };
};

/** The shape of what windows over `x` give. @throws RuntimeError when there is no window */
const pooledShape = (
  x: Tensor,
  { kernel, stride, dilation, padding }: PoolGeometry,
  ceilMode = false,
): readonly number[] => {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const along = (size: number, axis: 0 | 1): number => {
    const span = size + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1;
    const count = (ceilMode ? Math.ceil(span / stride[axis]) : Math.floor(span / stride[axis])) + 1;
    // The last window must begin inside the input or its padding before it.
    return ceilMode && (count - 1) * stride[axis] >= size + padding[axis] ? count - 1 : count;
  };
  const [oh, ow] = [along(h, 0), along(w, 1)];
  if (oh < 1 || ow < 1) {
    throw new RuntimeError(
      `Given input size: (${String(c)}x${String(h)}x${String(w)}). Calculated output size: (${String(c)}x${String(oh)}x${String(ow)}). Output size is too small`,
    );
  }
  return [n, c, oh, ow];
};
