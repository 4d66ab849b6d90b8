/** Elements picked by tensors of positions or of truth values. */
import { call, callInPlace, defineOp } from '../autograd/op.ts';
import { dtypes } from '../dtype.ts';
import { IndexError, RuntimeError } from '../errors.ts';
import { allocate, tensor } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { elementReader } from '../tensor/host.ts';
import { normalizeAxis, type Tensor } from '../tensor/tensor.ts';
import { broadcastShapes } from './pointwise.ts';

export const indexSelectOp = defineOp<
  { readonly x: Tensor; readonly index: Tensor },
  { readonly axis: number }
>({
  name: 'index_select',
  node: 'IndexSelectBackward0',
  saves: ['index'],
  forward: ({ x, index }, { axis }) => {
    const out = allocate(x.shape.with(axis, index.numel()), x.dtype, x.device);
    backendOf(x.device).indexSelect(out, x, axis, index);
    return out;
  },
  backward: (grad, { index }, { axis }, { x }) => ({
    x: () => call(indexedIntoOp, { grad, index }, { shape: x.shape, axis }),
  }),
  samples: [
    { inputs: { x: [3, 4], index: { shape: [5], dtype: 'int64', low: 0, high: 4 } }, params: { axis: 1 } },
  ],
});

/** Zeros with the slices of `grad` added where `index` says. */
export const indexedIntoOp = defineOp<
  { readonly grad: Tensor; readonly index: Tensor },
  { readonly shape: readonly number[]; readonly axis: number }
>({
  name: 'indexed_into',
  node: 'IndexSelectBackwardBackward0',
  saves: ['index'],
  forward: ({ grad, index }, { shape, axis }) => {
    const out = allocate(shape, grad.dtype, grad.device);
    const backend = backendOf(grad.device);
    backend.fill(out, 0);
    backend.indexAdd(out, axis, index, grad);
    return out;
  },
  backward: (cotangent, { index }, { axis }) => ({ grad: () => cotangent.indexSelect(axis, index) }),
  samples: [
    {
      inputs: { grad: [3, 5], index: { shape: [5], dtype: 'int64', low: 0, high: 4 } },
      params: { shape: [3, 4], axis: 1 },
    },
  ],
});

export const gatherOp = defineOp<{ readonly x: Tensor; readonly index: Tensor }, { readonly axis: number }>({
  name: 'gather',
  node: 'GatherBackward0',
  saves: ['index'],
  forward: ({ x, index }, { axis }) => {
    const out = allocate(index.shape, x.dtype, x.device);
    backendOf(x.device).gather(out, x, axis, index);
    return out;
  },
  backward: (grad, { index }, { axis }, { x }) => ({ x: () => grad.scatteredInto(x.shape, axis, index) }),
  samples: [
    { inputs: { x: [3, 4], index: { shape: [2, 5], dtype: 'int64', low: 0, high: 4 } }, params: { axis: 1 } },
  ],
});

export const scatteredIntoOp = defineOp<
  { readonly grad: Tensor; readonly index: Tensor },
  { readonly shape: readonly number[]; readonly axis: number }
>({
  name: 'scattered_into',
  node: 'GatherBackwardBackward0',
  saves: ['index'],
  forward: ({ grad, index }, { shape, axis }) => {
    const out = allocate(shape, grad.dtype, grad.device);
    const backend = backendOf(grad.device);
    backend.fill(out, 0);
    backend.scatterAdd(out, axis, index, grad);
    return out;
  },
  backward: (cotangent, { index }, { axis }) => ({ grad: () => cotangent.gather(axis, index) }),
  samples: [
    {
      inputs: { grad: [2, 5], index: { shape: [2, 5], dtype: 'int64', low: 0, high: 4 } },
      params: { shape: [3, 4], axis: 1 },
    },
  ],
});

export const scatterAddOp = defineOp<
  { readonly x: Tensor; readonly index: Tensor; readonly source: Tensor },
  { readonly axis: number }
>({
  name: 'scatter_add',
  node: 'ScatterAddBackward0',
  saves: ['index'],
  forward: ({ x, index, source }, { axis }, into) => {
    const out = into ?? allocate(x.shape, x.dtype, x.device);
    const backend = backendOf(x.device);
    if (!into) backend.copy(out, x);
    backend.scatterAdd(out, axis, index, source);
    return out;
  },
  backward: (grad, { index }, { axis }) => ({ x: () => grad, source: () => grad.gather(axis, index) }),
  samples: [
    {
      inputs: { x: [3, 4], index: { shape: [2, 5], dtype: 'int64', low: 0, high: 4 }, source: [2, 5] },
      params: { axis: 1 },
    },
  ],
});

/** @throws RuntimeError when the table is not of int64 */
const checkLong = (name: string, index: Tensor): void => {
  if (index.dtype !== 'int64') throw new RuntimeError(`${name}(): Expected dtype int64 for index`);
};

/** The first extreme position outside an axis of `size`; null when all lie within. */
const outside = (index: Tensor, size: number): number | null => {
  if (index.numel() === 0) return null;
  return [index.min().item(), index.max().item()].find((extreme) => extreme < 0 || extreme >= size) ?? null;
};

/** The slices of an axis that `index` (int64, 1-D) names, in its order. */
export const indexSelect = (x: Tensor, axis: number, index: Tensor): Tensor => {
  if (index.ndim > 1) throw new IndexError('index_select(): Index is supposed to be a vector');
  const along = normalizeAxis(axis, x.ndim);
  if (x.ndim === 0) return indexSelect(x.unsqueeze(0), 0, index).view([]);
  checkLong('index_select', index);
  const size = x.shape[along]!;
  const bad = outside(index, size);
  if (bad !== null) {
    throw new IndexError(
      `index_select(): index ${String(bad)} is out of bounds for dimension ${String(along)} with size ${String(size)}`,
    );
  }
  return call(indexSelectOp, { x, index: index.reshape(-1) }, { axis: along });
};

const checkGather = (name: string, x: Tensor, axis: number, index: Tensor): void => {
  if (index.ndim !== x.ndim)
    throw new RuntimeError('Index tensor must have the same number of dimensions as input tensor');
  if (index.shape.some((size, k) => k !== axis && size > x.shape[k]!)) {
    throw new RuntimeError(
      `Size does not match at dimension ${String(index.shape.findIndex((size, k) => k !== axis && size > x.shape[k]!))} expected index [${index.shape.join(', ')}] to be smaller than self [${x.shape.join(', ')}] apart from dimension ${String(axis)}`,
    );
  }
  checkLong(name, index);
  const bad = outside(index, x.shape[axis]!);
  if (bad !== null) {
    throw new RuntimeError(
      `index ${String(bad)} is out of bounds for dimension ${String(axis)} with size ${String(x.shape[axis])}`,
    );
  }
};

/** out[i][j] = x[index[i][j]][j] along axis 0, and likewise along others. @see torch.gather */
export const gather = (x: Tensor, axis: number, index: Tensor): Tensor => {
  const along = normalizeAxis(axis, x.ndim);
  checkGather('gather', x, along, index);
  return call(gatherOp, { x, index }, { axis: along });
};

/** Zeros of `shape` with this tensor's elements added where `index` says: gather's gradient. */
export const scatteredInto = (grad: Tensor, shape: readonly number[], axis: number, index: Tensor): Tensor =>
  call(scatteredIntoOp, { grad, index }, { shape, axis: normalizeAxis(axis, shape.length) });

/** x with source[i][j] added at x[index[i][j]][j] along axis 0, and likewise along others. @see torch.scatter_add */
export const scatterAdd = (x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor => {
  const along = checkScatter(x, axis, index, source);
  return call(scatterAddOp, { x, index, source }, { axis: along });
};
export const scatterAdd_ = (x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor => {
  const along = checkScatter(x, axis, index, source);
  return callInPlace(scatterAddOp, x, { x, index, source }, { axis: along });
};
const checkScatter = (x: Tensor, axis: number, index: Tensor, source: Tensor): number => {
  const along = normalizeAxis(axis, x.ndim);
  checkGather('scatter', x, along, index);
  if (source.dtype !== x.dtype)
    throw new RuntimeError('scatter(): Expected self.dtype to be equal to src.dtype');
  if (source.ndim !== index.ndim || index.shape.some((size, k) => size > source.shape[k]!)) {
    throw new RuntimeError(
      `Expected index [${index.shape.join(', ')}] to be smaller than self [${x.shape.join(', ')}] apart from dimension ${String(along)} and to be smaller size than src [${source.shape.join(', ')}]`,
    );
  }
  return along;
};

/** Positions (int64) of the elements that are not zero: [count, ndim]. */
export const nonzero = (x: Tensor): Tensor => {
  const flat = flatNonzero(x);
  const columns = x.ndim;
  const positions = new BigInt64Array(flat.length * columns);
  flat.forEach((index, row) => {
    let rest = index;
    for (let axis = columns - 1; axis >= 0; axis--) {
      const size = x.shape[axis]!;
      positions[row * columns + axis] = BigInt(rest % size);
      rest = Math.floor(rest / size);
    }
  });
  return tensor(positions, { shape: [flat.length, columns], device: x.device });
};

const flatNonzero = (x: Tensor): number[] => {
  const read = elementReader(x.detach());
  const found: number[] = [];
  for (let k = 0; k < x.numel(); k++) {
    const value = read(k);
    if (value !== 0 && value !== 0n && value !== false) found.push(k);
  }
  return found;
};

/** The elements where a bool mask (broadcast) is set, in row-major order. */
export const maskedSelect = (x: Tensor, mask: Tensor): Tensor => {
  if (mask.dtype !== 'bool' && mask.dtype !== 'uint8')
    throw new RuntimeError('masked_select: expected BoolTensor or ByteTensor for mask');
  const shape = broadcastShapes(x.shape, mask.shape);
  const positions = flatNonzero(mask.expand(shape));
  return indexSelect(
    x.expand(shape).reshape(-1),
    0,
    tensor(BigInt64Array.from(positions, BigInt), { device: x.device }),
  );
};

/** Elements by position in row-major order; negative positions count from the end. @see torch.take */
export const take = (x: Tensor, index: Tensor): Tensor => {
  const wrapped = index.add(index.lt(0).to('int64').mul(x.numel()));
  return indexSelect(x.reshape(-1), 0, wrapped.reshape(-1)).reshape(index.shape);
};

/** What stands for one axis between the brackets of `x[…]`. */
export type IndexItem =
  number | null | '...' | Tensor | { readonly start?: number; readonly end?: number; readonly step?: number };

/**
 * `x[…]` of PyTorch. A number picks a position and drops the axis; `{ start, end, step }` a range, `{}` all; `null` makes a
 * new axis; `'...'` stands for all axes not named; an int64 tensor picks positions, a bool tensor where it is set.
 * Several tensors broadcast together, and their axes come where the first was if they are neighbours, else in front.
 *
 *     x.index(0)   x.index({ start: 1 }, '...', -1)   x.index(rows, columns)   x.index(x.gt(0))
 */
export const index = (x: Tensor, ...items: IndexItem[]): Tensor => {
  const named = items.reduce<number>(
    (n, item) => n + (item === null || item === '...' ? 0 : isMask(item) ? item.ndim : 1),
    0,
  );
  if (named > x.ndim) throw new IndexError(`too many indices for tensor of dimension ${String(x.ndim)}`);
  const rest = Array.from({ length: x.ndim - named }, (): IndexItem => ({}));
  const dots = items.indexOf('...');
  const full = dots < 0 ? [...items, ...rest] : items.toSpliced(dots, 1, ...rest);
  if (full.includes('...')) throw new IndexError("an index can only have a single ellipsis ('...')");
  let result = x;
  let axis = 0;
  // The axis of x that comes next: texts name axes as x has them.
  let own = 0;
  const positions: Positions[] = [];
  for (const item of full) {
    if (typeof item === 'number') result = selectWithText(result, axis, item, own++);
    else if (item === null) result = result.unsqueeze(axis++);
    else if (isMask(item)) {
      checkMask(item, result, axis);
      const found = nonzero(item);
      for (let k = 0; k < item.ndim; k++)
        positions.push({ axis: axis++, own: own++, index: found.select(1, k) });
    } else if (isTensor(item)) positions.push({ axis: axis++, own: own++, index: item });
    else if (typeof item === 'object') {
      result = result.slice(axis++, item.start, item.end, item.step);
      own++;
    }
  }
  return positions.length === 0 ? result : pick(result, positions);
};

const isTensor = (item: IndexItem): item is Tensor =>
  typeof item === 'object' && item !== null && 'data_' in item;
const isMask = (item: IndexItem): item is Tensor =>
  isTensor(item) && (item.dtype === 'bool' || item.dtype === 'uint8');

const checkMask = (mask: Tensor, x: Tensor, axis: number): void => {
  mask.shape.forEach((size, k) => {
    if (size !== x.shape[axis + k]) {
      throw new IndexError(
        `The shape of the mask [${mask.shape.join(', ')}] at index ${String(k)} does not match the shape of the indexed tensor [${x.shape.join(', ')}] at index ${String(axis + k)}`,
      );
    }
  });
};

const selectWithText = (x: Tensor, axis: number, position: number, own: number): Tensor => {
  const size = x.shape[axis]!;
  if (position < -size || position >= size) {
    throw new IndexError(
      `index ${String(position)} is out of bounds for dimension ${String(own)} with size ${String(size)}`,
    );
  }
  return x.select(axis, position);
};

/** A table of positions on an axis, which is axis `own` of the tensor that the user indexes. */
interface Positions {
  readonly axis: number;
  readonly own: number;
  readonly index: Tensor;
}

/** The shape to which tables of positions broadcast. */
const indexShape = (shapes: readonly (readonly number[])[]): readonly number[] => {
  try {
    return shapes.reduce(broadcastShapes);
  } catch {
    const list = shapes.map((shape) => `[${shape.join(', ')}]`).join(', ');
    throw new IndexError(
      `shape mismatch: indexing tensors could not be broadcast together with shapes ${list}`,
    );
  }
};

/** Advanced indexing: the named axes become one, of which flat positions are taken. */
const pick = (x: Tensor, positions: readonly Positions[]): Tensor => {
  const axes = positions.map((p) => p.axis);
  const others = x.shape.map((_, k) => k).filter((k) => !axes.includes(k));
  const shape = indexShape(positions.map((p) => p.index.shape));
  let flat: Tensor | null = null;
  for (const { axis, own, index: given } of positions) {
    const size = x.shape[axis]!;
    if (dtypes[given.dtype].category !== 'integer') {
      throw new IndexError('tensors used as indices must be long, byte or bool tensors');
    }
    const long = given.to('int64');
    const wrapped = long.add(long.lt(0).to('int64').mul(size));
    if (wrapped.numel() > 0 && (wrapped.min().item() < 0 || wrapped.max().item() >= size)) {
      const bad = wrapped.min().item() < 0 ? long.min().item() : long.max().item();
      throw new IndexError(
        `index ${String(bad)} is out of bounds for dimension ${String(own)} with size ${String(size)}`,
      );
    }
    flat = flat === null ? wrapped : flat.mul(size).add(wrapped);
  }
  const joined = axes.reduce((n, axis) => n * x.shape[axis]!, 1);
  const rows = x.permute([...axes, ...others]).reshape([joined, ...others.map((k) => x.shape[k]!)]);
  const picked = rows
    .indexSelect(0, flat!.expand(shape).reshape(-1))
    .reshape([...shape, ...others.map((k) => x.shape[k]!)]);
  const neighbours = axes.every((axis, k) => k === 0 || axis === axes[k - 1]! + 1);
  const front = neighbours ? others.filter((k) => k < axes[0]!).length : 0;
  if (front === 0) return picked;
  // The picked axes move behind the axes that stood before them.
  const count = shape.length;
  const order = [
    ...Array.from({ length: front }, (_, k) => count + k),
    ...Array.from({ length: count }, (_, k) => k),
    ...Array.from({ length: others.length - front }, (_, k) => count + front + k),
  ];
  return picked.permute(order);
};
