import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fma32, fma64 } from '../src/fma.ts';
import { fraction, plus, rounded, times } from './exact.ts';

/** a · b + c by definition; a zero may have either sign. */
const exactly = (a: number, b: number, c: number, format: 'f32' | 'f64'): number =>
  rounded(plus(times(fraction(a), fraction(b)), fraction(c)), format);

const checking =
  (fma: (a: number, b: number, c: number) => number, format: 'f32' | 'f64') =>
  (a: number, b: number, c: number): void => {
    const expected = exactly(a, b, c, format);
    expect(fma(a, b, c) + 0, `${a} · ${b} + ${c}`).toBe(expected + 0);
  };

const finite = { noNaN: true, noDefaultInfinity: true };
const runs = { numRuns: 3000 };

describe('fma64', () => {
  const check = checking(fma64, 'f64');
  const double = fc.double({ ...finite, min: -1e150, max: 1e150 });

  it('rounds once, for doubles of all magnitudes', () => {
    fc.assert(fc.property(double, double, double, check), runs);
  });

  it('rounds once where the sum cancels', () => {
    const near = fc.integer({ min: -3, max: 3 });
    fc.assert(
      fc.property(double, double, near, (a, b, ulps) => {
        check(a, b, -a * b * (1 + ulps * 2 ** -52));
      }),
      runs,
    );
  });

  it('rounds once to the middle of two doubles, whichever side the last bits lie', () => {
    for (const tiny of [0, 2 ** -80, -(2 ** -80), 2 ** -106, -(2 ** -106)]) {
      check(1 + 2 ** -27, 1 + 2 ** -26, tiny); // the product ends 2⁻⁵³, half an ulp
      check(2 ** 27 + 1, 2 ** 26 + 1, tiny * 2 ** 53);
      check(tiny, 1, 1 + 2 ** -52);
    }
  });

  it('rounds subnormal results once', () => {
    const small = fc.double({ ...finite, min: -(2 ** -500), max: 2 ** -500 });
    const tiny = fc.double({ ...finite, min: -(2 ** -1020), max: 2 ** -1020 });
    fc.assert(fc.property(small, small, tiny, check), runs);
    fc.assert(fc.property(tiny, fc.double({ ...finite, min: -1, max: 1 }), tiny, check), runs);
  });

  it('does not overflow before the sum does', () => {
    expect(fma64(2 ** 512, 2 ** 512, -(2 ** 1023))).toBe(2 ** 1023);
    expect(fma64(2 ** 1023, 2, 0)).toBe(Infinity);
    expect(fma64(1e300, 1.5, -1e300)).toBe(5e299);
  });

  it('follows IEEE 754 with zeros, infinities and NaN', () => {
    expect(fma64(0, 5, -0)).toBe(0);
    expect(fma64(-0, 5, -0)).toBe(-0);
    expect(fma64(3, -2, 6)).toBe(0);
    expect(fma64(0, Infinity, 1)).toBe(NaN);
    expect(fma64(2, 3, -Infinity)).toBe(-Infinity);
    expect(fma64(1e300, 1e300, -Infinity)).toBe(-Infinity); // the exact product is finite
    expect(fma64(-1e300, 1e300, NaN)).toBe(NaN);
    expect(fma64(1, 2, NaN)).toBe(NaN);
  });
});

describe('fma32', () => {
  const check = checking(fma32, 'f32');
  const float = fc.float(finite);

  it('rounds once, for floats of all magnitudes', () => {
    fc.assert(fc.property(float, float, float, check), runs);
    const usual = fc.float({ ...finite, min: -2, max: 2 });
    fc.assert(fc.property(usual, usual, usual, check), runs);
  });

  it('rounds once where a double’s rounding hits the middle of two floats', () => {
    // The product's last bits are lost in a double beside c, and decide which way half an ulp goes.
    for (const sign of [1, -1]) {
      for (const c of [1, 1 + 2 ** -23, 1 - 2 ** -24]) {
        check(sign * (2 ** -24 + 2 ** -47), 1 - 2 ** -24, c);
        check(sign * (2 ** -24 - 2 ** -48), 1 + 2 ** -23, c);
        check(sign * (2 ** -12 + 2 ** -35), 2 ** -12 + 2 ** -35, c);
        check(sign * 2 ** -25, 1 + 2 ** -23, c);
        check(sign * 2 ** -24, 1, c);
      }
    }
    expect(fma32(2 ** -12 + 2 ** -35, 2 ** -12 + 2 ** -35, 1)).toBe(1 + 2 ** -23);
    expect(fma32(2 ** -12 - 2 ** -36, 2 ** -12, 1)).toBe(1);
  });

  it('rounds subnormal results once', () => {
    const small = fc.float({ ...finite, min: -Math.fround(2 ** -60), max: Math.fround(2 ** -60) });
    const tiny = fc.float({ ...finite, min: -Math.fround(2 ** -125), max: Math.fround(2 ** -125) });
    fc.assert(fc.property(small, small, tiny, check), runs);
  });

  it('overflows where the exact result does', () => {
    const largest = (2 - 2 ** -23) * 2 ** 127;
    expect(fma32(largest, 1, Math.fround(2 ** 102))).toBe(largest);
    expect(fma32(largest, 1, 2 ** 103)).toBe(Infinity);
    expect(fma32(largest, 1, Math.fround(2 ** 103 - 2 ** 80))).toBe(largest);
    expect(fma32(largest, 2, -largest)).toBe(largest);
    expect(fma32(NaN, 1, 1)).toBe(NaN);
  });
});
