import { describe, expect, it } from 'vitest';
import type { BinaryOp, CompareOp, UnaryOp } from '../../src/lang/ir.ts';
import type { Value } from '../../src/lang/index.ts';
import { maskOf } from '../../src/lang/types.ts';
import { fraction, negative, over, plus, rounded, times, type Fraction } from '../exact.ts';
import { apply } from './apply.ts';

const smallestF32 = 2 ** -149;
const largestF32 = (2 - 2 ** -23) * 2 ** 127;
const smallestF64 = Number.MIN_VALUE;
const largestF64 = Number.MAX_VALUE;
const leastI32 = -(2 ** 31);
const mostI32 = 2 ** 31 - 1;
const leastI64 = -(2n ** 63n);
const mostI64 = 2n ** 63n - 1n;

const f32s = [
  0,
  -0,
  1,
  -1,
  0.1,
  -2.5,
  3,
  1 + 2 ** -23,
  1 - 2 ** -24,
  2 ** 24 - 1,
  7e-20,
  -3e15,
  2 ** -126,
  2 ** -126 - 2 ** -149,
  smallestF32,
  -smallestF32,
  2 ** -140 * 3,
  largestF32,
  -largestF32,
  2 ** 64,
  2 ** -64,
].map(Math.fround);
const f64s = [
  0,
  -0,
  1,
  -1,
  0.1,
  -2.5,
  3,
  1 + 2 ** -52,
  1 - 2 ** -53,
  2 ** 53 - 1,
  7e-200,
  -3e150,
  2 ** -1022,
  2 ** -1022 - smallestF64,
  smallestF64,
  -smallestF64,
  2 ** -1060 * 3,
  largestF64,
  -largestF64,
  2 ** 512,
  2 ** -512,
];
const i32s = [
  0,
  1,
  -1,
  2,
  -3,
  7,
  -7,
  100,
  65537,
  -65536,
  123456789,
  leastI32,
  leastI32 + 1,
  mostI32,
  mostI32 - 1,
];
const i64s = [
  0n,
  1n,
  -1n,
  2n,
  -3n,
  7n,
  -7n,
  65537n,
  2n ** 32n,
  -(2n ** 32n) - 1n,
  2n ** 53n + 1n,
  0x123456789abcdefn,
  leastI64,
  leastI64 + 1n,
  mostI64,
  mostI64 - 1n,
];

/** Every pair of elements, as two columns. */
const pairs = <T>(values: readonly T[]): [T[], T[]] => [
  values.flatMap((a) => values.map(() => a)),
  values.flatMap(() => values),
];

const unary = (op: UnaryOp) => (a: Value) => a[op]();
const binary = (op: BinaryOp) => (a: Value, b: Value) => a[op](b);
/** 1 where the comparison holds, else 0. */
const truth = (op: CompareOp) => (a: Value, b: Value) => a[op](b).bits(integer(a)).neg();
const integer = ({ type }: Value): 'i32' | 'i64' => (maskOf(type.element) === 'm32' ? 'i32' : 'i64');

describe.each([
  ['f32', f32s],
  ['f64', f64s],
] as const)('%s', (format, values) => {
  const [as, bs] = pairs(values);
  const results = (op: BinaryOp): number[] => [
    ...apply(
      format,
      [
        [format, as],
        [format, bs],
      ],
      binary(op),
    ),
  ];

  it.each([
    ['add', plus],
    ['sub', (x: Fraction, y: Fraction) => plus(x, negative(y))],
    ['mul', times],
    ['div', over],
  ] as const)('%s is the exact result, rounded once', (op, exactly) => {
    const got = results(op);
    as.forEach((a, i) => {
      const b = bs[i]!;
      if (op === 'div' && b === 0) return;
      const expected = rounded(exactly(fraction(a), fraction(b)), format);
      // Zero has a sign, which a fraction has not.
      if (expected === 0) expect(got[i] === 0, `${a} ${op} ${b}`).toBe(true);
      else expect(got[i], `${a} ${op} ${b}`).toBe(expected);
    });
  });

  it('sqrt is the exact root, rounded once', () => {
    const positive = values.filter((x) => x > 0);
    const got = apply(format, [[format, positive]], unary('sqrt'));
    const ulp = format === 'f32' ? 2 ** -23 : 2 ** -52;
    positive.forEach((x, i) => {
      // The root lies between the middles towards both neighbours.
      const root = got[i]!;
      const half = fraction(2 ** (Math.floor(Math.log2(root)) - 1) * ulp);
      const square = (y: Fraction): Fraction => times(y, y);
      const less = (p: Fraction, q: Fraction): boolean => p.n * q.d < q.n * p.d;
      expect(less(square(plus(fraction(root), negative(half))), fraction(x)), `√${x}`).toBe(true);
      expect(less(fraction(x), square(plus(fraction(root), half))), `√${x}`).toBe(true);
    });
    expect([...apply(format, [[format, [0, -0, -1, Infinity, NaN]]], unary('sqrt'))]).toEqual([
      0,
      -0,
      NaN,
      Infinity,
      NaN,
    ]);
  });

  it('follows IEEE 754 where there is no exact result', () => {
    const a = [Infinity, Infinity, 0, Infinity, 1, -1, 1, 0, -0, NaN, 1, -Infinity];
    const b = [Infinity, -Infinity, Infinity, Infinity, 0, 0, -0, 0, 0, 1, NaN, 2];
    const run = (op: BinaryOp): number[] => [
      ...apply(
        format,
        [
          [format, a],
          [format, b],
        ],
        binary(op),
      ),
    ];
    expect(run('add')).toEqual([Infinity, NaN, Infinity, Infinity, 1, -1, 1, 0, 0, NaN, NaN, -Infinity]);
    expect(run('sub')).toEqual([NaN, Infinity, -Infinity, NaN, 1, -1, 1, 0, -0, NaN, NaN, -Infinity]);
    expect(run('mul')).toEqual([Infinity, -Infinity, NaN, Infinity, 0, -0, -0, 0, -0, NaN, NaN, -Infinity]);
    expect(run('div')).toEqual([
      NaN,
      NaN,
      0,
      NaN,
      Infinity,
      -Infinity,
      -Infinity,
      NaN,
      NaN,
      NaN,
      NaN,
      -Infinity,
    ]);
  });

  it('min and max give NaN if either is NaN, and order −0 below +0', () => {
    const a = [NaN, 1, NaN, 0, -0, -0, 2, -Infinity];
    const b = [1, NaN, NaN, -0, 0, -0, 3, 5];
    const run = (op: BinaryOp): number[] => [
      ...apply(
        format,
        [
          [format, a],
          [format, b],
        ],
        binary(op),
      ),
    ];
    expect(run('min')).toEqual([NaN, NaN, NaN, -0, -0, -0, 2, -Infinity]);
    expect(run('max')).toEqual([NaN, NaN, NaN, 0, 0, -0, 3, 5]);
  });

  it('rounds to whole numbers, halves to even, the sign of zero kept', () => {
    const x = [
      0.5,
      1.5,
      2.5,
      -0.5,
      -1.5,
      -2.5,
      0.49999997,
      -0.2,
      0.2,
      -0,
      8388609,
      4503599627370497.5,
      -1e300,
      -Infinity,
      NaN,
    ];
    const given = format === 'f32' ? x.map(Math.fround) : x;
    const run = (op: UnaryOp): number[] => [...apply(format, [[format, given]], unary(op))].slice(0, 11);
    expect(run('nearest')).toEqual([0, 2, 2, -0, -2, -2, 0, -0, 0, -0, 8388609]);
    expect(run('floor')).toEqual([0, 1, 2, -1, -2, -3, 0, -1, 0, -0, 8388609]);
    expect(run('ceil')).toEqual([1, 2, 3, -0, -1, -2, 1, -0, 1, -0, 8388609]);
    expect(run('trunc')).toEqual([0, 1, 2, -0, -1, -2, 0, -0, 0, -0, 8388609]);
    const large = [4503599627370497.5, -4503599627370497, 9007199254740991, -Infinity, Infinity, NaN];
    const expected = [4503599627370498, -4503599627370497, 9007199254740991, -Infinity, Infinity, NaN];
    expect([...apply('f64', [['f64', large]], unary('nearest'))]).toEqual(expected);
  });

  it('neg and abs change the sign and nothing else', () => {
    const x = [0, -0, 1.5, -1.5, Infinity, -Infinity, NaN];
    expect([...apply(format, [[format, x]], unary('neg'))]).toEqual([
      -0,
      0,
      -1.5,
      1.5,
      -Infinity,
      Infinity,
      NaN,
    ]);
    expect([...apply(format, [[format, x]], unary('abs'))]).toEqual([
      0,
      0,
      1.5,
      1.5,
      Infinity,
      Infinity,
      NaN,
    ]);
  });

  it('compares as IEEE 754 does: −0 equals +0, and NaN nothing', () => {
    const a = [1, 2, 2, 0, NaN, NaN, 1, -Infinity];
    const b = [2, 1, 2, -0, NaN, 1, NaN, Infinity];
    const bits = format === 'f32' ? 'i32' : 'i64';
    const run = (op: CompareOp): number[] =>
      Array.from(
        apply(
          bits,
          [
            [format, a],
            [format, b],
          ],
          truth(op),
        ),
        Number,
      );
    expect(run('eq')).toEqual([0, 0, 1, 1, 0, 0, 0, 0]);
    expect(run('ne')).toEqual([1, 1, 0, 0, 1, 1, 1, 1]);
    expect(run('lt')).toEqual([1, 0, 0, 0, 0, 0, 0, 1]);
    expect(run('le')).toEqual([1, 0, 1, 1, 0, 0, 0, 1]);
    expect(run('gt')).toEqual([0, 1, 0, 0, 0, 0, 0, 0]);
    expect(run('ge')).toEqual([0, 1, 1, 1, 0, 0, 0, 0]);
  });

  it('fma rounds once when fused and twice when not', () => {
    const tiny = format === 'f32' ? 2 ** -12 : 2 ** -27;
    // (1 + t)² = 1 + 2t + t², of which rounding the product drops t².
    const operands = [
      [1 + tiny, 1 + tiny, 3],
      [1 + tiny, -1 - tiny, 0.5],
      [-1, 1, -0.25],
    ] as const;
    const run = (fused: boolean): number[] => [
      ...apply(
        format,
        operands.map((x) => [format, x] as const),
        (a, b, c) => a.fma(b, c),
        { fused },
      ),
    ];
    expect(run(true)).toEqual([2 * tiny + tiny ** 2, -2 * tiny - tiny ** 2, 1.25]);
    expect(run(false)).toEqual([2 * tiny, -2 * tiny, 1.25]);
  });

  it('fma is the exact result rounded once, for numbers of all magnitudes', () => {
    const cs = [0.1, -2.5, values.at(-2)!, smallestF32, 2 ** 64].map((x) => rounded(fraction(x), format));
    for (const c of cs) {
      const got = apply(
        format,
        [
          [format, as],
          [format, bs],
        ],
        (a, b) => a.fma(b, c),
      );
      as.forEach((a, i) => {
        const b = bs[i]!;
        const sum = plus(times(fraction(a), fraction(b)), fraction(c));
        const expected = rounded(sum, format);
        if (sum.n === 0n) expect(got[i]).toBe(0);
        else expect(got[i], `${a} · ${b} + ${c}`).toBe(expected);
      });
    }
  });
});

describe.each([
  ['i32', i32s, 32],
  ['i64', i64s, 64],
] as const)('%s', (type, values, width) => {
  const wrap = (x: bigint): bigint => BigInt.asIntN(width, x);
  const wholes = values.map(BigInt);
  const [as, bs] = pairs(wholes);
  const big = (x: ArrayLike<number | bigint>): bigint[] => Array.from(x, BigInt);
  const divide = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : a / b);

  it.each<[BinaryOp, (a: bigint, b: bigint) => bigint]>([
    ['add', (a, b) => a + b],
    ['sub', (a, b) => a - b],
    ['mul', (a, b) => a * b],
    ['div', divide],
    ['rem', (a, b) => (b === 0n ? 0n : a - b * divide(a, b))],
    ['min', (a, b) => (a < b ? a : b)],
    ['max', (a, b) => (a < b ? b : a)],
    ['and', (a, b) => a & b],
    ['or', (a, b) => a | b],
    ['xor', (a, b) => a ^ b],
  ])('%s is that of whole numbers, wrapped; dividing by zero gives 0', (op, exactly) => {
    const got = apply(
      type,
      [
        [type, as],
        [type, bs],
      ],
      binary(op),
    );
    expect(big(got)).toEqual(as.map((a, i) => wrap(exactly(a, bs[i]!))));
  });

  it('wraps the least number divided by −1, negated and made positive', () => {
    const least = -(2n ** BigInt(width - 1));
    expect(
      big(
        apply(
          type,
          [
            [type, [least]],
            [type, [-1n]],
          ],
          binary('div'),
        ),
      ),
    ).toEqual([least]);
    expect(
      big(
        apply(
          type,
          [
            [type, [least]],
            [type, [-1n]],
          ],
          binary('rem'),
        ),
      ),
    ).toEqual([0n]);
    expect(big(apply(type, [[type, [least]]], unary('neg')))).toEqual([least]);
    expect(big(apply(type, [[type, [least]]], unary('abs')))).toEqual([least]);
  });

  it('negates, makes positive and complements', () => {
    expect(big(apply(type, [[type, [5, 0, -7]]], unary('neg')))).toEqual([-5n, 0n, 7n]);
    expect(big(apply(type, [[type, [5, 0, -7]]], unary('abs')))).toEqual([5n, 0n, 7n]);
    expect(big(apply(type, [[type, [5, 0, -7]]], unary('not')))).toEqual([-6n, -1n, 6n]);
  });

  it('shifts by constants and by registers, modulo the width', () => {
    for (const amount of [0, 1, 5, 31, 32, 37, 63, 64, 65]) {
      const n = BigInt(amount % width);
      const unsigned = (x: bigint): bigint => BigInt.asUintN(width, x);
      const expected = {
        shl: wholes.map((x) => wrap(x << n)),
        shr: wholes.map((x) => x >> n),
        shru: wholes.map((x) => wrap(unsigned(x) >> n)),
      };
      for (const op of ['shl', 'shr', 'shru'] as const) {
        const message = `${op} by ${amount}`;
        expect(big(apply(type, [[type, wholes]], (x) => x[op](amount))), message).toEqual(expected[op]);
        const inRegister = (x: Value): Value =>
          x[op](x.builder.constant(amount - 128, { element: 'i32', lanes: 1 }));
        expect(big(apply(type, [[type, wholes]], inRegister)), message).toEqual(expected[op]);
      }
    }
  });

  it('compares with sign', () => {
    const run = (op: CompareOp): bigint[] =>
      big(
        apply(
          type,
          [
            [type, as],
            [type, bs],
          ],
          truth(op),
        ),
      );
    const expected = (holds: (a: bigint, b: bigint) => boolean): bigint[] =>
      as.map((a, i) => BigInt(holds(a, bs[i]!)));
    expect(run('eq')).toEqual(expected((a, b) => a === b));
    expect(run('ne')).toEqual(expected((a, b) => a !== b));
    expect(run('lt')).toEqual(expected((a, b) => a < b));
    expect(run('le')).toEqual(expected((a, b) => a <= b));
    expect(run('gt')).toEqual(expected((a, b) => a > b));
    expect(run('ge')).toEqual(expected((a, b) => a >= b));
  });
});

describe('a mask', () => {
  it.each([32, 64])('of %i bits combines, complements and chooses', (width) => {
    const type = width === 32 ? 'f32' : 'f64';
    const a = [1, 1, 0, 0];
    const b = [1, 0, 1, 0];
    const run = (f: (x: Value, y: Value) => Value): number[] => [
      ...apply(
        type,
        [
          [type, a],
          [type, b],
        ],
        (x, y) => f(x.eq(1), y.eq(1)).select(x.mul(0).add(5), -5),
      ),
    ];
    expect(run((x, y) => x.and(y))).toEqual([5, -5, -5, -5]);
    expect(run((x, y) => x.or(y))).toEqual([5, 5, 5, -5]);
    expect(run((x, y) => x.xor(y))).toEqual([-5, 5, 5, -5]);
    expect(run((x) => x.not())).toEqual([-5, -5, 5, 5]);
  });

  it('converts to the other width, and as bits is all ones or none', () => {
    const x = [1, 0, NaN, 4, 5];
    expect([...apply('f64', [['f64', x]], (v) => v.to('f32').gt(0).select(v.mul(0).add(1), -1))]).toEqual([
      1, -1, -1, 1, 1,
    ]);
    expect([...apply('i32', [['f32', x]], (v) => v.gt(0).bits('i32'))]).toEqual([-1, 0, 0, -1, -1]);
    expect([...apply('i64', [['f64', x]], (v) => v.gt(0).bits('i64'))]).toEqual([-1n, 0n, 0n, -1n, -1n]);
    expect([...apply('i64', [['i64', [3, -3]]], (v) => v.gt(0).to('m32').to('m64').bits('i64'))]).toEqual([
      -1n,
      0n,
    ]);
  });
});
