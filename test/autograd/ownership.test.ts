import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStats } from '../../src/device/memory.ts';
import { availableTargets, currentTarget, setTarget } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import type { Tensor } from '../../src/index.ts';

const before = currentTarget();

/** Overwrites whatever memory was given back. */
const overwriteFreeMemory = (): void => {
  for (let k = 0; k < 64; k++) flow.full([3, 5], NaN);
};
const leaf = (): Tensor => flow.arange(15).view([3, 5]).to('float32').requiresGrad_();
const list = (x: Tensor): unknown => x.tolist();

describe.each(availableTargets())('gradients that only the walk holds, on %s', (target) => {
  beforeEach(() => setTarget(target));
  afterEach(() => setTarget(before));

  it('become the gradient of one leaf only, where two leaves get the same', () => {
    const [x, y] = [leaf(), leaf()];
    x.add(y).mul(2).sum().backward();
    expect(x.grad!.storage).not.toBe(y.grad!.storage);
    flow.noGrad(() => x.grad!.mul_(5));
    overwriteFreeMemory();
    expect(list(x.grad!)).toEqual(list(flow.full([3, 5], 10)));
    expect(list(y.grad!)).toEqual(list(flow.full([3, 5], 2)));
  });

  it('are added up over several ways, and through views of what came before', () => {
    const x = leaf();
    const y = x.mul(3);
    y.add(y.view([5, 3]).view([3, 5]))
      .add(y.t().t())
      .add(y.sum(0, true))
      .sum()
      .backward();
    overwriteFreeMemory();
    // Three ways once, and each column's sum is added to all three rows.
    expect(list(x.grad!)).toEqual(list(flow.full([3, 5], 3 * (3 + 3))));
  });

  it('belong to a hook that has seen them', () => {
    const x = leaf();
    const seen: Tensor[] = [];
    const y = x.mul(2);
    y.registerHook((grad) => void seen.push(grad));
    x.registerHook((grad) => void seen.push(grad));
    y.mul(3).sum().backward();
    flow.noGrad(() => x.grad!.zero_());
    overwriteFreeMemory();
    expect(seen.map(list)).toEqual([list(flow.full([3, 5], 3)), list(flow.full([3, 5], 6))]);
  });

  it('belong to the tensor that was told to retain its gradient', () => {
    const x = leaf();
    const y = x.mul(2);
    y.retainGrad();
    y.exp().mul(0).add(y).sum().backward();
    overwriteFreeMemory();
    expect(list(y.grad!)).toEqual(list(flow.full([3, 5], 1)));
    expect(list(x.grad!)).toEqual(list(flow.full([3, 5], 2)));
  });

  it('belong to whoever asked for them', () => {
    const x = leaf();
    const y = x.mul(2);
    const z = y.mul(4);
    const [ofX, ofY, ofZ] = flow.autograd.grad(z.mul(5).sum(), [x, y, z]);
    overwriteFreeMemory();
    expect([ofX, ofY, ofZ].map((grad) => list(grad!))).toEqual(
      [40, 20, 5].map((value) => list(flow.full([3, 5], value))),
    );
  });

  it('are not those that the user gave', () => {
    const x = leaf();
    const gradient = flow.full([3, 5], 7);
    x.view([15]).view([3, 5]).backward(gradient);
    overwriteFreeMemory();
    expect(x.grad!.storage).not.toBe(gradient.storage);
    flow.noGrad(() => x.grad!.zero_());
    expect(list(gradient)).toEqual(list(flow.full([3, 5], 7)));
  });

  it('are laid out in memory as the leaf', () => {
    const x = leaf();
    const w = flow.arange(20).view([4, 5]).to('float32').requiresGrad_();
    x.matmul(w.t()).sum().backward();
    expect(w.grad!.strides).toEqual([5, 1]);
    // Already on the way: nothing is turned around at last.
    const turned = w.detach().t().requiresGrad_();
    x.matmul(turned).sum().backward();
    expect(turned.grad!.strides).toEqual([1, 5]);
    expect(turned.grad!.tolist()).toEqual(w.grad!.t().tolist());
    const [ofTurned] = flow.autograd.grad(x.matmul(turned).sum(), turned);
    expect(ofTurned!.strides).toEqual([1, 5]);
    const [ofLeft] = flow.autograd.grad(
      turned
        .t()
        .t()
        .matmul(flow.ones([4, 2]))
        .sum(),
      turned,
    );
    expect(ofLeft!.strides).toEqual([1, 5]);
    // Along an axis of one element any stride will do; the leaf's is what it gets.
    const taps = flow.ones([4, 1, 3, 3]).requiresGrad_();
    flow
      .conv2d(flow.ones([2, 1, 5, 5]), taps)
      .sum()
      .backward();
    expect(taps.grad!.strides).toEqual([9, 9, 3, 1]);
    expect(taps.grad!.tolist()).toEqual(flow.full([4, 1, 3, 3], 18).tolist());
    const t = flow.arange(20).view([4, 5]).to('float32').t().detach().requiresGrad_();
    t.mul(2).exp().contiguous().sum().backward();
    expect(t.grad!.strides).toEqual([1, 5]);
  });
});

describe('gradients on their way', () => {
  it('give their memory back while the walk goes on', () => {
    setTarget('wasm');
    const x = flow.ones([256, 256]).requiresGrad_();
    let y = x.mul(1);
    for (let k = 0; k < 20; k++) y = y.mul(1.01);
    const loss = y.sum();
    flow.resetPeakMemoryStats();
    const { residentBytes } = memoryStats();
    loss.backward();
    expect(memoryStats().peakBytes - residentBytes).toBeLessThan(4 * x.numel() * 4);
    setTarget(before);
  });
});
