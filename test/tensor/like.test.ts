import { describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Layouts, and the strides that PyTorch 1.13 gives what is made like them. */
const layouts: readonly [name: string, x: () => Tensor, strides: readonly number[]][] = [
  ['row-major', () => flow.zeros([2, 3, 4]), [12, 4, 1]],
  ['transposed', () => flow.zeros([2, 3, 8]).transpose(0, 2), [1, 8, 24]],
  ['transposed with gaps', () => flow.zeros([2, 3, 8]).transpose(0, 2).slice(0, 0, 8, 2), [1, 4, 12]],
  ['channels-last', () => flow.zeros([2, 3, 4, 5]).to({ memoryFormat: 'channels_last' }), [60, 1, 15, 3]],
  [
    'some of the channels of channels-last',
    () => flow.zeros([2, 3, 4, 5]).to({ memoryFormat: 'channels_last' }).narrow(1, 0, 2),
    [40, 1, 10, 2],
  ],
  ['every second column', () => flow.zeros([2, 3, 4, 5]).slice(3, 0, 5, 2), [36, 12, 3, 1]],
  ['expanded', () => flow.zeros([3, 1]).expand([3, 4]), [4, 1]],
  ['expanded, then transposed', () => flow.zeros([2, 3, 1]).expand([2, 3, 4]).transpose(0, 2), [6, 1, 3]],
];

describe.each(layouts)('What is made like a %s tensor', (_, make, strides) => {
  it('keeps the order of the axes in memory, without gaps', () => {
    const x = make();
    const makers = [
      flow.emptyLike,
      flow.zerosLike,
      flow.onesLike,
      (y: Tensor) => flow.fullLike(y, 2),
      flow.randLike,
      (y: Tensor) => y.clone(),
      (y: Tensor) => y.add(1),
      (y: Tensor) => y.to('float64'),
    ];
    expect(makers.map((f) => f(x).strides)).toEqual(makers.map(() => strides));
  });

  it('is row-major when that is asked for', () => {
    const y = flow.zerosLike(make(), { memoryFormat: 'contiguous_format' });
    expect(y.isContiguous()).toBe(true);
    expect(flow.equal(y, flow.zeros(y.shape))).toBe(true);
  });
});

it('emptyLike takes a memory format, a dtype and whether gradients are wanted', () => {
  const x = flow.zeros([2, 3, 4, 5]);
  const y = flow.emptyLike(x, { memoryFormat: 'channels_last', dtype: 'bfloat16', requiresGrad: true });
  expect([y.strides, y.dtype, y.requiresGrad]).toEqual([[60, 1, 15, 3], 'bfloat16', true]);
  expect(() => flow.emptyLike(flow.zeros([3]), { memoryFormat: 'channels_last' })).toThrow(
    'required rank 4 tensor to use channels_last format',
  );
});

it('full refuses what its dtype cannot hold, as PyTorch does', () => {
  expect(() => flow.full([2], 1e6, { dtype: 'float16' })).toThrow(
    'value cannot be converted to type at::Half without overflow',
  );
  expect(flow.full([1], Infinity, { dtype: 'float16' }).item()).toBe(Infinity);
});
