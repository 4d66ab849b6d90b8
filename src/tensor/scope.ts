/** Scopes at the level of tensors. */
import { Scope as StorageScope } from '../device/scope.ts';
import { RuntimeError } from '../errors.ts';
import { Tensor } from './tensor.ts';

/** The tensors in a value: itself, or in arrays, maps and plain objects. */
function* tensorsIn(value: unknown, seen = new Set<object>()): IterableIterator<Tensor> {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) {
    yield value;
    if (value.grad_ !== null) yield* tensorsIn(value.grad_, seen);
  } else if (Array.isArray(value)) for (const item of value as unknown[]) yield* tensorsIn(item, seen);
  else if (value instanceof Map || value instanceof Set)
    for (const item of value.values()) yield* tensorsIn(item, seen);
  else if (Object.getPrototypeOf(value) === Object.prototype) yield* tensorsIn(Object.values(value), seen);
}

/**
 * Gives the memory of all tensors made in a block back at its end, except those that are kept:
 *
 *     using scope = new flow.Scope();
 *     const loss = scope.keep(criterion(model(x), y));
 *
 * Gradients that leaves got inside are not kept by themselves: keep them, or clear them before the end.
 */
export class Scope implements Disposable {
  private readonly scope = new StorageScope();

  /** Lets the tensors in a value (arrays, maps and plain objects included) outlive the scope. */
  keep<T>(value: T): T {
    for (const tensor of tensorsIn(value)) this.scope.keep(tensor.storage);
    return value;
  }

  [Symbol.dispose](): void {
    this.scope[Symbol.dispose]();
  }
}

/**
 * Runs `body` and gives the memory of all tensors that were made in it back at once, except those in its result
 * (arrays, maps and plain objects included) with their gradients. Nothing needs a scope: memory is collected anyway. A
 * scope bounds the peak.
 *
 * @throws RuntimeError when `body` is asynchronous: its tensors would be gone before it ended
 */
export const scope = <T>(body: () => T): T => {
  using inner = new Scope();
  const result = body();
  if (result instanceof Promise) {
    throw new RuntimeError(
      'flow.scope takes a synchronous function: its memory is given back when it returns',
    );
  }
  return inner.keep(result);
};
