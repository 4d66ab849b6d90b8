"""PyTorch's answers for the elementwise operations and the tape: writes ops.json beside this file.

    python make_ops.py        (PyTorch 1.13, CPU)

Numbers that JSON does not have are the strings "nan", "inf" and "-inf". Error texts and tape scenarios are code: the
tests hold the same lines in TypeScript under the same names.
"""

import json
import math
import pathlib
import warnings

import torch
import torch.nn.functional as F

warnings.simplefilter("ignore")
torch.manual_seed(0)
nan, inf = math.nan, math.inf


def plain(x):
    """A result as JSON."""
    if isinstance(x, torch.Tensor):
        return plain(x.detach().tolist())
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return "nan" if x != x else "inf" if x > 0 else "-inf"
    return x


def f64(x, grad=False):
    return torch.tensor(x, dtype=torch.float64, requires_grad=grad)


SPECIAL = [0.0, -0.0, 0.3, -0.3, 1.0, -1.0, 0.5, 1.5, -2.5, 1e-10, -3e-5, 7.25, -11.5, 88.0, -90.0, 1e5, inf, -inf, nan]
UNARY = (
    "neg abs sign exp expm1 log log1p log2 log10 sqrt rsqrt reciprocal square sin cos tan tanh sigmoid erf floor ceil "
    "round trunc frac isnan isinf isfinite logical_not relu exp2 sinh cosh asin acos atan asinh acosh atanh erfc"
).split()

GRID = [-5.0, -3.5, -3.0, -2.25, -1.0, -0.5, -0.01, 0.0, 0.02, 0.5, 1.0, 2.5, 3.0, 4.0, 6.0, 6.5, 30.0]
ACTIVATIONS = {
    "relu": F.relu,
    "relu6": F.relu6,
    "leakyRelu": F.leaky_relu,
    "leakyRelu 0.2": lambda x: F.leaky_relu(x, 0.2),
    "elu": F.elu,
    "elu 1.7": lambda x: F.elu(x, 1.7),
    "selu": F.selu,
    "celu 1.7": lambda x: F.celu(x, 1.7),
    "gelu": F.gelu,
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softplus 2, 3": lambda x: F.softplus(x, 2, 3),
    "hardtanh": F.hardtanh,
    "hardtanh -2, 3": lambda x: F.hardtanh(x, -2, 3),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
    "softshrink 0.4": lambda x: F.softshrink(x, 0.4),
    "hardshrink": F.hardshrink,
    "logsigmoid": F.logsigmoid,
    "threshold 0.5, -7": lambda x: F.threshold(x, 0.5, -7),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "clamp -1, 2.5": lambda x: x.clamp(-1, 2.5),
    "clampMin -1": lambda x: x.clamp_min(-1),
    "clampMax 2.5": lambda x: x.clamp_max(2.5),
}


def activation(f):
    x = f64(GRID, True)
    y = f(x)
    (grad,) = torch.autograd.grad(y.sum(), x)
    return {"value": y, "grad": grad, "node": y.grad_fn.name()}


LEFT = [5.0, -5.0, 5.0, -5.0, 0.0, 7.5, -7.5, 1.0, -1.0, inf, -1.0, 1.0, nan, 3.0, 2.0, 0.0, -0.0, 1e10, 6.0]
RIGHT = [3.0, 3.0, -3.0, -3.0, 2.0, 2.5, 2.5, inf, inf, 2.0, 0.0, 0.0, 1.0, nan, 0.5, 0.0, 3.0, 3.0, -1.5]
BINARY = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "div floor": lambda x, y: torch.div(x, y, rounding_mode="floor"),
    "div trunc": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
    "remainder": torch.remainder,
    "fmod": torch.fmod,
    "pow": torch.pow,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "eq": torch.eq,
    "ne": torch.ne,
    "lt": torch.lt,
    "le": torch.le,
    "atan2": torch.atan2,
    "gt": torch.gt,
    "ge": torch.ge,
    "logicalAnd": torch.logical_and,
    "logicalOr": torch.logical_or,
    "logicalXor": torch.logical_xor,
}
INTEGERS_LEFT = [7, -7, 7, -7, 0, 100, -128, 127, 5]
INTEGERS_RIGHT = [2, 2, -2, -2, 3, 50, 1, 2, 7]
INTEGER = ["add", "sub", "mul", "div", "div floor", "div trunc", "remainder", "fmod", "maximum", "minimum", "lt"]
INTEGER_ALSO = {
    "bitwiseAnd": torch.bitwise_and,
    "bitwiseOr": torch.bitwise_or,
    "bitwiseXor": torch.bitwise_xor,
    "bitwiseNot": lambda x, y: torch.bitwise_not(x),
    "pow 2": lambda x, y: x**2,
    "pow 3": lambda x, y: x**3,
    "neg": lambda x, y: -x,
    "abs": lambda x, y: x.abs(),
    "sign": lambda x, y: x.sign(),
    "lt 300": lambda x, y: x < 300,
    "add 300": lambda x, y: x + 300,
    "clamp -5, 6": lambda x, y: x.clamp(3, 6),
    "floor": lambda x, y: x.floor(),
    "relu": lambda x, y: x.relu(),
}

DTYPES = ["float32", "float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool"]


def short(f):
    try:
        return str(f().dtype)[6:]
    except RuntimeError as error:
        return str(error)


def promotion():
    """Result dtypes: of two tensors with axes, of one with and one without, of a tensor and a number."""
    table = {}
    for a in DTYPES:
        x = torch.ones(2, dtype=getattr(torch, a))
        row = {}
        for b in DTYPES:
            y = torch.ones(2, dtype=getattr(torch, b))
            z = torch.ones((), dtype=getattr(torch, b))
            row[b] = [short(lambda: x * y), short(lambda: x * z), short(lambda: z * x), short(lambda: x / y), short(lambda: torch.where(x == x, x, z))]
        row["2"] = [short(lambda: x * 2), short(lambda: x / 2), short(lambda: x**2)]
        row["1.5"] = [short(lambda: x * 1.5), short(lambda: x / 1.5), short(lambda: x**1.5)]
        row["true"] = [short(lambda: x * True), short(lambda: x / True), short(lambda: torch.where(x == x, x, torch.tensor(True)))]
        table[a] = row
    return table


CAST_ERRORS = {}
for _a in DTYPES:
    for _b in DTYPES:
        try:
            torch.ones(2, dtype=getattr(torch, _a)).mul_(torch.ones(2, dtype=getattr(torch, _b)))
        except RuntimeError as _error:
            CAST_ERRORS[f"{_a} {_b}"] = str(_error)


def text_of(f):
    try:
        f()
    except Exception as error:  # noqa: BLE001
        return [type(error).__name__, str(error)]
    raise AssertionError("no error")


def leaf():
    return torch.rand(3, requires_grad=True)


def no_grad_view():
    a = leaf()
    b = a * 1
    with torch.no_grad():
        v = b.view(3)
    v.add_(1)


def saved_result_changed():
    a = torch.zeros(2, requires_grad=True)
    b = a.exp()
    b.add_(1)
    b.sum().backward()


def saved_input_changed():
    a = torch.zeros(2, 3, requires_grad=True)
    b = a * 2
    c = b * b
    b.add_(1)
    c.sum().backward()


def saved_leaf_changed():
    a = torch.zeros(2, requires_grad=True)
    w = torch.zeros(2, dtype=torch.float64)
    c = a * w
    w.detach().add_(1)
    c.sum().backward()


def saved_through_view():
    a = torch.zeros(4, requires_grad=True)
    b = a * 2
    c = b * b
    b[0:2].add_(1)
    c.sum().backward()


def twice():
    a = torch.ones(2, requires_grad=True)
    b = (a * a).sum()
    b.backward()
    b.backward()


z3, z2, z23 = torch.zeros(3), torch.zeros(2), torch.zeros(2, 3)
true3 = z3 == 0
ERRORS = {
    "leaf in place": lambda: leaf().add_(1),
    "view of a leaf in place": lambda: leaf()[0:2].add_(1),
    "leaf filled": lambda: leaf().uniform_(),
    "view made under noGrad": no_grad_view,
    "in place onto a smaller shape": lambda: torch.zeros(3).add_(z23),
    "broadcast in place": lambda: torch.zeros(3).add_(z2),
    "broadcast": lambda: torch.zeros(2, 3) + torch.zeros(4, 3),
    "broadcast ranks": lambda: torch.zeros(2, 3) * torch.zeros(2),
    "broadcast where": lambda: torch.where(z23 > 0, torch.zeros(4, 3), z3),
    "broadcast maskedFill": lambda: torch.zeros(3).masked_fill(z2 > 0, 1),
    "maskedFill_ onto a smaller shape": lambda: torch.zeros(3).masked_fill_(z23 > 0, 1),
    "maskedFill by a vector": lambda: torch.zeros(3).masked_fill(true3, z2),
    "maskedFill overflow": lambda: torch.zeros(3, dtype=torch.uint8).masked_fill(true3, 300),
    "maskedFill float overflow": lambda: torch.zeros(3).masked_fill(true3, 1e300),
    "exp_ of integers": lambda: torch.arange(3).exp_(),
    "add_ of a fraction to integers": lambda: torch.arange(3).add_(1.5),
    "alpha of integers": lambda: torch.add(torch.arange(3), torch.arange(3), alpha=1.5),
    "sub of bools": lambda: true3 - true3,
    "sub of a bool": lambda: true3 - 1,
    "rsub of a bool": lambda: 1 - true3,
    "neg of bools": lambda: -true3,
    "abs of bools": lambda: true3.abs(),
    "floor of bools": lambda: true3.floor(),
    "frac of integers": lambda: torch.arange(3).frac(),
    "relu of bools": lambda: true3.relu(),
    "hardtanh of bools": lambda: F.hardtanh(true3),
    "hardtanh of bytes": lambda: F.hardtanh(true3.byte()),
    "gelu of integers": lambda: F.gelu(torch.arange(3)),
    "silu of integers": lambda: F.silu(torch.arange(3)),
    "elu of integers": lambda: F.elu(torch.arange(3)),
    "leakyRelu of integers": lambda: F.leaky_relu(torch.arange(3)),
    "softplus of integers": lambda: F.softplus(torch.arange(3)),
    "mish of bools": lambda: F.mish(true3),
    "logsigmoid of integers": lambda: F.logsigmoid(torch.arange(3)),
    "hardswish of integers": lambda: F.hardswish(torch.arange(3)),
    "hardsigmoid of integers": lambda: F.hardsigmoid(torch.arange(3)),
    "threshold of bools": lambda: F.threshold(true3, 0, 1),
    "gelu approximation": lambda: F.gelu(z3, approximate="foo"),
    "celu alpha": lambda: F.celu(z3, 0),
    "prelu count": lambda: F.prelu(z23, z2),
    "prelu scalar": lambda: F.prelu(torch.tensor(1.0), z2),
    "prelu dtype": lambda: F.prelu(z23.double(), z3),
    "dropout probability": lambda: F.dropout(z3, 1.5),
    "clamp without bounds": lambda: z3.clamp(),
    "clamp broadcast": lambda: torch.clamp(z3, z2, z3),
    "negative power of integers": lambda: torch.arange(3) ** -1,
    "integers by zero": lambda: torch.div(torch.arange(3), 0, rounding_mode="floor"),
    "integers by a zero": lambda: torch.remainder(torch.arange(3), torch.tensor([1, 0, 2])),
    "floor division of bools": lambda: torch.floor_divide(true3, true3),
    "remainder of bools": lambda: torch.remainder(true3, true3),
    "lerp dtype": lambda: torch.lerp(z3, z3.double(), 0.5),
    "lerp weight dtype": lambda: torch.lerp(z3, z3, z3.double()),
    "lerp of integers": lambda: torch.lerp(torch.arange(3), torch.arange(3), 0.5),
    "addcdiv of integers": lambda: torch.addcdiv(torch.arange(3), torch.arange(3), torch.arange(3)),
    "addcmul_ onto a smaller shape": lambda: torch.zeros(3).addcmul_(z23, z3),
    "softshrink lambda": lambda: F.softshrink(z3, -0.5),
    "hardshrink of integers": lambda: F.hardshrink(torch.arange(3)),
    "isclose dtype": lambda: torch.isclose(z3, z3.double()),
    "isclose rtol": lambda: torch.isclose(z3, z3, rtol=-1),
    "where condition": lambda: torch.where(z3, 1, 2),
    "bitwiseAnd of floats": lambda: torch.bitwise_and(z3, z3),
    "bitwiseNot of floats": lambda: torch.bitwise_not(z3),
    "expanded in place": lambda: torch.zeros(3).expand(2, 3).add_(1),
    "expanded copy_": lambda: torch.zeros(3).expand(2, 3).copy_(torch.ones(2, 3)),
    "expanded uniform_": lambda: torch.zeros(3).expand(2, 3).uniform_(),
    "shifted onto itself": lambda: (lambda a: a[1:].add_(a[:-1]))(torch.arange(4.0)),
    "transposed onto itself": lambda: (lambda a: a.add_(a.t()))(torch.zeros(3, 3)),
    "transposed copy_": lambda: (lambda a: a.copy_(a.t()))(torch.zeros(3, 3)),
    "bernoulli_ p": lambda: torch.zeros(3).bernoulli_(1.5),
    "bernoulli p": lambda: torch.bernoulli(torch.tensor([1.5, 0])),
    "bernoulli of integers": lambda: torch.bernoulli(torch.tensor([1, 0])),
    "uniform_ of integers": lambda: torch.arange(3).uniform_(),
    "uniform_ bounds": lambda: torch.zeros(3).uniform_(2, 1),
    "normal_ of integers": lambda: torch.arange(3).normal_(),
    "normal_ std": lambda: torch.zeros(3).normal_(0, -1),
    "randint bounds": lambda: torch.randint(3, 2, (2,)),
    "saved result changed": saved_result_changed,
    "saved input changed": saved_input_changed,
    "saved leaf changed": saved_leaf_changed,
    "saved through a view": saved_through_view,
    "backward twice": twice,
    "backward of a vector": lambda: (leaf() * 2).backward(),
    "backward without a graph": lambda: torch.ones(1).backward(),
    "gradient of another shape": lambda: (leaf() * 2).backward(torch.ones(2)),
    "unused input": lambda: torch.autograd.grad((leaf() * 2).sum(), [leaf()]),
    "input without gradient": lambda: torch.autograd.grad((leaf() * 2).sum(), [torch.ones(2)]),
    "hook without gradient": lambda: torch.ones(2).register_hook(lambda g: g),
    "retainGrad without gradient": lambda: torch.ones(2).retain_grad(),
    "requiresGrad of a result": lambda: setattr(leaf() * 2, "requires_grad", False),
}

W = f64([0.5, -1.0, 2.0, 3.0])


def x4():
    return f64([1.0, 2.0, -3.0, 4.0], True)


def accumulate():
    x = x4()
    for _ in range(3):
        (x * W).sum().backward()
    return {"grad": x.grad}


def used_twice():
    x = x4()
    y = x * x + x.exp() * x
    (y * W).sum().backward()
    return {"grad": x.grad}


def retain_graph():
    x = x4()
    y = (x**3).sum()
    y.backward(retain_graph=True)
    y.backward()
    return {"grad": x.grad}


def create_graph():
    x = x4()
    (g,) = torch.autograd.grad((x**3 * W).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    (k,) = torch.autograd.grad(h.sum(), x)
    return {"first": g, "second": h, "third": k}


def mixed_partials():
    x, y = x4(), f64([0.5, 1.5, 2.5, -0.5], True)
    (g,) = torch.autograd.grad((x.sin() * y.exp()).sum(), x, create_graph=True)
    gx, gy = torch.autograd.grad((g * W).sum(), [x, y])
    return {"xx": gx, "xy": gy}


def backward_create_graph():
    x = x4()
    (x**3).sum().backward(create_graph=True)
    (x.grad * x.grad * W).sum().backward()
    return {"grad": x.grad}


def hooks():
    x = x4()
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 100)
    (y * W).sum().backward()
    return {"grad": x.grad}


def hook_removed():
    x = x4()
    handle = x.register_hook(lambda g: g * 10)
    x.sum().backward()
    handle.remove()
    x.sum().backward()
    return {"grad": x.grad}


def retain_grad():
    x = x4()
    y = x * 2
    y.retain_grad()
    z = y * y
    (z * W).sum().backward()
    return {"x": x.grad, "y": y.grad}


def detach():
    x = x4()
    y = x * x
    (y * y.detach() * W).sum().backward()
    return {"grad": x.grad}


def no_grad():
    x = x4()
    with torch.no_grad():
        y = x * x
        with torch.enable_grad():
            z = x * 3
    (y * z).sum().backward()
    return {"grad": x.grad, "y": y.requires_grad, "z": z.requires_grad}


def broadcast():
    x, s = f64([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], True), f64([[2.0], [-1.0]], True)
    b = f64(3.0, True)
    (x * s + b).pow(2).sum().backward()
    return {"x": x.grad, "s": s.grad, "b": b.grad}


def mixed_dtypes():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = f64([3.0, 4.0], True)
    (x * y).sum().backward()
    return {"x": x.grad, "y": y.grad, "dtypes": [str(x.grad.dtype)[6:], str(y.grad.dtype)[6:]]}


def in_place_on_slice():
    x = x4()
    y = x * 2
    y[1:3].mul_(3)
    (y * W).sum().backward()
    return {"y": y, "grad": x.grad, "node": y.grad_fn.name()}


def in_place_on_slice_by_tensor():
    x, s = x4(), f64([5.0, 7.0], True)
    y = x * 2
    v = y[1:3]
    v.mul_(s)
    (y * W).sum().backward()
    return {"y": y, "grad": x.grad, "s": s.grad, "node": v.grad_fn.name()}


def view_before_base_changes():
    x = x4()
    y = x * 2
    v = y[0:2]
    y.mul_(x)
    v.sum().backward()
    return {"v": v, "grad": x.grad}


def view_of_view():
    x = x4()
    y = x * 2
    v = y.view(2, 2)
    w = v[0]
    w.exp_()
    ((y * y * W).sum() + v.sum()).backward()
    return {"y": y, "grad": x.grad}


def transposed_view():
    x, z = x4(), f64([10.0, 20.0], True)
    y = x * 2
    v = y.view(2, 2).t()
    v[0].copy_(z * 2)
    (y * W).sum().backward()
    return {"y": y, "x": x.grad, "z": z.grad}


def copy_into_view_broadcast():
    x, z = x4(), f64([7.0], True)
    y = x * 2
    y[1:4].copy_(z)
    (y * y * W).sum().backward()
    return {"y": y, "x": x.grad, "z": z.grad}


def copy_into_fresh():
    z = f64([7.0, 8.0], True)
    y = torch.zeros(4, dtype=torch.float64)
    y[1:3].copy_(z * z)
    (y * W).sum().backward()
    return {"y": y, "z": z.grad, "node": y.grad_fn.name()}


def zero_slice():
    x = x4()
    y = x * 2
    y[2:4].zero_()
    (y * W).sum().backward()
    return {"y": y, "grad": x.grad}


def fill_all():
    x = x4()
    y = x * 2
    y.fill_(5)
    (y * W).sum().backward()
    return {"grad": x.grad, "node": y.grad_fn.name()}


def saved_before_in_place():
    x = x4()
    y = x * 2
    y.sin_()
    (y * W).sum().backward()
    return {"y": y, "grad": x.grad, "node": y.grad_fn.name()}


def relu_in_place_twice_differentiated():
    x = x4()
    y = (x * x * x).relu_()
    (g,) = torch.autograd.grad((y * W).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    return {"first": g, "second": h}


def slice_in_place_twice_differentiated():
    x = x4()
    y = x * x
    y[1:3].mul_(x[0:2])
    (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad((g * W).sum(), x)
    return {"first": g, "second": h}


def chain_in_place():
    x = x4()
    y = x * 1
    y.mul_(2).add_(x).sub_(0.5, alpha=2).sigmoid_()
    (y * W).sum().backward()
    return {"y": y, "grad": x.grad, "version": y._version}


def masked_and_where():
    x, y = x4(), f64([0.5, 1.5, 2.5, -0.5], True)
    m = torch.tensor([True, False, True, False])
    out = torch.where(m, x * y, x.masked_fill(m, 2.0)) + y.masked_fill(~m, 0)
    (out * W).sum().backward()
    return {"out": out, "x": x.grad, "y": y.grad}


def expanded_leaf():
    x = f64([[1.0], [2.0]], True)
    y = x.expand(2, 3)
    (y * f64([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).sum().backward()
    return {"grad": x.grad}


def overlapping_view():
    x = x4()
    y = (x * 1).as_strided((3, 2), (1, 1))
    (y * f64([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])).sum().backward()
    return {"grad": x.grad}


def grad_of_intermediate():
    x = x4()
    y = x * x
    z = (y * W).sum()
    gy, gx = torch.autograd.grad(z, [y, x], allow_unused=True)
    return {"y": gy, "x": gx, "leaf": x.grad is None}


def unused_allowed():
    x, y = x4(), x4()
    gx, gy = torch.autograd.grad((x * W).sum(), [x, y], allow_unused=True)
    return {"x": gx, "y": gy is None}


def several_outputs():
    x = x4()
    a, b = x.sin(), x.exp()
    (g,) = torch.autograd.grad([a, b], x, [W, torch.ones_like(W)])
    return {"grad": g}


def data_assignment():
    x = x4()
    y = x * 2
    x.data = f64([9.0, 9.0, 9.0, 9.0])
    (y * W).sum().backward()
    return {"grad": x.grad, "x": x}


def random_in_place():
    x = x4()
    y = x * 2
    y[0:2].uniform_()
    (y * W).sum().backward()
    return {"grad": x.grad}


def detached_view_changed():
    x = x4()
    y = x * 2
    v = y[0:2].detach()
    v.mul_(3)
    (y * W).sum().backward()
    return {"y": y, "grad": x.grad, "v": v.requires_grad, "version": y._version}


def maximum_ties():
    x, y = f64([1.0, 2.0, 3.0, nan], True), f64([1.0, 3.0, 2.0, 1.0], True)
    (torch.maximum(x, y) * W).sum().backward()
    return {"x": x.grad, "y": y.grad}


def power_edges():
    x, e = f64([0.0, 0.0, 2.0, -2.0], True), f64([0.0, 2.0, 0.0, 2.0], True)
    (x**e).sum().backward()
    return {"x": x.grad, "e": e.grad}


def abs_and_clamp_edges():
    x = f64([0.0, -1.0, 1.0, 2.0], True)
    (x.abs() * W + x.clamp(-1, 1) * W + x.clamp_min(0) * W).sum().backward()
    return {"grad": x.grad}


def blends():
    x, a, b = x4(), f64([0.5, 1.5, 2.5, -0.5], True), f64([2.0, 3.0, 4.0, 5.0], True)
    out = x.lerp(a, 0.3) + x.lerp(a, b) + x.addcmul(a, b, value=0.5) + x.addcdiv(a, b, value=2)
    (out * W).sum().backward()
    return {"out": out, "x": x.grad, "a": a.grad, "b": b.grad}


SCENARIOS = [
    accumulate, used_twice, retain_graph, create_graph, mixed_partials, backward_create_graph, hooks, hook_removed,
    retain_grad, detach, no_grad, broadcast, mixed_dtypes, in_place_on_slice, in_place_on_slice_by_tensor,
    view_before_base_changes, view_of_view, transposed_view, copy_into_view_broadcast, copy_into_fresh, zero_slice,
    fill_all, saved_before_in_place, relu_in_place_twice_differentiated,
    slice_in_place_twice_differentiated, chain_in_place, masked_and_where, expanded_leaf, overlapping_view,
    grad_of_intermediate, unused_allowed, several_outputs, data_assignment, random_in_place, detached_view_changed,
    maximum_ties, power_edges, abs_and_clamp_edges, blends,
]  # fmt: skip


A, B, M = f64([0.3, 0.4], True), f64([0.5, 0.6], True), torch.tensor([True, False])
T = f64(0.5, True)
NODES = {
    **{n: (lambda n: lambda: getattr(torch, n)(A + 1 if n == "acosh" else A))(n) for n in UNARY if n[:2] != "is" and n != "logical_not"},
    "add": lambda: A + B,
    "sub": lambda: A - B,
    "rsub": lambda: 1 - A,
    "mul": lambda: A * B,
    "div": lambda: A / B,
    "div floor": lambda: torch.div(A, B, rounding_mode="floor"),
    "remainder": lambda: torch.remainder(A, B),
    "remainder number": lambda: torch.remainder(A, 0.3),
    "fmod": lambda: torch.fmod(A, B),
    "fmod number": lambda: torch.fmod(A, 0.3),
    "pow number": lambda: A**3,
    "pow": lambda: A**B,
    "pow of number": lambda: 2**A,
    "maximum": lambda: torch.maximum(A, B),
    "minimum": lambda: torch.minimum(A, B),
    "lerp number": lambda: torch.lerp(A, B, 0.3),
    "lerp": lambda: torch.lerp(A, B, B),
    "addcmul": lambda: torch.addcmul(A, B, B),
    "addcdiv": lambda: torch.addcdiv(A, B, B),
    "where": lambda: torch.where(M, A, B),
    "maskedFill number": lambda: A.masked_fill(M, 0),
    "maskedFill": lambda: A.masked_fill(M, T),
    "clamp number": lambda: A.clamp(0, 1),
    "clamp": lambda: A.clamp(B, B),
    "clampMin number": lambda: A.clamp_min(0),
    "clampMin": lambda: A.clamp_min(B),
    "clampMax number": lambda: A.clamp_max(0),
    "clampMax": lambda: A.clamp_max(B),
    "atan2": lambda: torch.atan2(A, B),
    "dropout": lambda: F.dropout(A, 0.5),
    "bernoulli": lambda: torch.bernoulli(A),
    "prelu": lambda: F.prelu(A, T.view(1)),
    "clone": lambda: A.clone(),
    "to": lambda: A.float(),
    "fill_": lambda: (A * 1).fill_(2),
    "zero_": lambda: (A * 1).zero_(),
    "copy_": lambda: (A * 1).copy_(B),
    "uniform_": lambda: (A * 1).uniform_(),
    "normal_": lambda: (A * 1).normal_(),
    "bernoulli_": lambda: (A * 1).bernoulli_(0.5),
    "random_": lambda: (A * 1).random_(0, 5),
    "exp_": lambda: (A * 1).exp_(),
    "mul_": lambda: (A * 1).mul_(B),
    "eq": lambda: A == B,
    "floor of integers": lambda: torch.arange(3).floor(),
}


def node_name(f):
    g = f().grad_fn
    return g and type(g).__name__


def seeded(f):
    torch.manual_seed(7)
    result = f()
    return {"values": result, "next": torch.rand(1).item()}


RANDOM = {
    "rand": lambda: torch.rand(2, 3),
    "rand float64": lambda: torch.rand(3, dtype=torch.float64),
    "randn small": lambda: torch.randn(2, 3),
    "randn": lambda: torch.randn(3, 7),
    "randint": lambda: torch.randint(-5, 5, (2, 4)),
    "randint high": lambda: torch.randint(10, (3,), dtype=torch.int32),
    "randperm": lambda: torch.randperm(9),
    "uniform_ transposed": lambda: torch.zeros(2, 3).t().uniform_(-1, 1),
    "uniform_ strided": lambda: torch.zeros(3, 4)[:, ::2].uniform_(),
    "uniform_ channels last": lambda: torch.zeros(1, 2, 2, 3).contiguous(memory_format=torch.channels_last).uniform_(),
    "normal_ transposed": lambda: torch.zeros(4, 5).t().normal_(1, 2),
    "bernoulli_": lambda: torch.zeros(9).bernoulli_(0.3),
    "bernoulli_ integers": lambda: torch.zeros(9, dtype=torch.int64).bernoulli_(0.6),
    "bernoulli_ tensor": lambda: torch.zeros(2, 3).bernoulli_(torch.tensor([0.1, 0.5, 0.9])),
    "bernoulli float64": lambda: torch.bernoulli(torch.full((9,), 0.4, dtype=torch.float64)),
    "bernoulli transposed": lambda: torch.bernoulli(torch.tensor([[0.1, 0.5, 0.9], [0.6, 0.5, 0.4]]).t()),
    "randLike transposed": lambda: torch.rand_like(torch.zeros(2, 3).t()),
    "dropout": lambda: F.dropout(torch.arange(1.0, 13.0).view(3, 4), 0.4),
    "dropout transposed": lambda: F.dropout(torch.arange(1.0, 13.0).view(3, 4).t(), 0.4),
    "random_": lambda: torch.zeros(5).random_(3, 9),
}

golden = {
    "special": SPECIAL,
    "unary": {n: {"float32": getattr(torch, n)(torch.tensor(SPECIAL)), "float64": getattr(torch, n)(f64(SPECIAL))} for n in UNARY},
    "grid": GRID,
    "activations": {n: activation(f) for n, f in ACTIVATIONS.items()},
    "left": LEFT,
    "right": RIGHT,
    "binary": {n: f(f64(LEFT), f64(RIGHT)) for n, f in BINARY.items()},
    "integersLeft": INTEGERS_LEFT,
    "integersRight": INTEGERS_RIGHT,
    "integer": {
        d: {
            n: f(torch.tensor(INTEGERS_LEFT).to(getattr(torch, d)), torch.tensor(INTEGERS_RIGHT).to(getattr(torch, d)))
            for n, f in {**{k: BINARY[k] for k in INTEGER}, **INTEGER_ALSO}.items()
        }
        for d in ["int64", "int32", "int8", "uint8"]
    },
    "promotion": promotion(),
    "castErrors": CAST_ERRORS,
    "errors": {n: text_of(f) for n, f in ERRORS.items()},
    "nodes": {n: node_name(f) for n, f in NODES.items()},
    "scenarios": {f.__name__: f() for f in SCENARIOS},
    "random": {n: seeded(f) for n, f in RANDOM.items()},
}
here = pathlib.Path(__file__).parent
(here / "ops.json").write_text(
    "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in plain(golden).items()) + "\n}\n"
)
