import type { F32, F64, V128 } from './row.ts';

/** Numbers as the text format has them: the shortest decimals that are read back as the same bits. */

const view = new DataView(new ArrayBuffer(8));

export function f32Text(value: F32): string {
  if (typeof value === 'number') view.setFloat32(0, value);
  else view.setUint32(0, value.bits);
  const bits = view.getUint32(0);
  const float = view.getFloat32(0);
  return specialText(float, bits >>> 31 !== 0, BigInt(bits & 0x7fffff), 0x400000n) ?? shortest(float);
}

export function f64Text(value: F64): string {
  if (typeof value === 'number') view.setFloat64(0, value);
  else view.setBigUint64(0, value.bits);
  const bits = view.getBigUint64(0);
  const float = view.getFloat64(0);
  return specialText(float, bits >> 63n !== 0n, bits & 0xfffffffffffffn, 0x8000000000000n) ?? `${float}`;
}

/** The text of a NaN with its payload, of an infinity or a negative zero, which `${float}` does not give. */
function specialText(float: number, negative: boolean, payload: bigint, quiet: bigint): string | undefined {
  const sign = negative ? '-' : '';
  if (Number.isNaN(float)) return `${sign}nan${payload === quiet ? '' : `:0x${payload.toString(16)}`}`;
  if (float === Infinity || float === -Infinity) return `${sign}inf`;
  return float === 0 ? `${sign}0` : undefined;
}

/** The shape after the kind of array, and its lanes. */
export function v128Text(value: V128): string {
  if (value instanceof Float32Array) {
    const bits = new Uint32Array(value.buffer, value.byteOffset, 4); // a NaN keeps its payload there
    return `f32x4 ${Array.from(bits, (b) => f32Text({ bits: b })).join(' ')}`;
  }
  if (value instanceof Float64Array) {
    const bits = new BigUint64Array(value.buffer, value.byteOffset, 2);
    return `f64x2 ${Array.from(bits, (b) => f64Text({ bits: b })).join(' ')}`;
  }
  return `i${8 * value.BYTES_PER_ELEMENT}x${value.length} ${value.join(' ')}`;
}

/**
 * The fewest digits that every reader takes for this float32. JavaScript reads a float64 first, which may lie on the
 * border between two float32 where the decimal does not: hence its neighbours must give the float32, too.
 */
function shortest(float: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const decimal = Number(float.toPrecision(digits));
    const near = Math.abs(decimal) * Number.EPSILON;
    if (Math.fround(decimal - near) === float && Math.fround(decimal + near) === float) return `${decimal}`;
  }
  return `${float}`;
}
