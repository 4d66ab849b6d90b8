import { ValueError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkAtLeast, Optimizer, type ParamsInput } from './optimizer.ts';

export interface SGDOptions {
  /** Learning rate. */
  lr: number;
  /** Default 0. */
  momentum: number;
  /** Share of a new gradient that does not enter the momentum. Default 0. */
  dampening: number;
  /** Factor of the L2 penalty. Default 0. */
  weightDecay: number;
  /** Default false. */
  nesterov: boolean;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

export interface SGDState {
  momentumBuffer: Tensor;
}

/**
 * Stochastic gradient descent: p ← p − lr · v, v ← momentum · v + (1 − dampening) · (g + weightDecay · p); the first v is g.
 *
 *     const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
 *
 * @see torch.optim.SGD; Sutskever et al. 2013
 */
export class SGD extends Optimizer<SGDOptions, SGDState> {
  constructor(params: ParamsInput<SGDOptions>, options: Partial<SGDOptions> & { lr: number }) {
    const defaults = {
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
      maximize: false,
      ...options,
    };
    checkAtLeast('learning rate', defaults.lr, 0);
    checkAtLeast('momentum value', defaults.momentum, 0);
    checkAtLeast('weight_decay value', defaults.weightDecay, 0);
    if (defaults.nesterov && (defaults.momentum <= 0 || defaults.dampening !== 0)) {
      throw new ValueError('Nesterov momentum requires a momentum and zero dampening');
    }
    super(params, defaults);
  }

  protected override update(parameter: Tensor, values: Tensor, grad: Tensor, options: SGDOptions): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = options;
    let direction = maximize ? grad.neg() : grad;
    if (weightDecay !== 0) direction = direction.add(values, { alpha: weightDecay });
    if (momentum !== 0) {
      const known = this.state.has(parameter);
      const { momentumBuffer } = this.stateOf(parameter, () => ({ momentumBuffer: direction.clone() }));
      if (known) momentumBuffer.mul_(momentum).add_(direction, { alpha: 1 - dampening });
      direction = nesterov ? direction.add(momentumBuffer, { alpha: momentum }) : momentumBuffer;
    }
    values.add_(direction, { alpha: -lr });
  }
}
