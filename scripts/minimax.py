"""Finds the polynomials of src/kernels/math. Prints each with its largest weighted error.

    python3 scripts/minimax.py [NAME …]

Needs mpmath. Weighted least squares at Chebyshev's points, reweighted where the error is large (Lawson), which comes near
the minimax polynomial. Coefficients are rounded one after the other to the format in which they will be used, the lowest
first; the later ones make up for that.
"""
import sys

from mpmath import asin, atan, atanh, cos, erf, erfc, exp, frexp, ldexp, log, lu_solve, matrix, mp, mpf, nint, pi, sin
from mpmath import sqrt, tan, tanh

mp.dps = 50
F32, F64 = 24, 53


def rounded(x, bits):
    if x == 0:
        return mpf(0)
    m, e = frexp(x)
    return ldexp(nint(ldexp(m, bits)), e - bits)


def least_squares(xs, fs, ws, powers, rounds):
    n = len(powers)
    rows = [[x**p for p in powers] for x in xs]
    lawson = [mpf(1)] * len(xs)
    while True:
        a, b = matrix(n, n), matrix(n, 1)
        for row, f, w, l in zip(rows, fs, ws, lawson):
            for i in range(n):
                t = w * w * l * row[i]
                b[i] += t * f
                for j in range(i, n):
                    a[i, j] += t * row[j]
        for i in range(n):
            for j in range(i):
                a[i, j] = a[j, i]
        c = lu_solve(a, b)
        rounds -= 1
        if rounds == 0:
            return c
        errors = [abs(w * (f - sum(ci * v for ci, v in zip(c, row)))) for row, f, w in zip(rows, fs, ws)]
        mean = sum(e * l for e, l in zip(errors, lawson)) / len(xs)
        lawson = [max(l * e / mean, mpf(10) ** -6) for l, e in zip(lawson, errors)]


def fit(f, weight, degree, low, high, bits, rounds=6):
    """Coefficients that make max |weight(x) · (f(x) − p(x))| on [low, high] small, and that maximum."""
    low, high = mpf(low), mpf(high)
    count = 6 * (degree + 2)
    xs = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    fs = [f(x) for x in xs]
    ws = [weight(x) for x in xs]
    done = []
    for k in range(degree + 1):
        rest = [y - sum(c * x**i for i, c in enumerate(done)) for x, y in zip(xs, fs)]
        done.append(rounded(least_squares(xs, rest, ws, list(range(k, degree + 1)), rounds)[0], bits))
    grid = [low + (high - low) * mpf(i) / 401 for i in range(402)]
    return done, max(abs(weight(x) * (f(x) - sum(c * x**i for i, c in enumerate(done)))) for x in grid)


tiny = mpf(10) ** -30


def odd(f, slope, cubic):
    """g(z), z = x², of an odd function f(x) = slope · x + x · z · g(z), whose g(0) is `cubic`."""
    def g(z):
        x = sqrt(z)
        return cubic if z < mpf(10) ** -15 else (f(x) - slope * x) / (x * z)
    return g


def q(r):
    return mpf(1) / 2 + r / 6 if abs(r) < mpf(10) ** -15 else (exp(r) - 1 - r) / r**2


def C(z):
    return mpf(1) / 24 if z < mpf(10) ** -8 else (cos(sqrt(z)) - 1 + z / 2) / z**2


def W(z):
    return mpf(3) / 5 + mpf(3) / 7 * z if z < mpf(10) ** -10 else (3 * atanh(sqrt(z)) / sqrt(z) - 3 - z) / z**2


def E(z):
    return 2 / sqrt(pi) - 1 if z < mpf(10) ** -20 else erf(sqrt(z)) / sqrt(z) - 1


def P(x):
    return (-log(erfc(x)) - x) / x


def G(t):
    x = 3 * (1 + t) / (1 - t)
    return erfc(x) * exp(x * x)


def t_of(x):
    return (mpf(x) - 3) / (mpf(x) + 3)


S = odd(sin, 1, -mpf(1) / 6)
L = odd(lambda s: 2 * atanh(s), 2, mpf(2) / 3)
T = odd(tanh, 1, -mpf(1) / 3)
A = odd(atan, 1, -mpf(1) / 3)
B = odd(asin, 1, mpf(1) / 6)

# A little more than each reduction leaves, since it is itself rounded.
half_ln2 = log(2) / 2 * mpf("1.001")
quarter = (pi / 4 * mpf("1.001")) ** 2
s_square = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * mpf("1.002")
eighth = tan(pi / 8) ** 2 * mpf("1.002")

first = lambda z: z + tiny
second = lambda z: z**2 + tiny
polynomials = {
    "q32": (q, second, 4, -half_ln2, half_ln2, F32),
    "q64": (q, second, 10, -half_ln2, half_ln2, F64),
    "L32": (L, first, 2, 0, s_square, F32),
    "L64": (L, first, 6, 0, s_square, F64),
    "S32": (S, first, 2, 0, quarter, F32),
    "S64": (S, first, 5, 0, quarter, F64),
    "C32": (C, second, 2, 0, quarter, F32),
    "C64": (C, second, 5, 0, quarter, F64),
    "T32": (T, first, 4, 0, mpf("0.6251") ** 2, F32),
    "T64": (T, first, 10, 0, mpf("0.6251") ** 2, F64),
    "W32": (W, lambda z: z**2 / 3 + tiny, 3, 0, s_square, F32),
    "W64": (W, lambda z: z**2 / 3 + tiny, 7, 0, s_square, F64),
    "A32": (A, first, 3, 0, eighth, F32),
    "A64": (A, first, 10, 0, eighth, F64),
    "B32": (B, first, 4, 0, mpf("0.2501"), F32),
    "B64": (B, first, 12, 0, mpf("0.2501"), F64),
    "E32": (E, lambda z: mpf(1), 5, 0, mpf("0.9") ** 2, F32),
    "E64": (E, lambda z: mpf(1), 8, 0, mpf("0.5") ** 2, F64),
    "P32": (P, lambda x: x * erfc(x) / erf(x), 5, "0.9", "3.95", F32),
    "G32": (G, lambda t: 1 / G(t), 9, t_of("0.5"), t_of("10.2"), F32, 4),
    "G64": (G, lambda t: 1 / G(t), 20, t_of("0.5"), t_of("27.4"), F64, 4),
}

for name in sys.argv[1:] or polynomials:
    coefficients, error = fit(*polynomials[name])
    print(f"{name}: error 2^{float(log(error, 2)):.1f}")
    print("  [" + ", ".join(repr(float(c)) for c in coefficients) + "]", flush=True)
