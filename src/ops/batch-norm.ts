/** Batch normalisation: each channel to zero mean and unit variance, then scaled and shifted. */
import { isGradEnabled, noGrad } from '../autograd/mode.ts';
import { call, defineOp } from '../autograd/op.ts';
import { dtypes, type DType } from '../dtype.ts';
import { RuntimeError, ValueError } from '../errors.ts';
import * as math from '../kernels/math/index.ts';
import { allocate } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { promoteTypes } from '../tensor/promotion.ts';
import { Tensor } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import { mapOperands } from './pointwise.ts';

interface Normalize {
  readonly [name: string]: Tensor | null;
  readonly x: Tensor;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
}
interface Statistics {
  /** Per channel, as tensors outside the tape. */
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly eps: number;
  /** 1 / √(variance + eps) */
  readonly scale: () => Tensor;
  /** Whether the statistics are those of this batch, and so depend on the input. */
  readonly ofBatch: boolean;
}

/** 1 / √(variance + eps) in one pass, as between large operations each small one takes long: its code is in no cache. */
const scaleFrom = (variance: Tensor, eps: number, dtype: DType): Tensor =>
  mapOperands(math.rsqrtSum, [variance], { dtype, scalars: [eps] });

/** Elements of a plane from which on it is worth computing its factor anew. */
const LEAST_PLANE = 16;

/** Whether the elements of a channel follow one another, so many that what they share can be computed for each run of them. */
const hasPlanes = ({ shape, strides }: Tensor): boolean => {
  const plane = shape.slice(2).reduce((product, size) => product * size, 1);
  return plane >= LEAST_PLANE && strides.at(-1) === 1 && strides[1]! >= plane;
};

/** A vector over channels, in a shape that broadcasts over [N, C, …]. */
const perChannel = (v: Tensor, like: { readonly shape: readonly number[] }): Tensor =>
  v.view(like.shape.map((_, axis) => (axis === 1 ? -1 : 1)));
const otherAxes = (x: { readonly shape: readonly number[] }): number[] =>
  x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));

/** (x − mean) · scale · weight + bias, with statistics that were computed before. */
export const batchNormOp = defineOp<Normalize, Statistics>({
  name: 'batch_norm',
  node: 'NativeBatchNormBackward0',
  saves: ['x', 'weight'],
  stepwise: () => true,
  // One multiply-add per element: x · a + b with a = scale · weight, b = bias − mean · a.
  forward: ({ x, weight, bias }, { mean, variance, eps, scale }) =>
    noGrad(() => {
      if (weight !== null && bias !== null && hasPlanes(x)) {
        const channels = [mean, variance, weight.detach(), bias.detach()].map((v) => perChannel(v, x));
        return mapOperands(math.normalize, [x.detach(), ...channels], { dtype: x.dtype, scalars: [eps] });
      }
      const a = weight === null ? scale() : scale().mul(weight.detach());
      const shift = mapOperands(math.subMul, [bias?.detach() ?? 0, mean, a]);
      return mapOperands(math.mulAdd, [x.detach(), perChannel(a, x), perChannel(shift, x)], {
        dtype: x.dtype,
      });
    }),
  backward: (grad, { x, weight }, statistics) => {
    if (!isGradEnabled()) return gradients(grad, x, weight, statistics);
    const { mean, ofBatch } = statistics;
    const scale = statistics.scale();
    const axes = otherAxes(x);
    // As functions of x, so that the gradient can be differentiated again.
    const m = ofBatch ? x.mean(axes) : mean;
    const centred = x.sub(perChannel(m, x));
    const s = ofBatch && grad.requiresGrad ? scaleOf(centred, scale, axes) : scale;
    const normal = centred.mul(perChannel(s, x));
    return {
      x: () => {
        const factor = perChannel(weight === null ? s : s.mul(weight), x);
        if (!ofBatch) return grad.mul(factor);
        const meanGrad = perChannel(grad.mean(axes), x);
        const meanProduct = perChannel(grad.mul(normal).mean(axes), x);
        return grad.sub(meanGrad).sub(normal.mul(meanProduct)).mul(factor);
      },
      weight: () => grad.mul(normal).sum(axes),
      bias: () => grad.sum(axes),
    };
  },
  // Its statistics come from `batchNorm`, whose gradients are checked as a whole.
  samples: [],
});

/**
 * The gradients where nobody differentiates them again: two sums for each channel, and one pass that writes.
 * @see at::native::batch_norm_backward_cpu
 */
const gradients = (grad: Tensor, x: Tensor, weight: Tensor | null, statistics: Statistics) => {
  const { mean, ofBatch } = statistics;
  const scale = statistics.scale();
  const axes = otherAxes(x);
  const count = x.numel() / Math.max(x.shape[1]!, 1);
  const sum = once(() => grad.sum(axes));
  const covariance = once(() => {
    const result = allocate(mean.shape, x.dtype, x.device);
    backendOf(x.device).covariances(result, x, mean, grad, axes);
    return result;
  });
  return {
    x: () => {
      const factor = weight === null ? scale : scale.mul(weight);
      if (!ofBatch) return grad.mul(perChannel(factor, x));
      const slope = covariance().mul(scale).mul(scale).div(count);
      const channels = [mean, slope, factor].map((v) => perChannel(v, x));
      return mapOperands(math.normalizeGrad, [grad, perChannel(sum().div(count), x), x, ...channels]);
    },
    weight: () => covariance().mul(scale),
    bias: () => sum(),
  };
};

const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => (made ??= make());
};

/** The scale as a function of the centred input: eps is what the given scale says it was. */
const scaleOf = (centred: Tensor, scale: Tensor, axes: number[]): Tensor => {
  const variance = centred.square().mean(axes);
  const eps = noGrad(() => scale.pow(-2).sub(variance.detach()));
  return variance.add(eps).rsqrt();
};

export interface BatchNormOptions {
  readonly weight?: Tensor | null | undefined;
  readonly bias?: Tensor | null | undefined;
  /** Normalise by this batch's statistics and update the running ones. Default false. */
  readonly training?: boolean | undefined;
  /** Weight of the new batch in the running statistics. Default 0.1. */
  readonly momentum?: number | undefined;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number | undefined;
}

/**
 * Batch normalisation over axis 1 of [N, C, …].
 *
 * In training the running variance takes in the unbiased variance of the batch, as in PyTorch.
 *
 * @param runningMean, runningVar  [C], updated in place in training; null for none
 * @throws RuntimeError, ValueError with PyTorch's texts
 * @see torch.nn.functional.batch_norm; Ioffe & Szegedy 2015, arXiv:1502.03167
 */
export const batchNorm = (
  x: Tensor,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
  { weight = null, bias = null, training = false, momentum = 0.1, eps = 1e-5 }: BatchNormOptions = {},
): Tensor => {
  if (x.ndim < 2)
    throw new RuntimeError(`batch_norm: input has shape [${x.shape.join(', ')}], expected [N, C, ...]`);
  const channels = x.shape[1]!;
  const vectors = { running_mean: runningMean, running_var: runningVar, weight, bias };
  for (const [name, v] of Object.entries(vectors)) {
    if (v !== null && !(v instanceof Tensor)) {
      throw new TypeError(
        `batch_norm(): argument '${name}' (position ${String(positions.indexOf(name) + 1)}) must be Tensor, not ${typeName(v)}`,
      );
    }
    if (v !== null && v.numel() !== channels) {
      throw new RuntimeError(`${name} should contain ${String(channels)} elements not ${String(v.numel())}`);
    }
  }
  const count = x.numel() / Math.max(channels, 1);
  if (training && count <= 1) {
    throw new ValueError(
      `Expected more than 1 value per channel when training, got input size torch.Size([${x.shape.join(', ')}])`,
    );
  }
  for (const [name, v] of Object.entries({ running_mean: runningMean, running_var: runningVar })) {
    if (v?.requiresGrad && isGradEnabled()) {
      throw new RuntimeError(
        `The function 'native_batch_norm' is not differentiable with respect to argument '${name}'. This input cannot have requires_grad True.`,
      );
    }
  }
  checkTypes(x, [weight, bias, runningMean, runningVar]);
  const ofBatch = training || runningMean === null || runningVar === null;
  const compute = x.dtype === 'float64' ? 'float64' : 'float32';
  const recording = isGradEnabled();
  const statistics = noGrad((): Statistics => {
    const described = (mean: Tensor, variance: Tensor): Statistics => {
      const scale = once(() => noGrad(() => scaleFrom(variance, eps, compute)));
      return { mean, variance, eps, scale, ofBatch };
    };
    if (!ofBatch) {
      const known = described(runningMean.to(compute), runningVar);
      // The variance may have changed when gradients ask for it.
      if (recording) known.scale();
      return known;
    }
    const mean = allocate([channels], compute, x.device);
    const variance = allocate([channels], compute, x.device);
    backendOf(x.device).moments(mean, variance, x, otherAxes(x));
    if (training) {
      if (runningMean) blend(runningMean, mean, momentum);
      if (runningVar) blend(runningVar, variance.mul(count / (count - 1)), momentum);
    }
    return described(mean, variance);
  });
  return call(batchNormOp, { x, weight, bias }, statistics);
};

const positions = ['input', 'weight', 'bias', 'running_mean', 'running_var'];

/** All of one dtype; or 16 bits of input, and all else float32. */
const checkTypes = (x: Tensor, vectors: readonly (Tensor | null)[]): void => {
  if (!x.isFloatingPoint())
    throw new RuntimeError(`"batch_norm" not implemented for '${dtypes[x.dtype].scalarType}'`);
  const present = vectors.filter((v) => v !== null);
  const [first] = present;
  if (first === undefined) return;
  if (first.dtype === x.dtype) {
    const other = present.find((v) => v.dtype !== x.dtype);
    if (other === undefined) return;
    const [expected, found] = [dtypes[x.dtype].scalarType, dtypes[other.dtype].scalarType];
    throw new RuntimeError(`expected scalar type ${expected} but found ${found}`);
  }
  const mixed = 'mixed dtype (CPU): expect';
  if (present.some((v) => v.dtype !== 'float32'))
    throw new RuntimeError(`${mixed} parameter to have scalar type of Float`);
  if (x.dtype === 'float64') throw new RuntimeError(`${mixed} input to have scalar type of BFloat16`);
};

/** running ← (1 − momentum) · running + momentum · observed, rounded once where it is a 16-bit float. */
const blend = (running: Tensor, observed: Tensor, momentum: number): void => {
  const wide = running.to(promoteTypes(running.dtype, observed.dtype));
  running.copy_(wide.mul(1 - momentum).add(observed, { alpha: momentum }));
};
