import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import * as flow from '../../src/index.ts';
import { nn, type Tensor } from '../../src/index.ts';
import { sumToSize } from '../../src/ops/reductions.ts';
import { expand, slice } from '../../src/ops/views.ts';
import { allowance, cotangentOf, golden, tensorOf, valuesOf, type GoldenArray } from '../golden/nn.ts';

type Dtype = 'float32' | 'float64';
const functions: Readonly<Record<string, unknown>> = { ...flow, ...nn.functional, sumToSize, expand, slice };

/** Puts tensors in the places that golden arguments keep for them. */
const filled = (arg: unknown, inputs: readonly Tensor[]): unknown => {
  if (Array.isArray(arg)) return arg.map((item) => filled(item, inputs));
  if (arg === 'Infinity' || arg === '-Infinity') return Number(arg);
  if (typeof arg !== 'object' || arg === null) return arg;
  if ('$' in arg) return inputs[Number(arg.$)]!;
  return Object.fromEntries(Object.entries(arg).map(([key, value]) => [key, filled(value, inputs)]));
};

const run = (op: string, args: readonly unknown[], inputs: readonly Tensor[]): Tensor[] => {
  const result = (functions[op] as (...args: unknown[]) => unknown)(...(filled(args, inputs) as unknown[]));
  if (result instanceof flow.Tensor) return [result];
  return (Array.isArray(result) ? result : Object.values(result as object)) as Tensor[];
};

/** The same values in other memory: with gaps between elements, behind a gap. */
const spread = (x: Tensor): Tensor => flow.stack([flow.zerosLike(x), x], -1).select(-1, 1);
/** The same values with the axes in memory turned around. */
const turned = (x: Tensor): Tensor => {
  const reversed = x.shape.map((_, axis) => x.ndim - 1 - axis);
  return x.permute(reversed).contiguous().permute(reversed);
};
const layouts = { contiguous: (x: Tensor): Tensor => x, spread, turned } as const;

const compare = (what: string, found: Tensor, expected: GoldenArray, dtype: Dtype): void => {
  const values = valuesOf(expected);
  expect(found.shape, `shape of ${what}`).toEqual(expected.shape);
  expect(found.dtype, `dtype of ${what}`).toBe(expected.dtype ?? dtype);
  expect(found.toTypedArray(), what).toBeAllclose(values, allowance(values, dtype));
};

describe.each(availableTargets())('on %s', (target) => {
  beforeAll(() => setTarget(target));
  afterAll(() => setTarget('wasm'));

  const variants = [
    ['float32', 'contiguous'],
    ['float64', 'contiguous'],
    ...(target === 'wasm'
      ? ([
          ['float32', 'spread'],
          ['float64', 'turned'],
        ] as const)
      : []),
  ] as const;
  describe.each(variants)('%s, %s', (dtype, layout) => {
    const ops = [...new Set(golden.calls.map((c) => c.op))];
    it.each(ops)('%s', (op) => {
      for (const { args, inputs, outputs, grads } of golden.calls.filter((c) => c.op === op)) {
        const what = `${op}(${JSON.stringify(args)}) of ${JSON.stringify(inputs.map((x) => x.shape))}`;
        const leaves = inputs.map((x, k) => {
          const leaf = layouts[layout](tensorOf(x, dtype)).detach();
          return leaf.requiresGrad_(Boolean(grads?.[k]));
        });
        const results = run(op, args, leaves);
        expect(results, what).toHaveLength(outputs.length);
        results.forEach((y, k) => compare(`output ${k} of ${what}`, y, outputs[k]!, dtype));
        if (!grads) continue;
        let total = flow.zeros([], { dtype });
        for (const y of results) if (y.requiresGrad) total = total.add(y.mul(cotangentOf(y)).sum());
        if (total.requiresGrad) total.backward();
        leaves.forEach((leaf, k) => {
          const expected = grads[k];
          if (expected)
            compare(`gradient ${k} of ${what}`, leaf.grad ?? flow.zerosLike(leaf), expected, dtype);
        });
      }
    });
  });
});
