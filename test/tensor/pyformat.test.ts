import { describe, expect, it } from 'vitest';
import { fixed, floatRepr, scientific } from '../../src/tensor/pyformat.ts';

/** A double as the exact fraction numerator / denominator. */
function fraction(x: number): [bigint, bigint] {
  let denominator = 1n;
  for (; !Number.isInteger(x); x *= 2) denominator *= 2n;
  return [BigInt(x), denominator];
}

/** numerator / denominator rounded to a whole number, ties to even. */
function roundHalfEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = 2n * (numerator % denominator);
  const up = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

/** '{:.{digits}f}' of x > 0 by exact arithmetic. */
function exactFixed(x: number, digits: number): string {
  const [numerator, denominator] = fraction(x);
  const text = roundHalfEven(numerator * 10n ** BigInt(digits), denominator)
    .toString()
    .padStart(digits + 1, '0');
  return digits === 0 ? text : text.slice(0, -digits) + '.' + text.slice(-digits);
}

/** '{:.{digits}e}' of x > 0 by exact arithmetic. */
function exactScientific(x: number, digits: number): string {
  let [numerator, denominator] = fraction(x);
  let exponent = 0;
  for (; numerator >= 10n * denominator; exponent++) denominator *= 10n;
  for (; numerator < denominator; exponent--) numerator *= 10n;
  let text = roundHalfEven(numerator * 10n ** BigInt(digits), denominator).toString();
  if (text.length > digits + 1) exponent++;
  text = text.slice(0, digits + 1);
  const mantissa = digits === 0 ? text : text[0]! + '.' + text.slice(1);
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

const tiesAndNeighbours = [
  0.5,
  1.5,
  2.5,
  9.5,
  99.5,
  0.125,
  0.375,
  2.00390625,
  1e-5,
  9.99995,
  0.00048828125,
  15,
  25,
  95,
  100005,
  100015,
  999995,
  1e21,
  1.5e22,
  123456789012345680000,
  2 ** 53 - 1,
  25e21,
  5e22,
  5e23,
  1e300,
  5e-324,
  0.1,
  0.3,
  1 / 3,
].flatMap((x) => [x, x * (1 + Number.EPSILON), x * (1 - Number.EPSILON)]);

describe('fixed', () => {
  it.each([0, 1, 2, 4, 8, 20, 50])('agrees with exact arithmetic to %i digits', (digits) => {
    for (const x of tiesAndNeighbours) expect(fixed(x, digits)).toBe(exactFixed(x, digits));
  });

  it('rounds ties to even, where toFixed rounds them up', () => {
    expect([0.5, 1.5, 2.5].map((x) => fixed(x, 0))).toEqual(['0', '2', '2']);
    expect((0.125).toFixed(2)).toBe('0.13');
    expect(fixed(0.125, 2)).toBe('0.12');
  });

  it('keeps the sign of zero and of what rounds to it', () =>
    expect([-0, -0.00001, 0].map((x) => fixed(x, 4))).toEqual(['-0.0000', '-0.0000', '0.0000']));

  it('writes what is not finite in Python’s words', () =>
    expect([NaN, Infinity, -Infinity].map((x) => fixed(x, 4))).toEqual(['nan', 'inf', '-inf']));
});

describe('scientific', () => {
  it.each([0, 1, 2, 4, 8, 20, 50])('agrees with exact arithmetic to %i digits', (digits) => {
    for (const x of tiesAndNeighbours) expect(scientific(x, digits)).toBe(exactScientific(x, digits));
  });

  it('has at least two digits of exponent', () =>
    expect([0, -0, 1.5, 1e-5, 1e100].map((x) => scientific(x, 1))).toEqual([
      '0.0e+00',
      '-0.0e+00',
      '1.5e+00',
      '1.0e-05',
      '1.0e+100',
    ]));
});

describe('floatRepr', () => {
  it.each([
    [1, '1.0'],
    [-0, '-0.0'],
    [0.1, '0.1'],
    [1e-5, '1e-05'],
    [0.0001, '0.0001'],
    [1.25e-7, '1.25e-07'],
    [123456789012345680, '1.2345678901234568e+17'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [-1e100, '-1e+100'],
    [Infinity, 'inf'],
    [NaN, 'nan'],
  ])('writes %d as %s', (x, text) => expect(floatRepr(x)).toBe(text));
});
