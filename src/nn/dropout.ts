import { ValueError } from '../errors.ts';
import { dropout } from '../ops/activations.ts';
import { floatRepr } from '../tensor/pyformat.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

/**
 * In training sets each element to zero with probability p and scales the others by 1 / (1 − p).
 * @see torch.nn.Dropout; Hinton et al. 2012, arXiv:1207.0580
 */
export class Dropout extends Module {
  constructor(readonly p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1)) {
      throw new ValueError(`dropout probability has to be between 0 and 1, but got ${String(p)}`);
    }
  }
  override forward(input: Tensor): Tensor {
    return dropout(input, this.p, this.training);
  }
  override extraRepr(): string {
    return `p=${floatRepr(this.p)}, inplace=False`;
  }
}
