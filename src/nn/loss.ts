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
export class NLLLoss extends Loss<Omit<NllOptions, 'weight'>> {
  constructor({ weight = null, ...options }: NllOptions = {}) {
    super(options);
    this.registerBuffer('weight', weight);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return nllLoss(input, target, { ...this.options, weight: this._buffers.get('weight') ?? null });
  }
}

/** Cross entropy between logits and classes (or class probabilities). @see torch.nn.CrossEntropyLoss */
export class CrossEntropyLoss extends Loss<Omit<CrossEntropyOptions, 'weight'>> {
  constructor({ weight = null, ...options }: CrossEntropyOptions = {}) {
    super(options);
    this.registerBuffer('weight', weight);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return crossEntropy(input, target, { ...this.options, weight: this._buffers.get('weight') ?? null });
  }
}

/** Binary cross entropy of probabilities. @see torch.nn.BCELoss */
export class BCELoss extends Loss<LossOptions> {
  constructor({ weight = null, ...options }: BinaryOptions = {}) {
    super(options);
    this.registerBuffer('weight', weight);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const weight = this._buffers.get('weight') ?? null;
    return binaryCrossEntropy(input, target, { ...this.options, weight });
  }
}

/** Binary cross entropy of logits. @see torch.nn.BCEWithLogitsLoss */
export class BCEWithLogitsLoss extends Loss<LossOptions> {
  constructor({ weight = null, posWeight = null, ...options }: BinaryWithLogitsOptions = {}) {
    super(options);
    this.registerBuffer('weight', weight);
    this.registerBuffer('pos_weight', posWeight);
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const weight = this._buffers.get('weight') ?? null;
    const posWeight = this._buffers.get('pos_weight') ?? null;
    return binaryCrossEntropyWithLogits(input, target, { ...this.options, weight, posWeight });
  }
}
