import type { DType } from '../dtype.ts';
import { linear } from '../ops/matmul.ts';
import { empty } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { calculateFanInAndFanOut, kaimingUniform_, uniform_ } from './init.ts';
import { Module } from './module.ts';
import { Parameter } from '../tensor/parameter.ts';
import { bool } from './repr.ts';

export interface LinearOptions {
  /** Whether to learn a bias. Default true. */
  readonly bias?: boolean | undefined;
  readonly device?: string | undefined;
  readonly dtype?: DType | undefined;
}

/**
 * y = x · Wᵀ + b over the last axis. Weight [out, in] and bias [out] start as U(−1/√in, 1/√in), as in PyTorch.
 * @see torch.nn.Linear
 */
export class Linear extends Module {
  declare weight: Parameter;
  declare bias: Parameter | null;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    { bias = true, device, dtype }: LinearOptions = {},
  ) {
    super();
    this.weight = new Parameter(empty([outFeatures, inFeatures], { device, dtype }));
    if (bias) this.bias = new Parameter(empty([outFeatures], { device, dtype }));
    else this.registerParameter('bias', null);
    this.resetParameters();
  }

  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias === null) return;
    const { fanIn } = calculateFanInAndFanOut(this.weight);
    const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
    uniform_(this.bias, -bound, bound);
  }

  override forward(input: Tensor): Tensor {
    return linear(input, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${String(this.inFeatures)}, out_features=${String(this.outFeatures)}, bias=${bool(this.bias !== null)}`;
  }
}

/** Gives its input back. Any arguments to the constructor are ignored. @see torch.nn.Identity */
export class Identity extends Module {
  constructor(..._ignored: readonly unknown[]) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return input;
  }
}

/** Axes startDim … endDim joined into one. @see torch.nn.Flatten */
export class Flatten extends Module {
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return input.flatten(this.startDim, this.endDim);
  }
  override extraRepr(): string {
    return `start_dim=${String(this.startDim)}, end_dim=${String(this.endDim)}`;
  }
}

/** One axis cut into several. @see torch.nn.Unflatten */
export class Unflatten extends Module {
  constructor(
    readonly axis: number,
    readonly unflattenedSize: readonly number[],
  ) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return input.unflatten(this.axis, this.unflattenedSize);
  }
  override extraRepr(): string {
    return `dim=${String(this.axis)}, unflattened_size=(${this.unflattenedSize.join(', ')})`;
  }
}
