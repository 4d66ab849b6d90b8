import { describe, expect, it, vi } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';

const any = (value: unknown): never => value as never;
const loose = (module: nn.AnyModule): Record<string, unknown> => module as unknown as Record<string, unknown>;

describe("the page's Python members have their counterparts", () => {
  it('__dir__: attributeNames lists attributes, members of the class and all that is registered', () => {
    class Net extends nn.Module {
      size = 3;
      act = new nn.ReLU();
      double_(): void {
        // A method of its own.
      }
    }
    const net = new Net();
    net.registerBuffer('7', null);
    const names = net.attributeNames();
    for (const name of ['size', 'act', '7', 'training', 'double_', 'forward', 'stateDict', 'addModule'])
      expect(names).toContain(name);
    expect(names).toEqual([...names].sort());
    expect(names).not.toContain('constructor');
    expect(names).not.toContain('hasOwnProperty');
    for (const name of names) expect(name in net).toBe(true);
  });

  it('__eq__, __hash__: a module equals itself only', () => {
    const [a, b] = [new nn.ReLU(), new nn.ReLU()];
    expect([a.equals(a), a.equals(b), a.equals(3)]).toEqual([true, false, false]);
    expect(new WeakMap([[a, 1]]).get(a)).toBe(1);
  });

  it('__lt__ and its kin: modules are unordered; __format__: they have a text', () => {
    const [a, b] = [new nn.Conv2d(1, 1, 1), new nn.Conv2d(1, 1, 1)];
    const text = "'<' not supported between instances of 'Conv2d' and 'Conv2d'";
    expect(() => a < b).toThrow(new TypeError(text));
    expect(() => a >= b).toThrow(new TypeError(text));
    // eslint-disable-next-line @typescript-eslint/restrict-template-expressions -- this is the point
    expect(`${new nn.ReLU()}`).toBe('ReLU()');
    // eslint-disable-next-line @typescript-eslint/restrict-plus-operands -- as above
    expect(any(new nn.ReLU()) + '!').toBe('ReLU()!');
  });

  it('__sizeof__: byteLength counts each parameter and buffer once', () => {
    const a = new nn.Linear(3, 2);
    const b = new nn.Linear(3, 2);
    b.weight = a.weight;
    const net = new nn.Sequential(a, b, new nn.BatchNorm2d(5));
    expect(net.byteLength).toBe(4 * (6 + 2 + 2 + 4 * 5) + 8);
    expect(net.half().byteLength).toBe(2 * (6 + 2 + 2 + 4 * 5) + 8);
  });

  it('__getattribute__: members of the class win over what is registered, also for then', async () => {
    const net = new nn.Module();
    loose(net)['then'] = new nn.ReLU();
    loose(net)['toJSON'] = new nn.ReLU();
    // eslint-disable-next-line @typescript-eslint/await-thenable -- that it is not one is the point
    expect(await net).toBe(net);
    expect(JSON.parse(JSON.stringify(net))).toMatchObject({
      class: 'Module',
      modules: { then: { class: 'ReLU' } },
    });
    expect(net.getSubmodule('then')).toBe(net._modules.get('then'));
    expect(net.getSubmodule('toJSON')).toBe(net._modules.get('toJSON'));
  });

  it('apply visits a child under the name of a method, and the module', () => {
    const net = new nn.Module();
    loose(net)['modules'] = new nn.ReLU();
    const visited: nn.AnyModule[] = [];
    net.apply((module) => visited.push(module));
    expect(visited).toEqual([net._modules.get('modules'), net]);
  });

  it('toJSON: a summary of classes, shapes and dtypes', () => {
    const net = new nn.Sequential(new nn.Linear(2, 1, { bias: false }));
    net.registerBuffer('b', flow.zeros([3], { dtype: 'int64' }));
    net.addModule('x', null);
    expect(net.toJSON()).toEqual({
      class: 'Sequential',
      training: true,
      parameters: {},
      buffers: { b: { dtype: 'int64', shape: [3] } },
      modules: {
        0: {
          class: 'Linear',
          extra: 'in_features=2, out_features=1, bias=False',
          training: true,
          parameters: { weight: { dtype: 'float32', shape: [1, 2] }, bias: null },
          buffers: {},
          modules: {},
        },
        x: null,
      },
    });
  });

  it('_shallow_repr: the text without children', () => {
    class Lines extends nn.Module {
      inner = new nn.ReLU();
      override extraRepr(): string {
        return 'one\ntwo';
      }
    }
    expect(new nn.Sequential(new nn.ReLU())._shallowRepr()).toBe('Sequential()');
    expect(new nn.Conv2d(1, 2, 3)._shallowRepr()).toBe('Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1))');
    expect(new Lines()._shallowRepr()).toBe('Lines(\n  one\n  two\n)');
  });

  it('a text of its own is used where the module is a child', () => {
    class Named extends nn.Module {
      override toString(): string {
        return 'a name\nof two lines';
      }
    }
    expect(String(new nn.Sequential(new Named()))).toBe('Sequential(\n  (0): a name\n  of two lines\n)');
  });

  it('to_consistent is gone, to_global and to_local check what they are given', () => {
    const line = new nn.Linear(2, 2);
    const { placement, sbp } = flow;
    expect(() => line.toConsistent()).toThrow(
      new flow.RuntimeError('.to_consistent has been removed, please use .to_global instead'),
    );
    const missing = new flow.ValueError(
      'Converting a local tensor to global tensor must have placement and sbp parameters.',
    );
    const cpu = placement('cpu', [0]);
    expect(() => line.toGlobal()).toThrow(missing);
    expect(() => line.toGlobal(cpu)).toThrow(missing);
    expect(() => new nn.ReLU().toGlobal()).toThrow(missing);
    expect(() => line.toGlobal(any('cpu'), sbp.broadcast)).toThrow(
      new TypeError('Invalid parameter placement with type string'),
    );
    expect(() => line.toGlobal(cpu, any(3))).toThrow(new TypeError('Invalid parameter sbp with type number'));
    expect(() => line.toGlobal(cpu, [sbp.split(0), any('x')])).toThrow(
      new TypeError('Invalid parameter sbp with type string'),
    );
    const alone =
      'to_global: this process belongs to no process group, so there are no ranks for the parts of a global tensor';
    expect(() => line.toGlobal(cpu, [sbp.broadcast])).toThrow(new flow.RuntimeError(alone));
    expect(() => flow.ones([1]).toGlobal({ placement: cpu, sbp: sbp.partialSum })).toThrow(alone);
    expect(() => line.toLocal()).toThrow(
      new flow.RuntimeError('Expected global tensor for to_local but got local tensor!'),
    );
    expect(String(line.weight.shape)).toBe('2,2');
  });

  it('placements and kinds print and check as in OneFlow', () => {
    const { placement, sbp } = flow;
    expect(String(placement('cpu', [[0]]))).toBe('oneflow.placement(type="cpu", ranks=[[0]])');
    expect(placement('cpu', [0]).equals(placement('cpu', [0]))).toBe(true);
    expect(placement('cpu', [0]).equals(placement('cpu', [[0]]))).toBe(false);
    expect(() => placement('cpu', [0, 1])).toThrow(
      new flow.RuntimeError('Placement is invalid because rank must be less than world size!'),
    );
    expect(() => placement('cpu', any(0))).toThrow(TypeError);
    expect([sbp.broadcast, sbp.split(1), sbp.partialSum].map(String)).toEqual([
      'oneflow.sbp.broadcast',
      'oneflow.sbp.split(dim=1)',
      'oneflow.sbp.partial_sum',
    ]);
    expect(() => sbp.split(-1)).toThrow('Split axis must not be negative, but got -1!');
    expect(() => sbp.split(6)).toThrow(
      'Expected split axis to be less than the supported maximum axis (6), but got 6!',
    );
    expect(() => sbp.split(any(undefined))).toThrow("split_sbp() missing 1 required argument: 'dim'.");
  });
});

describe('to takes what PyTorch takes, and refuses the rest before anything has changed', () => {
  const line = (): nn.Linear => new nn.Linear(2, 2);
  it('takes a tensor, or options among which a tensor', () => {
    const double = flow.zeros([1], { dtype: 'float64' });
    expect(line().to({ tensor: double }).weight.dtype).toBe('float64');
    expect(line().to({ tensor: double, dtype: 'float16' }).weight.dtype).toBe('float16');
    expect(line().to({}).weight.dtype).toBe('float32');
    expect(line().to(null, 'float64').weight.dtype).toBe('float64');
  });

  it.each<[string, readonly unknown[]]>([
    ['number', [3.5]],
    ['string, string', ['float32', 'float64']],
    ['Tensor, string', [flow.ones([1]), 'float64']],
    ['string, number', ['cpu', 3]],
    ['string, string, boolean', ['cpu', 'float32', true]],
    ['boolean', [true]],
  ])('refuses (%s)', (given, args) => {
    const module = line();
    expect(() => (module.to as (...args: unknown[]) => unknown)(...args)).toThrow(
      new TypeError(
        `to() received an invalid combination of arguments - got (${given}), but expected one of:\n * (device, dtype)\n * (dtype)\n * (tensor)\n * ({ device, dtype, memoryFormat, tensor })\n`,
      ),
    );
    expect(module.weight.dtype).toBe('float32');
  });

  it.each([
    [{ kind: 'float32' }, "to(): unknown option 'kind'; known are device, dtype, memoryFormat, tensor"],
    [{ dtype: 'float31' }, "to(): option 'dtype' must be one of"],
    [{ device: 3 }, "to(): option 'device' must be string, not number"],
    [{ tensor: 3 }, "to(): option 'tensor' must be Tensor, not number"],
    [{ memoryFormat: 'NHWC' }, "to(): option 'memoryFormat' must be one of"],
    [
      { dtype: 'bool' },
      'nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.bool',
    ],
  ])('refuses the options %j', (options, text) => {
    expect(() => line().to(any(options))).toThrow(TypeError);
    expect(() => line().to(any(options))).toThrow(text);
  });

  it('names the device that is missing', () => {
    const missing = (name: string): flow.RuntimeError =>
      new flow.RuntimeError(`device ${name} is not available: this version of Millrace computes on the CPU`);
    const module = line();
    expect(() => module.cuda()).toThrow(missing('cuda'));
    expect(() => module.cuda(1)).toThrow(missing('cuda:1'));
    expect(() => module.cuda('cuda:2')).toThrow(missing('cuda:2'));
    expect(() => module.to('cuda:0', 'float64')).toThrow(missing('cuda:0'));
    expect(() => module.toEmpty({ device: 'cuda' })).toThrow(missing('cuda'));
    expect(() => module.cuda(-1)).toThrow(flow.RuntimeError);
    expect(() => new nn.ReLU().to('tpu')).toThrow('device type at start of device string: tpu');
    expect(new nn.ReLU().cuda()).toBeInstanceOf(nn.ReLU);
    expect(module.weight.dtype).toBe('float32');
  });

  it('tells modules in which memory format they now are, children first', () => {
    const told: string[] = [];
    class Keeping extends nn.Module {
      constructor(
        readonly name_: string,
        ...children: readonly nn.AnyModule[]
      ) {
        super();
        children.forEach((child, k) => this.addModule(String(k), child));
      }
      override toMemoryFormat(format: flow.MemoryFormat): void {
        told.push(`${this.name_} ${format}`);
      }
    }
    new Keeping('outer', new Keeping('inner')).to({ memoryFormat: 'channels_last' });
    expect(told).toEqual(['inner channels_last', 'outer channels_last']);
    const conv = new nn.Conv2d(3, 4, 3);
    conv.toMemoryFormat('channels_last');
    expect(conv.weight.strides).toEqual([27, 1, 9, 3]);
    expect(conv._toMemoryFormat('contiguous_format').weight.strides).toEqual([27, 9, 3, 1]);
  });

  it('_apply converts each tensor once, children first', () => {
    const a = new nn.Linear(1, 1, { bias: false });
    const b = new nn.Linear(1, 1, { bias: false });
    b.weight = a.weight;
    const net = new nn.Sequential(a, b);
    net.registerBuffer('own', flow.ones([2]));
    const seen: Tensor[] = [];
    const buffer = net.getBuffer('own');
    a.weight.grad = flow.ones([1, 1]);
    net._apply((t) => {
      seen.push(t);
      return t.mul(2);
    });
    expect(seen).toEqual([a.weight, a.weight.grad, buffer]);
    expect([a.weight.requiresGrad, a.weight.isLeaf, a.weight.grad.item()]).toEqual([true, true, 2]);
    expect(net.getBuffer('own')).not.toBe(buffer);
    expect(() => net._apply(() => any(3))).toThrow(TypeError);
  });
});

describe('handles', () => {
  it('let go of a hook whoever else is still registered, and know the registry', () => {
    const relu = new nn.ReLU();
    const handles = [
      relu.registerForwardPreHook(() => undefined),
      relu.registerForwardHook(() => undefined),
      relu.registerFullBackwardHook(() => undefined),
      relu.registerStateDictHook(() => undefined),
      relu.registerStateDictPreHook(() => undefined),
      relu.registerLoadStateDictPreHook(() => undefined),
      relu.registerLoadStateDictPostHook(() => undefined),
    ];
    const registries = [
      relu._forwardPreHooks,
      relu._forwardHooks,
      relu._backwardHooks,
      relu._stateDictHooks,
      relu._stateDictPreHooks,
      relu._loadStateDictPreHooks,
      relu._loadStateDictPostHooks,
    ];
    expect(handles.map((handle) => handle.hooksDictRef())).toEqual(registries);
    expect(new Set(handles.map((handle) => handle.id)).size).toBe(handles.length);
    handles.forEach((handle, k) => {
      expect(handle.hooksDictRef()!.has(handle.id)).toBe(true);
      handle.remove();
      handle.remove();
      expect(registries[k]!.size).toBe(0);
    });
  });

  it('hooks that remove themselves during the call run in it, and leave nothing behind', () => {
    const relu = new nn.ReLU();
    const log: string[] = [];
    const pre = relu.registerForwardPreHook(() => {
      log.push('pre');
      pre.remove();
    });
    const post = relu.registerForwardHook(() => {
      log.push('post');
      post.remove();
    });
    expect(relu(flow.tensor([-1, 2])).tolist()).toEqual([0, 2]);
    relu(flow.ones([1]));
    expect(log).toEqual(['pre', 'post']);
    expect([relu._forwardPreHooks.size, relu._forwardHooks.size]).toEqual([0, 0]);
  });

  it('end with their block, also those of tensors', () => {
    const x = flow.ones([1], { requiresGrad: true });
    const relu = new nn.ReLU();
    const hook = vi.fn();
    {
      using _full = relu.registerFullBackwardHook(() => void hook());
      using _tensor = x.registerHook(() => void hook());
      relu(x).sum().backward();
    }
    relu(x).sum().backward();
    expect(hook).toHaveBeenCalledTimes(2);
  });
});

describe('backward hooks count the passes of nested modules', () => {
  it('inner before outer, later before earlier, as the golden transcript has it; also with one removed in between', () => {
    const log: string[] = [];
    const net = new nn.Sequential(new nn.Conv2d(1, 1, 1), new nn.Sequential(new nn.ReLU()));
    const handles = Array.from(net.namedModules(), ([path, module]) =>
      module.registerFullBackwardHook(() => void log.push(`backward ${path}`)),
    );
    const x = flow.ones([1, 1, 1, 1], { requiresGrad: true });
    net(x).sum().backward();
    expect(log).toEqual(['backward 1.0', 'backward 1', 'backward 0', 'backward ']);
    handles[1]!.remove();
    net(x).sum().backward();
    expect(log.slice(4)).toEqual(['backward 1.0', 'backward 1', 'backward ']);
  });

  it('a second derivative passes by the hooks of the first', () => {
    const seen: unknown[] = [];
    const net = new nn.Conv2d(1, 1, 1, { bias: false });
    net.registerFullBackwardHook((_, [gradient]) => void seen.push(gradient!.shape));
    const x = flow.ones([1, 1, 1, 2], { requiresGrad: true });
    const [first] = flow.autograd.grad(net(x).square().sum(), x, { createGraph: true });
    first!.sum().backward();
    expect(seen.length).toBeGreaterThan(0);
    expect(net.weight.grad!.shape).toEqual([1, 1, 1, 1]);
    const w = net.weight.item();
    // Σ 2·w²·x, so 4·w per element of x.
    expect(net.weight.grad!.item()).toBeCloseTo(8 * w, 5);
  });

  it('one gradient alone stands for the only argument’s', () => {
    const relu = new nn.ReLU();
    relu.registerFullBackwardHook((_, [gradient]) => gradient!.mul(3));
    const x = flow.ones([2], { requiresGrad: true });
    relu(x).sum().backward();
    expect(x.grad!.tolist()).toEqual([3, 3]);
  });
});

describe('state dictionaries, beyond PyTorch', () => {
  it('take their options one by one, and any map', () => {
    const line = new nn.Linear(1, 1);
    const map = new Map<string, Tensor>();
    expect(line.stateDict(map, 'a.', true)).toBe(map);
    expect([...map.keys()]).toEqual(['a.weight', 'a.bias']);
    expect(map.get('a.weight')).toBe(line.weight);
    expect('metadata' in map).toBe(false);
    expect([...line.stateDict(null, 'b.').metadata.keys()]).toEqual(['b']);
  });

  it('call the hooks before saving with prefix and keepVars', () => {
    const net = new nn.Sequential(new nn.ReLU());
    const told: unknown[] = [];
    for (const [path, module] of net.namedModules())
      module.registerStateDictPreHook((m, prefix, keepVars) =>
        told.push([path, m === module, prefix, keepVars]),
      );
    net.stateDict({ prefix: 'n.', keepVars: true });
    expect(told).toEqual([
      ['', true, 'n.', true],
      ['0', true, 'n.0.', true],
    ]);
  });

  it('let classes save and load in their own way', () => {
    class Doubled extends nn.Linear {
      override _saveToStateDict(destination: nn.StateDict, prefix: string, keepVars: boolean): void {
        super._saveToStateDict(destination, prefix, keepVars);
        destination.set(`${prefix}weight`, destination.get(`${prefix}weight`)!.mul(2));
      }
      override _loadFromStateDict(...args: nn.LoadArguments): void {
        const [state, prefix] = args;
        state.set(`${prefix}weight`, (state.get(`${prefix}weight`) as Tensor).div(2));
        super._loadFromStateDict(...args);
      }
    }
    const net = new nn.Sequential(new Doubled(1, 1, { bias: false }));
    const weight = net.getParameter('0.weight');
    flow.noGrad(() => weight.fill_(3));
    const state = net.stateDict();
    expect(state.get('0.weight')!.item()).toBe(6);
    flow.noGrad(() => weight.zero_());
    net.loadStateDict(state);
    expect(weight.item()).toBe(3);
  });

  it('are loaded from nested arrays, typed arrays and arrays with a shape, too', () => {
    const line = new nn.Linear(2, 2).double();
    line.loadStateDict({
      weight: [
        [0.1, 2],
        [3, 4],
      ],
      bias: new Float32Array([5, 6]),
    });
    expect(line.weight.tolist()).toEqual([
      [0.1, 2],
      [3, 4],
    ]);
    expect(line.bias!.tolist()).toEqual([5, 6]);
    line.loadStateDict({ weight: { data: new Float64Array([1, 2, 3, 4]), shape: [2, 2] }, bias: [7, 8] });
    expect(line.weight.tolist()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(() => line.loadStateDict({ weight: new Float64Array(4), bias: [[1], [2, 3]] }, false)).toThrow(
      new flow.RuntimeError(
        'Error(s) in loading state_dict for Linear:\n\tsize mismatch for weight: copying a param with shape torch.Size([4]) from checkpoint, the shape in current model is torch.Size([2, 2]).\n\tWhile copying the parameter named "bias", expected torch.Tensor or Tensor-like object from checkpoint but received Array',
      ),
    );
  });

  it.each([
    ['number', 3],
    ['null', null],
    ['string', 'weights'],
    ['Conv2d', new nn.Conv2d(1, 1, 1)],
    ['Tensor', flow.ones([1])],
    ['Set', new Set()],
  ])('are not what a %s is', (type, given) => {
    expect(() => new nn.ReLU().loadStateDict(any(given))).toThrow(
      new TypeError(`Expected state_dict to be dict-like, got ${type}.`),
    );
  });
});

describe('conv2d says what it was given in place of tensors', () => {
  const [x, w] = [flow.ones([1, 1, 3, 3]), flow.ones([1, 1, 2, 2])];
  it('options in the place of the bias', () => {
    expect(() => nn.functional.conv2d(x, w, any({ stride: 2 }))).toThrow(
      new TypeError(
        "conv2d(): argument 'bias' (position 3) must be Tensor, not Object; options come fourth: conv2d(input, weight, null, { … })",
      ),
    );
    expect(() => nn.functional.conv2d(x, any([[1]]))).toThrow(
      new TypeError("conv2d(): argument 'weight' (position 2) must be Tensor, not Array"),
    );
  });

  it('a module’s missing, wrong and extra arguments', () => {
    const conv = new nn.Conv2d(1, 1, 1) as unknown as (...args: unknown[]) => Tensor;
    expect(() => conv()).toThrow(
      new TypeError("Conv2d.forward() missing 1 required positional argument: 'input'"),
    );
    expect(() => conv(x, x)).toThrow(
      new TypeError('Conv2d.forward() takes 2 positional arguments but 3 were given'),
    );
    expect(() => conv(3)).toThrow(
      new TypeError("conv2d(): argument 'input' (position 1) must be Tensor, not number"),
    );
  });

  it('a bias that was deleted', () => {
    const conv = new nn.Conv2d(1, 1, 1, { bias: false });
    conv.deleteAttribute('bias');
    const missing = new flow.AttributeError("'Conv2d' object has no attribute 'bias'");
    expect(() => conv(x)).toThrow(missing);
    expect(() => String(conv)).toThrow(missing);
  });
});
