/** Ways in which a tensor may lie in memory: views of a larger or smaller contiguous tensor, as data. */
import fc from 'fast-check';
import { py, ts } from './program.ts';

export type LayoutStep =
  | { readonly op: 'transpose'; readonly a: number; readonly b: number }
  | {
      readonly op: 'slice';
      readonly axis: number;
      readonly start: number;
      readonly step: number;
      readonly rest: number;
    }
  | { readonly op: 'expand'; readonly axis: number }
  | { readonly op: 'select'; readonly axis: number; readonly index: number }
  | { readonly op: 'squeeze'; readonly axis: number }
  | { readonly op: 'channels_last' };

/** The last step gives the tensor's shape; axes are taken modulo the number of dimensions. */
export type Layout = readonly LayoutStep[];

const axis = fc.nat(3);
const step: fc.Arbitrary<LayoutStep> = fc.oneof(
  fc.record({ op: fc.constant('transpose'), a: axis, b: axis } as const),
  fc.record({ op: fc.constant('slice'), axis, start: fc.nat(2), step: fc.integer({ min: 1, max: 3 }), rest: fc.nat(2) } as const),
  fc.record({ op: fc.constant('expand'), axis } as const),
  fc.record({ op: fc.constant('select'), axis, index: fc.nat(2) } as const),
  fc.record({ op: fc.constant('squeeze'), axis } as const),
  fc.record({ op: fc.constant('channels_last') } as const),
); // prettier-ignore

/** Contiguous in half of the cases. */
export const layouts: fc.Arbitrary<Layout> = fc.oneof(
  fc.constant<Layout>([]),
  fc.array(step, { minLength: 1, maxLength: 3 }),
);

export interface LaidOut {
  /** The shape of the contiguous tensor underneath. */
  readonly base: readonly number[];
  /** The calls that make the view, from the base: `.transpose(2, 3).slice(…)`. */
  readonly ts: string;
  readonly py: string;
}

/** The base and the calls that lead to a tensor of this shape. */
export const laidOut = (shape: readonly number[], layout: Layout): LaidOut => {
  let result: LaidOut = { base: shape, ts: '', py: '' };
  for (const each of [...layout].reverse()) {
    const before = undone(result.base, each);
    if (before) result = { base: before.base, ts: before.ts + result.ts, py: before.py + result.py };
  }
  return result;
};

/** The shape before one step that ends in `shape`, or null where the step means nothing. */
const undone = (shape: readonly number[], step: LayoutStep): LaidOut | null => {
  const same = (call: string, base: readonly number[]): LaidOut => ({ base, ts: call, py: call });
  const rank = shape.length;
  if (rank === 0) return null;
  switch (step.op) {
    case 'transpose': {
      const [a, b] = [step.a % rank, step.b % rank];
      const base = [...shape];
      [base[a], base[b]] = [shape[b]!, shape[a]!];
      return same(`.transpose(${String(a)}, ${String(b)})`, base);
    }
    case 'slice': {
      const at = step.axis % rank;
      const end = step.start + (shape[at] === 0 ? 0 : (shape[at]! - 1) * step.step + 1);
      const [from, to, by] = [step.start, end, step.step].map(String) as [string, string, string];
      return {
        base: shape.with(at, end + step.rest),
        ts: `.slice(${String(at)}, ${from}, ${to}, ${by})`,
        py: `[${':, '.repeat(at)}${from}:${to}:${by}]`,
      };
    }
    case 'expand': {
      const at = step.axis % rank;
      if (shape[at] === 0) return null;
      return { base: shape.with(at, 1), ts: `.expand(${ts(shape)})`, py: `.expand(${py(shape)})` };
    }
    case 'select': {
      const at = step.axis % (rank + 1);
      return same(`.select(${String(at)}, ${String(step.index)})`, shape.toSpliced(at, 0, step.index + 2));
    }
    case 'squeeze': {
      const at = step.axis % (rank + 1);
      return same(`.squeeze(${String(at)})`, shape.toSpliced(at, 0, 1));
    }
    case 'channels_last':
      if (rank !== 4) return null;
      return {
        base: shape,
        ts: '.contiguous("channels_last")',
        py: '.contiguous(memory_format=torch.channels_last)',
      };
  }
};
