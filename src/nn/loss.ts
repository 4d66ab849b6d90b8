/** Losses as modules. */
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  l1Loss,
  mseLoss,
  nllLoss,
  type BinaryOptions,
  type BinaryWithLogitsOptions,
  type CrossEntropyOptions,
  type LossOptions,
  type NllOptions,
} from '../ops/loss.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

type LossArgs = [input: Tensor, target: Tensor];

/** What losses share: their options. */
abstract class Loss<Options> extends Module<LossArgs> {
  constructor(readonly options: Options) {
    super();
  }
}

/** Losses with a weight for each class or element, which moves and is saved with the module. */
abstract class WeightedLoss<Options> extends Loss<Options> {
  constructor(weight: Tensor | null, options: Options) {
    super(options);
    this.registerBuffer('weight', weight);
  }

  /** The options with the weight as it is now. */
  protected weighted(): Options & { readonly weight: Tensor | null } {
    return { ...this.options, weight: this._buffers.get('weight') ?? null };
  }
}

/** Mean squared error. @see torch.nn.MSELoss */
export class MSELoss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options);
  }
}

/** Mean absolute error. @see torch.nn.L1Loss */
export class L1Loss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options);
  }
}

/** Negative log likelihood of log-probabilities. @see torch.nn.NLLLoss */
export class NLLLoss extends WeightedLoss<Omit<NllOptions, 'weight'>> {
  constructor({ weight = null, ...options }: NllOptions = {}) {
    super(weight, options);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return nllLoss(input, target, this.weighted());
  }
}

/** Cross entropy between logits and classes (or class probabilities). @see torch.nn.CrossEntropyLoss */
export class CrossEntropyLoss extends WeightedLoss<Omit<CrossEntropyOptions, 'weight'>> {
  constructor({ weight = null, ...options }: CrossEntropyOptions = {}) {
    super(weight, options);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, this.weighted());
  }
}

/** Binary cross entropy of probabilities. @see torch.nn.BCELoss */
export class BCELoss extends WeightedLoss<LossOptions> {
  constructor({ weight = null, ...options }: BinaryOptions = {}) {
    super(weight, options);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropy(input, target, this.weighted());
  }
}

/** Binary cross entropy of logits. @see torch.nn.BCEWithLogitsLoss */
export class BCEWithLogitsLoss extends WeightedLoss<LossOptions> {
  constructor({ weight = null, posWeight = null, ...options }: BinaryWithLogitsOptions = {}) {
    super(weight, options);
    this.registerBuffer('pos_weight', posWeight);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const posWeight = this._buffers.get('pos_weight') ?? null;
    return binaryCrossEntropyWithLogits(input, target, { ...this.weighted(), posWeight });
  }
}
