/** PyTorch's CPU random streams, bit for bit: oracles are values that PyTorch 1.13 drew, in test/golden. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { DType } from '../../src/dtype.ts';
import {
  bernoulliFill,
  defaultGenerator,
  Generator,
  normalFill,
  randintFill,
  randperm,
  uniformFill,
  type Elements,
} from '../../src/tensor/random/index.ts';
import { goldenJson, goldenTensor, type GoldenRef } from '../golden/golden.ts';

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};
const empty = (dtype: DType, n: number): Elements => new arrays[dtype](n);
const numberOf = (text: string): number => (text === 'inf' ? Infinity : text === 'nan' ? NaN : Number(text));

/** How many doubles lie between two. */
const ulps = (a: number, b: number): bigint => {
  const [x = 0n, y = 0n] = new BigInt64Array(Float64Array.of(Math.abs(a), Math.abs(b)).buffer);
  return a < 0 === b < 0 ? (x > y ? x - y : y - x) : x + y;
};

describe('a stream of mixed draws from one generator', () => {
  interface Step {
    readonly op: 'uniform' | 'normal' | 'randperm' | 'randint';
    readonly dtype?: 'float32' | 'float64';
    readonly n?: number;
    readonly from?: number;
    readonly to?: number;
    readonly mean?: number;
    readonly std?: number;
    readonly low?: number;
    readonly high?: number;
    readonly values: GoldenRef;
  }
  interface Streams {
    readonly streams: readonly {
      readonly seed: string;
      readonly raw_first_16: GoldenRef<'uint32'>;
      readonly steps: readonly Step[];
    }[];
  }
  const { streams } = goldenJson<Streams>('rng.json');

  const draw = (step: Step, generator: Generator): Elements => {
    if (step.op === 'randperm') return randperm(step.n!, generator);
    const out = empty(step.dtype ?? 'int64', goldenTensor(step.values).length);
    if (step.op === 'uniform') uniformFill(out, step.dtype!, step.from!, step.to!, generator);
    else if (step.op === 'normal') normalFill(out, step.dtype!, step.mean!, step.std!, generator);
    else randintFill(out, 'int64', step.low!, step.high!, generator);
    return out;
  };

  it.each(streams)('is PyTorch’s for seed $seed', ({ seed, steps }) => {
    const generator = new Generator(BigInt(seed));
    for (const step of steps) {
      const got = draw(step, generator);
      const expected = goldenTensor(step.values);
      if (step.op === 'normal' && expected instanceof Float64Array) {
        // The C library's logarithm and sine are not V8's; either is within an ulp of the truth.
        const worst = Math.max(...expected.map((x, i) => Number(ulps(got[i] as number, x))));
        expect(worst, `normal of ${expected.length}`).toBeLessThanOrEqual(2);
      } else {
        expect(got).toEqualBits(expected);
      }
    }
  });

  it.each(streams)('starts from PyTorch’s raw words for seed $seed', ({ seed, raw_first_16: raw }) => {
    const generator = new Generator(BigInt(seed));
    expect(Uint32Array.from({ length: 16 }, () => generator.random32())).toEqualBits(goldenTensor(raw));
  });
});

describe('initial weights of Conv2d', () => {
  interface Args {
    readonly in_channels: number;
    readonly out_channels: number;
    readonly kernel_size: number | readonly [number, number];
    readonly groups?: number;
    readonly bias?: boolean;
  }
  type Float = 'float32' | 'float64';
  interface Init {
    readonly cases: readonly {
      readonly seed: string;
      readonly dtype: Float;
      readonly args: Args;
      readonly weight: GoldenRef<Float>;
      readonly bias: GoldenRef<Float> | null;
    }[];
    readonly sequence: {
      readonly seed: string;
      readonly modules: readonly Args[];
      readonly tensors: Readonly<Record<string, GoldenRef<Float>>>;
      readonly after_reset_parameters_of_first: {
        readonly weight: GoldenRef<Float>;
        readonly bias: GoldenRef<Float>;
      };
      readonly next_uniform: GoldenRef<Float>;
    };
  }
  const { cases, sequence } = goldenJson<Init>('init.json');

  /** torch.nn.Conv2d.reset_parameters: Kaiming's bound for a = √5 in PyTorch's order, then 1/√fanIn. */
  const reset = (args: Args, dtype: Float, generator: Generator) => {
    const [kH, kW] =
      typeof args.kernel_size === 'number' ? [args.kernel_size, args.kernel_size] : args.kernel_size;
    const fanIn = (args.in_channels / (args.groups ?? 1)) * kH * kW;
    const weightBound = Math.sqrt(3) * (Math.sqrt(2 / (1 + Math.sqrt(5) ** 2)) / Math.sqrt(fanIn));
    const weight = empty(dtype, args.out_channels * fanIn);
    uniformFill(weight, dtype, -weightBound, weightBound, generator);
    if (args.bias === false) return { weight, bias: null };
    const bias = empty(dtype, args.out_channels);
    uniformFill(bias, dtype, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn), generator);
    return { weight, bias };
  };

  it('are PyTorch’s for every seed, dtype and shape of the golden data', () => {
    expect(cases.length).toBeGreaterThan(60);
    for (const { seed, dtype, args, weight, bias } of cases) {
      const got = reset(args, dtype, new Generator(BigInt(seed)));
      expect(got.weight).toEqualBits(goldenTensor(weight));
      if (bias === null) expect(got.bias).toBeNull();
      else expect(got.bias).toEqualBits(goldenTensor(bias));
    }
  });

  it('come one after the other from one generator, resets and uniforms after them', () => {
    const generator = new Generator(BigInt(sequence.seed));
    sequence.modules.forEach((args, i) => {
      const { weight, bias } = reset(args, 'float32', generator);
      expect(weight).toEqualBits(goldenTensor(sequence.tensors[`${i}.weight`]!));
      if (bias !== null) expect(bias).toEqualBits(goldenTensor(sequence.tensors[`${i}.bias`]!));
    });
    const again = reset(sequence.modules[0]!, 'float32', generator);
    expect(again.weight).toEqualBits(goldenTensor(sequence.after_reset_parameters_of_first.weight));
    expect(again.bias).toEqualBits(goldenTensor(sequence.after_reset_parameters_of_first.bias));
    const next = new Float32Array(4);
    uniformFill(next, 'float32', 0, 1, generator);
    expect(next).toEqualBits(goldenTensor(sequence.next_uniform));
  });
});

describe('each fill', () => {
  /** What random.json holds for a fill: bits in hexadecimal, or the SHA-256 of a long one. */
  interface Drawn {
    readonly dtype: DType;
    readonly n: number;
    readonly bits?: string;
    readonly hash?: string;
  }
  interface Random {
    readonly seed: number;
    readonly uniform: readonly (Drawn & { from: number; to: number })[];
    readonly normal: readonly (Drawn & { mean: number; std: number; contiguous: boolean })[];
    readonly randint: readonly (Drawn & { low: string; high: string; error?: string })[];
    readonly bernoulli: readonly (Drawn & { p: number })[];
    readonly randperm: Drawn;
    readonly state: { readonly bits: string; readonly then: Drawn; readonly and: Drawn };
    readonly errors: {
      readonly uniform: readonly { dtype: DType; from: string; to: string; error: string }[];
      readonly normal: readonly { dtype: DType; std: string; error: string }[];
      readonly bernoulli: readonly { p: string; error: string }[];
      readonly randperm: readonly { n: number; error: string }[];
    };
  }
  const random = goldenJson<Random>('random.json');
  const fresh = (): Generator => new Generator(random.seed);

  const expectDrawn = (got: Elements, { dtype, bits, hash }: Drawn, what: string): void => {
    const bytes = Buffer.from(got.buffer, got.byteOffset, got.byteLength);
    if (bits === undefined)
      expect(createHash('sha256').update(bytes).digest('hex'), `${dtype} ${what}`).toBe(hash);
    else expect(bytes.toString('hex'), `${dtype} ${what}`).toBe(bits);
  };

  it('uniform, of every float dtype, tiny and huge bounds and a million elements included', () => {
    for (const drawn of random.uniform) {
      const out = empty(drawn.dtype, drawn.n);
      uniformFill(out, drawn.dtype, drawn.from, drawn.to, fresh());
      expectDrawn(out, drawn, `${drawn.from} … ${drawn.to}`);
    }
  });

  it('normal, in blocks and one by one, of 1.6 million float32 too', () => {
    for (const drawn of random.normal) {
      const out = empty(drawn.dtype, drawn.n);
      const { mean, std, contiguous } = drawn;
      normalFill(out, drawn.dtype, mean, std, fresh(), { contiguous });
      expectDrawn(out, drawn, `normal ${drawn.n} ${mean} ± ${std}`);
    }
  });

  it('integers, of every dtype, or the complaint that the range does not fit it', () => {
    for (const drawn of random.randint) {
      const out = empty(drawn.dtype, drawn.n);
      const fill = (): void => {
        randintFill(out, drawn.dtype, BigInt(drawn.low), BigInt(drawn.high), fresh());
      };
      if (drawn.error === undefined) {
        fill();
        expectDrawn(out, drawn, `${drawn.low} … ${drawn.high}`);
      } else {
        expect(fill, `${drawn.dtype} ${drawn.low} … ${drawn.high}`).toThrow(drawn.error);
      }
    }
  });

  it('coin tosses, of every dtype', () => {
    for (const drawn of random.bernoulli) {
      const out = empty(drawn.dtype, drawn.n);
      bernoulliFill(out, drawn.dtype, drawn.p, fresh());
      expectDrawn(out, drawn, `p = ${drawn.p}`);
    }
    const half = new Uint16Array(40);
    bernoulliFill(half, 'float16', 1, fresh());
    expect(half.every((bits) => bits === 0x3c00)).toBe(true);
  });

  it('coin tosses from the middle of a block on, as if each were drawn by itself, and what is drawn then', () => {
    const [many, single] = [fresh(), fresh()];
    for (const generator of [many, single]) for (let k = 0; k < 101; k++) generator.random32();
    for (const dtype of ['float32', 'int64'] as const) {
      const out = empty(dtype, 1500);
      bernoulliFill(out, dtype, 0.3, many);
      expect(Array.from(out, Number)).toEqual(
        Array.from({ length: 1500 }, () => (single.random53() < 0.3 ? 1 : 0)),
      );
    }
    expect(many.random32()).toBe(single.random32());
    expect(many.getState()).toEqual(single.getState());
  });

  it('a permutation of 100 000', () => {
    expectDrawn(randperm(random.randperm.n, fresh()), random.randperm, 'permutation');
    expect(randperm(0, fresh())).toHaveLength(0);
  });

  it('continues from a state that PyTorch saved, in the middle of a block with a normal kept', () => {
    const state = Uint8Array.from(Buffer.from(random.state.bits, 'hex'));
    const generator = new Generator().setState(state);
    expect(generator.initialSeed()).toBe(2n ** 64n - 12345n);
    expect(Buffer.from(generator.getState()).equals(state)).toBe(true);
    const normals = new Float32Array(4);
    normalFill(normals, 'float32', 0, 1, generator);
    expectDrawn(normals, random.state.then, 'normals');
    const uniforms = new Float32Array(700);
    uniformFill(uniforms, 'float32', 0, 1, generator);
    expectDrawn(uniforms, random.state.and, 'uniforms');
  });

  it('complains in PyTorch’s words and draws nothing', () => {
    const generator = fresh();
    const { errors } = random;
    for (const { dtype, from, to, error } of errors.uniform) {
      expect(() => {
        uniformFill(empty(dtype, 4), dtype, numberOf(from), numberOf(to), generator);
      }).toThrow(error);
    }
    for (const { dtype, std, error } of errors.normal) {
      expect(() => {
        normalFill(empty(dtype, 4), dtype, 0, numberOf(std), generator);
      }).toThrow(error);
    }
    for (const { p, error } of errors.bernoulli) {
      expect(() => {
        bernoulliFill(new Float32Array(4), 'float32', numberOf(p), generator);
      }).toThrow(error);
    }
    for (const { n, error } of errors.randperm) expect(() => randperm(n, generator)).toThrow(error);
    expect(() => randperm(2.5, generator)).toThrow(
      "randperm(): argument 'n' (position 1) must be int, not float",
    );
    const integers = new BigInt64Array(4);
    const randint = (low: number | bigint, high: number | bigint) => () => {
      randintFill(integers, 'int64', low, high, generator);
    };
    expect(randint(5, 5)).toThrow("random_ expects 'from' to be less than 'to', but got from=5 >= to=5");
    expect(randint(0, 2n ** 63n)).toThrow('Overflow when unpacking long');
    expect(randint(0, 2.5)).toThrow("randint(): argument 'high' must be int, not float");
    expect(generator.random32()).toBe(fresh().random32());
  });
});

describe('a generator', () => {
  const first = (seed: number | bigint): number => new Generator(seed).random32();

  it('starts from PyTorch’s default seed', () => {
    expect(new Generator().initialSeed()).toBe(67280421310721n);
    expect(defaultGenerator.initialSeed()).toBe(67280421310721n);
    expect(first(67280421310721)).toBe(new Generator().random32());
  });

  it('takes only the low 32 bits of its seed', () => {
    expect(first(-3)).toBe(first(0xfffffffd));
    expect(first(2 ** 40 + 5)).toBe(first(5));
    expect(first(2n ** 64n - 1n)).toBe(first(-1));
    expect(first(-(2n ** 63n))).toBe(first(0));
    expect(first(1)).not.toBe(first(0));
  });

  it('tells its seed as an unsigned number', () => {
    expect(new Generator(-3).initialSeed()).toBe(2n ** 64n - 3n);
    expect(new Generator(2n ** 64n - 1n).initialSeed()).toBe(2n ** 64n - 1n);
  });

  it.each([2n ** 64n, 2 ** 64, -(2n ** 63n) - 1n, 2n ** 70n])(
    'refuses the seed %s and keeps its own',
    (seed) => {
      const generator = new Generator(1);
      expect(() => generator.manualSeed(seed)).toThrow('Overflow when unpacking long');
      expect(generator.initialSeed()).toBe(1n);
      expect(generator.random32()).toBe(first(1));
    },
  );

  it.each([1.5, NaN, Infinity])('refuses the seed %s, which is no integer', (seed) => {
    expect(() => new Generator(seed)).toThrow('manual_seed expected a long, but got float');
  });

  it('draws 64 bits high word first', () => {
    const words = new Generator(8);
    const high = BigInt(words.random32());
    expect(new Generator(8).random64()).toBe(high * 2n ** 32n + BigInt(words.random32()));
  });

  it('seeds itself with 64 random bits', () => {
    const generator = new Generator();
    const seed = generator.seed();
    expect(generator.initialSeed()).toBe(seed);
    expect(generator.random32()).toBe(first(seed));
    expect(generator.seed()).not.toBe(seed);
  });

  it('keeps the second normal of a pair through other draws, until it is seeded', () => {
    const one = (generator: Generator): number => {
      const out = new Float64Array(1);
      normalFill(out, 'float64', 0, 1, generator);
      return out[0]!;
    };
    const pair = new Float64Array(2);
    normalFill(pair, 'float64', 0, 1, new Generator(4));

    const generator = new Generator(4);
    normalFill(new Float32Array(1), 'float32', 5, 3, generator);
    uniformFill(new Float32Array(5), 'float32', 0, 1, generator);
    normalFill(new Float32Array(16), 'float32', 0, 1, generator);
    expect(one(generator)).toBe(pair[1]);

    one(generator.manualSeed(4));
    expect(one(generator.manualSeed(4))).toBe(pair[0]);
  });

  it.each([0, 1, 623, 624, 625])('continues alike from a state saved after %i draws', (draws) => {
    const generator = new Generator(draws);
    for (let i = 0; i < draws; i++) generator.random32();
    const copy = new Generator().setState(generator.getState());
    for (let i = 0; i < 1300; i++) expect(copy.random32()).toBe(generator.random32());
  });

  it('refuses what is no state', () => {
    const generator = new Generator();
    expect(() => generator.setState(new Uint8Array(100))).toThrow(
      'Expected a CPUGeneratorImplState of size 5056 but found the input RNG state size to be 100',
    );
    expect(() => generator.setState(new Uint8Array(5056))).toThrow('Invalid mt19937 state');
    expect(() => generator.setState([1, 2] as unknown as Uint8Array)).toThrow(
      'RNG state must be a torch.ByteTensor',
    );
    expect(generator.random32()).toBe(new Generator().random32());
  });
});
