/** Reductions of a vector's lanes. */
import type { ReduceOp, Register } from '../../lang/ir.ts';
import { isFloat, type Type } from '../../lang/types.ts';
import { elementBits, low, vectorBits, type Context } from './context.ts';
import type { Gpr, Vector } from './operands.ts';
import { extremumOf, packed, suffix } from './select-float.ts';
import { extremumVector, multiplyLong } from './select-integer.ts';
import { upperHalf } from './select-lanes.ts';

/** Lanes combined, halving. */
export const reduce = (x: Context, op: ReduceOp, dst: Register, a: Register): void => {
  const { type } = a;
  let value = x.vector(a);
  let { lanes } = type;
  while (lanes > 1) {
    const here: Type = { element: type.element, lanes };
    lanes /= 2;
    const half: Type = { element: type.element, lanes };
    const other = shiftedDown(x, value, here);
    const bits = vectorBits(half);
    const result = x.lir.vector(bits);
    combine(x, op, result, { ...value, bits }, { ...other, bits }, half);
    value = result;
  }
  if (isFloat(type.element)) x.move(x.place(dst), low(value));
  else {
    const to = x.place(dst) as Gpr;
    x.emit(elementBits(type) === 32 ? 'vmovd' : 'vmovq', { ...to, bits: elementBits(type) }, low(value));
  }
};

/** A vector's upper half of lanes moved to the lower. */
const shiftedDown = (x: Context, value: Vector, type: Type): Vector => {
  const size = type.lanes * elementBits(type);
  if (size > 128) return upperHalf(x, { ...value, bits: size as Vector['bits'] });
  const other = x.lir.vector(128);
  if (size === 128) x.emit('vunpckhpd', other, low(value), low(value));
  else x.emit('vpshufd', other, low(value), 1);
  return other;
};

const combine = (x: Context, op: ReduceOp, to: Vector, a: Vector, b: Vector, type: Type): void => {
  if (isFloat(type.element)) {
    if (op === 'reduceMin' || op === 'reduceMax') {
      extremumOf(x, op === 'reduceMin' ? 'min' : 'max', to, a, b, type);
    } else
      x.emit(
        `v${op === 'reduceAdd' ? 'add' : 'mul'}${type.lanes > 1 ? packed(type) : suffix(type)}`,
        to,
        a,
        b,
      );
    return;
  }
  const wide = elementBits(type) === 64;
  switch (op) {
    case 'reduceAdd':
      x.emit(wide ? 'vpaddq' : 'vpaddd', to, a, b);
      break;
    case 'reduceMul':
      if (!wide) x.emit('vpmulld', to, a, b);
      else if (x.avx512) x.emit('vpmullq', to, a, b);
      else multiplyLong(x, to, a, b);
      break;
    case 'reduceMin':
    case 'reduceMax':
      extremumVector(x, op === 'reduceMin' ? 'min' : 'max', to, a, b, type);
  }
};
