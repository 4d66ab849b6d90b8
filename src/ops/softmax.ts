import { call, defineOp } from '../autograd/op.ts';
import type { DType } from '../dtype.ts';
import { dtypes } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import { allocateLike } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { normalizeAxis, type Tensor } from '../tensor/tensor.ts';

interface Along {
  readonly axis: number;
}

/** Softmax, or with `log` its logarithm, each as an op whose gradient is an op again. */
const family = (log: boolean) => {
  const name = log ? 'log_softmax' : 'softmax';
  const node = log ? 'LogSoftmaxBackward0' : 'SoftmaxBackward0';
  const forward = defineOp<{ readonly x: Tensor }, Along>({
    name,
    node,
    saves: ['out'],
    forward: ({ x }, { axis }) => {
      const out = allocateLike(x, 'contiguous_format');
      backendOf(x.device).softmax(out, x, axis, log);
      return out;
    },
    backward: (grad, { out }, p) => ({ x: () => call(backward, { grad, out }, p) }),
    samples: [{ inputs: { x: [2, 3, 4] }, params: { axis: 1 } }],
  });
  const backward = defineOp<{ readonly grad: Tensor; readonly out: Tensor }, Along>({
    name: `${name}_backward_data`,
    node: log ? 'LogSoftmaxBackwardDataBackward0' : 'SoftmaxBackwardDataBackward0',
    saves: { grad: ['out'], out: ['grad', 'out'] },
    stepwise: () => true,
    forward: ({ grad, out }, { axis }) => {
      const result = allocateLike(grad, 'contiguous_format');
      backendOf(grad.device).softmaxGrad(result, grad, out, axis, log);
      return result;
    },
    backward: (cotangent, { grad, out }, { axis }) =>
      log
        ? {
            // g − e^out · Σ g
            grad: () => cotangent.sub(cotangent.mul(out.exp()).sum(axis, true)),
            out: () => cotangent.mul(out.exp()).mul(grad.sum(axis, true)).neg(),
          }
        : {
            // out · (g − Σ g · out)
            grad: () => out.mul(cotangent.sub(cotangent.mul(out).sum(axis, true))),
            out: () =>
              cotangent
                .mul(grad.sub(grad.mul(out).sum(axis, true)))
                .sub(grad.mul(cotangent.mul(out).sum(axis, true))),
          },
    samples: [{ inputs: { grad: [2, 3], out: [2, 3] }, params: { axis: 1 } }],
  });
  return forward;
};
const softmaxOp = family(false);
const logSoftmaxOp = family(true);

export interface SoftmaxOptions {
  /** Convert to this dtype first. */
  readonly dtype?: DType | undefined;
}

const along = (op: typeof softmaxOp, x: Tensor, axis: number, dtype: DType | undefined): Tensor => {
  const input = dtype === undefined ? x : x.to(dtype);
  if (!input.isFloatingPoint()) {
    throw new RuntimeError(
      `"${op.name}_lastdim_kernel_impl" not implemented for '${dtypes[input.dtype].scalarType}'`,
    );
  }
  const k = normalizeAxis(axis, x.ndim);
  if (input.ndim === 0) return call(op, { x: input.view([1]) }, { axis: 0 }).view([]);
  return call(op, { x: input }, { axis: k });
};

/** eˣ / Σ eˣ along an axis. @see torch.nn.functional.softmax */
export const softmax = (x: Tensor, axis: number, { dtype }: SoftmaxOptions = {}): Tensor =>
  along(softmaxOp, x, axis, dtype);
/** x − log Σ eˣ along an axis. @see torch.nn.functional.log_softmax */
export const logSoftmax = (x: Tensor, axis: number, { dtype }: SoftmaxOptions = {}): Tensor =>
  along(logSoftmaxOp, x, axis, dtype);
