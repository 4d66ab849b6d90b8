/** Random chains of calls of Module: registration, hooks, state dictionaries, conversion, walking, printing. */
import fc from 'fast-check';
import { py, ts, type Program, type Step } from './program.ts';

/** A tree of layers that all map [N, 2, H, W] to its own shape, so that any of them may stand anywhere. */
const layer: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({
      kernel: fc.constantFrom(1, 3),
      bias: fc.boolean(),
      mode: fc.constantFrom('zeros', 'reflect', 'circular'),
      groups: fc.constantFrom(1, 2),
    })
    .map(({ kernel, bias, mode, groups }) => ({
      ts: `new nn.Conv2d(2, 2, ${ts(kernel)}, { padding: ${ts((kernel - 1) / 2)}, bias: ${ts(bias)}, groups: ${ts(groups)}, paddingMode: ${ts(mode)} })`,
      py: `nn.Conv2d(2, 2, ${py(kernel)}, padding=${py((kernel - 1) / 2)}, bias=${py(bias)}, groups=${py(groups)}, padding_mode=${py(mode)})`,
    })),
  fc.constantFrom('ReLU()', 'Identity()', 'BatchNorm2d(2)').map((text) => ({ ts: `new nn.${text}`, py: `nn.${text}` })),
); // prettier-ignore

const sequence = (parts: readonly Step[]): Step => ({
  ts: `new nn.Sequential(${parts.map((part) => part.ts).join(', ')})`,
  py: `nn.Sequential(${parts.map((part) => part.py).join(', ')})`,
});
const tree: fc.Arbitrary<Step> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: layer },
      { weight: 1, arbitrary: fc.array(layer, { maxLength: 2 }).map(sequence) },
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map(sequence);

/** Names that may be taken, free or forbidden. */
const name = fc.constantFrom('a', 'b', '0', '1', '10', 'weight', 'bias', 'training', 'forward', 'x.y', '');
const path = fc.constantFrom('', '0', '1', '0.weight', '1.bias', '0.0', '0.weight.c', 'a', '9', '0.running_mean', '0.stride'); // prettier-ignore
const prefix = fc.constantFrom('', 'net', 'net.');
const flag = fc.boolean();
/** The tree itself, one of its layers, or the tree beside it. */
const module = fc.constantFrom('m', 'm', 'c', 'n');

const tensor = (shape: readonly number[]): Step => ({
  ts: `flow.rand(${ts(shape)})`,
  py: `torch.rand(${py(shape)})`,
});
const parameter: Step = { ts: `new nn.Parameter(${tensor([2]).ts})`, py: `nn.Parameter(${tensor([2]).py})` };
const nothing: Step = { ts: 'null', py: 'None' };
const number: Step = { ts: '3', py: '3' };
const values = fc.constantFrom(parameter, nothing, number, tensor([2]));
const modules = fc.oneof(
  { weight: 3, arbitrary: layer },
  { weight: 1, arbitrary: fc.constantFrom(nothing, number) },
);

/** A statement about one module, with `?` for it. */
type Kind = fc.Arbitrary<Step>;
const call = (tsText: string, pyText: string): Step => ({ ts: tsText, py: pyText });

const registration: Kind = fc.oneof(
  fc.tuple(name, modules).map(([n, value]) => call(`?.addModule(${ts(n)}, ${value.ts});`, `?.add_module(${py(n)}, ${value.py})`)),
  fc.tuple(name, values).map(([n, value]) => call(`?.registerParameter(${ts(n)}, ${value.ts});`, `?.register_parameter(${py(n)}, ${value.py})`)),
  fc.tuple(name, values, flag).map(([n, value, keep]) => call(`?.registerBuffer(${ts(n)}, ${value.ts}, ${ts(keep)});`, `?.register_buffer(${py(n)}, ${value.py}, ${py(keep)})`)),
  fc.tuple(fc.constantFrom('a', 'b', 'weight', 'bias', 'running_mean'), fc.oneof(values, modules)).map(([n, value]) => call(`?.${n} = ${value.ts};`, `?.${n} = ${value.py}`)),
  fc.constantFrom('a', 'b', '0', 'weight', 'bias').map((n) => call(`?.deleteAttribute(${ts(n)});`, `delattr(?, ${py(n)})`)),
  layer.map((each) => call(`m.append(${each.ts});`, `m.append(${each.py})`)),
); // prettier-ignore

/** Hooks that show that they ran, that change what passes, and that take themselves away. */
const hooks: Kind = fc.oneof(
  fc.constantFrom(
    call('h.push(?.registerForwardPreHook((_, args) => { show("pre", args.length); }));', 'h.append(?.register_forward_pre_hook(lambda _, args: show("pre", len(args))))'),
    call('h.push(?.registerForwardPreHook((_, args) => [args[0].mul(2)]));', 'h.append(?.register_forward_pre_hook(lambda _, args: (args[0].mul(2),)))'),
    call('h.push(?.registerForwardPreHook((_, args) => args[0].add(1)));', 'h.append(?.register_forward_pre_hook(lambda _, args: args[0].add(1)))'),
    call('h.push(?.registerForwardHook((module, args, result) => { show("post", module._getName()); }));', 'h.append(?.register_forward_hook(lambda module, args, result: show("post", module._get_name())))'),
    call('h.push(?.registerForwardHook((_, args, result) => result.mul(3)));', 'h.append(?.register_forward_hook(lambda _, args, result: result.mul(3)))'),
    call('h.push(?.registerForwardHook(() => { h[0].remove(); show("removed", h.length); }));', 'h.append(?.register_forward_hook(lambda *_: (h[0].remove(), show("removed", len(h)))[1]))'),
    call('h.push(?.registerFullBackwardHook((_, gradInput, gradOutput) => { show("back", gradOutput.length); show("gradient on the way", gradOutput[0]); }));', 'h.append(?.register_full_backward_hook(lambda _, grad_input, grad_output: (show("back", len(grad_output)), show("gradient on the way", grad_output[0]))[1]))'),
    call('h.push(?.registerFullBackwardHook((_, gradInput) => gradInput.map((g) => g && g.mul(2))));', 'h.append(?.register_full_backward_hook(lambda _, grad_input, grad_output: tuple(g if g is None else g.mul(2) for g in grad_input)))'),
    call('h.pop()?.remove();', 'h and h.pop().remove()'),
    call('h.shift()?.remove();', 'h and h.pop(0).remove()'),
    call('?.registerStateDictHook((_, dictionary, prefix) => { show("saved", prefix); });', '?._register_state_dict_hook(lambda _, dictionary, prefix, metadata: show("saved", prefix))'),
    call('?.registerLoadStateDictPreHook((dictionary, prefix, metadata, strict) => { show("loading", [prefix, strict]); });', '?._register_load_state_dict_pre_hook(lambda dictionary, prefix, metadata, strict, *_: show("loading", [prefix, strict]))'),
    call('?.registerLoadStateDictPostHook((module, keys) => { show("loaded", String(keys)); });', '?.register_load_state_dict_post_hook(lambda module, keys: show("loaded", str(keys)))'),
  ),
); // prettier-ignore

const state: Kind = fc.oneof(
  fc.tuple(prefix, flag).map(([p, keep]) => call(
    `d = ?.stateDict({ prefix: ${ts(p)}, keepVars: ${ts(keep)} }); show("keys", [...d.keys()]); show("learning", [...d.values()].map((t) => t.requiresGrad)); show("metadata", [...d.metadata.keys()]);`,
    `d = ?.state_dict(prefix=${py(p)}, keep_vars=${py(keep)}); show("keys", list(d)); show("learning", [t.requires_grad for t in d.values()]); show("metadata", list(d._metadata))`,
  )),
  fc.tuple(fc.constantFrom(
    call('', 'pass'),
    call('d.delete([...d.keys()][0]);', 'd.pop(next(iter(d), None), None)'),
    call('d.set("zz", flow.ones([1]));', 'd["zz"] = torch.ones([1])'),
    call('d.set("0.weight", flow.ones([7]));', 'd["0.weight"] = torch.ones([7])'),
    call('d.set("0.weight", 3);', 'd["0.weight"] = 3'),
    call('d.set("0.weight.c", flow.ones([1]));', 'd["0.weight.c"] = torch.ones([1])'),
  ), flag).map(([change, strict]) => call(
    `d = n.stateDict(); ${change.ts} show("loading result", String(?.loadStateDict(d, ${ts(strict)})));`,
    `d = n.state_dict(); ${change.py}; show("loading result", str(?.load_state_dict(d, ${py(strict)})))`,
  )),
); // prettier-ignore

const conversion: Kind = fc.oneof(
  fc.constantFrom('double', 'float', 'eval', 'train').map((method) => call(`show("returns", ?.${method}() === ?);`, `show("returns", ?.${method}() is ?)`)),
  fc.constant(call('m.half(); show("half", [...m.parameters()].map((p) => p.dtype)); m.float();', 'm.half(); show("half", [str(p.dtype)[6:] for p in m.parameters()]); m.float()')),
  fc.constant(call('m.bfloat16(); show("bfloat16", [...m.buffers()].map((p) => p.dtype)); m.float();', 'm.bfloat16(); show("bfloat16", [str(p.dtype)[6:] for p in m.buffers()]); m.float()')),
  fc.constantFrom('float64', 'float32', 'int32').map((dtype) => call(`?.to(${ts(dtype)});`, `?.to(torch.${dtype})`)),
  fc.constantFrom(number, nothing).map((mode) => call(`?.train(${mode.ts});`, `?.train(${mode.py})`)),
  fc.constant(call('?.to({ memoryFormat: "channels_last" });', '?.to(memory_format=torch.channels_last)')),
  flag.map((none) => call(`?.zeroGrad(${ts(none)});`, `?.zero_grad(set_to_none=${py(none)})`)),
  flag.map((on) => call(`?.requiresGrad_(${ts(on)});`, `?.requires_grad_(${py(on)})`)),
  fc.constant(call('n = m.clone(); show("clone", String(n));', 'n = copy.deepcopy(m); show("clone", str(n))')),
); // prettier-ignore

const looking: Kind = fc.oneof(
  fc.constant(call('show("text", String(?));', 'show("text", str(?))')),
  fc.tuple(fc.constantFrom(['namedParameters', 'named_parameters'], ['namedBuffers', 'named_buffers']), prefix, flag).map(([[ours, theirs], p, deep]) => call(
    `show("names", Array.from(?.${ours}(${ts(p)}, ${ts(deep)}), ([name]) => name));`,
    `show("names", [name for name, _ in ?.${theirs}(${py(p)}, ${py(deep)})])`,
  )),
  prefix.map((p) => call(
    `show("modules", Array.from(?.namedModules(new Set(), ${ts(p)}), ([name, each]) => [name, each._getName(), each.training]));`,
    `show("modules", [[name, each._get_name(), each.training] for name, each in ?.named_modules(prefix=${py(p)})])`,
  )),
  fc.constant(call('show("children", Array.from(?.namedChildren(), ([name]) => name));', 'show("children", [name for name, _ in ?.named_children()])')),
  fc.constant(call('names = []; ?.apply((each) => { names.push(each._getName()); }); show("applied", names);', 'names = []; ?.apply(lambda each: names.append(each._get_name())); show("applied", names)')),
  path.map((p) => call(`show("submodule", ?.getSubmodule(${ts(p)})._getName());`, `show("submodule", ?.get_submodule(${py(p)})._get_name())`)),
  path.map((p) => call(`show("parameter", ?.getParameter(${ts(p)}).shape);`, `show("parameter", list(?.get_parameter(${py(p)}).shape))`)),
  path.map((p) => call(`show("buffer", ?.getBuffer(${ts(p)}).shape);`, `show("buffer", list(?.get_buffer(${py(p)}).shape))`)),
  fc.constantFrom('a', 'b', 'weight', 'foo').map((n) => call(`show("attribute", typeof ?.getAttribute(${ts(n)}));`, `show("attribute", "number" if isinstance(getattr(?, ${py(n)}), int) else "function" if isinstance(getattr(?, ${py(n)}), nn.Module) else "object")`)),
  fc.constant(call('show("same", m.equals(n));', 'show("same", m == n)')),
); // prettier-ignore

const index = fc.integer({ min: -4, max: 4 });
const slice = fc
  .record({
    start: fc.option(index, { nil: undefined }),
    stop: fc.option(index, { nil: undefined }),
    step: fc.constantFrom(undefined, 1, 2, -1),
  })
  .map(({ start, stop, step }) => {
    const given = Object.entries({ start, stop, step }).filter(([, value]) => value !== undefined);
    const shown = [start, stop, step].map((each) => (each === undefined ? '' : String(each)));
    return call(`{ ${given.map(([n, value]) => `${n}: ${String(value)}`).join(', ')} }`, shown.join(':'));
  });
/** A list `l`, a dictionary `k`, and for parameters `u` and `v`; of the tree `m` what Sequential has of a list. */
const list = fc.constantFrom('m', 'l');
const key = fc.constantFrom('a', 'b', '2', '10', 'x.y');
const plainKey = fc.constantFrom('a', 'b', '2', '10');
const parameters = fc.constantFrom(parameter, tensor([2]));
const containers: Kind = fc.oneof(
  fc.tuple(list, index).map(([on, at]) => call(`e = ${on}.get(${ts(at)}); show("got", e && e._getName());`, `e = ${on}[${py(at)}]; show("got", None if e is None else e._get_name())`)),
  fc.tuple(list, slice).map(([on, part]) => call(`show("part", String(${on}.get(${part.ts})));`, `show("part", str(${on}[${part.py}]))`)),
  fc.tuple(list, index, layer).map(([on, at, each]) => call(`${on}.set(${ts(at)}, ${each.ts});`, `${on}[${py(at)}] = ${each.py}`)),
  fc.tuple(list, fc.oneof(index.map((at) => call(ts(at), py(at))), slice)).map(([on, at]) => call(`${on}.delete(${at.ts});`, `del ${on}[${at.py}]`)),
  fc.tuple(list, index).map(([on, at]) => call(`e = ${on}.pop(${ts(at)}); show("popped", e && e._getName());`, `e = ${on}.pop(${py(at)}); show("popped", None if e is None else e._get_name())`)),
  // PyTorch's ModuleList takes any position and loses modules.
  fc.tuple(index, layer).map(([at, each]) => call(`m.insert(${ts(at)}, ${each.ts});`, `m.insert(${py(at)}, ${each.py})`)),
  layer.map((each) => call(`l.insert(0, ${each.ts});`, `l.insert(0, ${each.py})`)),
  fc.tuple(list, fc.array(layer, { maxLength: 2 })).map(([on, each]) => call(`${on}.extend([${each.map((l) => l.ts).join(', ')}]);`, `${on}.extend([${each.map((l) => l.py).join(', ')}])`)),
  list.map((on) => call(`show("length", ${on}.length); show("each", Array.from(${on}, (e) => e && e._getName()));`, `show("length", len(${on})); show("each", [None if e is None else e._get_name() for e in ${on}])`)),
  fc.constant(call('show("sum", String(m.concat(n)));', 'show("sum", str(m + n))')),
  fc.integer({ min: -1, max: 2 }).map((times) => call(`show("product", String(m.repeat(${ts(times)})));`, `show("product", str(m * ${py(times)}))`)),

  fc.tuple(key, layer).map(([n, each]) => call(`k.set(${ts(n)}, ${each.ts});`, `k[${py(n)}] = ${each.py}`)),
  key.map((n) => call(`e = k.get(${ts(n)}); show("got", e && e._getName());`, `e = k[${py(n)}]; show("got", None if e is None else e._get_name())`)),
  key.map((n) => call(`e = k.pop(${ts(n)}); show("popped", e && e._getName());`, `e = k.pop(${py(n)}); show("popped", None if e is None else e._get_name())`)),
  key.map((n) => call(`k.delete(${ts(n)});`, `del k[${py(n)}]`)),
  fc.tuple(key, layer, layer).map(([n, one, two]) => call(`k.update({ ${ts(n)}: ${one.ts}, z: ${two.ts} });`, `k.update({${py(n)}: ${one.py}, "z": ${two.py}})`)),
  fc.constant(call('show("keys", [...k.keys()]); show("items", Array.from(k.items(), ([name, e]) => [name, e && e._getName()])); show("has", k.has("a"));', 'show("keys", list(k.keys())); show("items", [[name, None if e is None else e._get_name()] for name, e in k.items()]); show("has", "a" in k)')),
  fc.constant(call('k.clear();', 'k.clear()')),
  fc.constantFrom('l', 'k', 'u', 'v').map((on) => call(`show("text", String(${on})); show("saved", [...${on}.stateDict().keys()]);`, `show("text", str(${on})); show("saved", list(${on}.state_dict()))`)),

  parameters.map((value) => call(`u.append(${value.ts});`, `u.append(${value.py})`)),
  fc.tuple(index, parameters).map(([at, value]) => call(`u.set(${ts(at)}, ${value.ts});`, `u[${py(at)}] = ${value.py}`)),
  index.map((at) => call(`show("shape", u.get(${ts(at)}).shape);`, `show("shape", list(u[${py(at)}].shape))`)),
  slice.map((part) => call(`show("length", u.get(${part.ts}).length);`, `show("length", len(u[${part.py}]))`)),
  fc.tuple(plainKey, parameters).map(([n, value]) => call(`v.set(${ts(n)}, ${value.ts});`, `v[${py(n)}] = ${value.py}`)),
  key.map((n) => call(`v.delete(${ts(n)});`, `del v[${py(n)}]`)),
  key.map((n) => call(`show("shape", v.pop(${ts(n)}).shape);`, `show("shape", list(v.pop(${py(n)}).shape))`)),
  fc.constant(call('show("last", v.popitem()[0]);', 'show("last", v.popitem()[0])')),
  fc.constant(call('show("keys", [...v.keys()]); show("copy", [...v.copy().keys()]);', 'show("keys", list(v.keys())); show("copy", list(v.copy().keys()))')),
); // prettier-ignore

/** Runs forward and backward, and shows what came of it. */
const run: Kind = flag.map((learns) => ({
  ts: `x = flow.rand([3, 2, 5, 4]).requiresGrad_(${ts(learns)});
y = ?(x); show("output", y);
if (y.requiresGrad) { y.mul(flow.rand(y.shape, { dtype: y.dtype })).sum().backward(); }
show("input gradient", x.grad);
for (const [name, p] of ?.namedParameters()) if (p.grad) show(\`gradient of \${name}\`, p.grad);
for (const [name, b] of ?.namedBuffers()) show(\`buffer \${name}\`, b);`,
  py: `x = torch.rand([3, 2, 5, 4]).requires_grad_(${py(learns)})
y = ?(x); show("output", y)
if y.requires_grad: y.mul(torch.rand(y.shape, dtype=y.dtype)).sum().backward()
show("input gradient", x.grad)
for name, p in ?.named_parameters():
  if p.grad is not None: show(f"gradient of {name}", p.grad)
for name, b in ?.named_buffers(): show(f"buffer {name}", b)`,
}));

const step: fc.Arbitrary<Step> = fc
  .tuple(
    module,
    fc.oneof(
      { weight: 3, arbitrary: registration },
      { weight: 3, arbitrary: hooks },
      { weight: 2, arbitrary: state },
      { weight: 2, arbitrary: conversion },
      { weight: 3, arbitrary: looking },
      { weight: 3, arbitrary: containers },
      { weight: 3, arbitrary: run },
    ),
  )
  .map(([on, { ts, py }]) => ({ ts: aimed(ts, on), py: aimed(py, on) }));

/** Puts the module where `?` stands; JavaScript's own question marks have a dot or another behind them. */
const aimed = (text: string, on: string): string => text.replaceAll(/(?<![\w)\]])\?/g, on);

export interface ModuleCase {
  readonly seed: number;
  readonly tree: Step;
  readonly other: Step;
  readonly steps: readonly Step[];
}

export const moduleCases: fc.Arbitrary<ModuleCase> = fc.record({
  seed: fc.nat(99),
  tree,
  other: tree,
  steps: fc.array(step, { minLength: 1, maxLength: 12, size: 'max' }),
});

export const moduleProgram = ({ seed, tree, other, steps }: ModuleCase): Program => ({
  steps: [
    call(
      `flow.manualSeed(${String(seed)}); flow.setDefaultDtype("float64");`,
      `torch.manual_seed(${String(seed)}); torch.set_default_dtype(torch.float64)`,
    ),
    call(
      `m = ${tree.ts}; n = ${other.ts}; c = m.get(0); h = []; l = new nn.ModuleList([new nn.ReLU()]); k = new nn.ModuleDict({ a: new nn.ReLU() }); u = new nn.ParameterList(); v = new nn.ParameterDict();`,
      `m = ${tree.py}; n = ${other.py}; c = m[0]; h = []; l = nn.ModuleList([nn.ReLU()]); k = nn.ModuleDict({"a": nn.ReLU()}); u = nn.ParameterList(); v = nn.ParameterDict()`,
    ),
    ...steps,
  ],
  names: ['m', 'n', 'c', 'h', 'l', 'k', 'u', 'v', 'd', 'e', 'x', 'y', 'names'],
  stopsAtError: false,
  // Behind a batch normalisation gradients nearly cancel.
  bound: (_, dtype) =>
    dtype === 'float64' ? { relative: 1e-9, absolute: 1e-10 } : { relative: 1e-3, absolute: 1e-3 },
});
