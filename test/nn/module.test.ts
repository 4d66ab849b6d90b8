import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';

const parameter = (...shape: number[]): nn.Parameter => new nn.Parameter(flow.zeros(shape));
/** For assignments that TypeScript would refuse. */
const loose = (module: nn.AnyModule): Record<string, unknown> => module as unknown as Record<string, unknown>;
const keys = (map: ReadonlyMap<string, unknown>): string[] => [...map.keys()];

describe('what is assigned to a module decides where it is kept', () => {
  it('registers parameters and modules, in class fields and in constructors, and keeps all else as it is', () => {
    class Net extends nn.Module {
      first = new nn.Linear(2, 3);
      scale = parameter(2);
      plain = flow.ones([2]);
      list = [new nn.ReLU()];
      last: nn.Linear;
      constructor(readonly width: number) {
        super();
        this.last = new nn.Linear(3, width);
      }
    }
    const net = new Net(4);
    expect(keys(net._modules)).toEqual(['first', 'last']);
    expect(keys(net._parameters)).toEqual(['scale']);
    expect(keys(net._buffers)).toEqual([]);
    expect(net.last).toBe(net._modules.get('last'));
    expect(net.scale).toBe(net._parameters.get('scale'));
    expect(net.width).toBe(4);
    expect(net.plain.shape).toEqual([2]);
    expect(net.list).toHaveLength(1);
  });

  it('keeps a name in its place when it is assigned again, and moves it to the end when it was deleted', () => {
    const net = loose(new nn.Module());
    net['10'] = parameter(1);
    net['2'] = parameter(1);
    net['01'] = parameter(1);
    net['2'] = parameter(3);
    const { _parameters } = net as unknown as nn.Module;
    expect(keys(_parameters)).toEqual(['10', '2', '01']);
    delete net['10'];
    net['10'] = parameter(1);
    expect(keys(_parameters)).toEqual(['2', '01', '10']);
  });

  it('takes null for a registered name, and keeps the name', () => {
    const net = new nn.Linear(2, 3);
    net.bias = null;
    expect(net.bias).toBeNull();
    expect(keys(net._parameters)).toEqual(['weight', 'bias']);
    expect(() => (loose(net)['bias'] = flow.zeros([3]))).toThrow(
      "cannot assign 'Tensor' as parameter 'bias' (torch.nn.Parameter or None expected)",
    );
    net.bias = parameter(3);
    expect(keys(net._parameters)).toEqual(['weight', 'bias']);
  });

  it('moves a name between attributes, buffers, modules and parameters', () => {
    const module = new nn.Module();
    const net = loose(module);
    net['x'] = 3;
    module.registerBuffer('y', flow.zeros([1]), false);
    net['z'] = new nn.ReLU();
    for (const name of ['x', 'y', 'z']) net[name] = parameter(1);
    expect(keys(module._parameters)).toEqual(['x', 'y', 'z']);
    expect([...keys(module._buffers), ...keys(module._modules), ...module._nonPersistentBuffers]).toEqual([]);
    net['child'] = 3;
    module.registerBuffer('buffer', null);
    net['child'] = new nn.ReLU();
    net['buffer'] = new nn.ReLU();
    expect(keys(module._modules)).toEqual(['child', 'buffer']);
    expect(keys(module._buffers)).toEqual([]);
  });

  it('keeps a buffer a buffer, and its persistence', () => {
    const net = new nn.Module();
    net.registerBuffer('a', flow.zeros([1]), false);
    const other = flow.ones([2]);
    loose(net)['a'] = other;
    expect(net._buffers.get('a')).toBe(other);
    expect(keys(net.stateDict())).toEqual([]);
    net.registerBuffer('a', other);
    expect(keys(net.stateDict())).toEqual(['a']);
    net.registerBuffer('p', parameter(1));
    expect(keys(net._parameters)).toEqual([]);
    expect(keys(net._buffers)).toEqual(['a', 'p']);
  });

  it('refuses names that registering would refuse', () => {
    const net = loose(new nn.Module());
    expect(() => (net['a.b'] = parameter(1))).toThrow(new flow.KeyError('parameter name can\'t contain "."'));
    expect(() => (net['forward'] = parameter(1))).toThrow(
      new flow.KeyError("attribute 'forward' already exists"),
    );
  });

  it('deletes parameters, buffers, modules and attributes', () => {
    const net = new nn.Module();
    loose(net)['weight'] = parameter(1);
    loose(net)['child'] = new nn.ReLU();
    loose(net)['plain'] = 3;
    net.registerBuffer('buffer', flow.zeros([1]), false);
    for (const name of ['weight', 'child', 'plain', 'buffer']) {
      expect(name in net).toBe(true);
      net.deleteAttribute(name);
      expect(name in net).toBe(false);
      expect(loose(net)[name]).toBeUndefined();
    }
    expect(net._nonPersistentBuffers.size).toBe(0);
  });

  it('lists the registered names with the attributes', () => {
    class Net extends nn.Module {
      size = 3;
      conv = new nn.Conv2d(1, 1, 1);
    }
    expect(Object.keys(new Net())).toEqual(['training', 'size', 'conv']);
  });

  it('finds children also under the name of a method, which stays a method', () => {
    const net = new nn.Module();
    loose(net)['modules'] = new nn.ReLU();
    expect(Array.from(net.children(), String)).toEqual(['ReLU()']);
    expect(Array.from(net.modules())).toHaveLength(2);
  });

  it('lets forward be replaced on one object', () => {
    const net = new nn.ReLU();
    net.forward = (x) => x.neg();
    expect(net(flow.ones([1])).item()).toBe(-1);
    expect(Object.hasOwn(net, 'forward')).toBe(true);
  });
});

describe('a module is an object like others', () => {
  it('is callable, has its class, and is equal to itself only', () => {
    const [a, b] = [new nn.Linear(2, 2), new nn.Linear(2, 2)];
    expect(typeof a).toBe('function');
    expect(a).toBeInstanceOf(nn.Linear);
    expect(a).toBeInstanceOf(nn.Module);
    expect(a.constructor).toBe(nn.Linear);
    expect(a === b).toBe(false);
    expect(new Set([a, b, a]).size).toBe(2);
  });

  it('survives await, inspection, spreading and JSON', async () => {
    const net = new nn.Sequential(new nn.ReLU());
    // eslint-disable-next-line @typescript-eslint/await-thenable -- that it is not one is the point
    expect(await net).toBe(net);
    expect(inspect(net)).toBe('Sequential(\n  (0): ReLU()\n)');
    expect(String(net)).toBe(inspect(net));
    // eslint-disable-next-line @typescript-eslint/no-misused-spread -- as users do by mistake
    expect({ ...net }).toEqual({ training: true, 0: net.get(0) });
    expect(() => JSON.stringify(net)).not.toThrow();
    expect(() => Number(net)).toThrow(TypeError);
  });

  it('keeps private fields and accessors of its class', () => {
    class Counter extends nn.Module {
      #calls = 0;
      get calls(): number {
        return this.#calls;
      }
      set calls(value: number) {
        this.#calls = value;
      }
      override forward(x: Tensor): Tensor {
        this.#calls++;
        return x;
      }
    }
    const net = new Counter();
    const x = flow.ones([1]);
    expect(net(net(x))).toBe(x);
    expect(net.calls).toBe(2);
    net.calls = 7;
    expect(net.calls).toBe(7);
    expect(Object.keys(net)).toEqual(['training']);
  });

  it('gives `this` in forward as users know the module', () => {
    class Self extends nn.Module<[], unknown> {
      override forward(): unknown {
        return this;
      }
    }
    const net = new Self();
    expect(net()).toBe(net);
    expect(net.call()).toBe(net);
  });
});

describe('modules have types', () => {
  class Net extends nn.Module {
    conv = new nn.Conv2d(1, 8, 3);
    fc = new nn.Linear(8, 10);
    override forward(x: Tensor) {
      return this.fc(this.conv(x).relu().flatten(1));
    }
  }
  class Two extends nn.Module<[x: Tensor, scale: number], [Tensor, string]> {
    override forward(x: Tensor, scale: number): [Tensor, string] {
      return [x.mul(scale), 'two'];
    }
  }

  it('calls take what forward takes and give what it gives', () => {
    expectTypeOf(new Net()).toBeCallableWith(flow.ones([1, 1, 3, 3]));
    expectTypeOf(new Net()).parameters.toEqualTypeOf<[input: Tensor]>();
    expectTypeOf(new Net()).returns.toEqualTypeOf<Tensor>();
    expectTypeOf(new Two()).parameters.toEqualTypeOf<[x: Tensor, scale: number]>();
    expectTypeOf(new Two()).returns.toEqualTypeOf<[Tensor, string]>();
    expectTypeOf(new nn.CrossEntropyLoss()).parameters.toEqualTypeOf<[input: Tensor, target: Tensor]>();
    expectTypeOf(new nn.Sequential()).returns.toEqualTypeOf<Tensor>();
    expectTypeOf(new Net().conv).toEqualTypeOf<nn.Conv2d>();
    expectTypeOf(new Net().fc.bias).toEqualTypeOf<nn.Parameter | null>();
    expectTypeOf(new Net().to('float64').eval()).toEqualTypeOf<Net>();
    expectTypeOf(new nn.Sequential(new Two(), new Net())).toEqualTypeOf<nn.Sequential>();
    const [scaled, name] = new Two()(flow.ones([2]), 3);
    expect([scaled.tolist(), name]).toEqual([[3, 3], 'two']);
  });
});

describe('members are found by path', () => {
  const inner = new nn.Sequential(new nn.Conv2d(1, 2, 3));
  const net = new nn.Sequential(inner);
  it('modules, parameters and buffers', () => {
    expect(net.getSubmodule('')).toBe(net);
    expect(net.getSubmodule('0.0')).toBe(inner.get(0));
    expect(net.getParameter('0.0.weight')).toBe((inner.get(0) as nn.Conv2d).weight);
    inner.registerBuffer('count', flow.zeros([]));
    expect(net.getBuffer('0.count')).toBe(inner._buffers.get('count'));
    expect(() => net.getBuffer('0.0.weight')).toThrow(new flow.AttributeError('`weight` is not a buffer'));
  });
});

describe('hooks run in the order of registration, around forward', () => {
  it('they get the module, all arguments as an array, and an array takes the place of all', () => {
    class Add extends nn.Module<[a: number, b: number], number> {
      override forward(a: number, b: number): number {
        return a + b;
      }
    }
    const net = new Add();
    const hook = vi.fn((_: Add, args: [a: number, b: number]) => args.map((x) => x * 10));
    net.registerForwardPreHook(hook);
    expect(net(1, 2)).toBe(30);
    expect(hook).toHaveBeenCalledWith(net, [1, 2]);
    net.registerForwardHook((_, [a, b], result) => a * 1000 + b + result);
    expect(net(1, 2)).toBe(10_050);
  });

  it('handles have ids of their own, remove once or twice, and end with their block', () => {
    const relu = new nn.ReLU();
    const hook = vi.fn();
    const first = relu.registerForwardHook(hook);
    {
      using second = relu.registerForwardHook(hook);
      expect(second.id).toBeGreaterThan(first.id);
      relu(flow.ones([1]));
      expect(hook).toHaveBeenCalledTimes(2);
    }
    relu(flow.ones([1]));
    expect(hook).toHaveBeenCalledTimes(3);
    first.remove();
    first.remove();
    relu(flow.ones([1]));
    expect(hook).toHaveBeenCalledTimes(3);
    expect(relu._forwardHooks.size).toBe(0);
  });

  it('a hook that throws stops the call', () => {
    const relu = new nn.ReLU();
    relu.registerForwardPreHook(() => {
      throw new RangeError('no');
    });
    expect(() => relu(flow.ones([1]))).toThrow(RangeError);
  });
});

describe('a module and all below it change together', () => {
  const net = (): nn.Sequential =>
    new nn.Sequential(new nn.Linear(2, 3), new nn.Sequential(new nn.Dropout(), new nn.BatchNorm2d(3)));

  it('train and eval set the mode and return the module', () => {
    const module = net();
    expect(Array.from(module.modules(), (m) => m.training)).toEqual([true, true, true, true, true]);
    expect(module.eval()).toBe(module);
    expect(Array.from(module.modules(), (m) => m.training)).toEqual([false, false, false, false, false]);
    (module.get(1) as nn.Sequential).train();
    expect(Array.from(module.modules(), (m) => m.training)).toEqual([false, false, true, true, true]);
  });

  it('requiresGrad_ sets all parameters, not buffers', () => {
    const module = net();
    expect(module.requiresGrad_(false)).toBe(module);
    expect(Array.from(module.parameters(), (p) => p.requiresGrad)).toEqual([false, false, false, false]);
    module.requiresGrad_();
    expect(Array.from(module.parameters(), (p) => p.requiresGrad)).toEqual([true, true, true, true]);
    expect(Array.from(module.buffers(), (b) => b.requiresGrad)).toEqual([false, false, false]);
  });

  it('zeroGrad fills gradients in place, or drops them', () => {
    const module = new nn.Linear(2, 3);
    const grad = flow.ones([3, 2]);
    module.weight.grad = grad;
    module.zeroGrad();
    expect(module.weight.grad).toBe(grad);
    expect(grad.tolist()).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(module.bias!.grad).toBeNull();
    module.zeroGrad(true);
    expect(module.weight.grad).toBeNull();
  });

  it('zeroGrad cuts a gradient off the graph that made it', () => {
    const module = new nn.Linear(2, 3);
    const source = flow.ones([3, 2], { requiresGrad: true });
    module.weight.grad = source.mul(2);
    module.zeroGrad();
    expect(module.weight.grad.requiresGrad).toBe(false);
    expect(module.weight.grad.tolist()).toEqual([
      [0, 0],
      [0, 0],
      [0, 0],
    ]);
  });

  it.each(['float', 'double', 'half', 'bfloat16'] as const)('%s converts what is floating', (method) => {
    const module = new nn.BatchNorm2d(2);
    const dtype = { float: 'float32', double: 'float64', half: 'float16', bfloat16: 'bfloat16' }[method];
    module[method]();
    expect(Array.from(module.stateDict().values(), (t) => t.dtype)).toEqual([
      dtype,
      dtype,
      dtype,
      dtype,
      'int64',
    ]);
  });

  it('to takes a dtype, a device, both, a tensor, or options', () => {
    const module = new nn.Linear(2, 3);
    const { weight } = module;
    const dtype = (): flow.DType => module.weight.dtype;
    module.to('cpu');
    expect(dtype()).toBe('float32');
    module.to('float64');
    expect(dtype()).toBe('float64');
    module.to('cpu', 'float32');
    expect(dtype()).toBe('float32');
    module.to(flow.zeros([1], { dtype: 'float64' }));
    expect(dtype()).toBe('float64');
    module.to({ dtype: 'float16', device: 'cpu' });
    expect(dtype()).toBe('float16');
    expect(module.weight).toBe(weight);
  });

  it('to channels_last changes the layout of 4-D parameters only', () => {
    const module = new nn.Sequential(new nn.Conv2d(2, 3, 2), new nn.Linear(2, 3));
    const before = module.getParameter('0.weight').tolist();
    module.to({ memoryFormat: 'channels_last' });
    expect(module.getParameter('0.weight').isContiguous('channels_last')).toBe(true);
    expect(module.getParameter('0.weight').tolist()).toEqual(before);
    expect(module.getParameter('1.weight').isContiguous()).toBe(true);
  });

  it('keeps shared parameters and buffers shared', () => {
    const [a, b] = [new nn.Linear(2, 2), new nn.Linear(2, 2)];
    b.weight = a.weight;
    const shared = flow.zeros([1]);
    a.registerBuffer('x', shared);
    b.registerBuffer('y', shared);
    const module = new nn.Sequential(a, b).to('float64');
    expect(a.weight).toBe(b.weight);
    expect(a.bias).not.toBe(b.bias);
    expect(a._buffers.get('x')).toBe(b._buffers.get('y'));
    expect(a._buffers.get('x')!.dtype).toBe('float64');
    expect(Array.from(module.parameters())).toHaveLength(3);
  });
});
