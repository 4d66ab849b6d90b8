/** A call of a module that has hooks. */
import type { Node } from '../autograd/node.ts';
import { addHook } from '../autograd/handle.ts';
import { isGradEnabled } from '../autograd/mode.ts';
import { passTogether } from '../autograd/passage.ts';
import { RuntimeError } from '../errors.ts';
import { sameShape, Tensor } from '../tensor/tensor.ts';
import type { BackwardHook, ModuleGradients } from './hooks.ts';
import type { RegisteredModule } from './registries.ts';

/**
 * Runs pre-hooks, `forward` and hooks, and prepares the backward hooks. The lists of hooks are copied first: one that is
 * removed during the call still runs in it, one that is added waits for the next.
 *
 * @see torch.nn.Module._call_impl
 */
export const callWithHooks = (module: RegisteredModule, args: readonly unknown[]): unknown => {
  const backward = [...module._backwardHooks.values()];
  let given = args;
  for (const hook of [...module._forwardPreHooks.values()]) {
    const changed = hook(module as never, given as never);
    if (changed !== undefined && changed !== null) given = listed(changed);
  }
  const full =
    backward.length > 0 && module._isFullBackwardHook === true ? new FullBackward(module, backward) : null;
  if (full !== null) given = full.watchInputs(given);
  let result = module.forward(...(given as never));
  for (const hook of [...module._forwardHooks.values()]) {
    result = hook(module as never, given as never, result as never) ?? result;
  }
  if (full !== null) return full.watchOutputs(result);
  if (backward.length > 0) attach(module, backward, result);
  return result;
};

/** An array stands for several arguments, results or gradients; any other value for itself. */
const listed = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? (value as readonly unknown[]) : [value];

/**
 * One call's full backward hooks: inputs and outputs pass through nodes of the tape, the hooks run when the gradients of
 * the inputs are known.
 *
 * @see torch.utils.hooks.BackwardHook
 */
class FullBackward {
  /** Whether the gradients of inputs will be known. */
  private watchesInputs = false;
  private count = 0;
  private gradOutput: ModuleGradients | null = null;

  constructor(
    private readonly module: RegisteredModule,
    private readonly hooks: readonly BackwardHook<never>[],
  ) {}

  watchInputs(args: readonly unknown[]): readonly unknown[] {
    this.count = args.length;
    const inputs = watch(args);
    if (inputs === null) return args;
    this.watchesInputs = true;
    const { node, positions, values } = inputs;
    addHook(node.postHooks, (gradients) => {
      // The gradient may come past the module's result, as in a second derivative: then there is nothing to tell.
      if (this.gradOutput === null) return null;
      const before = spread(gradients, positions, this.count);
      const after = this.run(before);
      this.gradOutput = null;
      return positions.map((position) => after[position] ?? null);
    });
    return values;
  }

  watchOutputs(result: unknown): unknown {
    const results = listed(result);
    const outputs = watch(results);
    if (outputs === null) return result;
    const { node, positions, values } = outputs;
    addHook(node.postHooks, (_, arrived) => {
      this.gradOutput = spread(arrived, positions, results.length);
      if (!this.watchesInputs) {
        this.runWithoutInputs();
        this.gradOutput = null;
      }
      return null;
    });
    return Array.isArray(result) ? values : values[0];
  }

  /** Each hook sees what the one before has made of the gradients. */
  private run(gradInput: ModuleGradients): ModuleGradients {
    return this.hooks.reduce((before, hook) => {
      const returned = hook(this.module as never, before, this.gradOutput!);
      if (returned === null || returned === undefined) return before;
      const after = listed(returned) as ModuleGradients;
      if (after.length !== before.length) {
        throw new RuntimeError(
          `Backward hook returned an invalid number of grad_input, got ${String(after.length)}, but expected ${String(before.length)}`,
        );
      }
      checkSizes(hook, before, after);
      return after;
    }, gradInput);
  }

  private runWithoutInputs(): void {
    const none = Array.from({ length: this.count }, () => null);
    for (const hook of this.hooks) {
      const returned = hook(this.module as never, none, this.gradOutput!) ?? [];
      if (!Array.isArray(returned) || returned.some((gradient) => gradient !== null)) {
        throw new RuntimeError(
          'Backward hook for Modules where no input requires gradient should always return None or None for all gradients.',
        );
      }
    }
  }
}

interface Watched {
  readonly node: Node;
  /** Where in the list the tensors stand. */
  readonly positions: readonly number[];
  /** The list with its tensors passed through the node. */
  readonly values: readonly unknown[];
}

/** Passes the tensors of a list through a node; null when no gradient is wanted of any. */
const watch = (values: readonly unknown[]): Watched | null => {
  const positions = [...values.keys()].filter((k) => values[k] instanceof Tensor);
  const tensors = positions.map((k) => values[k] as Tensor);
  if (!isGradEnabled() || !tensors.some((tensor) => tensor.requiresGrad)) return null;
  const { node, tensors: passed } = passTogether(tensors);
  const after = [...values];
  positions.forEach((position, k) => (after[position] = passed[k]));
  return { node, positions, values: after };
};

/** Gradients at the places of their tensors, null at the others. */
const spread = (
  gradients: ModuleGradients,
  positions: readonly number[],
  length: number,
): ModuleGradients => {
  const all = new Array<Tensor | null>(length).fill(null);
  positions.forEach((position, k) => (all[position] = gradients[k] ?? null));
  return all;
};

const checkSizes = (
  hook: { readonly name: string },
  before: ModuleGradients,
  after: ModuleGradients,
): void => {
  after.forEach((gradient, k) => {
    const was = before[k];
    if (gradient && was && !sameShape(gradient.shape, was.shape))
      throw new RuntimeError(`hook '${hook.name || 'hook'}' has changed the size of value`);
  });
};

/**
 * Hooks of the old kind watch the node that made the result (the first tensor in it): their gradients are those of that
 * node, so of a convolution's input, weight and bias.
 */
const attach = (module: RegisteredModule, hooks: readonly BackwardHook<never>[], result: unknown): void => {
  const node = (firstTensor(result)?.gradFn ?? null) as Node | null;
  if (node === null) return;
  for (const hook of hooks) {
    addHook(node.postHooks, (before, gradOutput) => {
      const returned = hook(module as never, before, gradOutput);
      if (returned === null || returned === undefined) return null;
      const after = listed(returned) as ModuleGradients;
      if (after.length !== before.length) {
        throw new RuntimeError(
          `hook '${hook.name || 'hook'}' has returned an incorrect number of values (got ${String(after.length)}, but expected ${String(before.length)})`,
        );
      }
      checkSizes(hook, before, after);
      return after;
    });
  }
};

/** The first tensor in a result: of an array its first item's, of a map or plain object the first among its values. */
const firstTensor = (value: unknown): Tensor | null => {
  if (value instanceof Tensor) return value;
  if (Array.isArray(value)) return firstTensor((value as unknown[])[0]);
  if (typeof value !== 'object' || value === null) return null;
  const values: unknown[] = value instanceof Map ? [...value.values()] : Object.values(value);
  return values.find((item): item is Tensor => item instanceof Tensor) ?? null;
};
