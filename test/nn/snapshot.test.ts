import { describe, expect, it, vi } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';

class Net extends nn.Module {
  conv = new nn.Conv2d(1, 2, [3, 2], { padding: 'same' });
  norm = new nn.BatchNorm2d(2);
  scale = new nn.Parameter(flow.tensor([1.5, -2]), false);
  settings: unknown = {
    name: 'net',
    sizes: [1, [2n, NaN]],
    seen: new Map<unknown, unknown>([['a', new Set([1, undefined])]]),
    table: new Float64Array([0.1, 0.2]),
    __proto__x: null,
  };
  constructor() {
    super();
    this.registerBuffer('whole', flow.arange(6, { dtype: 'float32' }));
    this.registerBuffer('part', this.getBuffer('whole').slice(0, 1, 5, 2), false);
    this.registerParameter('none', null);
    this.addModule('gone', null);
  }
  override forward(x: Tensor): Tensor {
    return this.norm(this.conv(x)).mul(this.scale.reshape(2, 1, 1));
  }
}
const classes = { ...nn, Net };
const travelled = (module: nn.AnyModule): nn.ModuleSnapshot => structuredClone(module.toSnapshot());
const restored = (net: Net): Net => nn.Module.fromSnapshot(travelled(net), classes) as Net;

describe('a snapshot is a module as data', () => {
  it('from which a module of the same class comes back that computes the same', () => {
    const net = new Net();
    const x = flow.randn([2, 1, 4, 5]);
    net(x);
    net.eval();
    const twin = restored(net);
    expect(twin).toBeInstanceOf(Net);
    expect(String(twin)).toBe(String(net));
    expect([twin.training, twin.conv.training]).toEqual([false, false]);
    expect([...twin.stateDict().keys()]).toEqual([...net.stateDict().keys()]);
    for (const [key, value] of net.stateDict()) expect(twin.stateDict().get(key)!.equal(value)).toBe(true);
    expect(twin(x).equal(net(x))).toBe(true);
    expect(twin.settings).toEqual(net.settings);
    expect(twin.scale.requiresGrad).toBe(false);
    expect(twin.conv.weight.requiresGrad).toBe(true);
  });

  it('keeps which buffers are not saved, names without a value, and the order of all', () => {
    const twin = restored(new Net());
    expect([...twin._nonPersistentBuffers]).toEqual(['part']);
    expect([...twin._parameters.keys()]).toEqual(['scale', 'none']);
    expect([...twin._buffers.keys()]).toEqual(['whole', 'part']);
    expect([...twin._modules.keys()]).toEqual(['conv', 'norm', 'gone']);
    expect([twin._parameters.get('none'), twin._modules.get('gone')]).toEqual([null, null]);
  });

  it('keeps what is shared shared: memory, tensors, modules', () => {
    const net = new Net();
    Reflect.set(net, 'again', net.conv);
    Reflect.set(net, 'list', [net.conv, net.scale, flow.ones([2])]);
    const twin = restored(net) as Net & { again: nn.Conv2d; list: [nn.Conv2d, nn.Parameter, Tensor] };
    expect(twin.again).toBe(twin.conv);
    expect(twin.list[0]).toBe(twin.conv);
    expect(twin.list[1]).toBe(twin.scale);
    expect(twin.list[2].tolist()).toEqual([1, 1]);
    twin.getBuffer('whole').add_(1);
    expect(twin.getBuffer('part').tolist()).toEqual([2, 4]);
    expect(net.getBuffer('part').tolist()).toEqual([1, 3]);
  });

  it('is of a module within itself', () => {
    const net = new nn.Module();
    Reflect.set(net, 'self', net);
    const twin = nn.Module.fromSnapshot(travelled(net), { Module: nn.Module });
    expect(twin._modules.get('self')).toBe(twin);
  });

  it('leaves hooks out, and says so', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const net = new Net();
    net.conv.registerForwardHook(() => undefined);
    const twin = restored(net);
    expect(warn.mock.calls).toEqual([['The module hooks will not be remained after serializing']]);
    expect(twin.conv._forwardHooks.size).toBe(0);
    warn.mockRestore();
  });

  it.each([
    ['a function', () => 3, 'toSnapshot: Module.x is a Function, which a snapshot cannot hold'],
    ['a symbol', Symbol('s'), 'toSnapshot: Module.x is a symbol, which a snapshot cannot hold'],
    [
      'an object of another class',
      new Date(0),
      'toSnapshot: Module.x is a Date, which a snapshot cannot hold',
    ],
    [
      'something deep inside',
      { a: [1, () => 2] },
      'toSnapshot: Module.x.a[1] is a Function, which a snapshot cannot hold',
    ],
    [
      'a computed tensor',
      flow.ones([1], { requiresGrad: true }).mul(2),
      'toSnapshot: Module.x was computed from other tensors; keep it detached, or as a buffer',
    ],
  ])('cannot hold %s', (_, value, text) => {
    const net = new nn.Module();
    Reflect.set(net, 'x', value);
    expect(() => net.toSnapshot()).toThrow(new TypeError(text));
  });

  it('cannot hold what contains itself', () => {
    const net = new nn.Module();
    const list: unknown[] = [];
    list.push(list);
    Reflect.set(net, 'x', list);
    expect(() => net.toSnapshot()).toThrow(new TypeError('toSnapshot: Module.x[0] contains itself'));
  });
});

describe('a snapshot is not believed', () => {
  type Changed = Record<string, unknown>;
  const line = travelled(new nn.Sequential(new nn.Linear(2, 3)));
  const changed = (
    change: (snapshot: { modules: Changed[]; tensors: Changed[]; storages: unknown[] } & Changed) => void,
  ): unknown => {
    const snapshot = structuredClone(line) as never;
    change(snapshot);
    return snapshot;
  };
  const refused: Readonly<Record<string, readonly [snapshot: unknown, text: string]>> = {
    'nothing at all': [null, 'this is no snapshot of a module'],
    'another kind': [{ kind: 'x' }, 'this is no snapshot of a module'],
    'another version': [changed((s) => (s['version'] = 2)), 'version 2 is not known'],
    'a class that is not in the table': [
      changed((s) => (s.modules[1]!['class'] = 'Object')),
      "the table of classes has no module class 'Object'",
    ],
    'a name from the prototype of the table': [
      changed((s) => (s.modules[1]!['class'] = 'constructor')),
      "the table of classes has no module class 'constructor'",
    ],
    'something in the table that is no class of modules': [
      changed((s) => (s.modules[1]!['class'] = 'functional')),
      "the table of classes has no module class 'functional'",
    ],
    'no module': [changed((s) => (s.modules = [])), 'there is no module'],
    'a tensor that is not there': [
      changed((s) => (s.modules[1]!['parameters'] = [['weight', 7]])),
      'there is no tensor 7',
    ],
    'a module that is not there': [
      changed((s) => (s.modules[0]!['modules'] = [['0', -1]])),
      'there is no module -1',
    ],
    'a storage that is not there': [
      changed((s) => (s.tensors[0]!['storage'] = 0.5)),
      'there is no storage 0.5',
    ],
    'a tensor beyond its storage': [
      changed((s) => (s.tensors[0]!['shape'] = [3, 3])),
      'a tensor reaches beyond its storage',
    ],
    'an offset beyond it': [
      changed((s) => (s.tensors[0]!['offset'] = 1)),
      'a tensor reaches beyond its storage',
    ],
    'a negative stride': [
      changed((s) => (s.tensors[0]!['strides'] = [-1, 1])),
      'shape, strides and offset must be non-negative integers, one stride per axis',
    ],
    'an unknown dtype': [
      changed((s) => (s.tensors[0]!['dtype'] = 'toString')),
      'the dtype toString is not known',
    ],
    'a plain tensor as a parameter': [
      changed((s) => (s.tensors[0]!['parameter'] = false)),
      "'weight' is no parameter",
    ],
    'a storage that is none': [changed((s) => (s.storages[0] = [1, 2])), 'a storage is no Uint8Array'],
    'an attribute that hides a method': [
      changed((s) => (s.modules[0]!['attributes'] = [['forward', 3]])),
      "the attribute 'forward' would hide a member of Sequential",
    ],
    'an attribute that hides a registry': [
      changed((s) => (s.modules[0]!['attributes'] = [['_modules', 3]])),
      "the attribute '_modules' would hide a member of Sequential",
    ],
    'an attribute for the prototype': [
      changed((s) => (s.modules[0]!['attributes'] = [['__proto__', { object: [] }]])),
      "the attribute '__proto__' would hide a member of Sequential",
    ],
    'a name twice': [
      changed((s) => (s.modules[1]!['buffers'] = [['weight', 0]])),
      "the name 'weight' is used twice",
    ],
    'a function among the data': [
      changed((s) => (s.modules[0]!['attributes'] = [['x', (): number => 3]])),
      'a value is no data',
    ],
  };
  it.each(Object.entries(refused))('%s', (_, [snapshot, text]) => {
    expect(() => nn.Module.fromSnapshot(snapshot as nn.ModuleSnapshot, classes)).toThrow(
      new flow.ValueError(`fromSnapshot: ${text}`),
    );
  });

  it('nor a name with a dot', () => {
    const snapshot = changed((s) => (s.modules[1]!['parameters'] = [['a.b', 0]])) as nn.ModuleSnapshot;
    expect(() => nn.Module.fromSnapshot(snapshot, classes)).toThrow(flow.KeyError);
  });
});

describe('a clone', () => {
  it('has attributes of its own, and shares what it cannot copy', () => {
    const net = new Net();
    const act = (): number => 3;
    const settings = {
      list: [1],
      map: new Map([['k', [2]]]),
      when: new Date(0),
      bytes: new Uint8Array([1]),
      act,
    };
    const generator = new flow.Generator();
    Reflect.set(net, 'settings', settings);
    Reflect.set(net, 'generator', generator);
    const twin = net.clone();
    const copied = twin.settings as typeof settings;
    expect(copied).toEqual(settings);
    expect(copied).not.toBe(settings);
    expect(copied.list).not.toBe(settings.list);
    expect(copied.map.get('k')).not.toBe(settings.map.get('k'));
    expect(copied.bytes).not.toBe(settings.bytes);
    expect(copied.act).toBe(act);
    expect(twin.getAttribute('generator')).toBe(generator);
    expect([...twin._nonPersistentBuffers]).toEqual(['part']);
  });

  it('gets itself in the hooks that were the original’s', () => {
    const relu = new nn.ReLU();
    const seen: unknown[] = [];
    const handle = relu.registerForwardHook((module) => void seen.push(module));
    relu.registerLoadStateDictPreHook((module) => void seen.push(module), { withModule: true });
    const twin = relu.clone();
    twin(flow.ones([1]));
    twin.loadStateDict({});
    expect(seen).toEqual([twin, twin]);
    handle.remove();
    expect([relu._forwardHooks.size, twin._forwardHooks.size]).toEqual([0, 1]);
  });

  it('of a channels-last weight is channels-last', () => {
    const conv = new nn.Conv2d(3, 4, 3).to({ memoryFormat: 'channels_last' });
    expect(conv.clone().weight.strides).toEqual([27, 1, 9, 3]);
  });
});
