/**
 * What the compiler says of modules. `npm run typecheck` checks this file; nothing runs it.
 *
 * `exactly<T>()(value)` compiles only if the value's type is T and no other; `@ts-expect-error` only if the next line
 * does not compile.
 */
import { nn, type RemovableHandle, type Tensor } from '../../src/index.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare const exactly: <T>() => <U>(value: U, ...differs: Equal<T, U> extends true ? [] : [never]) => void;
declare const tensor: Tensor;
declare const name: string;
declare const three: number;
declare const something: unknown;

// The tool itself.
exactly<number>()(three);
// @ts-expect-error -- a number is no string
exactly<string>()(three);
// @ts-expect-error -- nor is anything of unknown type
exactly<string>()(something);

// A call has the parameters and the result of the class's own forward.
class Net extends nn.Module {
  conv = new nn.Conv2d(1, 8, 3);
  fc = new nn.Linear(8, 10, { bias: false });
  scale = new nn.Parameter(tensor);
  maybe: nn.Linear | null = null;
  plain = tensor;
  override forward(x: Tensor): Tensor {
    return this.fc(this.conv(x).relu().flatten(1));
  }
}
class Two extends nn.Module {
  override forward(x: Tensor, scale: number, more?: string): [Tensor, string] {
    return [x.mul(scale), more ?? ''];
  }
}
class Lookup extends nn.Module {
  override forward(words: readonly string[]): Promise<Map<string, Tensor>> {
    return Promise.resolve(new Map(words.map((word) => [word, tensor])));
  }
}
const net = new Net();
const two = new Two();
exactly<Tensor>()(net(tensor));
exactly<Tensor>()(net.call(tensor));
exactly<[Tensor, string]>()(two(tensor, 3));
exactly<[Tensor, string]>()(two.call(tensor, 3, 'more'));
exactly<Promise<Map<string, Tensor>>>()(new Lookup()(['word']));
exactly<[x: Tensor, scale: number, more?: string | undefined]>()(null! as Parameters<typeof two>);
exactly<[Tensor, string]>()(null! as ReturnType<typeof two>);
exactly<[input: Tensor]>()(null! as Parameters<nn.Conv2d>);
exactly<[input: Tensor, target: Tensor]>()(null! as Parameters<nn.CrossEntropyLoss>);
exactly<Tensor>()(new nn.Conv2d(1, 1, 1)(tensor));
exactly<Tensor>()(new nn.Sequential(net, new nn.ReLU())(tensor));
// @ts-expect-error -- an argument is missing
two(tensor);
// @ts-expect-error -- one is of another type
two(tensor, 'three');
// @ts-expect-error -- there is one too many
net(tensor, 3);
// @ts-expect-error -- the same for call
net.call();
// @ts-expect-error -- a convolution takes a tensor
new nn.Conv2d(1, 1, 1)(3);
// @ts-expect-error -- lists are not called with anything
new nn.ModuleList([net])(tensor);

// Where only nn.Module is said, it takes and gives one tensor; type arguments say otherwise.
const plain: nn.Module = net;
exactly<Tensor>()(plain(tensor));
const typed: nn.Module<[x: Tensor, scale: number, more?: string | undefined], [Tensor, string]> = two;
exactly<[Tensor, string]>()(typed(tensor, 3));
class Given extends nn.Module<[left: Tensor, right: Tensor], number> {}
exactly<number>()(new Given()(tensor, tensor));
// @ts-expect-error -- it takes more
const wrong: nn.Module = two;
// @ts-expect-error -- it gives something else
const other: nn.Module<[words: readonly string[]], Tensor> = new Lookup();
// Any module is one, whatever it takes.
const any: nn.AnyModule[] = [net, two, new Lookup(), new Given(), new nn.ModuleList(), wrong, other];
exactly<unknown>()(any[0]!(tensor));

// What changes a module returns it as what it is.
exactly<Net>()(
  net
    .to('float64')
    .half()
    .train()
    .eval()
    .requiresGrad_(false)
    .apply(() => undefined),
);
exactly<Net>()(net.clone());
exactly<Net>()(net.to());
exactly<Net>()(net.to(tensor));
exactly<Net>()(net.to('cpu', 'float32'));
exactly<Net>()(net.to({ device: 'cpu', dtype: 'float32', memoryFormat: 'channels_last', tensor }));
exactly<never>()(net.toConsistent());
// @ts-expect-error -- no such dtype
net.to('cpu', 'float31');
// @ts-expect-error -- no such memory format
net.to({ memoryFormat: 'NHWC' });
// @ts-expect-error -- no such option
net.to({ kind: 'float32' });
// @ts-expect-error -- train takes a boolean
net.train(1);

// Attributes: a parameter's takes a parameter, as at run time.
net.conv.bias = null;
net.conv.weight = new nn.Parameter(tensor);
exactly<nn.Parameter | null>()(net.fc.bias);
// @ts-expect-error -- a tensor is no parameter
net.conv.weight = tensor;
// @ts-expect-error -- a weight is never null
net.conv.weight = null;
// @ts-expect-error -- another layer
net.conv = new nn.ReLU();

// Registering.
net.registerBuffer('b', null, false);
net.registerParameter('p', null);
net.addModule('m', null);
// @ts-expect-error -- a tensor is no parameter
net.registerParameter('p', tensor);
// @ts-expect-error -- names are texts
net.registerBuffer(3, tensor);

// Iterators.
exactly<[path: string, parameter: nn.Parameter][]>()([...net.namedParameters()]);
exactly<[path: string, module: nn.AnyModule][]>()([...net.namedModules()]);
exactly<[path: string, buffer: Tensor][]>()([...net.namedBuffers('net', false)]);
exactly<nn.AnyModule[]>()([...net.children()]);

// Hooks know the module, its arguments and its result.
exactly<RemovableHandle>()(
  two.registerForwardPreHook((module, args) => {
    exactly<Two>()(module);
    exactly<[x: Tensor, scale: number, more?: string | undefined]>()(args);
    return [args[0], 3];
  }),
);
two.registerForwardHook((module, [x, scale], result) => {
  exactly<Two>()(module);
  exactly<Tensor>()(x);
  exactly<number>()(scale);
  exactly<[Tensor, string]>()(result);
  return [result[0], 'changed'];
});
two.registerForwardHook(() => undefined);
// @ts-expect-error -- the result must be one of forward's
two.registerForwardHook(() => 3);
net.registerFullBackwardHook((module, gradInput, gradOutput) => {
  exactly<Net>()(module);
  exactly<readonly (Tensor | null)[]>()(gradInput);
  return gradOutput;
});
net.registerFullBackwardHook((_, [first]) => first);
// @ts-expect-error -- gradients are tensors
net.registerBackwardHook(() => [3]);
net.registerStateDictHook((module, stateDict, prefix, { version }) => {
  exactly<Net>()(module);
  exactly<string>()(prefix);
  exactly<number>()(version);
  stateDict.delete(`${prefix}plain`);
});
net.registerStateDictPreHook((module, prefix, keepVars) => {
  exactly<Net>()(module);
  exactly<string>()(prefix);
  exactly<boolean>()(keepVars);
});
net.registerLoadStateDictPreHook((stateDict, prefix, metadata, strict, missing, unexpected, errors) => {
  exactly<Map<string, unknown>>()(stateDict);
  exactly<string>()(prefix);
  exactly<number | undefined>()(metadata.version);
  exactly<boolean>()(strict);
  exactly<string[]>()(missing);
  exactly<string[]>()(unexpected);
  exactly<string[]>()(errors);
});
net.registerLoadStateDictPreHook(
  (module, stateDict) => {
    exactly<Net>()(module);
    stateDict.clear();
  },
  { withModule: true },
);
net.registerLoadStateDictPostHook((module, { missingKeys }) => {
  exactly<Net>()(module);
  missingKeys.length = 0;
});

// State dictionaries know the keys that are there for sure, also below.
const state = net.stateDict();
exactly<Tensor>()(state.get('conv.weight'));
exactly<Tensor>()(state.get('fc.weight'));
exactly<Tensor>()(state.get('scale'));
exactly<Tensor | undefined>()(state.get('conv.bias')); // may be null, and then has no key
exactly<Tensor | undefined>()(state.get('maybe.weight'));
exactly<Tensor | undefined>()(state.get('plain')); // a tensor that is no parameter
exactly<Tensor | undefined>()(state.get(name));
exactly<'conv.weight' | 'fc.weight' | 'scale'>()(null! as nn.StateKey<Net>);
exactly<never>()(null!);
exactly<'weight'>()(null! as nn.StateKey<nn.Conv2d>);
class Tree extends nn.Module {
  left: Tree | null = null;
  declare right: Tree;
  leaf = new nn.Linear(1, 1);
}
exactly<Tensor>()(new Tree().stateDict().get('right.right.leaf.weight')); // modules of their own class end somewhere
net.stateDict({ destination: new nn.StateDict(), prefix: 'net.', keepVars: true });
net.stateDict(new Map<string, Tensor>(), 'net.', true);
net.stateDict(null, 'net.');
// @ts-expect-error -- no such option
net.stateDict({ keepvars: true });
// @ts-expect-error -- prefixes are texts
net.stateDict({ prefix: 3 });
exactly<nn.IncompatibleKeys>()(net.loadStateDict(state));
net.loadStateDict(
  { scale: [1, 2], other: new Float32Array(2), shaped: { data: new Float32Array(2), shape: [2, 1] } },
  false,
);
// @ts-expect-error -- a text is no tensor
net.loadStateDict({ scale: 'one' });
// @ts-expect-error -- a list is no dictionary
net.loadStateDict([tensor]);

// Containers know what they contain.
const layers = new nn.ModuleList([new nn.Linear(1, 1), new nn.Linear(1, 1)]);
exactly<nn.Linear>()(layers.get(0));
exactly<nn.ModuleList<nn.Linear>>()(layers.get({ start: 1 }));
exactly<nn.Linear[]>()([...layers]);
exactly<nn.Linear | nn.ReLU>()(layers.concat([new nn.ReLU()]).get(0));
// @ts-expect-error -- another layer
layers.append(new nn.ReLU());
new nn.ModuleList<nn.Module>([new nn.Linear(1, 1)]).append(new nn.ReLU());
const choices = new nn.ModuleDict({ a: new nn.ReLU(), b: new nn.ReLU() });
exactly<nn.ReLU>()(choices.get('a'));
exactly<string[]>()([...choices]);
exactly<[name: string, module: nn.ReLU][]>()([...choices.items()]);
exactly<nn.Parameter>()(new nn.ParameterList([tensor]).get(0));
exactly<nn.Parameter | number>()(new nn.ParameterList([tensor, 3]).get(0));
exactly<nn.Parameter | null>()(new nn.ParameterDict({ a: tensor }).get('a'));

// A snapshot gives one of the classes in its table.
const snapshot = net.toSnapshot();
exactly<Net>()(nn.Module.fromSnapshot(snapshot, { Net }));
exactly<Net | Two>()(nn.Module.fromSnapshot(snapshot, { Net, Two, constant: 3 }));
// @ts-expect-error -- no snapshot
nn.Module.fromSnapshot({}, { Net });
