import { describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn } from '../../src/index.ts';
import { conv2dOf, type PythonConv2dArgs } from '../golden/conv2d-args.ts';
import { goldenJson, goldenTensor, type GoldenRef } from '../golden/golden.ts';

type FloatRef = GoldenRef<'float32'> | GoldenRef<'float64'>;

describe("Conv2d starts with PyTorch's weights, bit for bit", () => {
  interface Init {
    readonly cases: readonly {
      readonly seed: string;
      readonly dtype: 'float32' | 'float64';
      readonly args: PythonConv2dArgs;
      readonly weight: FloatRef;
      readonly bias: FloatRef | null;
    }[];
    readonly sequence: {
      readonly seed: string;
      readonly modules: readonly PythonConv2dArgs[];
      readonly tensors: Readonly<Record<string, GoldenRef<'float32'>>>;
      readonly after_reset_parameters_of_first: Readonly<Record<'weight' | 'bias', GoldenRef<'float32'>>>;
      readonly next_uniform: GoldenRef<'float32'>;
    };
  }
  const { cases, sequence } = goldenJson<Init>('init.json');

  it.each(cases.map((c) => [`seed ${c.seed} ${c.dtype} ${JSON.stringify(c.args)}`, c] as const))(
    '%s',
    (_, c) => {
      flow.manualSeed(BigInt(c.seed));
      const m = conv2dOf(c.args, c.dtype);
      expect(m.weight.shape).toEqual(c.weight.shape);
      expect(m.weight.toTypedArray()).toEqualBits(goldenTensor(c.weight));
      if (c.bias === null) expect(m.bias).toBeNull();
      else expect(m.bias!.toTypedArray()).toEqualBits(goldenTensor(c.bias));
    },
  );

  it('for several modules under one seed, a reset, and what is drawn after them', () => {
    flow.manualSeed(BigInt(sequence.seed));
    const modules = sequence.modules.map((args) => conv2dOf(args));
    const state = new nn.Sequential(...modules).stateDict();
    for (const [name, ref] of Object.entries(sequence.tensors)) {
      expect(state.get(name)!.toTypedArray()).toEqualBits(goldenTensor(ref));
    }
    modules[0]!.resetParameters();
    expect(modules[0]!.weight.toTypedArray()).toEqualBits(
      goldenTensor(sequence.after_reset_parameters_of_first.weight),
    );
    expect(modules[0]!.bias!.toTypedArray()).toEqualBits(
      goldenTensor(sequence.after_reset_parameters_of_first.bias),
    );
    const uniform = flow.rand(sequence.next_uniform.shape);
    expect(uniform.toTypedArray()).toEqualBits(goldenTensor(sequence.next_uniform));
  });
});

describe('Conv2d prints as in PyTorch', () => {
  const { conv2d } = goldenJson<{
    conv2d: readonly { args: PythonConv2dArgs; repr: string; extra_repr: string }[];
  }>('repr.json');
  it.each(conv2d.map((c) => [c.repr, c] as const))('%s', (_, c) => {
    const m = conv2dOf(c.args);
    expect(String(m)).toBe(c.repr);
    expect(m.extraRepr()).toBe(c.extra_repr);
  });
});
