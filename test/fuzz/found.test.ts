import { afterAll, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';
import { setTarget, targetNames } from '../../src/device/target.ts';

const F = nn.functional;
const O = (...shape: number[]): Tensor => flow.ones(shape);
const wide = (...shape: number[]): Tensor => flow.ones(shape, { dtype: 'float64' });

describe('random programs found that PyTorch refuses', () => {
  const calls: Readonly<Record<string, readonly [call: () => unknown, text: string]>> = {
    'output channels that groups do not divide': [
      () => F.conv2d(O(1, 2, 4, 5), O(3, 1, 2, 2), null, { groups: 2 }),
      'Given groups=2, expected weight to be divisible by 2 at dimension 0, but got weight of size [[3, 1, 2, 2]] instead',
    ],
    'three strides where the padding is named': [
      () => F.conv2d(O(1, 2, 4, 5), O(3, 2, 2, 2), null, { stride: [1, 1, 1], padding: 'same' }),
      'stride cannot broadcast to 2 dimensions',
    ],
    'a padding without meaning, before the lengths of lists': [
      () => F.conv2d(O(1, 2, 4, 5), O(3, 2, 2, 2), null, { stride: [1, 1, 1], padding: 'foo' as never }),
      "Invalid padding string: 'foo'",
    ],
    'a weight of another dtype than input and bias': [
      () => F.conv2d(wide(1, 2, 4, 5), O(3, 2, 2, 2), wide(3)),
      'expected scalar type Double but found Float',
    ],
    'a kernel without columns': [
      () => F.conv2d(O(1, 2, 4, 5), O(3, 2, 2, 0)),
      'kernel size should be greater than zero, but got kernel_height: 2 kernel_width: 0',
    ],
    'a weight of two dimensions': [
      () => F.conv2d(O(1, 2, 4, 5), O(3, 2)),
      'weight should have at least three dimensions',
    ],
    'an edge to repeat that is not there': [
      () => new nn.Conv2d(2, 3, 2, { padding: 1, paddingMode: 'replicate' })(O(2, 0, 5)),
      'Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: [2, 0, 5]',
    ],
    'a mirror of nothing': [
      () => F.pad(O(2, 0, 5), [1, 1, 1, 1], 'reflect'),
      '3D or 4D (batch mode) tensor expected for input, but got: [ torch.FloatTensor{2,0,5} ]',
    ],
    'cropping more than there is': [
      () => F.pad(O(1, 3, 2, 2), [-2, -1, 0, 0], 'replicate'),
      'Trying to create tensor with negative dimension -1: [1, 3, 2, -1]',
    ],
    'batch normalisation in mixed dtypes': [
      () => new nn.BatchNorm2d(3).double()(O(2, 3, 4, 5)),
      'mixed dtype (CPU): expect parameter to have scalar type of Float',
    ],
    'running statistics that learn': [
      () => Object.assign(new nn.BatchNorm2d(3), { running_mean: new nn.Parameter(O(3)) })(O(2, 3, 4, 5)),
      "The function 'native_batch_norm' is not differentiable with respect to argument 'running_mean'. This input cannot have requires_grad True.",
    ],
    'a batch normalisation whose weight was deleted': [
      () => {
        const norm = new nn.BatchNorm2d(3);
        norm.deleteAttribute('weight');
        norm(O(2, 3, 4, 5));
      },
      "'BatchNorm2d' object has no attribute 'weight'",
    ],
  };
  it.each(Object.entries(calls))('%s', (_, [call, text]) => {
    expect(call).toThrow(expect.objectContaining({ message: text }) as Error);
  });

  it.each([
    ['rand', () => flow.rand([3, 2, 2, 2])],
    ['randLike', () => flow.randLike(O(3, 2, 2, 2))],
    ['bernoulli', () => flow.bernoulli(O(3, 2, 2, 2))],
  ] as const)('a weight changed since, but not by being drawn: %s', (_, drawn) => {
    const w = drawn();
    const y = F.conv2d(O(1, 2, 4, 5).requiresGrad_(), w);
    w.add_(1);
    expect(() => {
      y.sum().backward();
    }).toThrow('is at version 1; expected version 0 instead');
  });
});

describe('random programs found that PyTorch runs', () => {
  it('a view without elements may begin beyond its storage', () => {
    expect(wide(4, 0, 3, 2).select(0, 2).toTypedArray()).toEqual(new Float64Array());
  });

  it('a tensor without elements may be written, whatever its strides', () => {
    expect(flow.ones([0, 1]).expand(0, 2).add_(1).shape).toEqual([0, 2]);
  });

  it('cropping everything leaves an empty tensor', () => {
    expect(F.pad(O(1, 3, 2, 2), [-1, -1, 0, 0], 'circular').shape).toEqual([1, 3, 2, 0]);
  });

  it('a padding of one number pads the columns only, where the edges are not zeros', () => {
    const m = new nn.Conv2d(1, 1, 1, { padding: [2], paddingMode: 'replicate' });
    expect(m(O(1, 3, 4)).shape).toEqual([1, 3, 8]);
  });

  it('a bias of another dtype beside a named padding', () => {
    const y = F.conv2d(O(1, 1, 3, 4), O(2, 1, 1, 1), flow.tensor([1, 2]).to('float64'), { padding: 'same' });
    expect(y.dtype).toBe('float32');
    expect(y.sum([0, 2, 3]).tolist()).toEqual([24, 36]);
  });

  it('a module without weight in another memory format', () => {
    const m = new nn.Conv2d(2, 3, 2);
    m.registerParameter('weight', null);
    expect(m.to({ memoryFormat: 'channels_last' })).toBe(m);
  });
});

describe.each(targetNames)('products without depth on %s', (target) => {
  afterAll(() => {
    setTarget('wasm');
  });

  it('are zeros, of a batch as well, whose matrices begin behind the memory of none', () => {
    setTarget(target);
    for (const [m, n] of [
      [513, 1],
      [200, 130],
      [1, 7],
    ] as const)
      expect(flow.matmul(O(2, m, 0), O(2, 0, n)).toTypedArray()).toEqual(new Float32Array(2 * m * n));
  });
});

describe.each(targetNames)('planes of every second column on %s', (target) => {
  afterAll(() => {
    setTarget('wasm');
  });

  it('end in zeros, whatever stood in their place before', () => {
    setTarget(target);
    for (const dtype of ['float32', 'float64'] as const) {
      for (const width of [7, 15, 23, 31, 47]) {
        for (const padding of [1, 2, 3]) {
          const options = { stride: [1, 2], padding: [0, padding] };
          const weight = flow.ones([2, 1, 1, 3], { dtype });
          F.conv2d(flow.full([1, 1, 3, 64], 1000, { dtype }), weight, null, options);
          const sums = F.conv2d(flow.ones([1, 1, 1, width], { dtype }), weight, null, options);
          const inside = Array.from({ length: sums.shape[3]! }, (_, k) =>
            [0, 1, 2].filter((tap) => 2 * k + tap >= padding && 2 * k + tap < padding + width),
          );
          expect(sums.flatten().tolist()).toEqual([...inside, ...inside].map((taps) => taps.length));
        }
      }
    }
  });
});
