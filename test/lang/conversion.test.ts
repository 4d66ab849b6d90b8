import { describe, expect, it } from 'vitest';
import { constant, index, output, scalar, type ElementType } from '../../src/lang/index.ts';
import { fraction, rounded } from '../exact.ts';
import { apply, column, run } from './apply.ts';

describe('conversions', () => {
  const convert = (
    from: ElementType,
    to: ElementType,
    values: readonly (number | bigint)[],
  ): (number | bigint)[] => [...apply(to, [[from, values]], (x) => x.to(to))];
  const wholes = [
    0n,
    1n,
    -1n,
    2n ** 24n + 1n,
    -(2n ** 31n),
    2n ** 53n + 1n,
    2n ** 54n + 2n ** 30n + 1n,
    -(2n ** 62n) - 2n ** 38n - 1n,
    2n ** 62n + 2n ** 38n,
    2n ** 62n + 2n ** 38n + 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    0x7fffffbfffffffffn,
  ];

  it('from integers to floats round once, to nearest even', () => {
    for (const to of ['f32', 'f64'] as const) {
      expect(convert('i64', to, wholes)).toEqual(wholes.map((x) => rounded(fraction(x), to) + 0));
      const narrow = wholes.map((x) => BigInt.asIntN(32, x));
      expect(convert('i32', to, narrow)).toEqual(narrow.map((x) => rounded(fraction(x), to) + 0));
    }
    expect(convert('i32', 'f32', [16777217, 16777219])).toEqual([16777216, 16777220]);
  });

  it('from floats to integers truncate, saturate, and make 0 of NaN', () => {
    const x = [
      0.9,
      -0.9,
      1.5,
      -1.5,
      2147483520,
      -2147483648,
      2147483648,
      -3e9,
      1e30,
      -1e30,
      Infinity,
      -Infinity,
      NaN,
      -0,
    ];
    const i32 = [
      0, 0, 1, -1, 2147483520, -2147483648, 2147483647, -2147483648, 2147483647, -2147483648, 2147483647,
      -2147483648, 0, 0,
    ];
    const most = 2n ** 63n - 1n;
    const i64 = [
      0n,
      0n,
      1n,
      -1n,
      2147483520n,
      -2147483648n,
      2147483648n,
      -3000000000n,
      most,
      -most - 1n,
      most,
      -most - 1n,
      0n,
      0n,
    ];
    for (const from of ['f32', 'f64'] as const) {
      expect(convert(from, 'i32', x)).toEqual(i32);
      expect(convert(from, 'i64', x)).toEqual(i64);
    }
    expect(convert('f64', 'i32', [2147483647.9, 2147483646.9, -2147483648.9])).toEqual([
      2147483647, 2147483646, -2147483648,
    ]);
    expect(convert('f64', 'i64', [2 ** 63, 2 ** 63 - 1024, -(2 ** 63)])).toEqual([
      most,
      most - 1023n,
      -most - 1n,
    ]);
  });

  it('between integers wrap or keep the sign', () => {
    expect(convert('i64', 'i32', wholes)).toEqual(wholes.map((x) => Number(BigInt.asIntN(32, x))));
    expect(convert('i32', 'i64', [-1, 7, -(2 ** 31)])).toEqual([-1n, 7n, -2147483648n]);
  });

  it('between floats round once, subnormals and overflow included', () => {
    const x = [
      0.1,
      -0,
      1 + 2 ** -24,
      1 + 2 ** -24 + 2 ** -50,
      2 ** -149,
      2 ** -150,
      2 ** -150 * 1.5,
      3.5e38,
      -1e300,
      3.4028235677973366e38,
      Infinity,
      NaN,
    ];
    const f32 = convert('f64', 'f32', x);
    expect(f32.slice(0, -2)).toEqual(
      x.slice(0, -2).map((v) => (Object.is(v, -0) ? -0 : rounded(fraction(v), 'f32'))),
    );
    expect(f32.slice(-2)).toEqual([Infinity, NaN]);
    expect(convert('f32', 'f64', [0.1, NaN, -Infinity])).toEqual([0.10000000149011612, NaN, -Infinity]);
  });

  it('to and from an index keep its sign', () => {
    const through = (from: ElementType, x: number | bigint, to: ElementType): number | bigint => {
      const out = column(to, [0]);
      run({ x: scalar(from), out: output(to) }, [x, out], ({ x, out }) => out.set(0, x.to('index').to(to)));
      return out[0]!;
    };
    expect(through('i32', -5, 'i64')).toBe(-5n);
    expect(through('i64', 2n ** 40n + 3n, 'i32')).toBe(3);
    expect(through('i64', 2n ** 40n, 'f32')).toBe(2 ** 40);
    expect(through('f64', -0.5, 'f64')).toBe(0);
    expect(through('f32', NaN, 'i32')).toBe(0);
  });

  it('of bits keep them, also those of a NaN', () => {
    const floats = [1, -0, Infinity, 0.1];
    expect([...apply('i32', [['f32', floats]], (x) => x.bits('i32'))]).toEqual([
      0x3f800000,
      -(2 ** 31),
      0x7f800000,
      0x3dcccccd,
    ]);
    expect([...apply('i64', [['f64', floats]], (x) => x.bits('i64'))]).toEqual([
      0x3ff0000000000000n,
      -(2n ** 63n),
      0x7ff0000000000000n,
      0x3fb999999999999an,
    ]);
    const signalling = [0x7f800001, -1, 0x7fc12345];
    expect([...apply('i32', [['i32', signalling]], (x) => x.bits('f32').bits('i32'))]).toEqual(signalling);
    const wide = [0x7ff0000000000001n, -1n];
    expect([...apply('i64', [['i64', wide]], (x) => x.bits('f64').bits('i64'))]).toEqual(wide);
  });
});

describe('an index', () => {
  it('computes with whole numbers of either sign', () => {
    const out = column('i64', Array<number>(12).fill(0));
    run({ a: index, b: index, out: output('i64') }, [-7, 2 ** 40 + 5, out], ({ a, b, out }) => {
      const results = [
        a.add(b),
        a.sub(b),
        a.mul(3),
        b.div(a),
        b.rem(a),
        a.shl(3),
        b.shr(2),
        a.shr(1),
        a.neg(),
        a.abs(),
        b.and(7).or(2 ** 33),
        a.not().xor(1),
      ];
      results.forEach((x, i) => out.set(i, x.to('i64')));
    });
    const [a, b] = [-7n, 2n ** 40n + 5n];
    expect([...out]).toEqual([
      a + b,
      a - b,
      a * 3n,
      b / a,
      b % a,
      a << 3n,
      b >> 2n,
      a >> 1n,
      -a,
      7n,
      5n | (2n ** 33n),
      ~a ^ 1n,
    ]);
  });

  it('gives 0 when divided by 0', () => {
    const out = column('i64', [9, 9]);
    run({ a: index, out: output('i64') }, [0, out], ({ a, out }) => {
      out.set(0, constant(5, 'index').div(a).to('i64'));
      out.set(1, constant(5, 'index').rem(a).to('i64'));
    });
    expect([...out]).toEqual([0n, 0n]);
  });
});
