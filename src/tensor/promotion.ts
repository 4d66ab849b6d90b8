/**
 * PyTorch's type promotion.
 * @see https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
 */
import { dtypes, type Category, type DType } from '../dtype.ts';
import type { Tensor } from './tensor.ts';

let defaultDtype: DType = 'float32';

/** The floating dtype of new tensors. Default `float32`. */
export const getDefaultDtype = (): DType => defaultDtype;

/** @throws TypeError when the dtype is not a floating one */
export const setDefaultDtype = (dtype: DType): void => {
  if (dtypes[dtype].category !== 'float') {
    throw new TypeError('only floating-point types are supported as the default type');
  }
  defaultDtype = dtype;
};

/** The dtype in which two tensors with dimensions meet. */
export const promoteTypes = (a: DType, b: DType): DType => {
  if (a === b) return a;
  const x = dtypes[a];
  const y = dtypes[b];
  if (x.category !== y.category) return rank[x.category] > rank[y.category] ? a : b;
  if (x.category === 'float') {
    // The two halves have no common half.
    if (x.bytes === y.bytes) return 'float32';
    return x.bytes > y.bytes ? a : b;
  }
  // uint8 and int8 have no common byte.
  if (x.bytes === y.bytes) return 'int32';
  return x.bytes > y.bytes ? a : b;
};

const rank: Readonly<Record<Category, number>> = { bool: 0, integer: 1, float: 2 };

/** Whether values of `from` may be stored in place into a tensor of `to`. */
export const canCast = (from: DType, to: DType): boolean =>
  rank[dtypes[from].category] <= rank[dtypes[to].category];

/** The dtype where all are tensors of one: nothing is to be promoted. */
const commonDtype = (operands: readonly (Tensor | number | bigint | boolean)[]): DType | null => {
  let common: DType | null = null;
  for (const x of operands) {
    if (typeof x !== 'object') return null;
    common ??= x.dtype;
    if (x.dtype !== common) return null;
  }
  return common;
};

/**
 * The dtype of an operation on tensors and numbers: tensors with dimensions decide first, then tensors without,
 * then numbers, each only when its category is higher. A JavaScript number counts as an integer when it is one.
 */
export const resultType = (...operands: readonly (Tensor | number | bigint | boolean)[]): DType => {
  const same = commonDtype(operands);
  if (same !== null) return same;
  let dimensioned: DType | null = null;
  let scalar: DType | null = null;
  let wrapped: DType | null = null;
  const join = (a: DType | null, b: DType): DType => (a === null ? b : promoteTypes(a, b));
  for (const x of operands) {
    if (typeof x === 'object') {
      if (x.ndim > 0) dimensioned = join(dimensioned, x.dtype);
      else scalar = join(scalar, x.dtype);
    } else wrapped = join(wrapped, numberType(x));
  }
  return [dimensioned, scalar, wrapped].reduce<DType | null>((result, next) => {
    if (result === null || next === null) return result ?? next;
    return rank[dtypes[next].category] > rank[dtypes[result].category] ? next : result;
  }, null)!;
};

/** The dtype that a number alone would get. */
export const numberType = (x: number | bigint | boolean): DType =>
  typeof x === 'boolean' ? 'bool' : typeof x === 'bigint' || Number.isInteger(x) ? 'int64' : defaultDtype;
