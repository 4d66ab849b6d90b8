/** Comparisons, logic and choice. What they answer has dtype bool; operands meet in their promoted dtype. */
import { call, callInPlace, defineOp } from '../autograd/op.ts';
import type { Expression } from '../device/backend.ts';
import { dtypes } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import * as math from '../kernels/math/index.ts';
import { getDefaultDtype, resultType } from '../tensor/promotion.ts';
import { elementFrom } from '../tensor/scalar.ts';
import { sameShape, Tensor } from '../tensor/tensor.ts';
import { broadcastShapes, mapOperands, refuse, tensorOf, type Operand } from './pointwise.ts';

const comparison =
  (expression: Expression) =>
  (x: Operand, y: Operand): Tensor =>
    mapOperands(expression, [x, y], { dtype: 'bool', compute: resultType(x, y) });

/** x = y; NaN equals nothing. */
export const eq = comparison(math.eq);
/** x ≠ y */
export const ne = comparison(math.ne);
/** x < y */
export const lt = comparison(math.lt);
/** x ≤ y */
export const le = comparison(math.le);
/** x > y */
export const gt = comparison(math.gt);
/** x ≥ y */
export const ge = comparison(math.ge);

/** Whether both are not 0. NaN is not 0. */
export const logicalAnd = comparison(math.logicalAnd);
/** Whether one is not 0. */
export const logicalOr = comparison(math.logicalOr);
/** Whether exactly one is not 0. */
export const logicalXor = comparison(math.logicalXor);
/** Whether x is 0. */
export const logicalNot = (x: Tensor): Tensor =>
  mapOperands(math.logicalNot, [x], { dtype: 'bool', compute: x.dtype });

const bitwise =
  (kernel: string, expression: Expression) =>
  (x: Operand, y: Operand): Tensor => {
    const dtype = resultType(x, y);
    refuse(kernel, dtype, ['float']);
    return mapOperands(expression, [x, y], { dtype });
  };

/** Bit by bit, of integers and bools. @throws RuntimeError for floats */
export const bitwiseAnd = bitwise('bitwise_and_cpu', math.bitwiseAnd);
/** Bit by bit, of integers and bools. @throws RuntimeError for floats */
export const bitwiseOr = bitwise('bitwise_or_cpu', math.bitwiseOr);
/** Bit by bit, of integers and bools. @throws RuntimeError for floats */
export const bitwiseXor = bitwise('bitwise_xor_cpu', math.bitwiseXor);
/** Every bit turned over; of bools the opposite. @throws RuntimeError for floats */
export const bitwiseNot = (x: Tensor): Tensor => {
  refuse('bitwise_not_cpu', x.dtype, ['float']);
  return mapOperands(x.dtype === 'bool' ? math.logicalNot : math.bitwiseNot, [x], { dtype: x.dtype });
};

/** Whether two tensors have one shape and equal elements. NaN equals nothing. */
export const equal = (x: Tensor, y: Tensor): boolean =>
  sameShape(x.shape, y.shape) && ne(x, y).any().item() === 0;

export interface CloseOptions {
  /** Allowed difference relative to |y|. Default 1e-5. */
  readonly rtol?: number | undefined;
  /** Allowed difference. Default 1e-8. */
  readonly atol?: number | undefined;
  /** Whether two NaN are close. Default false. */
  readonly equalNan?: boolean | undefined;
}

/**
 * |x − y| ≤ atol + rtol · |y|, element by element; infinities are close to themselves.
 *
 * @throws RuntimeError when the dtypes differ or a tolerance is negative
 * @see torch.isclose
 */
export const isclose = (
  x: Tensor,
  y: Tensor,
  { rtol = 1e-5, atol = 1e-8, equalNan = false }: CloseOptions = {},
): Tensor => {
  if (x.dtype !== y.dtype) {
    throw new RuntimeError(`${dtypes[x.dtype].scalarType} did not match ${dtypes[y.dtype].scalarType}`);
  }
  for (const [name, value] of Object.entries({ rtol, atol })) {
    if (!(value >= 0)) {
      throw new RuntimeError(`${name} must be greater than or equal to zero, but got ${String(value)}`);
    }
  }
  const [a, b] = [x.detach(), y.detach()];
  let close = eq(a, b);
  if (equalNan && x.isFloatingPoint()) close = logicalOr(close, logicalAnd(ne(a, a), ne(b, b)));
  if (rtol === 0 && atol === 0) return close;
  const reference = x.isFloatingPoint() ? b : b.to(getDefaultDtype());
  const difference = a.sub(reference).abs();
  const allowed = reference.mul(rtol).abs().add(atol);
  return logicalOr(close, logicalAnd(difference.isfinite(), le(difference, allowed)));
};

/** Whether all elements are close. @see isclose */
export const allclose = (x: Tensor, y: Tensor, options: CloseOptions = {}): boolean =>
  isclose(x, y, options).all().item() !== 0;

interface Choice {
  readonly [name: string]: Tensor | null;
  readonly condition: Tensor;
  readonly x: Tensor | null;
  readonly y: Tensor | null;
}
/** Numbers among the operands. */
interface Numbers {
  readonly a: number | bigint | boolean;
  readonly b: number | bigint | boolean;
}

export const whereOp = defineOp<Choice, Numbers>({
  name: 'where',
  node: 'WhereBackward0',
  saves: ['condition'],
  forward: ({ condition, x, y }, { a, b }) => {
    if (condition.dtype !== 'bool' && condition.dtype !== 'uint8') {
      throw new RuntimeError(
        `where expected condition to be a boolean tensor, but got a tensor with dtype ${dtypes[condition.dtype].scalarType}`,
      );
    }
    const [yes, no] = [x ?? a, y ?? b];
    return mapOperands(math.where, [condition, yes, no], { dtype: resultType(yes, no) });
  },
  backward: (grad, { condition }) => ({
    x: () => where(condition, grad, 0),
    y: () => where(condition, 0, grad),
  }),
  samples: [
    { inputs: { condition: { shape: [2, 3], dtype: 'bool' }, x: [3], y: [2, 1] }, params: { a: 0, b: 0 } },
    { inputs: { condition: { shape: [3], dtype: 'bool' }, x: [2, 3], y: null }, params: { a: 0, b: 1.5 } },
  ],
});

/**
 * x where the condition holds, elsewhere y; all three broadcast.
 *
 * @param condition  bool (or uint8)
 * @see torch.where
 */
export const where = (condition: Tensor, x: Operand, y: Operand): Tensor =>
  call(
    whereOp,
    { condition, x: tensorOf(x), y: tensorOf(y) },
    { a: x instanceof Object ? 0 : x, b: y instanceof Object ? 0 : y },
  );

interface Fill {
  readonly [name: string]: Tensor | null;
  readonly x: Tensor;
  readonly mask: Tensor;
  readonly value: Tensor | null;
}

export const maskedFillOp = defineOp<Fill, { readonly value: number | bigint | boolean }>({
  name: 'masked_fill',
  node: 'MaskedFillBackward0',
  saves: ['mask'],
  forward: ({ x, mask, value }, params, into) => {
    if (mask.dtype !== 'bool' && mask.dtype !== 'uint8') {
      throw new RuntimeError(
        `masked_fill_ only supports boolean masks, but got mask with dtype ${mask.dtype}`,
      );
    }
    if (value !== null && value.ndim > 0) {
      throw new RuntimeError(
        `masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ${String(value.ndim)} dimension(s).`,
      );
    }
    if (!into) broadcastShapes(mask.shape, x.shape);
    return mapOperands(math.maskedFill, [x, mask, value ?? elementFrom(params.value, x.dtype)], {
      dtype: x.dtype,
      into,
    });
  },
  backward: (grad, { mask }) => ({
    x: () => maskedFill(grad, mask, 0),
    value: () => where(mask, grad, 0).sum(),
  }),
  samples: [
    { inputs: { x: [2, 3], mask: { shape: [3], dtype: 'bool' }, value: null }, params: { value: 0.5 } },
  ],
});
export const maskedFillByTensorOp = defineOp({
  ...maskedFillOp,
  node: 'MaskedFillBackward1',
  samples: [
    { inputs: { x: [2, 3], mask: { shape: [2, 1], dtype: 'bool' }, value: [] }, params: { value: 0 } },
  ],
});

const filling = (
  x: Tensor,
  mask: Tensor,
  value: Operand,
): [typeof maskedFillOp, Fill, { value: number | bigint | boolean }] =>
  value instanceof Tensor
    ? [maskedFillByTensorOp, { x, mask, value }, { value: 0 }]
    : [maskedFillOp, { x, mask, value: null }, { value }];

/**
 * x with `value` where the mask is true.
 *
 * @param mask  bool (or uint8), broadcast against x
 * @param value  a number or a tensor without axes
 * @see torch.Tensor.masked_fill
 */
export const maskedFill = (x: Tensor, mask: Tensor, value: Operand): Tensor =>
  call(...filling(x, mask, value));
export const maskedFill_ = (x: Tensor, mask: Tensor, value: Operand): Tensor => {
  const [op, inputs, params] = filling(x, mask, value);
  return callInPlace(op, x, inputs, params);
};
