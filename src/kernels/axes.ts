/** Axes around a kernel's own loops, walked as one: the parallel axis of kernels that work on rows or planes. */
import { index, unroll, type Spec, type Value } from '../lang/index.ts';
import { number, type Named } from './arguments.ts';
import type { Axis } from './walk.ts';

type NumberSpec = typeof index;

const sizeName = (axis: number): string => `size${axis}`;
const strideName = (operand: string, axis: number): string => `${operand}_stride${axis}`;

/** The parameters by which a kernel learns of `count` axes: each one's size, and its stride in every operand. */
export const axisParameters = (count: number, operands: readonly string[]): Record<string, NumberSpec> => {
  const spec: Record<string, NumberSpec> = {};
  for (let axis = 0; axis < count; axis++) {
    if (axis < count - 1) spec[sizeName(axis)] = index;
    for (const operand of operands) spec[strideName(operand, axis)] = index;
  }
  return spec satisfies Spec;
};

/** What is given for them. Of the last, outermost axis the size is not needed. */
export const axisArguments = (axes: readonly Axis[], operands: readonly string[]): Record<string, number> => {
  const args: Record<string, number> = {};
  axes.forEach(({ size, strides }, axis) => {
    if (axis < axes.length - 1) args[sizeName(axis)] = size;
    operands.forEach((operand, k) => (args[strideName(operand, axis)] = strides[k]!));
  });
  return args;
};

/** How many positions axes have together. */
export const positions = (axes: readonly Axis[]): number => axes.reduce((n, { size }) => n * size, 1);

/** Where a position of the axes taken as one, the first varying fastest, lies in every operand, in elements. */
export const axisOffsets = (
  args: Named,
  count: number,
  operands: readonly string[],
  position: Value,
): Value[] => {
  let rest = position;
  const places = unroll(count, (axis) => {
    if (axis === count - 1) return rest;
    const size = number(args, sizeName(axis));
    const turns = rest.div(size);
    const place = rest.sub(turns.mul(size));
    rest = turns;
    return place;
  });
  return operands.map((operand) =>
    places
      .map((place, axis) => place.mul(number(args, strideName(operand, axis))))
      .reduce((sum, distance) => sum.add(distance)),
  );
};
