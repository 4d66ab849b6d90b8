import { describe, expect, it } from 'vitest';
import { backward, grad } from '../../src/autograd/backward.ts';
import { noGrad } from '../../src/autograd/mode.ts';
import '../../src/methods.ts';
import { where } from '../../src/ops/compare.ts';
import { bernoulli, rand, randint } from '../../src/ops/random.ts';
import { arange, ones, tensor, zeros } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { golden } from './cases.ts';

const leaf = (): Tensor => rand([3], { requiresGrad: true });
const z2 = zeros([2]);
const z3 = zeros([3]);
const z23 = zeros([2, 3]);
const true3 = z3.eq(0);
const ints = arange(3);
/** For calls that TypeScript refuses. */
const wrong = (x: unknown): never => x as never;

/** The calls of make_ops.py, under the same names. */
const calls: Readonly<Record<string, () => unknown>> = {
  'leaf in place': () => leaf().add_(1),
  'view of a leaf in place': () => leaf().narrow(0, 0, 2).add_(1),
  'leaf filled': () => leaf().uniform_(),
  'view made under noGrad': () => {
    const b = leaf().mul(1);
    return noGrad(() => b.view(3)).add_(1);
  },
  'in place onto a smaller shape': () => zeros([3]).add_(z23),
  'broadcast in place': () => zeros([3]).add_(z2),
  broadcast: () => z23.add(zeros([4, 3])),
  'broadcast ranks': () => z23.mul(z2),
  'broadcast where': () => where(z23.gt(0), zeros([4, 3]), z3),
  'broadcast maskedFill': () => z3.maskedFill(z2.gt(0), 1),
  'maskedFill_ onto a smaller shape': () => zeros([3]).maskedFill_(z23.gt(0), 1),
  'maskedFill by a vector': () => z3.maskedFill(true3, z2),
  'maskedFill overflow': () => zeros([3], { dtype: 'uint8' }).maskedFill(true3, 300),
  'maskedFill float overflow': () => z3.maskedFill(true3, 1e300),
  'exp_ of integers': () => arange(3).exp_(),
  'add_ of a fraction to integers': () => arange(3).add_(1.5),
  'alpha of integers': () => ints.add(ints, { alpha: 1.5 }),
  'sub of bools': () => true3.sub(true3),
  'sub of a bool': () => true3.sub(1),
  'rsub of a bool': () => true3.rsub(1),
  'neg of bools': () => true3.neg(),
  'abs of bools': () => true3.abs(),
  'floor of bools': () => true3.floor(),
  'frac of integers': () => ints.frac(),
  'relu of bools': () => true3.relu(),
  'hardtanh of bools': () => true3.hardtanh(),
  'hardtanh of bytes': () => true3.to('uint8').hardtanh(),
  'gelu of integers': () => ints.gelu(),
  'silu of integers': () => ints.silu(),
  'elu of integers': () => ints.elu(),
  'leakyRelu of integers': () => ints.leakyRelu(),
  'softplus of integers': () => ints.softplus(),
  'mish of bools': () => true3.mish(),
  'logsigmoid of integers': () => ints.logsigmoid(),
  'hardswish of integers': () => ints.hardswish(),
  'hardsigmoid of integers': () => ints.hardsigmoid(),
  'threshold of bools': () => true3.threshold(0, 1),
  'gelu approximation': () => z3.gelu({ approximate: wrong('foo') }),
  'celu alpha': () => z3.celu(0),
  'prelu count': () => z23.prelu(z2),
  'prelu scalar': () => tensor(1).prelu(z2),
  'prelu dtype': () => z23.to('float64').prelu(z3),
  'dropout probability': () => z3.dropout(1.5),
  'clamp without bounds': () => z3.clamp(),
  'clamp broadcast': () => z3.clamp(z2, z3),
  'negative power of integers': () => ints.pow(-1),
  'integers by zero': () => ints.div(0, { roundingMode: 'floor' }),
  'integers by a zero': () => ints.remainder(tensor([1n, 0n, 2n])),
  'floor division of bools': () => true3.floorDivide(true3),
  'remainder of bools': () => true3.remainder(true3),
  'lerp dtype': () => z3.lerp(z3.to('float64'), 0.5),
  'lerp weight dtype': () => z3.lerp(z3, z3.to('float64')),
  'lerp of integers': () => ints.lerp(ints, 0.5),
  'addcdiv of integers': () => ints.addcdiv(ints, ints),
  'addcmul_ onto a smaller shape': () => zeros([3]).addcmul_(z23, z3),
  'softshrink lambda': () => z3.softshrink(-0.5),
  'hardshrink of integers': () => ints.hardshrink(),
  'isclose dtype': () => z3.isclose(z3.to('float64')),
  'isclose rtol': () => z3.isclose(z3, { rtol: -1 }),
  'where condition': () => where(z3, 1, 2),
  'bitwiseAnd of floats': () => z3.bitwiseAnd(z3),
  'bitwiseNot of floats': () => z3.bitwiseNot(),
  'expanded in place': () => zeros([3]).expand(2, 3).add_(1),
  'expanded copy_': () =>
    zeros([3])
      .expand(2, 3)
      .copy_(ones([2, 3])),
  'expanded uniform_': () => zeros([3]).expand(2, 3).uniform_(),
  'shifted onto itself': () => {
    const a = zeros([4]);
    return a.narrow(0, 1, 3).add_(a.narrow(0, 0, 3));
  },
  'transposed onto itself': () => {
    const a = zeros([3, 3]);
    return a.add_(a.t());
  },
  'transposed copy_': () => {
    const a = zeros([3, 3]);
    return a.copy_(a.t());
  },
  'bernoulli_ p': () => zeros([3]).bernoulli_(1.5),
  'bernoulli p': () => bernoulli(tensor([1.5, 0])),
  'bernoulli of integers': () => bernoulli(tensor([1n, 0n])),
  'uniform_ of integers': () => arange(3).uniform_(),
  'uniform_ bounds': () => zeros([3]).uniform_(2, 1),
  'normal_ of integers': () => arange(3).normal_(),
  'normal_ std': () => zeros([3]).normal_(0, -1),
  'randint bounds': () => randint(3, 2, [2]),
  'saved result changed': () => {
    const b = zeros([2], { requiresGrad: true }).exp();
    b.add_(1);
    b.sum().backward();
  },
  'saved input changed': () => {
    const b = zeros([2, 3], { requiresGrad: true }).mul(2);
    const c = b.mul(b);
    b.add_(1);
    c.sum().backward();
  },
  'saved leaf changed': () => {
    const w = zeros([2], { dtype: 'float64' });
    const c = zeros([2], { requiresGrad: true }).mul(w);
    w.detach().add_(1);
    c.sum().backward();
  },
  'saved through a view': () => {
    const b = zeros([4], { requiresGrad: true }).mul(2);
    const c = b.mul(b);
    b.narrow(0, 0, 2).add_(1);
    c.sum().backward();
  },
  'backward twice': () => {
    const a = ones([2], { requiresGrad: true });
    const b = a.mul(a).sum();
    b.backward();
    b.backward();
  },
  'backward of a vector': () => leaf().mul(2).backward(),
  'backward without a graph': () => backward(ones([1])),
  'gradient of another shape': () =>
    leaf()
      .mul(2)
      .backward(ones([2])),
  'unused input': () => grad(leaf().mul(2).sum(), [leaf()]),
  'input without gradient': () => grad(leaf().mul(2).sum(), [ones([2])]),
  'hook without gradient': () => ones([2]).registerHook((g) => g),
  'retainGrad without gradient': () => ones([2]).retainGrad(),
  'requiresGrad of a result': () => {
    leaf().mul(2).requiresGrad = false;
  },
};

describe('an error says what PyTorch says', () => {
  it.each(Object.entries(golden.errors))('%s', (name, [kind, text]) => {
    expect(calls[name]).toBeDefined();
    let thrown: unknown;
    try {
      calls[name]!();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Error);
    expect({ kind: (thrown as Error).name, text: (thrown as Error).message }).toEqual({ kind, text });
  });

  it('and leaves the target as it was', () => {
    const x = zeros([3]);
    expect(() => x.add_(z23)).toThrow();
    expect(() => x.copy_(z23)).toThrow();
    expect(() => x.uniform_(2, 1)).toThrow();
    expect(x.version).toBe(0);
    expect(x.tolist()).toEqual([0, 0, 0]);
  });
});
