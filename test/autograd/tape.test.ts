import { beforeEach, describe, expect, it } from 'vitest';
import { grad } from '../../src/autograd/backward.ts';
import { enableGrad, noGrad } from '../../src/autograd/mode.ts';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import '../../src/methods.ts';
import { where } from '../../src/ops/compare.ts';
import { onesLike, tensor, zeros, type Nested } from '../../src/tensor/create.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { decodeFlat, golden, type CodedValues } from '../ops/cases.ts';

const f64 = (values: Nested): Tensor => tensor(values, { dtype: 'float64' });
const leaf = (values: Nested): Tensor => f64(values).requiresGrad_();
const x4 = (): Tensor => leaf([1, 2, -3, 4]);
const W = f64([0.5, -1, 2, 3]);
const weighed = (y: Tensor): Tensor => y.mul(W).sum();

type Found = Readonly<
  Record<string, Tensor | string | number | boolean | readonly string[] | null | undefined>
>;

/** The scenarios of make_ops.py, under the same names. */
const scenarios: Readonly<Record<string, () => Found>> = {
  accumulate: () => {
    const x = x4();
    for (let k = 0; k < 3; k++) weighed(x).backward();
    return { grad: x.grad };
  },
  used_twice: () => {
    const x = x4();
    weighed(x.mul(x).add(x.exp().mul(x))).backward();
    return { grad: x.grad };
  },
  retain_graph: () => {
    const x = x4();
    const y = x.pow(3).sum();
    y.backward(null, { retainGraph: true });
    y.backward();
    return { grad: x.grad };
  },
  create_graph: () => {
    const x = x4();
    const [first] = grad(weighed(x.pow(3)), x, { createGraph: true });
    const [second] = grad(first!.sum(), x, { createGraph: true });
    const [third] = grad(second!.sum(), x);
    return { first, second, third };
  },
  mixed_partials: () => {
    const [x, y] = [x4(), leaf([0.5, 1.5, 2.5, -0.5])];
    const [g] = grad(x.sin().mul(y.exp()).sum(), x, { createGraph: true });
    const [xx, xy] = grad(weighed(g!), [x, y]);
    return { xx, xy };
  },
  backward_create_graph: () => {
    const x = x4();
    x.pow(3).sum().backward(null, { createGraph: true });
    weighed(x.grad!.mul(x.grad!)).backward();
    return { grad: x.grad };
  },
  hooks: () => {
    const x = x4();
    const y = x.mul(2);
    y.registerHook((g) => g.mul(10));
    y.registerHook((g) => g.add(1));
    x.registerHook((g) => g.mul(100));
    weighed(y).backward();
    return { grad: x.grad };
  },
  hook_removed: () => {
    const x = x4();
    const handle = x.registerHook((g) => g.mul(10));
    x.sum().backward();
    handle.remove();
    x.sum().backward();
    return { grad: x.grad };
  },
  retain_grad: () => {
    const x = x4();
    const y = x.mul(2);
    y.retainGrad();
    weighed(y.mul(y)).backward();
    return { x: x.grad, y: y.grad };
  },
  detach: () => {
    const x = x4();
    const y = x.mul(x);
    weighed(y.mul(y.detach())).backward();
    return { grad: x.grad };
  },
  no_grad: () => {
    const x = x4();
    const [y, z] = noGrad(() => [x.mul(x), enableGrad(() => x.mul(3))] as const);
    y.mul(z).sum().backward();
    return { grad: x.grad, y: y.requiresGrad, z: z.requiresGrad };
  },
  broadcast: () => {
    const x = leaf([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const [s, b] = [leaf([[2], [-1]]), leaf(3)];
    x.mul(s).add(b).pow(2).sum().backward();
    return { x: x.grad, s: s.grad, b: b.grad };
  },
  mixed_dtypes: () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const y = leaf([3, 4]);
    x.mul(y).sum().backward();
    return { x: x.grad, y: y.grad, dtypes: [x.grad!.dtype, y.grad!.dtype] };
  },
  in_place_on_slice: () => {
    const x = x4();
    const y = x.mul(2);
    y.narrow(0, 1, 2).mul_(3);
    weighed(y).backward();
    return { y, grad: x.grad, node: y.gradFn?.name };
  },
  in_place_on_slice_by_tensor: () => {
    const [x, s] = [x4(), leaf([5, 7])];
    const y = x.mul(2);
    const v = y.narrow(0, 1, 2);
    v.mul_(s);
    weighed(y).backward();
    return { y, grad: x.grad, s: s.grad, node: v.gradFn?.name };
  },
  view_before_base_changes: () => {
    const x = x4();
    const y = x.mul(2);
    const v = y.narrow(0, 0, 2);
    y.mul_(x);
    v.sum().backward();
    return { v, grad: x.grad };
  },
  view_of_view: () => {
    const x = x4();
    const y = x.mul(2);
    const v = y.view(2, 2);
    v.select(0, 0).exp_();
    weighed(y.mul(y)).add(v.sum()).backward();
    return { y, grad: x.grad };
  },
  transposed_view: () => {
    const [x, z] = [x4(), leaf([10, 20])];
    const y = x.mul(2);
    y.view(2, 2).t().select(0, 0).copy_(z.mul(2));
    weighed(y).backward();
    return { y, x: x.grad, z: z.grad };
  },
  copy_into_view_broadcast: () => {
    const [x, z] = [x4(), leaf([7])];
    const y = x.mul(2);
    y.narrow(0, 1, 3).copy_(z);
    weighed(y.mul(y)).backward();
    return { y, x: x.grad, z: z.grad };
  },
  copy_into_fresh: () => {
    const z = leaf([7, 8]);
    const y = zeros([4], { dtype: 'float64' });
    y.narrow(0, 1, 2).copy_(z.mul(z));
    weighed(y).backward();
    return { y, z: z.grad, node: y.gradFn?.name };
  },
  zero_slice: () => {
    const x = x4();
    const y = x.mul(2);
    y.narrow(0, 2, 2).zero_();
    weighed(y).backward();
    return { y, grad: x.grad };
  },
  fill_all: () => {
    const x = x4();
    const y = x.mul(2);
    y.fill_(5);
    weighed(y).backward();
    return { grad: x.grad, node: y.gradFn?.name };
  },
  saved_before_in_place: () => {
    const x = x4();
    const y = x.mul(2);
    y.sin_();
    weighed(y).backward();
    return { y, grad: x.grad, node: y.gradFn?.name };
  },
  relu_in_place_twice_differentiated: () => {
    const x = x4();
    const y = x.mul(x).mul(x).relu_();
    const [first] = grad(weighed(y), x, { createGraph: true });
    const [second] = grad(first!.sum(), x);
    return { first, second };
  },
  slice_in_place_twice_differentiated: () => {
    const x = x4();
    const y = x.mul(x);
    y.narrow(0, 1, 2).mul_(x.narrow(0, 0, 2));
    const [first] = grad(y.mul(y).sum(), x, { createGraph: true });
    const [second] = grad(weighed(first!), x);
    return { first, second };
  },
  chain_in_place: () => {
    const x = x4();
    const y = x.mul(1);
    y.mul_(2).add_(x).sub_(0.5, { alpha: 2 }).sigmoid_();
    weighed(y).backward();
    return { y, grad: x.grad, version: y.version };
  },
  masked_and_where: () => {
    const [x, y] = [x4(), leaf([0.5, 1.5, 2.5, -0.5])];
    const m = tensor([true, false, true, false]);
    const out = where(m, x.mul(y), x.maskedFill(m, 2)).add(y.maskedFill(m.logicalNot(), 0));
    weighed(out).backward();
    return { out, x: x.grad, y: y.grad };
  },
  expanded_leaf: () => {
    const x = leaf([[1], [2]]);
    const weights = f64([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    x.expand(2, 3).mul(weights).sum().backward();
    return { grad: x.grad };
  },
  overlapping_view: () => {
    const x = x4();
    const y = x.mul(1).asStrided([3, 2], [1, 1]);
    y.mul(f64([[1, 2], [3, 4], [5, 6]])).sum().backward(); // prettier-ignore
    return { grad: x.grad };
  },
  grad_of_intermediate: () => {
    const x = x4();
    const y = x.mul(x);
    const [gy, gx] = grad(weighed(y), [y, x]);
    return { y: gy, x: gx, leaf: x.grad === null };
  },
  unused_allowed: () => {
    const [x, y] = [x4(), x4()];
    const [gx, gy] = grad(weighed(x), [x, y], { allowUnused: true });
    return { x: gx, y: gy === null };
  },
  several_outputs: () => {
    const x = x4();
    const [g] = grad([x.sin(), x.exp()], x, { gradOutputs: [W, onesLike(W)] });
    return { grad: g };
  },
  data_assignment: () => {
    const x = x4();
    const y = x.mul(2);
    x.data = f64([9, 9, 9, 9]);
    weighed(y).backward();
    return { grad: x.grad, x };
  },
  random_in_place: () => {
    const x = x4();
    const y = x.mul(2);
    y.narrow(0, 0, 2).uniform_();
    weighed(y).backward();
    return { grad: x.grad };
  },
  detached_view_changed: () => {
    const x = x4();
    const y = x.mul(2);
    const v = y.narrow(0, 0, 2).detach();
    v.mul_(3);
    weighed(y).backward();
    return { y, grad: x.grad, v: v.requiresGrad, version: y.version };
  },
  maximum_ties: () => {
    const [x, y] = [leaf([1, 2, 3, NaN]), leaf([1, 3, 2, 1])];
    weighed(x.maximum(y)).backward();
    return { x: x.grad, y: y.grad };
  },
  power_edges: () => {
    const [x, e] = [leaf([0, 0, 2, -2]), leaf([0, 2, 0, 2])];
    x.pow(e).sum().backward();
    return { x: x.grad, e: e.grad };
  },
  abs_and_clamp_edges: () => {
    const x = leaf([0, -1, 1, 2]);
    weighed(x.abs().add(x.clamp(-1, 1)).add(x.clampMin(0))).backward();
    return { grad: x.grad };
  },
  blends: () => {
    const [x, a, b] = [x4(), leaf([0.5, 1.5, 2.5, -0.5]), leaf([2, 3, 4, 5])];
    const out = x
      .lerp(a, 0.3)
      .add(x.lerp(a, b))
      .add(x.addcmul(a, b, { value: 0.5 }))
      .add(x.addcdiv(a, b, { value: 2 }));
    weighed(out).backward();
    return { out, x: x.grad, a: a.grad, b: b.grad };
  },
};

describe.each(availableTargets())('on %s', (target) => {
  beforeEach(() => setTarget(target));

  it.each(Object.entries(golden.scenarios))('%s happens as in PyTorch', (name, expected) => {
    expect(scenarios[name]).toBeDefined();
    const found = scenarios[name]!();
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(found)) {
      const wanted = expected[key]!;
      if (value instanceof Tensor) {
        expect(value.detach(), key).toBeAllclose(decodeFlat(wanted as CodedValues), { rtol: 1e-12 });
      } else if (key === 'node')
        expect(value as string).toBe((wanted as string).replace('torch::autograd::', ''));
      else expect(value, key).toEqual(wanted);
    }
  });

  it('an in-place operation may read its target twice', () => {
    const x = x4();
    const y = x.mul(2);
    y.mul_(y);
    weighed(y).backward();
    expect(x.grad).toBeAllclose([4, -16, -48, 96]);
  });
});

describe('the tape', () => {
  it('records nothing that no gradient can flow through', () => {
    const x = x4();
    expect(x.gt(0).requiresGrad).toBe(false);
    expect(x.detach().mul(2).gradFn).toBeNull();
    expect(noGrad(() => x.mul(2)).isLeaf).toBe(true);
    expect(W.mul(2).requiresGrad).toBe(false);
    expect(x.to('int64').requiresGrad).toBe(false);
  });

  it('keeps a leaf’s gradient object and adds to it in place', () => {
    const x = x4();
    weighed(x).backward();
    const first = x.grad;
    weighed(x).backward();
    expect(x.grad).toBe(first);
    expect(first!.version).toBe(1);
  });

  it('does not alias the cotangent that was passed in', () => {
    const x = x4();
    const cotangent = f64([1, 1, 1, 1]);
    x.backward(cotangent);
    cotangent.zero_();
    expect(x.grad!.tolist()).toEqual([1, 1, 1, 1]);
  });

  it('a hook that returns nothing leaves the gradient as it is, and one that throws stops the pass', () => {
    const x = x4();
    const seen: unknown[] = [];
    x.registerHook((g) => void seen.push(g.tolist()));
    weighed(x).backward();
    expect(seen).toEqual([[0.5, -1, 2, 3]]);
    x.registerHook(() => {
      throw new RangeError('enough');
    });
    expect(() => weighed(x).backward()).toThrow(new RangeError('enough'));
  });

  it('switches recording back when the body throws', () => {
    expect(() =>
      noGrad(() => {
        throw new RangeError('inside');
      }),
    ).toThrow(new RangeError('inside'));
    expect(x4().mul(2).requiresGrad).toBe(true);
  });

  it('goes through ten thousand steps without running out of stack', () => {
    const x = tensor([1], { requiresGrad: true });
    let y: Tensor = x;
    for (let k = 0; k < 10_000; k++) y = y.add(1);
    y.backward();
    expect(x.grad!.item()).toBe(1);
  });

  it('frees what it saved after a pass, so that a second one is refused', () => {
    const x = x4();
    const y = x.exp().sum();
    y.backward();
    expect(() => y.backward()).toThrow(/backward through the graph a second time/);
  });
});
