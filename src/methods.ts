/**
 * Gives tensors their methods: `x.reshape(2, 3)` is `reshape(x, 2, 3)`. The functions live in `ops/`, one op in one
 * place; this table is all there is to a method.
 */
import * as copies from './ops/copies.ts';
import * as indexing from './ops/indexing.ts';
import * as products from './ops/matmul.ts';
import * as reductions from './ops/reductions.ts';
import { logSoftmax, softmax } from './ops/softmax.ts';
import * as views from './ops/views.ts';
import { backward, registerHook, retainGrad } from './autograd/backward.ts';
import { item, toTypedArray, tolist } from './tensor/host.ts';
import { Tensor } from './tensor/tensor.ts';

/** A function of a tensor and more, as a method of the tensor. */
type Bound<F> = F extends (x: Tensor, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never;

/** The largest (or least) of all elements, or along an axis with positions. */
interface Extreme {
  (): Tensor;
  (axis: number, keepdim?: boolean): reductions.ValuesAndIndices;
}

export interface TensorMethods {
  backward: Bound<typeof backward>;
  registerHook: Bound<typeof registerHook>;
  retainGrad: Bound<typeof retainGrad>;
  item: Bound<typeof item>;
  tolist: Bound<typeof tolist>;
  toTypedArray: Bound<typeof toTypedArray>;

  view: Bound<typeof views.view>;
  reshape: Bound<typeof views.reshape>;
  permute: Bound<typeof views.permute>;
  transpose: Bound<typeof views.transpose>;
  t: Bound<typeof views.t>;
  expand: Bound<typeof views.expand>;
  expandAs: Bound<typeof views.expandAs>;
  narrow: Bound<typeof views.narrow>;
  slice: Bound<typeof views.slice>;
  select: Bound<typeof views.select>;
  squeeze: Bound<typeof views.squeeze>;
  unsqueeze: Bound<typeof views.unsqueeze>;
  asStrided: Bound<typeof views.asStrided>;
  flatten: Bound<typeof views.flatten>;
  unflatten: Bound<typeof views.unflatten>;
  split: Bound<typeof views.split>;
  chunk: Bound<typeof views.chunk>;
  unbind: Bound<typeof views.unbind>;

  clone: Bound<typeof copies.clone>;
  contiguous: Bound<typeof copies.contiguous>;
  to: Bound<typeof copies.to>;
  copy_: Bound<typeof copies.copy_>;
  fill_: Bound<typeof copies.fill_>;
  zero_: Bound<typeof copies.zero_>;
  repeat: Bound<typeof copies.repeat>;
  placedIn: Bound<typeof copies.placedIn>;
  newEmptyStrided: Bound<typeof copies.newEmptyStrided>;

  sum: Bound<typeof reductions.sum>;
  mean: Bound<typeof reductions.mean>;
  prod: Bound<typeof reductions.prod>;
  amax: Bound<typeof reductions.amax>;
  amin: Bound<typeof reductions.amin>;
  argmax: Bound<typeof reductions.argmax>;
  argmin: Bound<typeof reductions.argmin>;
  std: Bound<typeof reductions.std>;
  norm: Bound<typeof reductions.norm>;
  any: Bound<typeof reductions.any>;
  all: Bound<typeof reductions.all>;
  cumsum: Bound<typeof reductions.cumsum>;
  logsumexp: Bound<typeof reductions.logsumexp>;
  sumToSize: Bound<typeof reductions.sumToSize>;
  var: Bound<typeof reductions.variance>;
  max: Extreme;
  min: Extreme;

  softmax: Bound<typeof softmax>;
  logSoftmax: Bound<typeof logSoftmax>;

  matmul: Bound<typeof products.matmul>;
  mm: Bound<typeof products.mm>;
  bmm: Bound<typeof products.bmm>;
  mv: Bound<typeof products.mv>;
  dot: Bound<typeof products.dot>;
  outer: Bound<typeof products.outer>;

  indexSelect: Bound<typeof indexing.indexSelect>;
  gather: Bound<typeof indexing.gather>;
  scatteredInto: Bound<typeof indexing.scatteredInto>;
  scatterAdd: Bound<typeof indexing.scatterAdd>;
  scatterAdd_: Bound<typeof indexing.scatterAdd_>;
  nonzero: Bound<typeof indexing.nonzero>;
  maskedSelect: Bound<typeof indexing.maskedSelect>;
  take: Bound<typeof indexing.take>;
  index: Bound<typeof indexing.index>;
}

declare module './tensor/tensor.ts' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the table above is its body
  interface Tensor extends TensorMethods {}
}

type Unbound<M> = M extends (...rest: infer Rest) => infer Result
  ? (x: Tensor, ...rest: Rest) => Result
  : never;

const methods: { readonly [Name in keyof TensorMethods]: Unbound<TensorMethods[Name]> } = {
  backward,
  registerHook,
  retainGrad,
  item,
  tolist,
  toTypedArray,

  view: views.view,
  reshape: views.reshape,
  permute: views.permute,
  transpose: views.transpose,
  t: views.t,
  expand: views.expand,
  expandAs: views.expandAs,
  narrow: views.narrow,
  slice: views.slice,
  select: views.select,
  squeeze: views.squeeze,
  unsqueeze: views.unsqueeze,
  asStrided: views.asStrided,
  flatten: views.flatten,
  unflatten: views.unflatten,
  split: views.split,
  chunk: views.chunk,
  unbind: views.unbind,

  clone: copies.clone,
  contiguous: copies.contiguous,
  to: copies.to,
  copy_: copies.copy_,
  fill_: copies.fill_,
  zero_: copies.zero_,
  repeat: copies.repeat,
  placedIn: copies.placedIn,
  newEmptyStrided: copies.newEmptyStrided,

  sum: reductions.sum,
  mean: reductions.mean,
  prod: reductions.prod,
  amax: reductions.amax,
  amin: reductions.amin,
  argmax: reductions.argmax,
  argmin: reductions.argmin,
  std: reductions.std,
  norm: reductions.norm,
  any: reductions.any,
  all: reductions.all,
  cumsum: reductions.cumsum,
  logsumexp: reductions.logsumexp,
  sumToSize: reductions.sumToSize,
  var: reductions.variance,
  max: reductions.max as Unbound<Extreme>,
  min: reductions.min as Unbound<Extreme>,

  softmax,
  logSoftmax,

  matmul: products.matmul,
  mm: products.mm,
  bmm: products.bmm,
  mv: products.mv,
  dot: products.dot,
  outer: products.outer,

  indexSelect: indexing.indexSelect,
  gather: indexing.gather,
  scatteredInto: indexing.scatteredInto,
  scatterAdd: indexing.scatterAdd,
  scatterAdd_: indexing.scatterAdd_,
  nonzero: indexing.nonzero,
  maskedSelect: indexing.maskedSelect,
  take: indexing.take,
  index: indexing.index,
};

for (const [name, f] of Object.entries(methods)) {
  const method = function (this: Tensor, ...rest: unknown[]): unknown {
    return (f as (x: Tensor, ...rest: unknown[]) => unknown)(this, ...rest);
  };
  Object.defineProperty(method, 'name', { value: name });
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true });
}
