import type { BinaryOp, CompareOp, ReduceOp, ShiftOp, UnaryOp, ZipOp } from '../../lang/ir.ts';
import { elementBytes, isMask, type RegisterElement, type Type } from '../../lang/types.ts';
import { constantOf, i32, i64, ifElse, op, scalarType, shapeOf, type Code, type Frame } from './code.ts';

/** Instructions for arithmetic. Every function is given the code of its operands, in the order they run. */

type VectorElement = keyof typeof shapeOf;

/** A vector is never of indices. */
const vectorElement = (element: RegisterElement): VectorElement => element as VectorElement;

export function unary(frame: Frame, name: UnaryOp, { element, lanes }: Type, a: Code): Code {
  if (name === 'not') {
    if (lanes > 1) return op('v128.not', a);
    if (isMask(element)) return op('i32.eqz', a);
    return element === 'i64' ? op('i64.xor', a, i64(-1n)) : op('i32.xor', a, i32(-1));
  }
  if (element === 'f32' || element === 'f64') {
    return op(lanes > 1 ? `${shapeOf[element]}.${name}` : `${element}.${name}`, a);
  }
  const sign = name as 'neg' | 'abs'; // the verifier refuses the others
  if (lanes > 1) return op(element === 'i64' ? `i64x2.${sign}` : `i32x4.${sign}`, a);
  const type = element === 'i64' ? 'i64' : 'i32';
  const zero = type === 'i64' ? i64(0n) : i32(0);
  if (sign === 'neg') return op(`${type}.sub`, zero, a);
  const x = frame.keep(a, type);
  const negated = op(`${type}.sub`, zero, x.value);
  return [...x.before, ...op('select', x.value, negated, op(`${type}.ge_s`, x.value, zero))];
}

/** @param known  the value of b, if that is a constant */
export function binary(
  frame: Frame,
  name: BinaryOp,
  type: Type,
  a: Code,
  b: Code,
  known?: number | bigint,
): Code {
  const { element, lanes } = type;
  switch (name) {
    case 'and':
    case 'or':
    case 'xor':
      return op(lanes > 1 ? `v128.${name}` : `${element === 'i64' ? 'i64' : 'i32'}.${name}`, a, b);
    case 'add':
    case 'sub':
    case 'mul':
      return op(
        lanes > 1 ? `${shapeOf[vectorElement(element)]}.${name}` : `${scalarType[element]}.${name}`,
        a,
        b,
      );
    case 'div':
      if (element === 'f32' || element === 'f64') {
        return op(lanes > 1 ? `${shapeOf[element]}.div` : `${element}.div`, a, b);
      }
      return integerDivision(frame, name, type, a, b);
    case 'rem':
      return integerDivision(frame, name, type, a, b);
    case 'min':
    case 'max':
      return extremeWithConstant(name, type, a, b, Number(known ?? NaN)) ?? extreme(frame, name, type, a, b);
    default:
      return name satisfies never;
  }
}

/**
 * With a constant there is a shorter way, one instruction of most processors: `pmax` is a < b ? b : a, and so a where that is NaN. It errs
 * only about zeros of either sign, which the addition of 0 repairs.
 */
function extremeWithConstant(
  name: 'min' | 'max',
  { element, lanes }: Type,
  a: Code,
  b: Code,
  known: number,
): Code | undefined {
  if (!(element === 'f32' || element === 'f64') || lanes === 1 || Number.isNaN(known)) return undefined;
  const shape = shapeOf[element];
  const constant = element === 'f32' ? Math.fround(known) : known;
  if (!Object.is(constant, name === 'max' ? 0 : -0)) return op(`${shape}.p${name}`, a, b);
  return name === 'max' ? op(`${shape}.add`, op(`${shape}.pmax`, a, b), b) : undefined;
}

/** On floats NaN if either is, and −0 < +0, which is what these instructions give. */
function extreme(frame: Frame, name: 'min' | 'max', { element, lanes }: Type, a: Code, b: Code): Code {
  if (element === 'f32' || element === 'f64') {
    return op(lanes > 1 ? `${shapeOf[element]}.${name}` : `${element}.${name}`, a, b);
  }
  if (lanes > 1 && element !== 'i64') return op(`i32x4.${name}_s`, a, b);
  const kind = lanes > 1 ? 'v128' : element === 'i64' ? 'i64' : 'i32';
  const x = frame.keep(a, kind);
  const y = frame.keep(b, kind);
  const first = compare(name === 'min' ? 'lt' : 'gt', { element, lanes }, x.value, y.value);
  const choose = op(lanes > 1 ? 'v128.bitselect' : 'select', x.value, y.value, first);
  return [...x.before, ...y.before, ...choose];
}

function integerDivision(frame: Frame, name: 'div' | 'rem', type: Type, a: Code, b: Code): Code {
  const { element, lanes } = type;
  const scalar = element === 'i64' ? 'i64' : 'i32';
  if (lanes === 1) return scalarDivision(frame, name, scalar, a, b);
  return byLane(frame, type, element, [a, b], (x, y) => scalarDivision(frame, name, scalar, x, y));
}

/** WebAssembly traps on division by zero and on overflow; here they give 0 and wrap. */
function scalarDivision(frame: Frame, name: 'div' | 'rem', type: 'i32' | 'i64', a: Code, b: Code): Code {
  const divisor = constantOf(b);
  const harmless = divisor !== undefined && divisor !== 0 && divisor !== -1;
  if (harmless) return op(`${type}.${name}_s`, a, b);
  const x = frame.keep(a, type);
  const y = frame.keep(b, type);
  const [zero, one] = type === 'i64' ? [i64(0n), i64(1n)] : [i32(0), i32(1)];
  const divide = op(`${type}.${name}_s`, x.value, y.value);
  const guarded =
    name === 'rem'
      ? ifElse(type, op(`${type}.ne`, y.value, zero), divide, zero)
      : // By 0 or −1, which plus one is 0 or 1, the quotient is the product.
        ifElse(
          type,
          op(`${type}.le_u`, op(`${type}.add`, y.value, one), one),
          op(`${type}.mul`, x.value, y.value),
          divide,
        );
  return [...x.before, ...y.before, ...guarded];
}

/** Takes vectors apart, computes lane by lane, and puts the results together. `type` is the operands'. */
export function byLane(
  frame: Frame,
  { element, lanes }: Type,
  result: RegisterElement,
  operands: readonly Code[],
  compute: (...operands: Code[]) => Code,
): Code {
  const kept = operands.map((code) => frame.keep(code, 'v128'));
  const to = shapeOf[vectorElement(result)];
  let code: Code = [];
  for (let lane = 0; lane < lanes; lane++) {
    const value = compute(...kept.map(({ value }) => extract({ element, lanes }, value, lane)));
    code = lane === 0 ? op(`${to}.splat`, value) : op([`${to}.replace_lane`, lane], code, value);
  }
  return [...kept.flatMap(({ before }) => before), ...code];
}

export function extract({ element }: Type, a: Code, lane: number): Code {
  switch (element) {
    case 'm32':
      return op('i32.and', op(['i32x4.extract_lane', lane], a), i32(1));
    case 'm64':
      return op('i32.and', op(['i32x4.extract_lane', 2 * lane], a), i32(1));
    default:
      return op([`${shapeOf[vectorElement(element)]}.extract_lane`, lane], a);
  }
}

export function splat(element: RegisterElement, a: Code): Code {
  if (isMask(element)) return op('i32x4.splat', op('i32.sub', i32(0), a));
  return op(`${shapeOf[vectorElement(element)]}.splat`, a);
}

export function shift(name: ShiftOp, { element, lanes }: Type, a: Code, amount: Code): Code {
  const suffix = ({ shl: 'shl', shr: 'shr_s', shru: 'shr_u' } as const)[name];
  if (lanes > 1) return op(element === 'i64' ? `i64x2.${suffix}` : `i32x4.${suffix}`, a, amount);
  if (element !== 'i64') return op(`i32.${suffix}`, a, amount);
  const known = constantOf(amount);
  const wide = known === undefined ? op('i64.extend_i32_u', amount) : i64(BigInt(known));
  return op(`i64.${suffix}`, a, wide);
}

export function compare(name: CompareOp, { element, lanes }: Type, a: Code, b: Code): Code {
  if (element === 'f32' || element === 'f64') {
    return op(lanes > 1 ? `${shapeOf[element]}.${name}` : `${element}.${name}`, a, b);
  }
  const signed = name === 'eq' || name === 'ne' ? name : (`${name}_s` as const);
  if (lanes > 1) return op(`${element === 'i64' ? 'i64x2' : 'i32x4'}.${signed}`, a, b);
  return op(`${element === 'i64' ? 'i64' : 'i32'}.${signed}`, a, b);
}

/**
 * a · b + c. Relaxed SIMD rounds it once where the machine can; scalars have no such instruction and go through
 * vectors, so that they round as vectors do.
 */
export function fma(relaxed: boolean, { element, lanes }: Type, a: Code, b: Code, c: Code): Code {
  const scalar = element === 'f64' ? 'f64' : 'f32';
  const shape = shapeOf[scalar];
  if (!relaxed) {
    const kind = lanes > 1 ? shape : scalar;
    return op(`${kind}.add`, op(`${kind}.mul`, a, b), c);
  }
  if (lanes > 1) return op(`${shape}.relaxed_madd`, a, b, c);
  const [x, y, z] = [a, b, c].map((code) => op(`${shape}.splat`, code)) as [Code, Code, Code];
  return op([`${shape}.extract_lane`, 0], op(`${shape}.relaxed_madd`, x, y, z));
}

const combine = { reduceAdd: 'add', reduceMul: 'mul', reduceMin: 'min', reduceMax: 'max' } as const;

/** Lane k with lane k + n/2, until one is left. `type` is the operand's. */
export function reduce(frame: Frame, name: ReduceOp, type: Type, a: Code): Code {
  let before: Code = [];
  let vector = a;
  for (let half = type.lanes / 2; half >= 1; half /= 2) {
    const kept = frame.keep(vector, 'v128');
    before = [...before, ...kept.before];
    const step = half * elementBytes[vectorElement(type.element)];
    const rotated = Array.from({ length: 16 }, (_, byte) => (byte + step) % 16);
    const upper = op(['i8x16.shuffle', rotated], kept.value, kept.value);
    vector = binary(frame, combine[name], type, kept.value, upper);
  }
  return [...before, ...extract(type, vector, 0)];
}

/** Which lane of a followed by b each lane of the result is. */
const zipped: Readonly<Record<ZipOp, (lane: number, lanes: number) => number>> = {
  evens: (k) => 2 * k,
  odds: (k) => 2 * k + 1,
  zipLow: (k, lanes) => (k % 2) * lanes + Math.floor(k / 2),
  zipHigh: (k, lanes) => (k % 2) * lanes + Math.floor((lanes + k) / 2),
};

/** Lanes of two vectors, taken apart or put together. */
export function zip(name: ZipOp, { element, lanes }: Type, a: Code, b: Code): Code {
  const width = elementBytes[vectorElement(element)];
  const bytes = Array.from({ length: 16 }, (_, byte) => {
    const lane = zipped[name](Math.floor(byte / width) % lanes, lanes);
    // A vector may have fewer lanes than there is room for: b's begin at byte 16 all the same.
    return (lane < lanes ? lane * width : 16 + (lane - lanes) * width) + (byte % width);
  });
  return op(['i8x16.shuffle', bytes], a, b);
}

/** Whether any lane of a mask is set. */
export function any({ element, lanes }: Type, a: Code): Code {
  const full = lanes * elementBytes[vectorElement(element)] === 16;
  return full ? op('v128.any_true', a) : op('i64.ne', op(['i64x2.extract_lane', 0], a), i64(0n));
}
