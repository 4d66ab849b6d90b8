/** Many elements to one: over all axes or some, kept as size 1 or dropped. */
import { call, defineOp } from '../autograd/op.ts';
import type { Reduction } from '../device/backend.ts';
import { elementCount } from '../device/view.ts';
import { dtypes, widened, type DType } from '../dtype.ts';
import { IndexError, RuntimeError } from '../errors.ts';
import { allocate, copyOf, onesLike, zerosLike } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { normalizeAxis, sameShape, type Tensor } from '../tensor/tensor.ts';
import { stack } from './copies.ts';
import { roundedOnce } from './rounded-once.ts';

type X = { readonly x: Tensor };

/** Axes to reduce: one, several, or (null, absent, empty) all. */
export type Axes = number | readonly number[] | null;

interface Reduce {
  /** Ascending. */
  readonly axes: readonly number[];
  readonly keepdim: boolean;
  readonly dtype: DType;
}

/** @throws RuntimeError when an axis is named twice */
const axesOf = (axes: Axes | undefined, ndim: number): readonly number[] => {
  const list = axes === null || axes === undefined ? [] : typeof axes === 'number' ? [axes] : axes;
  if (list.length === 0) return Array.from({ length: ndim }, (_, k) => k);
  if (ndim === 0) {
    for (const axis of list) normalizeAxis(axis, 0);
    return [];
  }
  const found = list.map((axis) => normalizeAxis(axis, ndim)).sort((a, b) => a - b);
  const twice = found.find((axis, k) => found[k + 1] === axis);
  if (twice !== undefined)
    throw new RuntimeError(`dim ${String(twice)} appears multiple times in the list of dims`);
  return found;
};

const shapeWithout = (shape: readonly number[], axes: readonly number[]): number[] =>
  shape.filter((_, axis) => !axes.includes(axis));
const shapeKept = (shape: readonly number[], axes: readonly number[]): number[] =>
  shape.map((size, axis) => (axes.includes(axis) ? 1 : size));

const runReduction = (reduction: Reduction, x: Tensor, { axes, keepdim, dtype }: Reduce): Tensor => {
  const out = allocate(shapeWithout(x.shape, axes), dtype, x.device);
  const backend = backendOf(x.device);
  if (axes.length === 0) backend.copy(out, x);
  else backend.reduce(reduction, out, x, axes);
  return keepdim ? out.view(shapeKept(x.shape, axes)) : out;
};

/** What was computed in a wider dtype, outside the tape. */
const rounded = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : copyOf(x, dtype));

/** A reduced tensor in the shape that broadcasts over what it was reduced from. */
const unreduced = (t: Tensor, shape: readonly number[], axes: readonly number[]): Tensor =>
  t.reshape(shapeKept(shape, axes));

const sample = {
  inputs: { x: [2, 3, 4] },
  params: { axes: [0, 2], keepdim: false, dtype: 'float64' },
} as const;

export const sumOp = defineOp<X, Reduce>({
  name: 'sum',
  node: 'SumBackward1',
  saves: [],
  forward: ({ x }, p) => runReduction('sum', x, p),
  backward: (grad, _, { axes }, { x }) => ({ x: () => unreduced(grad, x.shape, axes).expand(x.shape) }),
  samples: [sample, { ...sample, params: { ...sample.params, axes: [1], keepdim: true } }],
});

export const meanOp = defineOp<X, Reduce>({
  name: 'mean',
  node: 'MeanBackward1',
  saves: [],
  stepwise: () => true,
  forward: ({ x }, p) => {
    const sum = runReduction('sum', x, { ...p, dtype: widened(p.dtype) });
    const count = elementCount(p.axes.map((axis) => x.shape[axis]!));
    return rounded(sum.div_(count), p.dtype);
  },
  backward: (grad, _, { axes }, { x }) => ({
    x: () => {
      const count = elementCount(axes.map((axis) => x.shape[axis]!));
      return unreduced(grad.div(count), x.shape, axes).expand(x.shape);
    },
  }),
  samples: [sample],
});

export const prodOp = defineOp<X, Reduce>({
  name: 'prod',
  node: 'ProdBackward0',
  saves: ['x'],
  stepwise: () => true,
  forward: ({ x }, p) => runReduction('prod', x, p),
  // The product of all others, element by element: exact where elements are zero, too.
  backward: (grad, { x }, { axes }) => ({
    x: () => {
      if (x.numel() === 0) return zerosLike(x);
      const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
      const rows = x
        .permute([...kept, ...axes])
        .reshape([
          elementCount(shapeWithout(x.shape, axes)),
          elementCount(axes.map((axis) => x.shape[axis]!)),
        ]);
      const others = productOfOthers(rows).reshape([...kept, ...axes].map((axis) => x.shape[axis]!));
      const inverse = [...kept, ...axes].map((_, axis) => [...kept, ...axes].indexOf(axis));
      return others.permute(inverse).mul(unreduced(grad, x.shape, axes));
    },
  }),
  samples: [sample],
});

const productOfOthers = (rows: Tensor): Tensor => {
  const n = rows.shape[1]!;
  const columns = Array.from({ length: n }, (_, k) => rows.select(1, k));
  const before: Tensor[] = [];
  const after: Tensor[] = new Array<Tensor>(n);
  const one = onesLike(columns[0]!);
  let product = one;
  for (let k = 0; k < n; k++) {
    before.push(product);
    product = product.mul(columns[k]!);
  }
  product = one;
  for (let k = n - 1; k >= 0; k--) {
    after[k] = product;
    product = product.mul(columns[k]!);
  }
  return stack(
    before.map((left, k) => left.mul(after[k]!)),
    1,
  );
};
/** max or min over axes, gradients shared evenly among equals. */
const extremeOp = (name: 'amax' | 'amin', node: string) =>
  defineOp<X, Reduce>({
    name,
    node,
    saves: ['x', 'out'],
    stepwise: () => true,
    forward: ({ x }, p) => runReduction(name === 'amax' ? 'max' : 'min', x, p),
    backward: (grad, { x, out }, { axes }) => ({
      x: () => {
        const equal = x.eq(unreduced(out.detach(), x.shape, axes)).to(grad.dtype);
        const count = equal.sum(axes, true);
        return equal.div(count).mul(unreduced(grad, x.shape, axes));
      },
    }),
    samples: [sample],
  });
export const amaxOp = extremeOp('amax', 'AmaxBackward0');
export const aminOp = extremeOp('amin', 'AminBackward0');

interface ArgReduce {
  readonly which: 'max' | 'min';
  readonly axis: number;
  readonly keepdim: boolean;
  /** Filled by the forward pass. */
  readonly found: { positions: Tensor | null };
}

/** The extreme along one axis; its gradient goes to where it was found. */
export const extremeAlongOp = defineOp<X, ArgReduce>({
  name: 'max.dim',
  node: 'MaxBackward0',
  saves: [],
  forward: ({ x }, { which, axis, keepdim, found }) => {
    const shape = x.shape.toSpliced(axis, 1);
    const values = allocate(shape, x.dtype, x.device);
    const positions = allocate(shape, 'int64', x.device);
    backendOf(x.device).argReduce(which, positions, values, x, axis);
    found.positions = positions.unsqueeze(axis);
    return keepdim ? values.unsqueeze(axis) : values;
  },
  backward: (grad, _, { axis, keepdim, found }, { x }) => ({
    x: () => (keepdim ? grad : grad.unsqueeze(axis)).scatteredInto(x.shape, axis, found.positions!),
  }),
  samples: [
    {
      inputs: { x: [2, 5, 3] },
      params: { which: 'max', axis: 1, keepdim: false, found: { positions: null } },
    },
  ],
});

interface Variance {
  readonly axes: readonly number[];
  readonly keepdim: boolean;
  readonly correction: number;
}

export const varOp = defineOp<X, Variance>({
  name: 'var',
  node: 'VarBackward0',
  saves: ['x'],
  stepwise: () => true,
  forward: ({ x }, { axes, keepdim, correction }) => {
    const shape = shapeWithout(x.shape, axes);
    const count = elementCount(axes.map((axis) => x.shape[axis]!));
    const compute = x.dtype === 'float64' ? 'float64' : 'float32';
    const variance = allocate(shape, compute, x.device);
    backendOf(x.device).moments(allocate(shape, compute, x.device), variance, x, axes);
    const out = variance.mul_(count / Math.max(count - correction, 0)).to(x.dtype);
    return keepdim ? out.view(shapeKept(x.shape, axes)) : out;
  },
  backward: (grad, { x }, { axes, correction }) => ({
    x: () => {
      const count = elementCount(axes.map((axis) => x.shape[axis]!));
      const centred = x.sub(x.mean(axes, true));
      return centred.mul(2 / Math.max(count - correction, 0)).mul(unreduced(grad, x.shape, axes));
    },
  }),
  samples: [{ inputs: { x: [2, 3, 4] }, params: { axes: [0, 2], keepdim: false, correction: 1 } }],
});

export const cumsumOp = defineOp<X, { axis: number; dtype: DType }>({
  name: 'cumsum',
  node: 'CumsumBackward0',
  saves: [],
  stepwise: () => true,
  forward: ({ x }, { axis, dtype }) => {
    const out = allocate(x.shape, dtype, x.device);
    if (x.ndim === 0) backendOf(x.device).copy(out, x);
    else backendOf(x.device).cumsum(out, x, axis);
    return out;
  },
  // The sum of what follows: the whole minus what comes before.
  backward: (grad, _, { axis }) => ({
    x: () => (grad.ndim === 0 ? grad : grad.sum(axis, true).sub(grad.cumsum(axis)).add(grad)),
  }),
  samples: [{ inputs: { x: [3, 4] }, params: { axis: 1, dtype: 'float64' } }],
});

/** Sums and products of integers and bools are int64. */
const sumType = (x: Tensor, dtype: DType | undefined): DType =>
  dtype ?? (dtypes[x.dtype].category === 'float' ? x.dtype : 'int64');

export interface ReduceOptions {
  /** Dtype to compute in and to return. Default: the input's; int64 for sums and products of integers and bools. */
  readonly dtype?: DType | undefined;
}

/** The sum over axes (all by default). */
export const sum = (x: Tensor, axes: Axes = null, keepdim = false, { dtype }: ReduceOptions = {}): Tensor =>
  call(sumOp, { x }, { axes: axesOf(axes, x.ndim), keepdim, dtype: sumType(x, dtype) });

/** The mean over axes (all by default). @throws RuntimeError for integers and bools */
export const mean = (
  x: Tensor,
  axes: Axes = null,
  keepdim = false,
  { dtype }: ReduceOptions = {},
): Tensor => {
  const type = dtype ?? x.dtype;
  if (dtypes[type].category !== 'float') {
    throw new RuntimeError(
      `mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: ${dtypes[type].scalarType}`,
    );
  }
  return call(meanOp, { x }, { axes: axesOf(axes, x.ndim), keepdim, dtype: type });
};

/** The product of all elements, or along one axis. */
export const prod = (
  x: Tensor,
  axis: number | null = null,
  keepdim = false,
  { dtype }: ReduceOptions = {},
): Tensor => call(prodOp, { x }, { axes: axesOf(axis, x.ndim), keepdim, dtype: sumType(x, dtype) });

const checkNotEmpty = (name: string, x: Tensor, axes: readonly number[]): void => {
  const empty = axes.find((axis) => x.shape[axis] === 0);
  if (empty === undefined) return;
  if (axes.length === x.ndim && axes.length !== 1) {
    throw new RuntimeError(
      `${name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.`,
    );
  }
  throw new IndexError(`${name}(): Expected reduction dim ${String(empty)} to have non-zero size.`);
};

/** The largest over axes; equal ones share the gradient. */
export const amax = (x: Tensor, axes: Axes = null, keepdim = false): Tensor => {
  const list = axesOf(axes, x.ndim);
  checkNotEmpty('amax', x, list);
  return call(amaxOp, { x }, { axes: list, keepdim, dtype: x.dtype });
};
export const amin = (x: Tensor, axes: Axes = null, keepdim = false): Tensor => {
  const list = axesOf(axes, x.ndim);
  checkNotEmpty('amin', x, list);
  return call(aminOp, { x }, { axes: list, keepdim, dtype: x.dtype });
};

/** Values and the positions (int64) where they were found. */
export interface ValuesAndIndices {
  readonly values: Tensor;
  readonly indices: Tensor;
}

const extremeAlong = (which: 'max' | 'min', x: Tensor, axis: number, keepdim: boolean): ValuesAndIndices => {
  if (x.ndim === 0) return { values: x.clone(), indices: x.detach().mul(0).to('int64') };
  const along = normalizeAxis(axis, x.ndim);
  checkNotEmpty(which, x, [along]);
  const found: ArgReduce['found'] = { positions: null };
  const values = call(extremeAlongOp, { x }, { which, axis: along, keepdim, found });
  return { values, indices: keepdim ? found.positions! : found.positions!.squeeze(along) };
};

/** The largest of all elements; or, given an axis, the largest along it with their positions (the first of equals). */
export function max(x: Tensor): Tensor;
export function max(x: Tensor, axis: number, keepdim?: boolean): ValuesAndIndices;
export function max(x: Tensor, axis?: number, keepdim = false): Tensor | ValuesAndIndices {
  return axis === undefined ? wholeExtreme('max', x) : extremeAlong('max', x, axis, keepdim);
}
/** As `max`, with the least. */
export function min(x: Tensor): Tensor;
export function min(x: Tensor, axis: number, keepdim?: boolean): ValuesAndIndices;
export function min(x: Tensor, axis?: number, keepdim = false): Tensor | ValuesAndIndices {
  return axis === undefined ? wholeExtreme('min', x) : extremeAlong('min', x, axis, keepdim);
}

const wholeExtreme = (which: 'max' | 'min', x: Tensor): Tensor => {
  if (x.numel() === 0) {
    throw new RuntimeError(
      `${which}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.`,
    );
  }
  return which === 'max' ? amax(x) : amin(x);
};

const argExtreme = (which: 'max' | 'min', x: Tensor, axis: number | null, keepdim: boolean): Tensor => {
  const along = axis === null ? 0 : normalizeAxis(axis, x.ndim);
  const source = axis === null ? x.detach().reshape(-1) : x.detach();
  if (source.ndim === 0) return source.mul(0).to('int64');
  if (axis === null && source.numel() === 0) {
    throw new IndexError(`arg${which}(): Expected reduction dim to be specified for input.numel() == 0.`);
  }
  checkNotEmpty(`arg${which}`, source, [along]);
  const positions = allocate(source.shape.toSpliced(along, 1), 'int64', x.device);
  backendOf(x.device).argReduce(which, positions, null, source, along);
  if (!keepdim) return positions;
  return axis === null ? positions.view(x.shape.map(() => 1)) : positions.unsqueeze(along);
};
/** Position (int64) of the largest element, in row-major order or along an axis; the first of equals. */
export const argmax = (x: Tensor, axis: number | null = null, keepdim = false): Tensor =>
  argExtreme('max', x, axis, keepdim);
export const argmin = (x: Tensor, axis: number | null = null, keepdim = false): Tensor =>
  argExtreme('min', x, axis, keepdim);

export interface VarOptions {
  /** Subtracted from the number of elements in the divisor. Default 1 (Bessel). */
  readonly correction?: number | undefined;
}
/** Variance over axes, unbiased by default. */
export const variance = (
  x: Tensor,
  axes: Axes = null,
  keepdim = false,
  { correction = 1 }: VarOptions = {},
): Tensor => {
  if (!x.isFloatingPoint())
    throw new RuntimeError('std and var only support floating point and complex dtypes');
  return call(varOp, { x }, { axes: axesOf(axes, x.ndim), keepdim, correction });
};
/** Standard deviation over axes, unbiased by default. */
export const std = (x: Tensor, axes: Axes = null, keepdim = false, options: VarOptions = {}): Tensor =>
  roundedOnce([x], (wide) => variance(wide, axes, keepdim, options).sqrt());

/**
 * The p-norm over axes: (Σ |x|^p)^(1/p); Infinity and −Infinity give the largest and least magnitude, 0 counts non-zeros.
 * Default p = 2.
 */
export const norm = (x: Tensor, p = 2, axes: Axes = null, keepdim = false): Tensor => {
  if (!x.isFloatingPoint()) {
    throw new RuntimeError(
      `norm(): input dtype should be either floating point or complex. Got ${dtypes[x.dtype].scalarType} instead.`,
    );
  }
  const list = axesOf(axes, x.ndim);
  if (p === Infinity) return amax(x.abs(), list, keepdim);
  if (p === -Infinity) return amin(x.abs(), list, keepdim);
  return call(normOp, { x }, { p, axes: list, keepdim, dtype: x.dtype });
};

export const normOp = defineOp<X, Reduce & { readonly p: number }>({
  name: 'linalg_vector_norm',
  node: 'LinalgVectorNormBackward0',
  saves: ['x', 'out'],
  stepwise: () => true,
  forward: ({ x }, { p, ...wanted }) => {
    const reduce = { ...wanted, dtype: widened(wanted.dtype) };
    const result = (): Tensor => {
      if (x.ndim === 0) return p === 0 ? x.ne(0).to(x.dtype) : x.detach().abs();
      if (p === 2) return runReduction('sumOfSquares', x, reduce).sqrt_();
      if (p === 1) return runReduction('sumOfAbs', x, reduce);
      const values = x.detach().to(reduce.dtype);
      if (p === 0) return runReduction('sum', values.ne(0), reduce);
      return runReduction('sum', values.abs().pow(p), reduce).pow_(1 / p);
    };
    return rounded(result(), wanted.dtype);
  },
  // sign(x) · (|x| / norm)^(p − 1); the subgradient is zero at zero, where that would be 0 / 0 or infinite.
  backward: (grad, { x, out }, { p, axes }) => ({
    x: () => {
      if (p === 0) return zerosLike(x);
      const given = unreduced(grad, x.shape, axes);
      if (p === 1) return x.sign().mul(given);
      const length = unreduced(out, x.shape, axes);
      const slope =
        p === 2
          ? x.div(length)
          : x.sign().mul(
              x
                .abs()
                .div(length)
                .pow(p - 1),
            );
      return slope.maskedFill(p < 1 ? x.eq(0) : length.eq(0), 0).mul(given);
    },
  }),
  samples: [
    { ...sample, params: { ...sample.params, p: 2 } },
    {
      inputs: { x: { shape: [2, 3], low: 0.5, high: 1 } },
      params: { p: 3, axes: [1], keepdim: true, dtype: 'float64' },
    },
  ],
});

const truth = (reduction: 'any' | 'all', x: Tensor, axis: number | null, keepdim: boolean): Tensor =>
  runReduction(reduction, x.detach().to('bool'), {
    axes: axesOf(axis, x.ndim),
    keepdim,
    dtype: x.dtype === 'uint8' ? 'uint8' : 'bool',
  });
/** Whether any element is not zero. */
export const any = (x: Tensor, axis: number | null = null, keepdim = false): Tensor =>
  truth('any', x, axis, keepdim);
/** Whether no element is zero. */
export const all = (x: Tensor, axis: number | null = null, keepdim = false): Tensor =>
  truth('all', x, axis, keepdim);

/** Running sums along an axis. */
export const cumsum = (x: Tensor, axis: number, { dtype }: ReduceOptions = {}): Tensor =>
  call(cumsumOp, { x }, { axis: normalizeAxis(axis, x.ndim), dtype: sumType(x, dtype) });

/** log Σ eˣ over axes, without overflow. */
export const logsumexp = (x: Tensor, axes: Axes, keepdim = false): Tensor =>
  roundedOnce([x], (wide) => {
    const list = axesOf(axes, x.ndim);
    const largest = amax(wide.detach(), list, true);
    const shift = largest.maskedFill(largest.abs().eq(Infinity), 0);
    const result = sum(wide.sub(shift).exp(), list, true).log().add(shift);
    return keepdim ? result : result.reshape(shapeWithout(x.shape, list));
  });

/** Summed to a shape that broadcasts to this tensor's. */
export const sumToSize = (x: Tensor, shape: readonly number[]): Tensor => {
  if (sameShape(x.shape, shape)) return x;
  const extra = x.ndim - shape.length;
  const fits = extra >= 0 && shape.every((size, axis) => size === 1 || size === x.shape[axis + extra]);
  if (!fits)
    throw new RuntimeError(
      `size {[${shape.join(', ')}]} is not expandable to size {[${x.shape.join(', ')}]}.`,
    );
  const axes = x.shape.flatMap((size, axis) =>
    axis < extra || (shape[axis - extra] === 1 && size !== 1) ? [axis] : [],
  );
  return sum(x, axes, true).reshape(shape);
};
