import { describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { data, nn, optim, type DType, type Tensor } from '../../src/index.ts';
import { golden } from '../golden/nn.ts';

const F = nn.functional;
const O = (...shape: number[]): Tensor => flow.ones(shape);
const ints = (...values: number[]): Tensor => flow.tensor(values, { dtype: 'int64' });
const of = (shape: readonly number[], dtype: DType): Tensor => flow.ones(shape, { dtype });
const any = (value: unknown): never => value as never;
const parameter = new nn.Parameter(O(2));
const one = (t: Tensor): Tensor => t.reshape([1, -1]);

/** The calls that make_nn.py names. */
const calls: Readonly<Record<string, () => unknown>> = {
  'linear: inner sizes': () => F.linear(O(2, 3), O(4, 5)),
  'linear: inner sizes of a batch': () => F.linear(O(2, 3, 3), O(4, 5)),
  'matmul: inner sizes': () => O(2, 3).matmul(O(4, 5)),
  'matmul: matrix and vector': () => O(2, 3).matmul(O(4)),
  'matmul: vector and matrix': () => O(2).matmul(O(3, 4)),
  'matmul: scalar': () => O().matmul(O(3)),
  'matmul: batches': () => O(2, 3, 4).matmul(O(3, 4, 5)),
  'matmul: inner sizes of batches': () => O(2, 3, 4).matmul(O(2, 5, 6)),
  'mm: vector': () => O(2).mm(O(2, 2)),
  'bmm: sizes': () => O(2, 3, 4).bmm(O(2, 5, 6)),
  'dot: sizes': () => O(2).dot(O(3)),
  'dot: dimensions': () => O(2, 2).dot(O(3)),
  'mv: dimensions': () => O(2).mv(O(3)),
  'max pool: kernel 0': () => F.maxPool2d(O(1, 1, 4, 4), 0),
  'max pool: stride 0': () => F.maxPool2d(O(1, 1, 4, 4), 2, { stride: 0 }),
  'max pool: padding beyond half': () => F.maxPool2d(O(1, 1, 4, 4), 2, { padding: 2 }),
  'max pool: negative padding': () => F.maxPool2d(O(1, 1, 4, 4), 2, { padding: -1 }),
  'max pool: dilation 0': () => F.maxPool2d(O(1, 1, 4, 4), 2, { dilation: 0 }),
  'max pool: too small': () => F.maxPool2d(O(1, 2, 3, 4), 5),
  'max pool: 2-D input': () => F.maxPool2d(O(3, 4), 2),
  'max pool: no channels': () => F.maxPool2d(O(1, 0, 3, 4), 2),
  'max pool: three sizes': () => F.maxPool2d(O(1, 1, 3, 4), [1, 1, 1]),
  'max pool: integers': () => F.maxPool2d(of([1, 1, 4, 4], 'int64'), 2),
  'avg pool: kernel 0': () => F.avgPool2d(O(1, 1, 4, 4), 0),
  'avg pool: stride 0': () => F.avgPool2d(O(1, 1, 4, 4), 2, { stride: 0 }),
  'avg pool: padding beyond half': () => F.avgPool2d(O(1, 1, 4, 4), 2, { padding: 2 }),
  'avg pool: divisor 0': () => F.avgPool2d(O(1, 1, 4, 4), 2, { divisorOverride: 0 }),
  'adaptive pool: 2-D input': () => F.adaptiveAvgPool2d(O(3, 4), 2),
  'adaptive pool: negative': () => F.adaptiveAvgPool2d(O(1, 3, 4, 4), -1),
  'pad: odd': () => F.pad(O(2, 3), [1]),
  'pad: too many': () => F.pad(O(3), [1, 1, 1, 1]),
  'pad: reflect beyond': () => F.pad(O(1, 2, 3, 4), [4, 0, 0, 0], 'reflect'),
  'pad: circular beyond': () => F.pad(O(1, 2, 3, 4), [5, 0, 0, 0], 'circular'),
  'pad: reflect of 2 axes of 2-D': () => F.pad(O(3, 4), [1, 1, 1, 1], 'reflect'),
  'batch norm: 2-D input': () => new nn.BatchNorm2d(3)(O(2, 3)),
  'batch norm: channels': () => new nn.BatchNorm2d(3)(O(2, 4, 2, 2)),
  'batch norm: one value': () => new nn.BatchNorm2d(3)(O(1, 3, 1, 1)),
  'batch norm: weight': () => F.batchNorm(O(2, 3), null, null, { weight: O(4), training: true }),
  'dropout: p': () => new nn.Dropout(1.5),
  'sum: axis': () => O(2, 3).sum(2),
  'sum: axis twice': () => O(2, 3).sum([0, -2]),
  'mean: integers': () => of([2], 'int64').mean(),
  'max: empty': () => O(0).max(),
  'max: empty axis': () => O(0, 3).max(0),
  'amax: empty axis': () => O(0, 3).amax(0),
  'amax: empty': () => O(0, 3).amax(),
  'argmax: empty': () => O(0).argmax(),
  'argmax: empty axis': () => O(0, 3).argmax(0),
  'softmax: axis': () => O(2, 3).softmax(2),
  'softmax: integers': () => of([2], 'int64').softmax(0),
  'std: integers': () => of([2], 'int64').std(),
  'norm: integers': () => of([2], 'int64').norm(),
  'index select: matrix': () => O(2, 3).indexSelect(1, one(ints(1))),
  'gather: dimensions': () => O(2, 3).gather(1, ints(1)),
  'gather: sizes': () => O(2, 3).gather(1, of([3, 1], 'int64')),
  'gather: out of range': () => O(2, 3).gather(1, one(ints(3))),
  'gather: dtype': () => O(2, 3).gather(1, O(1, 1)),
  'scatterAdd: dtype': () => O(2, 3).scatterAdd(1, one(ints(1)), of([1, 1], 'float64')),
  'scatterAdd: source': () => O(2, 3).scatterAdd(1, one(ints(1, 1)), O(1, 1)),
  'index: too many': () => O(2, 3).index(0, 0, 0),
  'index: out of range': () => O(2, 3).index(0, 3),
  'index: tensor out of range': () => O(2, 3).index(ints(2)),
  'index: negative out of range': () => O(2, 3).index(ints(-3)),
  'index: float tensor': () => O(2, 3).index(O(1)),
  'index: mask': () => O(2, 3).index(flow.tensor([true, false, true])),
  'index: shapes': () => O(4, 5).index(ints(0, 1), ints(0, 1, 2)),
  'maskedSelect: mask': () => O(2, 3).maskedSelect(O(2, 3)),
  'cat: nothing': () => flow.cat([]),
  'cat: sizes': () => flow.cat([O(2, 3), O(2, 4)]),
  'cat: dimensions': () => flow.cat([O(2, 3), O(2)]),
  'cat: scalar': () => flow.cat([O(), O(2)]),
  'stack: sizes': () => flow.stack([O(2, 3), O(2, 4)]),
  'split: sum': () => O(5).split([2, 2]),
  'split: zero': () => O(5).split(0),
  'chunk: zero': () => O(5).chunk(0),
  'view: strides': () => O(2, 3).t().view(6),
  'view: size': () => O(2, 3).view(4),
  'view: two unknown': () => O(2, 3).view(-1, -1),
  'expand: size': () => O(2, 3).expand(4, 3),
  'expand: fewer': () => O(2, 3).expand(3),
  'expand: new axis': () => O(3).expand(-1, 3),
  'permute: count': () => O(2, 3).permute(0),
  'permute: twice': () => O(2, 3).permute(0, 0),
  'select: out of range': () => O(2, 3).select(1, 3),
  'narrow: beyond': () => O(2, 3).narrow(1, 2, 2),
  'repeat: fewer': () => O(2, 3).repeat(2),
  'nll: out of range': () => F.nllLoss(O(2, 3), ints(0, 3)),
  'nll: batch': () => F.nllLoss(O(2, 3), ints(0, 1, 2)),
  'nll: target size': () => F.nllLoss(O(2, 3, 4), of([2, 5], 'int64')),
  'nll: weight': () => F.nllLoss(O(2, 3), ints(0, 1), { weight: O(4) }),
  'nll: float target': () => F.nllLoss(O(2, 3), O(2)),
  'cross entropy: smoothing': () => F.crossEntropy(O(2, 3), ints(0, 1), { labelSmoothing: 1.5 }),
  'cross entropy: batch': () => F.crossEntropy(O(2, 3), ints(0, 1, 2)),
  'bce: size': () => F.binaryCrossEntropy(O(2, 3), O(2)),
  'bce with logits: size': () => F.binaryCrossEntropyWithLogits(O(2, 3), O(2)),
  'bce: beyond 1': () => F.binaryCrossEntropy(O(2).mul(2), O(2)),
  'mse: reduction': () => F.mseLoss(O(2), O(2), { reduction: any('foo') }),
  'init: fan': () => nn.init.xavierUniform_(O(3)),
  'init: eye': () => nn.init.eye_(O(3)),
  'init: dirac': () => nn.init.dirac_(O(3, 3)),
  'init: dirac groups': () => nn.init.dirac_(O(3, 3, 3), 2),
  'init: nonlinearity': () => nn.init.calculateGain(any('foo')),
  'SGD: nothing': () => new optim.SGD([], { lr: 0.1 }),
  'SGD: lr': () => new optim.SGD([parameter], { lr: -1 }),
  'SGD: momentum': () => new optim.SGD([parameter], { lr: 0.1, momentum: -0.5 }),
  'SGD: weight decay': () => new optim.SGD([parameter], { lr: 0.1, weightDecay: -0.5 }),
  'SGD: nesterov': () => new optim.SGD([parameter], { lr: 0.1, nesterov: true }),
  'SGD: twice in groups': () =>
    new optim.SGD([{ params: [parameter] }, { params: [parameter] }], { lr: 0.1 }),
  'SGD: non-leaf': () => new optim.SGD([parameter.mul(2)], { lr: 0.1 }),
  'Adam: lr': () => new optim.Adam([parameter], { lr: -1 }),
  'Adam: eps': () => new optim.Adam([parameter], { eps: -1 }),
  'Adam: beta': () => new optim.Adam([parameter], { betas: [0.5, 1.0] }),
  'DataLoader: batch': () => new data.DataLoader(new data.TensorDataset(O(2)), { batchSize: 0 }),
};

/** Where we say something else, and why. */
const otherwise: Readonly<Record<string, string>> = {
  'avg pool: 2-D input': 'PyTorch stumbles over an axis that is not there',
  'avg pool: integers': 'PyTorch averages int64, and no other integers',
  'pad: negative result': 'PyTorch names the slice that it takes on the way',
  'index select: out of range': "PyTorch's text names neither function nor axis",
  'randomSplit: sum': 'we add the two numbers',
};

describe('functions, layers and optimizers refuse what PyTorch refuses, in its words', () => {
  it.each(Object.entries(calls))('%s', (name, call) => {
    const [kind, text] = golden.errors[name]!;
    let thrown: unknown;
    try {
      call();
    } catch (error) {
      thrown = error;
    }
    expect(thrown, 'nothing was thrown').toBeInstanceOf(Error);
    // JavaScript prints whole numbers without a point.
    expect([(thrown as Error).name, (thrown as Error).message]).toEqual([
      kind,
      text.replace(/(?<!and )1\.0/, '1'),
    ]);
  });

  it('every error that PyTorch told us of is here, or is known to be another', () => {
    expect([...Object.keys(calls), ...Object.keys(otherwise)].sort()).toEqual(
      Object.keys(golden.errors).sort(),
    );
  });

  it('and in other words', () => {
    expect(() => F.avgPool2d(O(3, 4), 2)).toThrow(flow.RuntimeError);
    expect(() => F.avgPool2d(of([1, 1, 4, 4], 'int32'), 2)).toThrow(flow.RuntimeError);
    expect(() => F.pad(O(2, 3), [-2, -2])).toThrow('resulted in a negative output size');
    expect(() => O(2, 3).indexSelect(1, ints(3))).toThrow(
      new flow.IndexError('index_select(): index 3 is out of bounds for dimension 1 with size 3'),
    );
    expect(() => data.randomSplit(new data.TensorDataset(O(5)), [2, 2])).toThrow(
      new flow.ValueError('Sum of input lengths does not equal the length of the input dataset! (4 and 5)'),
    );
  });
});
