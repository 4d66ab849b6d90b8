/** Functions that are made of several ops, of 16-bit floats. */
import { isHalf } from '../dtype.ts';
import { resultType } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './copies.ts';

/**
 * A formula whose steps would each round 16-bit floats: these enter it as float32, and its result is rounded once, to
 * the dtype in which the operands meet. Likewise on the way back each operand's gradient is rounded once.
 */
export const roundedOnce = <Operands extends readonly (Tensor | null)[]>(
  operands: readonly [...Operands],
  formula: (...operands: Operands) => Tensor,
): Tensor => {
  const floats = operands.filter((x): x is Tensor => x?.isFloatingPoint() === true);
  if (!floats.some((x) => isHalf(x.dtype))) return formula(...operands);
  const wide = operands.map((x) => (x !== null && isHalf(x.dtype) ? to(x, 'float32') : x));
  return to(formula(...(wide as unknown as Operands)), resultType(...floats));
};
