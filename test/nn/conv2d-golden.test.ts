import { afterAll, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';
import { withAlgorithm } from '../../src/kernels/conv/choose.ts';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import { conv2dOf, type PythonConv2dArgs } from '../golden/conv2d-args.ts';
import { goldenJson, goldenTensor, type GoldenRef } from '../golden/golden.ts';

type FloatRef = GoldenRef<'float32'> | GoldenRef<'float64'>;
type Operand = 'input' | 'weight' | 'bias';

interface Case {
  readonly name: string;
  readonly dtype: 'float32' | 'float64';
  readonly values: 'normal' | 'integers';
  readonly layout: 'contiguous' | 'channels_last' | 'transposed_hw' | 'strided_slice' | 'expanded_batch';
  readonly frozen: readonly Operand[];
  readonly args: PythonConv2dArgs;
  readonly input: FloatRef;
  readonly weight: FloatRef;
  readonly bias: FloatRef | null;
  readonly cotangent: FloatRef;
  readonly output: FloatRef;
  readonly grad: Readonly<Record<Operand, FloatRef | null>>;
  readonly output64?: FloatRef;
  readonly grad64?: Readonly<Record<Operand, FloatRef | null>>;
}

const { cases } = goldenJson<{ cases: readonly Case[] }>('conv2d.json');

const load = (ref: FloatRef): Tensor => flow.tensor(goldenTensor(ref), { shape: ref.shape });

/** The same values, laid out in memory as the case says. */
const laidOut = (x: Tensor, layout: Case['layout']): Tensor => {
  switch (layout) {
    case 'contiguous':
      return x;
    case 'channels_last':
      return x.contiguous('channels_last');
    case 'transposed_hw':
      return x.transpose(2, 3).contiguous().transpose(2, 3);
    case 'strided_slice': {
      const wide = flow.zeros(
        x.shape.map((size) => 2 * size + 1),
        { dtype: x.dtype },
      );
      let part: Tensor = wide;
      for (let axis = 0; axis < x.ndim; axis++) part = part.slice(axis, 1, undefined, 2);
      part.copy_(x);
      return part;
    }
    case 'expanded_batch':
      return x.narrow(0, 0, 1).expand(x.shape);
  }
};

/** Equal bits for integers; else PyTorch's own distance from float64, with a margin. */
const expectSame = (actual: Tensor, c: Case, exact: FloatRef, wide: FloatRef | null | undefined): void => {
  expect(actual.shape).toEqual(exact.shape);
  expect(actual.dtype).toBe(c.dtype);
  if (c.values === 'integers') {
    expect(actual.add(0).toTypedArray()).toEqualBits(load(exact).add(0).toTypedArray());
    return;
  }
  const reference = Float64Array.from(goldenTensor(wide ?? exact));
  const largest = reference.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const atol = (c.dtype === 'float32' ? 4e-6 : 1e-13) * largest + 1e-30;
  expect(actual.detach().toTypedArray()).toBeAllclose(reference, { rtol: 0, atol });
};

/** Runs a case, and compares everything that comes out. */
const check = (c: Case): void => {
  const m = conv2dOf(c.args, c.dtype);
  m.weight = new nn.Parameter(load(c.weight), !c.frozen.includes('weight'));
  if (c.bias) m.bias = new nn.Parameter(load(c.bias), !c.frozen.includes('bias'));
  const x = laidOut(load(c.input), c.layout).detach();
  if (!c.frozen.includes('input')) x.requiresGrad_();

  const y = m(x);
  expectSame(y, c, c.output, c.output64);
  if (!y.requiresGrad) return;
  y.backward(load(c.cotangent));
  const grads: Record<Operand, Tensor | null> = {
    input: x.grad,
    weight: m.weight.grad,
    bias: m.bias?.grad ?? null,
  };
  for (const operand of ['input', 'weight', 'bias'] as const) {
    const golden = c.grad[operand];
    if (golden === null) expect(grads[operand]).toBeNull();
    else expectSame(grads[operand]!, c, golden, c.grad64?.[operand]);
  }
};

afterAll(() => {
  setTarget('wasm');
});

const named = cases.map((c) => [`${c.name} ${c.dtype} ${c.values}`, c] as const);

describe.each(availableTargets())("Conv2d on %s has PyTorch's output and gradients", (target) => {
  it.each(named)('%s', (_, c) => {
    setTarget(target);
    check(c);
  });
});

describe("Conv2d has PyTorch's output and gradients by other algorithms, too", () => {
  it.each(named)("with precision 'highest': %s", (_, c) => {
    setTarget(availableTargets().at(-1)!);
    flow.setFloat32ConvPrecision('highest');
    try {
      check(c);
    } finally {
      flow.setFloat32ConvPrecision('high');
    }
  });

  it.each(named)('by tiles of 2 × 2 where they fit: %s', (_, c) => {
    setTarget(availableTargets().at(-1)!);
    withAlgorithm('winograd2', () => {
      check(c);
    });
  });

  it.each(named.filter(([, c]) => c.values === 'normal'))('by tiles of 4 × 4 where they fit: %s', (_, c) => {
    setTarget(availableTargets().at(-1)!);
    withAlgorithm('winograd4', () => {
      check(c);
    });
  });
});
