/** What optimizers do with each element, in PyTorch's order of operations, so that all digits agree. */
import type { UpdateRule } from '../device/backend.ts';
import type { Value } from '../lang/index.ts';
import { addcdiv, addcmul, addScaled } from '../kernels/math/arithmetic.ts';

/** Rules are made once for each choice of options, as kernels are kept by them. */
const choices = <Options extends object>(
  name: string,
  keys: readonly (keyof Options & string)[],
  evaluate: (options: Options) => UpdateRule['evaluate'],
): ((options: Options) => UpdateRule) => {
  const kept: UpdateRule[] = [];
  return (options) => {
    let choice = 0;
    for (let k = 0; k < keys.length; k++) if (options[keys[k]!]) choice |= 1 << k;
    return (kept[choice] ??= {
      name: [name, ...keys.filter((key) => options[key])].join(' '),
      evaluate: evaluate({ ...options }),
    });
  };
};

export interface SGDRule {
  readonly maximize: boolean;
  readonly decays: boolean;
  readonly momentum: boolean;
  /** The buffer takes the first direction as it is. */
  readonly first: boolean;
  readonly nesterov: boolean;
}

/**
 * Changed: parameter, and with momentum its buffer. Read: gradient. Scalars: −lr, weight decay, momentum,
 * 1 − dampening.
 */
export const sgdRule = choices<SGDRule>(
  'sgd',
  ['maximize', 'decays', 'momentum', 'first', 'nesterov'],
  (options) =>
    ([x, buffer], [grad], [step, decay, momentum, share]) => {
      let direction = options.maximize ? grad!.neg() : grad!;
      if (options.decays) direction = addScaled(direction, x!, decay!);
      if (!options.momentum) return [addScaled(x!, direction, step!)];
      const speed = options.first ? direction : addScaled(buffer!.mul(momentum!), direction, share!);
      const along = options.nesterov ? addScaled(direction, speed, momentum!) : speed;
      return [addScaled(x!, along, step!), speed];
    },
);

export interface AdamRule {
  readonly maximize: boolean;
  /** Weight decay is added to the gradient. */
  readonly decaysGradient: boolean;
  /** Weight decay shrinks the parameter. */
  readonly shrinks: boolean;
  readonly amsgrad: boolean;
}

/**
 * Changed: parameter, mean of gradients, mean of their squares, and with amsgrad its largest. Read: gradient.
 * Scalars: see `optim/adam.ts`.
 */
export const adamRule = choices<AdamRule>(
  'adam',
  ['maximize', 'decaysGradient', 'shrinks', 'amsgrad'],
  (options) =>
    ([parameter, mean, square, largest], [grad], scalars) => {
      const [beta1, share1, beta2, share2, root, eps, step, decay] = scalars as [Value, ...Value[]];
      let direction = options.maximize ? grad!.neg() : grad!;
      if (options.decaysGradient) direction = addScaled(direction, parameter!, decay!);
      const x = options.shrinks ? parameter!.mul(decay!) : parameter!;
      const newMean = addScaled(mean!.mul(beta1), direction, share1!);
      const newSquare = addcmul(square!.mul(beta2!), direction, direction, share2!);
      const most = options.amsgrad ? largest!.max(newSquare) : newSquare;
      const divisor = most.sqrt().div(root!).add(eps!);
      const changed = [addcdiv(x, newMean, divisor, step!), newMean, newSquare];
      return options.amsgrad ? [...changed, most] : changed;
    },
);
