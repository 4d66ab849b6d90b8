/** What the tests of operations share: PyTorch's answers in ops.json, and inputs for an op's samples. */
import type { SampleTensor } from '../../src/autograd/op.ts';
import type { DType } from '../../src/dtype.ts';
import { tensor } from '../../src/tensor/create.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { goldenJson } from '../golden/golden.ts';

/** A number, or the text for one that JSON does not have. */
type Coded = number | boolean | 'nan' | 'inf' | '-inf';
export type CodedValues = Coded | readonly CodedValues[];
type Values = number | readonly Values[];

interface OpsGolden {
  readonly special: readonly Coded[];
  readonly unary: Readonly<Record<string, Readonly<Record<'float32' | 'float64', CodedValues>>>>;
  readonly grid: readonly number[];
  readonly activations: Readonly<
    Record<string, { readonly value: CodedValues; readonly grad: CodedValues; readonly node: string }>
  >;
  readonly left: readonly Coded[];
  readonly right: readonly Coded[];
  readonly binary: Readonly<Record<string, CodedValues>>;
  readonly integersLeft: readonly number[];
  readonly integersRight: readonly number[];
  readonly integer: Readonly<Record<string, Readonly<Record<string, CodedValues>>>>;
  readonly promotion: Readonly<Record<DType, Readonly<Record<string, readonly string[]>>>>;
  readonly castErrors: Readonly<Record<string, string>>;
  readonly nodes: Readonly<Record<string, string | null>>;
  readonly errors: Readonly<Record<string, readonly [kind: string, text: string]>>;
  readonly scenarios: Readonly<Record<string, Readonly<Record<string, CodedValues | readonly string[]>>>>;
  readonly random: Readonly<Record<string, { readonly values: CodedValues; readonly next: number }>>;
}
export const golden = goldenJson<OpsGolden>('ops.json');

const coded: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, '-inf': -Infinity };
/** Nested numbers; true is 1. */
export const decode = (x: CodedValues): Values =>
  Array.isArray(x)
    ? (x as readonly CodedValues[]).map(decode)
    : typeof x === 'string'
      ? coded[x]!
      : Number(x);

/** The same in a flat list. */
export const decodeFlat = (x: CodedValues): number[] =>
  Array.isArray(x) ? (x as readonly CodedValues[]).flatMap(decodeFlat) : [decode(x) as number];

/** A small generator of our own (mulberry32), so that these inputs do not depend on what is tested. */
export const uniforms = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** A tensor as a sample describes it: floats are float64 and require a gradient. */
export const sampleTensor = (sample: Exclude<SampleTensor, null>, random: () => number): Tensor => {
  const { shape, low = -1, high = 1, dtype = 'float64' } = 'shape' in sample ? sample : { shape: sample };
  const count = shape.reduce((n, size) => n * size, 1);
  const values = Array.from({ length: count }, () => low + (high - low) * random());
  if (dtype === 'bool')
    return tensor(
      values.map((x) => x > (low + high) / 2),
      { shape, dtype },
    );
  if (dtype === 'int64' || dtype === 'int32') return tensor(values.map(Math.floor), { shape, dtype });
  return tensor(values, { shape, dtype, requiresGrad: true });
};
