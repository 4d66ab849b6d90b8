/** Rows of lanes taken apart and put together. */
import type { Register, ZipOp } from '../../lang/ir.ts';
import { elementBits, low, type Context } from './context.ts';
import type { Vector } from './operands.ts';

export const zip = (x: Context, op: ZipOp, dst: Register, a: Register, b: Register): void => {
  const to = x.place(dst) as Vector;
  const [p, q] = [x.vector(a), x.vector(b)];
  const { lanes } = dst.type;
  const bits = elementBits(dst.type);
  const size = lanes * bits;
  if (lanes === 2) pairUp(x, op, to, p, q, bits);
  else if (x.avx512 && size > 128) permute(x, op, to, p, q, lanes, bits);
  else if (op === 'evens' || op === 'odds') {
    takeApart(x, op, to, p, q, bits);
    if (size > 128) x.emit('vpermpd', to, to, 0xd8);
  } else if (size > 128) {
    const [lower, upper] = [x.temporaryLike(to), x.temporaryLike(to)];
    x.emit(bits === 32 ? 'vunpcklps' : 'vunpcklpd', lower, p, q);
    x.emit(bits === 32 ? 'vunpckhps' : 'vunpckhpd', upper, p, q);
    x.emit('vperm2f128', to, lower, upper, op === 'zipLow' ? 0x20 : 0x31);
  } else x.emit(op === 'zipLow' ? 'vunpcklps' : 'vunpckhps', to, p, q);
};

/** Within each 128 bits: those of `a`, then those of `b`. */
const takeApart = (x: Context, op: ZipOp, to: Vector, a: Vector, b: Vector, bits: number): void => {
  if (bits === 32) x.emit('vshufps', to, a, b, op === 'evens' ? 0x88 : 0xdd);
  else x.emit(op === 'evens' ? 'vunpcklpd' : 'vunpckhpd', to, a, b);
};

/** Of two lanes: the first of both, or the second of both. */
const pairUp = (x: Context, op: ZipOp, to: Vector, a: Vector, b: Vector, bits: number): void => {
  const first = op === 'evens' || op === 'zipLow';
  if (bits === 64) x.emit(first ? 'vunpcklpd' : 'vunpckhpd', low(to), low(a), low(b));
  else {
    const both = x.lir.vector(128);
    x.emit('vunpcklps', both, low(a), low(b));
    if (first) x.move(low(to), both);
    else x.emit('vunpckhpd', low(to), both, both);
  }
};

const permute = (
  x: Context,
  op: ZipOp,
  to: Vector,
  a: Vector,
  b: Vector,
  lanes: number,
  bits: number,
): void => {
  const from = (k: number): number => {
    if (op === 'evens') return 2 * k;
    if (op === 'odds') return 2 * k + 1;
    const half = op === 'zipHigh' ? lanes / 2 : 0;
    return half + (k >> 1) + (k % 2) * lanes;
  };
  const order = x.temporaryLike(to);
  const chosen = x.lir.constant(`${op} ${String(lanes)} ${String(bits)}`, () => {
    const bytes = new Uint8Array((lanes * bits) / 8);
    for (let k = 0; k < lanes; k++) bytes[(k * bits) / 8] = from(k);
    return bytes;
  });
  x.emit('vmovups', order, chosen);
  x.emit(bits === 32 ? 'vpermi2ps' : 'vpermi2pd', order, a, b);
  x.move(to, order);
};
