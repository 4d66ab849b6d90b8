/** What optimizers share: groups of parameters with options of their own, state per parameter. */
import { noGrad } from '../autograd/mode.ts';
import { isHalf } from '../dtype.ts';
import { ValueError } from '../errors.ts';
import { scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Parameters that are stepped with the same options; options may be changed between steps. */
export type ParamGroup<Options> = { params: readonly Tensor[] } & Options;

/** What is optimised: tensors, or groups whose options differ from the optimizer's. */
export type ParamsInput<Options> =
  Iterable<Tensor> | readonly ({ readonly params: Iterable<Tensor> } & Partial<Options>)[];

/**
 * @throws ValueError when there is nothing to optimise or a parameter stands in two groups, TypeError when something is
 *   not a tensor
 * @see torch.optim.Optimizer
 */
export abstract class Optimizer<Options extends object, State extends object> {
  readonly paramGroups: ParamGroup<Options>[];
  /** What the optimizer remembers of each parameter; empty before its first step. */
  readonly state = new Map<Tensor, State>();

  constructor(params: ParamsInput<Options>, defaults: Options) {
    const list = [...(params as Iterable<unknown>)];
    if (list.length === 0) throw new ValueError('optimizer got an empty parameter list');
    const isGroup = (x: unknown): x is { params: Iterable<Tensor> } & Partial<Options> =>
      typeof x === 'object' && x !== null && 'params' in x;
    const groups = list.every(isGroup) ? list : [{ params: list as Tensor[] }];
    this.paramGroups = groups.map((group) => ({ ...defaults, ...group, params: [...group.params] }));
    const seen = new Set<Tensor>();
    for (const parameter of this.paramGroups.flatMap((group) => group.params)) {
      if (!(parameter instanceof Tensor)) {
        throw new TypeError(
          `optimizer can only optimize Tensors, but one of the params is ${typeof parameter}`,
        );
      }
      if (!parameter.isLeaf) throw new ValueError("can't optimize a non-leaf Tensor");
      if (seen.has(parameter))
        throw new ValueError('some parameters appear in more than one parameter group');
      seen.add(parameter);
    }
  }

  /** Clears the gradients; by default drops them. */
  zeroGrad(setToNone = true): void {
    for (const { params } of this.paramGroups) {
      for (const parameter of params) {
        if (parameter.grad === null) continue;
        if (setToNone) parameter.grad = null;
        else noGrad(() => parameter.grad!.zero_());
      }
    }
  }

  /** Changes every parameter that has a gradient. */
  step(): void {
    noGrad(() => {
      for (const group of this.paramGroups) {
        for (const parameter of group.params) {
          const { grad } = parameter;
          if (grad === null) continue;
          if (!isHalf(parameter.dtype)) {
            this.update(parameter, parameter, grad, group);
            continue;
          }
          // The float32 copies are given back at once, but not what the optimizer remembers.
          scope(() => {
            const values = parameter.to('float32');
            this.update(parameter, values, grad.to('float32'), group);
            parameter.copy_(values);
            return this.state.get(parameter);
          });
        }
      }
    });
  }

  /**
   * One parameter's step, outside the tape.
   *
   * @param values  what is to be changed: the parameter itself; or of a 16-bit one its float32 copy, which is rounded
   *   into it afterwards. So what is remembered of it is float32, too: squares of gradients would vanish in 16 bits.
   */
  protected abstract update(parameter: Tensor, values: Tensor, grad: Tensor, options: Options): void;

  protected stateOf(parameter: Tensor, initial: () => State): State {
    let state = this.state.get(parameter);
    if (state === undefined) this.state.set(parameter, (state = initial()));
    return state;
  }
}

/** @throws ValueError `Invalid learning rate: -1` */
export const checkAtLeast = (name: string, value: number, least: number): void => {
  if (!(value >= least)) throw new ValueError(`Invalid ${name}: ${String(value)}`);
};
