import { ValueError } from '../errors.ts';
import { update } from '../ops/update.ts';
import { emptyLike } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkAtLeast, Optimizer, type ParamsInput } from './optimizer.ts';
import { sgdRule } from './rules.ts';

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
    const first = !this.state.has(parameter);
    const changed = [values];
    if (momentum !== 0)
      changed.push(this.stateOf(parameter, () => ({ momentumBuffer: emptyLike(values) })).momentumBuffer);
    const rule = sgdRule({
      maximize,
      decays: weightDecay !== 0,
      momentum: momentum !== 0,
      first: first && momentum !== 0,
      nesterov: nesterov && momentum !== 0,
    });
    update(rule, changed, [grad], [-lr, weightDecay, momentum, 1 - dampening]);
  }
}
