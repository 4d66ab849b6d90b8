import { describe, expect, it } from 'vitest';
import '../../src/methods.ts';
import {
  bernoulli,
  manualSeed,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
} from '../../src/ops/random.ts';
import { arange, full, tensor, zeros } from '../../src/tensor/create.ts';
import { Generator } from '../../src/tensor/random/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { decodeFlat, golden } from './cases.ts';

/** The draws of make_ops.py, under the same names. */
const draws: Readonly<Record<string, () => Tensor>> = {
  rand: () => rand([2, 3]),
  'rand float64': () => rand([3], { dtype: 'float64' }),
  'randn small': () => randn([2, 3]),
  randn: () => randn([3, 7]),
  randint: () => randint(-5, 5, [2, 4]),
  'randint high': () => randint(10, [3], { dtype: 'int32' }),
  randperm: () => randperm(9),
  'uniform_ transposed': () => zeros([2, 3]).t().uniform_(-1, 1),
  'uniform_ strided': () => zeros([3, 4]).slice(1, 0, 4, 2).uniform_(),
  'uniform_ channels last': () => zeros([1, 2, 2, 3]).contiguous('channels_last').uniform_(),
  'normal_ transposed': () => zeros([4, 5]).t().normal_(1, 2),
  bernoulli_: () => zeros([9]).bernoulli_(0.3),
  'bernoulli_ integers': () => zeros([9], { dtype: 'int64' }).bernoulli_(0.6),
  'bernoulli_ tensor': () => zeros([2, 3]).bernoulli_(tensor([0.1, 0.5, 0.9])),
  'bernoulli float64': () => bernoulli(full([9], 0.4, { dtype: 'float64' })),
  'bernoulli transposed': () => bernoulli(tensor([0.1, 0.5, 0.9, 0.6, 0.5, 0.4], { shape: [2, 3] }).t()),
  'randLike transposed': () => randLike(zeros([2, 3]).t()),
  dropout: () => arange(1, 13, { dtype: 'float32' }).view(3, 4).dropout(0.4),
  'dropout transposed': () => arange(1, 13, { dtype: 'float32' }).view(3, 4).t().dropout(0.4),
  random_: () => zeros([5]).random_(3, 9),
};

describe('for the same seed', () => {
  it.each(Object.entries(golden.random))(
    '%s draws PyTorch’s numbers and as many of them',
    (name, expected) => {
      manualSeed(7);
      const values = draws[name]!();
      // float32 values are equal bit for bit; the decimal digits of float64 are exact too.
      expect(Float64Array.from(values.contiguous().toTypedArray() as Float32Array, Number)).toEqualBits(
        Float64Array.from(decodeFlat(expected.values)),
      );
      expect(rand([1]).item()).toBe(expected.next);
    },
  );
});

describe('random tensors', () => {
  it('come from a generator of their own when one is given', () => {
    const [a, b] = [new Generator(5), new Generator(5)];
    manualSeed(1);
    const x = rand([4], { generator: a });
    rand([100]);
    expect(rand([4], { generator: b }).tolist()).toEqual(x.tolist());
    manualSeed(1);
    const y = rand([100]);
    manualSeed(1);
    expect(rand([100]).equal(y)).toBe(true);
  });

  it('may require gradients and count no change', () => {
    const x = randn([3], { requiresGrad: true, dtype: 'float64' });
    expect(x.requiresGrad).toBe(true);
    expect(x.isLeaf).toBe(true);
    expect(x.dtype).toBe('float64');
  });

  it('…Like takes shape, dtype and memory order from its model', () => {
    const model = zeros([2, 3], { dtype: 'float64' }).t();
    const x = randnLike(model);
    expect([x.shape, x.stride(), x.dtype]).toEqual([[3, 2], [1, 3], 'float64']);
    expect(randLike(model, { dtype: 'float32' }).dtype).toBe('float32');
  });

  it('fill the elements of a view and nothing between them', () => {
    const x = full([4, 4], -1);
    x.slice(0, 0, 4, 2).slice(1, 1, 4, 2).uniform_();
    expect(x.ge(0).to('int64').tolist()).toEqual([
      [0, 1, 0, 1],
      [0, 0, 0, 0],
      [0, 1, 0, 1],
      [0, 0, 0, 0],
    ]);
  });

  it('dropout scales what it keeps, keeps nothing at p = 1, and is the input itself when there is nothing to drop', () => {
    const x = tensor([1, 2, 3, 4], { requiresGrad: true });
    expect(x.dropout(0)).toBe(x);
    expect(x.dropout(0.5, false)).toBe(x);
    expect(x.dropout(1).tolist()).toEqual([0, 0, 0, 0]);
    manualSeed(0);
    const y = x.dropout(0.5);
    const kept = y.ne(0);
    expect(y.detach().equal(x.detach().mul(2).mul(kept))).toBe(true);
    y.sum().backward();
    expect(x.grad!.equal(kept.to('float32').mul(2))).toBe(true);
  });

  it('empty fills draw nothing', () => {
    manualSeed(3);
    rand([0, 4]);
    randn([3, 0]);
    const x = rand([2]);
    manualSeed(3);
    expect(rand([2]).equal(x)).toBe(true);
  });
});
