/**
 * Gives tensors their methods: `x.reshape(2, 3)` is `reshape(x, 2, 3)`. The functions live in `ops/`, one op in one
 * place; this table is all there is to a method.
 */
import * as activations from './ops/activations.ts';
import * as arithmetic from './ops/arithmetic.ts';
import * as blends from './ops/blends.ts';
import * as clamp from './ops/clamp.ts';
import * as compare from './ops/compare.ts';
import * as copies from './ops/copies.ts';
import * as indexing from './ops/indexing.ts';
import * as products from './ops/matmul.ts';
import * as reductions from './ops/reductions.ts';
import { logSoftmax, softmax } from './ops/softmax.ts';
import * as random from './ops/random.ts';
import * as trigonometry from './ops/trigonometry.ts';
import * as unary from './ops/unary.ts';
import * as views from './ops/views.ts';
import { backward, registerHook, retainGrad } from './autograd/backward.ts';
import { toGlobal, toLocal } from './tensor/global.ts';
import { item, toTypedArray, tolist } from './tensor/host.ts';
import { showTensor } from './tensor/show.ts';
import { Tensor } from './tensor/tensor.ts';

/** A function of a tensor and more, as a method of the tensor. */
type Bound<F> = F extends (x: Tensor, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never;

/** The largest (or least) of all elements, or along an axis with positions. */
export interface Extreme {
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
  toString: Bound<typeof showTensor>;
  toGlobal: Bound<typeof toGlobal>;
  toLocal: Bound<typeof toLocal>;

  relu: Bound<typeof activations.relu>;
  relu_: Bound<typeof activations.relu_>;
  relu6: Bound<typeof activations.relu6>;
  relu6_: Bound<typeof activations.relu6_>;
  leakyRelu: Bound<typeof activations.leakyRelu>;
  leakyRelu_: Bound<typeof activations.leakyRelu_>;
  elu: Bound<typeof activations.elu>;
  elu_: Bound<typeof activations.elu_>;
  selu: Bound<typeof activations.selu>;
  selu_: Bound<typeof activations.selu_>;
  celu: Bound<typeof activations.celu>;
  celu_: Bound<typeof activations.celu_>;
  gelu: Bound<typeof activations.gelu>;
  silu: Bound<typeof activations.silu>;
  silu_: Bound<typeof activations.silu_>;
  mish: Bound<typeof activations.mish>;
  mish_: Bound<typeof activations.mish_>;
  softplus: Bound<typeof activations.softplus>;
  hardtanh: Bound<typeof activations.hardtanh>;
  hardtanh_: Bound<typeof activations.hardtanh_>;
  hardsigmoid: Bound<typeof activations.hardsigmoid>;
  hardsigmoid_: Bound<typeof activations.hardsigmoid_>;
  hardswish: Bound<typeof activations.hardswish>;
  hardswish_: Bound<typeof activations.hardswish_>;
  softsign: Bound<typeof activations.softsign>;
  hardshrink: Bound<typeof activations.hardshrink>;
  softshrink: Bound<typeof activations.softshrink>;
  tanhshrink: Bound<typeof activations.tanhshrink>;
  logsigmoid: Bound<typeof activations.logsigmoid>;
  threshold: Bound<typeof activations.threshold>;
  threshold_: Bound<typeof activations.threshold_>;
  prelu: Bound<typeof activations.prelu>;
  dropout: Bound<typeof activations.dropout>;
  dropout_: Bound<typeof activations.dropout_>;

  add: Bound<typeof arithmetic.add>;
  add_: Bound<typeof arithmetic.add_>;
  sub: Bound<typeof arithmetic.sub>;
  sub_: Bound<typeof arithmetic.sub_>;
  rsub: Bound<typeof arithmetic.rsub>;
  mul: Bound<typeof arithmetic.mul>;
  mul_: Bound<typeof arithmetic.mul_>;
  div: Bound<typeof arithmetic.div>;
  div_: Bound<typeof arithmetic.div_>;
  floorDivide: Bound<typeof arithmetic.floorDivide>;
  floorDivide_: Bound<typeof arithmetic.floorDivide_>;
  remainder: Bound<typeof arithmetic.remainder>;
  remainder_: Bound<typeof arithmetic.remainder_>;
  fmod: Bound<typeof arithmetic.fmod>;
  fmod_: Bound<typeof arithmetic.fmod_>;
  pow: Bound<typeof arithmetic.pow>;
  pow_: Bound<typeof arithmetic.pow_>;
  square: Bound<typeof arithmetic.square>;
  square_: Bound<typeof arithmetic.square_>;
  maximum: Bound<typeof arithmetic.maximum>;
  minimum: Bound<typeof arithmetic.minimum>;

  lerp: Bound<typeof blends.lerp>;
  lerp_: Bound<typeof blends.lerp_>;
  addcmul: Bound<typeof blends.addcmul>;
  addcmul_: Bound<typeof blends.addcmul_>;
  addcdiv: Bound<typeof blends.addcdiv>;
  addcdiv_: Bound<typeof blends.addcdiv_>;

  clamp: Bound<typeof clamp.clamp>;
  clamp_: Bound<typeof clamp.clamp_>;
  clampMin: Bound<typeof clamp.clampMin>;
  clampMin_: Bound<typeof clamp.clampMin_>;
  clampMax: Bound<typeof clamp.clampMax>;
  clampMax_: Bound<typeof clamp.clampMax_>;

  eq: Bound<typeof compare.eq>;
  ne: Bound<typeof compare.ne>;
  lt: Bound<typeof compare.lt>;
  le: Bound<typeof compare.le>;
  gt: Bound<typeof compare.gt>;
  ge: Bound<typeof compare.ge>;
  logicalAnd: Bound<typeof compare.logicalAnd>;
  logicalOr: Bound<typeof compare.logicalOr>;
  logicalXor: Bound<typeof compare.logicalXor>;
  logicalNot: Bound<typeof compare.logicalNot>;
  bitwiseAnd: Bound<typeof compare.bitwiseAnd>;
  bitwiseOr: Bound<typeof compare.bitwiseOr>;
  bitwiseXor: Bound<typeof compare.bitwiseXor>;
  bitwiseNot: Bound<typeof compare.bitwiseNot>;
  equal: Bound<typeof compare.equal>;
  isclose: Bound<typeof compare.isclose>;
  allclose: Bound<typeof compare.allclose>;
  maskedFill: Bound<typeof compare.maskedFill>;
  maskedFill_: Bound<typeof compare.maskedFill_>;

  clone: Bound<typeof copies.clone>;
  contiguous: Bound<typeof copies.contiguous>;
  to: Bound<typeof copies.to>;
  /** `to('float16')`, and so on under PyTorch's names. */
  half(): Tensor;
  bfloat16(): Tensor;
  float(): Tensor;
  double(): Tensor;
  long(): Tensor;
  int(): Tensor;
  char(): Tensor;
  byte(): Tensor;
  bool(): Tensor;
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

  uniform_: Bound<typeof random.uniform_>;
  normal_: Bound<typeof random.normal_>;
  random_: Bound<typeof random.random_>;
  bernoulli: Bound<typeof random.bernoulli>;
  bernoulli_: Bound<typeof random.bernoulli_>;

  sin: Bound<typeof trigonometry.sin>;
  sin_: Bound<typeof trigonometry.sin_>;
  cos: Bound<typeof trigonometry.cos>;
  cos_: Bound<typeof trigonometry.cos_>;
  tan: Bound<typeof trigonometry.tan>;
  tan_: Bound<typeof trigonometry.tan_>;
  asin: Bound<typeof trigonometry.asin>;
  asin_: Bound<typeof trigonometry.asin_>;
  acos: Bound<typeof trigonometry.acos>;
  acos_: Bound<typeof trigonometry.acos_>;
  atan: Bound<typeof trigonometry.atan>;
  atan_: Bound<typeof trigonometry.atan_>;
  sinh: Bound<typeof trigonometry.sinh>;
  sinh_: Bound<typeof trigonometry.sinh_>;
  cosh: Bound<typeof trigonometry.cosh>;
  cosh_: Bound<typeof trigonometry.cosh_>;
  tanh: Bound<typeof trigonometry.tanh>;
  tanh_: Bound<typeof trigonometry.tanh_>;
  asinh: Bound<typeof trigonometry.asinh>;
  asinh_: Bound<typeof trigonometry.asinh_>;
  acosh: Bound<typeof trigonometry.acosh>;
  acosh_: Bound<typeof trigonometry.acosh_>;
  atanh: Bound<typeof trigonometry.atanh>;
  atanh_: Bound<typeof trigonometry.atanh_>;
  atan2: Bound<typeof trigonometry.atan2>;
  atan2_: Bound<typeof trigonometry.atan2_>;

  neg: Bound<typeof unary.neg>;
  neg_: Bound<typeof unary.neg_>;
  abs: Bound<typeof unary.abs>;
  abs_: Bound<typeof unary.abs_>;
  sign: Bound<typeof unary.sign>;
  sign_: Bound<typeof unary.sign_>;
  exp: Bound<typeof unary.exp>;
  exp_: Bound<typeof unary.exp_>;
  exp2: Bound<typeof unary.exp2>;
  exp2_: Bound<typeof unary.exp2_>;
  expm1: Bound<typeof unary.expm1>;
  expm1_: Bound<typeof unary.expm1_>;
  log: Bound<typeof unary.log>;
  log_: Bound<typeof unary.log_>;
  log1p: Bound<typeof unary.log1p>;
  log1p_: Bound<typeof unary.log1p_>;
  log2: Bound<typeof unary.log2>;
  log2_: Bound<typeof unary.log2_>;
  log10: Bound<typeof unary.log10>;
  log10_: Bound<typeof unary.log10_>;
  sqrt: Bound<typeof unary.sqrt>;
  sqrt_: Bound<typeof unary.sqrt_>;
  rsqrt: Bound<typeof unary.rsqrt>;
  rsqrt_: Bound<typeof unary.rsqrt_>;
  reciprocal: Bound<typeof unary.reciprocal>;
  reciprocal_: Bound<typeof unary.reciprocal_>;
  sigmoid: Bound<typeof unary.sigmoid>;
  sigmoid_: Bound<typeof unary.sigmoid_>;
  erf: Bound<typeof unary.erf>;
  erf_: Bound<typeof unary.erf_>;
  erfc: Bound<typeof unary.erfc>;
  erfc_: Bound<typeof unary.erfc_>;
  floor: Bound<typeof unary.floor>;
  floor_: Bound<typeof unary.floor_>;
  ceil: Bound<typeof unary.ceil>;
  ceil_: Bound<typeof unary.ceil_>;
  round: Bound<typeof unary.round>;
  round_: Bound<typeof unary.round_>;
  trunc: Bound<typeof unary.trunc>;
  trunc_: Bound<typeof unary.trunc_>;
  frac: Bound<typeof unary.frac>;
  frac_: Bound<typeof unary.frac_>;
  isnan: Bound<typeof unary.isnan>;
  isinf: Bound<typeof unary.isinf>;
  isfinite: Bound<typeof unary.isfinite>;

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
  toString: showTensor,
  toGlobal,
  toLocal,

  relu: activations.relu,
  relu_: activations.relu_,
  relu6: activations.relu6,
  relu6_: activations.relu6_,
  leakyRelu: activations.leakyRelu,
  leakyRelu_: activations.leakyRelu_,
  elu: activations.elu,
  elu_: activations.elu_,
  selu: activations.selu,
  selu_: activations.selu_,
  celu: activations.celu,
  celu_: activations.celu_,
  gelu: activations.gelu,
  silu: activations.silu,
  silu_: activations.silu_,
  mish: activations.mish,
  mish_: activations.mish_,
  softplus: activations.softplus,
  hardtanh: activations.hardtanh,
  hardtanh_: activations.hardtanh_,
  hardsigmoid: activations.hardsigmoid,
  hardsigmoid_: activations.hardsigmoid_,
  hardswish: activations.hardswish,
  hardswish_: activations.hardswish_,
  softsign: activations.softsign,
  hardshrink: activations.hardshrink,
  softshrink: activations.softshrink,
  tanhshrink: activations.tanhshrink,
  logsigmoid: activations.logsigmoid,
  threshold: activations.threshold,
  threshold_: activations.threshold_,
  prelu: activations.prelu,
  dropout: activations.dropout,
  dropout_: activations.dropout_,

  add: arithmetic.add,
  add_: arithmetic.add_,
  sub: arithmetic.sub,
  sub_: arithmetic.sub_,
  rsub: arithmetic.rsub,
  mul: arithmetic.mul,
  mul_: arithmetic.mul_,
  div: arithmetic.div,
  div_: arithmetic.div_,
  floorDivide: arithmetic.floorDivide,
  floorDivide_: arithmetic.floorDivide_,
  remainder: arithmetic.remainder,
  remainder_: arithmetic.remainder_,
  fmod: arithmetic.fmod,
  fmod_: arithmetic.fmod_,
  pow: arithmetic.pow,
  pow_: arithmetic.pow_,
  square: arithmetic.square,
  square_: arithmetic.square_,
  maximum: arithmetic.maximum,
  minimum: arithmetic.minimum,

  lerp: blends.lerp,
  lerp_: blends.lerp_,
  addcmul: blends.addcmul,
  addcmul_: blends.addcmul_,
  addcdiv: blends.addcdiv,
  addcdiv_: blends.addcdiv_,

  clamp: clamp.clamp,
  clamp_: clamp.clamp_,
  clampMin: clamp.clampMin,
  clampMin_: clamp.clampMin_,
  clampMax: clamp.clampMax,
  clampMax_: clamp.clampMax_,

  eq: compare.eq,
  ne: compare.ne,
  lt: compare.lt,
  le: compare.le,
  gt: compare.gt,
  ge: compare.ge,
  logicalAnd: compare.logicalAnd,
  logicalOr: compare.logicalOr,
  logicalXor: compare.logicalXor,
  logicalNot: compare.logicalNot,
  bitwiseAnd: compare.bitwiseAnd,
  bitwiseOr: compare.bitwiseOr,
  bitwiseXor: compare.bitwiseXor,
  bitwiseNot: compare.bitwiseNot,
  equal: compare.equal,
  isclose: compare.isclose,
  allclose: compare.allclose,
  maskedFill: compare.maskedFill,
  maskedFill_: compare.maskedFill_,

  clone: copies.clone,
  contiguous: copies.contiguous,
  to: copies.to,
  ...copies.casts,
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
  max: reductions.max,
  min: reductions.min,

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

  uniform_: random.uniform_,
  normal_: random.normal_,
  random_: random.random_,
  bernoulli: random.bernoulli,
  bernoulli_: random.bernoulli_,

  sin: trigonometry.sin,
  sin_: trigonometry.sin_,
  cos: trigonometry.cos,
  cos_: trigonometry.cos_,
  tan: trigonometry.tan,
  tan_: trigonometry.tan_,
  asin: trigonometry.asin,
  asin_: trigonometry.asin_,
  acos: trigonometry.acos,
  acos_: trigonometry.acos_,
  atan: trigonometry.atan,
  atan_: trigonometry.atan_,
  sinh: trigonometry.sinh,
  sinh_: trigonometry.sinh_,
  cosh: trigonometry.cosh,
  cosh_: trigonometry.cosh_,
  tanh: trigonometry.tanh,
  tanh_: trigonometry.tanh_,
  asinh: trigonometry.asinh,
  asinh_: trigonometry.asinh_,
  acosh: trigonometry.acosh,
  acosh_: trigonometry.acosh_,
  atanh: trigonometry.atanh,
  atanh_: trigonometry.atanh_,
  atan2: trigonometry.atan2,
  atan2_: trigonometry.atan2_,

  neg: unary.neg,
  neg_: unary.neg_,
  abs: unary.abs,
  abs_: unary.abs_,
  sign: unary.sign,
  sign_: unary.sign_,
  exp: unary.exp,
  exp_: unary.exp_,
  exp2: unary.exp2,
  exp2_: unary.exp2_,
  expm1: unary.expm1,
  expm1_: unary.expm1_,
  log: unary.log,
  log_: unary.log_,
  log1p: unary.log1p,
  log1p_: unary.log1p_,
  log2: unary.log2,
  log2_: unary.log2_,
  log10: unary.log10,
  log10_: unary.log10_,
  sqrt: unary.sqrt,
  sqrt_: unary.sqrt_,
  rsqrt: unary.rsqrt,
  rsqrt_: unary.rsqrt_,
  reciprocal: unary.reciprocal,
  reciprocal_: unary.reciprocal_,
  sigmoid: unary.sigmoid,
  sigmoid_: unary.sigmoid_,
  erf: unary.erf,
  erf_: unary.erf_,
  erfc: unary.erfc,
  erfc_: unary.erfc_,
  floor: unary.floor,
  floor_: unary.floor_,
  ceil: unary.ceil,
  ceil_: unary.ceil_,
  round: unary.round,
  round_: unary.round_,
  trunc: unary.trunc,
  trunc_: unary.trunc_,
  frac: unary.frac,
  frac_: unary.frac_,
  isnan: unary.isnan,
  isinf: unary.isinf,
  isfinite: unary.isfinite,

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
};

for (const [name, f] of Object.entries(methods)) {
  const method = function (this: Tensor, ...rest: unknown[]): unknown {
    return (f as (x: Tensor, ...rest: unknown[]) => unknown)(this, ...rest);
  };
  Object.defineProperty(method, 'name', { value: name });
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true });
}

// Node's console shows tensors by it.
Object.defineProperty(Tensor.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Tensor) {
    return showTensor(this);
  },
  configurable: true,
});
