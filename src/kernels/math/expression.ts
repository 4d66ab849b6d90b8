/** How an elementwise function on values becomes an expression that a device can map over tensors. */
import type { Expression } from '../../device/backend.ts';
import type { Value } from '../../lang/index.ts';

/** The function's parameters are the operands, and after them the numbers that are chosen per call. */
export const expression = (name: string, compute: (...values: Value[]) => Value): Expression => ({
  name,
  evaluate: (operands, scalars) => compute(...operands, ...scalars),
});
