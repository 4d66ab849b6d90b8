import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { availableTargets, setTarget } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import { nn } from '../../src/index.ts';
import { goldenJson } from '../golden/golden.ts';

const golden = goldenJson<{
  readonly hook_order: { readonly input: number[]; readonly result: number[]; readonly log: unknown[] };
  readonly hook_removed_during_call_still_runs_once: number[];
  readonly hook_added_during_call_waits_for_the_next_call: unknown[];
  readonly nested_hooks: { readonly log: string[] };
  readonly double: Readonly<Record<string, boolean | string>>;
}>('transcripts.json');

describe.each(availableTargets())("PyTorch's transcripts, on %s", (target) => {
  beforeAll(() => setTarget(target));
  afterAll(() => setTarget('wasm'));

  it('hook_order: each hook sees what the one before has made of arguments and result', () => {
    const log: unknown[] = [];
    const relu = new nn.ReLU();
    relu.registerForwardPreHook(() => void log.push('pre1'));
    relu.registerForwardPreHook((_, [x]) => {
      log.push('pre2');
      return x.add(1);
    });
    relu.registerForwardHook((_, [x], y) => void log.push(['post1', x.tolist(), y.tolist()]));
    relu.registerForwardHook((_, __, y) => y.mul(2));
    relu.registerForwardHook((_, __, y) => void log.push(['post3', y.tolist()]));
    expect(relu(flow.tensor(golden.hook_order.input)).tolist()).toEqual(golden.hook_order.result);
    expect(log).toEqual(golden.hook_order.log);
  });

  it('a hook that removes another during a call does so from the next call on', () => {
    const log: unknown[] = [];
    const relu = new nn.ReLU();
    const x = flow.ones([1]);
    relu.registerForwardHook(() => {
      log.push(1);
      second.remove();
    });
    const second = relu.registerForwardHook(() => void log.push(2));
    relu(x);
    relu(x);
    expect(log).toEqual(golden.hook_removed_during_call_still_runs_once);
  });

  it('a hook that is added during a call waits for the next', () => {
    const log: unknown[] = [];
    const relu = new nn.ReLU();
    const x = flow.ones([1]);
    let added = false;
    relu.registerForwardHook(() => {
      log.push(1);
      if (!added) relu.registerForwardHook(() => void log.push(2));
      added = true;
    });
    relu(x);
    log.push('|');
    relu(x);
    expect(log).toEqual(golden.hook_added_during_call_waits_for_the_next_call);
  });

  it('nested_hooks: a child inside its parent, there and back', () => {
    const log: string[] = [];
    const net = new nn.Sequential(new nn.Conv2d(1, 1, 1), new nn.Sequential(new nn.ReLU()));
    for (const [path, module] of net.namedModules()) {
      module.registerForwardPreHook(() => void log.push(`pre ${path}`));
      module.registerForwardHook(() => void log.push(`post ${path}`));
      module.registerFullBackwardHook(() => void log.push(`backward ${path}`));
    }
    net(flow.ones([1, 1, 1, 1], { requiresGrad: true }))
      .sum()
      .backward();
    expect(log).toEqual(golden.nested_hooks.log);
  });

  it('double: parameters and gradients stay the same objects', () => {
    const module = new nn.BatchNorm2d(2);
    const { weight } = module;
    const grad = flow.ones([2]);
    weight!.grad = grad;
    const [mean, count] = ['running_mean', 'num_batches_tracked'].map((name) => module._buffers.get(name));
    expect(module.double()).toBe(module);
    expect({
      parameter_object_kept: module.weight === weight,
      grad_object_kept: weight!.grad === grad,
      grad_dtype: `torch.${grad.dtype}`,
      float_buffer_object_kept: module._buffers.get('running_mean') === mean,
      int_buffer_object_kept: module._buffers.get('num_batches_tracked') === count,
      int_buffer_dtype: `torch.${module._buffers.get('num_batches_tracked')!.dtype}`,
    }).toEqual(golden.double);
    expect(weight!.dtype).toBe('float64');
    expect([weight!.requiresGrad, weight!.isLeaf]).toEqual([true, true]);
  });
});
