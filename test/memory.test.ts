import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { availableTargets, currentTarget, setTarget } from '../src/device/target.ts';
import * as flow from '../src/index.ts';
import { nn } from '../src/index.ts';

const MEBIBYTE = 2 ** 20;

const natives = availableTargets().filter((name) => name === 'avx2' || name === 'avx512');
const before = currentTarget().name;
afterEach(() => {
  setTarget(before);
});

/** 20,000 forward and backward passes in one synchronous loop; `watch` is called now and then. */
const train = (watch: () => void): void => {
  flow.manualSeed(3);
  const model = new nn.Sequential(
    new nn.Conv2d(2, 4, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Conv2d(4, 3, [3, 2]),
  );
  const x = flow.randn([3, 2, 16, 15]);
  let expected: Float32Array | null = null;
  for (let pass = 0; pass < 20_000; pass++) {
    model.zeroGrad(true);
    model(x).square().mean().backward();
    if (pass % 1000 !== 0) continue;
    // The same numbers at every pass: nothing that is in use was recycled.
    const grad = model.getParameter('0.weight').grad!.toTypedArray() as Float32Array;
    expected ??= grad;
    expect(grad).toEqualBits(expected);
    watch();
  }
};

describe('In a synchronous loop of 20,000 passes, nothing disposed', { timeout: 120_000 }, () => {
  it('the heap of WebAssembly stays under its limit', () => {
    setTarget('wasm');
    const limit = 24 * MEBIBYTE;
    flow.setMemoryLimit(limit);
    train(() => undefined);
    const stats = flow.memoryStats();
    expect(stats.heapBytes).toBeLessThanOrEqual(limit);
    expect(stats.collections + stats.evictions).toBeGreaterThan(0);
    expect(process.memoryUsage().rss).toBeLessThan(1500 * MEBIBYTE);
  });

  it.each(natives)("the process's memory is flat: training on %s", (target) => {
    setTarget(target);
    let most = 0;
    train(() => (most = Math.max(most, flow.memoryStats().nativeBytes)));
    // In all they are some hundred megabytes.
    expect(most).toBeLessThan(200 * MEBIBYTE);
    expect(process.memoryUsage().rss).toBeLessThan(1500 * MEBIBYTE);
  });

  it.each(natives)("the process's memory is flat: 16 GB of tensors on %s", (target) => {
    setTarget(target);
    let x = flow.zeros([200, 1000]);
    let early = 0;
    let late = 0;
    for (let pass = 0; pass < 20_000; pass++) {
      x = x.add(1);
      if (pass % 100 !== 0) continue;
      const { rss } = process.memoryUsage();
      if (pass < 5000) early = Math.max(early, rss);
      else late = Math.max(late, rss);
    }
    expect(x.sum().item()).toBe(20_000 * 200_000);
    expect(early).toBeLessThan(1500 * MEBIBYTE);
    expect(late).toBeLessThan(1.5 * early);
  });
});

describe.each(['wasm', ...natives] as const)('Memory on %s', (target) => {
  beforeEach(() => {
    setTarget(target);
  });

  it('comes back at the end of a scope, but for what the scope returns', () => {
    let lost: flow.Tensor | null = null;
    const kept = flow.scope(() => {
      const a = flow.randn([1000]);
      const b = (lost = a.mul(2));
      return { sum: b.sum(), list: [a] };
    });
    expect(lost!.storage.disposed).toBe(true);
    expect(kept.list[0]!.sum().mul(2).item()).toBeCloseTo(kept.sum.item(), 3);
  });

  it('comes back at the end of a `using` block, and what was made there is gone', () => {
    let lost: flow.Tensor;
    {
      using scope = new flow.Scope();
      lost = flow.ones([3]);
      scope.keep(flow.zeros([2]));
    }
    expect(() => lost.add(1)).toThrow(/^this tensor's memory was given back/);
  });

  it('refuses an asynchronous scope', () => {
    expect(() => flow.scope(async () => Promise.resolve(1))).toThrow(
      'flow.scope takes a synchronous function: its memory is given back when it returns',
    );
  });

  if (target === 'wasm')
    it('is tensors moved out of the heap and back, where they do not fit', () => {
      flow.setMemoryLimit(24 * MEBIBYTE);
      const many = Array.from({ length: 20 }, (_, k) => flow.full([2 * MEBIBYTE], k + 1, { dtype: 'uint8' }));
      expect(flow.memoryStats().evictions).toBeGreaterThan(0);
      many.forEach((t, k) => {
        expect(t.to('int32').sum().item()).toBe((k + 1) * 2 * MEBIBYTE);
      });
    });

  it.each([
    [
      [2 ** 20, 2 ** 20],
      target === 'wasm'
        ? 'a float32 tensor of shape [1048576, 1048576] would take 4398046511104 bytes; the largest possible takes 2147418112'
        : 'out of memory: 4398046511104 bytes were asked for',
    ],
    [[3, -2], 'Trying to create tensor with negative dimension -2: [3, -2]'],
  ])('refuses a tensor of shape %s', (shape, text) => {
    expect(() => flow.zeros(shape)).toThrow(text);
  });
});
