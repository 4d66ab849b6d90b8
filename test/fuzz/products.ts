/** Random products of matrices: shapes, batches that broadcast, layouts, dtypes, sizes of one block and of many. */
import fc from 'fast-check';
import {
  assigned,
  calledAgain,
  drawn,
  isHalf,
  same,
  shownAs,
  small,
  strayOf,
  unit,
  type FloatType,
  type Values,
} from './draw.ts';
import { layouts, type Layout } from './layout.ts';
import { exact, type Bound, type Program, type Step } from './program.ts';

export interface ProductCase {
  readonly seed: number;
  /** `F.linear` takes the right side transposed, and may have a bias. */
  readonly op: 'matmul' | 'linear' | 'linear with bias';
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly dtype: FloatType | 'int64';
  readonly values: Values;
  readonly leftLayout: Layout;
  readonly rightLayout: Layout;
  readonly cotangentLayout: Layout;
  readonly frozen: readonly ('a' | 'b' | 'c')[];
  readonly again: boolean;
}

/** Multiplications of a case, at most. */
const MOST = 4_000_000;

const size = fc.oneof(small(5), small(40), small(300), fc.constantFrom(0, 16, 64, 513));

export const productCases: fc.Arbitrary<ProductCase> = fc
  .record({
    seed: fc.nat(999),
    op: fc.constantFrom<ProductCase['op'][]>('matmul', 'matmul', 'linear', 'linear with bias'),
    m: size,
    n: size,
    k: size,
    /** Of the leading axes, whether the left side has it, the right side, or both. */
    batch: fc.array(fc.tuple(small(3), fc.constantFrom('left', 'right', 'both')), { maxLength: 2 }),
    vectors: fc.oneof(
      { weight: 4, arbitrary: fc.constant('none') },
      { weight: 1, arbitrary: fc.constantFrom('left', 'right', 'both') },
    ),
    dtype: fc.constantFrom<ProductCase['dtype'][]>(
      'float32',
      'float32',
      'float64',
      'float16',
      'bfloat16',
      'int64',
    ),
    values: fc.constantFrom<Values[]>('integers', 'uniform'),
    leftLayout: layouts,
    rightLayout: layouts,
    cotangentLayout: layouts,
    frozen: fc.subarray<'a' | 'b' | 'c'>(['a', 'b', 'c']),
    again: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.boolean() }),
  })
  .map(({ m, n, k, batch, vectors, ...rest }): ProductCase => {
    const axes = (side: 'left' | 'right'): number[] =>
      batch.map(([count, has]) => (has === side || has === 'both' ? count : 1));
    const isVector = (side: 'left' | 'right'): boolean => vectors === side || vectors === 'both';
    const left = isVector('left') ? [k] : [...axes('left'), m, k];
    if (rest.op !== 'matmul') return { ...rest, left, right: [n, k] };
    return { ...rest, left, right: isVector('right') ? [k] : [...axes('right'), k, n] };
  })
  .filter((c) => countOf(outputOf(c)) * Math.max(1, c.left.at(-1)!) <= MOST);

const countOf = (shape: readonly number[]): number => shape.reduce((n, each) => n * each, 1);

const outputOf = ({ op, left, right }: ProductCase): readonly number[] => {
  if (op !== 'matmul') return [...left.slice(0, -1), right[0]!];
  const batch = (shape: readonly number[]): readonly number[] => shape.slice(0, -2);
  const [one, other] = [batch(left), batch(right)];
  const rank = Math.max(one.length, other.length);
  const axes = Array.from({ length: rank }, (_, axis) =>
    Math.max(one.at(axis - rank) ?? 1, other.at(axis - rank) ?? 1),
  );
  return [...axes, ...(left.length > 1 ? [left.at(-2)!] : []), ...(right.length > 1 ? [right.at(-1)!] : [])];
};

/** PyTorch computes halves in float32 and float32 in float64, and rounds. */
const widened = ({ dtype }: ProductCase): string =>
  isHalf(dtype) ? '.float()' : dtype === 'float32' ? '.double()' : '';

export const productProgram = (c: ProductCase): Program => {
  const call: Step =
    c.op === 'matmul'
      ? { ts: 'y = flow.matmul(a, b);', py: 'y = torch.matmul(a, b)' }
      : c.op === 'linear'
        ? { ts: 'y = F.linear(a, b);', py: 'y = F.linear(a, b)' }
        : { ts: 'y = F.linear(a, b, c);', py: 'y = F.linear(a, b, c)' };
  const tensor = (shape: readonly number[], layout: Layout): Step =>
    drawn(shape, layout, c.dtype, c.values, widened(c));
  const shown = (label: string, expression: Step): Step => shownAs(c.dtype, widened(c), label, expression);
  const operands = ['a', 'b', ...(c.op === 'linear with bias' ? ['c'] : [])] as ('a' | 'b' | 'c')[];
  const learning = c.dtype === 'int64' ? [] : operands.filter((name) => !c.frozen.includes(name));
  const steps = [
    { ts: `flow.manualSeed(${String(c.seed)});`, py: `torch.manual_seed(${String(c.seed)})` },
    assigned('a', tensor(c.left, c.leftLayout)),
    assigned('b', tensor(c.right, c.rightLayout)),
    assigned('c', tensor([c.right[0]!], [])),
    ...learning.map((name) => ({ ts: `${name}.requiresGrad_();`, py: `${name}.requires_grad_()` })),
    call,
    shown('output', same('y')),
  ];
  if (learning.length > 0) {
    steps.push(
      assigned('g', tensor(outputOf(c), c.cotangentLayout)),
      { ts: 'y.backward(g);', py: 'y.backward(g)' },
      ...learning.map((name) => shown(`gradient of ${name}`, same(`${name}.grad`))),
    );
    if (c.again) steps.push(calledAgain(call, c.rightLayout.length > 0 ? null : 'b', learning));
  }
  return {
    steps,
    names: ['a', 'b', 'c', 'y', 'g', 'before'],
    stopsAtError: true,
    bound: (label, dtype) => boundOf(c, label, dtype as FloatType),
  };
};

/** Sums of integers agree bit for bit; else as those of `conv.ts`. */
const boundOf = (c: ProductCase, label: string, dtype: FloatType): Bound => {
  if (c.values === 'integers' || c.dtype === 'int64')
    return isHalf(dtype) ? { relative: 2 * unit[dtype], absolute: 0 } : exact;
  if (isHalf(dtype)) return { relative: 3 * unit[dtype], absolute: unit[dtype] };
  const products = countOf(outputOf(c)) * c.left.at(-1)!;
  const results = label === 'output' ? outputOf(c) : label === 'gradient of a' ? c.left : c.right;
  const terms = Math.max(1, products / Math.max(1, countOf(results)));
  const stray = strayOf(terms, [c.leftLayout, c.rightLayout, c.cotangentLayout]);
  const relative = dtype === 'float64' ? 1e-13 : Math.max(3e-6, stray);
  return { relative, absolute: (terms * unit[dtype]) / 2 };
};
