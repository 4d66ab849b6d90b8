"""Writes random.json: random streams beyond rng.json, as PyTorch 1.13 draws them on the CPU (AVX2 + FMA).

    python3 make_random.py > random.json

Needs torch 1.13. Values are their bit patterns as hexadecimal, row-major, little-endian; long streams are the
SHA-256 of their bytes. The fields beside them are the arguments.
"""
import hashlib
import json
import sys

import torch


def raw(t):
    t = t.contiguous()
    return t.view(torch.int16).numpy().tobytes() if t.dtype in (torch.float16, torch.bfloat16) else t.numpy().tobytes()


def entry(t, long=False, **fields):
    bytes_ = raw(t)
    fields["hash" if long else "bits"] = hashlib.sha256(bytes_).hexdigest() if long else bytes_.hex()
    return dict(dtype=str(t.dtype)[6:], n=t.numel(), **fields)


def seeded(dtype, n):
    torch.manual_seed(9)
    return torch.empty(n, dtype=dtype)


HALVES = [torch.float16, torch.bfloat16]
FLOATS = HALVES + [torch.float32, torch.float64]
INTEGERS = [torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool]
BOUNDS = [(0.0, 1.0), (-1 / 3, 1 / 3), (2.0, 5.0), (-1e-3, 1e4)]

uniform = [entry(seeded(dt, 40).uniform_(a, b), **{"from": a, "to": b}) for dt in FLOATS for a, b in BOUNDS]
uniform += [entry(seeded(torch.float32, 40).uniform_(a, b), **{"from": a, "to": b})
            for a, b in ((0.0, 1e-40), (-1e-38, 3e-38), (1e-45, 1e-45), (-1.5e38, 1.5e38), (1e-10, 1.0))]
uniform += [entry(seeded(torch.float64, 40).uniform_(a, b), **{"from": a, "to": b})
            for a, b in ((0.0, 1e-310), (-1e-308, 3e-308), (-8e307, 8e307), (-1e-300, 1e300))]
uniform += [entry(seeded(dt, 1 << 20).uniform_(a, b), long=True, **{"from": a, "to": b})
            for dt in FLOATS for a, b in ((0.0, 1.0), (0.001, 0.3))]

normal = [entry(seeded(dt, n).normal_(m, s), mean=m, std=s, contiguous=True)
          for dt in HALVES + [torch.float32] for n in (5, 16, 57) for m, s in ((0.0, 1.0), (0.3, 1.7), (-1.0, 0.02))]
normal += [entry(seeded(dt, (21, 2))[:, 0].normal_(0.5, 2.0), mean=0.5, std=2.0, contiguous=False)
           for dt in HALVES + [torch.float32]]
normal += [entry(seeded(torch.float32, n).normal_(m, s), long=True, mean=m, std=s, contiguous=True)
           for n, m, s in ((1600000, 0.0, 1.0), (1 << 19, 0.1, 0.7))]
normal += [entry(seeded(dt, 100000).normal_(0.1, 0.7), long=True, mean=0.1, std=0.7, contiguous=True) for dt in HALVES]

RANGES = [(-5, 100), (0, 2 ** 40), (-2 ** 31, 2 ** 31), (2 ** 60 - 3, 2 ** 60 + 7), (-2 ** 63, 2 ** 63 - 1),
          (2 ** 24 - 1, 2 ** 25 + 1), (-2 ** 25 - 1, 2 ** 33 + 1), (0, 2049), (-2049, 300), (0, 2), (0, 2 ** 32 - 1)]
randint = []
for dt in FLOATS + INTEGERS:
    for low, high in RANGES:
        torch.manual_seed(9)
        fields = {"low": str(low), "high": str(high)}
        try:
            randint.append(entry(torch.randint(low, high, (12,), dtype=dt), **fields))
        except RuntimeError as error:
            randint.append(dict(dtype=str(dt)[6:], n=12, error=str(error), **fields))

bernoulli = [entry(seeded(dt, 40).bernoulli_(p), p=p) for dt in FLOATS[1:] + INTEGERS for p in (0.0, 0.3, 1.0)]

torch.manual_seed(9)
long_randperm = entry(torch.randperm(100000), long=True)

# A state in the middle of a block, with a cached normal, and what comes next.
torch.manual_seed(-12345)
torch.rand(1000)
torch.randn(3)
state = {"bits": raw(torch.get_rng_state()).hex(), "then": entry(torch.randn(4)), "and": entry(torch.rand(700))}


def message(f):
    try:
        f()
    except RuntimeError as error:
        return str(error)
    raise AssertionError("no error")


def uniform_error(dt, a, b):
    return {"dtype": str(dt)[6:], "from": str(a), "to": str(b), "error": message(lambda: seeded(dt, 4).uniform_(a, b))}


inf, nan = float("inf"), float("nan")
errors = {
    "uniform": [uniform_error(*a) for a in (
        (torch.float32, 3.0, 1.0), (torch.float32, 1e-7, -123456.78), (torch.float32, -3e38, 3e38),
        (torch.float64, -1.7e308, 1.7e308), (torch.float32, -1e300, 0.0), (torch.float16, 0.0, 65505.0),
        (torch.bfloat16, 0.0, inf), (torch.bfloat16, -3e38, 3e38), (torch.float64, nan, 1.0), (torch.float64, 0.0, nan),
        (torch.int64, 0.0, 1.0), (torch.bool, 0.0, 1.0))],
    "normal": [{"dtype": str(dt)[6:], "std": str(s), "error": message(lambda: seeded(dt, 4).normal_(0, s))}
               for dt, s in ((torch.float32, -1.25), (torch.float32, nan), (torch.float64, -1e-9), (torch.int64, -1.0),
                             (torch.int64, 1.0), (torch.uint8, 1.0))],
    "bernoulli": [{"p": str(p), "error": message(lambda: seeded(torch.float32, 4).bernoulli_(p))}
                  for p in (-0.1, 1.5, nan, 1.0000001)],
    "randperm": [{"n": -1, "error": message(lambda: torch.randperm(-1))}],
}

json.dump({"seed": 9, "uniform": uniform, "normal": normal, "randint": randint, "bernoulli": bernoulli,
           "randperm": long_randperm, "state": state, "errors": errors}, sys.stdout, indent=0)
