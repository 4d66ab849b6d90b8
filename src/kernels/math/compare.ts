/** Comparisons, logic and choice. Results of comparisons are masks; memory holds them as 0 and 1. */
import type { Value } from '../../lang/index.ts';

export const eq = (x: Value, y: Value): Value => x.eq(y);
export const ne = (x: Value, y: Value): Value => x.ne(y);
export const lt = (x: Value, y: Value): Value => x.lt(y);
export const le = (x: Value, y: Value): Value => x.le(y);
export const gt = (x: Value, y: Value): Value => x.gt(y);
export const ge = (x: Value, y: Value): Value => x.ge(y);

/** Everything but 0 is true, NaN included. */
export const logicalAnd = (x: Value, y: Value): Value => x.ne(0).and(y.ne(0));
export const logicalOr = (x: Value, y: Value): Value => x.ne(0).or(y.ne(0));
export const logicalXor = (x: Value, y: Value): Value => x.ne(0).xor(y.ne(0));
export const logicalNot = (x: Value): Value => x.eq(0);

/** Of integers, and of bools as long as only `and`, `or`, `xor` are asked for: `logicalNot` is theirs. */
export const bitwiseAnd = (x: Value, y: Value): Value => x.and(y);
export const bitwiseOr = (x: Value, y: Value): Value => x.or(y);
export const bitwiseXor = (x: Value, y: Value): Value => x.xor(y);
export const bitwiseNot = (x: Value): Value => x.not();

/** x where the condition is not 0, elsewhere y. */
export const where = (condition: Value, x: Value, y: Value): Value => condition.ne(0).select(x, y);
/** `value` where the mask is not 0, elsewhere x. */
export const maskedFill = (x: Value, mask: Value, value: Value): Value => mask.ne(0).select(value, x);
