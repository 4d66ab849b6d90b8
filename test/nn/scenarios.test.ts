import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { availableTargets, setTarget } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';
import { goldenJson } from '../golden/golden.ts';
import { inJavaScript } from '../golden/python-texts.ts';

/** Texts and numbers in the order in which make_modules.py noted them. */
type Log = unknown[];
type Scenario = (note: (...values: unknown[]) => void, refused: (call: () => unknown) => void) => void;

const any = (value: unknown): never => value as never;
const kinds = (modules: Iterable<nn.AnyModule | null>): string[] =>
  Array.from(modules, (module) => module?._getName() ?? 'NoneType');
const names = (entries: Iterable<readonly [string, unknown]>): string[] =>
  Array.from(entries, ([name]) => name);
const keys = (module: nn.AnyModule): string[] => [...module._modules.keys()];
const values = (tensor: Tensor | null | undefined): unknown => tensor?.tolist() ?? null;
const told = (gradients: nn.ModuleGradients): unknown[] => gradients.map((g) => g && [...g.shape]);
const relu = (): nn.ReLU => new nn.ReLU();
const tanh = (): nn.Tanh => new nn.Tanh();
const sigmoid = (): nn.Sigmoid => new nn.Sigmoid();
const ones = (...shape: number[]): Tensor => flow.ones(shape);
const zeros = (...shape: number[]): Tensor => flow.zeros(shape);
const full = (shape: readonly number[], value: number): Tensor => flow.full(shape, value);
const leaf = (...data: number[]): Tensor => flow.tensor(data, { requiresGrad: true });
const wanted = (...shape: number[]): Tensor => flow.ones(shape, { requiresGrad: true });
const attribute = (module: nn.AnyModule, name: string, value: unknown): void =>
  void Reflect.set(module, name, value);

const containers: Readonly<Record<string, Scenario>> = {
  sequential(note, refused) {
    let net = new nn.Sequential(relu(), tanh(), sigmoid());
    note(kinds(net), net.length);
    note(net.get(-1)._getName(), net.get(0)._getName());
    refused(() => net.get(3));
    refused(() => net.get(-4));
    note(String(net.get({ start: 1 })));
    note(String(net.get({ step: -2 })));
    note(kinds(net.get({ stop: -1 })), kinds(net.get({ start: 5 })), kinds(net.get({ start: -2, stop: 5 })));
    net.set(1, new nn.SiLU());
    note(String(net));
    refused(() => net.set(1, any(3)));
    refused(() => net.set(7, relu()));
    net.delete(0);
    note(String(net));
    net.append(relu()).append(tanh());
    note(String(net));
    net.insert(1, new nn.Identity());
    note(String(net));
    net.insert(-1, sigmoid());
    note(kinds(net), keys(net));
    refused(() => net.insert(9, relu()));
    note(net.pop(-1)._getName(), kinds(net));
    net.extend([tanh(), tanh()]);
    note(kinds(net), keys(net));
    net.delete({ start: 1, stop: 3 });
    note(kinds(net), keys(net));
    const both = net.concat(new nn.Sequential(new nn.SiLU()));
    note(kinds(both), keys(both), both === net);
    note(kinds(new nn.Sequential(relu(), tanh()).repeat(2)));
    refused(() => net.concat(any(3)));
    refused(() => net.repeat(0));
    refused(() => net.append(any(3)));
    net = new nn.Sequential({ b: relu(), a: tanh() });
    note(String(net), String(net.get({ start: 1 })));
    net.delete(0);
    note(keys(net));
  },

  module_list(note, refused) {
    const net = new nn.ModuleList<nn.Module>([relu(), tanh(), sigmoid()]);
    note(String(net), net.length);
    refused(() => net.get(3));
    note(String(net.get({ start: 1 })), String(net.get({ step: 2 })));
    net.set(0, new nn.SiLU());
    refused(() => net.set(0, any(3)));
    net.set(2, any(null));
    note(String(net));
    net.set(2, sigmoid());
    net.insert(1, new nn.Identity());
    note(kinds(net), keys(net));
    note(net.pop(0)._getName(), kinds(net), keys(net));
    net.delete(-1);
    note(kinds(net));
    net.extend([relu(), relu()]);
    note(kinds(net));
    note(kinds(net.concat([tanh()])), net.length);
    net.delete({ start: 0, stop: 2 });
    note(kinds(net), keys(net));
    net.extend(net);
    note(keys(net), net.get(0) === net.get(2));
    refused(() => net.extend(any(3)));
    refused(() => net.append(any(3)));
    refused(() => (net as unknown as nn.AnyModule)(3));
  },

  module_dict(note, refused) {
    const net = new nn.ModuleDict<nn.Module>([
      ['conv', relu()],
      ['10', tanh()],
    ]);
    note(String(net), net.length, [...net], net.has('conv'), net.has('tanh'));
    note(net.get('10')._getName());
    refused(() => net.get('tanh'));
    net.set('conv', sigmoid());
    net.set('2', relu());
    note([...net.keys()], kinds(net.values()), names(net.items()));
    refused(() => net.set('a.b', relu()));
    refused(() => net.set('', relu()));
    refused(() => net.set('keys', relu()));
    refused(() => net.set('x', any(3)));
    refused(() => net.set(any(3), relu()));
    note(net.pop('10')._getName(), [...net]);
    refused(() => net.pop('10'));
    refused(() => net.delete('10'));
    net.update([
      ['p', tanh()],
      ['conv', tanh()],
    ]);
    note(String(net));
    net.update(new nn.ModuleDict({ q: relu() }));
    note([...net]);
    refused(() => net.update(any(3)));
    refused(() => net.update(any([3])));
    refused(() => net.update(any([['a', relu(), 3]])));
    net.set('none', any(null));
    note(String(net));
    net.clear();
    note(net.length, String(net));
    refused(() => (net as unknown as nn.AnyModule)(3));
  },

  parameter_list(note, refused) {
    const net = new nn.ParameterList<Tensor | number>([ones(2, 3), new nn.Parameter(zeros(1))]);
    note(String(net), net.length, names(net.namedParameters()));
    note(net.get(0).constructor.name, values(net.get(-1) as Tensor));
    refused(() => net.get(2));
    net.append(flow.ones([2], { dtype: 'float64' })).append(3);
    note(String(net), net.length, names(net.namedParameters()));
    net.set(0, zeros(4));
    const first = net.get(0) as Tensor;
    note(first.shape, first.requiresGrad);
    note(String(net.get({ start: 1, stop: 3 })));
    refused(() => net.set(0, 5));
    refused(() => net.set(9, 5));
    net.extend([ones(1)]);
    note(net.length, names(net.namedParameters()));
    refused(() => net.extend(any(ones(2))));
    refused(() => net.extend(any(3)));
    refused(() => (net as unknown as nn.AnyModule)(3));
    note(String(new nn.ParameterList()), String(new nn.ParameterList([ones()])));
  },

  parameter_dict(note, refused) {
    const net = new nn.ParameterDict<Tensor | number>({ b: ones(2, 3), a: new nn.Parameter(zeros(1)), n: 3 });
    const shape = (value: unknown): readonly number[] => (value as Tensor).shape;
    note(String(net), net.length, [...net], names(net.namedParameters()));
    note(net.get('b')!.constructor.name, net.get('n'), net.get('x'), net.get('x', 5));
    refused(() => net.getAttribute('x'));
    refused(() => new nn.ParameterDict().set(any(3), ones(1)));
    net.set('b', zeros(4));
    net.set('c', zeros(5));
    note([...net], Array.from(net.parameters(), shape));
    note(values(net.pop('a') as Tensor), [...net]);
    refused(() => net.pop('a'));
    refused(() => net.delete('a'));
    const [key, value] = net.popitem();
    note(key, shape(value), [...net]);
    note(shape(net.setdefault('d', ones(2))), shape(net.setdefault('b', ones(9))));
    const twin = net.copy();
    note([...twin], twin.get('b') === net.get('b'));
    note([...net.union(new nn.ParameterDict({ e: ones(1) }))], [...net]);
    net.update(new Map(['z', 'y'].map((name) => [name, ones(1)])));
    net.update([['x', ones(1)]]);
    note([...net]);
    note([...net.fromkeys(['k', 'j'], 3).items()]);
    refused(() => net.update(any(3)));
    refused(() => net.update(any([3])));
    refused(() => net.update(any([['a']])));
    refused(() => (net as unknown as nn.AnyModule)(3));
    net.clear();
    note(net.length, String(net), [...net.stateDict().keys()]);
  },
};

class Passing extends nn.Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}
class Several extends nn.Module {
  override forward(a: Tensor, b: Tensor, c: number): [Tensor, Tensor, number] {
    return [a.mul(b), a, c];
  }
}
class First extends nn.Module {
  override forward(a: Tensor, _b: Tensor): Tensor {
    return a.mul(2);
  }
}
class Adding extends nn.Module {
  override forward(x: Tensor): Tensor {
    x.view(-1).add_(1);
    return x;
  }
}

const backwardHooks: Readonly<Record<string, Scenario>> = {
  full_backward_hooks(note) {
    const telling = <M extends nn.AnyModule>(module: M): M => {
      module.registerFullBackwardHook((_, gi, go) => note(gi.map(values), go.map(values)));
      return module;
    };
    const x = leaf(1, -2);
    telling(relu())(x).backward(flow.tensor([3, 4]));
    note(values(x.grad));
    let [a, b] = [leaf(1, 2), flow.tensor([3, 5])];
    telling(new Several())(a, b, 5)[0].sum().backward();
    note(values(a.grad));
    [a, b] = [leaf(1, 2), leaf(7, 8)];
    telling(new First())(a, b).sum().backward();
    note(values(a.grad), values(b.grad));
    const line = new nn.Linear(2, 1);
    telling(line)(flow.tensor([[1, 2]]))
      .sum()
      .backward();
    note(values(line.weight.grad));
    flow.noGrad(() => telling(relu())(x));
    const y = telling(new Passing())(x.mul(2));
    y.sum().backward(null, { retainGraph: true });
    y.sum().backward();
    note(y.gradFn!.name);
    const [gradient] = flow.autograd.grad(telling(relu())(x).sum(), x);
    note(values(gradient));
  },

  full_backward_hooks_change_gradients(note, refused) {
    const hooked = (...hooks: readonly nn.BackwardHook<nn.ReLU>[]): nn.ReLU => {
      const module = relu();
      for (const hook of hooks) module.registerFullBackwardHook(hook);
      return module;
    };
    let x = leaf(1, 2);
    hooked(
      (_, [gradient]) => [gradient!.mul(10)],
      (_, [gradient]) => note(values(gradient)),
      (_, [gradient]) => [gradient!.add(1)],
    )(x)
      .sum()
      .backward();
    note(values(x.grad));
    x = leaf(1, 2);
    hooked(() => [null])(x)
      .sum()
      .backward();
    note(values(x.grad));
    refused(() => {
      hooked((_, [gradient]) => [gradient!, gradient!])(x)
        .sum()
        .backward();
    });
    const hook = (): Tensor[] => [ones(3)];
    refused(() => {
      hooked(hook)(x).sum().backward();
    });
    const fixed = ones(2);
    refused(() => {
      hooked(() => [fixed])(fixed)
        .add(x)
        .sum()
        .backward();
    });
    let line = new nn.Linear(2, 1);
    line.registerFullBackwardHook(() => [ones(1, 2)]);
    refused(() => {
      line(ones(1, 2)).sum().backward();
    });
    line = new nn.Linear(2, 1);
    line.registerFullBackwardHook(() => [null]);
    line(ones(1, 2)).sum().backward();
    note(values(line.weight.grad));
  },

  full_backward_hooks_refuse_changes_in_place(note, refused) {
    const hooked = <M extends nn.AnyModule>(module: M): M => {
      module.registerFullBackwardHook(() => null);
      return module;
    };
    const inplace = (): nn.ReLU => new nn.ReLU({ inplace: true });
    const x = leaf(1, 2);
    refused(() => hooked(inplace())(x));
    refused(() => hooked(inplace())(x.mul(2)));
    refused(() => hooked(new Adding())(x.mul(2)));
    refused(() => hooked(new Passing())(x.mul(2)).add_(1));
    note(values(hooked(inplace())(flow.tensor([-1, 2]))));
  },

  old_backward_hooks(note, refused) {
    const conv = new nn.Conv2d(2, 3, 1);
    const handle = conv.registerBackwardHook((_, gi, go) => note(told(gi), told(go)));
    conv(wanted(1, 2, 4, 5))
      .sum()
      .backward();
    conv(ones(1, 2, 4, 5))
      .sum()
      .backward();
    conv(wanted(2, 4, 5))
      .sum()
      .backward();
    handle.remove();
    refused(() => conv.registerFullBackwardHook(() => null));
    const bare = new nn.Conv2d(1, 1, 1, { bias: false });
    bare.registerBackwardHook((_, gi, go) => note(told(gi), told(go)));
    bare(ones(1, 1, 2, 2))
      .sum()
      .backward();
    const x = leaf(1, 2);
    const module = relu();
    module.registerBackwardHook((_, [gradient]) => [gradient!.mul(10)]);
    module(x).sum().backward();
    note(values(x.grad));
    refused(() => module.registerFullBackwardHook(() => null));
    const two = new Several();
    two.registerBackwardHook((_, gi) => note(told(gi)));
    two(leaf(1), ones(1), 3)[0].sum().backward();
  },
};

const net = (): nn.Sequential =>
  new nn.Sequential(new nn.Linear(1, 1), new nn.Sequential(new nn.Linear(1, 1, { bias: false })));
const at = (module: nn.AnyModule, path: string): Tensor => module.getParameter(path);

class Extra extends nn.Module {
  constructor(private readonly heard: (state: unknown) => void) {
    super();
  }
  override getExtraState(): unknown {
    return { seen: 3 };
  }
  override setExtraState(state: unknown): void {
    this.heard(state);
  }
}

const stateDicts: Readonly<Record<string, Scenario>> = {
  state_dict_hooks(note) {
    let module = net();
    for (const [path, part] of module.namedModules()) {
      part.registerStateDictHook((_, state, prefix, { version }) =>
        note(path, [...state.keys()], prefix, version),
      );
    }
    module.stateDict({ prefix: 'net.' });
    module = net();
    const seen: unknown[] = [];
    module.registerStateDictHook((_, state) => void seen.push(state));
    note(module.stateDict() === seen[0]);
    module.get(0).registerStateDictHook(() => new nn.StateDict());
    note([...module.stateDict().keys()]);
    const only = new nn.StateDict();
    only.set('only', ones(1));
    module.registerStateDictHook(() => only);
    note([...module.stateDict().keys()]);
  },

  load_state_dict_hooks(note, refused) {
    let module = net();
    for (const [path, part] of module.namedModules()) {
      part.registerLoadStateDictPreHook((state, prefix, metadata, strict, missing) =>
        note(path, [...state.keys()], prefix, { ...metadata }, strict, [...missing]),
      );
      part.registerLoadStateDictPostHook((_, { missingKeys, unexpectedKeys }) =>
        note(path, [...missingKeys], [...unexpectedKeys]),
      );
    }
    let state = module.stateDict();
    state.delete('0.bias');
    refused(() => module.loadStateDict(state));

    module = net();
    const given: unknown[] = [];
    module.get(0).registerLoadStateDictPreHook(
      (part, dict) => {
        given.push(part);
        dict.delete('0.bias');
      },
      { withModule: true },
    );
    state = module.stateDict();
    refused(() => module.loadStateDict(state));
    note(given[0] === module.get(0), [...state.keys()]);

    module = net();
    module.registerLoadStateDictPreHook((dict) => {
      dict.set('0.bias', full([1], 7));
      dict.set('1.0.weight', dict.get('old'));
      dict.delete('old');
    });
    note(String(module.loadStateDict({ '0.weight': ones(1, 1), old: full([1, 1], 9) })));
    note(values(at(module, '0.bias')), values(at(module, '1.0.weight')));

    module = net();
    module.registerLoadStateDictPostHook((_, { missingKeys }) => void (missingKeys.length = 0));
    note(String(module.loadStateDict({ '0.weight': ones(1, 1) })));
    module = net();
    module.get(1).registerLoadStateDictPostHook((_, { unexpectedKeys }) => void unexpectedKeys.push('mine'));
    refused(() => module.loadStateDict(module.stateDict()));
    module = net();
    module.registerLoadStateDictPostHook((_, found) => found as never);
    refused(() => module.loadStateDict(module.stateDict()));
    module = net();
    module.registerLoadStateDictPreHook((...args) => void args[6].push('not today'));
    refused(() => module.loadStateDict(module.stateDict(), false));
  },

  loading(note, refused) {
    let module: nn.AnyModule = new nn.Module();
    module.registerBuffer('wide', zeros(1).expand(3));
    refused(() => module.loadStateDict({ wide: zeros(3) }));
    module = new nn.Module();
    module.registerBuffer('count', zeros());
    module.loadStateDict({ count: flow.tensor([4]) });
    note(values(module.getBuffer('count')));
    refused(() => module.loadStateDict({ count: zeros(1, 1) }));
    refused(() => module.loadStateDict({ count: any('four') }));
    module = new nn.Sequential(new Extra(note));
    const state = module.stateDict();
    note([...state]);
    module.loadStateDict(state);
    refused(() => module.loadStateDict({}));
    refused(() => new nn.Sequential(relu()).loadStateDict(state));
    note(String(new nn.Sequential(relu()).loadStateDict(state, false)));
    const shared = new nn.Linear(1, 1, { bias: false });
    module = new nn.Sequential(shared, shared);
    note([...module.stateDict().keys()]);
    refused(() => module.loadStateDict({ '0.weight': ones(1, 1) }));
    note(values(shared.weight));
  },
};

const others: Readonly<Record<string, Scenario>> = {
  deep_copies(note, refused) {
    const module = net();
    const [line, inner] = [module.get(0) as nn.Linear, (module.get(1) as nn.Sequential).get(0) as nn.Linear];
    inner.weight = line.weight;
    attribute(module, 'list', [1, [line.bias]]);
    module.registerBuffer('a', flow.arange(4, { dtype: 'float32' }));
    module.registerBuffer('b', module.getBuffer('a').slice(0, 1, 3), false);
    line.weight.grad = ones(1, 1);
    const calls: string[] = [];
    module.registerForwardHook(() => void calls.push('hook'));
    module.eval();
    const twin = module.clone();
    const weight = twin.getParameter('0.weight');
    note(String(twin), twin.training);
    note(twin.getParameter('1.0.weight') === weight, weight === line.weight);
    note(weight.equal(line.weight), weight.grad, weight.requiresGrad);
    const [ours, theirs] = [module, twin].map((m) => m.getAttribute('list') as [number, Tensor[]]);
    note(theirs![1][0] === twin.getParameter('0.bias'), theirs![1] === ours![1]);
    twin.getBuffer('a').add_(1);
    note(...[twin, module].flatMap((m) => ['a', 'b'].map((name) => values(m.getBuffer(name)))));
    note([...twin.stateDict().keys()]);
    twin(ones(1, 1));
    note(calls);
    attribute(module, 'made', line.weight.mul(2));
    refused(() => module.clone());
  },

  zero_grad(note) {
    const line = new nn.Linear(2, 1);
    const made = wanted(1, 2).mul(3);
    line.weight.grad = made;
    line.zeroGrad();
    note(line.weight.grad === made, values(made), made.requiresGrad, made.gradFn === null, line.bias!.grad);
    line.weight.grad = wanted(1, 2);
    line.zeroGrad();
    note(values(line.weight.grad), line.weight.grad.requiresGrad);
    line.zeroGrad(true);
    note(line.weight.grad);
  },

  conversions(note, refused) {
    const dtypes = (module: nn.AnyModule): string[] =>
      Array.from(module.stateDict().values(), ({ dtype }) => `torch.${dtype}`);
    const module = new nn.BatchNorm2d(2);
    note(dtypes(module.half()), dtypes(module.float()), dtypes(module.bfloat16()), dtypes(module.double()));
    note(dtypes(module.type('float32')));
    note(dtypes(new nn.BatchNorm2d(2, { affine: false }).type('int64')));
    refused(() => new nn.BatchNorm2d(2).type('int64'));
    refused(() => module.to('int32'));
    refused(() => module.to(flow.zeros([1], { dtype: 'int32' })));
    refused(() => module.cuda('cpu'));
    note(module.to() === module, module.to(null) === module);
    note(dtypes(module.to(flow.zeros([1], { dtype: 'float64' }))));
    const conv = new nn.Conv2d(3, 4, 3);
    const { weight } = conv;
    const { storage } = weight;
    conv.to('float32').to('cpu');
    note(conv.weight === weight, conv.weight.storage === storage);
    conv.to({ memoryFormat: 'channels_last' });
    note(conv.weight.stride(), conv.bias!.stride(), conv.weight === weight);
    const empty = new nn.Linear(2, 3).double().toEmpty({ device: 'cpu' });
    note(empty.weight.shape, `torch.${empty.weight.dtype}`, empty.weight.requiresGrad);
  },

  iteration(note, refused) {
    const shared = new nn.Linear(1, 1);
    const inner = new nn.Sequential(shared, relu());
    const module = new nn.Sequential(inner, inner, shared);
    note(names(module.namedModules()));
    note(names(module.namedModules(new Set(), '', false)));
    note(names(module.namedModules(new Set<nn.AnyModule>([inner]), 'x')));
    note(names(module.namedChildren()), [...module.children()].length);
    note(names(module.namedParameters('p')));
    note(names(module.namedParameters('p', false)));
    module.addModule('gone', null);
    note(names(module.namedChildren()));
    refused(() => module.getSubmodule('gone'));
    refused(() => module.getSubmodule('0.7'));
    refused(() => module.getSubmodule('0..1'));
    refused(() => module.getParameter('0.0'));
    refused(() => module.getParameter('0.0.foo'));
    refused(() => module.getBuffer('0.0.weight'));
    refused(() => module.deleteAttribute('forward'));
    refused(() => module.deleteAttribute('foo'));
  },
};

const { scenarios: golden } = goldenJson<{ scenarios: Readonly<Record<string, Log>> }>('modules.json');
const all: Readonly<Record<string, Scenario>> = { ...containers, ...backwardHooks, ...stateDicts, ...others };

/** Python's values in JSON, with Python's names of types in JavaScript. */
const translated = (value: unknown): unknown => {
  if (typeof value === 'string') return inJavaScript(value);
  return Array.isArray(value) ? value.map(translated) : value;
};

describe.each(availableTargets())('modules do step by step what they do in PyTorch, on %s', (target) => {
  beforeAll(() => setTarget(target));
  afterAll(() => setTarget('wasm'));

  it.each(Object.keys(golden))('%s', (name) => {
    const log: Log = [];
    all[name]!(
      (...noted) => void log.push(noted.length === 1 ? noted[0] : noted),
      (call) => {
        try {
          call();
          log.push('nothing was refused');
        } catch (error) {
          log.push(['Error', (error as Error).name, (error as Error).message]);
        }
      },
    );
    expect(log).toEqual(translated(golden[name]));
  });

  it('every scenario is played', () => {
    expect(Object.keys(all).sort()).toEqual(Object.keys(golden).sort());
  });
});
