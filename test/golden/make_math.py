"""Writes math.json: elementary functions, correctly rounded to double, and what PyTorch makes of special numbers and
of its activations.

    python3 make_math.py > math.json

Needs torch 1.13 and mpmath. Numbers that JSON cannot hold are strings: "NaN", "Infinity", "-Infinity", "-0".
"""
import json
import math
import random

import mpmath
import torch
import torch.nn.functional as F
from mpmath import mp, mpf

mp.prec = 2200
rng = random.Random(3)


def plain(x):
    if isinstance(x, int):
        return x
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return "-0" if x == 0 and math.copysign(1, x) < 0 else x


def plains(xs):
    return [plain(x) for x in xs]


def uniform(low, high, n=40):
    return [rng.uniform(low, high) for _ in range(n)]


def powers(low, high, n=40, signed=True):
    sign = (lambda: rng.choice([-1, 1])) if signed else (lambda: 1)
    return [sign() * rng.uniform(1, 2) * 2.0 ** rng.randint(low, high) for _ in range(n)]


both = powers(-60, 2) + powers(-1074, -30, 10)
elementary = {
    "exp": (mpmath.exp, uniform(-745, 709.7) + uniform(-3, 3) + both),
    "exp2": (lambda x: mpf(2) ** x, uniform(-1074, 1023.9) + uniform(-3, 3) + both),
    "expm1": (mpmath.expm1, uniform(-40, 709.7) + uniform(-2, 2) + both),
    "log": (mpmath.log, uniform(0.3, 3) + powers(-1074, 1023, 60, False)),
    "log1p": (mpmath.log1p, uniform(-0.9, 3) + both + powers(0, 1023, 40, False)),
    "log2": (lambda x: mpmath.log(x, 2), uniform(0.3, 3) + powers(-1074, 1023, 60, False)),
    "log10": (mpmath.log10, uniform(0.3, 3) + powers(-1074, 1023, 60, False)),
    "sin": (mpmath.sin, uniform(-10, 10) + uniform(-2e6, 2e6) + powers(-60, 1023) + [1e22, 6381956970095103 * 2.0**797]),
    "cos": (mpmath.cos, uniform(-10, 10) + uniform(-2e6, 2e6) + powers(-60, 1023) + [1e22, 6381956970095103 * 2.0**797]),
    "tan": (mpmath.tan, uniform(-10, 10) + uniform(-2e6, 2e6) + powers(-60, 1023) + [1e22]),
    "sinh": (mpmath.sinh, uniform(-710, 710) + uniform(-2, 2) + both),
    "cosh": (mpmath.cosh, uniform(-710, 710) + uniform(-2, 2) + both),
    "tanh": (mpmath.tanh, uniform(-20, 20) + uniform(-2, 2) + both),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), uniform(-745, 40) + uniform(-5, 5, 80) + both),
    "asin": (mpmath.asin, uniform(-1, 1, 80) + powers(-60, -1)),
    "acos": (mpmath.acos, uniform(-1, 1, 80) + powers(-60, -1)),
    "atan": (mpmath.atan, uniform(-5, 5, 80) + powers(-60, 60)),
    "asinh": (mpmath.asinh, uniform(-5, 5, 80) + powers(-60, 600)),
    "acosh": (mpmath.acosh, [1 + abs(x) for x in both[:40]] + uniform(1, 5, 60) + powers(1, 900, 30, False)),
    "atanh": (mpmath.atanh, uniform(-1, 1, 80) + powers(-60, -1)),
    "erf": (mpmath.erf, uniform(-6, 6, 80) + uniform(-1, 1) + both),
    "erfc": (mpmath.erfc, uniform(-6, 26, 80) + uniform(-1, 1) + both[:40]),
}
pairs = list(zip(uniform(0.1, 3, 60), uniform(-30, 30, 60))) + list(zip(powers(-300, 300, 60, False), uniform(-3, 3, 60)))
pairs += [(1 + d, y) for d, y in zip(powers(-50, -20), powers(18, 40))]
angles = list(zip(powers(-20, 20, 80), powers(-20, 20, 80)))
binary = {
    "pow": (lambda x, y: mpf(x) ** mpf(y), pairs),
    "atan2": (lambda y, x: mpmath.atan2(y, x), angles),
}


def double(f, *x):
    try:
        y = f(*map(mpf, x))
        return math.nan if isinstance(y, mpmath.mpc) else float(y)
    except OverflowError:
        return math.inf


special = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.5, 1e30, -1e30, 1e-40, -1e-40, 1.0 + 2**-20]
special += [math.inf, -math.inf, math.nan]
grid = [(x, y) for x in special for y in special]


def of_specials(f, values):
    out = f(*[torch.tensor(v, dtype=torch.float32) for v in values])
    return plains(out.tolist())


xs, ys = [list(v) for v in zip(*grid)]
specials = {
    name: {"inputs": [plains(special)], "out": of_specials(f, [special])}
    for name, f in {
        **{n: getattr(torch, n) for n in
           "exp exp2 expm1 log log1p log2 log10 sin cos tan sinh cosh tanh sigmoid asin acos atan asinh acosh atanh erf "
           "erfc sqrt rsqrt reciprocal floor ceil round trunc frac sign".split()},
    }.items()
}
specials |= {
    name: {"inputs": [plains(xs), plains(ys)], "out": of_specials(f, [xs, ys])}
    for name, f in {
        "pow": torch.pow,
        "atan2": torch.atan2,
        "fmod": torch.fmod,
        "remainder": torch.remainder,
        "floorDivide": lambda x, y: torch.div(x, y, rounding_mode="floor"),
        "truncDivide": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
        "maximum": torch.maximum,
        "minimum": torch.minimum,
    }.items()
}

whole = [0, 1, -1, 2, -2, 3, -3, 7, -7, 10, 63, 64, 2**31 - 1, -(2**31), 2**40 + 1, -(2**40) - 3]
wx, wy = [list(v) for v in zip(*[(x, y) for x in whole for y in whole if y != 0])]


def of_integers(f, dtype):
    inside = [(x, y) for x, y in zip(wx, wy) if dtype is torch.int64 or (abs(x) < 2**31 and abs(y) < 2**31)]
    ix, iy = [list(v) for v in zip(*inside)]
    out = f(torch.tensor(ix, dtype=dtype), torch.tensor(iy, dtype=dtype))
    return {"inputs": [[str(x) for x in ix], [str(y) for y in iy]], "out": [str(x) for x in out.tolist()]}


integers = {
    str(dtype)[6:]: {
        name: of_integers(f, dtype)
        for name, f in {
            "pow": torch.pow,
            "fmod": torch.fmod,
            "remainder": torch.remainder,
            "floorDivide": lambda x, y: torch.div(x, y, rounding_mode="floor"),
            "truncDivide": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
        }.items()
    }
    for dtype in [torch.int64, torch.int32]
}

points = sorted(uniform(-6, 6, 24) + [-30.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 25.0])


def activation(name, f, scalars=(), backward=None, rtol=1e-12):
    """
    The function, and as `backward` the gradient's expression: its name, whether it takes out or x, and its scalars if
    they are others. `rtol` says how far PyTorch's own gradient may be off.
    """
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    out = f(x)
    grad = torch.tensor([math.cos(i) for i in range(len(points))], dtype=torch.float64)
    (slope,) = torch.autograd.grad(out, x, grad)
    given = out if backward and backward[1] == "out" else x
    result = [{"name": name, "inputs": [plains(points)], "scalars": list(scalars), "out": plains(out.tolist()), "rtol": 1e-12}]
    if backward:
        result.append({"name": backward[0], "inputs": [plains(grad.tolist()), plains(given.tolist())],
                       "scalars": list(backward[2]) if len(backward) > 2 else list(scalars),
                       "out": plains(slope.tolist()), "rtol": rtol})
    return result


activations = sum([
    activation("relu", F.relu, (), ("reluGrad", "out")),
    activation("relu6", F.relu6, (), ("hardtanhGrad", "x", (0, 6))),
    activation("clamp", lambda x: x.clamp(-1, 0.5), (-1, 0.5), ("clampGrad", "x")),
    activation("clamp", lambda x: F.hardtanh(x, -1, 0.5), (-1, 0.5), ("hardtanhGrad", "x")),
    activation("threshold", lambda x: F.threshold(x, 0.5, -7), (0.5, -7), ("thresholdGrad", "x", (0.5,))),
    activation("leakyRelu", lambda x: F.leaky_relu(x, 0.1), (0.1,), ("leakyReluGrad", "x")),
    activation("elu", lambda x: F.elu(x, 1.5), (1.5, 1, 1), ("eluGrad", "x")),
    activation("elu", lambda x: F.celu(x, 2.5), (2.5, 1, 1 / 2.5), ("eluGrad", "x")),
    activation("elu", F.selu, (1.6732632423543772, 1.0507009873554805, 1), ("eluGrad", "x")),
    activation("softplus", lambda x: F.softplus(x, 2, 8), (2, 8), ("softplusGrad", "x")),
    activation("logSigmoid", F.logsigmoid, (), ("logSigmoidGrad", "x")),
    activation("sigmoid", torch.sigmoid, (), ("sigmoidGrad", "out")),
    activation("tanh", torch.tanh, (), ("tanhGrad", "out")),
    activation("silu", F.silu, (), ("siluGrad", "x")),
    activation("mish", F.mish, (), ("mishGrad", "x")),
    activation("gelu", F.gelu, (), ("geluGrad", "x")),
    activation("geluTanh", lambda x: F.gelu(x, approximate="tanh"), (), ("geluTanhGrad", "x")),
    activation("hardswish", F.hardswish, (), ("hardswishGrad", "x")),
    # PyTorch multiplies by a float32's 1/6.
    activation("hardsigmoid", F.hardsigmoid, (), ("hardsigmoidGrad", "x"), 1e-7),
    activation("softsign", F.softsign),
    activation("softshrink", lambda x: F.softshrink(x, 0.5), (0.5,), ("shrinkGrad", "x")),
    activation("hardshrink", lambda x: F.hardshrink(x, 0.5), (0.5,), ("shrinkGrad", "x")),
], [])

print(json.dumps({
    "elementary": {
        **{n: {"inputs": [plains(xs)], "out": plains([double(f, x) for x in xs])} for n, (f, xs) in elementary.items()},
        **{n: {"inputs": [plains(v) for v in zip(*p)], "out": plains([double(f, *q) for q in p])}
           for n, (f, p) in binary.items()},
    },
    "specials": specials,
    "integers": integers,
    "activations": activations,
}))
