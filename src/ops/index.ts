/** The functions that the library offers under its own name: `flow.relu(x)` beside `x.relu()`. */
export * from './activations.ts';
export {
  add,
  div,
  floorDivide,
  fmod,
  maximum,
  minimum,
  mul,
  pow,
  remainder,
  rsub,
  square,
  sub,
  type AlphaOptions,
  type DivOptions,
  type RoundingMode,
} from './arithmetic.ts';
export * from './compare.ts';
export { conv2d, type Conv2dOptions } from './conv2d.ts';
export { cat, clone, repeat, stack, type ToOptions } from './copies.ts';
export {
  gather,
  index,
  indexSelect,
  maskedSelect,
  nonzero,
  scatterAdd,
  take,
  type IndexItem,
} from './indexing.ts';
export { addmm, bmm, dot, matmul, mm, mv, outer } from './matmul.ts';
export type { Operand } from './pointwise.ts';
export * from './random.ts';
export {
  all,
  amax,
  amin,
  any,
  argmax,
  argmin,
  cumsum,
  logsumexp,
  max,
  mean,
  min,
  norm,
  prod,
  std,
  sum,
  variance as var,
  type ValuesAndIndices,
} from './reductions.ts';
export { logSoftmax, softmax } from './softmax.ts';
export * from './unary.ts';
export {
  chunk,
  flatten,
  narrow,
  permute,
  reshape,
  select,
  split,
  squeeze,
  t,
  transpose,
  unbind,
  unflatten,
  unsqueeze,
} from './views.ts';
