/** Uniform real numbers. */
import { RuntimeError } from '../../errors.ts';
import { dtypes, type DType } from '../../dtype.ts';
import {
  elementOf,
  floats,
  general,
  isFloat,
  notImplemented,
  type Elements,
  type FloatDType,
} from './arrays.ts';
import { fma32, fma64 } from '../../fma.ts';
import type { Generator } from './generator.ts';

/**
 * Fills `array` with uniform numbers in [from, to), in the order of memory. Rounding may give `to` itself,
 * as in PyTorch. float64 takes two 32-bit draws for an element, the others one.
 *
 * @param array element storage of `dtype`; float16 and bfloat16 as bit patterns
 * @param dtype a floating-point dtype
 * @throws RuntimeError when from > to, a bound or to − from is out of the dtype's range, or it is no float
 * @see torch.Tensor.uniform_
 */
export function uniformFill(
  array: Elements,
  dtype: DType,
  from: number,
  to: number,
  generator: Generator,
): void {
  if (!isFloat(dtype)) throw notImplemented('check_uniform_bounds', dtype);
  checkBounds(dtype, from, to);
  const { round } = floats[dtype];
  const low = round(from);
  const span = round(round(to) - low);
  if (dtype === 'float64') {
    const out = array as Float64Array;
    for (let i = 0; i < out.length; i++) out[i] = fma64(generator.random53(), span, low);
  } else if (dtype === 'float32') {
    const out = array as Float32Array;
    for (let i = 0; i < out.length; i++) out[i] = fma32(fraction(generator, 24), span, low);
  } else {
    const out = array as Uint16Array;
    const { digits } = floats[dtype];
    const element = elementOf(dtype);
    for (let i = 0; i < out.length; i++) out[i] = element(fma32(fraction(generator, digits), span, low));
  }
}

/** The low `digits` ≤ 30 bits of a 32-bit draw as a fraction, in [0, 1). */
const fraction = (generator: Generator, digits: number): number =>
  (generator.random32() & ((1 << digits) - 1)) / (1 << digits);

/** Fills `values` from `start` on with `digits`-bit fractions, what the normal fills start from. */
export function fillFractions(
  values: Float32Array | Float64Array,
  start: number,
  digits: number,
  generator: Generator,
): void {
  for (let i = start; i < values.length; i++) {
    values[i] = digits === 53 ? generator.random53() : fraction(generator, digits);
  }
}

function checkBounds(dtype: FloatDType, from: number, to: number): void {
  const { max } = floats[dtype];
  const { cName, scalarType } = dtypes[dtype];
  for (const [name, bound] of Object.entries({ from, to })) {
    if (!(Math.abs(bound) <= max)) throw new RuntimeError(`${name} is out of bounds for ${cName}`);
  }
  if (!(from <= to)) {
    throw new RuntimeError(
      `uniform_ expects to return a [from, to) range, but found from=${general(from)} > to=${general(to)}`,
    );
  }
  if (!(to - from <= max)) {
    throw new RuntimeError(
      `uniform_ expects to-from <= std::numeric_limits<${scalarType}>::max(), but found to=${general(to)} ` +
        `and from=${general(from)} which result in to-from to exceed the limit`,
    );
  }
}
