/** Initial values, drawn from PyTorch's generator as PyTorch draws them. @see torch.nn.init */
import { noGrad } from '../autograd/mode.ts';
import { ValueError } from '../errors.ts';
import type { Generator } from '../tensor/random/generator.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface GeneratorOption {
  /** Default: the generator that `manualSeed` seeds. */
  readonly generator?: Generator | undefined;
}

export type Nonlinearity =
  'linear' | 'conv1d' | 'conv2d' | 'conv3d' | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'selu';
export type FanMode = 'fan_in' | 'fan_out';

/** The factor that keeps variance through a nonlinearity. `slope` is that of leaky_relu, default 0.01. */
export const calculateGain = (nonlinearity: Nonlinearity, slope = 0.01): number => {
  switch (nonlinearity) {
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.sqrt(2);
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + slope ** 2));
    case 'selu':
      return 3 / 4;
    default:
      throw new ValueError(`Unsupported nonlinearity ${String(nonlinearity satisfies never)}`);
  }
};

/** Inputs and outputs of one unit of a weight [out, in, …]. @throws ValueError below two axes */
export const calculateFanInAndFanOut = (tensor: Tensor): { fanIn: number; fanOut: number } => {
  if (tensor.ndim < 2) {
    throw new ValueError('Fan in and fan out can not be computed for tensor with fewer than 2 dimensions');
  }
  const [out, inputs, ...kernel] = tensor.shape as [number, number, ...number[]];
  const field = kernel.reduce((n, size) => n * size, 1);
  return { fanIn: inputs * field, fanOut: out * field };
};

const fanOf = (tensor: Tensor, mode: FanMode): number => {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  if (mode === 'fan_in') return fanIn;
  if (mode === 'fan_out') return fanOut;
  throw new ValueError(
    `Mode ${String(mode satisfies never)} not supported, please use one of ['fan_in', 'fan_out']`,
  );
};

/** Fills from U(low, high). */
export const uniform_ = (tensor: Tensor, low = 0, high = 1, { generator }: GeneratorOption = {}): Tensor =>
  noGrad(() => tensor.uniform_(low, high, { generator }));
/** Fills from N(mean, std²). */
export const normal_ = (tensor: Tensor, mean = 0, std = 1, { generator }: GeneratorOption = {}): Tensor =>
  noGrad(() => tensor.normal_(mean, std, { generator }));
export const constant_ = (tensor: Tensor, value: number): Tensor => noGrad(() => tensor.fill_(value));
export const zeros_ = (tensor: Tensor): Tensor => constant_(tensor, 0);
export const ones_ = (tensor: Tensor): Tensor => constant_(tensor, 1);

/** A matrix with ones on its diagonal. */
export const eye_ = (tensor: Tensor): Tensor => {
  if (tensor.ndim !== 2) throw new ValueError('Only tensors with 2 dimensions are supported');
  const [rows, columns] = tensor.shape as [number, number];
  return noGrad(() => {
    tensor.zero_();
    tensor.asStrided([Math.min(rows, columns)], [tensor.strides[0]! + tensor.strides[1]!]).fill_(1);
    return tensor;
  });
};

/** U(−a, a), a = gain · √(6 / (fanIn + fanOut)). @see Glorot & Bengio 2010 */
export const xavierUniform_ = (tensor: Tensor, gain = 1, options: GeneratorOption = {}): Tensor => {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  const std = gain * Math.sqrt(2 / (fanIn + fanOut));
  const bound = Math.sqrt(3) * std;
  return uniform_(tensor, -bound, bound, options);
};
/** N(0, gain² · 2 / (fanIn + fanOut)). @see Glorot & Bengio 2010 */
export const xavierNormal_ = (tensor: Tensor, gain = 1, options: GeneratorOption = {}): Tensor => {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor);
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options);
};

export interface KaimingOptions extends GeneratorOption {
  /** Slope of the rectifier behind the layer. Default 0. */
  readonly a?: number;
  /** Default `'fan_in'`. */
  readonly mode?: FanMode;
  /** Default `'leaky_relu'`. */
  readonly nonlinearity?: Nonlinearity;
}

/** U(−b, b), b = gain · √(3 / fan), evaluated in PyTorch's order. @see He et al. 2015, arXiv:1502.01852 */
export const kaimingUniform_ = (
  tensor: Tensor,
  { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu', generator }: KaimingOptions = {},
): Tensor => {
  if (tensor.shape.includes(0)) return emptyTensor(tensor);
  const std = calculateGain(nonlinearity, a) / Math.sqrt(fanOf(tensor, mode));
  const bound = Math.sqrt(3) * std;
  return uniform_(tensor, -bound, bound, { generator });
};
/** N(0, gain² / fan). @see He et al. 2015, arXiv:1502.01852 */
export const kaimingNormal_ = (
  tensor: Tensor,
  { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu', generator }: KaimingOptions = {},
): Tensor => {
  if (tensor.shape.includes(0)) return emptyTensor(tensor);
  return normal_(tensor, 0, calculateGain(nonlinearity, a) / Math.sqrt(fanOf(tensor, mode)), { generator });
};

const emptyTensor = (tensor: Tensor): Tensor => {
  console.warn('Initializing zero-element tensors is a no-op');
  return tensor;
};

/** Keeps channels as they are: ones at the kernel's middle. For weights of 3, 4 or 5 axes. */
export const dirac_ = (tensor: Tensor, groups = 1): Tensor => {
  if (![3, 4, 5].includes(tensor.ndim))
    throw new ValueError('Only tensors with 3, 4, or 5 dimensions are supported');
  const [out, inputs, ...kernel] = tensor.shape as [number, number, ...number[]];
  if (out % groups !== 0) throw new ValueError('dim 0 must be divisible by groups');
  const perGroup = out / groups;
  return noGrad(() => {
    tensor.zero_();
    for (let group = 0; group < groups; group++) {
      for (let channel = 0; channel < Math.min(perGroup, inputs); channel++) {
        const middle = kernel.reduce(
          (t, size) => t.select(0, Math.floor(size / 2)),
          tensor.select(0, group * perGroup + channel).select(0, channel),
        );
        middle.fill_(1);
      }
    }
    return tensor;
  });
};
