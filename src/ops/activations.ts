/**
 * Activation functions. Each gradient is one pass over the elements. Where a function consists of straight pieces its
 * gradient is an op like it; where it is curved, the pass is replaced by tensor operations when the gradient is itself
 * recorded, so that derivatives of any order follow from them.
 */
import { isGradEnabled } from '../autograd/mode.ts';
import { call, callInPlace, defineOp, type Op } from '../autograd/op.ts';
import type { Expression } from '../device/backend.ts';
import { dtypes, widened, type Category } from '../dtype.ts';
import { RuntimeError, ValueError } from '../errors.ts';
import * as math from '../kernels/math/index.ts';
import { allocate, zerosLike } from '../tensor/create.ts';
import { nearestHalf } from '../tensor/scalar.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { where } from './compare.ts';
import { mapOperands, refuse } from './pointwise.ts';
import { bernoulli_, type GeneratorOptions } from './random.ts';
import { roundedOnce } from './rounded-once.ts';

type X = { readonly x: Tensor };
type GradAndX = { readonly grad: Tensor; readonly x: Tensor };
/** The numbers that an expression takes after its tensors. */
type Numbers = readonly number[];
type Activation = Op<X, Numbers>;
type Gradient = (grad: Tensor, x: Tensor, ...numbers: number[]) => Tensor;

interface Formula {
  readonly name: string;
  readonly node: string;
  readonly expression: Expression;
  /** Numbers for the gradient test. */
  readonly numbers?: Numbers;
  readonly check: (x: Tensor, ...numbers: number[]) => void;
  readonly gradient: Gradient;
  /** Whether the gradient is made from the result, so that the input need not be kept. */
  readonly fromResult?: boolean;
}

const activation = ({
  name,
  node,
  expression,
  numbers: sampled = [],
  check,
  gradient,
  fromResult = false,
}: Formula): Activation =>
  defineOp<X, Numbers>({
    name,
    node,
    saves: [fromResult ? 'out' : 'x'],
    forward: ({ x }, numbers, into) => {
      check(x, ...numbers);
      return mapOperands(expression, [x], { dtype: x.dtype, scalars: numbers, into });
    },
    backward: (grad, { x, out }, numbers) => ({ x: () => gradient(grad, fromResult ? out : x, ...numbers) }),
    samples: [{ inputs: { x: { shape: [4, 5], low: -4, high: 4 } }, params: sampled }],
  });

const applied = (op: Activation, x: Tensor, ...numbers: number[]): Tensor => call(op, { x }, numbers);
const inPlace = (op: Activation, x: Tensor, ...numbers: number[]): Tensor =>
  callInPlace(op, x, { x }, numbers);

/** Through straight pieces a gradient goes with a factor that changes at kinks only. */
const straight = (name: string, node: string, expression: Expression, sampled: Numbers): Gradient => {
  const gradient: Gradient = (grad, x, ...numbers) => call(op, { grad, x }, numbers);
  const op: Op<GradAndX, Numbers> = defineOp<GradAndX, Numbers>({
    name,
    node,
    saves: { grad: ['x'] },
    forward: ({ grad, x }, numbers) =>
      mapOperands(expression, [grad, x], { dtype: grad.dtype, scalars: numbers }),
    backward: (cotangent, { x }, numbers) => ({
      grad: () => gradient(cotangent, x, ...numbers),
      x: () => zerosLike(cotangent),
    }),
    samples: [{ inputs: { grad: [4, 5], x: { shape: [4, 5], low: -4, high: 4 } }, params: sampled }],
  });
  return gradient;
};

/** One pass while nothing is recorded, else tensor operations. */
const curved =
  (expression: Expression, composed: Gradient): Gradient =>
  (grad, x, ...numbers) =>
    isGradEnabled()
      ? roundedOnce([grad, x], (wideGrad, wideX) => composed(wideGrad, wideX, ...numbers))
      : mapOperands(expression, [grad, x], { dtype: grad.dtype, scalars: numbers });

const only =
  (kernel: string, ...refused: Category[]) =>
  (x: Tensor): void =>
    refuse(kernel, x.dtype, refused);
const floats = (kernel: string): ((x: Tensor) => void) => only(kernel, 'bool', 'integer');

const throughThreshold = straight(
  'threshold_backward',
  'ThresholdBackwardBackward0',
  math.thresholdGrad,
  [0.3],
);

export const reluOp = activation({
  name: 'relu',
  node: 'ReluBackward0',
  expression: math.relu,
  check: (x) => {
    if (x.dtype === 'bool') throw new RuntimeError('Boolean inputs not supported for relu');
  },
  gradient: (grad, out) => throughThreshold(grad, out, 0),
  fromResult: true,
});
/** max(x, 0); NaN stays NaN. @see torch.relu */
export const relu = (x: Tensor): Tensor => applied(reluOp, x);
export const relu_ = (x: Tensor): Tensor => inPlace(reluOp, x);

export const thresholdOp = activation({
  name: 'threshold',
  node: 'ThresholdBackward0',
  expression: math.threshold,
  numbers: [0.3, -7],
  check: only('threshold_cpu', 'bool'),
  gradient: (grad, x, threshold) => throughThreshold(grad, x, threshold),
});
/** x where it is above the threshold, elsewhere `value`. @see torch.nn.functional.threshold */
export const threshold = (x: Tensor, limit: number, value: number): Tensor =>
  applied(thresholdOp, x, nearestHalf(limit, x.dtype), value);
export const threshold_ = (x: Tensor, limit: number, value: number): Tensor =>
  inPlace(thresholdOp, x, nearestHalf(limit, x.dtype), value);

export const hardtanhOp = activation({
  name: 'hardtanh',
  node: 'HardtanhBackward0',
  expression: math.clamp,
  numbers: [-1, 1.5],
  check: (x, low, high) => {
    if (x.dtype === 'bool') throw new RuntimeError('Bool inputs not supported for hardtanh');
    if (x.dtype === 'uint8' && (low < 0 || high < 0)) {
      throw new RuntimeError('cannot do hardtanh on an unsigned type with negative limits');
    }
  },
  gradient: straight('hardtanh_backward', 'HardtanhBackwardBackward0', math.hardtanhGrad, [-1, 1.5]),
});
/** x held between `min` (default −1) and `max` (default 1). @see torch.nn.functional.hardtanh */
export const hardtanh = (x: Tensor, min = -1, max = 1): Tensor => applied(hardtanhOp, x, min, max);
export const hardtanh_ = (x: Tensor, min = -1, max = 1): Tensor => inPlace(hardtanhOp, x, min, max);
/** x held between 0 and 6. */
export const relu6 = (x: Tensor): Tensor => hardtanh(x, 0, 6);
export const relu6_ = (x: Tensor): Tensor => hardtanh_(x, 0, 6);

export const leakyReluOp = activation({
  name: 'leaky_relu',
  node: 'LeakyReluBackward0',
  expression: math.leakyRelu,
  numbers: [0.1],
  check: floats('leaky_relu_cpu'),
  gradient: straight('leaky_relu_backward', 'LeakyReluBackwardBackward0', math.leakyReluGrad, [0.1]),
});
/** x where it is positive, elsewhere negativeSlope · x. @see torch.nn.functional.leaky_relu; Maas et al. 2013 */
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor => applied(leakyReluOp, x, negativeSlope);
export const leakyRelu_ = (x: Tensor, negativeSlope = 0.01): Tensor => inPlace(leakyReluOp, x, negativeSlope);

export const hardshrinkOp = activation({
  name: 'hardshrink',
  node: 'HardshrinkBackward0',
  expression: math.hardshrink,
  numbers: [0.6],
  check: floats('hardshrink_cpu'),
  gradient: straight('hardshrink_backward', 'HardshrinkBackwardBackward0', math.shrinkGrad, [0.6]),
});
/** x where |x| > lambda, else 0. @see torch.nn.functional.hardshrink */
export const hardshrink = (x: Tensor, lambda = 0.5): Tensor =>
  applied(hardshrinkOp, x, nearestHalf(lambda, x.dtype));

export const softshrinkOp = activation({
  name: 'softshrink',
  node: 'SoftshrinkBackward0',
  expression: math.softshrink,
  numbers: [0.6],
  check: (x, lambda) => {
    if (lambda < 0) {
      throw new RuntimeError(`lambda must be greater or equal to 0, but found to be ${String(lambda)}.`);
    }
    refuse('softshrink_cpu', x.dtype, ['bool', 'integer']);
  },
  gradient: straight('softshrink_backward', 'SoftshrinkBackwardBackward0', math.shrinkGrad, [0.6]),
});
/** x moved toward 0 by lambda where |x| > lambda, else 0. @see torch.nn.functional.softshrink */
export const softshrink = (x: Tensor, lambda = 0.5): Tensor =>
  applied(softshrinkOp, x, nearestHalf(lambda, x.dtype));
/** x − tanh(x) */
export const tanhshrink = (x: Tensor): Tensor => roundedOnce([x], (wide) => wide.sub(wide.tanh()));

export const hardsigmoidOp = activation({
  name: 'hardsigmoid',
  node: 'HardsigmoidBackward0',
  expression: math.hardsigmoid,
  check: floats('hardsigmoid_cpu'),
  gradient: straight('hardsigmoid_backward', 'HardsigmoidBackwardBackward0', math.hardsigmoidGrad, []),
});
/** min(max(x + 3, 0), 6) / 6. @see torch.nn.functional.hardsigmoid */
export const hardsigmoid = (x: Tensor): Tensor => applied(hardsigmoidOp, x);
export const hardsigmoid_ = (x: Tensor): Tensor => inPlace(hardsigmoidOp, x);

export const hardswishOp = activation({
  name: 'hardswish',
  node: 'HardswishBackward0',
  expression: math.hardswish,
  check: floats('hardswish_cpu'),
  gradient: curved(math.hardswishGrad, (grad, x) =>
    where(x.lt(3), grad.mul(x.div(3).add(0.5)), grad).maskedFill(x.lt(-3), 0),
  ),
});
/** x · hardsigmoid(x). @see torch.nn.functional.hardswish; Howard et al. 2019, arXiv:1905.02244 */
export const hardswish = (x: Tensor): Tensor => applied(hardswishOp, x);
export const hardswish_ = (x: Tensor): Tensor => inPlace(hardswishOp, x);

/** Numbers: alpha, scale, inputScale. */
export const eluOp = activation({
  name: 'elu',
  node: 'EluBackward0',
  expression: math.elu,
  numbers: [1.3, 1.1, 0.8],
  check: floats('elu_cpu'),
  gradient: curved(math.eluGrad, (grad, x, alpha, scale, inputScale) => {
    const slope = x
      .clampMax(0)
      .mul(inputScale)
      .exp()
      .mul(alpha * scale * inputScale);
    return where(x.gt(0), grad.mul(scale), grad.mul(slope));
  }),
});
export const celuOp = defineOp({ ...eluOp, name: 'celu', node: 'CeluBackward0' });

/** x where it is positive, elsewhere alpha · (eˣ − 1). @see torch.nn.functional.elu; Clevert et al. 2015, arXiv:1511.07289 */
export const elu = (x: Tensor, alpha = 1): Tensor => applied(eluOp, x, alpha, 1, 1);
export const elu_ = (x: Tensor, alpha = 1): Tensor => inPlace(eluOp, x, alpha, 1, 1);

const SELU_ALPHA = 1.6732632423543772848170429916717;
const SELU_SCALE = 1.0507009873554804934193349852946;
/** scale · elu(x, alpha) with which activations keep mean 0 and variance 1. @see Klambauer et al. 2017, arXiv:1706.02515 */
export const selu = (x: Tensor): Tensor => applied(eluOp, x, SELU_ALPHA, SELU_SCALE, 1);
export const selu_ = (x: Tensor): Tensor => inPlace(eluOp, x, SELU_ALPHA, SELU_SCALE, 1);

const checkCelu = (alpha: number): void => {
  if (alpha === 0) throw new RuntimeError('ZeroDivisionError: alpha cannot be 0 for CELU');
};
/** max(x, 0) + min(alpha · (e^(x / alpha) − 1), 0). @see torch.nn.functional.celu; Barron 2017, arXiv:1704.07483 */
export const celu = (x: Tensor, alpha = 1): Tensor => {
  checkCelu(alpha);
  return applied(celuOp, x, alpha, 1, 1 / alpha);
};
export const celu_ = (x: Tensor, alpha = 1): Tensor => {
  checkCelu(alpha);
  return inPlace(celuOp, x, alpha, 1, 1 / alpha);
};

export const geluOp = activation({
  name: 'gelu',
  node: 'GeluBackward0',
  expression: math.gelu,
  check: floats('GeluKernelImpl'),
  // Φ(x) + x · φ(x)
  gradient: curved(math.geluGrad, (grad, x) => {
    const below = x.mul(Math.SQRT1_2).erf().add(1).mul(0.5);
    const density = x
      .square()
      .mul(-0.5)
      .exp()
      .mul(1 / Math.sqrt(2 * Math.PI));
    return grad.mul(below.add(x.mul(density)));
  }),
});
export const geluTanhOp = activation({
  name: 'gelu',
  node: 'GeluBackward0',
  expression: math.geluTanh,
  check: floats('GeluKernelImpl'),
  gradient: curved(math.geluTanhGrad, (grad, x) => {
    const factor = Math.sqrt(2 / Math.PI);
    const square = x.square();
    const t = square.mul(0.044715).add(1).mul(x).mul(factor).tanh();
    const inner = square
      .mul(3 * 0.044715)
      .add(1)
      .mul(factor);
    const half = t.add(1).mul(0.5);
    return grad.mul(half.add(x.mul(0.5).mul(t.square().rsub(1)).mul(inner)));
  }),
});
export interface GeluOptions {
  /** `'tanh'` for the approximation by a tanh. Default `'none'`. */
  readonly approximate?: 'none' | 'tanh' | undefined;
}
/** x · Φ(x), Φ being the normal distribution's. @see torch.nn.functional.gelu; Hendrycks & Gimpel 2016, arXiv:1606.08415 */
export const gelu = (x: Tensor, { approximate = 'none' }: GeluOptions = {}): Tensor => {
  switch (approximate) {
    case 'none':
      return applied(geluOp, x);
    case 'tanh':
      return applied(geluTanhOp, x);
    default:
      approximate satisfies never;
      throw new RuntimeError('approximate argument must be either none or tanh.');
  }
};

export const siluOp = activation({
  name: 'silu',
  node: 'SiluBackward0',
  expression: math.silu,
  check: floats('silu_cpu'),
  gradient: curved(math.siluGrad, (grad, x) => {
    const s = x.sigmoid();
    return grad.mul(s.mul(x.mul(s.rsub(1)).add(1)));
  }),
});
/** x · sigmoid(x). @see torch.nn.functional.silu */
export const silu = (x: Tensor): Tensor => applied(siluOp, x);
export const silu_ = (x: Tensor): Tensor => inPlace(siluOp, x);

/** Numbers: beta, threshold. */
export const softplusOp = activation({
  name: 'softplus',
  node: 'SoftplusBackward0',
  expression: math.softplus,
  numbers: [1.3, 3],
  check: floats('softplus_cpu'),
  gradient: curved(math.softplusGrad, (grad, x, beta, limit) => {
    const scaled = x.mul(beta);
    return where(scaled.gt(limit), grad, grad.mul(scaled.sigmoid()));
  }),
});
export interface SoftplusOptions {
  /** Default 1. */
  readonly beta?: number | undefined;
  /** Where beta · x is above it the result is x. Default 20. */
  readonly threshold?: number | undefined;
}
/** log(1 + e^(beta · x)) / beta. @see torch.nn.functional.softplus */
export const softplus = (x: Tensor, { beta = 1, threshold: limit = 20 }: SoftplusOptions = {}): Tensor =>
  applied(softplusOp, x, beta, limit);

export const mishOp = activation({
  name: 'mish',
  node: 'MishBackward0',
  expression: math.mish,
  check: floats('mish_cpu'),
  gradient: curved(math.mishGrad, (grad, x) => {
    const t = softplus(x).tanh();
    return grad.mul(t.add(x.mul(x.sigmoid()).mul(t.square().rsub(1))));
  }),
});
/** x · tanh(softplus(x)). @see torch.nn.functional.mish; Misra 2019, arXiv:1908.08681 */
export const mish = (x: Tensor): Tensor => applied(mishOp, x);
export const mish_ = (x: Tensor): Tensor => inPlace(mishOp, x);

export const logsigmoidOp = activation({
  name: 'log_sigmoid',
  node: 'LogSigmoidBackward0',
  expression: math.logSigmoid,
  check: floats('log_sigmoid_cpu'),
  gradient: curved(math.logSigmoidGrad, (grad, x) => grad.mul(x.neg().sigmoid())),
});
/** log(sigmoid(x)), without overflow. @see torch.nn.functional.logsigmoid */
export const logsigmoid = (x: Tensor): Tensor => applied(logsigmoidOp, x);

/** x / (1 + |x|). @see torch.nn.functional.softsign */
export const softsign = (x: Tensor): Tensor => x.div(x.abs().add(1));

export const preluOp = defineOp<{ readonly x: Tensor; readonly weight: Tensor }>({
  name: 'prelu',
  node: 'PreluBackward0',
  saves: ['x', 'weight'],
  stepwise: () => true,
  forward: ({ x, weight }) => mapOperands(math.leakyRelu, [x, weight]),
  backward: (grad, { x, weight }) => ({
    x: () => where(x.gt(0), grad, grad.mul(weight)),
    weight: () => where(x.gt(0), 0, grad.mul(x)),
  }),
  samples: [{ inputs: { x: [2, 3, 4], weight: [3, 1] }, params: undefined }],
});
/**
 * x where it is positive, elsewhere weight · x.
 *
 * @param weight  one element, or one for each channel, which is axis 1
 * @throws RuntimeError when the number of weights fits neither
 * @see torch.nn.functional.prelu; He et al. 2015, arXiv:1502.01852
 */
export const prelu = (x: Tensor, weight: Tensor): Tensor => {
  if (weight.dtype !== x.dtype) {
    const { [weight.dtype]: found, [x.dtype]: expected } = dtypes;
    throw new RuntimeError(`Found dtype ${found.scalarType} but expected ${expected.scalarType}`);
  }
  const count = weight.numel();
  if (count === 1) return call(preluOp, { x, weight: weight.reshape([]) }, undefined);
  if (x.ndim === 0) throw new RuntimeError('Not allow zero-dim input tensor.');
  const channels = x.shape[1] ?? 1;
  if (count !== channels) {
    throw new RuntimeError(
      `Mismatch of parameter numbers and input channel size. Found parameter numbers = ${String(count)} and channel size = ${String(channels)}.`,
    );
  }
  return call(preluOp, { x, weight: weight.reshape([-1, ...x.shape.slice(2).map(() => 1)]) }, undefined);
};

/** 1 / (1 − p) with probability 1 − p, else 0; null where nothing would be dropped. */
const dropoutNoise = (x: Tensor, p: number, training: boolean, options: GeneratorOptions): Tensor | null => {
  if (!(p >= 0 && p <= 1)) {
    throw new ValueError(`dropout probability has to be between 0 and 1, but got ${String(p)}`);
  }
  if (p === 0 || !training || x.numel() === 0) return null;
  // Row-major whatever the order of x, as in PyTorch 1.13: with it goes the order of the draws.
  const noise = allocate(x.shape, widened(x.dtype), x.device);
  return p === 1 ? noise.zero_() : bernoulli_(noise, 1 - p, options).div_(1 - p);
};

/**
 * In training each element is set to 0 with probability p, and the others are divided by 1 − p.
 *
 * @param p  in [0, 1]. Default 0.5.
 * @param training  otherwise nothing happens. Default true.
 * @see torch.nn.functional.dropout; Hinton et al. 2012, arXiv:1207.0580
 */
export const dropout = (x: Tensor, p = 0.5, training = true, options: GeneratorOptions = {}): Tensor => {
  const noise = dropoutNoise(x, p, training, options);
  return noise === null ? x : roundedOnce([x], (wide) => wide.mul(noise));
};
export const dropout_ = (x: Tensor, p = 0.5, training = true, options: GeneratorOptions = {}): Tensor => {
  const noise = dropoutNoise(x, p, training, options);
  return noise === null ? x : x.mul_(noise);
};
