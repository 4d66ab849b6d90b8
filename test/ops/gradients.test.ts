import { describe, expect, it } from 'vitest';
import { gradcheck, gradgradcheck } from '../../src/autograd/gradcheck.ts';
import { call, definedOps, type Inputs, type Op } from '../../src/autograd/op.ts';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import '../../src/methods.ts';
import '../../src/ops/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { sampleTensor, uniforms } from './cases.ts';

const differentiable = definedOps().filter((op) => op.backward !== undefined);

it('every op with a gradient has samples, or says with an empty list that it cannot', () => {
  const without = differentiable
    .filter((op) => op.samples === undefined)
    .map((op) => `${op.name} (${op.node})`);
  expect(without).toEqual([]);
});

/** A sample as a function of its tensors. */
const asFunction = (op: Op<Inputs, unknown>, sample: NonNullable<Op<Inputs, unknown>['samples']>[number]) => {
  const random = uniforms(1234);
  const entries = Object.entries(sample.inputs).map(
    ([name, described]) => [name, described === null ? null : sampleTensor(described, random)] as const,
  );
  const tensors = entries.flatMap(([, x]) => (x === null ? [] : [x]));
  const f = (...given: Tensor[]): Tensor => {
    let next = 0;
    const inputs = Object.fromEntries(entries.map(([name, x]) => [name, x === null ? null : given[next++]!]));
    return call(op, inputs, sample.params);
  };
  return { f, tensors };
};

describe.each(availableTargets())('on %s', (target) => {
  for (const op of differentiable) {
    op.samples?.forEach((sample, k) => {
      it(`${op.name} (${op.node}) has the gradients that finite differences give, sample ${String(k)}`, () => {
        setTarget(target);
        const { f, tensors } = asFunction(op, sample);
        gradcheck(f, tensors);
        gradgradcheck(f, tensors, { atol: 1e-4 });
      });
    });
  }
});
