/** Several tensors changed together, element by element, in one pass over memory. */
import type { UpdateRule } from '../device/backend.ts';
import type { Region } from '../device/launch.ts';
import { grainOf } from '../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import {
  eachLane,
  inout,
  input,
  kernel,
  scalar,
  unroll,
  type KernelDefinition,
  type Spec,
} from '../lang/index.ts';
import { launchNamed, number, pointer, region } from './arguments.ts';
import { contiguous, writable } from './compact.ts';
import { elementOf } from './elementwise-kernel.ts';

/** `Backend.update` on a CPU. */
export const update = (
  rule: UpdateRule,
  changed: readonly View[],
  read: readonly View[],
  scalars: readonly number[],
): void => {
  const [{ dtype, shape }] = changed as [View, ...View[]];
  const count = elementCount(shape);
  if (count === 0) return;
  const alike = isDense(changed[0]!) && [...changed, ...read].every((view) => sameStrides(view, changed[0]!));
  const targets = changed.map((view) => (alike ? ([view, null] as const) : writable(view, true)));
  const sources = read.map((view) => (alike ? view : contiguous(view)));
  const args: Record<string, Region | number> = {};
  targets.forEach(([view], k) => (args[`x${String(k)}`] = region(view)));
  sources.forEach((view, k) => (args[`y${String(k)}`] = region(view)));
  scalars.forEach((value, k) => (args[`scalar${String(k)}`] = value));
  const definition = definitionOf(rule, dtype, changed.length, read.length, scalars.length);
  const bytes = (2 * changed.length + read.length) * dtypes[dtype].bytes;
  launchNamed(definition, args, count, { grain: grainOf({ bytes }) });
  for (const [, finish] of targets) finish?.();
};

const sameStrides = ({ strides }: View, { strides: others }: View): boolean =>
  strides.every((stride, axis) => stride === others[axis]);

/** Whether the elements, in whatever order, fill a stretch of memory. */
const isDense = ({ shape, strides }: View): boolean => {
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);
  return last + 1 === elementCount(shape) && shape.every((size, axis) => size === 1 || strides[axis] !== 0);
};

const definitions = new WeakMap<UpdateRule, Map<DType, KernelDefinition>>();

const definitionOf = (
  rule: UpdateRule,
  dtype: DType,
  changed: number,
  read: number,
  scalars: number,
): KernelDefinition => {
  let ofRule = definitions.get(rule);
  if (ofRule === undefined) definitions.set(rule, (ofRule = new Map<DType, KernelDefinition>()));
  let definition = ofRule.get(dtype);
  if (definition === undefined)
    ofRule.set(dtype, (definition = updateKernel(rule, dtype, changed, read, scalars)));
  return definition;
};

const updateKernel = (
  rule: UpdateRule,
  dtype: DType,
  changed: number,
  read: number,
  scalars: number,
): KernelDefinition => {
  const names = (letter: string, count: number): string[] => unroll(count, (k) => `${letter}${String(k)}`);
  const [targets, sources, numbers] = [names('x', changed), names('y', read), names('scalar', scalars)];
  const spec: Record<string, Spec[string]> = {};
  for (const name of targets) spec[name] = inout(storageOf[dtype]);
  for (const name of sources) spec[name] = input(storageOf[dtype]);
  for (const name of numbers) spec[name] = scalar(elementOf(dtype));
  return kernel(`${rule.name}.${dtype}`, spec, (args, range) => {
    const given = numbers.map((name) => number(args, name).splat());
    eachLane(range, (i) => {
      const [old, others] = [targets, sources].map((list) => list.map((name) => pointer(args, name).at(i)));
      rule.evaluate(old!, others!, given).forEach((value, k) => pointer(args, targets[k]!).set(i, value));
    });
  });
};
