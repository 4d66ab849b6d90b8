/** Values held between bounds. */
import { call, callInPlace, defineOp, type Inputs, type Op } from '../autograd/op.ts';
import type { DType } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import * as math from '../kernels/math/index.ts';
import { resultType } from '../tensor/promotion.ts';
import { elementFrom, nearestHalf } from '../tensor/scalar.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { where } from './compare.ts';
import { mapOperands } from './pointwise.ts';

/** A bound; null or absent where there is none. */
export type Bound = Tensor | number | bigint | null | undefined;

type X = { readonly x: Tensor };
type GradAndX = { readonly grad: Tensor; readonly x: Tensor };
interface Bounds {
  readonly min: number | bigint | null;
  readonly max: number | bigint | null;
}

/** As the dtype holds them with whose elements they are compared. */
const boundsOf = ({ min, max }: Bounds, dtype: DType): [number, number] => [
  nearestHalf(Number(min ?? -Infinity), dtype),
  nearestHalf(Number(max ?? Infinity), dtype),
];

/** The gradient where x lies between the bounds or on one, elsewhere 0. */
export const clampGradOp = defineOp<GradAndX, Bounds>({
  name: 'clamp_backward',
  node: 'WhereBackward0',
  saves: { grad: ['x'] },
  forward: ({ grad, x }, bounds) =>
    mapOperands(math.clampGrad, [grad, x], { dtype: grad.dtype, scalars: boundsOf(bounds, x.dtype) }),
  backward: (cotangent, { x }, bounds) => ({ grad: () => clampGrad(cotangent, x, bounds) }),
  samples: [{ inputs: { grad: [2, 3], x: [2, 3] }, params: { min: -0.4, max: 0.3 } }],
});
const clampGrad = (grad: Tensor, x: Tensor, bounds: Bounds): Tensor => call(clampGradOp, { grad, x }, bounds);

export const clampOp = defineOp<X, Bounds>({
  name: 'clamp',
  node: 'ClampBackward1',
  saves: ['x'],
  forward: ({ x }, { min, max }, into) => {
    const given = [min, max].filter((bound) => bound !== null);
    const dtype = resultType(x, ...given);
    const [low, high] = [min, max].map((bound) => (bound === null ? null : elementFrom(bound, dtype)));
    if (high === null) return mapOperands(math.maximum, [x, low!], { dtype, into });
    if (low === null) return mapOperands(math.minimum, [x, high!], { dtype, into });
    return mapOperands(math.clamp, [x, low!, high!], { dtype, into });
  },
  backward: (grad, { x }, bounds) => ({ x: () => clampGrad(grad, x, bounds) }),
  samples: [
    { inputs: { x: [2, 3] }, params: { min: -0.4, max: 0.3 } },
    { inputs: { x: [2, 3] }, params: { min: 0.1, max: null } },
  ],
});
export const clampMinOp = defineOp({ ...clampOp, name: 'clamp_min', node: 'ClampMinBackward0' });
export const clampMaxOp = defineOp({
  ...clampOp,
  name: 'clamp_max',
  node: 'ClampMaxBackward0',
  samples: [{ inputs: { x: [2, 3] }, params: { min: null, max: 0.1 } }],
});

interface Between {
  readonly [name: string]: Tensor | null;
  readonly x: Tensor;
  readonly min: Tensor | null;
  readonly max: Tensor | null;
}

/** With tensors as bounds, which have gradients too: where the value is theirs. */
export const clampByTensorsOp = defineOp<Between, Bounds>({
  name: 'clamp',
  node: 'ClampBackward0',
  saves: ['x', 'min', 'max'],
  forward: ({ x, min, max }, numbers, into) => {
    const [low, high] = [min ?? numbers.min, max ?? numbers.max];
    if (high === null) return mapOperands(math.maximum, [x, low!], { into });
    if (low === null) return mapOperands(math.minimum, [x, high], { into });
    return mapOperands(math.clamp, [x, low, high], { into });
  },
  backward: (grad, { x, min, max }, numbers) => {
    const low = min ?? numbers.min ?? -Infinity;
    const high = max ?? numbers.max ?? Infinity;
    const crossed = (): Tensor | null => (min === null ? max!.lt(low) : min.gt(high));
    return {
      x: () => where(x.ge(low).logicalAnd(x.le(high)), grad, 0),
      // Where the bounds cross, the upper one is the result.
      min: () => where(x.lt(low).logicalAnd(crossed()!.logicalNot()), grad, 0),
      max: () => where(x.gt(high).logicalOr(crossed()!), grad, 0),
    };
  },
  samples: [
    {
      inputs: {
        x: { shape: [2, 3], low: -2, high: 2 },
        min: { shape: [3], low: -1, high: 0 },
        max: { shape: [2, 1], low: 0, high: 1 },
      },
      params: { min: null, max: null },
    },
    { inputs: { x: [2, 3], min: [3], max: null }, params: { min: null, max: 0.5 } },
  ],
});
export const clampMinByTensorOp = defineOp({
  ...clampByTensorsOp,
  name: 'clamp_min',
  node: 'ClampMinBackward1',
  samples: [{ inputs: { x: [2, 3], min: [3], max: null }, params: { min: null, max: null } }],
});
export const clampMaxByTensorOp = defineOp({
  ...clampByTensorsOp,
  name: 'clamp_max',
  node: 'ClampMaxBackward1',
  samples: [{ inputs: { x: [2, 3], min: null, max: [3] }, params: { min: null, max: null } }],
});

const isTensor = (bound: Bound): bound is Tensor => bound instanceof Object;

/** How an op is run: into a new tensor, or in place. */
type Run = <I extends Inputs, P>(op: Op<I, P>, inputs: I, params: P) => Tensor;
const into =
  (x: Tensor): Run =>
  (op, inputs, params) =>
    callInPlace(op, x, inputs, params);

/** Runs the one of two ops that is for the given bounds. */
const clamping = (
  run: Run,
  numbers: typeof clampOp,
  tensors: typeof clampByTensorsOp,
  x: Tensor,
  min: Bound = null,
  max: Bound = null,
): Tensor => {
  if (min === null && max === null) {
    throw new RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None");
  }
  const bounds = { min: isTensor(min) ? null : min, max: isTensor(max) ? null : max };
  if (!isTensor(min) && !isTensor(max)) return run(numbers, { x }, bounds);
  return run(tensors, { x, min: isTensor(min) ? min : null, max: isTensor(max) ? max : null }, bounds);
};

/**
 * x held between bounds, numbers or tensors; the upper one wins where they cross. NaN stays NaN.
 *
 * @throws RuntimeError without any bound
 * @see torch.clamp
 */
export const clamp = (x: Tensor, min?: Bound, max?: Bound): Tensor =>
  clamping(call, clampOp, clampByTensorsOp, x, min, max);
/** x, but not less than the bound. */
export const clampMin = (x: Tensor, min: Tensor | number | bigint): Tensor =>
  clamping(call, clampMinOp, clampMinByTensorOp, x, min);
/** x, but not more than the bound. */
export const clampMax = (x: Tensor, max: Tensor | number | bigint): Tensor =>
  clamping(call, clampMaxOp, clampMaxByTensorOp, x, null, max);

export const clamp_ = (x: Tensor, min?: Bound, max?: Bound): Tensor =>
  clamping(into(x), clampOp, clampByTensorsOp, x, min, max);
export const clampMin_ = (x: Tensor, min: Tensor | number | bigint): Tensor =>
  clamping(into(x), clampMinOp, clampMinByTensorOp, x, min);
export const clampMax_ = (x: Tensor, max: Tensor | number | bigint): Tensor =>
  clamping(into(x), clampMaxOp, clampMaxByTensorOp, x, null, max);
