/**
 * Conv2d of 16-bit floats, in all configurations and layouts of the golden data: result and gradients are those of
 * float64 on the same numbers, rounded once. PyTorch computes no float16 convolution on a CPU, and bfloat16 with more
 * roundings than one.
 */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { availableTargets, setTarget } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';
import { conv2dOf, type PythonConv2dArgs } from '../golden/conv2d-args.ts';
import { goldenJson, goldenTensor, type GoldenRef } from '../golden/golden.ts';
import { farFrom, halves, rounded, type Half } from './ulps.ts';

type FloatRef = GoldenRef<'float32'> | GoldenRef<'float64'>;
interface Case {
  readonly name: string;
  readonly layout: 'contiguous' | 'channels_last' | 'transposed_hw' | 'strided_slice' | 'expanded_batch';
  readonly args: PythonConv2dArgs;
  readonly input: FloatRef;
  readonly weight: FloatRef;
  readonly bias: FloatRef | null;
  readonly cotangent: FloatRef;
}
const { cases } = goldenJson<{ cases: readonly Case[] }>('conv2d.json');

/** The golden numbers rounded to a 16-bit float, in a tensor of that dtype or of float64. */
const load = (ref: FloatRef, half: Half, dtype: Half | 'float64'): Tensor =>
  flow.tensor(
    Float64Array.from(goldenTensor(ref), (x) => rounded(x, half)),
    { shape: ref.shape, dtype },
  );

const laidOut = (x: Tensor, layout: Case['layout']): Tensor => {
  if (x.ndim < 4) return x;
  if (layout === 'channels_last') return x.contiguous('channels_last');
  if (layout === 'transposed_hw') return x.transpose(2, 3).contiguous().transpose(2, 3);
  return x;
};

/** The result, and the gradients of Σ result · cotangent. */
const run = (c: Case, half: Half, dtype: Half | 'float64'): Record<string, Tensor> => {
  const conv = conv2dOf({ ...c.args, dtype });
  conv.weight = new nn.Parameter(load(c.weight, half, dtype));
  if (c.bias) conv.bias = new nn.Parameter(load(c.bias, half, dtype));
  const x = laidOut(load(c.input, half, dtype), c.layout).requiresGrad_();
  const y = conv(x);
  y.backward(load(c.cotangent, half, dtype));
  return {
    output: y.detach(),
    input: x.grad!,
    weight: conv.weight.grad!,
    ...(conv.bias && { bias: conv.bias.grad! }),
  };
};

describe.each(availableTargets())('Conv2d on %s', (target) => {
  beforeEach(() => setTarget(target));
  afterAll(() => setTarget('wasm'));

  // The interpreter takes every eighth.
  const some = cases.filter((_, k) => target !== 'interpret' || k % 8 === 0);
  it.each(some.map((c) => [c.name, c] as const))('%s, of 16-bit floats, is rounded once', (_, c) => {
    for (const half of halves) {
      const found = run(c, half, half);
      const exact = run(c, half, 'float64');
      for (const [name, y] of Object.entries(exact)) {
        expect(found[name]!.dtype).toBe(half);
        expect(farFrom(found[name]!, y, half), `${half} ${name}`).toEqual([]);
      }
    }
  });
});
