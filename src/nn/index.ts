/** Modules, layers, losses. @see torch.nn */
export * as functional from './functional.ts';
export * as init from './init.ts';
export * from './activation.ts';
export { BatchNorm2d, type BatchNormModuleOptions } from './batch-norm.ts';
export { Conv2d, type Conv2dModuleOptions, type PaddingMode } from './conv.ts';
export type { DeviceOrDType, ModuleToOptions } from './convert.ts';
export { Dropout } from './dropout.ts';
export type {
  BackwardHook,
  ForwardArgs,
  ForwardHook,
  ForwardPreHook,
  ForwardResult,
  Forwarding,
  LoadArguments,
  LoadStateDictPostHook,
  LoadStateDictPreHook,
  LoadStateDictPreHookWithModule,
  ModuleGradients,
  ModuleMetadata,
  StateDictHook,
  StateDictPreHook,
} from './hooks.ts';
export { IncompatibleKeys } from './incompatible-keys.ts';
export { Flatten, Identity, Linear, Unflatten, type LinearOptions } from './linear.ts';
export { BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss } from './loss.ts';
export { Module, type AnyModule } from './module.ts';
export { ModuleDict, type Entries } from './module-dict.ts';
export { ModuleList, Sequential } from './module-lists.ts';
export { ParameterDict, ParameterList, type Kept } from './parameter-lists.ts';
export { Parameter } from '../tensor/parameter.ts';
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from './pooling.ts';
export type { ModuleSummary, TensorSummary } from './repr.ts';
export type { Slice } from './slices.ts';
export type { ModuleRecord, ModuleSnapshot, SnapshotValue, TensorRecord } from './snapshot.ts';
export { StateDict } from '../io/state-dict.ts';
export type { Loadable, NestedNumbers, ShapedArray, StateDictLike, StateDictOptions } from './state-dict.ts';
export type { StateKey } from './state-key.ts';
