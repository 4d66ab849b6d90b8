/** Optimizers. @see torch.optim */
export { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.ts';
export { SGD, type SGDOptions } from './sgd.ts';
export { Adam, AdamW, type AdamOptions } from './adam.ts';
