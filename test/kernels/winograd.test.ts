/** Winograd's algorithms: their matrices, exactness, errors, and every kind of convolution that they compute. */
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { availableTargets, currentTarget, interpreter, setTarget } from '../../src/device/target.ts';
import type { ConvGeometry } from '../../src/device/backend.ts';
import { getNumThreads, setNumThreads } from '../../src/device/threads/number.ts';
import { withGrain } from '../../src/device/threads/share.ts';
import type { checkedLaunch } from './checked-launch.ts';
import { outcomes, type Case } from './conv-cases.ts';
import { setSmallCaches } from './small-caches.ts';
import { around, cases, largeCases, rounds, three } from './winograd-cases.ts';
import { laidOut } from './tensors.ts';

const checking = vi.hoisted(() => ({ launch: null as typeof checkedLaunch | null }));
vi.mock('../../src/device/launch.ts', async (original) => {
  const real = await original<{ launch: typeof checkedLaunch }>();
  const launch: typeof checkedLaunch = (...args) => {
    (checking.launch ?? real.launch)(...args);
  };
  return { ...real, launch };
});
const { chooseCorrelation, withAlgorithm } = await import('../../src/kernels/conv/choose.ts');
const { forward } = await import('../../src/kernels/conv/forward.ts');
const { getFloat32ConvPrecision, setFloat32ConvPrecision } =
  await import('../../src/kernels/conv/precision.ts');
const { cookToom, winogradOf } = await import('../../src/kernels/conv/winograd/matrices.ts');

const before = currentTarget().name;
afterAll(() => {
  setTarget(before);
});
const threadsBefore = getNumThreads();
afterEach(() => {
  setNumThreads(threadsBefore);
  setFloat32ConvPrecision('high');
});

const algorithms = ['winograd2', 'winograd4'] as const;

describe('the matrices', () => {
  /** Output i of F(m, 3) for inputs d and taps g. */
  const filtered = (matrices: ReturnType<typeof cookToom>, d: readonly number[], g: readonly number[]) => {
    const dot = (x: readonly number[], y: readonly number[]): number =>
      x.reduce((sum, value, k) => sum + value * y[k]!, 0);
    const products = matrices.input.map((row, p) => dot(row, d) * dot(matrices.taps[p]!, g));
    return matrices.output.map((row) => dot(row, products));
  };
  const unit = (size: number, at: number): number[] =>
    Array.from({ length: size }, (_, k) => (k === at ? 1 : 0));

  it.each([
    ['F(2, 3)', winogradOf(2), 0],
    ['F(4, 3)', winogradOf(4), 1e-14],
    [
      'F(3, 3) at other points',
      cookToom([
        [0, 1],
        [1, 2],
        [-1, 2],
        [2, 1],
      ]),
      1e-14,
    ],
    [
      'F(3, 2)',
      cookToom(
        [
          [0, 1],
          [1, 1],
          [-1, 1],
        ],
        2,
      ),
      0,
    ],
  ] as const)('of %s filter every pair of an input and a tap', (_, matrices, tolerance) => {
    const taps = matrices.taps[0]!.length;
    for (let k = 0; k < matrices.input.length; k++)
      for (let t = 0; t < taps; t++)
        filtered(matrices, unit(matrices.input.length, k), unit(taps, t)).forEach((y, i) => {
          expect(Math.abs(y - (k === i + t ? 1 : 0))).toBeLessThanOrEqual(tolerance);
        });
  });

  it('of F(2, 3) are those of Lavin and Gray, but for signs', () => {
    const size = (rows: readonly (readonly number[])[]) => rows.map((row) => row.map(Math.abs));
    expect(size(winogradOf(2).output)).toEqual([
      [1, 1, 1, 0],
      [0, 1, 1, 1],
    ]);
    expect(size(winogradOf(2).taps)).toEqual([
      [1, 0, 0],
      [0.5, 0.5, 0.5],
      [0.5, 0.5, 0.5],
      [0, 0, 1],
    ]);
  });
});

/** The largest error, of the largest expected number. */
const worst = (actual: readonly number[], expected: readonly number[]): number => {
  expect(actual.length).toBe(expected.length);
  const most = expected.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  const error = actual.reduce((e, x, i) => {
    const difference = Math.abs(x - expected[i]!);
    return difference <= e ? e : difference;
  }, 0);
  return most === 0 ? error : error / most;
};

describe.each(availableTargets())('Winograd on %s', (target) => {
  it.each(cases)('is exact on integers with tiles of 2 × 2: $name', (test) => {
    setTarget(target);
    withAlgorithm('winograd2', () => {
      for (const dtype of ['float32', 'float64'] as const)
        for (const { what, actual, expected } of outcomes(test, dtype, 'integers'))
          expect(
            actual.map((x) => x + 0),
            `${what}, ${dtype}`,
          ).toEqual(expected.map((x) => x + 0));
    });
  });

  it.each(algorithms)('is close on normal numbers: %s', (algorithm) => {
    setTarget(target);
    const bounds = { float32: 6e-6, float64: 1e-14, float16: 2 ** -11, bfloat16: 2 ** -8 } as const;
    withAlgorithm(algorithm, () => {
      for (const test of cases)
        for (const dtype of ['float32', 'float64', 'float16', 'bfloat16'] as const)
          for (const { what, actual, expected } of outcomes(test, dtype, 'normals'))
            expect(worst(actual, expected), `${test.name}, ${what}, ${dtype}`).toBeLessThan(bounds[dtype]);
    });
  });

  // The interpreter would take minutes.
  it.each(target === 'interpret' ? [] : largeCases)('puts its parts together: $name', (test) => {
    setTarget(target);
    for (const algorithm of algorithms)
      withAlgorithm(algorithm, () => {
        for (const { what, actual, expected } of outcomes(test, 'float32', 'integers'))
          expect(worst(actual, expected), `${algorithm}, ${what}`).toBeLessThan(
            algorithm === 'winograd2' ? 1e-30 : 1e-5,
          );
      });
  });

  it.each(target === 'interpret' ? [] : [1, 3])(
    'puts its rounds together, number of threads: %i',
    (threads) => {
      setSmallCaches(target);
      setNumThreads(threads);
      withGrain(1, () => {
        for (const test of rounds)
          for (const algorithm of algorithms)
            withAlgorithm(algorithm, () => {
              for (const { what, actual, expected } of outcomes(test, 'float32', 'integers'))
                expect(worst(actual, expected), `${test.name}, ${algorithm}, ${what}`).toBeLessThan(
                  algorithm === 'winograd2' ? 1e-30 : 1e-5,
                );
            });
      });
    },
  );

  it.each(
    target === 'interpret'
      ? []
      : ([
          [128, 1e-5],
          [512, 2e-5],
        ] as const),
  )('keeps its promise on normal numbers: %i channels', (channels, bound) => {
    setTarget(target);
    const test: Case = {
      name: 'promise',
      input: [1, channels, 8, 9],
      outs: 16,
      kernel: three,
      padding: around(1),
    };
    const plain = withAlgorithm('direct', () => outcomes(test, 'float32', 'normals'));
    for (const algorithm of algorithms)
      withAlgorithm(algorithm, () => {
        outcomes(test, 'float32', 'normals').forEach(({ what, actual, expected }, k) => {
          const error = worst(actual, expected);
          expect(error, `${algorithm}, ${what}`).toBeLessThan(bound);
          if (algorithm === 'winograd2' && what === 'forward')
            expect(error).toBeLessThan(worst(plain[k]!.actual, expected));
        });
      });
  });
});

describe.each([16, 64])('with vectors of %i bytes', (vectorBytes) => {
  it.each(cases)('Winograd touches its tensors only: $name', async (test) => {
    setTarget(interpreter(vectorBytes));
    checking.launch = (await import('./checked-launch.ts')).checkedLaunch;
    try {
      for (const algorithm of algorithms)
        withAlgorithm(algorithm, () => {
          for (const { what, actual, expected } of outcomes(test, 'float32', 'integers'))
            expect(worst(actual, expected), `${algorithm}, ${what}`).toBeLessThan(
              algorithm === 'winograd2' ? 1e-30 : 1e-5,
            );
        });
    } finally {
      checking.launch = null;
    }
  });
});

describe('setFloat32ConvPrecision', () => {
  const chosen = (dtype: 'float32' | 'float64', channels: number, size: number) => {
    const view = (shape: readonly number[]) => laidOut(dtype, shape, {});
    const geometry: ConvGeometry = { stride: [1, 1], dilation: [1, 1], padding: around(1), groups: 1 };
    const images = view([1, channels, size, size]);
    const correlation = forward(images, images, view([channels, channels, 3, 3]), null, geometry);
    return chooseCorrelation(currentTarget().machine, correlation, 1);
  };

  it("is 'high' by default, which admits tiles of 4 × 4 for float32", () => {
    expect(getFloat32ConvPrecision()).toBe('high');
    setTarget('wasm');
    expect(chosen('float32', 64, 56)).toBe('winograd4');
    expect(chosen('float64', 64, 56)).toBe('winograd2');
    expect(chosen('float32', 2, 5)).toBe('direct');
  });

  it("admits with 'highest' what is at least as exact as a plain sum", () => {
    setFloat32ConvPrecision('highest');
    expect(getFloat32ConvPrecision()).toBe('highest');
    setTarget('wasm');
    expect(chosen('float32', 64, 56)).toBe('winograd2');
  });

  it('refuses other words', () => {
    const wrong = 'medium' as 'high';
    expect(() => {
      setFloat32ConvPrecision(wrong);
    }).toThrow("setFloat32ConvPrecision: precision must be 'high' or 'highest', got 'medium'");
    expect(getFloat32ConvPrecision()).toBe('high');
  });
});
