/** Optimizers. @see torch.optim */
export { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.ts';
export { SGD, type SGDOptions, type SGDState } from './sgd.ts';
export { Adam, AdamW, type AdamOptions, type AdamState } from './adam.ts';
