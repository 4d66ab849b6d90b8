/** By which algorithm a convolution is computed. */
import { afterAll, describe, expect, it } from 'vitest';
import type { ConvGeometry } from '../../src/device/backend.ts';
import { availableTargets, currentTarget, setTarget } from '../../src/device/target.ts';
import { elementCount, type View } from '../../src/device/view.ts';
import { chooseCorrelation, inOrder, withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { estimates } from '../../src/kernels/conv/estimate.ts';
import { forward } from '../../src/kernels/conv/forward.ts';
import { conv2d } from '../../src/kernels/conv/index.ts';
import { outputShape } from '../reference/conv2d.ts';
import { cases } from './conv-cases.ts';
import { laidOut, randomIntegers, read, tensor } from './tensors.ts';

const before = currentTarget().name;
afterAll(() => {
  setTarget(before);
});

interface Layer {
  readonly images?: number;
  readonly channels: number;
  readonly outs?: number;
  readonly size: number;
  readonly taps: number;
  readonly stride?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

const chosen = (layer: Layer, threads: number): Algorithm => {
  const { images = 1, channels, outs = channels, size, taps, stride = 1, dilation = 1, groups = 1 } = layer;
  const pad = Math.floor((dilation * (taps - 1)) / 2);
  const outSize = Math.floor((size + 2 * pad - dilation * (taps - 1) - 1) / stride) + 1;
  const geometry: ConvGeometry = {
    stride: [stride, stride],
    dilation: [dilation, dilation],
    padding: [
      [pad, pad],
      [pad, pad],
    ],
    groups,
  };
  const view = (...shape: number[]) => laidOut('float32', shape, {});
  const correlation = forward(
    view(images, outs, outSize, outSize),
    view(images, channels, size, size),
    view(outs, channels / groups, taps, taps),
    null,
    geometry,
  );
  return chooseCorrelation(currentTarget().machine, correlation, threads);
};

const NONE = [
  [0, 0],
  [0, 0],
] as const;

/** Numbers whose sums are rounded. */
const noise = (seed: number, count: number): number[] => {
  const below = randomIntegers(seed);
  return Array.from({ length: count }, () => below(2 ** 20) / 2 ** 19 - 1);
};

describe.each(availableTargets())('on %s', (target) => {
  it('threads decide among algorithms that give the same bits', () => {
    setTarget(target);
    for (const { name, input, outs, kernel, groups = 1, ...test } of cases) {
      // With more channels all can be shared among threads, and so they do not decide.
      if (input[1] > groups) continue;
      const geometry: ConvGeometry = { stride: [1, 1], dilation: [1, 1], padding: NONE, groups, ...test };
      const [x, w, bias] = [input, [outs, input[1] / groups, ...kernel], [outs]].map((shape, k) =>
        tensor('float32', shape, noise(k, elementCount(shape))),
      ) as [View, View, View];
      const out = tensor('float32', outputShape(x.shape, w.shape, geometry));
      const able = estimates(currentTarget().machine, forward(out, x, w, bias, geometry));
      const results = [...inOrder].map((algorithm) => {
        if (!able.has(algorithm)) return null;
        withAlgorithm(algorithm, () => conv2d(out, x, w, bias, geometry));
        return read(out);
      });
      for (const [k, result] of results.entries())
        if (result !== null) expect(result, `${name}, ${[...inOrder][k]!}`).toEqual(results[0]);
    }
  });

  it('threads decide nothing else', () => {
    setTarget(target);
    for (const channels of [1, 3, 16, 64])
      for (const size of [7, 56])
        for (const taps of [1, 3, 5])
          for (const groups of [1, channels]) {
            const layer = { channels, size, taps, groups };
            const [one, many] = [chosen(layer, 1), chosen(layer, 16)];
            if (one !== many) expect([inOrder.has(one), inOrder.has(many)]).toEqual([true, true]);
          }
  });
});

describe('chooses by', () => {
  it('the size of planes: small ones, of many channels, with lanes on channels', () => {
    setTarget('wasm');
    const layer = { channels: 960, taps: 5, groups: 960 };
    expect(chosen({ ...layer, size: 7 }, 1)).toBe('across');
    expect(chosen({ channels: 16, taps: 3, groups: 16, size: 112 }, 1)).toBe('depthwise');
  });

  it('threads: one plane keeps only one of them busy', () => {
    setTarget('wasm');
    const layer = { channels: 1, size: 256, taps: 5 };
    expect(chosen(layer, 1)).toBe('depthwise');
    expect(chosen(layer, 4)).toBe('direct');
  });

  it('what a dilation leaves of tiles', () => {
    setTarget('wasm');
    const layer = { channels: 256, size: 33, taps: 3 };
    expect(chosen({ ...layer, dilation: 1 }, 1)).toMatch('winograd');
    expect(chosen({ ...layer, dilation: 31 }, 1)).not.toMatch('winograd');
  });
});
