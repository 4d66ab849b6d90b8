/** Random integers, permutations and coin tosses. */
import { RuntimeError } from '../../errors.ts';
import { dtypes, type DType } from '../../dtype.ts';
import { elementOf, floats, general, isFloat, type Elements, type FloatDType } from './arrays.ts';
import type { Generator } from './generator.ts';

const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;
/** The integers that each dtype holds: for floats up to their largest, as far as a long reaches. */
const integerRanges: Readonly<Record<DType, readonly [bigint, bigint]>> = {
  float64: [LONG_MIN, LONG_MAX],
  float32: [LONG_MIN, LONG_MAX],
  bfloat16: [LONG_MIN, LONG_MAX],
  float16: [-65504n, 65504n],
  int64: [LONG_MIN, LONG_MAX],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int8: [-128n, 127n],
  uint8: [0n, 255n],
  bool: [0n, 1n],
};

/**
 * Fills `array` with integers from `low` to `high` − 1, in the order of memory: a draw modulo their number,
 * of 64 bits when there are 2³² of them or more and `dtype` is wider than int32, else of 32.
 *
 * @param array element storage of `dtype`; any dtype
 * @throws RuntimeError when there is no integer between, or one is out of the dtype's range
 * @see torch.randint, torch.Tensor.random_
 */
export function randintFill(
  array: Elements,
  dtype: DType,
  low: number | bigint,
  high: number | bigint,
  generator: Generator,
): void {
  const [from, to] = longRange(dtype, unpackLong('low', low), unpackLong('high', high));
  const span = to - from;
  if (span < 2n ** 32n && from > -(2n ** 52n) && from < 2n ** 52n) {
    fillWithNumbers(array, dtype, Number(from), Number(span), generator);
  } else {
    fillWithLongs(array, dtype, from, span, generator);
  }
}

/** Everything fits in a double: the usual case, and no BigInt is made. */
function fillWithNumbers(
  array: Elements,
  dtype: DType,
  from: number,
  span: number,
  generator: Generator,
): void {
  if (array instanceof BigInt64Array) {
    const words = wordsOf(array);
    for (let i = 0; i < words.length; i += 2) {
      const value = remainder(generator.random32(), span) + from;
      words[i] = value;
      words[i + 1] = Math.floor(value / 2 ** 32);
    }
  } else {
    const element = elementOf(dtype);
    for (let i = 0; i < array.length; i++) array[i] = element(remainder(generator.random32(), span) + from);
  }
}

function fillWithLongs(
  array: Elements,
  dtype: DType,
  from: bigint,
  span: bigint,
  generator: Generator,
): void {
  const element = elementOf(dtype);
  const wide = span >= 2n ** 32n && dtype !== 'int32';
  for (let i = 0; i < array.length; i++) {
    const value = ((wide ? generator.random64() : BigInt(generator.random32())) % span) + from;
    if (array instanceof BigInt64Array) array[i] = value;
    else array[i] = element(isFloat(dtype) ? longToFloat(value, dtype) : Number(value));
  }
}

/**
 * A random order of 0 … n − 1 (Fisher and Yates' shuffle).
 *
 * @throws RuntimeError when n is negative; TypeError when it is no integer
 * @see torch.randperm
 */
export function randperm(n: number, generator: Generator): BigInt64Array {
  if (!Number.isInteger(n))
    throw new TypeError("randperm(): argument 'n' (position 1) must be int, not float");
  if (n < 0) throw new RuntimeError(`Trying to create tensor with negative dimension ${n}: [${n}]`);
  const order = new BigInt64Array(n);
  const words = wordsOf(order);
  for (let i = 0; i < n; i++) words[2 * i] = i;
  for (let i = 0; i < n - 1; i++) {
    const j = i + remainder(generator.random32(), n - i);
    const value = words[2 * i]!;
    words[2 * i] = words[2 * j]!;
    words[2 * j] = value;
  }
  return order;
}

/**
 * Fills `array` with 1 where a 53-bit uniform is less than `p`, else 0, in the order of memory.
 *
 * PyTorch builds with Intel's MKL take these from a stream of MKL's; this is what builds without it do.
 *
 * @param array element storage of `dtype`; any dtype
 * @param p probability of a 1
 * @throws RuntimeError when p is not in [0, 1]
 * @see torch.Tensor.bernoulli_
 */
export function bernoulliFill(array: Elements, dtype: DType, p: number, generator: Generator): void {
  if (!(p >= 0 && p <= 1)) {
    throw new RuntimeError(`bernoulli_ expects p to be in [0, 1], but got p=${general(p)}`);
  }
  const one = elementOf(dtype)(1);
  // Of an int64 every second word is its low one.
  const [out, step] = array instanceof BigInt64Array ? [wordsOf(array.fill(0n)), 2] : [array, 1];
  // A draw is compared with p · 2⁵³, mostly by its high word alone, and without a branch, as nobody could foretell it.
  const bound = p * 2 ** 53;
  const high = Math.floor(bound / 2 ** 32);
  const low = bound - high * 2 ** 32;
  for (let begin = 0; begin < array.length; begin += TOGETHER) {
    const count = Math.min(TOGETHER, array.length - begin);
    const draws = words.subarray(0, 2 * count);
    generator.fill32(draws);
    for (let i = 0; i < count; i++) {
      const difference = (draws[2 * i]! & 0x1fffff) - high;
      let isBelow = difference >>> 31;
      if (difference === 0) isBelow = draws[2 * i + 1]! < low ? 1 : 0;
      out[(begin + i) * step] = isBelow * one;
    }
  }
}

/** Elements that are drawn at a time. */
const TOGETHER = 512;
const words = new Uint32Array(2 * TOGETHER);

/** An int64 array as 32-bit words, low first: writing these makes no BigInts. */
const wordsOf = (array: BigInt64Array): Int32Array =>
  new Int32Array(array.buffer, array.byteOffset, 2 * array.length);

/** For unsigned 32-bit numbers; said so that the engine divides integers. */
const remainder = (draw: number, span: number): number => (draw >>> 0) % (span >>> 0);

function unpackLong(name: string, value: number | bigint): bigint {
  if (typeof value !== 'bigint' && !Number.isInteger(value)) {
    throw new TypeError(`randint(): argument '${name}' must be int, not float`);
  }
  const long = BigInt(value);
  if (long < LONG_MIN || long > LONG_MAX) throw new RuntimeError('Overflow when unpacking long');
  return long;
}

/** The range that integers are really drawn from: for floats, ends that the dtype cannot hold move inwards. */
function longRange(dtype: DType, low: bigint, high: bigint): [from: bigint, to: bigint] {
  if (low >= high) {
    throw new RuntimeError(`random_ expects 'from' to be less than 'to', but got from=${low} >= to=${high}`);
  }
  const [from, to] = isFloat(dtype) ? [raise(low, dtype), lower(high, dtype)] : [low, high];
  if (from >= to) {
    throw new RuntimeError(
      "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, " +
        `but got from=${from} >= to=${to}`,
    );
  }
  const [least, greatest] = integerRanges[dtype];
  for (const [name, bound] of [
    ['from', from],
    ['to - 1', to - 1n],
  ] as const) {
    if (bound < least || bound > greatest) {
      throw new RuntimeError(`${name} is out of bounds for ${dtypes[dtype].cName}`);
    }
  }
  return [from, to];
}

/** at::native::templates::update_from: the least value, when `from` itself is lost in rounding. */
function raise(from: bigint, dtype: FloatDType): bigint {
  const next = floatToLong(longToFloat(from + 1n, dtype));
  return next < from ? next + spacing(from + 1n, dtype) : from;
}

/** at::native::templates::update_to: the same at the other end. */
function lower(to: bigint, dtype: FloatDType): bigint {
  const last = floatToLong(longToFloat(to - 1n, dtype));
  return last >= to ? last - spacing(to - 1n, dtype) : to;
}

/** The distance between values of a float dtype about `x`, which is at least 1 where it is asked for. */
function spacing(x: bigint, dtype: FloatDType): bigint {
  const exponent = (x < 0n ? -x : x).toString(2).length - 1;
  return 1n << BigInt(exponent - floats[dtype].digits + 1);
}

/** A long as a value of a float dtype, rounded once to float64 or float32, then to the narrow ones. */
function longToFloat(value: bigint, dtype: FloatDType): number {
  if (dtype === 'float64' || BigInt.asIntN(54, value) === value) return floats[dtype].round(Number(value));
  // 52 bits and one that tells whether any were dropped: exact in a double, and float32 rounds it as it would
  // have rounded the long.
  const dropped = value & 0x7ffn;
  return floats[dtype].round(Number(dropped === 0n ? value : (value - dropped) | 0x800n));
}

/** The long of a float, as x86 converts: LONG_MIN when it does not fit. */
function floatToLong(x: number): bigint {
  return Math.abs(x) < 2 ** 63 ? BigInt(x) : LONG_MIN;
}
