/**
 * out[i] = expression(inputs[0][i], …): one kernel for each combination of expression, dtypes and way of walking,
 * made when it is first asked for.
 */
import type { Expression } from '../device/backend.ts';
import { launch, type LaunchArguments, type Region } from '../device/launch.ts';
import { grainOf } from '../device/threads/grain.ts';
import { elementCount, isContiguous, type View } from '../device/view.ts';
import { dtypeCodes, dtypes, type DType } from '../dtype.ts';
import type { KernelDefinition, Spec } from '../lang/index.ts';
import { elementOf, elementwiseKernel, type Step } from './elementwise-kernel.ts';
import { planWalks, type Axis, type Walk } from './walk.ts';

/** `Backend.map` on a CPU. */
export const map = (
  expression: Expression,
  compute: DType,
  out: View,
  inputs: readonly View[],
  scalars: readonly (number | bigint)[] = [],
): void => {
  const views = [out, ...inputs];
  const numbers = scalars.map((x) => numberOf(compute, x));
  if (!views.every(isContiguous)) {
    for (const walk of planWalks(views)) run(expression, compute, views, numbers, walk);
    return;
  }
  const size = elementCount(out.shape);
  if (size > 0) run(expression, compute, views, numbers, flat(views.length, size));
};

/** All views from their first element to their last. */
const flat = (views: number, size: number): Walk => ({
  axes: [{ size, strides: new Array<number>(views).fill(1) }],
  starts: new Array<number>(views).fill(0),
});

/** A number as the compute dtype holds it: fractions are dropped from integers, and bools are 0 or 1. */
const numberOf = (dtype: DType, x: number | bigint): number | bigint => {
  if (dtype === 'bool') return x ? 1 : 0;
  const element = elementOf(dtype);
  if (element === 'i64') return typeof x === 'bigint' ? x : BigInt(Math.trunc(x));
  return element === 'i32' ? Math.trunc(Number(x)) : Number(x);
};

const run = (
  expression: Expression,
  compute: DType,
  views: readonly View[],
  numbers: readonly (number | bigint)[],
  { axes, starts }: Walk,
): void => {
  const [inner, ...outer] = axes as [Axis, ...Axis[]];
  const definition = definitionOf(expression, compute, views, numbers.length, inner.strides, outer.length);
  const args: Record<string, Region | number | bigint> = {};
  let position = 0;
  const give = (argument: Region | number | bigint): void => {
    args[definition.parameters[position++]!.name] = argument;
  };
  for (let k = 0; k < views.length; k++) {
    const { storage, offset, dtype } = views[k]!;
    give({ storage, byteOffset: (offset + starts[k]!) * dtypes[dtype].bytes });
  }
  numbers.forEach(give);
  for (const stride of inner.strides) if (stride > 1) give(stride);
  const bytes = bytesMoved(views, inner);
  if (outer.length === 0) {
    launch(definition, args as LaunchArguments<Spec>, 0, inner.size, { grain: grainOf({ bytes }) });
    return;
  }
  give(inner.size);
  let rows = 1;
  outer.forEach(({ size, strides }, axis) => {
    rows *= size;
    if (axis < outer.length - 1) give(size);
    strides.forEach(give);
  });
  const grain = grainOf({ bytes: bytes * inner.size });
  launch(definition, args as LaunchArguments<Spec>, 0, rows, { grain });
};

/** Bytes that one step of an axis reads and writes. */
const bytesMoved = (views: readonly View[], { strides }: Axis): number => {
  let bytes = 0;
  for (let k = 0; k < views.length; k++) if (strides[k] !== 0) bytes += dtypes[views[k]!.dtype].bytes;
  return Math.max(bytes, 1);
};

const definitions = new WeakMap<Expression, Map<number, KernelDefinition>>();

/** The kernel, found by a number that says what tells it from the expression's other kernels. */
const definitionOf = (
  expression: Expression,
  compute: DType,
  views: readonly View[],
  scalars: number,
  strides: readonly number[],
  outer: number,
): KernelDefinition => {
  let variants = definitions.get(expression);
  if (variants === undefined) definitions.set(expression, (variants = new Map<number, KernelDefinition>()));
  // Digits: 9 dtypes, 3 steps; 2⁵³ has room for eight views.
  let key = (outer * 9 + scalars) * 9 + dtypeCodes[compute];
  for (let k = 0; k < views.length; k++) {
    key = (key * 9 + dtypeCodes[views[k]!.dtype]) * 3 + Math.min(strides[k]!, 2);
  }
  let definition = variants.get(key);
  if (definition === undefined) {
    const operands = views.map(({ dtype }, k) => ({ dtype, step: stepOf(strides[k]!) }));
    definition = elementwiseKernel({ expression, compute, operands, scalars, outer });
    variants.set(key, definition);
  }
  return definition;
};

const stepOf = (stride: number): Step =>
  stride === 0 ? 'repeated' : stride === 1 ? 'contiguous' : 'strided';
