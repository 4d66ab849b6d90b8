"""Writes nn.json: what PyTorch 1.13 computes for layers, losses, reductions, indexing, optimizers, loaders.

    python3 make_nn.py            (torch 1.13; a few seconds)

A case of `calls` is a call of a function of the library: `op` names it, `args` are its arguments, in which {"$": k}
stands for input k. Values are computed in float64 from inputs that float32 holds exactly, so that the same case serves
both dtypes. `grads` are the gradients, by input, of the sum of the outputs times the cotangents that `cotangent` below makes
for each; null where there is none. A tensor without `dtype` is one of floats.
"""
import json
import os
import random

import numpy
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset, random_split

HERE = os.path.dirname(os.path.abspath(__file__))
rng = random.Random(20240229)
torch.set_default_dtype(torch.float64)


def grid(*shape, low=-40, high=40, distinct=False):
    """Multiples of 1/16, which may repeat."""
    n = 1
    for size in shape:
        n *= size
    if distinct:
        values = list(range(-(n // 2), n - n // 2))
        rng.shuffle(values)
    else:
        values = [rng.randint(low, high) for _ in range(n)]
    return torch.tensor([v / 16 for v in values]).reshape(shape)


def positions(size, *shape):
    return torch.randint(0, size, shape)


def cotangent(y):
    """For an output that requires a gradient: eighths that differ from element to element."""
    k = torch.arange(y.numel())
    return (((5 * k + 3) % 17 - 8) / 8).reshape(y.shape)


def short(x):
    """9 digits: as many as comparisons look at."""
    if x != x:
        return 'nan'
    if x in (float('inf'), float('-inf')):
        return 'inf' if x > 0 else '-inf'
    if x == int(x) and abs(x) < 1e15:
        return int(x)
    return float('%.9g' % x)


def encode(t):
    if t is None:
        return None
    shape, values = list(t.shape), t.detach().reshape(-1).tolist()
    if t.dtype.is_floating_point:
        return {'shape': shape, 'values': [short(v) for v in values]}
    if t.dtype == torch.bool:
        values = [int(v) for v in values]
    return {'dtype': str(t.dtype)[6:], 'shape': shape, 'values': values}


def exact(t):
    """Enough digits to have the bits back: of a float32 the shortest that round to it."""
    values = t.detach().reshape(-1).tolist()
    return [float(str(numpy.float32(v))) for v in values] if t.dtype == torch.float32 else values


def outputs_of(result):
    if isinstance(result, torch.Tensor):
        return [result]
    return list(result)


class Slot:
    """Stands for an input tensor in the arguments of a case."""
    def __init__(self, k):
        self.k = k


def plain(arg):
    if isinstance(arg, Slot):
        return {'$': arg.k}
    if isinstance(arg, (list, tuple)):
        return [plain(a) for a in arg]
    if isinstance(arg, dict):
        return {k: plain(v) for k, v in arg.items()}
    if isinstance(arg, float) and arg in (float('inf'), float('-inf')):
        return 'Infinity' if arg > 0 else '-Infinity'
    return arg


calls = []
S = [Slot(k) for k in range(6)]


def case(op, inputs, args, f, grad=True, frozen=()):
    """`f` computes in PyTorch what `op(...args)` is to compute. No gradient is taken of the inputs in `frozen`."""
    leaves = [x.clone().requires_grad_(grad and x.dtype.is_floating_point and k not in frozen) for k, x in enumerate(inputs)]
    outputs = outputs_of(f(*leaves))
    entry = {'op': op, 'args': plain(args), 'inputs': [encode(x) for x in inputs]}
    entry['outputs'] = [encode(y) for y in outputs]
    floats = [y for y in outputs if y.requires_grad]
    if floats:
        total = sum((y * cotangent(y)).sum() for y in floats)
        grads = torch.autograd.grad(total, [x for x in leaves if x.requires_grad], allow_unused=True)
        found = iter(grads)
        entry['grads'] = [encode(next(found)) if x.requires_grad else None for x in leaves]
    calls.append(entry)


def js_options(options):
    """snake_case to camelCase."""
    def camel(name):
        head, *rest = name.split('_')
        return head + ''.join(part.capitalize() for part in rest)
    return {camel(k): v for k, v in options.items()}


torch.manual_seed(1)

# Linear, products.
for shape in ([4], [3, 4], [2, 3, 4], [2, 1, 3, 4], [0, 4]):
    case('linear', [grid(*shape), grid(5, 4), grid(5)], [S[0], S[1], S[2]], F.linear)
case('linear', [grid(3, 4), grid(5, 4)], [S[0], S[1]], F.linear)
case('linear', [grid(3, 0), grid(5, 0), grid(5)], [S[0], S[1], S[2]], F.linear)
for a, b in (([4], [4]), ([3, 4], [4]), ([4], [4, 2]), ([3, 4], [4, 2]), ([2, 3, 4], [4]), ([4], [2, 4, 3]),
             ([2, 3, 4], [4, 5]), ([2, 3, 4], [2, 4, 5]), ([3, 4], [2, 4, 5]), ([2, 1, 3, 4], [5, 4, 2]),
             ([5, 3, 4], [2, 1, 4, 2]), ([2, 0, 4], [4, 3]), ([2, 3, 0], [0, 3]), ([0, 3, 4], [0, 4, 2]),
             ([5, 7], [7, 9])):
    case('matmul', [grid(*a), grid(*b)], [S[0], S[1]], torch.matmul)
case('mm', [grid(3, 4), grid(4, 5)], [S[0], S[1]], torch.mm)
case('bmm', [grid(3, 4, 2), grid(3, 2, 5)], [S[0], S[1]], torch.bmm)
case('mv', [grid(3, 4), grid(4)], [S[0], S[1]], torch.mv)
case('dot', [grid(7), grid(7)], [S[0], S[1]], torch.dot)
case('outer', [grid(3), grid(5)], [S[0], S[1]], torch.outer)
case('addmm', [grid(5), grid(3, 4), grid(4, 5)], [S[0], S[1], S[2], {'alpha': 0.5, 'beta': 2}],
     lambda c, a, b: torch.addmm(c, a, b, alpha=0.5, beta=2))
case('addmm', [grid(3, 5), grid(3, 4), grid(4, 5)], [S[0], S[1], S[2], {'beta': 0}],
     lambda c, a, b: torch.addmm(c, a, b, beta=0), frozen=(0,))

# Pooling.
def max_pool(shape, kernel, distinct=False, **options):
    case('maxPool2dWithIndices', [grid(*shape, distinct=distinct, low=-9, high=9)], [S[0], kernel, js_options(options)],
         lambda x: F.max_pool2d(x, kernel, return_indices=True, **options))


max_pool([2, 3, 6, 7], 2)
max_pool([2, 2, 6, 7], [3, 2], distinct=True)
max_pool([3, 6, 7], [2, 3], stride=[1, 2])
max_pool([1, 2, 7, 8], 3, stride=2, padding=1)
max_pool([1, 2, 7, 8], 3, stride=2, padding=1, ceil_mode=True)
max_pool([1, 2, 9, 8], [2, 3], stride=[2, 1], dilation=[3, 2])
max_pool([1, 1, 9, 10], 3, stride=3, padding=1, dilation=2, ceil_mode=True)
max_pool([1, 1, 5, 5], 2, stride=3, ceil_mode=True)
max_pool([1, 1, 4, 4], [4, 4])
max_pool([0, 2, 4, 4], 2)


def avg_pool(shape, kernel, **options):
    case('avgPool2d', [grid(*shape)], [S[0], kernel, js_options(options)], lambda x: F.avg_pool2d(x, kernel, **options))


avg_pool([2, 3, 6, 7], 2)
avg_pool([3, 6, 7], [2, 3], stride=[1, 2])
avg_pool([1, 2, 7, 8], 3, stride=2, padding=1)
avg_pool([1, 2, 7, 8], 3, stride=2, padding=1, count_include_pad=False)
avg_pool([1, 2, 7, 8], 3, stride=2, padding=1, ceil_mode=True)
avg_pool([1, 2, 7, 8], 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)
avg_pool([1, 2, 7, 8], [3, 2], stride=2, padding=[1, 0], divisor_override=5)
avg_pool([1, 1, 5, 5], 2, stride=3, ceil_mode=True)
avg_pool([1, 1, 4, 6], [4, 5], padding=[2, 1])
for shape, size in (([2, 3, 6, 7], 1), ([2, 2, 5, 7], [2, 3]), ([3, 6, 7], [4, 7]), ([1, 2, 5, 4], [3, None]),
                    ([1, 1, 3, 4], [5, 6]), ([2, 1, 4, 4], [None, 2])):
    case('adaptiveAvgPool2d', [grid(*shape)], [S[0], size], lambda x: F.adaptive_avg_pool2d(x, size))

# Padding.
for shape, sizes, mode, value in (
        ([2, 3], [1, 2], 'constant', 0), ([2, 3], [1, 2, 0, 3], 'constant', 0.5), ([2, 3, 4], [-1, 2, 1, -2], 'constant', -1),
        ([2, 3], [-3, 0], 'constant', 2), ([5], [2, -1], 'constant', 0), ([0, 3], [1, 1, 2, 0], 'constant', 1),
        ([1, 2, 4, 5], [1, 2, 3, 0], 'reflect', 0), ([2, 4, 5], [3, 2, 1, 3], 'reflect', 0), ([2, 5], [4, 1], 'reflect', 0),
        ([1, 2, 5], [2, 2], 'reflect', 0), ([1, 2, 4, 5], [-1, 2, 3, -2], 'reflect', 0),
        ([1, 2, 3, 4], [5, 1, 2, 7], 'replicate', 0), ([2, 3, 4], [0, 2, 1, 0], 'replicate', 0), ([2, 5], [1, 3], 'replicate', 0),
        ([1, 2, 3, 4], [1, 2, 3, 0], 'circular', 0), ([1, 2, 3, 4], [4, 4, 3, 3], 'circular', 0), ([1, 2, 5], [2, 5], 'circular', 0),
        ([1, 1, 2, 3, 4], [1, 2, 1, 0, 1, 1], 'replicate', 0), ([1, 1, 2, 3, 4], [1, 2, 1, 2, 1, 0], 'reflect', 0),
        ([1, 1, 2, 3, 4], [1, 2, 1, 3, 2, 0], 'circular', 0)):
    if mode == 'constant':
        case('pad', [grid(*shape)], [S[0], sizes, mode, value], lambda x: F.pad(x, sizes, mode, value))
    else:
        case('pad', [grid(*shape)], [S[0], sizes, mode], lambda x: F.pad(x, sizes, mode))

# Batch norm as a function.
for shape, training in (([3, 2, 2, 3], True), ([2, 3, 4], True), ([5, 3], True), ([3, 2, 2, 3], False)):
    c = shape[1]
    case('batchNorm', [grid(*shape), grid(c), grid(c, low=1), grid(c), grid(c)],
         [S[0], S[1], S[2], {'weight': S[3], 'bias': S[4], 'training': training, 'momentum': 0.25, 'eps': 0.125}],
         lambda x, m, v, w, b: F.batch_norm(x, m.clone(), v.clone(), w, b, training, 0.25, 0.125), frozen=(1, 2))
case('batchNorm', [grid(4, 3, 2)], [S[0], None, None, {'training': True}], lambda x: F.batch_norm(x, None, None, training=True))

# Reductions.
reduce_shape = [2, 3, 4]
for axes, keep in ((None, False), (0, False), (-1, True), ([0, 2], False), ([2, 1], True), ([0, 1, 2], False)):
    dims = list(range(3)) if axes is None else axes
    x = grid(*reduce_shape)
    case('sum', [x], [S[0], axes, keep], lambda x: x.sum(dims, keep))
    case('mean', [x], [S[0], axes, keep], lambda x: x.mean(dims, keep))
    case('var', [x], [S[0], axes, keep], lambda x: x.var(dims, unbiased=True, keepdim=keep))
    if axes == 0:
        case('var', [x], [S[0], axes, keep, {'correction': 0}], lambda x: x.var(dims, unbiased=False, keepdim=keep))
    if axes is None or axes == 0:
        case('std', [x], [S[0], axes, keep], lambda x: x.std(dims, unbiased=True, keepdim=keep))
    case('amax', [x], [S[0], axes, keep], lambda x: x.amax(dims, keep))
    if keep:
        case('amin', [x], [S[0], axes, keep], lambda x: x.amin(dims, keep))
    case('logsumexp', [x], [S[0], axes, keep], lambda x: x.logsumexp(dims, keep))
    for p in (2, 1, 0, 3, 0.5, float('inf'), float('-inf')):
        if p in (2, 1, float('inf')) or axes == 0:
            case('norm', [x], [S[0], p, axes, keep], lambda x: x.norm(p, dims, keep))
for axis, keep in ((0, False), (1, True), (-1, False)):
    x = grid(*reduce_shape, low=-6, high=6)
    case('prod', [x], [S[0], axis, keep], lambda x: x.prod(axis, keep))
    case('max', [x], [S[0], axis, keep], lambda x: x.max(axis, keep))
    case('min', [x], [S[0], axis, keep], lambda x: x.min(axis, keep))
    case('argmax', [x], [S[0], axis, keep], lambda x: x.argmax(axis, keep))
    case('argmin', [x], [S[0], axis, keep], lambda x: x.argmin(axis, keep))
    case('any', [x.gt(0.3)], [S[0], axis, keep], lambda x: x.any(axis, keep))
    case('all', [x.gt(-0.3)], [S[0], axis, keep], lambda x: x.all(axis, keep))
    case('cumsum', [x], [S[0], axis], lambda x: x.cumsum(axis))
x = grid(3, 5, low=-6, high=6)
case('prod', [x], [S[0]], lambda x: x.prod())
case('max', [x], [S[0]], lambda x: x.max())
case('min', [x], [S[0]], lambda x: x.min())
case('argmax', [x], [S[0]], lambda x: x.argmax())
case('argmin', [x], [S[0], None, True], lambda x: x.argmin().reshape(1, 1))
case('any', [x.gt(9)], [S[0]], lambda x: x.any())
case('all', [x.lt(9)], [S[0]], lambda x: x.all())
for name in ('sum', 'mean', 'prod', 'std', 'var'):
    case(name, [grid()], [S[0]], lambda x: getattr(x, name)(), grad=name not in ('std', 'var'))
for p in (2, 1, 3, 0):
    case('norm', [grid()], [S[0], p], lambda x: x.norm(p))
for name in ('max', 'min', 'amax', 'amin', 'argmax'):
    case(name, [grid()], [S[0]], lambda x: getattr(x, name)())
case('max', [grid()], [S[0], 0], lambda x: x.max(0))
case('cumsum', [grid()], [S[0], 0], lambda x: x.cumsum(0))
case('logsumexp', [grid()], [S[0], 0], lambda x: x.logsumexp(0))
case('sum', [grid(0, 3)], [S[0], 0], lambda x: x.sum(0))
case('sum', [grid(0, 3)], [S[0]], lambda x: x.sum())
case('prod', [grid(0, 3)], [S[0], 0], lambda x: x.prod(0))
case('mean', [grid(0, 3)], [S[0], 0], lambda x: x.mean(0))
case('var', [grid(1, 3)], [S[0], 0], lambda x: x.var(0), grad=False)
case('sum', [grid(3, 4).gt(0)], [S[0], 1], lambda x: x.sum(1))
case('sum', [positions(9, 3, 4)], [S[0], 0], lambda x: x.sum(0))
case('prod', [positions(9, 3, 4) + 1], [S[0], 0], lambda x: x.prod(0))
case('cumsum', [positions(9, 3, 4)], [S[0], 1], lambda x: x.cumsum(1))
case('max', [positions(9, 3, 4)], [S[0], 1], lambda x: x.max(1))
case('min', [positions(9, 3, 4)], [S[0]], lambda x: x.min())
for p in (2, 1, 0.5, 1.5, 3, float('inf')):
    case('norm', [torch.zeros(2, 3)], [S[0], p, 1], lambda x: x.norm(p, 1))
    case('norm', [torch.tensor([[0, 1.5, -2], [0, 0, 3]])], [S[0], p, 1], lambda x: x.norm(p, 1))
case('sum', [grid(37)], [S[0]], lambda x: x.sum())
case('sum', [grid(5, 37)], [S[0], 1], lambda x: x.sum(1))
case('sum', [grid(37, 5)], [S[0], 0], lambda x: x.sum(0))
case('var', [grid(5, 37)], [S[0], 1], lambda x: x.var(1))
case('prod', [torch.tensor([[1., 0, 2], [0, 3, 0], [2, 2, 0.5]])], [S[0], 1], lambda x: x.prod(1))
case('sumToSize', [grid(2, 3, 4)], [S[0], [3, 1]], lambda x: x.sum_to_size(3, 1))

# Softmax.
for shape, axis in (([5], 0), ([3, 4], 1), ([3, 4], 0), ([2, 3, 4], 1), ([2, 3, 4], -1), ([3, 19], 1), ([], 0)):
    case('softmax', [grid(*shape)], [S[0], axis], lambda x: x.softmax(axis))
    case('logSoftmax', [grid(*shape)], [S[0], axis], lambda x: x.log_softmax(axis))
case('softmax', [torch.tensor([1000., 0, -1000])], [S[0], 0], lambda x: x.softmax(0))
case('logSoftmax', [torch.tensor([1000., 0, -1000])], [S[0], 0], lambda x: x.log_softmax(0))

# Indexing.
for axis in (0, 1, 2):
    index = positions([4, 3, 5][axis], 6)
    case('indexSelect', [grid(4, 3, 5), index], [S[0], axis, S[1]], lambda x, i: x.index_select(axis, i))
case('indexSelect', [grid(4, 3), positions(3, 0)], [S[0], 1, S[1]], lambda x, i: x.index_select(1, i))
case('indexSelect', [grid(4, 3), torch.tensor(2)], [S[0], 0, S[1]], lambda x, i: x.index_select(0, i))
for axis, shape in ((0, [2, 3, 5]), (1, [4, 7, 2]), (2, [4, 3, 5]), (-1, [1, 2, 9])):
    index = positions([4, 3, 5][axis], *shape)
    case('gather', [grid(4, 3, 5), index], [S[0], axis, S[1]], lambda x, i: x.gather(axis, i))
    add = lambda x, i, s: x.scatter_add(axis, i, s)
    case('scatterAdd', [grid(4, 3, 5), index, grid(*shape)], [S[0], axis, S[1], S[2]], add)
    larger = grid(*[n + 1 for n in shape])
    case('scatterAdd', [grid(4, 3, 5), index, larger], [S[0], axis, S[1], S[2]], add, grad=False)
mask = grid(4, 3).gt(0)
case('maskedSelect', [grid(4, 3), mask], [S[0], S[1]], lambda x, m: x.masked_select(m))
case('maskedSelect', [grid(2, 4, 3), mask], [S[0], S[1]], lambda x, m: x.masked_select(m))
case('nonzero', [mask], [S[0]], lambda m: m.nonzero())
case('nonzero', [grid(2, 3, 4, low=-1, high=1)], [S[0]], lambda x: x.nonzero(), grad=False)
case('take', [grid(4, 3), torch.tensor([[0, -1, 5], [11, 5, 2]])], [S[0], S[1]], lambda x, i: x.take(i))
ALL = {}
ROW = torch.tensor([0, 3, -1])
COL = torch.tensor([[2], [0]])
for inputs, items, f in (
        ([], [1], lambda x: x[1]), ([], [-1, 2], lambda x: x[-1, 2]), ([], [ALL, 1], lambda x: x[:, 1]),
        ([], [{'start': 1, 'end': 4, 'step': 2}], lambda x: x[1:4:2]), ([], [{'start': -2}], lambda x: x[-2:]),
        ([], ['...', 0], lambda x: x[..., 0]), ([], [1, '...', {'end': -1}], lambda x: x[1, ..., :-1]),
        ([], [None, 1, None, ALL], lambda x: x[None, 1, None, :]), ([], ['...'], lambda x: x[...]),
        ([ROW], [S[1]], lambda x, i: x[i]), ([ROW], [ALL, ALL, S[1]], lambda x, i: x[:, :, i]),
        ([ROW, COL], [S[1], S[2]], lambda x, i, j: x[i, j]), ([ROW, COL], [S[1], ALL, S[2]], lambda x, i, j: x[i, :, j]),
        ([ROW, COL], [ALL, S[2], S[1]], lambda x, i, j: x[:, j, i]), ([ROW], [2, ALL, S[1]], lambda x, i: x[2, :, i]),
        ([ROW], [S[1], 2], lambda x, i: x[i, 2]), ([ROW], [S[1], ALL, 2], lambda x, i: x[i, :, 2]),
        ([ROW], [None, S[1]], lambda x, i: x[None, i]), ([ROW], [{'start': 1}, None, 0, S[1]], lambda x, i: x[1:, None, 0, i]),
        ([mask], [S[1]], lambda x, m: x[m]), ([grid(3, 5).gt(0)], [ALL, S[1]], lambda x, m: x[:, m]),
        ([torch.tensor([True, False, True, True])], [S[1]], lambda x, m: x[m]),
        ([torch.tensor([True, False, True, True]), ROW], [S[1], ALL, S[2]], lambda x, m, i: x[m, :, i]),
        ([torch.tensor(1)], [S[1]], lambda x, i: x[i])):
    case('index', [grid(4, 3, 5), *inputs], [S[0], *items], f)

# Joining, cutting, views.
case('cat', [grid(2, 3), grid(1, 3), grid(3, 3)], [[S[0], S[1], S[2]]], lambda *t: torch.cat(t))
case('cat', [grid(2, 3), grid(2, 1), grid(0)], [[S[0], S[1], S[2]], -1], lambda *t: torch.cat(t, -1))
case('stack', [grid(2, 3), grid(2, 3), grid(2, 3)], [[S[0], S[1], S[2]]], lambda *t: torch.stack(t))
case('stack', [grid(2, 3), grid(2, 3)], [[S[0], S[1]], -1], lambda *t: torch.stack(t, -1))
case('split', [grid(7, 2)], [S[0], 3], lambda x: x.split(3))
case('split', [grid(2, 7)], [S[0], [1, 4, 2], 1], lambda x: x.split([1, 4, 2], 1))
case('chunk', [grid(7, 2)], [S[0], 3], lambda x: x.chunk(3))
case('chunk', [grid(2, 5)], [S[0], 4, -1], lambda x: x.chunk(4, -1))
case('unbind', [grid(2, 3, 2)], [S[0], 1], lambda x: x.unbind(1))
case('reshape', [grid(2, 6)], [S[0], 3, -1], lambda x: x.reshape(3, -1))
case('permute', [grid(2, 3, 4)], [S[0], 2, 0, 1], lambda x: x.permute(2, 0, 1))
case('transpose', [grid(2, 3, 4)], [S[0], 0, -1], lambda x: x.transpose(0, -1))
case('expand', [grid(3, 1)], [S[0], 2, -1, 4], lambda x: x.expand(2, -1, 4))
case('narrow', [grid(3, 5)], [S[0], 1, 1, 3], lambda x: x.narrow(1, 1, 3))
case('slice', [grid(3, 7)], [S[0], 1, -6, 6, 2], lambda x: x[:, -6:6:2])
case('select', [grid(3, 4, 2)], [S[0], 1, -1], lambda x: x.select(1, -1))
case('squeeze', [grid(1, 3, 1)], [S[0]], lambda x: x.squeeze())
case('squeeze', [grid(1, 3, 1)], [S[0], 1], lambda x: x.squeeze(1))
case('unsqueeze', [grid(3, 2)], [S[0], -1], lambda x: x.unsqueeze(-1))
case('flatten', [grid(2, 3, 4)], [S[0], 1], lambda x: x.flatten(1))
case('flatten', [grid(2, 3, 4)], [S[0], 0, 1], lambda x: x.flatten(0, 1))
case('unflatten', [grid(2, 12)], [S[0], 1, [3, -1]], lambda x: x.unflatten(1, [3, -1]))
case('repeat', [grid(2, 3)], [S[0], 2, 1, 3], lambda x: x.repeat(2, 1, 3))

# Losses.
REDUCTIONS = ('mean', 'sum', 'none')
CLASSES = torch.tensor([2, 0, 3, 2, 1])
IMAGES = positions(3, 2, 2, 3)
weights4 = grid(4, low=1)
for reduction in REDUCTIONS:
    r = {'reduction': reduction}
    x, y = grid(3, 4), grid(3, 4)
    case('mseLoss', [x, y], [S[0], S[1], r], lambda a, b: F.mse_loss(a, b, reduction=reduction))
    case('l1Loss', [x, y], [S[0], S[1], r], lambda a, b: F.l1_loss(a, b, reduction=reduction))
    p, t = grid(3, 4, low=0, high=16), grid(3, 4, low=0, high=16)
    case('binaryCrossEntropy', [p, t], [S[0], S[1], r],
         lambda a, b: F.binary_cross_entropy(a, b, reduction=reduction))
    case('binaryCrossEntropyWithLogits', [x, t], [S[0], S[1], r],
         lambda a, b: F.binary_cross_entropy_with_logits(a, b, reduction=reduction))
    w, v = grid(4, low=1), grid(3, 1, low=1)
    case('binaryCrossEntropy', [p, t, w], [S[0], S[1], {**r, 'weight': S[2]}],
         lambda a, b, c: F.binary_cross_entropy(a, b, c, reduction=reduction), frozen=(0, 1, 2))
    case('binaryCrossEntropyWithLogits', [x, t, w, v], [S[0], S[1], {**r, 'weight': S[2], 'posWeight': S[3]}],
         lambda a, b, c, d: F.binary_cross_entropy_with_logits(a, b, c, reduction=reduction, pos_weight=d), frozen=(2, 3))
    for weight in (False, True):
        for ignore in (-100, 2, 7) if reduction == 'mean' else (2,):
            target = torch.where(CLASSES == 2, torch.tensor(ignore), CLASSES)
            options = {**r, 'ignoreIndex': ignore, **({'weight': S[2]} if weight else {})}
            inputs = [grid(5, 4), target] + ([weights4] if weight else [])
            case('nllLoss', inputs, [S[0], S[1], options],
                 lambda a, b, w=None: F.nll_loss(a, b, w, ignore_index=ignore, reduction=reduction), frozen=(2,))
            for smoothing in (0, 0.25):
                if smoothing:
                    options = {**options, 'labelSmoothing': smoothing}
                case('crossEntropy', inputs, [S[0], S[1], options],
                     lambda a, b, w=None: F.cross_entropy(a, b, w, ignore_index=ignore,
                                                          reduction=reduction, label_smoothing=smoothing), frozen=(2,))
        inputs = [grid(2, 3, 2, 3), IMAGES] + ([grid(3, low=1)] if weight else [])
        options = {**r, **({'weight': S[2]} if weight else {})}
        for op, f in (('nllLoss', F.nll_loss), ('crossEntropy', F.cross_entropy)):
            case(op, inputs, [S[0], S[1], options],
                 lambda a, b, w=None: f(a, b, w, reduction=reduction), frozen=(2,))
        for shape in ([5, 4], [2, 4, 3], [4]):
            for smoothing in (0, 0.25) if reduction == 'mean' else (0.25,):
                inputs = [grid(*shape), grid(*shape, low=0)] + ([weights4] if weight else [])
                options = {**r, 'labelSmoothing': smoothing, **({'weight': S[2]} if weight else {})}
                case('crossEntropy', inputs, [S[0], S[1], options],
                     lambda a, b, w=None: F.cross_entropy(a, b, w, reduction=reduction,
                                                          label_smoothing=smoothing), frozen=(2,))
    for op, f in (('nllLoss', F.nll_loss), ('crossEntropy', F.cross_entropy)):
        case(op, [grid(4), torch.tensor(2)], [S[0], S[1], r], lambda a, b: f(a, b, reduction=reduction))
        case(op, [grid(4), torch.tensor(2)], [S[0], S[1], {**r, 'ignoreIndex': 2}],
             lambda a, b: f(a, b, reduction=reduction, ignore_index=2))
    case('crossEntropy', [grid(2, 3, 2), torch.tensor([[0, -100], [2, 1]]), grid(3, low=1)],
         [S[0], S[1], {**r, 'weight': S[2], 'labelSmoothing': 0.5}],
         lambda a, b, w: F.cross_entropy(a, b, w, reduction=reduction, label_smoothing=0.5), frozen=(2,))
case('binaryCrossEntropy', [torch.tensor([0., 1, 0, 1, 0.5]), torch.tensor([0., 1, 1, 0, 0.5])], [S[0], S[1], {'reduction': 'none'}],
     lambda a, b: F.binary_cross_entropy(a, b, reduction='none'))
case('binaryCrossEntropyWithLogits', [torch.tensor([800., -800, 0, 0]), torch.tensor([0., 1, 0.5, 1])],
     [S[0], S[1], {'reduction': 'none'}],
     lambda a, b: F.binary_cross_entropy_with_logits(a, b, reduction='none'))

# Modules: constructed with `args`, loaded with `state`, called on each of `calls`.
modules = []


def module(name, args, torch_module, inputs, training=True, targets=None):
    torch_module.train(training)
    entry = {'module': name, 'args': plain(args), 'training': training,
             'state': {k: encode(v.clone()) for k, v in torch_module.state_dict().items()}, 'calls': []}
    for k, x in enumerate(inputs):
        torch_module.zero_grad(set_to_none=True)
        leaf = x.clone().requires_grad_()
        extra = [] if targets is None else [targets[k]]
        y = torch_module(leaf, *extra)
        (y * cotangent(y)).sum().backward()
        entry['calls'].append({
            'input': encode(x), 'target': encode(extra[0]) if extra else None, 'output': encode(y),
            'grad': encode(leaf.grad),
            'parameterGrads': {n: encode(p.grad) for n, p in torch_module.named_parameters()},
            'after': {n: encode(b.clone()) for n, b in torch_module.named_buffers()},
        })
    entry['repr'] = repr(torch_module)
    modules.append(entry)


def settled(m):
    with torch.no_grad():
        for name, t in m.state_dict().items():
            if t.dtype.is_floating_point:
                t.copy_(grid(*t.shape, low=1 if 'var' in name else -40))
    return m


N = torch.nn
ACTIVATION_INPUT = torch.tensor([[-30., -6.5, -3.25, -2.5, -1], [-0.5, -0.25, 0.125, 0.5, 0.75], [1, 2.5, 3.25, 6.5, 30]])
for name, args, m in (
        ('ReLU', [], N.ReLU()), ('ReLU6', [], N.ReLU6()), ('LeakyReLU', [], N.LeakyReLU()), ('LeakyReLU', [0.25], N.LeakyReLU(0.25)),
        ('ELU', [], N.ELU()), ('ELU', [0.5], N.ELU(0.5)), ('GELU', [], N.GELU()), ('GELU', ['tanh'], N.GELU('tanh')),
        ('SiLU', [], N.SiLU()), ('Sigmoid', [], N.Sigmoid()), ('Tanh', [], N.Tanh()), ('Softplus', [], N.Softplus()),
        ('Softplus', [2, 5], N.Softplus(2, 5)), ('Hardtanh', [], N.Hardtanh()), ('Hardtanh', [-2, 0.75], N.Hardtanh(-2.0, 0.75)),
        ('Hardsigmoid', [], N.Hardsigmoid()), ('Hardswish', [], N.Hardswish()), ('Softmax', [1], N.Softmax(1)),
        ('LogSoftmax', [0], N.LogSoftmax(0)), ('PReLU', [], N.PReLU()), ('PReLU', [5, 0.5], N.PReLU(5, 0.5)),
        ('Identity', [], N.Identity()), ('Dropout', [0], N.Dropout(0.0)), ('Dropout', [1], N.Dropout(1.0))):
    module(name, args, m, [ACTIVATION_INPUT])
module('Dropout', [0.5], N.Dropout(0.5), [ACTIVATION_INPUT], training=False)
module('Linear', [4, 3], settled(N.Linear(4, 3)), [grid(2, 4), grid(4), grid(2, 2, 4)])
module('Linear', [4, 3, {'bias': False}], settled(N.Linear(4, 3, bias=False)), [grid(2, 4)])
module('Flatten', [], N.Flatten(), [grid(2, 3, 2)])
module('Flatten', [0, 1], N.Flatten(0, 1), [grid(2, 3, 2)])
module('Unflatten', [1, [2, 3]], N.Unflatten(1, (2, 3)), [grid(2, 6)])
module('MaxPool2d', [2], N.MaxPool2d(2), [grid(1, 2, 4, 5)])
module('MaxPool2d', [[3, 2], {'stride': [2, 1], 'padding': [1, 0], 'dilation': [1, 2], 'ceilMode': True}],
       N.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), ceil_mode=True), [grid(1, 2, 6, 5)])
module('AvgPool2d', [2], N.AvgPool2d(2), [grid(1, 2, 4, 5)])
module('AvgPool2d', [3, {'stride': 2, 'padding': 1, 'countIncludePad': False}],
       N.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), [grid(1, 2, 5, 4)])
module('AdaptiveAvgPool2d', [[2, None]], N.AdaptiveAvgPool2d((2, None)), [grid(1, 2, 5, 4)])
module('AdaptiveAvgPool2d', [1], N.AdaptiveAvgPool2d(1), [grid(2, 2, 3, 4)])
for options in ({}, {'momentum': None}, {'affine': False}, {'track_running_stats': False}, {'momentum': 0.5, 'eps': 0.25}):
    for training in (True, False):
        module('BatchNorm2d', [3, js_options(options)], settled(N.BatchNorm2d(3, **options)),
               [grid(2, 3, 2, 3) for _ in range(3 if training else 1)], training)
module('MSELoss', [{'reduction': 'sum'}], N.MSELoss(reduction='sum'), [grid(2, 3)], targets=[grid(2, 3)])
module('L1Loss', [], N.L1Loss(), [grid(2, 3)], targets=[grid(2, 3)])
module('NLLLoss', [], N.NLLLoss(), [grid(2, 3)], targets=[torch.tensor([2, 0])])
module('CrossEntropyLoss', [{'labelSmoothing': 0.125}], N.CrossEntropyLoss(label_smoothing=0.125), [grid(2, 3)], targets=[torch.tensor([2, 0])])
module('BCELoss', [], N.BCELoss(), [grid(2, 3, low=0, high=16)], targets=[grid(2, 3, low=0, high=16)])
module('BCEWithLogitsLoss', [], N.BCEWithLogitsLoss(), [grid(2, 3)], targets=[grid(2, 3, low=0, high=16)])

# Optimizers: parameters after each step with fixed gradients.
optimizers = []
SGD, Adam, AdamW = torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW
for cls, options in (
        (SGD, {'lr': 0.1}), (SGD, {'lr': 0.1, 'momentum': 0.9}), (SGD, {'lr': 0.1, 'momentum': 0.9, 'dampening': 0.25}),
        (SGD, {'lr': 0.1, 'momentum': 0.9, 'nesterov': True}), (SGD, {'lr': 0.1, 'weight_decay': 0.3}),
        (SGD, {'lr': 0.1, 'momentum': 0.5, 'weight_decay': 0.3, 'nesterov': True, 'maximize': True}),
        (SGD, {'lr': 0.1, 'momentum': 0.5, 'dampening': 0.5, 'maximize': True}),
        (Adam, {}), (Adam, {'lr': 0.1, 'betas': [0.5, 0.75], 'eps': 0.01}), (Adam, {'lr': 0.1, 'amsgrad': True}),
        (Adam, {'lr': 0.1, 'weight_decay': 0.3}), (Adam, {'lr': 0.1, 'maximize': True, 'weight_decay': 0.1, 'amsgrad': True}),
        (AdamW, {}), (AdamW, {'lr': 0.1, 'weight_decay': 0.3, 'amsgrad': True}), (AdamW, {'lr': 0.1, 'maximize': True})):
    params = [grid(2, 3), grid(4)]
    grads = [[grid(2, 3) * s, None if k == 2 else grid(4) * s] for k, s in enumerate((1, 2, 0.5, 1, 0.25))]
    leaves = [torch.nn.Parameter(p.clone()) for p in params]
    optimizer = cls(leaves, **{k: tuple(v) if isinstance(v, list) else v for k, v in options.items()})
    steps = []
    for pair in grads:
        for leaf, g in zip(leaves, pair):
            leaf.grad = None if g is None else g.clone()
        optimizer.step()
        steps.append([encode(leaf) for leaf in leaves])
    optimizers.append({'optimizer': cls.__name__, 'options': js_options(options), 'params': [encode(p) for p in params],
                       'grads': [[encode(g) for g in pair] for pair in grads], 'steps': steps})

torch.set_default_dtype(torch.float32)

# Dropout: which elements stay, for a seed.
dropout = []
for p, shape, dtype in ((0.5, [3, 7], torch.float32), (0.2, [5, 4], torch.float32), (0.3, [17], torch.float64), (0.25, [2, 3, 4], torch.float64)):
    torch.manual_seed(11)
    x = torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape).to(dtype)
    y = F.dropout(x, p)
    dropout.append({'seed': 11, 'p': p, 'shape': shape, 'dtype': str(dtype)[6:], 'values': exact(y), 'next': exact(torch.rand(()))[0]})

# Loaders: the examples are their numbers.
loaders = []
for n, batch, shuffle, drop, own in ((10, 3, False, False, None), (10, 3, True, False, None), (10, 3, True, True, None), (7, 7, True, False, None),
                                     (10, 4, True, False, 5), (10, 4, False, True, 5), (3, 5, True, True, None), (1, 1, True, False, None)):
    torch.manual_seed(42)
    generator = None if own is None else torch.Generator().manual_seed(own)
    loader = DataLoader(TensorDataset(torch.arange(n)), batch_size=batch, shuffle=shuffle, drop_last=drop, generator=generator)
    passes = [[b[0].tolist() for b in loader] for _ in range(2)]
    loaders.append({'seed': 42, 'n': n, 'batchSize': batch, 'shuffle': shuffle, 'dropLast': drop, 'own': own, 'length': len(loader),
                    'passes': passes, 'next': exact(torch.rand(()))[0],
                    'ownNext': None if own is None else exact(torch.rand((), generator=generator))[0]})
splits = []
for n, lengths, own in ((10, [7, 3], None), (9, [2, 0, 7], None), (10, [5, 5], 3)):
    torch.manual_seed(42)
    generator = torch.default_generator if own is None else torch.Generator().manual_seed(own)
    parts = random_split(TensorDataset(torch.arange(n)), lengths, generator=generator)
    splits.append({'seed': 42, 'n': n, 'lengths': lengths, 'own': own, 'indices': [list(p.indices) for p in parts], 'next': exact(torch.rand(()))[0]})

# Initial values, bit for bit.
initial = []
I = torch.nn.init
for fn, args, options, f in (
        ('uniform_', [], None, I.uniform_), ('uniform_', [-2, 0.5], None, lambda t: I.uniform_(t, -2, 0.5)),
        ('normal_', [], None, I.normal_), ('normal_', [1, 0.25], None, lambda t: I.normal_(t, 1, 0.25)),
        ('constant_', [0.3], None, lambda t: I.constant_(t, 0.3)), ('zeros_', [], None, I.zeros_), ('ones_', [], None, I.ones_),
        ('eye_', [], None, I.eye_), ('dirac_', [], None, I.dirac_), ('dirac_', [2], None, lambda t: I.dirac_(t, 2)),
        ('xavierUniform_', [], None, I.xavier_uniform_), ('xavierUniform_', [2], None, lambda t: I.xavier_uniform_(t, 2)),
        ('xavierNormal_', [], None, I.xavier_normal_), ('kaimingUniform_', [], None, I.kaiming_uniform_),
        ('kaimingUniform_', [{'a': 0.3, 'mode': 'fan_out'}], None, lambda t: I.kaiming_uniform_(t, 0.3, 'fan_out')),
        ('kaimingNormal_', [{'nonlinearity': 'relu', 'mode': 'fan_out'}], None, lambda t: I.kaiming_normal_(t, mode='fan_out', nonlinearity='relu')),
        ('kaimingNormal_', [{'nonlinearity': 'selu'}], None, lambda t: I.kaiming_normal_(t, nonlinearity='selu'))):
    for dtype in (torch.float32, torch.float64):
        shapes = [[3, 5]] if fn == 'eye_' else [[4, 2, 3]] if fn == 'dirac_' else [[3, 4]] if dtype == torch.float64 else [[3, 4], [4, 3, 1, 2]]
        for shape in shapes:
            torch.manual_seed(7)
            t = f(torch.full(shape, 9.0, dtype=dtype))
            initial.append({'seed': 7, 'init': fn, 'args': args, 'dtype': str(dtype)[6:], 'shape': shape, 'values': exact(t),
                            'next': exact(torch.rand(()))[0]})
layers = []
for name, args, make in (('Linear', [7, 5], lambda d: N.Linear(7, 5, dtype=d)), ('Linear', [3, 2, {'bias': False}], lambda d: N.Linear(3, 2, bias=False, dtype=d)),
                         ('Linear', [64, 1], lambda d: N.Linear(64, 1, dtype=d)), ('BatchNorm2d', [3], lambda d: N.BatchNorm2d(3, dtype=d)),
                         ('PReLU', [2], lambda d: N.PReLU(2, dtype=d))):
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(3)
        m = make(dtype)
        layers.append({'seed': 3, 'module': name, 'args': args, 'dtype': str(dtype)[6:],
                       'state': {k: {'shape': list(v.shape), 'values': exact(v)} for k, v in m.state_dict().items()},
                       'next': exact(torch.rand(()))[0]})
gains = [[n, p, I.calculate_gain(n, p)] for n, p in (('linear', None), ('conv2d', None), ('sigmoid', None), ('tanh', None), ('relu', None),
                                                     ('leaky_relu', None), ('leaky_relu', 0.25), ('selu', None))]

# A small network trained from one seed: data, weights, order and dropout all come from its generator. No bias before the
# batch norm: its gradient is nothing but rounding, which Adam makes as large as any other.
training = []
for name, options in (('SGD', {'lr': 0.1, 'momentum': 0.9}), ('Adam', {'lr': 0.01}), ('AdamW', {'lr': 0.01})):
    torch.manual_seed(2024)
    images, labels = torch.randn(20, 1, 8, 9), torch.randint(0, 3, (20,))
    net = N.Sequential(N.Conv2d(1, 4, 3, padding=1, bias=False), N.BatchNorm2d(4), N.ReLU(), N.MaxPool2d(2), N.Conv2d(4, 5, 3, stride=2), N.GELU(),
                       N.Flatten(), N.Dropout(0.25), N.Linear(5, 3))
    optimizer = getattr(torch.optim, name)(net.parameters(), **options)
    losses = []
    for epoch in range(3):
        for x, y in DataLoader(TensorDataset(images, labels), batch_size=6, shuffle=True):
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            losses.append(short(loss.item()))
    net.eval()
    training.append({'seed': 2024, 'optimizer': name, 'options': js_options(options), 'losses': losses,
                     'logits': encode(net(images[:2])), 'next': exact(torch.rand(()))[0]})

# What is refused: the class and the text of the error, by a name that the test spells out.
errors = {}


def refuse(name, f):
    try:
        f()
        errors[name] = None
    except Exception as e:
        errors[name] = [type(e).__name__, e.args[0] if e.args and isinstance(e.args[0], str) else str(e)]


O = torch.ones
refuse('linear: inner sizes', lambda: F.linear(O(2, 3), O(4, 5)))
refuse('linear: inner sizes of a batch', lambda: F.linear(O(2, 3, 3), O(4, 5)))
refuse('matmul: inner sizes', lambda: O(2, 3) @ O(4, 5))
refuse('matmul: matrix and vector', lambda: O(2, 3) @ O(4))
refuse('matmul: vector and matrix', lambda: O(2) @ O(3, 4))
refuse('matmul: scalar', lambda: O(()) @ O(3))
refuse('matmul: batches', lambda: O(2, 3, 4) @ O(3, 4, 5))
refuse('matmul: inner sizes of batches', lambda: O(2, 3, 4) @ O(2, 5, 6))
refuse('mm: vector', lambda: torch.mm(O(2), O(2, 2)))
refuse('bmm: sizes', lambda: torch.bmm(O(2, 3, 4), O(2, 5, 6)))
refuse('dot: sizes', lambda: torch.dot(O(2), O(3)))
refuse('dot: dimensions', lambda: torch.dot(O(2, 2), O(3)))
refuse('mv: dimensions', lambda: torch.mv(O(2), O(3)))
refuse('max pool: kernel 0', lambda: F.max_pool2d(O(1, 1, 4, 4), 0))
refuse('max pool: stride 0', lambda: F.max_pool2d(O(1, 1, 4, 4), 2, stride=0))
refuse('max pool: padding beyond half', lambda: F.max_pool2d(O(1, 1, 4, 4), 2, padding=2))
refuse('max pool: negative padding', lambda: F.max_pool2d(O(1, 1, 4, 4), 2, padding=-1))
refuse('max pool: dilation 0', lambda: F.max_pool2d(O(1, 1, 4, 4), 2, dilation=0))
refuse('max pool: too small', lambda: F.max_pool2d(O(1, 2, 3, 4), 5))
refuse('max pool: 2-D input', lambda: F.max_pool2d(O(3, 4), 2))
refuse('max pool: no channels', lambda: F.max_pool2d(O(1, 0, 3, 4), 2))
refuse('max pool: three sizes', lambda: F.max_pool2d(O(1, 1, 3, 4), (1, 1, 1)))
refuse('max pool: integers', lambda: F.max_pool2d(torch.ones(1, 1, 4, 4, dtype=torch.int64), 2))
refuse('avg pool: kernel 0', lambda: F.avg_pool2d(O(1, 1, 4, 4), 0))
refuse('avg pool: stride 0', lambda: F.avg_pool2d(O(1, 1, 4, 4), 2, stride=0))
refuse('avg pool: padding beyond half', lambda: F.avg_pool2d(O(1, 1, 4, 4), 2, padding=2))
refuse('avg pool: divisor 0', lambda: F.avg_pool2d(O(1, 1, 4, 4), 2, divisor_override=0))
refuse('avg pool: 2-D input', lambda: F.avg_pool2d(O(3, 4), 2))
refuse('avg pool: integers', lambda: F.avg_pool2d(torch.ones(1, 1, 4, 4, dtype=torch.int64), 2))
refuse('adaptive pool: 2-D input', lambda: F.adaptive_avg_pool2d(O(3, 4), 2))
refuse('adaptive pool: negative', lambda: F.adaptive_avg_pool2d(O(1, 3, 4, 4), -1))
refuse('pad: odd', lambda: F.pad(O(2, 3), (1,)))
refuse('pad: too many', lambda: F.pad(O(3), (1, 1, 1, 1)))
refuse('pad: negative result', lambda: F.pad(O(2, 3), (-2, -2)))
refuse('pad: reflect beyond', lambda: F.pad(O(1, 2, 3, 4), (4, 0, 0, 0), 'reflect'))
refuse('pad: circular beyond', lambda: F.pad(O(1, 2, 3, 4), (5, 0, 0, 0), 'circular'))
refuse('pad: reflect of 2 axes of 2-D', lambda: F.pad(O(3, 4), (1, 1, 1, 1), 'reflect'))
refuse('batch norm: 2-D input', lambda: N.BatchNorm2d(3)(O(2, 3)))
refuse('batch norm: channels', lambda: N.BatchNorm2d(3)(O(2, 4, 2, 2)))
refuse('batch norm: one value', lambda: N.BatchNorm2d(3)(O(1, 3, 1, 1)))
refuse('batch norm: weight', lambda: F.batch_norm(O(2, 3), None, None, weight=O(4), training=True))
refuse('dropout: p', lambda: N.Dropout(1.5))
refuse('sum: axis', lambda: O(2, 3).sum(2))
refuse('sum: axis twice', lambda: O(2, 3).sum([0, -2]))
refuse('mean: integers', lambda: torch.ones(2, dtype=torch.int64).mean())
refuse('max: empty', lambda: O(0).max())
refuse('max: empty axis', lambda: O(0, 3).max(0))
refuse('amax: empty axis', lambda: O(0, 3).amax(0))
refuse('amax: empty', lambda: O(0, 3).amax())
refuse('argmax: empty', lambda: O(0).argmax())
refuse('argmax: empty axis', lambda: O(0, 3).argmax(0))
refuse('softmax: axis', lambda: O(2, 3).softmax(2))
refuse('softmax: integers', lambda: torch.ones(2, dtype=torch.int64).softmax(0))
refuse('std: integers', lambda: torch.ones(2, dtype=torch.int64).std())
refuse('norm: integers', lambda: torch.ones(2, dtype=torch.int64).norm())
refuse('index select: out of range', lambda: O(2, 3).index_select(1, torch.tensor([3])))
refuse('index select: matrix', lambda: O(2, 3).index_select(1, torch.tensor([[1]])))
refuse('gather: dimensions', lambda: O(2, 3).gather(1, torch.tensor([1])))
refuse('gather: sizes', lambda: O(2, 3).gather(1, torch.zeros(3, 1, dtype=torch.int64)))
refuse('gather: out of range', lambda: O(2, 3).gather(1, torch.tensor([[3]])))
refuse('gather: dtype', lambda: O(2, 3).gather(1, O(1, 1)))
refuse('scatterAdd: dtype', lambda: O(2, 3).scatter_add(1, torch.tensor([[1]]), O(1, 1, dtype=torch.float64)))
refuse('scatterAdd: source', lambda: O(2, 3).scatter_add(1, torch.tensor([[1, 1]]), O(1, 1)))
refuse('index: too many', lambda: O(2, 3)[0, 0, 0])
refuse('index: out of range', lambda: O(2, 3)[0, 3])
refuse('index: tensor out of range', lambda: O(2, 3)[torch.tensor([2])])
refuse('index: negative out of range', lambda: O(2, 3)[torch.tensor([-3])])
refuse('index: float tensor', lambda: O(2, 3)[O(1)])
refuse('index: mask', lambda: O(2, 3)[torch.tensor([True, False, True])])
refuse('index: shapes', lambda: O(4, 5)[torch.tensor([0, 1]), torch.tensor([0, 1, 2])])
refuse('maskedSelect: mask', lambda: O(2, 3).masked_select(O(2, 3)))
refuse('cat: nothing', lambda: torch.cat([]))
refuse('cat: sizes', lambda: torch.cat([O(2, 3), O(2, 4)]))
refuse('cat: dimensions', lambda: torch.cat([O(2, 3), O(2)]))
refuse('cat: scalar', lambda: torch.cat([O(()), O(2)]))
refuse('stack: sizes', lambda: torch.stack([O(2, 3), O(2, 4)]))
refuse('split: sum', lambda: O(5).split([2, 2]))
refuse('split: zero', lambda: O(5).split(0))
refuse('chunk: zero', lambda: O(5).chunk(0))
refuse('view: strides', lambda: O(2, 3).t().view(6))
refuse('view: size', lambda: O(2, 3).view(4))
refuse('view: two unknown', lambda: O(2, 3).view(-1, -1))
refuse('expand: size', lambda: O(2, 3).expand(4, 3))
refuse('expand: fewer', lambda: O(2, 3).expand(3))
refuse('expand: new axis', lambda: O(3).expand(-1, 3))
refuse('permute: count', lambda: O(2, 3).permute(0))
refuse('permute: twice', lambda: O(2, 3).permute(0, 0))
refuse('select: out of range', lambda: O(2, 3).select(1, 3))
refuse('narrow: beyond', lambda: O(2, 3).narrow(1, 2, 2))
refuse('repeat: fewer', lambda: O(2, 3).repeat(2))
refuse('nll: out of range', lambda: F.nll_loss(O(2, 3), torch.tensor([0, 3])))
refuse('nll: batch', lambda: F.nll_loss(O(2, 3), torch.tensor([0, 1, 2])))
refuse('nll: target size', lambda: F.nll_loss(O(2, 3, 4), torch.zeros(2, 5, dtype=torch.int64)))
refuse('nll: weight', lambda: F.nll_loss(O(2, 3), torch.tensor([0, 1]), weight=O(4)))
refuse('nll: float target', lambda: F.nll_loss(O(2, 3), O(2)))
refuse('cross entropy: smoothing', lambda: F.cross_entropy(O(2, 3), torch.tensor([0, 1]), label_smoothing=1.5))
refuse('cross entropy: batch', lambda: F.cross_entropy(O(2, 3), torch.tensor([0, 1, 2])))
refuse('bce: size', lambda: F.binary_cross_entropy(O(2, 3), O(2)))
refuse('bce with logits: size', lambda: F.binary_cross_entropy_with_logits(O(2, 3), O(2)))
refuse('bce: beyond 1', lambda: F.binary_cross_entropy(O(2) * 2, O(2)))
refuse('mse: reduction', lambda: F.mse_loss(O(2), O(2), reduction='foo'))
refuse('init: fan', lambda: I.xavier_uniform_(O(3)))
refuse('init: eye', lambda: I.eye_(O(3)))
refuse('init: dirac', lambda: I.dirac_(O(3, 3)))
refuse('init: dirac groups', lambda: I.dirac_(O(3, 3, 3), 2))
refuse('init: nonlinearity', lambda: I.calculate_gain('foo'))
P = torch.nn.Parameter(O(2))
refuse('SGD: nothing', lambda: SGD([], lr=0.1))
refuse('SGD: lr', lambda: SGD([P], lr=-1))
refuse('SGD: momentum', lambda: SGD([P], lr=0.1, momentum=-0.5))
refuse('SGD: weight decay', lambda: SGD([P], lr=0.1, weight_decay=-0.5))
refuse('SGD: nesterov', lambda: SGD([P], lr=0.1, nesterov=True))
refuse('SGD: twice in groups', lambda: SGD([{'params': [P]}, {'params': [P]}], lr=0.1))
refuse('SGD: non-leaf', lambda: SGD([P * 2], lr=0.1))
refuse('Adam: lr', lambda: Adam([P], lr=-1))
refuse('Adam: eps', lambda: Adam([P], eps=-1))
refuse('Adam: beta', lambda: Adam([P], betas=(0.5, 1.0)))
refuse('DataLoader: batch', lambda: DataLoader(TensorDataset(O(2)), batch_size=0))
refuse('randomSplit: sum', lambda: random_split(TensorDataset(O(5)), [2, 2]))

out = {'calls': calls, 'modules': modules, 'optimizers': optimizers, 'dropout': dropout, 'loaders': loaders, 'splits': splits,
       'initial': initial, 'layers': layers, 'gains': gains, 'training': training, 'errors': errors}
with open(os.path.join(HERE, 'nn.json'), 'w') as file:
    file.write('{\n')
    for k, (key, value) in enumerate(out.items()):
        items = value.items() if isinstance(value, dict) else value
        lines = [json.dumps(x, separators=(',', ':'), ensure_ascii=False) for x in items] if not isinstance(value, dict) else [
            json.dumps(a) + ':' + json.dumps(b, ensure_ascii=False) for a, b in items]
        open_, close = ('{', '}') if isinstance(value, dict) else ('[', ']')
        file.write(f'"{key}":{open_}\n' + ',\n'.join(lines) + f'\n{close}' + (',\n' if k < len(out) - 1 else '\n'))
    file.write('}\n')
