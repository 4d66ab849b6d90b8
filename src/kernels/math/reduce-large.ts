/**
 * Reduction of large arguments modulo π/2 (Payne and Hanek, Radian Reduction for Trigonometric Functions, 1983), for one
 * scalar at a time, in integers. x = m · 2ᵉ; of 2/π only those bits matter whose product with x is less than 4 and not
 * too small. The fraction of x · 2/π comes out with more than 60 bits behind the worst cancellation.
 */
import { constant, type Value } from '../../lang/index.ts';
import { bitsOf, formatOf } from './float.ts';

/** 2/π = 0.a2f9836e…, 64 bits each; after 64 zeros, so that a window may begin before the point. */
const twoOverPi: readonly bigint[] = [
  0n,
  0xa2f9836e4e441529n,
  0xfc2757d1f534ddc0n,
  0xdb6295993c439041n,
  0xfe5163abdebbc561n,
  0xb7246e3a424dd2e0n,
  0x06492eea09d1921cn,
  0xfe1deb1cb129a73en,
  0xe88235f52ebb4484n,
  0xe99c7026b45f7e41n,
  0x3991d639835339f4n,
  0x9c845f8bbdf9283bn,
  0x1ff897ffde05980fn,
  0xef2f118b5a0a6d1fn,
  0x6d367ecf27cb09b7n,
  0x4f463f669e5fea2dn,
  0x7527bac7ebe5f17bn,
  0x3d0739f78a5292ean,
  0x6bfb5fb11f8d5d08n,
  0x56033046fc7b6babn,
];

/** π/2 in two doubles. */
const HALF_PI = 1.5707963267948966;
const HALF_PI_LOW = 6.123233995736766e-17;

/** x = n · π/2 + high + low for a finite scalar; n modulo 4 counts, and is an integer of x's width. */
export const reduceLarge = (x: Value): { readonly n: Value; readonly high: Value; readonly low: Value } => {
  const { element, integer, fraction, bias } = formatOf(x);
  const i64 = (value: bigint): Value => constant(BigInt.asIntN(64, value), 'i64');
  const bits = bitsOf(x.abs()).to('i64');
  const m = bits.and(i64((1n << BigInt(fraction)) - 1n)).or(i64(1n << BigInt(fraction)));
  const exponent = bits.shru(fraction).to('i32');

  // The window begins at the bit of 2/π which times 2ᵉ weighs 2: one of more would, times m, be a multiple of 4.
  const begin = exponent.sub(bias + fraction + 2 - 64);
  const longest = 2 * bias - (bias + fraction + 2 - 64);
  const [a, b, c] = window(begin, longest, i64);

  // m · (a, b, c), of which the integer part modulo 4 is in the two highest bits of the first word.
  const second = m.mul(b).add(multiplyHigh(m, c));
  const carry = lessUnsigned(second, m.mul(b));
  const first = m
    .mul(a)
    .add(multiplyHigh(m, b))
    .add(carry.select(i64(1n), i64(0n)));

  const quarter = first.add(i64(1n << 61n)).shru(62);
  const rest = first.sub(quarter.shl(62));
  // The fraction as an exact sum of doubles, in quarters of a turn.
  const top = rest
    .shr(32)
    .to('f64')
    .mul(2 ** -30);
  const middle = rest
    .and(i64(0xffffffffn))
    .to('f64')
    .mul(2 ** -62);
  const bottom = second
    .shru(11)
    .to('f64')
    .mul(2 ** -115);
  const turn = top.add(middle);
  const turnLow = top.sub(turn).add(middle).add(bottom);

  // Times π/2, whose leading part is multiplied exactly in halves (Dekker).
  const product = turn.mul(HALF_PI);
  const turnUpper = upper(turn, i64);
  const piUpper = 1.5707963109016418; // 26 bits
  const piLower = HALF_PI - piUpper;
  const turnLower = turn.sub(turnUpper);
  const error = turnUpper
    .mul(piUpper)
    .sub(product)
    .add(turnUpper.mul(piLower))
    .add(turnLower.mul(piUpper))
    .add(turnLower.mul(piLower));
  const productLow = error.add(turn.mul(HALF_PI_LOW)).add(turnLow.mul(HALF_PI));

  const negative = x.lt(0);
  const sign = (value: Value): Value => negative.select(value.neg(), value);
  const sum = product.add(productLow);
  const high = sum.to(element);
  const low = product.sub(high.to('f64')).add(productLow).to(element);
  return { n: sign(quarter).to(integer), high: sign(high), low: sign(low) };
};

/** Three words of 2/π from a bit on, chosen by the bits of the position: the highest drops the most words. */
const window = (
  begin: Value,
  longest: number,
  i64: (value: bigint) => Value,
): readonly [Value, Value, Value] => {
  const word = begin.shru(6);
  let words = twoOverPi.slice(0, (longest >> 6) + 4).map(i64);
  let step = 1;
  while (2 * step <= longest >> 6) step *= 2;
  for (; step >= 1; step /= 2) {
    const drop = word.and(step).ne(0);
    const kept = Math.min(words.length, 3 + step);
    words = Array.from({ length: kept }, (_, k) => {
      const later = words[k + step];
      return later === undefined ? words[k]! : drop.select(later, words[k]!);
    });
  }
  const shift = begin.and(63);
  const back = constant(63, 'i32').sub(shift);
  const shifted = (k: number): Value => words[k]!.shl(shift).or(words[k + 1]!.shru(1).shru(back));
  return [shifted(0), shifted(1), shifted(2)];
};

/** The upper 64 bits of an unsigned product. */
const multiplyHigh = (x: Value, y: Value): Value => {
  const low = (v: Value): Value => v.and(constant(0xffffffffn, 'i64'));
  const high = (v: Value): Value => v.shru(32);
  const cross = high(low(x).mul(low(y)))
    .add(low(low(x).mul(high(y))))
    .add(high(x).mul(low(y)));
  return high(x)
    .mul(high(y))
    .add(high(low(x).mul(high(y))))
    .add(high(cross));
};

/** x < y as unsigned numbers. */
const lessUnsigned = (x: Value, y: Value): Value => {
  const least = constant(-0x8000000000000000n, 'i64');
  return x.xor(least).lt(y.xor(least));
};

/** A double's upper 26 bits. */
const upper = (x: Value, i64: (value: bigint) => Value): Value =>
  x.bits('i64').and(i64(-0x8000000n)).bits('f64');
