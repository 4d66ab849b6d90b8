"""What modules do in PyTorch, step by step: modules.json.

    python3 make_modules.py > modules.json        (torch 1.13; a few seconds)

Each scenario is a list of what happened: texts of modules, names in order, numbers, and ["Error", kind, text] for what
was refused. test/nn/scenarios.test.ts does the same steps under the same names.
"""
import copy
import json
import warnings
from collections import OrderedDict

import torch
from torch import nn

warnings.simplefilter("ignore")
scenarios = {}


def scenario(f):
    log = []

    def note(*values):
        log.append(values[0] if len(values) == 1 else list(values))

    def refused(call):
        try:
            call()
        except Exception as error:
            kind = type(error).__name__
            text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
            log.append(["Error", kind, text])
        else:
            log.append("nothing was refused")

    f(note, refused)
    scenarios[f.__name__] = log
    return f


def values(t):
    return None if t is None else t.tolist()


def kinds(modules):
    return [type(m).__name__ for m in modules]


# ------------------------------------------------------------------ containers


@scenario
def sequential(note, refused):
    net = nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())
    note(kinds(net), len(net))
    note(type(net[-1]).__name__, type(net[0]).__name__)
    refused(lambda: net[3])
    refused(lambda: net[-4])
    note(repr(net[1:]))
    note(repr(net[::-2]))
    note(kinds(net[:-1]), kinds(net[5:]), kinds(net[-2:5]))
    net[1] = nn.SiLU()
    note(repr(net))
    refused(lambda: net.__setitem__(1, 3))
    refused(lambda: net.__setitem__(7, nn.ReLU()))
    del net[0]
    note(repr(net))
    net.append(nn.ReLU()).append(nn.Tanh())
    note(repr(net))
    net.insert(1, nn.Identity())
    note(repr(net))
    net.insert(-1, nn.Sigmoid())
    note(kinds(net), list(net._modules))
    refused(lambda: net.insert(9, nn.ReLU()))
    note(type(net.pop(-1)).__name__, kinds(net))
    net.extend([nn.Tanh(), nn.Tanh()])
    note(kinds(net), list(net._modules))
    del net[1:3]
    note(kinds(net), list(net._modules))
    both = net + nn.Sequential(nn.SiLU())
    note(kinds(both), list(both._modules), both is net)
    note(kinds(nn.Sequential(nn.ReLU(), nn.Tanh()) * 2))
    refused(lambda: net + 3)
    refused(lambda: net * 0)
    refused(lambda: net.append(3))
    named = nn.Sequential(OrderedDict([("b", nn.ReLU()), ("a", nn.Tanh())]))
    note(repr(named), repr(named[1:]))
    del named[0]
    note(list(named._modules))


@scenario
def module_list(note, refused):
    net = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Sigmoid()])
    note(repr(net), len(net))
    refused(lambda: net[3])
    note(repr(net[1:]), repr(net[::2]))
    net[0] = nn.SiLU()
    refused(lambda: net.__setitem__(0, 3))
    net[2] = None
    note(repr(net))
    net[2] = nn.Sigmoid()
    net.insert(1, nn.Identity())
    note(kinds(net), list(net._modules))
    note(type(net.pop(0)).__name__, kinds(net), list(net._modules))
    del net[-1]
    note(kinds(net))
    net += [nn.ReLU(), nn.ReLU()]
    note(kinds(net))
    note(kinds(net + [nn.Tanh()]), len(net))
    del net[0:2]
    note(kinds(net), list(net._modules))
    net.extend(list(net))
    note(list(net._modules), net[0] is net[2])
    refused(lambda: net.extend(3))
    refused(lambda: net.append(3))
    refused(lambda: net(3))


@scenario
def module_dict(note, refused):
    net = nn.ModuleDict({"conv": nn.ReLU(), "10": nn.Tanh()})
    note(repr(net), len(net), list(net), "conv" in net, "tanh" in net)
    note(type(net["10"]).__name__)
    refused(lambda: net["tanh"])
    net["conv"] = nn.Sigmoid()
    net["2"] = nn.ReLU()
    note(list(net.keys()), kinds(net.values()), [k for k, _ in net.items()])
    refused(lambda: net.__setitem__("a.b", nn.ReLU()))
    refused(lambda: net.__setitem__("", nn.ReLU()))
    refused(lambda: net.__setitem__("keys", nn.ReLU()))
    refused(lambda: net.__setitem__("x", 3))
    refused(lambda: net.__setitem__(3, nn.ReLU()))
    note(type(net.pop("10")).__name__, list(net))
    refused(lambda: net.pop("10"))
    refused(lambda: net.__delitem__("10"))
    net.update([["p", nn.Tanh()], ["conv", nn.Tanh()]])
    note(repr(net))
    net.update(nn.ModuleDict({"q": nn.ReLU()}))
    note(list(net))
    refused(lambda: net.update(3))
    refused(lambda: net.update([3]))
    refused(lambda: net.update([["a", nn.ReLU(), 3]]))
    net["none"] = None
    note(repr(net))
    net.clear()
    note(len(net), repr(net))
    refused(lambda: net(3))


@scenario
def parameter_list(note, refused):
    net = nn.ParameterList([torch.ones(2, 3), nn.Parameter(torch.zeros(1))])
    note(repr(net), len(net), [n for n, _ in net.named_parameters()])
    note(type(net[0]).__name__, values(net[-1]))
    refused(lambda: net[2])
    net.append(torch.ones(2, dtype=torch.float64)).append(3)
    note(repr(net), len(net), [n for n, _ in net.named_parameters()])
    net[0] = torch.zeros(4)
    note(list(net[0].shape), net[0].requires_grad)
    note(repr(net[1:3]))
    refused(lambda: net.__setitem__(0, 5))
    refused(lambda: net.__setitem__(9, 5))
    net.extend([torch.ones(1)])
    note(len(net), [n for n, _ in net.named_parameters()])
    refused(lambda: net.extend(torch.ones(2)))
    refused(lambda: net.extend(3))
    refused(lambda: net(3))
    note(repr(nn.ParameterList()), repr(nn.ParameterList([torch.ones(())])))


@scenario
def parameter_dict(note, refused):
    net = nn.ParameterDict({"b": torch.ones(2, 3), "a": nn.Parameter(torch.zeros(1)), "n": 3})
    note(repr(net), len(net), list(net), [n for n, _ in net.named_parameters()])
    note(type(net["b"]).__name__, net["n"], net.get("x"), net.get("x", 5))
    refused(lambda: net["x"])
    refused(lambda: nn.ParameterDict().__setitem__(3, torch.ones(1)))
    net["b"] = torch.zeros(4)
    net["c"] = torch.zeros(5)
    note(list(net), [list(p.shape) for p in net.parameters()])
    note(values(net.pop("a")), list(net))
    refused(lambda: net.pop("a"))
    refused(lambda: net.__delitem__("a"))
    key, value = net.popitem()
    note(key, list(value.shape), list(net))
    note(list(net.setdefault("d", torch.ones(2)).shape), list(net.setdefault("b", torch.ones(9)).shape))
    twin = net.copy()
    note(list(twin), twin["b"] is net["b"])
    both = net | nn.ParameterDict({"e": torch.ones(1)})
    note(list(both), list(net))
    net.update(OrderedDict([("z", torch.ones(1)), ("y", torch.ones(1))]))
    net.update([["x", torch.ones(1)]])
    note(list(net))
    note(list(net.fromkeys(["k", "j"], 3).items()))
    refused(lambda: net.update(3))
    refused(lambda: net.update([3]))
    refused(lambda: net.update([["a"]]))
    refused(lambda: net(3))
    net.clear()
    note(len(net), repr(net), list(net.state_dict()))


# ------------------------------------------------------------------ backward hooks


class Passing(nn.Module):
    def forward(self, x):
        return x


class Several(nn.Module):
    def forward(self, a, b, c, d=None):
        return a * b, a, c


class First(nn.Module):
    def forward(self, a, b):
        return a * 2


class Adding(nn.Module):
    def forward(self, x):
        x.view(-1).add_(1)
        return x


def leaf(*v):
    return torch.tensor(v, requires_grad=True)


@scenario
def full_backward_hooks(note, refused):
    def telling(module):
        module.register_full_backward_hook(
            lambda m, gi, go: note([values(g) for g in gi], [values(g) for g in go])
        )
        return module

    x = leaf(1.0, -2.0)
    telling(nn.ReLU())(x).backward(torch.tensor([3.0, 4.0]))
    note(values(x.grad))
    a, b = leaf(1.0, 2.0), torch.tensor([3.0, 5.0])
    telling(Several())(a, b, 5)[0].sum().backward()
    note(values(a.grad))
    a, b = leaf(1.0, 2.0), leaf(7.0, 8.0)
    telling(First())(a, b).sum().backward()
    note(values(a.grad), values(b.grad))
    line = nn.Linear(2, 1)
    telling(line)(torch.tensor([[1.0, 2.0]])).sum().backward()
    note(values(line.weight.grad))
    with torch.no_grad():
        telling(nn.ReLU())(x)
    y = telling(Passing())(x * 2)
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    note(type(y.grad_fn).__name__)
    g = torch.autograd.grad(telling(nn.ReLU())(x).sum(), x)[0]
    note(values(g))


@scenario
def full_backward_hooks_change_gradients(note, refused):
    def hooked(*hooks):
        relu = nn.ReLU()
        for hook in hooks:
            relu.register_full_backward_hook(hook)
        return relu

    x = leaf(1.0, 2.0)
    hooked(lambda m, gi, go: (gi[0] * 10,), lambda m, gi, go: note(values(gi[0])), lambda m, gi, go: (gi[0] + 1,))(
        x
    ).sum().backward()
    note(values(x.grad))
    x = leaf(1.0, 2.0)
    hooked(lambda m, gi, go: (None,))(x).sum().backward()
    note(values(x.grad))
    refused(lambda: hooked(lambda m, gi, go: (gi[0], gi[0]))(x).sum().backward())
    refused(lambda: hooked(lambda m, gi, go: (torch.ones(3),))(x).sum().backward())
    fixed = torch.ones(2)
    refused(lambda: hooked(lambda m, gi, go: (fixed,))(fixed).add(x).sum().backward())
    line = nn.Linear(2, 1)
    line.register_full_backward_hook(lambda m, gi, go: (torch.ones(1, 2),))
    refused(lambda: line(torch.ones(1, 2)).sum().backward())
    line = nn.Linear(2, 1)
    line.register_full_backward_hook(lambda m, gi, go: (None,))
    line(torch.ones(1, 2)).sum().backward()
    note(values(line.weight.grad))


@scenario
def full_backward_hooks_refuse_changes_in_place(note, refused):
    def hooked(module):
        module.register_full_backward_hook(lambda m, gi, go: None)
        return module

    x = leaf(1.0, 2.0)
    refused(lambda: hooked(nn.ReLU(inplace=True))(x))
    refused(lambda: hooked(nn.ReLU(inplace=True))(x * 2))
    refused(lambda: hooked(Adding())(x * 2))
    refused(lambda: hooked(Passing())(x * 2).add_(1))
    note(values(hooked(nn.ReLU(inplace=True))(torch.tensor([-1.0, 2.0]))))


@scenario
def old_backward_hooks(note, refused):
    def told(gs):
        return [g if g is None else list(g.shape) for g in gs]

    conv = nn.Conv2d(2, 3, 1)
    handle = conv.register_backward_hook(lambda m, gi, go: note(told(gi), told(go)))
    conv(torch.ones(1, 2, 4, 5, requires_grad=True)).sum().backward()
    conv(torch.ones(1, 2, 4, 5)).sum().backward()
    conv(torch.ones(2, 4, 5, requires_grad=True)).sum().backward()
    handle.remove()
    refused(lambda: conv.register_full_backward_hook(lambda m, gi, go: None))
    bare = nn.Conv2d(1, 1, 1, bias=False)
    bare.register_backward_hook(lambda m, gi, go: note(told(gi), told(go)))
    bare(torch.ones(1, 1, 2, 2)).sum().backward()
    x = leaf(1.0, 2.0)
    relu = nn.ReLU()
    relu.register_backward_hook(lambda m, gi, go: (gi[0] * 10,))
    relu(x).sum().backward()
    note(values(x.grad))
    refused(lambda: relu.register_full_backward_hook(lambda m, gi, go: None))
    two = Several()
    two.register_backward_hook(lambda m, gi, go: note(told(gi)))
    two(leaf(1.0), torch.ones(1), 3)[0].sum().backward()


# ------------------------------------------------------------------ state dictionaries


def net():
    return nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1, bias=False)))


@scenario
def state_dict_hooks(note, refused):
    module = net()
    for path, part in module.named_modules():
        part._register_state_dict_hook(
            lambda m, state, prefix, meta, path=path: note(path, list(state), prefix, meta["version"])
        )
    module.state_dict(prefix="net.")
    module = net()
    seen = []
    module._register_state_dict_hook(lambda m, state, prefix, meta: seen.append(state))
    note(module.state_dict() is seen[0])
    module[0]._register_state_dict_hook(lambda m, state, prefix, meta: OrderedDict())
    note(list(module.state_dict()))
    module._register_state_dict_hook(lambda m, state, prefix, meta: OrderedDict(only=torch.ones(1)))
    note(list(module.state_dict()))


@scenario
def load_state_dict_hooks(note, refused):
    module = net()
    for path, part in module.named_modules():
        part._register_load_state_dict_pre_hook(
            lambda state, prefix, meta, strict, missing, unexpected, errors, path=path: note(
                path, list(state), prefix, dict(meta), strict, list(missing)
            )
        )
        part.register_load_state_dict_post_hook(
            lambda m, keys, path=path: note(path, list(keys.missing_keys), list(keys.unexpected_keys))
        )
    state = module.state_dict()
    del state["0.bias"]
    refused(lambda: module.load_state_dict(state))

    module = net()
    given = []
    module[0]._register_load_state_dict_pre_hook(
        lambda m, state, *rest: given.append((m, state.pop("0.bias"))), with_module=True
    )
    state = module.state_dict()
    refused(lambda: module.load_state_dict(state))
    note(given[0][0] is module[0], list(state))

    module = net()
    module._register_load_state_dict_pre_hook(
        lambda state, *rest: state.update({"0.bias": torch.full((1,), 7.0), "1.0.weight": state.pop("old")})
    )
    note(str(module.load_state_dict({"0.weight": torch.ones(1, 1), "old": torch.full((1, 1), 9.0)})))
    note(values(module[0].bias), values(module[1][0].weight))

    module = net()
    module.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    note(str(module.load_state_dict({"0.weight": torch.ones(1, 1)})))
    module = net()
    module[1].register_load_state_dict_post_hook(lambda m, keys: keys.unexpected_keys.append("mine"))
    refused(lambda: module.load_state_dict(module.state_dict()))
    module = net()
    module.register_load_state_dict_post_hook(lambda m, keys: keys)
    refused(lambda: module.load_state_dict(module.state_dict()))
    module = net()
    module._register_load_state_dict_pre_hook(
        lambda state, prefix, meta, strict, missing, unexpected, errors: errors.append("not today")
    )
    refused(lambda: module.load_state_dict(module.state_dict(), strict=False))


@scenario
def loading(note, refused):
    module = nn.Module()
    module.register_buffer("wide", torch.zeros(1).expand(3))
    refused(lambda: module.load_state_dict({"wide": torch.zeros(3)}))
    module = nn.Module()
    module.register_buffer("count", torch.zeros(()))
    module.load_state_dict({"count": torch.tensor([4.0])})
    note(values(module.count))
    refused(lambda: module.load_state_dict({"count": torch.zeros(1, 1)}))
    refused(lambda: module.load_state_dict({"count": "four"}))

    class Extra(nn.Module):
        def get_extra_state(self):
            return {"seen": 3}

        def set_extra_state(self, state):
            note(state)

    module = nn.Sequential(Extra())
    state = module.state_dict()
    note(list(state.items()))
    module.load_state_dict(state)
    refused(lambda: module.load_state_dict({}))
    refused(lambda: nn.Sequential(nn.ReLU()).load_state_dict(state))
    note(str(nn.Sequential(nn.ReLU()).load_state_dict(state, strict=False)))
    shared = nn.Linear(1, 1, bias=False)
    module = nn.Sequential(shared, shared)
    note(list(module.state_dict()))
    refused(lambda: module.load_state_dict({"0.weight": torch.ones(1, 1)}))
    note(values(shared.weight))


# ------------------------------------------------------------------ the rest


@scenario
def deep_copies(note, refused):
    module = net()
    module[1][0].weight = module[0].weight
    module.list = [1, [module[0].bias]]
    module.register_buffer("a", torch.arange(4.0))
    module.register_buffer("b", module.a[1:3], persistent=False)
    module[0].weight.grad = torch.ones(1, 1)
    calls = []
    module.register_forward_hook(lambda *args: calls.append("hook"))
    module.eval()
    twin = copy.deepcopy(module)
    note(repr(twin), twin.training)
    note(twin[1][0].weight is twin[0].weight, twin[0].weight is module[0].weight)
    note(torch.equal(twin[0].weight, module[0].weight), twin[0].weight.grad, twin[0].weight.requires_grad)
    note(twin.list[1][0] is twin[0].bias, twin.list[1] is module.list[1])
    twin.a.add_(1)
    note(values(twin.a), values(twin.b), values(module.a), values(module.b))
    note(list(twin.state_dict()))
    twin(torch.ones(1, 1))
    note(calls)
    module.made = module[0].weight * 2
    refused(lambda: copy.deepcopy(module))


@scenario
def zero_grad(note, refused):
    line = nn.Linear(2, 1)
    source = torch.ones(1, 2, requires_grad=True)
    made = source * 3
    line.weight.grad = made
    line.zero_grad()
    note(line.weight.grad is made, values(made), made.requires_grad, made.grad_fn is None, line.bias.grad)
    line.weight.grad = torch.ones(1, 2, requires_grad=True)
    line.zero_grad()
    note(values(line.weight.grad), line.weight.grad.requires_grad)
    line.zero_grad(set_to_none=True)
    note(line.weight.grad)


@scenario
def conversions(note, refused):
    def told(module):
        return [str(t.dtype) for t in module.state_dict().values()]

    module = nn.BatchNorm2d(2)
    note(told(module.half()), told(module.float()), told(module.bfloat16()), told(module.double()))
    note(told(module.type(torch.float32)))
    note(told(nn.BatchNorm2d(2, affine=False).type(torch.int64)))
    refused(lambda: nn.BatchNorm2d(2).type(torch.int64))
    refused(lambda: module.to(torch.int32))
    refused(lambda: module.to(torch.zeros(1, dtype=torch.int32)))
    refused(lambda: module.cuda("cpu"))
    note(module.to() is module, module.to(None) is module)
    note(told(module.to(torch.zeros(1, dtype=torch.float64))))
    conv = nn.Conv2d(3, 4, 3)
    weight, data = conv.weight, conv.weight.data_ptr()
    conv.to(torch.float32).to("cpu")
    note(conv.weight is weight, conv.weight.data_ptr() == data)
    conv.to(memory_format=torch.channels_last)
    note(list(conv.weight.stride()), list(conv.bias.stride()), conv.weight is weight)
    empty = nn.Linear(2, 3).double().to_empty(device="cpu")
    note(list(empty.weight.shape), str(empty.weight.dtype), empty.weight.requires_grad)


@scenario
def iteration(note, refused):
    shared = nn.Linear(1, 1)
    inner = nn.Sequential(shared, nn.ReLU())
    module = nn.Sequential(inner, inner, shared)
    note([n for n, _ in module.named_modules()])
    note([n for n, _ in module.named_modules(remove_duplicate=False)])
    note([n for n, _ in module.named_modules(memo={inner}, prefix="x")])
    note([n for n, _ in module.named_children()], len(list(module.children())))
    note([n for n, _ in module.named_parameters("p")])
    note([n for n, _ in module.named_parameters("p", recurse=False)])
    module.add_module("gone", None)
    note([n for n, _ in module.named_children()])
    refused(lambda: module.get_submodule("gone"))
    refused(lambda: module.get_submodule("0.7"))
    refused(lambda: module.get_submodule("0..1"))
    refused(lambda: module.get_parameter("0.0"))
    refused(lambda: module.get_parameter("0.0.foo"))
    refused(lambda: module.get_buffer("0.0.weight"))
    refused(lambda: delattr(module, "forward"))
    refused(lambda: delattr(module, "foo"))


print(json.dumps({"scenarios": scenarios}, indent=1))
