/** The elementwise functions as expressions, for `Backend.map`. */
import * as arithmetic from './arithmetic.ts';
import * as compare from './compare.ts';
import { expression } from './expression.ts';
import * as float from './float.ts';

export const identity = expression('copy', (x) => x);
export const add = expression('add', arithmetic.add);
export const sub = expression('sub', arithmetic.sub);
export const mul = expression('mul', arithmetic.mul);
export const div = expression('div', arithmetic.div);
/** Scalars: alpha. */
export const addScaled = expression('addScaled', arithmetic.addScaled);
/** Scalars: value. */
export const addcmul = expression('addcmul', arithmetic.addcmul);
/** Scalars: value. */
export const addcdiv = expression('addcdiv', arithmetic.addcdiv);
export const lerp = expression('lerp', arithmetic.lerp);
export const truncDivide = expression('truncDivide', arithmetic.truncDivide);
export const neg = expression('neg', arithmetic.neg);
export const abs = expression('abs', arithmetic.abs);
export const sign = expression('sign', arithmetic.sign);
export const square = expression('square', arithmetic.square);
export const reciprocal = expression('reciprocal', arithmetic.reciprocal);
export const sqrt = expression('sqrt', arithmetic.sqrt);
export const rsqrt = expression('rsqrt', arithmetic.rsqrt);
export const maximum = expression('maximum', arithmetic.maximum);
export const minimum = expression('minimum', arithmetic.minimum);
/** Scalars: low, high. */
export const clamp = expression('clamp', arithmetic.clamp);
export const floor = expression('floor', arithmetic.floor);
export const ceil = expression('ceil', arithmetic.ceil);
export const trunc = expression('trunc', arithmetic.trunc);
export const round = expression('round', arithmetic.round);
export const frac = expression('frac', arithmetic.frac);

export const eq = expression('eq', compare.eq);
export const ne = expression('ne', compare.ne);
export const lt = expression('lt', compare.lt);
export const le = expression('le', compare.le);
export const gt = expression('gt', compare.gt);
export const ge = expression('ge', compare.ge);
export const logicalAnd = expression('logicalAnd', compare.logicalAnd);
export const logicalOr = expression('logicalOr', compare.logicalOr);
export const logicalXor = expression('logicalXor', compare.logicalXor);
export const logicalNot = expression('logicalNot', compare.logicalNot);
export const bitwiseAnd = expression('bitwiseAnd', compare.bitwiseAnd);
export const bitwiseOr = expression('bitwiseOr', compare.bitwiseOr);
export const bitwiseXor = expression('bitwiseXor', compare.bitwiseXor);
export const bitwiseNot = expression('bitwiseNot', compare.bitwiseNot);
export const isNaN = expression('isNaN', float.isNaN);
export const isInfinite = expression('isInfinite', float.isInfinite);
export const isFinite = expression('isFinite', float.isFinite);
/** Operands: condition, x, y. */
export const where = expression('where', compare.where);
/** Operands: x, mask. Scalars: value. */
export const maskedFill = expression('maskedFill', compare.maskedFill);
