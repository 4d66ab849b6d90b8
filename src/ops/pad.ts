/** Padding: constants around (negative sizes crop), or the input's own elements mirrored, repeated, wrapped. */
import { call, defineOp } from '../autograd/op.ts';
import { elementCount } from '../device/view.ts';
import { dtypes } from '../dtype.ts';
import { NotImplementedError, RuntimeError } from '../errors.ts';
import { allocate, tensor } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { viewOf, type Tensor } from '../tensor/tensor.ts';
import { roundedOnce } from './rounded-once.ts';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

/** `pad` as in PyTorch: [before, after] of the last axis, then of the one before it, and so on. */
interface ConstantPad {
  readonly pad: readonly number[];
  readonly value: number;
}

export const constantPadOp = defineOp<{ readonly x: Tensor }, ConstantPad>({
  name: 'constant_pad_nd',
  node: 'ConstantPadNdBackward0',
  saves: [],
  forward: ({ x }, { pad, value }) => {
    const around = x.shape.map((_, axis) => sides(pad, x.ndim, axis));
    const shape = x.shape.map((size, axis) => size + around[axis]![0] + around[axis]![1]);
    const wrong = shape.findIndex((size) => size < 0);
    if (wrong >= 0) {
      throw new RuntimeError(
        `The input size ${String(x.shape[wrong])}, plus negative padding ${around[wrong]!.join(' and ')} resulted in a negative output size, which is invalid. Check dimension ${String(wrong)} of your input.`,
      );
    }
    const out = allocate(shape, x.dtype, x.device);
    const backend = backendOf(x.device);
    backend.fill(out, value);
    const kept = x.shape.map((size, axis) =>
      Math.max(0, size + Math.min(around[axis]![0], 0) + Math.min(around[axis]![1], 0)),
    );
    if (elementCount(kept) > 0) backend.copy(inner(out, kept, around, 1), inner(x, kept, around, -1));
    return out;
  },
  backward: (grad, _, { pad }) => ({
    x: () =>
      constantPad(
        grad,
        pad.map((size) => -size),
        0,
      ),
  }),
  samples: [{ inputs: { x: [2, 3, 4] }, params: { pad: [1, -2, 0, 3], value: 0.5 } }],
});

/** The kept part: in the output it begins after positive padding, in the input after what negative padding cuts. */
const inner = (
  x: Tensor,
  shape: readonly number[],
  around: readonly (readonly [number, number])[],
  sign: 1 | -1,
): Tensor => {
  const start = x.strides.reduce(
    (sum, stride, axis) => sum + stride * Math.max(sign * around[axis]![0], 0),
    0,
  );
  return viewOf(x, shape, x.strides, x.offset + start);
};

const sides = (pad: readonly number[], ndim: number, axis: number): readonly [number, number] => {
  const k = 2 * (ndim - 1 - axis);
  return [pad[k] ?? 0, pad[k + 1] ?? 0];
};

const constantPad = (x: Tensor, sizes: readonly number[], value: number): Tensor =>
  call(constantPadOp, { x }, { pad: sizes, value });

/**
 * Pads a tensor.
 *
 * @param sizes  [left, right, top, bottom, …]: pairs from the last axis on; negative sizes crop
 * @param mode  `'constant'` (default) with `value` (default 0); `'reflect'` mirrors without repeating the edge;
 *   `'replicate'` repeats the edge; `'circular'` wraps around. The last three pad the last two axes of [N, C, H, W] or
 *   [C, H, W], or the last of [N, C, W] or [C, W].
 * @throws RuntimeError when reflected elements would lie outside, or wrap around more than once
 * @see torch.nn.functional.pad
 */
export const pad = (x: Tensor, sizes: readonly number[], mode: PadMode = 'constant', value = 0): Tensor => {
  if (sizes.length % 2 !== 0) throw new RuntimeError('Padding length must be divisible by 2');
  if (sizes.length / 2 > x.ndim) throw new RuntimeError('Padding length too large');
  if (!sizes.every(Number.isInteger))
    throw new TypeError(`pad(): argument 'pad' must be tuple of ints, not [${sizes.join(', ')}]`);
  if (mode === 'constant') return constantPad(x, sizes, value);
  const axes = sizes.length / 2;
  if (![1, 2, 3].includes(axes) || (x.ndim !== axes + 1 && x.ndim !== axes + 2)) {
    throw new NotImplementedError(
      'Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now',
    );
  }
  if (mode === 'circular' && x.ndim !== axes + 2) {
    throw new RuntimeError(
      `Invalid padding size, expected ${String(2 * (x.ndim - 2))} but got ${String(sizes.length)}`,
    );
  }
  const rule = rules[mode];
  if (rule === undefined) throw new NotImplementedError(`Unrecognised padding mode ${mode as string}`);
  // The last axis is checked and padded first, as in PyTorch.
  const padded = Array.from({ length: axes }, (_, k) => x.ndim - 1 - k);
  rule.checkSize?.(x, axes);
  for (const axis of padded) rule.check?.(x, axis, sides(sizes, x.ndim, axis));
  const shape = x.shape.map((size, axis) => {
    const [before, after] = sides(sizes, x.ndim, axis);
    return size + before + after;
  });
  const negative = shape.find((size) => size < 0);
  if (negative !== undefined) {
    throw new RuntimeError(
      mode === 'circular'
        ? 'Negative padding value is resulting in an empty dimension'
        : `Trying to create tensor with negative dimension ${String(negative)}: [${shape.join(', ')}]`,
    );
  }
  const extended = (result: Tensor, axis: number): Tensor => {
    const [before, after] = sides(sizes, x.ndim, axis);
    if (before === 0 && after === 0) return result;
    const n = x.shape[axis]!;
    const length = shape[axis]!;
    const positions = BigInt64Array.from({ length }, (_, k) => BigInt(rule.source(k - before, n)));
    return result.indexSelect(axis, tensor(positions, { device: x.device }));
  };
  return roundedOnce([x], (wide) => padded.reduce(extended, wide));
};

interface Rule {
  /** Which element stands at position t of an axis of size n, t possibly outside 0 … n − 1. */
  source(t: number, n: number): number;
  /** Refuses tensors without elements to take; `axes` are padded. */
  checkSize?(x: Tensor, axes: number): void;
  check?(x: Tensor, axis: number, around: readonly [number, number]): void;
}

const ranks = (axes: number): string => `${String(axes + 1)}D or ${String(axes + 2)}D (batch mode)`;

const rules: Readonly<Record<Exclude<PadMode, 'constant'>, Rule>> = {
  reflect: {
    source: (t, n) => (t < 0 ? -t : t >= n ? 2 * (n - 1) - t : t),
    checkSize(x, axes) {
      if (!x.shape.slice(1).includes(0)) return;
      throw new RuntimeError(
        `${ranks(axes)} tensor expected for input, but got: [ torch.${dtypes[x.dtype].scalarType}Tensor{${x.shape.join(',')}} ]`,
      );
    },
    check(x, axis, around) {
      const n = x.shape[axis]!;
      if (around[0] < n && around[1] < n) return;
      const argument = 4 + 2 * (x.ndim - 1 - axis);
      throw new RuntimeError(
        `Argument #${String(argument)}: Padding size should be less than the corresponding input dimension, but got: padding (${around.join(', ')}) at dimension ${String(axis)} of input ${String(x.ndim)}`,
      );
    },
  },
  replicate: {
    source: (t, n) => Math.min(Math.max(t, 0), n - 1),
    checkSize(x, axes) {
      const batched = x.ndim === axes + 2;
      if (!x.shape.slice(batched ? 1 : 0).includes(0)) return;
      throw new RuntimeError(
        `Expected ${ranks(axes)} tensor with possibly 0 batch size and other non-zero dimensions for input, but got: [${x.shape.join(', ')}]`,
      );
    },
  },
  circular: {
    source: (t, n) => ((t % n) + n) % n,
    check(x, axis, around) {
      const n = x.shape[axis]!;
      if (around[0] > n || around[1] > n)
        throw new RuntimeError('Padding value causes wrapping around more than once.');
    },
  },
};
