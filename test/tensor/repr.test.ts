import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { availableTargets, setTarget } from '../../src/device/target.ts';
import type { DType } from '../../src/dtype.ts';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';
import { goldenJson } from '../golden/golden.ts';

type Stored = number | boolean | 'nan' | 'inf' | '-inf';
interface Case {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Null where they are 0, 1, 2, … */
  readonly values: readonly Stored[] | null;
  readonly requires_grad: boolean;
  readonly repr: string;
}
const { tensors } = goldenJson<{ tensors: readonly Case[] }>('repr.json');
const special: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, '-inf': -Infinity };

const make = ({ name, dtype, shape, values, requires_grad }: Case): Tensor => {
  const count = shape.reduce((product, size) => product * size, 1);
  const numbers = (values ?? Array.from({ length: count }, (_, k) => k)).map((value) =>
    typeof value === 'string' ? special[value]! : Number(value),
  );
  const tensor = flow.tensor(Float64Array.from(numbers), { shape }).to(dtype);
  if (name === 'parameter') return new nn.Parameter(tensor);
  if (name === 'grad_fn') return tensor.div(2).requiresGrad_().mul(2);
  return requires_grad ? tensor.requiresGrad_() : tensor;
};

describe.each(availableTargets())('a tensor on %s prints as in PyTorch', (target) => {
  beforeAll(() => setTarget(target));
  afterAll(() => setTarget('wasm'));

  it.each(tensors.map((c) => [c.name, c] as const))('%s', (_, c) => {
    expect(String(make(c))).toBe(c.repr);
  });
});
