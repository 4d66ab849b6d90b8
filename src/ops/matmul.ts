/** Products of matrices, batches of them, and vectors. */
import { call, defineOp, type Described } from '../autograd/op.ts';
import { elementCount } from '../device/view.ts';
import { dtypes } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import { allocate } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { broadcastShapes, broadcastView, refuse } from './pointwise.ts';
import { roundedOnce } from './rounded-once.ts';

interface Product {
  readonly [name: string]: Tensor | null;
  readonly a: Tensor;
  readonly b: Tensor;
  readonly bias: Tensor | null;
}

/** a [..., M, K] · b [..., K, N] + bias [N], the leading axes broadcast. */
export const matmulOp = defineOp<Product>({
  name: 'matmul',
  node: 'MmBackward0',
  saves: { a: ['b'], b: ['a'] },
  forward: ({ a, b, bias }) => {
    refuse('addmm_impl_cpu_', a.dtype, ['bool']);
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const rows = a.shape.at(-2)!;
    const columns = b.shape.at(-1)!;
    const out = allocate([...batch, rows, columns], a.dtype, a.device);
    const left = broadcastView(a, [...batch, ...a.shape.slice(-2)]);
    const right = broadcastView(b, [...batch, ...b.shape.slice(-2)]);
    backendOf(a.device).matmul(out, left, right, bias);
    return out;
  },
  stepwise: () => true,
  backward: (grad, { a, b }, _, { a: left, b: right }) => ({
    a: () =>
      isTurned(left)
        ? product(b, grad.transpose(-1, -2), null).transpose(-1, -2)
        : product(grad, b.transpose(-1, -2), null),
    b: () =>
      isTurned(right)
        ? product(grad.transpose(-1, -2), a, null).transpose(-1, -2)
        : product(a.transpose(-1, -2), grad, null),
    bias: () => grad.sum(grad.shape.map((_, axis) => axis).slice(0, -1)),
  }),
  samples: [
    { inputs: { a: [2, 1, 3, 4], b: [5, 4, 2], bias: null }, params: undefined },
    { inputs: { a: [3, 4], b: [4, 2], bias: [2] }, params: undefined },
  ],
});

/** Whether columns follow one another in memory, as of a weight that is used transposed: its gradient is laid out so, too. */
const isTurned = ({ shape, strides }: Described): boolean =>
  strides.at(-2) === 1 && strides.at(-1) === shape.at(-2)!;

const product = (a: Tensor, b: Tensor, bias: Tensor | null): Tensor =>
  call(matmulOp, { a, b, bias }, undefined);

/**
 * The matrix product. Vectors count as a row on the left, a column on the right; leading axes are batches and broadcast.
 *
 * @throws RuntimeError with PyTorch's texts when sizes or dtypes do not fit
 * @see torch.matmul
 */
export const matmul = (a: Tensor, b: Tensor): Tensor => {
  if (a.ndim === 0 || b.ndim === 0) {
    throw new RuntimeError(
      `both arguments to matmul need to be at least 1D, but they are ${String(a.ndim)}D and ${String(b.ndim)}D`,
    );
  }
  checkDtypes(a, b);
  if (a.ndim === 1 && b.ndim === 1) return dot(a, b);
  const left = a.ndim === 1 ? a.unsqueeze(0) : a;
  const right = b.ndim === 1 ? b.unsqueeze(1) : b;
  checkInner(left, right, b.ndim === 1);
  // A matrix on the right multiplies all rows of a batch at once.
  const flat = left.ndim > 2 && right.ndim === 2;
  const out = flat
    ? product(left.reshape(elementCount(left.shape.slice(0, -1)), left.shape.at(-1)!), right, null).reshape([
        ...left.shape.slice(0, -1),
        right.shape[1]!,
      ])
    : product(left, right, null);
  const rows = a.ndim === 1 ? out.squeeze(-2) : out;
  return b.ndim === 1 ? rows.squeeze(-1) : rows;
};

const checkDtypes = (a: Tensor, b: Tensor): void => {
  if (a.dtype !== b.dtype) {
    throw new RuntimeError(
      `expected m1 and m2 to have the same dtype, but got: ${dtypes[a.dtype].cName} != ${dtypes[b.dtype].cName}`,
    );
  }
};

const checkInner = (a: Tensor, b: Tensor, vector: boolean): void => {
  const [m, k] = a.shape.slice(-2) as [number, number];
  const [inner, n] = b.shape.slice(-2) as [number, number];
  if (k === inner) return;
  if (vector && a.ndim === 2) {
    throw new RuntimeError(`size mismatch, got ${String(m)}, ${String(m)}x${String(k)},${String(inner)}`);
  }
  if (b.ndim > 2) throw new RuntimeError(batchText(a, b));
  throw new RuntimeError(
    `mat1 and mat2 shapes cannot be multiplied (${String(a.numel() / k || m)}x${String(k)} and ${String(inner)}x${String(n)})`,
  );
};

/** PyTorch joins all batches to one before it compares. */
const batchText = (a: Tensor, b: Tensor): string => {
  const batch = (x: Tensor): number => x.shape.slice(0, -2).reduce((n, size) => n * size, 1);
  return `Expected size for first two dimensions of batch2 tensor to be: [${String(batch(a))}, ${String(a.shape.at(-1))}] but got: [${String(batch(b))}, ${String(b.shape.at(-2))}].`;
};

/** The product of two matrices. */
export const mm = (a: Tensor, b: Tensor): Tensor => {
  if (a.ndim !== 2) throw new RuntimeError('self must be a matrix');
  if (b.ndim !== 2) throw new RuntimeError('mat2 must be a matrix');
  checkDtypes(a, b);
  checkInner(a, b, false);
  return product(a, b, null);
};

/** Products of matrices pair by pair: [B, M, K] · [B, K, N]. */
export const bmm = (a: Tensor, b: Tensor): Tensor => {
  if (a.ndim !== 3 || b.ndim !== 3) throw new RuntimeError('batch1 must be a 3D tensor');
  checkDtypes(a, b);
  if (a.shape[0] !== b.shape[0] || a.shape[2] !== b.shape[1]) {
    throw new RuntimeError(batchText(a, b));
  }
  return product(a, b, null);
};

/** Matrix times vector. */
export const mv = (a: Tensor, b: Tensor): Tensor => {
  if (a.ndim !== 2 || b.ndim !== 1) {
    throw new RuntimeError(
      `vector + matrix @ vector expected, got ${String(b.ndim)}, ${String(a.ndim)}, ${String(b.ndim)}`,
    );
  }
  return matmul(a, b);
};

/** The inner product of two vectors. */
export const dot = (a: Tensor, b: Tensor): Tensor => {
  if (a.ndim !== 1 || b.ndim !== 1) {
    throw new RuntimeError(`1D tensors expected, but got ${String(a.ndim)}D and ${String(b.ndim)}D tensors`);
  }
  if (a.shape[0] !== b.shape[0]) {
    throw new RuntimeError(
      `inconsistent tensor size, expected tensor [${String(a.shape[0])}] and src [${String(b.shape[0])}] to have the same number of elements, but got ${String(a.shape[0])} and ${String(b.shape[0])} elements respectively`,
    );
  }
  checkDtypes(a, b);
  return product(a.unsqueeze(0), b.unsqueeze(1), null).view([]);
};

/** All products of an element of one vector and one of another: [M, N]. */
export const outer = (a: Tensor, b: Tensor): Tensor => {
  if (a.ndim !== 1 || b.ndim !== 1) throw new RuntimeError('outer: Expected 1-D arguments');
  return a.unsqueeze(1).mul(b.unsqueeze(0));
};

/** beta · input + alpha · (a · b) */
export const addmm = (
  input: Tensor,
  a: Tensor,
  b: Tensor,
  { alpha = 1, beta = 1 }: { readonly alpha?: number; readonly beta?: number } = {},
): Tensor =>
  roundedOnce([input, a, b], (addend, left, right) => {
    const product = mm(left, right);
    const result = alpha === 1 ? product : product.mul(alpha);
    return beta === 0 ? result : result.add(addend, { alpha: beta });
  });

/**
 * x · weightᵀ + bias over the last axis.
 *
 * @param x  [..., in]
 * @param weight  [out, in]
 * @param bias  [out]
 * @throws RuntimeError when sizes or dtypes do not fit
 * @see torch.nn.functional.linear
 */
export const linear = (x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor => {
  if (weight.ndim !== 2) {
    throw new RuntimeError(`linear: weight has shape [${weight.shape.join(', ')}], expected [out, in]`);
  }
  if (x.ndim === 0)
    throw new RuntimeError('both arguments to linear need to be at least 1D, but they are 0D and 2D');
  checkDtypes(x, weight);
  const [out, inner] = weight.shape as [number, number];
  if (bias !== null) {
    checkDtypes(x, bias);
    if (bias.ndim !== 1 || bias.shape[0] !== out) {
      throw new RuntimeError(
        `linear: bias has shape [${bias.shape.join(', ')}], expected [${String(out)}] for weight [${weight.shape.join(', ')}]`,
      );
    }
  }
  const rows = x.ndim === 2 ? x : x.reshape(elementCount(x.shape.slice(0, -1)), x.shape.at(-1)!);
  if (rows.shape[1] !== inner) {
    throw new RuntimeError(
      `mat1 and mat2 shapes cannot be multiplied (${rows.shape.join('x')} and ${String(inner)}x${String(out)})`,
    );
  }
  const result = product(rows, weight.t(), bias);
  return x.ndim === 2 ? result : result.reshape([...x.shape.slice(0, -1), out]);
};
