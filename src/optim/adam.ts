import { ValueError } from '../errors.ts';
import { update } from '../ops/update.ts';
import { zerosLike } from '../tensor/create.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkAtLeast, Optimizer, type ParamsInput } from './optimizer.ts';
import { adamRule } from './rules.ts';

export interface AdamOptions {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Decay of the running means of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Default 0, for AdamW 0.01. */
  weightDecay: number;
  /** Divide by the largest mean square so far. Default false. */
  amsgrad: boolean;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

export interface AdamState {
  step: number;
  expAvg: Tensor;
  expAvgSq: Tensor;
  maxExpAvgSq: Tensor | null;
}

/** What Adam and AdamW share; they differ in where weight decay enters. */
abstract class AdamBase extends Optimizer<AdamOptions, AdamState> {
  constructor(params: ParamsInput<AdamOptions>, options: AdamOptions) {
    checkAtLeast('learning rate', options.lr, 0);
    checkAtLeast('epsilon value', options.eps, 0);
    checkAtLeast('weight_decay value', options.weightDecay, 0);
    options.betas.forEach((beta, k) => {
      if (!(beta >= 0 && beta < 1)) {
        throw new ValueError(`Invalid beta parameter at index ${String(k)}: ${String(beta)}`);
      }
    });
    super(params, options);
  }

  protected override update(parameter: Tensor, values: Tensor, grad: Tensor, options: AdamOptions): void {
    const { lr, betas, eps, amsgrad } = options;
    const state = this.stateOf(parameter, () => ({
      step: 0,
      expAvg: zerosLike(values),
      expAvgSq: zerosLike(values),
      maxExpAvgSq: amsgrad ? zerosLike(values) : null,
    }));
    state.step++;
    const decay = this.decayOf(options);
    const correction1 = 1 - betas[0] ** state.step;
    const correction2 = 1 - betas[1] ** state.step;
    const { expAvg, expAvgSq, maxExpAvgSq } = state;
    const changed = [values, expAvg, expAvgSq, ...(maxExpAvgSq ? [maxExpAvgSq] : [])];
    const scalars = [
      betas[0],
      1 - betas[0],
      betas[1],
      1 - betas[1],
      Math.sqrt(correction2),
      eps,
      -lr / correction1,
      decay.factor,
    ];
    const { decaysGradient, shrinks } = decay;
    const rule = adamRule({
      maximize: options.maximize,
      decaysGradient,
      shrinks,
      amsgrad: maxExpAvgSq !== null,
    });
    update(rule, changed, [grad], scalars);
  }

  /** @internal */ protected abstract decayOf(options: AdamOptions): Decay;
}

/** Where weight decay has its effect, if anywhere. */
interface Decay {
  readonly decaysGradient: boolean;
  readonly shrinks: boolean;
  /** Of the parameter, in what is added to the gradient, or in itself. */
  readonly factor: number;
}

const adamDefaults: AdamOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
};

/** Weight decay is added to the gradient. @see torch.optim.Adam; Kingma & Ba 2014, arXiv:1412.6980 */
export class Adam extends AdamBase {
  constructor(params: ParamsInput<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { ...adamDefaults, ...options });
  }
  /** @internal */ protected override decayOf({ weightDecay }: AdamOptions): Decay {
    return { decaysGradient: weightDecay !== 0, shrinks: false, factor: weightDecay };
  }
}

/** Weight decay shrinks the parameter itself. @see torch.optim.AdamW; Loshchilov & Hutter 2017, arXiv:1711.05101 */
export class AdamW extends AdamBase {
  constructor(params: ParamsInput<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { ...adamDefaults, weightDecay: 0.01, ...options });
  }
  /** @internal */ protected override decayOf({ lr, weightDecay }: AdamOptions): Decay {
    return { decaysGradient: false, shrinks: weightDecay !== 0, factor: 1 - lr * weightDecay };
  }
}
