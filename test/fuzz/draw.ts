/** What random programs of tensors are made of, in both languages. */
import fc from 'fast-check';
import type { DType } from '../../src/index.ts';
import { laidOut, type Layout } from './layout.ts';
import { py, pyDtype, ts, type Step } from './program.ts';

export type FloatType = 'float32' | 'float64' | 'float16' | 'bfloat16';

/** Small integers, whose sums are exact in any order, or uniform in [−1, 1). */
export type Values = 'integers' | 'uniform';

export const small = (max: number, min = 1): fc.Arbitrary<number> => fc.integer({ min, max });

export const isHalf = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** Units in the last place, as a fraction: half of the distance from 1 to the next number. */
export const unit: Readonly<Record<FloatType, number>> = {
  float32: 2 ** -24,
  float64: 2 ** -53,
  float16: 2 ** -11,
  bfloat16: 2 ** -8,
};

/**
 * How far sums of so many products may stray in float32, as a part of the largest: partial sums are rounded to either side,
 * but to one where the products are alike, as those of what is expanded.
 */
export const strayOf = (terms: number, layouts: readonly Layout[]): number =>
  unit.float32 * (layouts.flat().some(({ op }) => op === 'expand') ? terms : 2 * Math.sqrt(terms));

/** A tensor. @param after  what is done to PyTorch's, such as `.double()` */
export const drawn = (
  shape: readonly number[],
  layout: Layout,
  dtype: DType,
  values: Values,
  after: string,
): Step => {
  const { base, ts: viewTs, py: viewPy } = laidOut(shape, layout);
  if (values === 'integers' || dtype === 'int64') {
    return {
      ts: `flow.randint(-3, 4, ${ts(base)}).to(${ts(dtype)})${viewTs}`,
      py: `torch.randint(-3, 4, ${py(base)}).to(${pyDtype(dtype)})${after}${viewPy}`,
    };
  }
  const wide = dtype === 'float64' ? 'float64' : 'float32';
  const half = isHalf(dtype);
  return {
    ts: `flow.rand(${ts(base)}, { dtype: ${ts(wide)} }).mul(2).sub(1)${half ? `.to(${ts(dtype)})` : ''}${viewTs}`,
    py: `torch.rand(${py(base)}, dtype=${pyDtype(wide)}).mul(2).sub(1)${half ? `.to(${pyDtype(dtype)})` : ''}${after}${viewPy}`,
  };
};

export const assigned = (name: string, { ts, py }: Step): Step => ({
  ts: `${name} = ${ts};`,
  py: `${name} = ${py}`,
});

export const same = (text: string): Step => ({ ts: text, py: text });

/** Shows a tensor, PyTorch's in the program's dtype if it computed in a wider one. */
export const shownAs = (dtype: DType, widened: string, label: string, expression: Step): Step => ({
  ts: `show("${label}", ${expression.ts});`,
  py: `show("${label}", ${expression.py}${widened && `.to(${pyDtype(dtype)})`})`,
});

/**
 * `y` is computed and differentiated again, twice with other weights, then twice with the same: with the same results,
 * although by then launches and packed weights were kept. Needs a variable `before`.
 *
 * @param weight   what changes in between, or null where nothing can
 * @param operands  those that have gradients
 */
export const calledAgain = (call: Step, weight: string | null, operands: readonly string[]): Step => {
  const changed = weight === null ? '' : `flow.noGrad(() => { ${weight}.neg_(); });`;
  const results = ['y', ...operands.map((name) => `${name}.grad`)];
  const texts = `[${results.join(', ')}].map((each) => each.detach().toTypedArray().join())`;
  const once = [...operands.map((name) => `${name}.grad = null;`), call.ts, 'y.backward(g);'].join(' ');
  return {
    ts: [
      `before = ${texts};`,
      `${changed} ${once} ${once} ${changed} ${once} ${once}`,
      `if (String(${texts}) !== String(before)) throw new Error('the same calls differ');`,
    ].join('\n'),
    py: '',
  };
};
