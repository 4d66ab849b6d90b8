import { expect, it } from 'vitest';
import '../../src/methods.ts';
import { pow, rsub } from '../../src/ops/arithmetic.ts';
import { where } from '../../src/ops/compare.ts';
import { bernoulli } from '../../src/ops/random.ts';
import { arange, tensor } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { golden } from './cases.ts';

const leaf = (values: number | number[]): Tensor => tensor(values, { dtype: 'float64', requiresGrad: true });
const A = leaf([0.3, 0.4]);
const B = leaf([0.5, 0.6]);
const T = leaf(0.5);
const M = tensor([true, false]);

/** The calls of make_ops.py, under the same names; functions of one tensor go by their own. */
const calls: Readonly<Record<string, () => Tensor>> = {
  acosh: () => A.add(1).acosh(),
  add: () => A.add(B),
  sub: () => A.sub(B),
  rsub: () => rsub(A, 1),
  mul: () => A.mul(B),
  div: () => A.div(B),
  'div floor': () => A.div(B, { roundingMode: 'floor' }),
  remainder: () => A.remainder(B),
  'remainder number': () => A.remainder(0.3),
  fmod: () => A.fmod(B),
  'fmod number': () => A.fmod(0.3),
  'pow number': () => A.pow(3),
  pow: () => A.pow(B),
  'pow of number': () => pow(2, A),
  maximum: () => A.maximum(B),
  minimum: () => A.minimum(B),
  'lerp number': () => A.lerp(B, 0.3),
  lerp: () => A.lerp(B, B),
  addcmul: () => A.addcmul(B, B),
  addcdiv: () => A.addcdiv(B, B),
  where: () => where(M, A, B),
  'maskedFill number': () => A.maskedFill(M, 0),
  maskedFill: () => A.maskedFill(M, T),
  'clamp number': () => A.clamp(0, 1),
  clamp: () => A.clamp(B, B),
  'clampMin number': () => A.clampMin(0),
  clampMin: () => A.clampMin(B),
  'clampMax number': () => A.clampMax(0),
  clampMax: () => A.clampMax(B),
  atan2: () => A.atan2(B),
  dropout: () => A.dropout(),
  bernoulli: () => bernoulli(A),
  prelu: () => A.prelu(T.view(1)),
  clone: () => A.clone(),
  to: () => A.to('float32'),
  fill_: () => A.mul(1).fill_(2),
  zero_: () => A.mul(1).zero_(),
  copy_: () => A.mul(1).copy_(B),
  uniform_: () => A.mul(1).uniform_(),
  normal_: () => A.mul(1).normal_(),
  bernoulli_: () => A.mul(1).bernoulli_(0.5),
  random_: () => A.mul(1).random_(0, 5),
  exp_: () => A.mul(1).exp_(),
  mul_: () => A.mul(1).mul_(B),
  eq: () => A.eq(B),
  'floor of integers': () => arange(3).floor(),
};

it.each(Object.entries(golden.nodes))('gradFn of %s has PyTorch’s name, %s', (name, node) => {
  const call = calls[name] ?? ((): Tensor => (A as unknown as Record<string, () => Tensor>)[name]!());
  expect(call().gradFn?.name ?? null).toBe(node);
});
