/** What all elementwise ops share: operands broadcast, dtypes promoted, one expression mapped over the elements. */
import type { Expression } from '../device/backend.ts';
import type { View } from '../device/view.ts';
import { dtypes, type Category, type DType } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import type { Value } from '../lang/index.ts';
import { allocateLike, copyOf } from '../tensor/create.ts';
import { backendOf } from '../tensor/devices.ts';
import { checkNoInternalOverlap, checkNoPartialOverlap, overlapOf } from '../tensor/layout.ts';
import { canCast, getDefaultDtype, resultType } from '../tensor/promotion.ts';
import { nearestHalf } from '../tensor/scalar.ts';
import { sameShape, Tensor } from '../tensor/tensor.ts';

/** What an elementwise op takes: a tensor, or a number that stands for a tensor without axes. */
export type Operand = Tensor | number | bigint | boolean;

export interface MapOptions {
  /** Dtype of the result. Default: the operands' promoted dtype. */
  readonly dtype?: DType;
  /** Dtype to compute in. Default: the result's. */
  readonly compute?: DType;
  /** Numbers for the expression that are not operands. */
  readonly scalars?: readonly number[];
  /** Where to write; its shape must be the broadcast one, and its dtype able to hold the result. */
  readonly into?: Tensor | undefined;
}

/** out[i] = expression(operands[i]), broadcast. At least one operand is a tensor. */
export const mapOperands = (
  expression: Expression,
  operands: readonly Operand[],
  { dtype = resultType(...operands), compute = dtype, scalars = [], into }: MapOptions = {},
): Tensor => {
  const tensors = operands.filter((x): x is Tensor => x instanceof Tensor);
  const device = tensors[0]!.device;
  checkDevices(tensors, device);
  if (into) checkOverlap(into, tensors);
  let shape = tensors[0]!.shape;
  for (let k = 1; k < tensors.length; k++) shape = broadcastShapes(shape, tensors[k]!.shape);
  const out = into ?? allocateLike(modelFor(tensors, shape), 'preserve_format', dtype);
  if (into) checkInto(into, shape, dtype);
  const views = tensors.map((x) => broadcastView(into ? apart(x, into) : x, shape));
  const numbers = operands.flatMap((x) => (x instanceof Tensor ? [] : [numberOf(x, compute)]));
  const chosen = tensors.length === operands.length ? expression : withNumbers(expression, operands);
  backendOf(device).map(chosen, compute, out, views, [...numbers, ...scalars]);
  return out;
};

/** A number as an operand of the dtype in which operands meet: in bytes it wraps around, to 16-bit floats it is rounded. */
const numberOf = (x: number | bigint | boolean, compute: DType): number | bigint => {
  if (compute === 'uint8') return Number(BigInt.asUintN(8, BigInt(x)));
  if (compute === 'int8') return Number(BigInt.asIntN(8, BigInt(x)));
  if (typeof x === 'number') return nearestHalf(x, compute);
  return typeof x === 'boolean' ? Number(x) : x;
};

const checkOverlap = (into: Tensor, operands: readonly Tensor[]): void => {
  checkNoInternalOverlap(into);
  for (const x of operands) checkNoPartialOverlap(x, into);
};

/** What is read while `into` is written, in memory that does not change meanwhile. */
const apart = (x: Tensor, into: Tensor): Tensor => (overlapOf(x, into) === 'perhaps' ? copyOf(x) : x);

/** In place, the result must fit the target. */
const checkInto = (into: Tensor, shape: readonly number[], dtype: DType): void => {
  if (!sameShape(into.shape, shape)) {
    throw new RuntimeError(
      `output with shape [${into.shape.join(', ')}] doesn't match the broadcast shape [${shape.join(', ')}]`,
    );
  }
  if (!canCast(dtype, into.dtype)) {
    throw new RuntimeError(
      `result type ${dtypes[dtype].scalarType} can't be cast to the desired output type ${dtypes[into.dtype].scalarType}`,
    );
  }
};

/** The operand whose memory order the result takes: the first that has the result's shape. */
const modelFor = (tensors: readonly Tensor[], shape: readonly number[]): Tensor => {
  const model = tensors.find((x) => sameShape(x.shape, shape));
  return model ?? new Tensor(broadcastView(tensors[0]!, shape), tensors[0]!.device);
};

const checkDevices = (tensors: readonly Tensor[], device: string): void => {
  const other = tensors.find((x) => x.device !== device);
  if (other) {
    throw new RuntimeError(
      `Expected all tensors to be on the same device, but found at least two devices, ${device} and ${other.device}!`,
    );
  }
};

/** @throws RuntimeError when two sizes differ and neither is 1 */
export const broadcastShapes = (a: readonly number[], b: readonly number[]): readonly number[] => {
  if (sameShape(a, b)) return a;
  const ndim = Math.max(a.length, b.length);
  return Array.from({ length: ndim }, (_, axis) => {
    const x = a[axis - ndim + a.length] ?? 1;
    const y = b[axis - ndim + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new RuntimeError(
        `The size of tensor a (${String(x)}) must match the size of tensor b (${String(y)}) at non-singleton dimension ${String(axis)}`,
      );
    }
    return x === 1 ? y : x;
  });
};

/** The tensor repeated to a shape, for reading. */
export const broadcastView = (x: Tensor, shape: readonly number[]): View => {
  if (sameShape(x.shape, shape)) return x.data_;
  const extra = shape.length - x.ndim;
  const strides = shape.map((size, axis) =>
    axis < extra || x.shape[axis - extra] !== size ? 0 : x.strides[axis - extra]!,
  );
  return { ...x.data_, shape, strides };
};

/** The expression with some operands given as numbers: one variant for each pattern. */
const withNumbers = (expression: Expression, operands: readonly Operand[]): Expression => {
  const pattern = operands.map((x) => (x instanceof Tensor ? 't' : 'n')).join('');
  let patterns = variants.get(expression);
  if (patterns === undefined) variants.set(expression, (patterns = new Map<string, Expression>()));
  let variant = patterns.get(pattern);
  if (variant === undefined) {
    variant = {
      name: `${expression.name}.${pattern}`,
      evaluate(given, scalars) {
        const lanes = given[0]!.lanes;
        let tensor = 0;
        let number = 0;
        const all = Array.from(pattern, (kind): Value =>
          kind === 't' ? given[tensor++]! : scalars[number++]!.splat(lanes),
        );
        return expression.evaluate(all, scalars.slice(number));
      },
    };
    patterns.set(pattern, variant);
  }
  return variant;
};
const variants = new WeakMap<Expression, Map<string, Expression>>();

/** The dtype of functions that have no integer results: integers and bools become the default dtype. */
export const floatResult = (...operands: readonly Operand[]): DType => {
  const dtype = resultType(...operands);
  return dtypes[dtype].category === 'float' ? dtype : getDefaultDtype();
};

/** An operand as an op's input: the tensor, or null for a number, which then travels in the parameters. */
export const tensorOf = (x: Operand): Tensor | null => (x instanceof Tensor ? x : null);

/** @throws RuntimeError with PyTorch's text when an operation does not take this kind of number */
export const refuse = (kernel: string, dtype: DType, categories: readonly Category[]): void => {
  if (categories.includes(dtypes[dtype].category)) {
    throw new RuntimeError(`"${kernel}" not implemented for '${dtypes[dtype].scalarType}'`);
  }
};
