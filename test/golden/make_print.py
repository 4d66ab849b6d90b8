"""Writes print.json: random tensors of many kinds and the texts that PyTorch prints for them.

    python3 make_print.py [COUNT] [SEED] > print.json

Needs torch 1.13. Numbers JSON cannot hold are strings: "nan", "inf", "-inf", and every int64.
"""
import json
import math
import random
import sys

import torch

count = int(sys.argv[1]) if len(sys.argv) > 1 else 72
rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
INTEGERS = {torch.int64: 63, torch.int32: 31, torch.int8: 7, torch.uint8: 8}

STYLES = {
    "normal": lambda: rng.gauss(0, 1),
    "whole": lambda: float(rng.randint(-50, 50)),
    "large whole": lambda: float(rng.randint(1, 10)) * 10 ** rng.randint(0, 9),
    "ties": lambda: rng.randint(-1000, 1000) / 2 ** rng.randint(0, 7),
    "ties of scientific": lambda: float(rng.randint(20000, 200000) * 10 + 5) * 10 ** rng.randint(0, 6),
    "magnitudes": lambda: rng.gauss(0, 1) * 10 ** rng.uniform(-6, 6),
    "about 1000": lambda: rng.choice([0.001, 0.01, 1.0, 0.5, 9.99, 10.0, 0.0001]) * rng.choice([1, 1.0000001]),
    "extreme": lambda: rng.gauss(0, 1) * 10 ** rng.uniform(-300, 300),
    "nines": lambda: rng.choice([-1, 1]) * (1 - 10 ** rng.randint(-8, -1)) * 10 ** rng.randint(-2, 2),
    "zeros": lambda: rng.choice([0.0, -0.0]),
}
SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0]


def values_of(n, dtype):
    if dtype is torch.bool:
        return [rng.random() < 0.5 for _ in range(n)]
    if dtype in INTEGERS:
        bits = rng.randint(1, INTEGERS[dtype])
        low = 0 if dtype is torch.uint8 else rng.choice([0, -(2**bits)])
        return [rng.randint(low, 2**bits - 1) for _ in range(n)]
    style = STYLES[rng.choice(list(STYLES))]
    special = rng.choice([0, 0, 0.3, 1])
    return [rng.choice(SPECIAL) if rng.random() < special else style() for _ in range(n)]


def plain(x, dtype):
    if isinstance(x, float):
        return x if math.isfinite(x) else str(x)
    return str(x) if dtype is torch.int64 else x


def shape():
    dims = rng.choice([0, 1, 1, 2, 2, 3, 4])
    sizes = [rng.choice([0, 1, 2, 3, 5, 7, 8]) if rng.random() < 0.4 else rng.choice([1, 2, 3, 4]) for _ in range(dims)]
    return [rng.choice([rng.randint(1, 40), 4])] if dims == 1 and rng.random() < 0.7 else sizes


def options():
    if rng.random() < 0.5:
        return {}
    o = {}
    if rng.random() < 0.3:
        o["profile"] = rng.choice(["default", "short", "full"])
    if rng.random() < 0.3:
        o["precision"] = rng.choice([0, 1, 2, 3, 6, 12, 20])
    if rng.random() < 0.5:
        o["threshold"] = rng.choice([0, 5, 20])
    if rng.random() < 0.3:
        o["edgeitems"] = rng.choice([1, 2, 4])
    if rng.random() < 0.3:
        o["linewidth"] = rng.choice([10, 40, 79, 120])
    if rng.random() < 0.3:
        o["sci_mode"] = rng.choice([True, False])
    return o


def case():
    dtype = rng.choice(FLOATS + FLOATS + list(INTEGERS) + [torch.bool])
    size = shape()
    t = torch.tensor(values_of(math.prod(size), dtype), dtype=torch.float64 if dtype in FLOATS else dtype).reshape(size)
    t = t.to(dtype)
    kind = rng.choice(["plain", "plain", "leaf", "parameter", "mul", "reshape"]) if dtype in FLOATS else "plain"
    if kind == "leaf":
        t.requires_grad_()
    elif kind == "parameter":
        t = torch.nn.Parameter(t, requires_grad=rng.random() < 0.7)
    elif kind == "mul":
        t = t.requires_grad_() * 1
    elif kind == "reshape":
        t = t.requires_grad_().reshape([1, *size])
    o = options()
    torch.set_printoptions(**{"profile": "default", **o})
    return {
        "shape": list(t.shape),
        "dtype": str(t.dtype)[len("torch."):],
        "values": [plain(x, dtype) for x in t.detach().flatten().tolist()],
        "options": o,
        "requires_grad": t.requires_grad,
        "grad_fn": t.grad_fn.name() if t.grad_fn else None,
        "parameter": kind == "parameter",
        "text": repr(t),
    }


print("[\n" + ",\n".join(json.dumps(case()) for _ in range(count)) + "\n]")
