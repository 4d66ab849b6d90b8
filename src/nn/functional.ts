/** Layers as functions. @see torch.nn.functional */
export { conv2d, type Conv2dOptions, type Pair } from '../ops/conv2d.ts';
export { linear } from '../ops/matmul.ts';
export { pad, type PadMode } from '../ops/pad.ts';
export {
  adaptiveAvgPool2d,
  avgPool2d,
  maxPool2d,
  maxPool2dWithIndices,
  type AvgPoolOptions,
  type MaxPoolOptions,
} from '../ops/pool.ts';
export { batchNorm, type BatchNormOptions } from '../ops/batch-norm.ts';
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  crossEntropy,
  l1Loss,
  mseLoss,
  nllLoss,
  type BinaryOptions,
  type BinaryWithLogitsOptions,
  type CrossEntropyOptions,
  type LossOptions,
  type LossReduction,
  type NllOptions,
} from '../ops/loss.ts';
export {
  celu,
  celu_,
  dropout,
  dropout_,
  elu,
  elu_,
  gelu,
  hardshrink,
  hardsigmoid,
  hardsigmoid_,
  hardswish,
  hardswish_,
  hardtanh,
  hardtanh_,
  leakyRelu,
  leakyRelu_,
  logsigmoid,
  mish,
  mish_,
  prelu,
  relu,
  relu6,
  relu6_,
  relu_,
  selu,
  selu_,
  silu,
  silu_,
  softplus,
  softshrink,
  softsign,
  tanhshrink,
  threshold,
  threshold_,
  type GeluOptions,
  type SoftplusOptions,
} from '../ops/activations.ts';
export { tanh } from '../ops/trigonometry.ts';
export { sigmoid } from '../ops/unary.ts';
export { logSoftmax, softmax, type SoftmaxOptions } from '../ops/softmax.ts';
