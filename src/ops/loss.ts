/** Losses. Reductions: 'mean' (default), 'sum', 'none'. */
import { call, defineOp } from '../autograd/op.ts';
import { dtypes } from '../dtype.ts';
import { IndexError, RuntimeError, ValueError } from '../errors.ts';
import * as math from '../kernels/math/index.ts';
import { allocate } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { scope } from '../tensor/scope.ts';
import { sameShape, showSize, type Tensor } from '../tensor/tensor.ts';
import { mapOperands } from './pointwise.ts';
import { roundedOnce } from './rounded-once.ts';

export type LossReduction = 'mean' | 'sum' | 'none';

export interface LossOptions {
  /** Default `'mean'`. */
  readonly reduction?: LossReduction | undefined;
}

const reduced = (losses: Tensor, reduction: LossReduction): Tensor => {
  switch (reduction) {
    case 'mean':
      return losses.mean();
    case 'sum':
      return losses.sum();
    case 'none':
      return losses;
    default:
      throw new ValueError(`${String(reduction satisfies never)} is not a valid value for reduction`);
  }
};

/** (input − target)², broadcast. @see torch.nn.functional.mse_loss */
export const mseLoss = (input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor => {
  warnOfBroadcast('mse_loss', input, target);
  return roundedOnce([input, target], (x, y) => reduced(x.sub(y).square(), reduction));
};

/** |input − target|, broadcast. @see torch.nn.functional.l1_loss */
export const l1Loss = (input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor => {
  warnOfBroadcast('l1_loss', input, target);
  return roundedOnce([input, target], (x, y) => reduced(x.sub(y).abs(), reduction));
};

const warnOfBroadcast = (name: string, input: Tensor, target: Tensor): void => {
  if (sameShape(input.shape, target.shape)) return;
  console.warn(
    `${name}: using a target size (${showSize(target.shape)}) that is different to the input size (${showSize(input.shape)}). ` +
      'This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.',
  );
};

interface Pick {
  /** Classes [N, 1, …], 0 where the target is ignored. */
  readonly safe: Tensor;
  /** Where the target is ignored, in the same shape; null for nowhere. */
  readonly ignored: Tensor | null;
}

/** −input[n, target[n]] · weight of that class; 0 where the target is ignored, whatever the input is. */
const pickOp = defineOp<{ readonly input: Tensor; readonly weights: Tensor | null }, Pick>({
  name: 'nll_pick',
  node: 'NllLossBackward0',
  saves: ['weights'],
  forward: ({ input, weights }, p) => {
    const picked = allocate(p.safe.shape, input.dtype, input.device);
    backendOf(input.device).gather(picked, input, 1, p.safe);
    return signed(picked, weights, p);
  },
  backward: (grad, { weights }, p, { input }) => ({
    input: () => signed(grad, weights, p).scatteredInto(input.shape, 1, p.safe),
  }),
  samples: [],
});

const signed = (x: Tensor, weights: Tensor | null, { ignored }: Pick): Tensor => {
  const weighted = weights === null ? x.neg() : x.neg().mul(weights);
  return ignored === null ? weighted : weighted.maskedFill(ignored, 0);
};

export interface NllOptions extends LossOptions {
  /** A factor per class, [C]. */
  readonly weight?: Tensor | null | undefined;
  /** Targets of this value do not count. Default −100. */
  readonly ignoreIndex?: number | undefined;
}

/**
 * Negative log likelihood: −input[n, target[n]].
 *
 * @param input  log-probabilities [N, C], [C] or [N, C, d1, …]
 * @param target  classes (int64) [N], [] or [N, d1, …]
 * @throws IndexError `Target 10 is out of bounds.`; ValueError for batch sizes that differ
 * @see torch.nn.functional.nll_loss
 */
export const nllLoss = (
  input: Tensor,
  target: Tensor,
  { weight = null, ignoreIndex = -100, reduction = 'mean' }: NllOptions = {},
): Tensor => {
  const someIgnored = checkTarget(input, target, weight, ignoreIndex);
  return roundedOnce([input, weight], (x, w) =>
    negativeLikelihood(x, target, w, someIgnored ? ignoreIndex : null, reduction),
  );
};

const negativeLikelihood = (
  input: Tensor,
  target: Tensor,
  weight: Tensor | null,
  /** Null where all targets count. */
  ignoreIndex: number | null,
  reduction: LossReduction,
): Tensor => {
  const unbatched = input.ndim === 1;
  const rows = unbatched ? input.unsqueeze(0) : input;
  const classes = (unbatched ? target.unsqueeze(0) : target).unsqueeze(1);
  const ignored = ignoreIndex === null ? null : classes.eq(ignoreIndex);
  const safe = ignored === null ? classes : classes.maskedFill(ignored, 0);
  const weights = weight?.detach().indexSelect(0, safe.reshape(-1)).reshape(safe.shape) ?? null;
  const losses = call(pickOp, { input: rows, weights }, { safe, ignored }).squeeze(1);
  if (reduction !== 'mean') return reduced(unbatched ? losses.squeeze(0) : losses, reduction);
  // The mean is over the weights, so that classes count as often as their weight says.
  return losses.sum().div(totalWeight(weights, ignored, losses));
};

/** What a mean over examples divides by: how many count, or their weights' sum. */
const totalWeight = (weights: Tensor | null, ignored: Tensor | null, losses: Tensor): Tensor | number => {
  if (weights !== null) return (ignored === null ? weights : weights.maskedFill(ignored, 0)).sum();
  return losses.numel() - (ignored === null ? 0 : ignored.sum().item());
};

/** @returns whether some targets do not count */
const checkTarget = (input: Tensor, target: Tensor, weight: Tensor | null, ignoreIndex: number): boolean => {
  if (input.ndim === 0) throw new ValueError('Expected 1 or more dimensions (got 0)');
  if (target.dtype !== 'int64') {
    throw new RuntimeError(`expected scalar type Long but found ${dtypes[target.dtype].scalarType}`);
  }
  const expected = input.ndim === 1 ? [] : input.shape.toSpliced(1, 1);
  if (input.ndim > 1 && target.ndim > 0 && input.shape[0] !== target.shape[0]) {
    throw new ValueError(
      `Expected input batch_size (${String(input.shape[0])}) to match target batch_size (${String(target.shape[0])}).`,
    );
  }
  if (!sameShape(target.shape, expected)) {
    throw new RuntimeError(`Expected target size [${expected.join(', ')}], got [${target.shape.join(', ')}]`);
  }
  const classes = input.shape[input.ndim === 1 ? 0 : 1]!;
  if (weight !== null && !sameShape(weight.shape, [classes])) {
    throw new RuntimeError(
      `weight tensor should be defined either for all ${String(classes)} classes or no classes but got weight tensor of shape: [${weight.shape.join(', ')}]`,
    );
  }
  const kind = largestKind(target, classes, ignoreIndex);
  if (kind < WRONG) return kind === IGNORED;
  const wrong = target.lt(0).logicalOr(target.ge(classes)).logicalAnd(target.ne(ignoreIndex));
  throw new IndexError(`Target ${String(target.maskedSelect(wrong).select(0, 0).item())} is out of bounds.`);
};

const IGNORED = 1;
const WRONG = 2;

/** 0 where all targets are classes, `IGNORED` where some do not count, `WRONG` where some are neither. */
const largestKind = (target: Tensor, classes: number, ignoreIndex: number): number => {
  if (target.numel() === 0) return 0;
  const kinds = (): Tensor =>
    mapOperands(math.kindOfTarget, [target], {
      dtype: 'uint8',
      compute: 'int64',
      scalars: [classes, ignoreIndex],
    });
  return scope(() => kinds().max().item());
};

export interface CrossEntropyOptions extends NllOptions {
  /** How much of each target is spread evenly over all classes. Default 0. */
  readonly labelSmoothing?: number | undefined;
}

interface CrossEntropy {
  readonly labelSmoothing: number;
  readonly weight: Tensor | null;
  readonly ignoreIndex: number;
  readonly reduction: LossReduction;
}

/**
 * logSoftmax over the classes, then negative log likelihood.
 *
 * @param input  logits [N, C], [C] or [N, C, d1, …]
 * @param target  classes (int64), or probabilities in the input's shape
 * @see torch.nn.functional.cross_entropy
 */
export const crossEntropy = (
  input: Tensor,
  target: Tensor,
  { labelSmoothing = 0, weight = null, ignoreIndex = -100, reduction = 'mean' }: CrossEntropyOptions = {},
): Tensor => {
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new RuntimeError(`label_smoothing must be between 0.0 and 1.0. Got: ${String(labelSmoothing)}`);
  }
  return roundedOnce([input, target, weight], (x, y, w) =>
    ofLogits(x, y, { labelSmoothing, weight: w, ignoreIndex, reduction }),
  );
};

const ofLogits = (
  input: Tensor,
  target: Tensor,
  { labelSmoothing, weight, ignoreIndex, reduction }: CrossEntropy,
): Tensor => {
  const axis = input.ndim === 1 ? 0 : 1;
  const logits = input.logSoftmax(axis);
  if (sameShape(input.shape, target.shape) && target.isFloatingPoint()) {
    return softCrossEntropy(logits, target, axis, weight, reduction, labelSmoothing);
  }
  const hard = nllLoss(logits, target, { weight, ignoreIndex, reduction });
  if (labelSmoothing === 0) return hard;
  const classes = input.shape[axis]!;
  const ignored = target.eq(ignoreIndex);
  const even = (weight === null ? logits : logits.mul(weight.view(classShape(input, axis))))
    .sum(axis)
    .neg()
    .maskedFill(ignored, 0);
  const weights =
    weight?.indexSelect(0, target.maskedFill(ignored, 0).reshape(-1)).reshape(target.shape) ?? null;
  const smooth =
    reduction === 'mean' ? even.sum().div(totalWeight(weights, ignored, even)) : reduced(even, reduction);
  return hard.mul(1 - labelSmoothing).add(smooth.mul(labelSmoothing / classes));
};

const classShape = (input: Tensor, axis: number): number[] =>
  input.shape.map((_, k) => (k === axis ? -1 : 1));

const softCrossEntropy = (
  logits: Tensor,
  target: Tensor,
  axis: number,
  weight: Tensor | null,
  reduction: LossReduction,
  smoothing: number,
): Tensor => {
  const classes = logits.shape[axis]!;
  const probabilities = smoothing === 0 ? target : target.mul(1 - smoothing).add(smoothing / classes);
  const weighted = weight === null ? logits : logits.mul(weight.view(classShape(logits, axis)));
  const losses = weighted.mul(probabilities).sum(axis).neg();
  if (reduction !== 'mean') return reduced(losses, reduction);
  return losses.sum().div(logits.numel() / Math.max(classes, 1));
};

interface Pair {
  readonly [name: string]: Tensor;
  readonly x: Tensor;
  readonly target: Tensor;
}

export const binaryCrossEntropyOp = defineOp<Pair>({
  name: 'binary_cross_entropy',
  node: 'BinaryCrossEntropyBackward0',
  saves: { x: ['x', 'target'], target: ['x'] },
  stepwise: () => true,
  forward: ({ x, target }) => mapOperands(math.binaryCrossEntropy, [x, target]),
  backward: (grad, { x, target }) => ({
    x: () =>
      grad.requiresGrad || x.requiresGrad || target.requiresGrad
        ? grad.mul(x.sub(target)).div(x.rsub(1).mul(x).clampMin(1e-12))
        : mapOperands(math.binaryCrossEntropyGrad, [grad, x, target]),
    target: () => grad.mul(x.rsub(1).log().sub(x.log())),
  }),
  samples: [
    {
      inputs: { x: { shape: [2, 3], low: 0.1, high: 0.9 }, target: { shape: [2, 3], low: 0, high: 1 } },
      params: undefined,
    },
  ],
});

export const binaryCrossEntropyWithLogitsOp = defineOp<Pair>({
  name: 'binary_cross_entropy_with_logits',
  node: 'BinaryCrossEntropyWithLogitsBackward0',
  saves: { x: ['x', 'target'], target: ['x'] },
  stepwise: () => true,
  forward: ({ x, target }) => mapOperands(math.binaryCrossEntropyWithLogits, [x, target]),
  backward: (grad, { x, target }) => ({
    x: () => x.sigmoid().sub(target).mul(grad),
    target: () => x.mul(grad).neg(),
  }),
  samples: [{ inputs: { x: [2, 3], target: { shape: [2, 3], low: 0, high: 1 } }, params: undefined }],
});

export interface BinaryOptions extends LossOptions {
  /** A factor per element, broadcast against the input. */
  readonly weight?: Tensor | null | undefined;
}

/**
 * −(target · log input + (1 − target) · log(1 − input)), the logarithms not below −100.
 *
 * @param input  probabilities
 * @throws RuntimeError for an input outside [0, 1]; ValueError when the target has another shape
 * @see torch.nn.functional.binary_cross_entropy
 */
export const binaryCrossEntropy = (
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', weight = null }: BinaryOptions = {},
): Tensor => {
  if (!sameShape(input.shape, target.shape)) {
    throw new ValueError(
      `Using a target size (${showSize(target.shape)}) that is different to the input size (${showSize(input.shape)}) is deprecated. Please ensure they have the same size.`,
    );
  }
  if (input.ge(0).logicalAnd(input.le(1)).all().item() === 0) {
    throw new RuntimeError('all elements of input should be between 0 and 1');
  }
  return roundedOnce([input, target, weight], (x, y, w) => {
    const losses = call(binaryCrossEntropyOp, { x, target: y }, undefined);
    return reduced(w === null ? losses : losses.mul(w), reduction);
  });
};

export interface BinaryWithLogitsOptions extends BinaryOptions {
  /** A factor for positive targets, broadcast against the input: above 1 it favours recall. */
  readonly posWeight?: Tensor | null | undefined;
}

/**
 * `binaryCrossEntropy(sigmoid(input), target)`, safe for large inputs.
 * @see torch.nn.functional.binary_cross_entropy_with_logits
 */
export const binaryCrossEntropyWithLogits = (
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', weight = null, posWeight = null }: BinaryWithLogitsOptions = {},
): Tensor => {
  checkSame(input, target);
  return roundedOnce([input, target, weight, posWeight], (x, y, w, positive) => {
    const losses =
      positive === null
        ? call(binaryCrossEntropyWithLogitsOp, { x, target: y }, undefined)
        : y.rsub(1).mul(x).sub(positive.sub(1).mul(y).add(1).mul(x.logsigmoid()));
    return reduced(w === null ? losses : losses.mul(w), reduction);
  });
};

const checkSame = (input: Tensor, target: Tensor): void => {
  if (!sameShape(input.shape, target.shape)) {
    throw new ValueError(
      `Target size (${showSize(target.shape)}) must be the same as input size (${showSize(input.shape)})`,
    );
  }
};
