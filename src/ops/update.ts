import type { UpdateRule } from '../device/backend.ts';
import { backendOf } from '../tensor/devices.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * Changes several tensors of one shape and dtype together, element by element: what optimizers do. The tape does not
 * see it, but for the versions.
 *
 * @param changed  what the rule gives new values
 * @param read  what it looks at besides
 */
export const update = (
  rule: UpdateRule,
  changed: readonly Tensor[],
  read: readonly Tensor[],
  scalars: readonly number[],
): void => {
  backendOf(changed[0]!.device).update(rule, changed, read, scalars);
  for (const tensor of changed) tensor.version_.value++;
};
