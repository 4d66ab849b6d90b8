import { describe, expect, it } from 'vitest';
import {
  bf16ArrayToF32,
  bf16ToF32,
  f16ArrayToF32,
  f16ToF32,
  f32ArrayToBf16,
  f32ArrayToF16,
  f32ToBf16,
  f32ToF16,
} from '../src/half.ts';

interface Format {
  exponentBits: number;
  fractionBits: number;
  widen: (bits: number) => number;
  narrow: (x: number) => number;
  /** The quiet NaN that narrowing gives. */
  nan: number;
}

const formats: [string, Format][] = [
  ['float16', { exponentBits: 5, fractionBits: 10, widen: f16ToF32, narrow: f32ToF16, nan: 0x7e00 }],
  ['bfloat16', { exponentBits: 8, fractionBits: 7, widen: bf16ToF32, narrow: f32ToBf16, nan: 0x7fc0 }],
];

/** IEEE 754's definition of a binary format's value, in double arithmetic, where all of it is exact. */
function definition({ exponentBits, fractionBits }: Format, bits: number): number {
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits >= 2 ** 15 ? -1 : 1;
  const exponent = Math.floor(bits / 2 ** fractionBits) % 2 ** exponentBits;
  const fraction = (bits % 2 ** fractionBits) / 2 ** fractionBits;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * 2 ** (1 - bias) * fraction;
  return sign * 2 ** (exponent - bias) * (1 + fraction);
}

/** Calls `check` for every bit pattern; a plain loop, since 65536 calls of expect would take seconds. */
function everyPattern(check: (bits: number) => boolean): void {
  const failed = Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => !check(bits));
  expect(failed.map((bits) => bits.toString(16))).toEqual([]);
}

/** The next float32 above or below a positive one. */
function neighbour(x: number, step: 1 | -1): number {
  const f = Float32Array.of(x);
  new Int32Array(f.buffer)[0]! += step;
  return f[0]!;
}

describe.each(formats)('%s', (_, format) => {
  const { widen, narrow, nan, fractionBits } = format;
  const infinity = nan & ~(1 << (fractionBits - 1));

  it('has the value that the format defines, for every bit pattern', () =>
    everyPattern((bits) => Object.is(widen(bits), definition(format, bits))));

  it('survives widening and narrowing, for every bit pattern', () =>
    everyPattern((bits) => narrow(widen(bits)) === (Number.isNaN(widen(bits)) ? nan : bits)));

  it('rounds every midpoint to the even neighbour and what lies beside it to the nearer one', () =>
    everyPattern((bits) => {
      const magnitude = bits & 0x7fff;
      const negative = bits & 0x8000;
      if (magnitude >= infinity) return true;
      const low = definition(format, magnitude);
      // The largest number and infinity have the midpoint that they would have if the format went on.
      const high =
        magnitude + 1 === infinity
          ? 2 * low - definition(format, magnitude - 1)
          : definition(format, magnitude + 1);
      const middle = (low + high) / 2;
      const s = negative ? -1 : 1;
      const even = magnitude % 2 === 0 ? magnitude : magnitude + 1;
      return (
        narrow(s * middle) === (negative | even) &&
        narrow(s * neighbour(middle, -1)) === (negative | magnitude) &&
        narrow(s * neighbour(middle, 1)) === (negative | (magnitude + 1))
      );
    }));

  it('keeps infinities and the sign of zero, and makes every NaN one quiet NaN', () => {
    expect(narrow(Infinity)).toBe(infinity);
    expect(narrow(-Infinity)).toBe(infinity | 0x8000);
    expect(narrow(0)).toBe(0);
    expect(narrow(-0)).toBe(0x8000);
    expect(narrow(-1e-60)).toBe(0x8000);
    expect(narrow(1e60)).toBe(infinity);
    expect(narrow(NaN)).toBe(nan);
    const signalling = new Float32Array(Uint32Array.of(0xff800001).buffer);
    expect(narrow(signalling[0]!)).toBe(nan);
  });

  it('rounds a double to float32 first, as PyTorch does', () => {
    const halfStep = 2 ** -(fractionBits + 1);
    expect(narrow(1 + halfStep + 2 ** -40)).toBe(narrow(1)); // above the tie, but float32 does not see it
    expect(narrow(1 + halfStep + 2 ** -23)).toBe(narrow(1) + 1);
  });
});

describe('the bulk forms', () => {
  const patterns = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

  it.each([
    ['float16', f16ArrayToF32, f32ArrayToF16, f16ToF32, f32ToF16] as const,
    ['bfloat16', bf16ArrayToF32, f32ArrayToBf16, bf16ToF32, f32ToBf16] as const,
  ])('convert %s element by element', (_, widenAll, narrowAll, widen, narrow) => {
    const wide = widenAll(patterns);
    expect(wide).toEqual(Float32Array.from(patterns, widen));
    expect(narrowAll(wide)).toEqual(Uint16Array.from(wide, narrow));
    const out = new Float32Array(2);
    expect(widenAll(Uint16Array.of(narrow(1.5), narrow(-2)), out)).toBe(out);
    expect(out).toEqual(Float32Array.of(1.5, -2));
    expect(narrowAll([0.1, 1e30])).toEqual(Uint16Array.of(narrow(0.1), narrow(1e30)));
  });

  it('refuse an output of another length before writing', () => {
    const out = new Float32Array(2);
    expect(() => f16ArrayToF32(Uint16Array.of(1, 2, 3), out)).toThrow(
      'f16ArrayToF32: out has 2 elements, expected 3',
    );
    expect(out).toEqual(new Float32Array(2));
  });
});
