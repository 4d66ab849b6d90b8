/** Comparing numbers in bulk: the matchers behind `expect(x).toBeAllclose(y)` and `expect(x).toEqualBits(y)`. */

/** A JavaScript typed array. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

export type Nested = number | readonly Nested[];

/** What can be compared: a number, an array, nested or not, a typed array, or a tensor (known by its methods). */
export type Values =
  | Nested
  | TypedArray
  | { readonly shape?: readonly number[]; toTypedArray(): TypedArray | readonly number[] };

export interface Tolerance {
  /** Allowed difference relative to the expected value. Default 1e-5. */
  rtol?: number;
  /** Allowed absolute difference. Default 1e-8. */
  atol?: number;
}

interface Verdict {
  pass: boolean;
  message: () => string;
}

interface Flat {
  readonly values: ArrayLike<number | bigint>;
  /** Absent for a flat array, which may stand for any shape of its length. */
  readonly shape?: readonly number[];
}

export function toBeAllclose(
  received: unknown,
  expected: unknown,
  { rtol = 1e-5, atol = 1e-8 }: Tolerance = {},
): Verdict {
  const a = flatten(received, 'received');
  const b = flatten(expected, 'expected');
  const mismatch = sizeMismatch(a, b);
  if (mismatch !== undefined) return { pass: false, message: () => mismatch };

  let bad = 0;
  let worst = -1;
  let worstExcess = 0;
  for (let i = 0; i < a.values.length; i++) {
    const x = Number(a.values[i]);
    const y = Number(b.values[i]);
    const excess = excessOf(x, y, rtol, atol);
    if (excess <= 0) continue;
    bad++;
    if (excess > worstExcess) {
      worst = i;
      worstExcess = excess;
    }
  }
  const pass = bad === 0;
  return {
    pass,
    message: () => {
      if (pass) return `all ${a.values.length} elements are close (rtol ${rtol}, atol ${atol})`;
      const x = Number(a.values[worst]);
      const y = Number(b.values[worst]);
      return (
        `${bad} of ${a.values.length} elements differ; worst at ${place(worst, a.shape ?? b.shape)}: ` +
        `got ${show(x)}, expected ${show(y)}, difference ${Math.abs(x - y).toPrecision(3)}, ` +
        `allowed ${(atol + rtol * Math.abs(y)).toPrecision(3)} (rtol ${rtol}, atol ${atol})`
      );
    },
  };
}

export function toEqualBits(received: unknown, expected: unknown): Verdict {
  const a = flatten(received, 'received');
  const b = flatten(expected, 'expected');
  for (const [side, { values }] of [
    ['received', a],
    ['expected', b],
  ] as const) {
    if (!ArrayBuffer.isView(values)) {
      throw new TypeError(`toEqualBits: ${side} must be a typed array or a tensor; its bits are unknown`);
    }
  }
  const mismatch = sizeMismatch(a, b) ?? kindMismatch(a, b);
  if (mismatch !== undefined) return { pass: false, message: () => mismatch };

  // Object.is is equality of bits but for NaN, of which it knows one: what we want.
  let bad = 0;
  let first = -1;
  for (let i = 0; i < a.values.length; i++) {
    if (Object.is(a.values[i], b.values[i])) continue;
    if (bad++ === 0) first = i;
  }
  const pass = bad === 0;
  return {
    pass,
    message: () =>
      pass
        ? `all ${a.values.length} elements are equal bit for bit`
        : `${bad} of ${a.values.length} elements differ; first at ${place(first, a.shape ?? b.shape)}: ` +
          `got ${bits(a.values, first)}, expected ${bits(b.values, first)}`,
  };
}

/** How far a difference goes beyond what is allowed; at most 0 where the two are close. */
function excessOf(x: number, y: number, rtol: number, atol: number): number {
  if (Object.is(x, y) || x === y) return 0;
  const excess = Math.abs(x - y) - (atol + rtol * Math.abs(y));
  // One is NaN, or infinities meet: Infinity − Infinity and rtol·Infinity are NaN or swallow the difference.
  return Number.isFinite(x) && Number.isFinite(y) ? excess : Infinity;
}

function sizeMismatch(a: Flat, b: Flat): string | undefined {
  if (a.shape !== undefined && b.shape !== undefined && a.shape.join() !== b.shape.join()) {
    return `shape is [${a.shape.join(', ')}], expected [${b.shape.join(', ')}]`;
  }
  if (a.values.length !== b.values.length) {
    return `has ${a.values.length} elements, expected ${b.values.length}`;
  }
  return undefined;
}

function kindMismatch(a: Flat, b: Flat): string | undefined {
  const [got, want] = [a.values.constructor.name, b.values.constructor.name];
  return got === want ? undefined : `is a ${got}, expected a ${want}`;
}

function flatten(x: unknown, side: string): Flat {
  if (typeof x === 'number') return { values: [x], shape: [] };
  if (isTypedArray(x)) return { values: x };
  if (Array.isArray(x)) return flattenArray(x as readonly unknown[], side);
  if (typeof x === 'object' && x !== null && 'toTypedArray' in x && typeof x.toTypedArray === 'function') {
    const values = (x.toTypedArray as () => ArrayLike<number | bigint>).call(x);
    return 'shape' in x && Array.isArray(x.shape) ? { values, shape: x.shape as number[] } : { values };
  }
  throw new TypeError(
    `${side} must be a number, an array of numbers, a typed array or a tensor, got ${typeof x}`,
  );
}

/** A nested array is as good as a tensor: it has a shape, and a ragged one is refused. */
function flattenArray(x: readonly unknown[], side: string): Flat {
  const shape: number[] = [];
  for (let level: unknown = x; Array.isArray(level); level = (level as unknown[])[0])
    shape.push(level.length);
  const values: number[] = [];
  const visit = (item: unknown, depth: number): void => {
    if (Array.isArray(item) && item.length === shape[depth]) {
      for (const inner of item as unknown[]) visit(inner, depth + 1);
    } else if (typeof item === 'number' && depth === shape.length) {
      values.push(item);
    } else {
      throw new TypeError(`${side} must be an array of numbers in which every row has the same length`);
    }
  };
  visit(x, 0);
  return shape.length > 1 ? { values, shape } : { values };
}

const isTypedArray = (x: unknown): x is TypedArray => ArrayBuffer.isView(x) && !(x instanceof DataView);

function place(index: number, shape: readonly number[] | undefined): string {
  if (shape === undefined || shape.length < 2) return `[${index}]`;
  const coordinates: number[] = [];
  let rest = index;
  for (const size of shape.toReversed()) {
    coordinates.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${coordinates.join(', ')}]`;
}

const show = (x: number | bigint): string => (Object.is(x, -0) ? '-0' : String(x));

/** A value with its bits, for the difference that printing a number does not show. */
function bits(values: ArrayLike<number | bigint>, index: number): string {
  const value = values[index];
  const view = values as unknown as Uint8Array;
  const size = view.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(view.buffer, view.byteOffset + index * size, size);
  const hex = Array.from(bytes.toReversed(), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${show(value ?? NaN)} (0x${hex})`;
}
