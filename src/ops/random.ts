/**
 * Random numbers: PyTorch's, bit for bit, for the same seed. They are drawn on the CPU, in the order of memory.
 * The gradient of what is overwritten is 0.
 */
import { call, callInPlace, defineOp, type Op } from '../autograd/op.ts';
import { isContiguous } from '../device/view.ts';
import type { DType } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import {
  allocate,
  allocateLike,
  allocateOrdered,
  empty,
  tensor,
  zerosLike,
  type TensorOptions,
} from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { rawWindow } from '../tensor/host.ts';
import { checkNoInternalOverlap, denseOrder, memoryOrder } from '../tensor/layout.ts';
import {
  bernoulliFill,
  defaultGenerator,
  normalFill,
  randintFill,
  randperm as permutation,
  uniformFill,
  type ArrayOf,
  type Generator,
} from '../tensor/random/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { broadcastView, refuse } from './pointwise.ts';

export interface GeneratorOptions {
  /** Where the numbers come from. Default: the generator that `manualSeed` seeds. */
  readonly generator?: Generator | null | undefined;
}
export type RandomOptions = TensorOptions & GeneratorOptions;

type X = { readonly x: Tensor };
type Elements = ArrayOf[DType];

/** Starts the default generator again from a seed, an integer in −2⁶³ … 2⁶⁴ − 1. @see torch.manual_seed */
export const manualSeed = (seed: number | bigint): Generator => defaultGenerator.manualSeed(seed);

/** The elements' memory, in its order, given to `draw`; in between where it has gaps. */
const fillInMemoryOrder = (x: Tensor, draw: (elements: Elements) => void): void => {
  checkNoInternalOverlap(x);
  if (denseOrder(x) !== null) {
    const { storage, dtype, offset } = x;
    draw(rawWindow({ storage, dtype, offset, shape: [x.numel()], strides: [1] }));
    return;
  }
  const packed = allocateOrdered(x.shape, memoryOrder(x), x.dtype, x.device);
  draw(rawWindow(packed));
  backendOf(x.device).copy(x, packed);
};

interface Filling {
  /** Draws elements of the dtype. `contiguous`: they are the tensor's in row-major order. */
  readonly draw: (elements: Elements, dtype: DType, contiguous: boolean) => void;
}
const filling = (name: string, node: string): Op<X, Filling> =>
  defineOp<X, Filling>({
    name,
    node,
    saves: [],
    forward: ({ x }, { draw }, into = x) => {
      fillInMemoryOrder(into, (elements) => draw(elements, into.dtype, isContiguous(into)));
      return into;
    },
    backward: (grad) => ({ x: () => zerosLike(grad) }),
    samples: [],
  });
const uniformOp = filling('uniform_', 'UniformBackward0');
const normalOp = filling('normal_', 'NormalBackward0');
const randomOp = filling('random_', 'RandomBackward0');
const bernoulliOp = filling('bernoulli_', 'BernoulliBackward2');
const bernoulliByTensorOp = filling('bernoulli_', 'BernoulliBackward1');

const chosen = (generator: Generator | null | undefined): Generator => generator ?? defaultGenerator;

/**
 * Uniform numbers in [from, to), by default in [0, 1).
 *
 * @throws RuntimeError when from > to, or the dtype is no float
 * @see torch.Tensor.uniform_
 */
export const uniform_ = (x: Tensor, from = 0, to = 1, { generator }: GeneratorOptions = {}): Tensor =>
  callInPlace(
    uniformOp,
    x,
    { x },
    { draw: (elements, dtype) => uniformFill(elements as never, dtype, from, to, chosen(generator)) },
  );

/**
 * Normal numbers of the given mean (default 0) and standard deviation (default 1).
 *
 * @throws RuntimeError when std is negative, or the dtype is no float
 * @see torch.Tensor.normal_
 */
export const normal_ = (x: Tensor, mean = 0, std = 1, { generator }: GeneratorOptions = {}): Tensor =>
  callInPlace(
    normalOp,
    x,
    { x },
    {
      draw: (elements, dtype, contiguous) =>
        normalFill(elements as never, dtype, mean, std, chosen(generator), { contiguous }),
    },
  );

/** Integers from `low` to `high` − 1. @throws RuntimeError when there are none, or the dtype cannot hold them */
export const random_ = (
  x: Tensor,
  low: number | bigint,
  high: number | bigint,
  { generator }: GeneratorOptions = {},
): Tensor =>
  callInPlace(
    randomOp,
    x,
    { x },
    { draw: (elements, dtype) => randintFill(elements as never, dtype, low, high, chosen(generator)) },
  );

/**
 * 1 with probability p, else 0.
 *
 * @param p  in [0, 1], a number (default 0.5) or a float tensor that broadcasts to x's shape
 * @throws RuntimeError when a probability is outside [0, 1]
 * @see torch.Tensor.bernoulli_
 */
export const bernoulli_ = (
  x: Tensor,
  p: number | Tensor = 0.5,
  { generator }: GeneratorOptions = {},
): Tensor => {
  if (typeof p === 'number') {
    return callInPlace(
      bernoulliOp,
      x,
      { x },
      { draw: (elements, dtype) => bernoulliFill(elements as never, dtype, p, chosen(generator)) },
    );
  }
  const probabilities = probabilitiesFor(x, p);
  return callInPlace(
    bernoulliByTensorOp,
    x,
    { x },
    { draw: (elements, dtype) => toss(elements, dtype, probabilities, chosen(generator)) },
  );
};

/** The probability of each element of x, in the order of x's memory. */
const probabilitiesFor = (x: Tensor, p: Tensor): Float32Array | Float64Array => {
  refuse('bernoulli_tensor_cpu_p_', p.dtype, ['bool', 'integer']);
  const dtype = p.dtype === 'float64' ? 'float64' : 'float32';
  const packed = allocateOrdered(x.shape, memoryOrder(x), dtype, x.device);
  backendOf(x.device).copy(packed, broadcastView(p, x.shape));
  const flat = { ...packed.data_, shape: [x.numel()], strides: [1] };
  const probabilities = (rawWindow(flat) as Float32Array | Float64Array).slice();
  if (probabilities.some((probability) => !(probability >= 0 && probability <= 1))) {
    throw new RuntimeError(
      'Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)',
    );
  }
  return probabilities;
};

/** A uniform number of the probabilities' own precision is compared with each. */
const toss = (
  elements: Elements,
  dtype: DType,
  probabilities: Float32Array | Float64Array,
  generator: Generator,
): void => {
  const draws = probabilities.slice();
  if (draws instanceof Float64Array) uniformFill(draws, 'float64', 0, 1, generator);
  else uniformFill(draws, 'float32', 0, 1, generator);
  const one = oneOf[dtype];
  for (let k = 0; k < draws.length; k++) {
    const value = draws[k]! < probabilities[k]!;
    if (elements instanceof BigInt64Array) elements[k] = value ? 1n : 0n;
    else elements[k] = value ? one : 0;
  }
};
/** The bit pattern of 1. */
const oneOf: Readonly<Record<DType, number>> = {
  float32: 1,
  float64: 1,
  float16: 0x3c00,
  bfloat16: 0x3f80,
  int64: 1,
  int32: 1,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** A new tensor whose first elements are no change of it. */
const asMade = (x: Tensor): Tensor => {
  x.version_.value = 0;
  return x;
};

/** What is made here is filled before it may require a gradient. */
const filled = (
  shape: readonly number[],
  { requiresGrad = false, dtype, device }: RandomOptions,
  fill: (x: Tensor) => Tensor,
): Tensor => asMade(fill(empty(shape, { dtype, device }))).requiresGrad_(requiresGrad);

/** Uniform numbers in [0, 1). @see torch.rand */
export const rand = (shape: readonly number[], options: RandomOptions = {}): Tensor =>
  filled(shape, options, (x) => uniform_(x, 0, 1, options));

/** Normal numbers of mean 0 and standard deviation 1. @see torch.randn */
export const randn = (shape: readonly number[], options: RandomOptions = {}): Tensor =>
  filled(shape, options, (x) => normal_(x, 0, 1, options));

/**
 * Integers from `low` (default 0) to `high` − 1. Default dtype int64.
 *
 *     randint(10, [2, 3])   randint(-5, 5, [2, 3])
 *
 * @see torch.randint
 */
export function randint(high: number | bigint, shape: readonly number[], options?: RandomOptions): Tensor;
export function randint(
  low: number | bigint,
  high: number | bigint,
  shape: readonly number[],
  options?: RandomOptions,
): Tensor;
export function randint(
  first: number | bigint,
  second: number | bigint | readonly number[],
  third?: readonly number[] | RandomOptions,
  fourth?: RandomOptions,
): Tensor {
  const short = typeof second === 'object';
  const [low, high] = short ? [0, first] : [first, second];
  const shape = (short ? second : third) as readonly number[];
  const options = ((short ? third : fourth) ?? {}) as RandomOptions;
  return filled(shape, { ...options, dtype: options.dtype ?? 'int64' }, (x) =>
    random_(x, low, high, options),
  );
}

/** A random order of 0 … n − 1. Default dtype int64. @see torch.randperm */
export const randperm = (n: number, options: RandomOptions = {}): Tensor => {
  const { generator, dtype = 'int64', ...rest } = options;
  return tensor(permutation(n, chosen(generator)), { ...rest, dtype });
};

/** Shape, memory order and, unless told otherwise, dtype and device of a model. */
const filledLike = (
  model: Tensor,
  { requiresGrad = false, dtype = model.dtype }: RandomOptions,
  fill: (x: Tensor) => Tensor,
): Tensor => asMade(fill(allocateLike(model, 'preserve_format', dtype))).requiresGrad_(requiresGrad);

/** Uniform numbers in [0, 1) in the shape of a tensor. @see torch.rand_like */
export const randLike = (model: Tensor, options: RandomOptions = {}): Tensor =>
  filledLike(model, options, (x) => uniform_(x, 0, 1, options));
/** Normal numbers in the shape of a tensor. @see torch.randn_like */
export const randnLike = (model: Tensor, options: RandomOptions = {}): Tensor =>
  filledLike(model, options, (x) => normal_(x, 0, 1, options));

export const bernoulliSampleOp = defineOp<{ readonly p: Tensor }, { readonly generator: Generator }>({
  name: 'bernoulli',
  node: 'BernoulliBackward0',
  saves: [],
  forward: ({ p }, { generator }) =>
    asMade(bernoulli_(allocate(p.shape, p.dtype, p.device), p, { generator })),
  backward: (grad) => ({ p: () => zerosLike(grad) }),
  samples: [],
});
/**
 * 1 with the probability that stands in `p`, else 0, in p's dtype.
 *
 * @throws RuntimeError when a probability is outside [0, 1], or the dtype is no float
 * @see torch.bernoulli
 */
export const bernoulli = (p: Tensor, { generator }: GeneratorOptions = {}): Tensor =>
  call(bernoulliSampleOp, { p }, { generator: chosen(generator) });
