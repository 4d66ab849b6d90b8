/** How an elementwise kernel is made: the expression in the middle, conversions around it, rows around those. */
import type { Expression } from '../device/backend.ts';
import { storageOf } from '../device/view.ts';
import type { DType } from '../dtype.ts';
import {
  constant,
  eachLane,
  index,
  input,
  isMask,
  kernel,
  loadedElement,
  loop,
  output,
  scalar,
  unroll,
  variable,
  when,
  type ElementType,
  type KernelDefinition,
  type LaneIndex,
  type Pointer,
  type Range,
  type Spec,
  type Value,
  type Variable,
} from '../lang/index.ts';
import { askToWrite } from './ahead.ts';
import { converted } from './math/convert.ts';

/** How the innermost axis crosses a tensor: its elements follow one another, or are one and the same, or lie apart. */
export type Step = 'contiguous' | 'repeated' | 'strided';

export interface Operand {
  readonly dtype: DType;
  readonly step: Step;
}

/** What tells one kernel from another. */
export interface Variant {
  readonly expression: Expression;
  readonly compute: DType;
  /** The output, then the inputs. */
  readonly operands: readonly Operand[];
  /** How many numbers the expression takes beside its operands. */
  readonly scalars: number;
  /** How many axes are outside the innermost. */
  readonly outer: number;
}

/** What registers hold of a dtype. */
export const elementOf = (dtype: DType): ElementType => loadedElement[storageOf[dtype]];

/**
 * The kernel's parameters, in this order: the output, the inputs, the scalars; then the step of each strided operand
 * along the innermost axis; and if there are outer axes, the innermost axis's size, and for each of them, inside first,
 * its size (of the outermost it is not needed) and its stride in each operand. Strides count elements. The parallel
 * axis is the innermost one, or if there are outer axes all of these as one.
 */
export const elementwiseKernel = (variant: Variant): KernelDefinition => {
  const { expression, compute, operands, scalars, outer } = variant;
  const element = elementOf(compute);
  const spec = parametersOf(variant);
  return kernel(
    nameOf(variant),
    spec,
    (args, range) => {
      const value = (name: string): Value => args[name]!;
      const pointers = operands.map((_, k) => args[operandName(k)] as unknown as Pointer);
      const numbers = unroll(scalars, (k) => value(`scalar${k}`).splat());

      const row = ([out, ...inputs]: readonly Pointer[], positions: Range): void => {
        const crossing = operands.map(({ step }, k): Crossing =>
          step === 'strided' ? strided(value(stepName(k))) : contiguous,
        );
        const operand = (x: Value, k: number): Value => toCompute(x, operands[k + 1]!.dtype, compute);
        const repeated = inputs.map((x, k) =>
          operands[k + 1]!.step === 'repeated' ? operand(x.splat(), k) : undefined,
        );
        const first = expression.prepared?.from ?? inputs.length;
        const prepare = (values: readonly Value[]): readonly Value[] =>
          expression.prepared?.make(values, numbers) ?? [];
        const shared = repeated.slice(first).filter((x) => x !== undefined);
        const once = shared.length === inputs.length - first ? prepare(shared) : undefined;
        eachLane(positions, (i) => {
          if (operands[0]!.step === 'contiguous') askToWrite(out!, i);
          const load = (x: Pointer, k: number): Value =>
            repeated[k] ?? operand(crossing[k + 1]!.load(x, i), k);
          const own = inputs.slice(0, first).map(load);
          const values = [
            ...own,
            ...(once ?? prepare(inputs.slice(first).map((x, k) => load(x, first + k)))),
          ];
          crossing[0]!.store(out!, i, toMemory(expression.evaluate(values, numbers), operands[0]!.dtype));
        });
      };

      if (outer === 0) row(pointers, range);
      else {
        const axes = unroll(outer, (axis) => ({
          size: axis < outer - 1 ? value(sizeName(axis)) : undefined,
          strides: operands.map((_, k) => value(strideName(axis, k))),
        }));
        eachRow(range, axes, pointers, (start) => row(start, { begin: 0, end: value('size') }));
      }
    },
    {
      lanes: (machine) =>
        Math.min(machine.lanes(element), ...operands.map(({ dtype }) => machine.lanes(elementOf(dtype)))),
    },
  );
};

const operandName = (k: number): string => (k === 0 ? 'out' : `x${k}`);
const stepName = (k: number): string => `${operandName(k)}_step`;
const sizeName = (axis: number): string => `size${axis}`;
const strideName = (axis: number, k: number): string => `${operandName(k)}_stride${axis}`;

const parametersOf = ({ compute, operands, scalars, outer }: Variant): Spec => {
  const spec: Record<string, Spec[string]> = {};
  operands.forEach(({ dtype }, k) => {
    spec[operandName(k)] = (k === 0 ? output : input)(storageOf[dtype]);
  });
  for (let k = 0; k < scalars; k++) spec[`scalar${k}`] = scalar(elementOf(compute));
  operands.forEach(({ step }, k) => {
    if (step === 'strided') spec[stepName(k)] = index;
  });
  if (outer > 0) spec['size'] = index;
  for (let axis = 0; axis < outer; axis++) {
    if (axis < outer - 1) spec[sizeName(axis)] = index;
    operands.forEach((_, k) => (spec[strideName(axis, k)] = index));
  }
  return spec;
};

/** `add.float32(float32, float32 repeated) > float32 strided, 2 outer axes` */
const nameOf = ({ expression, compute, operands, scalars, outer }: Variant): string => {
  const [out, ...inputs] = operands.map(({ dtype, step }) =>
    step === 'contiguous' ? dtype : `${dtype} ${step}`,
  );
  const given = [...inputs, ...unroll(scalars, () => 'number')].join(', ');
  const axes = outer === 0 ? '' : `, ${outer} outer ${outer === 1 ? 'axis' : 'axes'}`;
  return `${expression.name}.${compute}(${given}) > ${out!}${axes}`;
};

/** How a vector's worth of a row gets from and to memory. */
interface Crossing {
  load(x: Pointer, i: LaneIndex): Value;
  store(out: Pointer, i: LaneIndex, value: Value): void;
}
const contiguous: Crossing = {
  load: (x, i) => x.at(i),
  store: (out, i, value) => out.set(i, value),
};
const strided = (step: Value): Crossing => ({
  load: (x, { base, lanes, count }) => x.strided(base.mul(step), step, { count, lanes }),
  store: (out, { base, lanes, count }, value) =>
    out.set(base.mul(step), value.splat(lanes), { count, stride: step }),
});

/** An element in memory as the dtype to compute in. */
const toCompute = (x: Value, from: DType, to: DType): Value =>
  to === 'bool' && from !== 'bool' ? oneWhere(x.ne(0), elementOf(to)) : converted(x, elementOf(to));

/** A result as memory holds the dtype: floats truncate to integers and wrap around, to bool is x ≠ 0, masks are 0 and 1. */
const toMemory = (x: Value, dtype: DType): Value => {
  const element = elementOf(dtype);
  if (isMask(x.type.element)) return oneWhere(x, element);
  return dtype === 'bool' ? oneWhere(x.ne(0), element) : converted(x, element);
};

const oneWhere = (mask: Value, element: ElementType): Value =>
  mask.select(constant(1, { element, lanes: mask.lanes }), 0);

interface OuterAxis {
  /** Not needed of the outermost. */
  readonly size: Value | undefined;
  /** Of each operand. */
  readonly strides: readonly Value[];
}

/**
 * body(the operands' first elements) for rows begin … end − 1 of the axes taken as one. It counts like an odometer: each
 * axis, inside first, has a counter and the positions where its current turn began.
 */
const eachRow = (
  range: { readonly begin: Value; readonly end: Value },
  axes: readonly OuterAxis[],
  operands: readonly Pointer[],
  body: (start: readonly Pointer[]) => void,
): void => {
  let rest = range.begin;
  const first = axes.map(({ size }) => {
    const position = size === undefined ? rest : rest.rem(size);
    if (size !== undefined) rest = rest.div(size);
    return position;
  });
  const counters = first.map((position) => variable(position));
  const turns = [operands.map((x) => x.walk())];
  for (let axis = axes.length - 1; axis >= 0; axis--) {
    const from = turns[0]!;
    const at = from.map((x, k) => x.plus(first[axis]!.mul(axes[axis]!.strides[k]!)).walk());
    turns.unshift(at);
  }

  const next = (axis: number): void => {
    turns[axis]!.forEach((x, k) => x.advance(axes[axis]!.strides[k]!));
    const { size } = axes[axis]!;
    if (size === undefined) return;
    const counter: Variable = counters[axis]!;
    counter.update('add', 1);
    when(counter.ge(size), () => {
      counter.set(0);
      next(axis + 1);
      turns[axis]!.forEach((x, k) => x.address.set(turns[axis + 1]![k]!.address));
    });
  };
  loop(range, () => {
    body(turns[0]!);
    next(0);
  });
};
