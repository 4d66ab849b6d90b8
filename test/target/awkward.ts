/** Values at which arithmetic goes wrong. */
import { type ElementType } from '../../src/lang/types.ts';

export const awkward: Readonly<Record<ElementType, readonly (number | bigint)[]>> = {
  f32: [
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.7,
    -3.7,
    0.49999997,
    8388607.5,
    16777217,
    1e-45,
    -1e-45,
    1.1754943508222875e-38,
    3.4028234663852886e38,
    -3.4028234663852886e38,
    2147483520,
    2147483648,
    -2147483648,
    -2147483904,
    9223371487098961920,
    9223372036854775808,
    -9223372036854775808,
    Infinity,
    -Infinity,
    NaN,
  ],
  f64: [
    0,
    -0,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.7,
    -3.7,
    0.49999999999999994,
    4503599627370495.5,
    5e-324,
    -5e-324,
    2.2250738585072014e-308,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    2147483647.5,
    2147483648,
    -2147483648,
    -2147483649,
    9223372036854774784,
    9223372036854775808,
    -9223372036854775808,
    16777217,
    1.0000000596046448,
    3.4028235677973366e38,
    7.006492321624085e-46,
    1e-46,
    Infinity,
    -Infinity,
    NaN,
  ],
  i32: [
    0, 1, -1, 2, -2, 7, -7, 10, -10, 65536, 16777217, 123456789, 2147483646, 2147483647, -2147483647,
    -2147483648,
  ],
  i64: [
    0n,
    1n,
    -1n,
    2n,
    -2n,
    7n,
    -7n,
    16777217n,
    2147483647n,
    -2147483648n,
    4294967295n,
    9007199254740993n,
    36028797018963971n,
    9223371761976868863n,
    9223372036854775806n,
    9223372036854775807n,
    -9223372036854775807n,
    -9223372036854775808n,
  ],
};

/** Numbers 0 … n − 1 in a sequence that is the same every time. */
export function sequence(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    // splitmix32
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return Math.floor((((z ^ (z >>> 15)) >>> 0) / 2 ** 32) * n);
  };
}

/**
 * Tuples of awkward values, one column for each operand: all of them if those are at most `limit`, or else so many
 * at random.
 */
export function columns(elements: readonly ElementType[], limit = 1200): (number | bigint)[][] {
  const values = elements.map((element) => awkward[element]);
  const all = values.reduce((n, column) => n * column.length, 1);
  const random = sequence(elements.length);
  const count = Math.ceil(Math.min(all, limit) / 4) * 4;
  const rows = Array.from({ length: count }, (_, row) => {
    let rest = row;
    return values.map((column) => {
      const at = all <= limit ? rest % column.length : random(column.length);
      rest = Math.floor(rest / column.length);
      return column[at]!;
    });
  });
  return elements.map((_, column) => rows.map((row) => row[column]!));
}
