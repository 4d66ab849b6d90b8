/** What functions of one tensor share: one expression, one gradient rule, a form that makes a tensor and one in place. */
import { call, callInPlace, defineOp, type Op } from '../autograd/op.ts';
import type { Expression } from '../device/backend.ts';
import type { DType } from '../dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { floatResult, mapOperands } from './pointwise.ts';

export type X = { readonly x: Tensor };
interface Formula {
  readonly name: string;
  readonly node: string;
  readonly expression: Expression;
  /** The result's dtype, and the check that there is one. Default: floats keep theirs, others get the default dtype. */
  readonly result?: (x: Tensor) => DType;
  readonly saves: readonly ('x' | 'out')[];
  readonly backward: (grad: Tensor, saved: { readonly x: Tensor; readonly out: Tensor }) => Tensor;
  /** Where the gradient is tested. Default [−1, 1). */
  readonly domain?: readonly [low: number, high: number];
}
export type UnaryOp = Op<X, undefined>;

export const unary = ({
  name,
  node,
  expression,
  result = floatResult,
  saves,
  backward,
  domain: [low, high] = [-1, 1],
}: Formula): UnaryOp =>
  defineOp<X>({
    name,
    node,
    saves,
    stepwise: () => true,
    forward: ({ x }, _, into) => mapOperands(expression, [x], { dtype: result(x), into }),
    backward: (grad, saved) => ({ x: () => backward(grad, saved) }),
    samples: [{ inputs: { x: { shape: [2, 3], low, high } }, params: undefined }],
  });

export const applied =
  (op: UnaryOp) =>
  (x: Tensor): Tensor =>
    call(op, { x }, undefined);
export const inPlace =
  (op: UnaryOp) =>
  (x: Tensor): Tensor =>
    callInPlace(op, x, { x }, undefined);
