/** Random convolutions: every option of Conv2d, layouts, dtypes, and what must be refused. */
import fc from 'fast-check';
import type { DType } from '../../src/index.ts';
import type { PaddingMode } from '../../src/nn/conv.ts';
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
import { exact, py, pyDtype, ts, type Bound, type Program, type Step } from './program.ts';

type Size = number | readonly number[];

export interface ConvCase {
  readonly seed: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size | string;
  readonly dilation: Size;
  readonly groups: number;
  readonly bias: boolean;
  readonly paddingMode: PaddingMode | (string & {});
  readonly dtype: FloatType;
  readonly values: Values;
  /** [N, C, H, W] or [C, H, W]. */
  readonly input: readonly number[];
  readonly inputType: DType;
  /** Of a functional call's weight. */
  readonly weightType: DType;
  /** `conv2d` of a weight of its own instead of a module's. */
  readonly functional: boolean;
  /** How many elements more than outChannels the bias of a functional call has. */
  readonly biasExtra: number;
  readonly inputLayout: Layout;
  readonly weightLayout: Layout;
  readonly cotangentLayout: Layout;
  readonly frozen: readonly Operand[];
  /** Of `setFloat32ConvPrecision`. */
  readonly precision: 'high' | 'highest';
  /** Whether the calls are made again, as from the third on the launches of the second are. */
  readonly again: boolean;
  /** Whether PyTorch computes float32 in float64, as its sums of many products are rounded otherwise than ours. */
  readonly precise: boolean;
}
export type Operand = 'input' | 'weight' | 'bias';

const both = (size: Size, axis: 0 | 1): number =>
  typeof size === 'number' ? size : (size[axis] ?? size[0] ?? 0);

/** [before, after] along an axis. */
export const paddingOf = (c: ConvCase, axis: 0 | 1): readonly [number, number] => {
  if (c.padding === 'same') {
    const total = both(c.dilation, axis) * (both(c.kernelSize, axis) - 1);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }
  const size = typeof c.padding === 'string' ? 0 : both(c.padding, axis);
  return [size, size];
};

/** The output's shape, with the batch if the input has one. */
export const outputOf = (c: ConvCase): readonly number[] => {
  const rank = c.input.length;
  const size = (axis: 0 | 1): number => {
    const [before, after] = paddingOf(c, axis);
    const extent = both(c.dilation, axis) * (both(c.kernelSize, axis) - 1) + 1;
    return Math.floor((c.input[rank - 2 + axis]! + before + after - extent) / both(c.stride, axis)) + 1;
  };
  return [...c.input.slice(0, -3), c.outChannels, size(0), size(1)];
};

export const weightOf = (c: ConvCase): readonly number[] => [
  c.outChannels,
  Math.floor(c.inChannels / Math.max(1, c.groups)),
  both(c.kernelSize, 0),
  both(c.kernelSize, 1),
];

const size = (arbitrary: fc.Arbitrary<number>): fc.Arbitrary<Size> =>
  fc.oneof(arbitrary, fc.tuple(arbitrary, arbitrary));
/** Mostly few; sometimes around the widths of vectors. */
const channels = fc.oneof({ weight: 5, arbitrary: small(5) }, { weight: 1, arbitrary: small(40) });

/** What is drawn, each by itself, so that each can shrink by itself. */
const ingredients = fc.record({
  seed: fc.nat(999),
  groups: fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: small(5) }),
  perGroup: channels,
  outPerGroup: channels,
  kernelSize: size(small(5)),
  stride: size(fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: small(3) })),
  padding: fc.oneof<fc.Arbitrary<Size | string>[]>(size(small(3, 0)), fc.constantFrom('same', 'valid')),
  dilation: size(fc.oneof({ weight: 2, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: small(3) })),
  bias: fc.boolean(),
  paddingMode: fc.oneof(
    { weight: 2, arbitrary: fc.constant('zeros') },
    { weight: 1, arbitrary: fc.constantFrom('reflect', 'replicate', 'circular') },
  ),
  dtype: fc.constantFrom<FloatType[]>('float32', 'float32', 'float64', 'float16', 'bfloat16'),
  values: fc.constantFrom<Values[]>('integers', 'uniform'),
  batch: fc.oneof(fc.constant(null), small(3, 0)),
  /** How much larger than the kernel the padded input is. */
  room: fc.tuple(
    fc.oneof(small(9, 0), small(40, 0)),
    fc.oneof({ weight: 3, arbitrary: small(12, 0) }, { weight: 1, arbitrary: small(70, 0) }),
  ),
  functional: fc.boolean(),
  inputLayout: layouts,
  weightLayout: layouts,
  cotangentLayout: layouts,
  frozen: fc.subarray<Operand>(['input', 'weight', 'bias']),
  precision: fc.constantFrom('high' as const, 'highest' as const),
  again: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.boolean() }),
});
type Ingredients = typeof ingredients extends fc.Arbitrary<infer T> ? T : never;

/** Sizes at which algorithms have several blocks, rounds, bands and chunks of work in every dimension. */
const largeIngredients: fc.Arbitrary<Ingredients> = fc
  .tuple(
    ingredients,
    fc.record({
      groups: fc.oneof(
        { weight: 4, arbitrary: fc.constant(1) },
        { weight: 1, arbitrary: small(8) },
        { weight: 2, arbitrary: small(300) },
      ),
      perGroup: fc.oneof(small(40), small(400)),
      outPerGroup: fc.oneof(small(40), small(400)),
      kernelSize: fc.oneof(fc.constant(3), fc.constant(1), size(small(7))),
      apart: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.boolean() }),
      batch: fc.oneof(fc.constant(1), small(9)),
      room: fc.tuple(fc.oneof(small(20, 0), small(100, 0)), fc.oneof(small(20, 0), small(100, 0))),
      frozen: fc.oneof(fc.constant<Operand[]>([]), fc.subarray<Operand>(['input', 'weight', 'bias'])),
    }),
  )
  .map(([rest, { apart, ...large }]) => ({
    ...rest,
    ...large,
    ...(large.groups > 8 && { perGroup: 1, outPerGroup: 1 + (large.outPerGroup % 3) }),
    // Patches: no input under two outputs.
    ...(apart && { stride: large.kernelSize, padding: 0, dilation: 1 }),
  }));

const valid = (i: Ingredients, precise: boolean): ConvCase => {
  const { perGroup, outPerGroup, batch, room, dtype, frozen, ...rest } = i;
  const strided = both(i.stride, 0) !== 1 || both(i.stride, 1) !== 1;
  const shaped: ConvCase = {
    ...rest,
    padding: i.padding === 'same' && strided ? 'valid' : i.padding,
    inChannels: i.groups * perGroup,
    outChannels: i.groups * outPerGroup,
    dtype,
    inputType: dtype,
    weightType: dtype,
    input: [],
    biasExtra: 0,
    precise,
    // With nothing to learn there is no backward pass to compare: rare by itself, and enough.
    frozen: frozen.filter((operand) => operand !== 'bias' || i.bias),
  };
  const spatial = ([0, 1] as const).map((axis) => {
    const [before, after] = paddingOf(shaped, axis);
    const least = i.paddingMode === 'reflect' ? after + 1 : i.paddingMode === 'circular' ? after : 1;
    const extent = both(i.dilation, axis) * (both(i.kernelSize, axis) - 1) + 1;
    return Math.max(least, 1, extent - before - after + room[axis]);
  });
  const image = [shaped.inChannels, ...spatial];
  if (batch === null) return { ...shaped, input: image };
  // Of an empty batch PyTorch asks that the weight be contiguous, and we do not.
  return { ...shaped, input: [batch, ...image], weightLayout: batch === 0 ? [] : i.weightLayout };
};

/**
 * Ways to spoil a case. PyTorch mostly refuses; where it does not, neither must we. Left out are those in which it
 * does more or less than it says: it pads no integers by their edges, and takes empty batches as they come.
 */
const faults: Readonly<Record<string, (c: ConvCase) => Partial<ConvCase>>> = {
  'one channel more': (c) => ({ input: c.input.with(-3, c.input.at(-3)! + 1) }),
  'rank 2': (c) => ({ input: c.input.slice(-2) }),
  'rank 5': (c) => ({
    input: [1, ...(c.input.length === 3 ? [1] : []), ...c.input],
    paddingMode: 'zeros',
  }),
  'float64 input': () => ({ inputType: 'float64' }),
  'float32 input': () => ({ inputType: 'float32' }),
  'int64 input': () => ({ inputType: 'int64', paddingMode: 'zeros' }),
  'negative padding': () => ({ padding: [1, -1] }),
  'padding of one': () => ({ padding: [1] }),
  'padding of three': () => ({ padding: [1, 1, 1] }),
  'padding foo': () => ({ padding: 'foo' }),
  'padding same': () => ({ padding: 'same' }),
  'mode foo': () => ({ paddingMode: 'foo' }),
  'stride 0': () => ({ stride: [1, 0] }),
  'stride of one': () => ({ stride: [2] }),
  'stride of three': () => ({ stride: [2, 1, 1] }),
  'negative stride': () => ({ stride: -1 }),
  'dilation 0': () => ({ dilation: 0 }),
  'dilation of three': () => ({ dilation: [2, 1, 1] }),
  'no groups': () => ({ groups: 0 }),
  'groups that do not divide': (c) => ({ groups: c.groups + 1 }),
  'kernel too large': (c) => ({ kernelSize: Math.max(...c.input.slice(-2)) + 7 }),
  'negative kernel': () => ({ kernelSize: [2, -1] }),
  'no output channels': () => ({ outChannels: 0 }),
  'no height': (c) => ({ input: c.input.with(-2, 0), padding: c.padding === 'same' ? 'valid' : c.padding }),
  'padding beyond the input': () => ({ padding: [3, 9] }),
  'float64 weight': () => ({ weightType: 'float64', functional: true }),
  'float32 weight': () => ({ weightType: 'float32', functional: true }),
  'bias too long': () => ({ biasExtra: 1, functional: true, bias: true }),
};

export interface ConvOptions {
  /** The products that a case may sum, at most. */
  readonly most: number;
  readonly dtypes: readonly FloatType[];
  /** Whether some cases are to be refused. */
  readonly faults: boolean;
}

const countOf = (shape: readonly number[]): number => shape.reduce((n, each) => n * Math.max(1, each), 1);

export const products = (c: ConvCase): number => countOf([...outputOf(c), ...weightOf(c).slice(1)]);

/** Products of a large case, from and to, and elements of a tensor of it, at most. */
const LARGE = [300_000, 24_000_000] as const;
const LARGE_ELEMENTS = 400_000;

const isLarge = (c: ConvCase): boolean =>
  products(c) >= LARGE[0] &&
  products(c) <= LARGE[1] &&
  [c.input, outputOf(c), weightOf(c)].every((shape) => countOf(shape) <= LARGE_ELEMENTS);

/** Sound cases that are large. */
export const largeConvCases = largeIngredients.map((i) => valid(i, true)).filter(isLarge);

export const convCases = ({ most, dtypes, faults: spoil }: ConvOptions): fc.Arbitrary<ConvCase> => {
  const sound = ingredients
    .map((i) => valid(i, false))
    .filter((c) => products(c) <= most && dtypes.includes(c.dtype));
  // Without a batch nothing is padded by wrapping around.
  if (!spoil)
    return sound.filter((c) => c.input.length === 4 || c.paddingMode !== 'circular' || c.functional);
  const spoilt = fc
    .tuple(sound, fc.subarray(Object.keys(faults), { minLength: 1, maxLength: 2 }))
    .filter(([c]) => c.input.length === 3 || c.input[0] !== 0)
    .map(([c, names]) => names.reduce<ConvCase>((so, name) => ({ ...so, ...faults[name]!(so) }), c));
  return fc.oneof({ weight: 4, arbitrary: sound }, { weight: 1, arbitrary: spoilt });
};

/** A tensor of the case's kind of values. `seed` is given where the definition must draw it again. */
const values = (c: ConvCase, shape: readonly number[], layout: Layout, dtype: DType = c.dtype): Step =>
  drawn(shape, layout, dtype, c.values, widened(c));

/**
 * What makes PyTorch's operands wider, if it computes in a wider type and rounds: both operands are of one type then. It
 * refuses convolutions of float16: its half computes in float32 from the same rounded values, and rounds the results.
 */
const widened = (c: ConvCase): string => {
  if (c.inputType !== c.dtype || (c.weightType !== c.dtype && c.functional)) return '';
  if (isHalf(c.dtype)) return '.float()';
  return c.precise && c.dtype === 'float32' ? '.double()' : '';
};

const shown = (c: ConvCase, label: string, expression: Step): Step =>
  shownAs(c.dtype, widened(c), label, expression);

export const convProgram = (c: ConvCase): Program => {
  const learns = (operand: Operand): boolean => !c.frozen.includes(operand);
  const steps: Step[] = [
    { ts: `flow.manualSeed(${String(c.seed)});`, py: `torch.manual_seed(${String(c.seed)})` },
    { ts: c.precision === 'high' ? '' : `flow.setFloat32ConvPrecision("${c.precision}");`, py: '' },
    ...(c.functional ? functionalOperands(c, learns) : moduleOperands(c, learns)),
    assigned('x', values(c, c.input, c.inputLayout, c.inputType)),
  ];
  if (learns('input')) steps.push({ ts: 'x.requiresGrad_();', py: 'x.requires_grad_()' });
  for (const [operand, name] of operandNames(c)) steps.push(shown(c, `operand ${operand}`, same(name)));
  const call = c.functional ? functionalCall(c) : { ts: 'y = m(x);', py: 'y = m(x)' };
  steps.push(call);
  steps.push(shown(c, 'output', same('y')));
  const operands = operandNames(c).filter(([operand]) => learns(operand));
  if (operands.length > 0 && outputOf(c).every((n) => n >= 0)) {
    steps.push(assigned('g', values(c, outputOf(c), c.cotangentLayout)));
    steps.push(shown(c, 'operand cotangent', same('g')));
    steps.push({ ts: 'y.backward(g);', py: 'y.backward(g)' });
    for (const [operand, name] of operands)
      steps.push(shown(c, `gradient of ${operand}`, same(`${name}.grad`)));
    if (c.again) {
      const weight = c.functional ? 'w' : 'm.weight';
      const changing = c.weightLayout.length > 0 ? null : weight;
      steps.push(
        calledAgain(
          call,
          changing,
          operands.map(([, name]) => name),
        ),
      );
    }
  }
  return {
    steps,
    names: ['m', 'w', 'b', 'x', 'y', 'g', 'before'],
    stopsAtError: true,
    bound: (label, dtype) => boundOf(c, label, dtype as FloatType),
  };
};

const operandNames = (c: ConvCase): readonly (readonly [Operand, string])[] => [
  ['input', 'x'],
  ['weight', c.functional ? 'w' : 'm.weight'],
  ...(c.bias ? [['bias', c.functional ? 'b' : 'm.bias'] as const] : []),
];

const functionalOperands = (c: ConvCase, learns: (operand: Operand) => boolean): Step[] => {
  const steps = [assigned('w', values(c, weightOf(c), c.weightLayout, c.weightType))];
  if (c.bias) steps.push(assigned('b', values(c, [c.outChannels + c.biasExtra], [])));
  if (learns('weight')) steps.push({ ts: 'w.requiresGrad_();', py: 'w.requires_grad_()' });
  if (c.bias && learns('bias')) steps.push({ ts: 'b.requiresGrad_();', py: 'b.requires_grad_()' });
  return steps;
};

const functionalCall = (c: ConvCase): Step => {
  const options = (['stride', 'padding', 'dilation', 'groups'] as const).map(
    (name) => [name, c[name]] as const,
  );
  const bias = c.bias ? same('b') : { ts: 'null', py: 'None' };
  return {
    ts: `y = F.conv2d(x, w, ${bias.ts}, { ${options.map(([name, value]) => `${name}: ${ts(value)}`).join(', ')} });`,
    py: `y = F.conv2d(x, w, ${bias.py}, ${options.map(([name, value]) => `${name}=${py(value)}`).join(', ')})`,
  };
};

/** A module with its initial parameters, or with integers, or with a weight that is a view. */
const moduleOperands = (c: ConvCase, learns: (operand: Operand) => boolean): Step[] => {
  const steps: Step[] = [created(c)];
  const parameters: readonly (readonly [Operand, readonly number[], Layout])[] = [
    ['weight', weightOf(c), c.weightLayout],
    ...(c.bias ? [['bias', [c.outChannels], []] as const] : []),
  ];
  for (const [name, shape, layout] of parameters) {
    if (c.values === 'integers' || (name === 'weight' && layout.length > 0)) {
      const value = values(c, shape, layout);
      steps.push({
        ts: `m.${name} = new nn.Parameter(${value.ts});`,
        py: `m.${name} = nn.Parameter(${value.py})`,
      });
    } else if (widened(c) !== '') {
      steps.push({ ts: '', py: `m.${name}.data = m.${name}.data${widened(c)}` });
    }
    if (!learns(name))
      steps.push({ ts: `m.${name}.requiresGrad_(false);`, py: `m.${name}.requires_grad_(False)` });
  }
  steps.push({ ts: `show("text", String(m));`, py: `show("text", str(m))` });
  return steps;
};

const created = (c: ConvCase): Step => {
  const { inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, paddingMode } = c;
  const sizes = [inChannels, outChannels, kernelSize];
  const options = Object.entries({ stride, padding, dilation, groups, bias });
  const inTs = [...options, ['paddingMode', paddingMode], ['dtype', c.dtype]] as const;
  const inPy = [...options, ['padding_mode', paddingMode]] as const;
  // Python's modules print tuples where they were given tuples.
  const tuples = (text: string): string =>
    text
      .replaceAll('[', '(')
      .replaceAll(/(?<=\(-?\d+)\]/g, ',)')
      .replaceAll(']', ')');
  return {
    ts: `m = new nn.Conv2d(${sizes.map(ts).join(', ')}, { ${inTs.map(([name, value]) => `${name}: ${ts(value)}`).join(', ')} });`,
    py: `m = nn.Conv2d(${tuples(sizes.map(py).join(', '))}, ${tuples(inPy.map(([name, value]) => `${name}=${py(value)}`).join(', '))}, dtype=${pyDtype(c.dtype)})`,
  };
};

/** How many products are summed in one element. */
const termsOf = (c: ConvCase, label: string): number => {
  const [o, perGroup, kh, kw] = weightOf(c) as [number, number, number, number];
  const output = outputOf(c);
  switch (label) {
    case 'output':
      return perGroup * kh * kw + 1;
    case 'gradient of input':
      return (o / Math.max(1, c.groups)) * kh * kw;
    default:
      return output.reduce((n, each) => n * Math.max(1, each), 1) / Math.max(1, c.outChannels);
  }
};

/** Whether tiles of 4 × 4 may have computed it, whose factors are no binary fractions: of an input's gradient, in parts. */
const mayBeTiled = (c: ConvCase, label: string, dtype: FloatType): boolean =>
  c.precision === 'high' &&
  dtype !== 'float64' &&
  ([0, 1] as const).every((axis) =>
    label === 'gradient of input' ? both(c.kernelSize, axis) >= 3 : both(c.kernelSize, axis) === 3,
  );

/**
 * Operands, initial parameters too, and sums of integers agree bit for bit. Else 10⁻⁵ (float32) or 10⁻¹³ (float64) of the largest magnitude,
 * and, for results in which nearly everything cancels, one rounding for each of the summed products, which are at
 * most 1. Of float32 against float64 a part of that, but for tiles of 4 × 4 twice what `docs/precision.md` promises, as
 * channels that are expanded are rounded alike. Halves: two roundings to 16 bits.
 *
 * Of the padding modes, a half's gradient is also rounded where the copies' gradients are summed.
 */
export const boundOf = (c: ConvCase, label: string, dtype: FloatType = c.dtype): Bound => {
  if (label.startsWith('operand')) return exact;
  const folded = c.paddingMode !== 'zeros' && label === 'gradient of input';
  const tiled = label !== 'gradient of bias' && mayBeTiled(c, label, dtype);
  if (isHalf(dtype)) {
    const sumsAreExact = c.values === 'integers' && !folded && !tiled;
    return { relative: (sumsAreExact ? 0 : folded ? 8 : 2) * unit[dtype], absolute: 0 };
  }
  if (c.values === 'integers' && !tiled) return exact;
  const terms = termsOf(c, label);
  const roundings = terms * unit[dtype];
  if (dtype === 'float64') return { relative: 1e-13, absolute: roundings };
  if (!c.precise) return { relative: 1e-5, absolute: roundings };
  const stray = strayOf(terms, [c.inputLayout, c.weightLayout, c.cotangentLayout]);
  return { relative: tiled ? 4e-5 : Math.max(3e-6, stray), absolute: roundings / 2 };
};
