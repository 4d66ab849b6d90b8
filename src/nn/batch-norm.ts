import type { DType } from '../dtype.ts';
import { ValueError } from '../errors.ts';
import { batchNorm } from '../ops/batch-norm.ts';
import { ones, tensor, zeros } from '../tensor/create.ts';
import { floatRepr } from '../tensor/pyformat.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { LoadArguments } from './hooks.ts';
import { Module } from './module.ts';
import { Parameter } from '../tensor/parameter.ts';
import { bool } from './repr.ts';

export interface BatchNormModuleOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number | undefined;
  /** Weight of the new batch in the running statistics; null for a plain average over all batches. Default 0.1. */
  readonly momentum?: number | null | undefined;
  /** Whether to learn a scale and a shift. Default true. */
  readonly affine?: boolean | undefined;
  /** Whether to keep running statistics for evaluation. Default true. */
  readonly trackRunningStats?: boolean | undefined;
  readonly device?: string | undefined;
  readonly dtype?: DType | undefined;
}

/**
 * Normalises each channel of [N, C, H, W] over batch and pixels; in evaluation by the running statistics.
 * @see torch.nn.BatchNorm2d; Ioffe & Szegedy 2015, arXiv:1502.03167
 */
export class BatchNorm2d extends Module {
  declare weight: Parameter | null;
  declare bias: Parameter | null;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;

  constructor(
    readonly numFeatures: number,
    {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      trackRunningStats = true,
      device,
      dtype,
    }: BatchNormModuleOptions = {},
  ) {
    super();
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    const options = { device, dtype };
    this.registerParameter('weight', affine ? new Parameter(ones([numFeatures], options)) : null);
    this.registerParameter('bias', affine ? new Parameter(zeros([numFeatures], options)) : null);
    // State dictionaries carry PyTorch's names.
    this.registerBuffer('running_mean', trackRunningStats ? zeros([numFeatures], options) : null);
    this.registerBuffer('running_var', trackRunningStats ? ones([numFeatures], options) : null);
    this.registerBuffer('num_batches_tracked', trackRunningStats ? tensor(0n, { device }) : null);
  }

  /** Forgets the running statistics. */
  resetRunningStats(): void {
    this._buffers.get('running_mean')?.zero_();
    this._buffers.get('running_var')?.fill_(1);
    this._buffers.get('num_batches_tracked')?.zero_();
  }
  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight) this.weight.data.fill_(1);
    if (this.bias) this.bias.data.zero_();
  }

  override forward(input: Tensor): Tensor {
    if (input.ndim !== 4) throw new ValueError(`expected 4D input (got ${String(input.ndim)}D input)`);
    const named = (name: string): Tensor | null => this.getAttribute(name) as Tensor | null;
    let momentum = this.momentum ?? 0;
    if (this.training && this.trackRunningStats) {
      const count = named('num_batches_tracked');
      count?.add_(1);
      if (count !== null && this.momentum === null) momentum = 1 / count.item();
    }
    const [mean, variance] = [named('running_mean'), named('running_var')];
    const [weight, bias] = [named('weight'), named('bias')];
    const { eps } = this;
    const training = this.training || (mean === null && variance === null);
    return batchNorm(input, mean, variance, { weight, bias, eps, momentum, training });
  }

  override get _version(): number {
    return 2;
  }
  /** The first form did not count batches. */
  override _loadFromStateDict(...args: LoadArguments): void {
    const [state, prefix, { version = 1 }] = args;
    const key = `${prefix}num_batches_tracked`;
    if (version < 2 && this.trackRunningStats && !state.has(key)) state.set(key, tensor(0n));
    super._loadFromStateDict(...args);
  }

  override extraRepr(): string {
    const { numFeatures, eps, momentum, affine, trackRunningStats } = this;
    return `${String(numFeatures)}, eps=${floatRepr(eps)}, momentum=${momentum === null ? 'None' : floatRepr(momentum)}, affine=${bool(affine)}, track_running_stats=${bool(trackRunningStats)}`;
  }
}
