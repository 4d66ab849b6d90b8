/** What PyTorch computes for layers, losses, reductions, optimizers and loaders: nn.json, made by make_nn.py. */
import { type nn, tensor, type DType, type Tensor } from '../../src/index.ts';
import { goldenJson } from './golden.ts';

type Coded = number | 'nan' | 'inf' | '-inf';

export interface GoldenArray {
  /** Floats where absent. */
  readonly dtype?: 'int64' | 'bool' | 'uint8';
  readonly shape: readonly number[];
  readonly values: readonly Coded[];
}
type Arrays = Readonly<Record<string, GoldenArray | null>>;

interface Exact {
  readonly seed: number;
  readonly dtype: 'float32' | 'float64';
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** The next uniform number of the generator. */
  readonly next: number;
}

export interface GoldenCall {
  readonly op: string;
  readonly args: readonly unknown[];
  readonly inputs: readonly GoldenArray[];
  readonly outputs: readonly GoldenArray[];
  readonly grads?: readonly (GoldenArray | null)[];
}

export interface GoldenModule {
  readonly module: string;
  readonly args: readonly unknown[];
  readonly training: boolean;
  readonly state: Arrays;
  readonly calls: readonly {
    readonly input: GoldenArray;
    readonly target: GoldenArray | null;
    readonly output: GoldenArray;
    readonly grad: GoldenArray;
    readonly parameterGrads: Arrays;
    readonly after: Arrays;
  }[];
  readonly repr: string;
}

interface NNGolden {
  readonly calls: readonly GoldenCall[];
  readonly modules: readonly GoldenModule[];
  readonly optimizers: readonly {
    readonly optimizer: 'SGD' | 'Adam' | 'AdamW';
    readonly options: Readonly<Record<string, unknown>>;
    readonly params: readonly GoldenArray[];
    readonly grads: readonly (readonly (GoldenArray | null)[])[];
    readonly steps: readonly (readonly GoldenArray[])[];
  }[];
  readonly dropout: readonly (Exact & { readonly p: number })[];
  readonly loaders: readonly {
    readonly seed: number;
    readonly n: number;
    readonly batchSize: number;
    readonly shuffle: boolean;
    readonly dropLast: boolean;
    /** Seed of a generator of the loader's own. */
    readonly own: number | null;
    readonly length: number;
    readonly passes: readonly (readonly (readonly number[])[])[];
    readonly next: number;
    readonly ownNext: number | null;
  }[];
  readonly splits: readonly {
    readonly seed: number;
    readonly n: number;
    readonly lengths: readonly number[];
    readonly own: number | null;
    readonly indices: readonly (readonly number[])[];
    readonly next: number;
  }[];
  readonly initial: readonly (Exact & { readonly init: string; readonly args: readonly unknown[] })[];
  readonly layers: readonly {
    readonly seed: number;
    readonly module: string;
    readonly args: readonly unknown[];
    readonly dtype: 'float32' | 'float64';
    readonly state: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>;
    readonly next: number;
  }[];
  readonly gains: readonly (readonly [nonlinearity: nn.init.Nonlinearity, slope: number | null, gain: number])[];
  /** A network trained from one seed. */
  readonly training: readonly {
    readonly seed: number;
    readonly optimizer: 'SGD' | 'Adam' | 'AdamW';
    readonly options: Readonly<Record<string, number>>;
    readonly losses: readonly number[];
    /** Of the first two images, in evaluation. */
    readonly logits: GoldenArray;
    readonly next: number;
  }[];
  /** Class and text of an error; null where PyTorch has none. */
  readonly errors: Readonly<Record<string, readonly [name: string, text: string] | null>>;
}

export const golden = goldenJson<NNGolden>('nn.json');

const words: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, '-inf': -Infinity };
export const valuesOf = ({ values }: GoldenArray): number[] =>
  values.map((x) => (typeof x === 'string' ? words[x]! : x));

/** The tensor that a golden array stands for, its floats in `dtype`. */
export const tensorOf = (array: GoldenArray, dtype: DType): Tensor =>
  tensor(valuesOf(array), { shape: array.shape, dtype: array.dtype ?? dtype });

/** What outputs were multiplied by before the gradients of their sum were taken: eighths, different for neighbours. */
export const cotangentOf = (y: Tensor): Tensor =>
  tensor(
    Array.from({ length: y.numel() }, (_, k) => (((5 * k + 3) % 17) - 8) / 8),
    { shape: y.shape, dtype: y.dtype },
  );

/** How far from PyTorch's float64 a result may be, seen as the error relative to the largest of its tensor. */
export const tolerances = { float32: 4e-6, float64: 1e-8 } as const;
/** Golden values have nine digits, those of float64 cases too. */
export const allowance = (expected: readonly number[], dtype: 'float32' | 'float64'): { rtol: number; atol: number } => {
  const largest = Math.max(0, ...expected.filter(Number.isFinite).map(Math.abs));
  return { rtol: 0, atol: tolerances[dtype] * Math.max(largest, 1e-3) };
};
