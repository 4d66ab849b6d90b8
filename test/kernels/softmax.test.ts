import { beforeEach, describe, expect, it } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import { elementCount, type View } from '../../src/device/view.ts';
import type { DType } from '../../src/dtype.ts';
import { softmax, softmaxGrad } from '../../src/kernels/softmax.ts';
import { coordinates, flat } from './definitions.ts';
import { laidOut, randomIntegers, read, tensor, write, type Layout } from './tensors.ts';

const random = randomIntegers(23);

const filled = (dtype: DType, shape: readonly number[], layout: Layout = {}): View => {
  const view = laidOut(dtype, shape, layout);
  write(
    view,
    Array.from({ length: elementCount(shape) }, () => (random(1000) - 500) / 64),
  );
  return view;
};

/** f of all elements along an axis, at every place. */
const along = (
  shape: readonly number[],
  axis: number,
  f: (line: readonly number[], k: number) => number,
): number[] =>
  coordinates(shape).map((at) => {
    const line = Array.from({ length: shape[axis]! }, (_, k) => flat(shape, at.with(axis, k)));
    return f(line, at[axis]!);
  });

const forward = (x: readonly number[], shape: readonly number[], axis: number, log: boolean): number[] =>
  along(shape, axis, (line, k) => {
    const most = Math.max(...line.map((i) => x[i]!));
    const total = line.reduce((sum, i) => sum + Math.exp(x[i]! - most), 0);
    const shifted = x[line[k]!]! - most;
    return log ? shifted - Math.log(total) : Math.exp(shifted) / total;
  });

const backward = (
  g: readonly number[],
  out: readonly number[],
  shape: readonly number[],
  axis: number,
  log: boolean,
): number[] =>
  along(shape, axis, (line, k) => {
    const [own, its] = [g[line[k]!]!, out[line[k]!]!];
    if (log) return own - Math.exp(its) * line.reduce((sum, i) => sum + g[i]!, 0);
    return its * (own - line.reduce((sum, i) => sum + g[i]! * out[i]!, 0));
  });

const tolerances: Readonly<Partial<Record<DType, { rtol: number; atol: number }>>> = {
  float64: { rtol: 1e-13, atol: 1e-14 },
  float32: { rtol: 4e-6, atol: 2e-6 },
  float16: { rtol: 2e-3, atol: 2e-2 },
  bfloat16: { rtol: 2e-2, atol: 2e-1 },
};

const agree = (
  dtype: DType,
  shape: readonly number[],
  axis: number,
  [inputLayout, outLayout]: readonly [Layout, Layout] = [{}, {}],
): void => {
  const tolerance = tolerances[dtype]!;
  for (const log of [false, true]) {
    const x = filled(dtype, shape, inputLayout);
    const out = laidOut(dtype, shape, outLayout);
    softmax(out, x, axis, log);
    const expected = forward(read(x).map(Number), shape, axis, log);
    expect(read(out).map(Number)).toBeAllclose(expected, tolerance);

    const grad = filled(dtype, shape, inputLayout);
    const gradInput = laidOut(dtype, shape, outLayout);
    softmaxGrad(gradInput, grad, out, axis, log);
    const grads = backward(read(grad).map(Number), read(out).map(Number), shape, axis, log);
    expect(read(gradInput).map(Number)).toBeAllclose(grads, tolerance);
  }
};

describe.each(availableTargets())('softmax on %s', (target) => {
  beforeEach(() => setTarget(target));

  it('agrees with the definition along rows and columns of awkward lengths', () => {
    for (const size of [1, 2, 3, 4, 5, 7, 8, 17, 33, 67]) {
      agree('float32', [3, size], 1);
      agree('float32', [size, 3], 0);
      agree('float64', [2, size, 5], 1);
      agree('float32', [3, size, 17], 1);
    }
  });

  it('takes every floating dtype', () => {
    for (const dtype of ['float64', 'float16', 'bfloat16'] as const) {
      agree(dtype, [3, 11], 1);
      agree(dtype, [11, 6], 0);
    }
  });

  it('takes gaps, offsets, repeated elements and any order of axes, and writes any strides', () => {
    for (const axis of [0, 1, 2]) {
      agree('float32', [4, 3, 5], axis, [{ gaps: [0, 1, 1], offset: 3 }, { order: [2, 0, 1] }]);
      agree('float32', [4, 3, 5], axis, [{ order: [2, 1, 0] }, { gaps: [1, 0, 0] }]);
      agree('float32', [4, 3, 5], axis, [{ repeated: [1] }, {}]);
    }
  });

  const rowOf = (values: readonly number[], log: boolean): number[] => {
    const out = tensor('float32', [1, values.length]);
    softmax(out, tensor('float32', [1, values.length], values), 1, log);
    return read(out).map(Number);
  };

  it('does not overflow', () => {
    expect(rowOf([1000, 1000], false)).toEqual([0.5, 0.5]);
    expect(rowOf([-1000, 0], false)).toEqual([0, 1]);
    expect(rowOf([-1000, 0], true)).toEqual([-1000, 0]);
  });

  it('treats infinities and NaN as PyTorch does', () => {
    expect(rowOf([-Infinity, 0, -Infinity], false)).toEqual([0, 1, 0]);
    expect(rowOf([-Infinity, 0], true)).toEqual([-Infinity, 0]);
    for (const log of [false, true]) {
      for (const odd of [NaN, Infinity])
        expect(rowOf([1, 2, 3, 4, odd, 6], log)).toEqual(new Array(6).fill(NaN));
      expect(rowOf([-Infinity, -Infinity, -Infinity], log)).toEqual([NaN, NaN, NaN]);
    }
  });

  it('does nothing to tensors without elements', () => {
    for (const shape of [
      [0, 3],
      [3, 0],
    ]) {
      softmax(tensor('float32', shape), tensor('float32', shape), 1, false);
      softmaxGrad(tensor('float32', shape), tensor('float32', shape), tensor('float32', shape), 1, true);
    }
  });
});
