"""PyTorch's answers in 16-bit floats, and in float64 on the same numbers: writes half.json beside this file.

    python make_half.py        (PyTorch 1.13, CPU)

PyTorch computes bfloat16 on a CPU, mostly as float32 rounded once; of float16 it refuses most, so there the answers are
those of float64. Every number is written as a double; numbers that JSON does not have are "nan", "inf" and "-inf".
"""

import json
import math
import pathlib
import warnings

import torch
import torch.nn.functional as F

warnings.simplefilter("ignore")
torch.manual_seed(0)
bf16, f16, f64 = torch.bfloat16, torch.float16, torch.float64
inf, nan = math.inf, math.nan


def plain(x):
    if isinstance(x, torch.Tensor):
        return plain(x.detach().tolist())
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, float) and not math.isfinite(x):
        return "nan" if x != x else "inf" if x > 0 else "-inf"
    return x


def answered(f, *operands):
    """What f gives; null where PyTorch has no kernel for it."""
    try:
        return f(*operands)
    except RuntimeError:
        return None


def drawn(*shape, scale=1.0):
    """Numbers that both 16-bit floats hold: eight significant bits, exponents near 0."""
    return (torch.randn(shape, dtype=f64) * scale).to(bf16).to(f16).to(bf16).to(f64)


# How numbers become 16-bit floats: ties to even, overflow, subnormals.
NUMBERS = [0.1, -2.5, 1 / 3, 65504.0, 65519.0, 65520.0, -7e4, 3e38, 3.4e38, 1e39, 2.0**-24, 2.0**-25, 3 * 2.0**-25, 6e-8]
NUMBERS += [1 + 2.0**-11, 1 + 3 * 2.0**-11, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 1e-40, 9e-41, 0.0, -0.0, inf, -inf, nan]
casts = {str(d)[6:]: torch.tensor(NUMBERS, dtype=f64).to(d).to(f64) for d in (f16, bf16)}

# One step: PyTorch's own bfloat16.
GRID = torch.tensor([-8, -3.5, -2, -1.25, -0.75, -0.3, -1e-3, 0.0, 2e-3, 0.25, 0.5, 0.9, 1, 1.75, 3, 6.5, 20]).to(bf16)
UNARY = (
    "neg abs sign exp expm1 log log1p log2 log10 sqrt rsqrt reciprocal square sin cos tan tanh sigmoid erf erfc floor "
    "ceil round trunc frac relu exp2 sinh cosh asin acos atan asinh acosh atanh"
).split()
unary = {name: answered(getattr(torch, name), GRID) for name in UNARY}
LEFT = torch.tensor([1.5, -2.25, 0.1, 7, 1e4, -0.3, 3, 100]).to(bf16)
RIGHT = torch.tensor([0.3, 1.25, -0.7, 2, 3e-3, -0.3, 0.1, 7]).to(bf16)
BINARY = "add sub mul div pow maximum minimum atan2 fmod remainder".split()
binary = {name: answered(getattr(torch, name), LEFT, RIGHT) for name in BINARY}
SCALAR = 0.1
number = {name: getattr(torch, name)(RIGHT, SCALAR) for name in "add sub mul div eq ne lt le gt ge".split()}
half_number = {name: getattr(torch, name)(RIGHT.double().half(), SCALAR) for name in "eq ne lt le gt ge".split()}

# Sums: of bfloat16 PyTorch adds up float32.
ROWS = drawn(3, 41)
long = torch.full((4099,), 1.0, dtype=f64)
reductions = {
    name: {"bfloat16": answered(f, ROWS.to(bf16)), "float64": f(ROWS)}
    for name, f in {
        "sum": lambda x: x.sum(),
        "sum rows": lambda x: x.sum(1),
        "sum columns": lambda x: x.sum(0),
        "mean": lambda x: x.mean(1),
        "amax": lambda x: x.amax(1),
        "amin": lambda x: x.amin(0),
        "prod": lambda x: x[:, :5].prod(1),
        "var": lambda x: x.var(1),
        "std": lambda x: x.std(1),
        "norm": lambda x: x.norm(2, 1),
        "cumsum": lambda x: x.cumsum(1),
        "logsumexp": lambda x: x.logsumexp(1),
        "softmax": lambda x: x.softmax(1),
        "log_softmax": lambda x: x.log_softmax(0),
    }.items()
}
ones = {"bfloat16": long.to(bf16).sum(), "float16": long.to(f16).sum()}

# Layers with all gradients, in bfloat16 by PyTorch and in float64.
def with_gradients(f, *operands, dtype):
    leaves = [x.to(dtype).requires_grad_() for x in operands]
    out = f(*leaves)
    cotangent = torch.linspace(-1, 1, out.numel(), dtype=f64).reshape(out.shape).to(bf16).to(dtype)
    grads = torch.autograd.grad(out, leaves, cotangent)
    return {"result": out, "grads": list(grads)}


LAYERS = {
    "conv2d": (
        lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
        [drawn(2, 4, 7, 6), drawn(6, 2, 3, 2, scale=0.5), drawn(6)],
    ),
    "conv2d same": (lambda x, w: F.conv2d(x, w, padding="same"), [drawn(1, 3, 5, 4), drawn(4, 3, 3, 3, scale=0.5)]),
    "conv2d wide": (lambda x, w: F.conv2d(x, w), [drawn(1, 25, 4, 5), drawn(3, 25, 3, 3, scale=0.3)]),
    "depthwise": (lambda x, w: F.conv2d(x, w, padding=1, groups=5), [drawn(2, 5, 6, 4), drawn(5, 1, 3, 3)]),
    "linear": (F.linear, [drawn(3, 45), drawn(4, 45, scale=0.3), drawn(4)]),
    "bmm": (torch.bmm, [drawn(2, 3, 5), drawn(2, 5, 4)]),
    "batch norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        [drawn(3, 4, 5, 2), drawn(4), drawn(4)],
    ),
    "max pool": (lambda x: F.max_pool2d(x, 3, 1, 1), [drawn(2, 3, 5, 6)]),
    "avg pool": (lambda x: F.avg_pool2d(x, 3, 2, 1), [drawn(2, 3, 7, 6)]),
    "adaptive pool": (lambda x: F.adaptive_avg_pool2d(x, (2, 3)), [drawn(2, 3, 5, 7)]),
    "softmax": (lambda x: F.softmax(x, 1), [drawn(3, 7)]),
    "gelu": (F.gelu, [drawn(3, 7)]),
    "silu": (F.silu, [drawn(3, 7)]),
    "softplus": (F.softplus, [drawn(3, 7)]),
    "mse": (lambda x, y: F.mse_loss(x, y), [drawn(3, 7), drawn(3, 7)]),
    "cross entropy": (
        lambda x: F.cross_entropy(x, torch.tensor([2, 0, 6]), label_smoothing=0.1),
        [drawn(3, 7)],
    ),
    "binary": (
        lambda x: F.binary_cross_entropy_with_logits(x, torch.tensor([0.0, 1, 0.5, 0.25, 1, 0]).to(x.dtype)),
        [drawn(6)],
    ),
}
layers = {}
for name, (f, operands) in LAYERS.items():
    layers[name] = {
        "operands": operands,
        "shapes": [list(x.shape) for x in operands],
        "bfloat16": answered(lambda: with_gradients(f, *operands, dtype=bf16)),
        "float64": with_gradients(f, *operands, dtype=f64),
    }

# Averages of int64 windows.
WINDOWS = torch.arange(-20, 4).view(1, 1, 4, 6)
averages = {
    "padded": F.avg_pool2d(WINDOWS, (3, 2), stride=(1, 2), padding=1),
    "padding not counted": F.avg_pool2d(WINDOWS, (3, 2), stride=(1, 2), padding=1, count_include_pad=False),
    "divisor": F.avg_pool2d(WINDOWS, 2, divisor_override=3),
    "whole": F.avg_pool2d(WINDOWS, (4, 6)),
}

# Every section on a line, as text that a diff can show.
sections = {
    "numbers": NUMBERS,
    "casts": casts,
    "grid": GRID,
    "unary": unary,
    "left": LEFT,
    "right": RIGHT,
    "binary": binary,
    "number": number,
    "halfNumber": half_number,
    "rows": ROWS,
    "reductions": reductions,
    "ones": ones,
    "layers": layers,
    "averages": averages,
}
lines = [f"{json.dumps(name)}: {json.dumps(plain(section))}" for name, section in sections.items()]
path = pathlib.Path(__file__).with_name("half.json")
path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
