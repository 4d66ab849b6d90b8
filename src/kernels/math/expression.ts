/** How an elementwise function on values becomes an expression that a device can map over tensors. */
import type { Expression } from '../../device/backend.ts';
import type { Value } from '../../lang/index.ts';

/** The function's parameters are the operands, and after them the numbers that are chosen per call. */
export const expression = (name: string, compute: (...values: Value[]) => Value): Expression => ({
  name,
  evaluate: (operands, scalars) => compute(...operands, ...scalars),
});

/** A function of the operands before `from`, and of what `make` makes of those after, and of the numbers. */
export const prepared = (
  name: string,
  from: number,
  make: (...values: Value[]) => readonly Value[],
  compute: (...values: Value[]) => Value,
): Expression => ({
  name,
  evaluate: (operands) => compute(...operands),
  prepared: { from, make: (operands, scalars) => make(...operands, ...scalars) },
});
