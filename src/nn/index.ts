/** Modules, layers, losses. @see torch.nn */
export * as functional from './functional.ts';
export * as init from './init.ts';
export * from './activation.ts';
export { BatchNorm2d, type BatchNormModuleOptions } from './batch-norm.ts';
export { ModuleList, Sequential } from './containers.ts';
export { Conv2d, type Conv2dModuleOptions, type PaddingMode } from './conv.ts';
export { Dropout } from './dropout.ts';
export { Flatten, Identity, Linear, Unflatten, type LinearOptions } from './linear.ts';
export { BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss } from './loss.ts';
export {
  Module,
  type AnyModule,
  type ForwardHook,
  type ForwardPreHook,
  type StateDictOptions,
} from './module.ts';
export { Parameter } from '../tensor/parameter.ts';
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from './pooling.ts';
export { IncompatibleKeys, type StateDictLike } from './state-dict.ts';
export { StateDict } from '../io/state-dict.ts';
