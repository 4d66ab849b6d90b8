import { afterAll, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { autograd, nn, type Tensor } from '../../src/index.ts';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import { conv2dOf, type PythonConv2dArgs } from '../golden/conv2d-args.ts';
import { goldenJson, goldenTensor, type GoldenRef } from '../golden/golden.ts';

type FloatRef = GoldenRef<'float32'> | GoldenRef<'float64'>;
type Table = Readonly<Record<string, FloatRef | null>>;

interface Case {
  readonly name: string;
  readonly dtype: 'float32' | 'float64';
  readonly values: 'normal' | 'integers';
  readonly args: PythonConv2dArgs;
  readonly input: FloatRef;
  readonly weight: FloatRef;
  readonly bias: FloatRef | null;
  readonly grad_output: FloatRef;
  readonly output: FloatRef;
  readonly first: Table;
  readonly vectors: Table;
  readonly second: Table;
}

const { cases } = goldenJson<{ cases: readonly Case[] }>('double_backward.json');
const load = (ref: FloatRef): Tensor => flow.tensor(goldenTensor(ref), { shape: ref.shape });

describe.each(availableTargets())("Second derivatives of Conv2d on %s are PyTorch's", (target) => {
  afterAll(() => {
    setTarget('wasm');
  });

  it.each(cases.map((c) => [c.name, c] as const))('%s', (_, c) => {
    setTarget(target);
    const m = conv2dOf(c.args, c.dtype);
    m.weight = new nn.Parameter(load(c.weight));
    if (c.bias) m.bias = new nn.Parameter(load(c.bias));
    const operands = {
      input: load(c.input).requiresGrad_(),
      weight: m.weight,
      ...(m.bias ? { bias: m.bias } : {}),
    };
    const gradOutput = load(c.grad_output).requiresGrad_();
    const expectSame = (actual: Tensor | null, golden: FloatRef): void => {
      expect(actual).not.toBeNull();
      expect(actual!.shape).toEqual(golden.shape);
      const reference = Float64Array.from(goldenTensor(golden));
      const largest = reference.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const atol = c.values === 'integers' ? 0 : 1e-13 * largest + 1e-30;
      expect(actual!.detach().toTypedArray()).toBeAllclose(reference, { rtol: 0, atol });
    };

    const y = m(operands.input);
    expectSame(y, c.output);
    const names = Object.keys(operands);
    const first = autograd.grad(y, Object.values(operands), { gradOutputs: gradOutput, createGraph: true });
    names.forEach((name, k) => {
      expectSame(first[k]!, c.first[name]!);
    });
    const terms = names.flatMap((name, k) =>
      c.vectors[name] ? [first[k]!.mul(load(c.vectors[name])).sum()] : [],
    );
    const total = terms.reduce((sum, term) => sum.add(term));
    const variables = { ...operands, grad_output: gradOutput };
    const second = autograd.grad(total, Object.values(variables), { allowUnused: true });
    Object.keys(variables).forEach((name, k) => {
      const golden = c.second[name];
      if (golden === null || golden === undefined) expect(second[k]).toBeNull();
      else expectSame(second[k]!, golden);
    });
  });
});
