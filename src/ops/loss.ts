/** Losses. Reductions: 'mean' (default), 'sum', 'none'. */
import { call, defineOp } from '../autograd/op.ts';
import { IndexError, RuntimeError, ValueError } from '../errors.ts';
import { allocate, full } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { sameShape, showSize, type Tensor } from '../tensor/tensor.ts';

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
  return reduced(input.sub(target).square(), reduction);
};

/** |input − target|, broadcast. @see torch.nn.functional.l1_loss */
export const l1Loss = (input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor => {
  warnOfBroadcast('l1_loss', input, target);
  return reduced(input.sub(target).abs(), reduction);
};

const warnOfBroadcast = (name: string, input: Tensor, target: Tensor): void => {
  if (sameShape(input.shape, target.shape)) return;
  console.warn(
    `${name}: using a target size (${showSize(target.shape)}) that is different to the input size (${showSize(input.shape)}). ` +
      'This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.',
  );
};

/** Picks −input[n, target[n]] · weight[target[n]]; where the target is `ignoreIndex`, 0. */
const pickOp = defineOp<
  { readonly input: Tensor; readonly target: Tensor; readonly weights: Tensor | null },
  { readonly safe: Tensor }
>({
  name: 'nll_pick',
  node: 'NllLossBackward0',
  saves: ['weights'],
  forward: ({ input, weights }, { safe }) => {
    const out = allocate(safe.shape, input.dtype, input.device);
    backendOf(input.device).gather(out, input, 1, safe);
    const negative = out.neg();
    return weights === null ? negative : negative.mul(weights);
  },
  backward: (grad, { weights }, { safe }, { input }) => ({
    input: () => {
      const scaled = weights === null ? grad.neg() : grad.neg().mul(weights);
      return scaled.scatteredInto(input.shape, 1, safe);
    },
  }),
  samples: [],
});

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
  checkTarget(input, target, weight, ignoreIndex);
  const unbatched = input.ndim === 1;
  const rows = unbatched ? input.unsqueeze(0) : input;
  const classes = (unbatched ? target.unsqueeze(0) : target).unsqueeze(1);
  const ignored = classes.eq(ignoreIndex);
  const anyIgnored = ignored.any().item() !== 0;
  const safe = anyIgnored ? classes.maskedFill(ignored, 0) : classes;
  let weights = weight === null ? null : weight.detach().indexSelect(0, safe.reshape(-1)).reshape(safe.shape);
  if (anyIgnored) {
    const counts = ignored.logicalNot().to(input.dtype);
    weights = weights === null ? counts : weights.mul(counts);
  }
  const losses = call(pickOp, { input: rows, target: safe, weights }, { safe }).squeeze(1);
  if (reduction !== 'mean') return reduced(unbatched ? losses.squeeze(0) : losses, reduction);
  // The mean is over the weights, so that classes count as often as their weight says.
  return weights === null ? losses.mean() : losses.sum().div(weights.sum());
};

const checkTarget = (input: Tensor, target: Tensor, weight: Tensor | null, ignoreIndex: number): void => {
  if (input.ndim === 0) throw new ValueError('Expected 1 or more dimensions (got 0)');
  if (target.dtype !== 'int64') {
    throw new RuntimeError(
      `expected scalar type Long but found ${target.dtype === 'float32' ? 'Float' : target.dtype}`,
    );
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
  if (target.numel() === 0) return;
  for (const extreme of [target.min().item(), target.max().item()]) {
    if ((extreme < 0 || extreme >= classes) && extreme !== ignoreIndex) {
      throw new IndexError(`Target ${String(extreme)} is out of bounds.`);
    }
  }
  if (ignoreIndex >= 0 && ignoreIndex < classes) return;
  const wrong = target.lt(0).logicalOr(target.ge(classes)).logicalAnd(target.ne(ignoreIndex));
  if (wrong.any().item() !== 0) throw new IndexError('Target is out of bounds.');
};

export interface CrossEntropyOptions extends NllOptions {
  /** How much of each target is spread evenly over all classes. Default 0. */
  readonly labelSmoothing?: number | undefined;
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
  const axis = input.ndim === 1 ? 0 : 1;
  const logits = input.logSoftmax(axis);
  if (sameShape(input.shape, target.shape) && target.isFloatingPoint()) {
    return softCrossEntropy(logits, target, axis, weight, reduction, labelSmoothing);
  }
  const hard = nllLoss(logits, target, { weight, ignoreIndex, reduction });
  if (labelSmoothing === 0) return hard;
  const classes = input.shape[axis]!;
  const kept = target.ne(ignoreIndex).to(input.dtype);
  const even = (weight === null ? logits : logits.mul(weight.view(classShape(input, axis))))
    .sum(axis)
    .neg()
    .mul(kept);
  const denominator = (): Tensor =>
    weight === null
      ? kept.sum()
      : weight
          .indexSelect(0, target.mul(target.ne(ignoreIndex).to('int64')).reshape(-1))
          .reshape(target.shape)
          .mul(kept)
          .sum();
  const smooth = reduction === 'mean' ? even.sum().div(denominator()) : reduced(even, reduction);
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
  const count = logits.numel() / Math.max(classes, 1);
  return losses.sum().div(full([], count, { dtype: logits.dtype, device: logits.device }));
};

/**
 * −(target · log input + (1 − target) · log(1 − input)), the logarithms not below −100.
 * @see torch.nn.functional.binary_cross_entropy
 */
export const binaryCrossEntropy = (
  input: Tensor,
  target: Tensor,
  { reduction = 'mean' }: LossOptions = {},
): Tensor => {
  checkSame(input, target);
  const first = target.mul(input.log().clamp(-100));
  const second = target.rsub(1).mul(input.rsub(1).log().clamp(-100));
  return reduced(first.add(second).neg(), reduction);
};

/** `binaryCrossEntropy(sigmoid(input), target)`, safe for large inputs. @see torch.nn.functional.binary_cross_entropy_with_logits */
export const binaryCrossEntropyWithLogits = (
  input: Tensor,
  target: Tensor,
  { reduction = 'mean' }: LossOptions = {},
): Tensor => {
  checkSame(input, target);
  return reduced(input.relu().sub(input.mul(target)).add(input.abs().neg().exp().log1p()), reduction);
};

const checkSame = (input: Tensor, target: Tensor): void => {
  if (!sameShape(input.shape, target.shape)) {
    throw new ValueError(
      `Target size (${showSize(target.shape)}) must be the same as input size (${showSize(input.shape)})`,
    );
  }
};
