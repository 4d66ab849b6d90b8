/** The elementwise functions as expressions, for `Backend.map`. */
import * as activation from './activation.ts';
import * as arithmetic from './arithmetic.ts';
import * as compare from './compare.ts';
import { expression, prepared } from './expression.ts';
import * as erfs from './erf.ts';
import * as exponential from './exp.ts';
import * as float from './float.ts';
import * as hyperbolic from './inverse-hyperbolic.ts';
import * as inverse from './inverse-trig.ts';
import * as logarithm from './log.ts';
import * as loss from './loss.ts';
import * as powers from './pow.ts';
import * as division from './remainder.ts';
import * as trigonometric from './trig.ts';

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
/** x · a + b */
export const mulAdd = expression('mulAdd', arithmetic.mulAdd);
/** c − a · b */
export const subMul = expression('subMul', arithmetic.subMul);
/** Operands: gradient, its mean, x, the mean of x, factor of the distance, factor of all. */
export const normalizeGrad = expression('normalizeGrad', arithmetic.normalizeGrad);
export const truncDivide = expression('truncDivide', arithmetic.truncDivide);
export const floorDivide = expression('floorDivide', division.floorDivide);
export const remainder = expression('remainder', division.remainder);
export const fmod = expression('fmod', division.fmod);
export const pow = expression('pow', powers.pow);
export const neg = expression('neg', arithmetic.neg);
export const abs = expression('abs', arithmetic.abs);
export const sign = expression('sign', arithmetic.sign);
export const square = expression('square', arithmetic.square);
export const reciprocal = expression('reciprocal', arithmetic.reciprocal);
export const sqrt = expression('sqrt', arithmetic.sqrt);
export const rsqrt = expression('rsqrt', arithmetic.rsqrt);
/** Scalars: what is added to the operand before. */
/** Of x, mean, variance, weight and bias; the number is eps. */
export const normalize = prepared('normalize', 1, arithmetic.normalizing, arithmetic.mulAdd);
export const rsqrtSum = expression('rsqrtSum', arithmetic.rsqrtSum);
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

export const exp = expression('exp', exponential.exp);
export const exp2 = expression('exp2', exponential.exp2);
export const expm1 = expression('expm1', exponential.expm1);
export const sinh = expression('sinh', exponential.sinh);
export const cosh = expression('cosh', exponential.cosh);
export const tanh = expression('tanh', exponential.tanh);
export const sigmoid = expression('sigmoid', exponential.sigmoid);
export const log = expression('log', logarithm.log);
export const log1p = expression('log1p', logarithm.log1p);
export const log2 = expression('log2', logarithm.log2);
export const log10 = expression('log10', logarithm.log10);
export const sin = expression('sin', trigonometric.sin);
export const cos = expression('cos', trigonometric.cos);
export const tan = expression('tan', trigonometric.tan);
export const asin = expression('asin', inverse.asin);
export const acos = expression('acos', inverse.acos);
export const atan = expression('atan', inverse.atan);
/** Operands: y, x. */
export const atan2 = expression('atan2', inverse.atan2);
export const asinh = expression('asinh', hyperbolic.asinh);
export const acosh = expression('acosh', hyperbolic.acosh);
export const atanh = expression('atanh', hyperbolic.atanh);
export const erf = expression('erf', erfs.erf);
export const erfc = expression('erfc', erfs.erfc);

/** Operands of a gradient: grad, x, unless it says otherwise. */
export const relu = expression('relu', activation.relu);
/** Operands: grad, out. */
export const reluGrad = expression('reluGrad', activation.reluGrad);
export const relu6 = expression('relu6', activation.relu6);
/** Operands: grad, x. Scalars: low, high. */
export const clampGrad = expression('clampGrad', activation.clampGrad);
/** Operands: grad, x. Scalars: low, high. */
export const hardtanhGrad = expression('hardtanhGrad', activation.hardtanhGrad);
/** Scalars: threshold, value. */
export const threshold = expression('threshold', activation.threshold);
/** Scalars: threshold. */
export const thresholdGrad = expression('thresholdGrad', activation.thresholdGrad);
/** Scalars: slope. */
export const leakyRelu = expression('leakyRelu', activation.leakyRelu);
export const leakyReluGrad = expression('leakyReluGrad', activation.leakyReluGrad);
/** Scalars: alpha, scale, input scale. */
export const elu = expression('elu', activation.elu);
export const eluGrad = expression('eluGrad', activation.eluGrad);
/** Scalars: beta, threshold. */
export const softplus = expression('softplus', activation.softplus);
export const softplusGrad = expression('softplusGrad', activation.softplusGrad);
export const logSigmoid = expression('logSigmoid', activation.logSigmoid);
export const logSigmoidGrad = expression('logSigmoidGrad', activation.logSigmoidGrad);
/** Operands: grad, out. */
export const sigmoidGrad = expression('sigmoidGrad', activation.sigmoidGrad);
/** Operands: grad, out. */
export const tanhGrad = expression('tanhGrad', activation.tanhGrad);
export const silu = expression('silu', activation.silu);
export const siluGrad = expression('siluGrad', activation.siluGrad);
export const mish = expression('mish', activation.mish);
export const mishGrad = expression('mishGrad', activation.mishGrad);
export const gelu = expression('gelu', activation.gelu);
export const geluGrad = expression('geluGrad', activation.geluGrad);
export const geluTanh = expression('geluTanh', activation.geluTanh);
export const geluTanhGrad = expression('geluTanhGrad', activation.geluTanhGrad);
export const hardswish = expression('hardswish', activation.hardswish);
export const hardswishGrad = expression('hardswishGrad', activation.hardswishGrad);
export const hardsigmoid = expression('hardsigmoid', activation.hardsigmoid);
export const hardsigmoidGrad = expression('hardsigmoidGrad', activation.hardsigmoidGrad);
export const softsign = expression('softsign', activation.softsign);
/** Scalars: lambda. */
export const softshrink = expression('softshrink', activation.softshrink);
export const hardshrink = expression('hardshrink', activation.hardshrink);
export const shrinkGrad = expression('shrinkGrad', activation.shrinkGrad);

/** Operands: x, target. */
export const binaryCrossEntropy = expression('binaryCrossEntropy', loss.binaryCrossEntropy);
/** Operands: grad, x, target. */
export const binaryCrossEntropyGrad = expression('binaryCrossEntropyGrad', loss.binaryCrossEntropyGrad);
/** Operands: x, target. */
export const binaryCrossEntropyWithLogits = expression(
  'binaryCrossEntropyWithLogits',
  loss.binaryCrossEntropyWithLogits,
);
/** Scalars: number of classes, the ignored one. */
export const kindOfTarget = expression('kindOfTarget', loss.kindOfTarget);
