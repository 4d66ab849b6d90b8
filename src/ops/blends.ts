/** Elementwise functions of three tensors: interpolation, and products and quotients added to something. */
import { call, callInPlace, defineOp } from '../autograd/op.ts';
import { dtypes } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import * as math from '../kernels/math/index.ts';
import { resultType } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { div } from './arithmetic.ts';
import { mapOperands, refuse } from './pointwise.ts';

interface Lerp {
  readonly [name: string]: Tensor | null;
  readonly x: Tensor;
  readonly end: Tensor;
  readonly weight: Tensor | null;
}

export const lerpOp = defineOp<Lerp, { readonly weight: number }>({
  name: 'lerp',
  node: 'LerpBackward0',
  saves: { x: ['weight'], end: ['weight'], weight: ['x', 'end'] },
  stepwise: () => true,
  forward: ({ x, end, weight }, params, into) => {
    for (const [name, y] of Object.entries({ end, weight })) {
      if (y !== null && y.dtype !== x.dtype) {
        throw new RuntimeError(
          `expected dtype ${dtypes[x.dtype].cName} for \`${name}\` but got dtype ${dtypes[y.dtype].cName}`,
        );
      }
    }
    refuse(weight === null ? 'lerp_kernel_scalar' : 'lerp_kernel_tensor', x.dtype, ['bool', 'integer']);
    const { dtype } = x;
    return weight === null
      ? mapOperands(math.lerp, [x, end], { scalars: [params.weight], dtype, into })
      : mapOperands(math.lerp, [x, end, weight], { dtype, into });
  },
  backward: (grad, { x, end, weight }, params) => ({
    x: () => grad.mul(weight === null ? 1 - params.weight : weight.rsub(1)),
    end: () => grad.mul(weight ?? params.weight),
    weight: () => grad.mul(end.sub(x)),
  }),
  samples: [
    { inputs: { x: [2, 3], end: [3], weight: null }, params: { weight: 0.3 } },
    { inputs: { x: [2, 3], end: [3], weight: null }, params: { weight: 0.7 } },
  ],
});
export const lerpByTensorOp = defineOp({
  ...lerpOp,
  node: 'LerpBackward1',
  samples: [
    { inputs: { x: [2, 3], end: [3], weight: { shape: [2, 1], low: 0, high: 1 } }, params: { weight: 0 } },
  ],
});

type Triple = { readonly x: Tensor; readonly a: Tensor; readonly b: Tensor };

export const addcmulOp = defineOp<Triple, { readonly value: number }>({
  name: 'addcmul',
  node: 'AddcmulBackward0',
  saves: { a: ['b'], b: ['a'] },
  stepwise: () => true,
  forward: ({ x, a, b }, { value }, into) => {
    refuse('addcmul_cpu_out', resultType(x, a, b), ['bool']);
    return mapOperands(math.addcmul, [x, a, b], { scalars: [value], into });
  },
  backward: (grad, { a, b }, { value }) => ({
    x: () => grad,
    a: () => grad.mul(b.mul(value)),
    b: () => grad.mul(a.mul(value)),
  }),
  samples: [{ inputs: { x: [2, 3], a: [3], b: [2, 1] }, params: { value: 0.7 } }],
});

export const addcdivOp = defineOp<Triple, { readonly value: number }>({
  name: 'addcdiv',
  node: 'AddcdivBackward0',
  saves: { a: ['b'], b: ['a', 'b'] },
  stepwise: () => true,
  forward: ({ x, a, b }, { value }, into) => {
    if (!a.isFloatingPoint() && !b.isFloatingPoint()) throw new RuntimeError(INTEGER_ADDCDIV);
    return mapOperands(math.addcdiv, [x, a, b], { scalars: [value], into });
  },
  backward: (grad, { a, b }, { value }) => ({
    x: () => grad,
    a: () => grad.mul(div(value, b)),
    b: () => grad.mul(-value).mul(a.div(b).div(b)),
  }),
  samples: [
    { inputs: { x: [2, 3], a: [3], b: { shape: [2, 1], low: 0.5, high: 2 } }, params: { value: 0.7 } },
  ],
});

const INTEGER_ADDCDIV =
  'Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division ' +
  'of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / ' +
  'tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future ' +
  'addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes.';

/**
 * x + weight · (end − x), exact at weights 0 and 1.
 *
 * @throws RuntimeError when the dtypes differ
 * @see torch.lerp
 */
export const lerp = (x: Tensor, end: Tensor, weight: Tensor | number): Tensor =>
  call(...lerping(x, end, weight));
const lerping = (
  x: Tensor,
  end: Tensor,
  weight: Tensor | number,
): [typeof lerpOp, Lerp, { weight: number }] =>
  typeof weight === 'number'
    ? [lerpOp, { x, end, weight: null }, { weight }]
    : [lerpByTensorOp, { x, end, weight }, { weight: 0 }];

export interface ValueOptions {
  /** Factor of the product or quotient. Default 1. */
  readonly value?: number | undefined;
}

/** x + value · a · b */
export const addcmul = (x: Tensor, a: Tensor, b: Tensor, { value = 1 }: ValueOptions = {}): Tensor =>
  call(addcmulOp, { x, a, b }, { value });
/** x + value · a / b. @throws RuntimeError for two integers */
export const addcdiv = (x: Tensor, a: Tensor, b: Tensor, { value = 1 }: ValueOptions = {}): Tensor =>
  call(addcdivOp, { x, a, b }, { value });

export const lerp_ = (x: Tensor, end: Tensor, weight: Tensor | number): Tensor => {
  const [op, inputs, params] = lerping(x, end, weight);
  return callInPlace(op, x, inputs, params);
};
export const addcmul_ = (x: Tensor, a: Tensor, b: Tensor, { value = 1 }: ValueOptions = {}): Tensor =>
  callInPlace(addcmulOp, x, { x, a, b }, { value });
export const addcdiv_ = (x: Tensor, a: Tensor, b: Tensor, { value = 1 }: ValueOptions = {}): Tensor =>
  callInPlace(addcdivOp, x, { x, a, b }, { value });
