/**
 * Numbers as Python writes them, for texts that must match PyTorch's letter for letter. JavaScript's toFixed
 * and toExponential work on the exact binary value, too, but round ties away from zero; Python rounds them to
 * even, and writes at least two digits of exponent.
 *
 * @see https://docs.python.org/3/library/string.html#format-specification-mini-language
 */

/** The most digits the functions here can give; JavaScript's limit of 100, less one to look at for a tie. */
export const MAX_DIGITS = 99;

/** Python's `'{:.{digits}f}'.format(x)`. `digits` 0 … {@link MAX_DIGITS}. */
export function fixed(x: number, digits: number): string {
  return signed(x, (magnitude) => {
    if (magnitude >= 1e21) return BigInt(magnitude).toString() + (digits > 0 ? '.' + '0'.repeat(digits) : '');
    if (!isTie(magnitude, -digits)) return magnitude.toFixed(digits);
    const exact = magnitude.toFixed(digits + 1);
    return isEven(exact.at(-2) === '.' ? exact.at(-3) : exact.at(-2))
      ? exact.slice(0, digits === 0 ? -2 : -1)
      : magnitude.toFixed(digits);
  });
}

/** Python's `'{:.{digits}e}'.format(x)`: `1.5000e+00`, `1.0000e-05`. `digits` 0 … {@link MAX_DIGITS}. */
export function scientific(x: number, digits: number): string {
  return signed(x, (magnitude) => {
    const [longer, exponent] = magnitude.toExponential(digits + 1).split('e') as [string, string];
    const before = longer.slice(0, digits === 0 ? 1 : -1);
    // On a tie `longer` is the exact value, so its exponent is that of the number before rounding.
    if (longer.endsWith('5') && isEven(before.at(-1)) && isTie(magnitude, Number(exponent) - digits)) {
      return before + pythonExponent(exponent);
    }
    const [mantissa, roundedExponent] = magnitude.toExponential(digits).split('e') as [string, string];
    return mantissa + pythonExponent(roundedExponent);
  });
}

/** Python's `repr(x)` of a float: the shortest text that reads back as `x`: `1.0`, `1e-05`, `1e+16`, `nan`. */
export function floatRepr(x: number): string {
  return signed(x, (magnitude) => {
    if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
      const [mantissa, exponent] = magnitude.toExponential().split('e') as [string, string];
      return mantissa + pythonExponent(exponent);
    }
    const text = String(magnitude);
    return text.includes('.') ? text : text + '.0';
  });
}

/** Python's words for what is not finite, and a minus sign for negative zero as well. */
function signed(x: number, format: (magnitude: number) => string): string {
  if (Number.isNaN(x)) return 'nan';
  const sign = x < 0 || Object.is(x, -0) ? '-' : '';
  return sign + (Math.abs(x) === Infinity ? 'inf' : format(Math.abs(x)));
}

/** `+5` as `e+05`. */
function pythonExponent(exponent: string): string {
  return `e${exponent[0]!}${exponent.slice(1).padStart(2, '0')}`;
}

const isEven = (digit: string | undefined): boolean => Number(digit) % 2 === 0;

/** Does `x` ≥ 0 lie exactly halfway between two neighbouring multiples of 10^place? Every step is exact. */
function isTie(x: number, place: number): boolean {
  // x = (n + 1/2)·10^place = odd·5^place·2^(place − 1). For place ≤ 0 the odd divisor 5^−place must cancel in
  // a binary fraction, which leaves an odd number over 2^(1 − place).
  if (place <= 0) return (x * 2 ** (1 - place)) % 2 === 1;
  // 5^23 has more bits than a double's fraction.
  return place < 23 && x % Number(`1e${place}`) === Number(`5e${place - 1}`);
}
