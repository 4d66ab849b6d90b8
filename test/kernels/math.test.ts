import { beforeEach, describe, expect, it } from 'vitest';
import type { Expression } from '../../src/device/backend.ts';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import type { DType } from '../../src/dtype.ts';
import { map } from '../../src/kernels/elementwise.ts';
import * as math from '../../src/kernels/math/index.ts';
import { goldenJson } from '../golden/golden.ts';
import { read, tensor, type Element } from './tensors.ts';

/** Numbers that JSON cannot hold are strings, as every int64 is. */
type Plain = number | string;
interface Case {
  readonly inputs: readonly (readonly Plain[])[];
  readonly out: readonly Plain[];
}
interface Activation extends Case {
  readonly name: string;
  readonly scalars: readonly number[];
  /** How far PyTorch is off. */
  readonly rtol: number;
}
interface Golden {
  /** Correctly rounded to double, by mpmath. */
  readonly elementary: Readonly<Record<string, Case>>;
  /** Of zeros, infinities, NaN and their like, by PyTorch in float32. */
  readonly specials: Readonly<Record<string, Case>>;
  readonly integers: Readonly<Record<'int32' | 'int64', Readonly<Record<string, Case>>>>;
  /** In float64, by PyTorch. */
  readonly activations: readonly Activation[];
}
const golden = goldenJson<Golden>('math.json');
const expressions: Readonly<Partial<Record<string, Expression>>> = math;

const evaluate = (
  name: string,
  dtype: DType,
  inputs: readonly (readonly Element[])[],
  scalars: readonly number[] = [],
): Element[] => {
  const views = inputs.map((values) => tensor(dtype, [values.length], values));
  const out = tensor(dtype, [inputs[0]!.length]);
  map(expressions[name]!, dtype, out, views, scalars);
  return read(out);
};

const numbers = (values: readonly Plain[]): number[] => values.map(Number);

/** The distance in units of the last place that the exact value has in the format. */
const ulps = (actual: number, exact: number, dtype: 'float32' | 'float64'): number => {
  const [fraction, least] = dtype === 'float32' ? [23, -126] : [52, -1022];
  const rounded = dtype === 'float32' ? Math.fround(exact) : exact;
  if (!Number.isFinite(rounded) || !Number.isFinite(actual) || rounded === 0) {
    return Object.is(actual, rounded) ? 0 : Infinity;
  }
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(exact))), least);
  return Math.abs(actual - exact) / 2 ** exponent / 2 ** -fraction;
};

/** What the functions' comments promise, in ulp. */
const bounds: Readonly<Record<string, number>> = {
  exp: 1,
  exp2: 1,
  expm1: 2,
  log: 1,
  log1p: 1,
  log2: 1,
  log10: 1,
  sin: 1,
  cos: 1,
  tan: 3,
  sinh: 3,
  cosh: 3,
  tanh: 2,
  sigmoid: 3,
  asin: 3,
  acos: 2,
  atan: 2,
  atan2: 3,
  asinh: 2,
  acosh: 2,
  atanh: 2,
  erf: 2,
  erfc: 6,
  pow: 1,
};

describe.each(availableTargets())('elementary functions on %s', (target) => {
  beforeEach(() => setTarget(target));

  it.each(Object.entries(golden.elementary))('%s in float64 is within its bound', (name, { inputs, out }) => {
    const actual = evaluate(name, 'float64', inputs.map(numbers)).map(Number);
    const errors = actual.map((y, i) => ulps(y, Number(out[i]), 'float64'));
    // The expected value is itself rounded.
    expect(Math.max(...errors)).toBeLessThanOrEqual(bounds[name]! + 0.5);
  });

  it.each(Object.entries(golden.specials))(
    '%s of special numbers is as in PyTorch',
    (name, { inputs, out }) => {
      const x = inputs.map(numbers);
      const actual = evaluate(name, 'float32', x).map(Number);
      const given = (i: number): string => `${name}(${x.map((values) => values[i]!).join(', ')})`;
      for (const [i, y] of actual.entries()) {
        const expected = Number(out[i]);
        if (unlike(name, x[0]![i]!, x[1]?.[i])) continue;
        if (Number.isFinite(expected) && expected !== 0) {
          expect(Math.abs(y - expected), `${given(i)} = ${y}, not ${expected}`).toBeLessThanOrEqual(
            (bounds[name] ?? 0) * 2.5e-7 * Math.abs(expected) + (name in bounds ? 1.5e-45 : 0),
          );
        } else expect(y, given(i)).toBe(expected);
      }
    },
  );

  it.each(['int32', 'int64'] as const)('divides and raises %s as PyTorch does', (dtype) => {
    const parse = dtype === 'int64' ? BigInt : Number;
    for (const [name, { inputs, out }] of Object.entries(golden.integers[dtype])) {
      const given = inputs.map((values) => values.map((x) => parse(x)));
      expect(evaluate(name, dtype, given), name).toEqual(out.map((x) => parse(x)));
    }
  });

  it.each(golden.activations)('$name $scalars is as in PyTorch', ({ name, inputs, scalars, out, rtol }) => {
    const given = inputs.map(numbers);
    expect(evaluate(name, 'float64', given, scalars).map(Number)).toBeAllclose(numbers(out), {
      rtol,
      atol: 1e-14,
    });
    // In float32 the arguments are rounded, which moves results near zeros and at steps; these stay apart.
    expect(evaluate(name, 'float32', given, scalars).map(Number)).toBeAllclose(numbers(out), {
      rtol: 1e-5,
      atol: 1e-5,
    });
  });
});

/**
 * Where PyTorch's vectors are not what C and PyTorch's own scalars are: quotients by subnormal numbers overflow on the way
 * to a remainder, and of two zeros either may be the larger.
 */
const unlike = (name: string, a: number, b = NaN): boolean =>
  (['fmod', 'remainder', 'floorDivide'].includes(name) && b !== 0 && Math.abs(b) < 2 ** -126) ||
  (['maximum', 'minimum'].includes(name) && a === 0 && b === 0);

/** Numbers in [0, 1), the same every time. */
const random = (() => {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
})();

/** float32 from a range, of all magnitudes, and of all bit patterns. */
const points = (low: number, high: number, count: number): number[] => {
  const float = new Float32Array(1);
  const bits = new Int32Array(float.buffer);
  return Array.from({ length: count }, (_, i) => {
    if (i % 4 < 2) return Math.fround(low + (high - low) * random());
    if (i % 4 === 2) return Math.fround((random() < 0.5 ? -1 : 1) * 2 ** (-30 + 60 * random()));
    bits[0] = random() * 2 ** 32;
    return float[0]!;
  });
};

/** By its series, and its continued fraction (Abramowitz and Stegun 7.1.6, 7.1.14): good for more digits than a float has. */
const erf = (x: number): number => {
  const size = Math.abs(x);
  if (!(size > 0)) return x;
  if (size < 2.5) {
    let term = (2 / Math.sqrt(Math.PI)) * x * Math.exp(-x * x);
    let sum = term;
    for (let n = 1; n < 60; n++) sum += term *= (2 * x * x) / (2 * n + 1);
    return sum;
  }
  let fraction = 0;
  for (let k = 60; k >= 1; k--) fraction = k / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + fraction));
};

const inDoubles: Readonly<Record<string, readonly [(x: number) => number, number, number]>> = {
  exp: [Math.exp, -104, 89],
  exp2: [(x) => 2 ** x, -150, 128],
  expm1: [Math.expm1, -10, 89],
  log: [Math.log, 0, 3],
  log1p: [Math.log1p, -1, 3],
  log2: [Math.log2, 0, 3],
  log10: [Math.log10, 0, 3],
  sin: [Math.sin, -1e5, 1e5],
  cos: [Math.cos, -1e5, 1e5],
  tan: [Math.tan, -100, 100],
  sinh: [Math.sinh, -90, 90],
  cosh: [Math.cosh, -90, 90],
  tanh: [Math.tanh, -3, 3],
  sigmoid: [(x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))), -104, 20],
  asin: [Math.asin, -1, 1],
  acos: [Math.acos, -1, 1],
  atan: [Math.atan, -3, 3],
  asinh: [Math.asinh, -3, 3],
  acosh: [Math.acosh, 1, 3],
  atanh: [Math.atanh, -1, 1],
  erf: [erf, -4, 4],
};

describe.each(availableTargets())('in float32 on %s', (target) => {
  beforeEach(() => setTarget(target));
  const count = target === 'interpret' ? 2_000 : 200_000;

  it.each(Object.entries(inDoubles))('%s is within its bound', (name, [reference, low, high]) => {
    const x = points(low, high, count);
    const actual = evaluate(name, 'float32', [x]);
    let worst = 0;
    let at = NaN;
    for (let i = 0; i < count; i++) {
      const error = ulps(Number(actual[i]), reference(x[i]!), 'float32');
      if (error > worst) [worst, at] = [error, x[i]!];
    }
    expect(worst, `at ${at}`).toBeLessThanOrEqual(bounds[name]!);
  });

  it('pow is within its bound', () => {
    const x = points(0, 3, count).map((v, i) => (i % 3 === 0 ? Math.fround(1 + v * 2 ** -20) : v));
    const y = points(-40, 40, count).map((v, i) => (i % 5 === 0 ? Math.round(v) : v));
    const actual = evaluate('pow', 'float32', [x, y]);
    for (let i = 0; i < count; i++) {
      // C99, other than JavaScript, has 1 for a base of 1 or an exponent of 0, and for −1 to the power ±∞.
      if (x[i] === 1 || y[i] === 0 || (x[i] === -1 && Math.abs(y[i]!) === Infinity)) continue;
      const error = ulps(Number(actual[i]), x[i]! ** y[i]!, 'float32');
      if (error > bounds['pow']!) expect.fail(`${x[i]!} ** ${y[i]!}: ${actual[i]!}, ${error} ulp`);
    }
  });

  it('fmod is exact', () => {
    const x = points(-100, 100, count);
    const y = points(-3, 3, count);
    const actual = evaluate('fmod', 'float32', [x, y]);
    expect(actual).toEqual(x.map((v, i) => v % y[i]!));
  });
});
