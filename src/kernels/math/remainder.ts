/** Division with remainder, exact for floats too. */
import { constant, isFloat, loop, variable, when, type Value } from '../../lang/index.ts';
import { copySign, formatOf, isNaN, like, perFormat, upperHalf } from './float.ts';

/** x − trunc(x / y) · y for 0 ≤ x, 0 < y, where the quotient is less than 2^fraction. */
const remainderOfNear = (x: Value, y: Value): Value => {
  // Half as large, or the product below might overflow.
  const scale = x.gt(formatOf(x).largest / 4).select(like(x, 0.5), 1);
  return remainderOfScaled(x.mul(scale), y.mul(scale)).div(scale);
};
const remainderOfScaled = (x: Value, y: Value): Value => {
  // The rounded quotient may be one too large; its product with y is taken exactly, in halves (Dekker).
  const quotient = x.div(y).trunc();
  const product = quotient.mul(y);
  const qHigh = upperHalf(quotient);
  const qLow = quotient.sub(qHigh);
  const yHigh = upperHalf(y);
  const yLow = y.sub(yHigh);
  const error = qHigh.mul(yHigh).sub(product).add(qHigh.mul(yLow)).add(qLow.mul(yHigh)).add(qLow.mul(yLow));
  const rest = x.sub(product).sub(error);
  return rest.lt(0).select(rest.add(y), rest);
};

/** Bits of the quotient that one step takes off, and how many steps are enough for all floats. */
const steps32 = { bits: 21, count: 14 };
const steps64 = { bits: 51, count: 42 };

/** The remainder for any x ≥ 0, y > 0, both finite: far quotients step by step, from the highest bits. */
const remainderOf = (x: Value, y: Value): Value => {
  const { element, integer, fraction, bias } = formatOf(x);
  const { bits, count } = perFormat(x, steps32, steps64);
  const rest = variable(x);
  when(x.ge(y.mul(2 ** bits)), () => {
    loop(count - 1, (k) => {
      // y · 2^(bits · left), in three factors none of which overflows.
      const left = constant(count - 1, 'i32').sub(k.to('i32'));
      const exponent = left.mul(bits / 3).add(bias);
      const factor = exponent.to(integer).shl(fraction).bits(element).splat(x.lanes);
      const scaled = y.mul(factor).mul(factor).mul(factor);
      const applies = scaled.lt(Infinity).and(rest.ge(scaled));
      rest.set(applies.select(remainderOfNear(rest, scaled), rest));
    });
  });
  return remainderOfNear(rest, y);
};

const fmodFloat = (x: Value, y: Value): Value => {
  const size = x.abs();
  const divisor = y.abs();
  const proper = size.lt(Infinity).and(divisor.gt(0));
  const smaller = size.lt(divisor);
  const general = proper.and(smaller.not());
  const rest = remainderOf(general.select(size, 1), general.select(divisor, 1));
  const unknown = isNaN(y).or(proper.not());
  return unknown.select(like(x, NaN), smaller.select(x, copySign(rest, x)));
};

/** x − trunc(x / y) · y, exact; the sign is x's. Integers by zero give 0. */
export const fmod = (x: Value, y: Value): Value => (isFloat(x.type.element) ? fmodFloat(x, y) : x.rem(y));

/** x − ⌊x / y⌋ · y; the sign is y's. Integers by zero give 0. */
export const remainder = (x: Value, y: Value): Value => {
  const rest = fmod(x, y);
  const other = rest.ne(0).and(rest.lt(0).xor(y.lt(0)));
  return other.select(rest.add(y), rest);
};

/** ⌊x / y⌋ from the exact remainder, as Python and PyTorch have it. */
const floorDivideFloat = (x: Value, y: Value): Value => {
  const rest = fmod(x, y);
  const opposite = rest.ne(0).and(rest.lt(0).xor(y.lt(0)));
  const exact = x.sub(rest).div(y);
  const quotient = opposite.select(exact.sub(1), exact);
  const floor = quotient.floor();
  const rounded = quotient.sub(floor).gt(0.5).select(floor.add(1), floor);
  const signedZero = copySign(like(x, 0), x.div(y));
  return y.eq(0).select(x.div(y), quotient.ne(0).select(rounded, signedZero));
};

const floorDivideInteger = (x: Value, y: Value): Value => {
  const quotient = x.div(y);
  const opposite = x
    .rem(y)
    .ne(0)
    .and(x.lt(0).xor(y.lt(0)));
  return opposite.select(quotient.sub(1), quotient);
};

/** ⌊x / y⌋ */
export const floorDivide = (x: Value, y: Value): Value =>
  isFloat(x.type.element) ? floorDivideFloat(x, y) : floorDivideInteger(x, y);
