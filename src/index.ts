/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Millrace: PyTorch's and OneFlow's `nn` in TypeScript.
 *
 *     import * as flow from 'millrace';
 *     import { nn } from 'millrace';
 *
 *     const conv = new nn.Conv2d(16, 33, [3, 5], { stride: [2, 1], padding: [4, 2], dilation: [3, 1] });
 *     conv(flow.randn([20, 16, 50, 100])).shape; // [20, 33, 26, 100]
 *
 * @module
 */
import './methods.ts';

export * as nn from './nn/index.ts';
export * as optim from './optim/index.ts';
export * as data from './data/index.ts';
export * as autograd from './autograd/index.ts';

export { Tensor, type GradNode, type MemoryFormat, type TensorHook } from './tensor/tensor.ts';
export type { Extreme, TensorMethods } from './methods.ts';
export type { DType } from './dtype.ts';
export const float32 = 'float32';
export const float64 = 'float64';
export const float16 = 'float16';
export const bfloat16 = 'bfloat16';
export const int64 = 'int64';
export const int32 = 'int32';
export const int8 = 'int8';
export const uint8 = 'uint8';
export const bool = 'bool';

export {
  arange,
  empty,
  emptyLike,
  eye,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  tensor,
  zeros,
  zerosLike,
  type LikeOptions,
  type Nested,
  type TensorOptions,
} from './tensor/create.ts';
export type { HalfArray, NumericArray, NestedValues } from './tensor/host.ts';
export { canCast, getDefaultDtype, promoteTypes, resultType, setDefaultDtype } from './tensor/promotion.ts';
export { Placement, placement, sbp, Sbp, type Ranks, type ToGlobalOptions } from './tensor/global.ts';
export { setPrintOptions, type PrintOptions, type PrintProfile } from './tensor/printoptions.ts';
export { Scope, scope } from './tensor/scope.ts';

export { enableGrad, isGradEnabled, noGrad, setGradEnabled } from './autograd/mode.ts';
export type { RemovableHandle } from './autograd/handle.ts';

export * from './ops/index.ts';
export { Generator } from './tensor/random/index.ts';

export { memoryStats, resetPeakMemoryStats, setMemoryLimit, type MemoryStats } from './device/memory.ts';
export { setDebug } from './device/debug.ts';
export {
  getFloat32ConvPrecision,
  setFloat32ConvPrecision,
  type Float32ConvPrecision,
} from './kernels/conv/precision.ts';
export { getTarget, setTarget, type TargetName } from './device/target.ts';
export { getNumThreads, setNumThreads } from './device/threads/number.ts';

export { load, loadBytes, type LoadOptions, type LoadSource } from './io/load.ts';
export {
  save,
  saveBytes,
  type FileFormat,
  type Savable,
  type SaveFormat,
  type SaveOptions,
} from './io/save.ts';
export type { Relocation } from './io/loading.ts';
export type { Stateful } from './io/pickle-writer.ts';
export { loadSafetensors, saveSafetensors } from './io/state.ts';
export type { Complex, SavedValue } from './io/values.ts';

export {
  AssertionError,
  AttributeError,
  FileFormatError,
  IndexError,
  KeyError,
  NotImplementedError,
  RuntimeError,
  ShapeError,
  ValueError,
} from './errors.ts';
