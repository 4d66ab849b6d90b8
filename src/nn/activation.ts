/** Activations as modules: each is the function of the same name. */
import * as activations from '../ops/activations.ts';
import { tanh } from '../ops/trigonometry.ts';
import { sigmoid } from '../ops/unary.ts';
import { logSoftmax, softmax } from '../ops/softmax.ts';
import { full } from '../tensor/create.ts';
import { floatRepr } from '../tensor/pyformat.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';
import { Parameter } from '../tensor/parameter.ts';

/** A number as Python prints a float: `0.01`, `1.0`. */
const float = floatRepr;

export interface InplaceOption {
  /** Change the input itself. Default false. */
  readonly inplace?: boolean | undefined;
}

/** max(x, 0). @see torch.nn.ReLU */
export class ReLU extends Module {
  readonly inplace: boolean;
  constructor({ inplace = false }: InplaceOption = {}) {
    super();
    this.inplace = inplace;
  }
  override forward(input: Tensor): Tensor {
    return this.inplace ? activations.relu_(input) : activations.relu(input);
  }
  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : '';
  }
}

/** min(max(x, 0), 6). @see torch.nn.ReLU6 */
export class ReLU6 extends Module {
  override forward(input: Tensor): Tensor {
    return activations.relu6(input);
  }
}

/** x where positive, else slope · x. @see torch.nn.LeakyReLU */
export class LeakyReLU extends Module {
  constructor(readonly negativeSlope = 0.01) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return activations.leakyRelu(input, this.negativeSlope);
  }
  override extraRepr(): string {
    return `negative_slope=${float(this.negativeSlope)}`;
  }
}

/** x where positive, else α · (eˣ − 1). @see torch.nn.ELU */
export class ELU extends Module {
  constructor(readonly alpha = 1) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return activations.elu(input, this.alpha);
  }
  override extraRepr(): string {
    return `alpha=${float(this.alpha)}`;
  }
}

/** x · Φ(x). @see torch.nn.GELU */
export class GELU extends Module {
  constructor(readonly approximate: 'none' | 'tanh' = 'none') {
    super();
  }
  override forward(input: Tensor): Tensor {
    return activations.gelu(input, { approximate: this.approximate });
  }
  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** x · σ(x). @see torch.nn.SiLU */
export class SiLU extends Module {
  override forward(input: Tensor): Tensor {
    return activations.silu(input);
  }
}

/** 1 / (1 + e⁻ˣ). @see torch.nn.Sigmoid */
export class Sigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return sigmoid(input);
  }
}

/** @see torch.nn.Tanh */
export class Tanh extends Module {
  override forward(input: Tensor): Tensor {
    return tanh(input);
  }
}

/** log(1 + e^(βx)) / β. @see torch.nn.Softplus */
export class Softplus extends Module {
  constructor(
    readonly beta = 1,
    readonly threshold = 20,
  ) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return activations.softplus(input, { beta: this.beta, threshold: this.threshold });
  }
  override extraRepr(): string {
    return `beta=${String(this.beta)}, threshold=${String(this.threshold)}`;
  }
}

/** x cut to [min, max]. @see torch.nn.Hardtanh */
export class Hardtanh extends Module {
  constructor(
    readonly minVal = -1,
    readonly maxVal = 1,
  ) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return activations.hardtanh(input, this.minVal, this.maxVal);
  }
  override extraRepr(): string {
    return `min_val=${float(this.minVal)}, max_val=${float(this.maxVal)}`;
  }
}

/** relu6(x + 3) / 6. @see torch.nn.Hardsigmoid */
export class Hardsigmoid extends Module {
  override forward(input: Tensor): Tensor {
    return activations.hardsigmoid(input);
  }
}

/** x · relu6(x + 3) / 6. @see torch.nn.Hardswish */
export class Hardswish extends Module {
  override forward(input: Tensor): Tensor {
    return activations.hardswish(input);
  }
}

/** x where positive, else a learned slope times x. @see torch.nn.PReLU */
export class PReLU extends Module {
  declare weight: Parameter;
  constructor(
    readonly numParameters = 1,
    init = 0.25,
  ) {
    super();
    this.weight = new Parameter(full([numParameters], init));
  }
  override forward(input: Tensor): Tensor {
    return activations.prelu(input, this.weight);
  }
  override extraRepr(): string {
    return `num_parameters=${String(this.numParameters)}`;
  }
}

/** Exponentials along an axis, normalised to sum 1. @see torch.nn.Softmax */
export class Softmax extends Module {
  constructor(readonly axis: number) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return softmax(input, this.axis);
  }
  override extraRepr(): string {
    return `dim=${String(this.axis)}`;
  }
}

/** log(softmax(x)). @see torch.nn.LogSoftmax */
export class LogSoftmax extends Module {
  constructor(readonly axis: number) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return logSoftmax(input, this.axis);
  }
  override extraRepr(): string {
    return `dim=${String(this.axis)}`;
  }
}
