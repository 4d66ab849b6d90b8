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
  const [first] = changed as [View, ...View[]];
  const { dtype } = first;
  const count = elementCount(first.shape);
  if (count === 0) return;
  const alike = isDense(first) && areLike(first, changed) && areLike(first, read);
  const { definition, targets, sources, numbers } = kernelOf(rule, dtype, changed, read, scalars);
  const args: Record<string, Region | number> = {};
  const finishes: (() => void)[] = [];
  for (let k = 0; k < changed.length; k++) {
    if (alike) args[targets[k]!] = region(changed[k]!);
    else {
      const [view, finish] = writable(changed[k]!, true);
      args[targets[k]!] = region(view);
      finishes.push(finish);
    }
  }
  for (let k = 0; k < read.length; k++) args[sources[k]!] = region(alike ? read[k]! : contiguous(read[k]!));
  for (let k = 0; k < scalars.length; k++) args[numbers[k]!] = scalars[k]!;
  const bytes = (2 * changed.length + read.length) * dtypes[dtype].bytes;
  launchNamed(definition, args, count, { grain: grainOf({ bytes }) });
  for (const finish of finishes) finish();
};

const areLike = ({ strides }: View, views: readonly View[]): boolean => {
  for (const { strides: others } of views)
    for (let axis = 0; axis < strides.length; axis++) if (strides[axis] !== others[axis]) return false;
  return true;
};

/** Whether the elements, in whatever order, fill a stretch of memory. */
const isDense = ({ shape, strides }: View): boolean => {
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 0);
  return last + 1 === elementCount(shape) && shape.every((size, axis) => size === 1 || strides[axis] !== 0);
};

/** A rule's kernel for a dtype, and the names of its parameters. */
interface UpdateKernel {
  readonly definition: KernelDefinition;
  readonly targets: readonly string[];
  readonly sources: readonly string[];
  readonly numbers: readonly string[];
}

const kernels = new WeakMap<UpdateRule, Map<DType, UpdateKernel>>();

const kernelOf = (
  rule: UpdateRule,
  dtype: DType,
  changed: readonly View[],
  read: readonly View[],
  scalars: readonly number[],
): UpdateKernel => {
  let ofRule = kernels.get(rule);
  if (ofRule === undefined) kernels.set(rule, (ofRule = new Map<DType, UpdateKernel>()));
  let made = ofRule.get(dtype);
  if (made === undefined) {
    const names = (letter: string, { length }: readonly unknown[]): string[] =>
      unroll(length, (k) => `${letter}${String(k)}`);
    const [targets, sources, numbers] = [names('x', changed), names('y', read), names('scalar', scalars)];
    const definition = updateKernel(rule, dtype, targets, sources, numbers);
    ofRule.set(dtype, (made = { definition, targets, sources, numbers }));
  }
  return made;
};

const updateKernel = (
  rule: UpdateRule,
  dtype: DType,
  targets: readonly string[],
  sources: readonly string[],
  numbers: readonly string[],
): KernelDefinition => {
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
