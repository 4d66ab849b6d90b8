/**
 * Every op with samples, on 16-bit floats: result and gradients are those of float64 on the same numbers, rounded once.
 * Where float32's own rounding tips the scale, or the order of a sum, the neighbour is as good.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { grad } from '../../src/autograd/backward.ts';
import { noGrad } from '../../src/autograd/mode.ts';
import { call, definedOps, type Inputs, type Op } from '../../src/autograd/op.ts';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import '../../src/index.ts';
import { tensor } from '../../src/tensor/create.ts';
import { toTypedArray } from '../../src/tensor/host.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { sampleTensor, uniforms } from '../ops/cases.ts';
import { halves, rounded, ulpsApart, type Half } from './ulps.ts';

type AnyOp = Op<Inputs, unknown>;
type Sample = NonNullable<AnyOp['samples']>[number];

const values = (x: Tensor): number[] => Array.from(toTypedArray(x.detach()), Number);

/** A sample's tensors with the numbers of a 16-bit float, as this dtype or as float64. */
const inputsOf = (sample: Sample, half: Half, dtype: Half | 'float64'): Record<string, Tensor | null> => {
  const random = uniforms(77);
  return Object.fromEntries(
    Object.entries(sample.inputs).map(([name, described]) => {
      if (described === null) return [name, null];
      const x = sampleTensor(described, random);
      if (!x.isFloatingPoint()) return [name, x];
      const numbers = Float64Array.from(values(x), (v) => rounded(v, half));
      return [name, tensor(numbers, { shape: x.shape, dtype, requiresGrad: true })];
    }),
  );
};

/** Parameters that name the result's dtype. */
const paramsOf = (params: unknown, dtype: string): unknown =>
  typeof params === 'object' && params !== null && 'dtype' in params ? { ...params, dtype } : params;

/** Numbers by name: `result`, and `gradient of x` for the inputs that have one. */
type Found = Record<string, number[]>;

const cotangentOf = (shape: readonly number[], half: Half, dtype: Half | 'float64'): Tensor => {
  const random = uniforms(5);
  const count = shape.reduce((n, size) => n * size, 1);
  const numbers = Float64Array.from({ length: count }, () => rounded(random() * 2 - 1, half));
  return tensor(numbers, { shape, dtype });
};

const differentiable = (inputs: Inputs): [string, Tensor][] =>
  Object.entries(inputs).filter((entry): entry is [string, Tensor] => entry[1]?.requiresGrad === true);

/** In 16 bits, through the tape. */
const computed = (op: AnyOp, sample: Sample, half: Half): Found => {
  const inputs = inputsOf(sample, half, half);
  const out = call(op, inputs, paramsOf(sample.params, half));
  expect(out.dtype).toBe(half);
  const named = differentiable(inputs);
  const grads = grad(
    out,
    named.map(([, x]) => x),
    { gradOutputs: cotangentOf(out.shape, half, half), allowUnused: true },
  );
  const found: Found = { result: values(out) };
  grads.forEach((g, k) => {
    if (g === null) return;
    expect(g.dtype).toBe(half);
    found[`gradient of ${named[k]![0]}`] = values(g);
  });
  return found;
};

/** In float64, by the op's rules; as in PyTorch, gradients that are made from the result know it as it was rounded. */
const defined = (op: AnyOp, sample: Sample, half: Half): Found =>
  noGrad(() => {
    const inputs = inputsOf(sample, half, 'float64');
    const params = paramsOf(sample.params, 'float64');
    const out = op.forward(inputs, params);
    const found: Found = { result: values(out) };
    const kept = tensor(
      values(out).map((x) => rounded(x, half)),
      { shape: out.shape, dtype: 'float64' },
    );
    const saved = { out: kept, ...inputs } as Inputs & { out: Tensor };
    const rules = op.backward!(cotangentOf(out.shape, half, 'float64'), saved, params, inputs as never);
    for (const [name, x] of differentiable(inputs)) {
      const g = rules[name]?.();
      if (g) found[`gradient of ${name}`] = values(g.sumToSize(x.shape));
    }
    return found;
  });

describe.each(availableTargets())('on %s', (target) => {
  beforeEach(() => setTarget(target));
  for (const half of halves) {
    for (const op of definedOps()) {
      if (op.backward === undefined) continue;
      op.samples?.forEach((sample, k) => {
        it(`${op.name} (${op.node}) of ${half} is rounded once, sample ${String(k)}`, () => {
          const found = computed(op, sample, half);
          const exact = defined(op, sample, half);
          const far = Object.entries(exact).flatMap(([name, numbers]) =>
            numbers.flatMap((x, i) => {
              const apart = ulpsApart(found[name]![i]!, x, half);
              return apart > 1
                ? [
                    `${name}[${String(i)}]: ${String(found[name]![i])}, not ${String(x)}: ${String(apart)} apart`,
                  ]
                : [];
            }),
          );
          expect(far).toEqual([]);
        });
      });
    }
  }
});
