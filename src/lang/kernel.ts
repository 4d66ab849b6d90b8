/**
 * How a kernel is written.
 *
 *     const relu = kernel('relu', { x: input('f32'), out: output('f32') }, ({ x, out }, range) => {
 *       eachLane(range, (i) => out.set(i, x.at(i).max(0)));
 *     });
 *
 * The function runs once for every machine that the kernel is built for. `loop`, `eachLane` and `when` make loops
 * and branches in the kernel; JavaScript's own `for` and `if` run while building, so they unroll and choose.
 */
import { Builder, builder, writing } from './builder.ts';
import type { Kernel, Parameter } from './ir.ts';
import { Pointer, type LaneIndex } from './pointer.ts';
import type { ElementType, Machine, RegisterElement, StorageType, Type } from './types.ts';
import { Value, type Operand, type Variable } from './value.ts';
import { verify } from './verify.ts';

export interface TensorSpec {
  readonly kind: 'tensor';
  readonly storage: StorageType;
  readonly access: 'in' | 'out' | 'inout';
}
export interface NumberSpec {
  readonly kind: 'number';
  readonly element: ElementType | 'index';
}
export type Spec = Readonly<Record<string, TensorSpec | NumberSpec>>;

/** A tensor that the kernel reads. */
export const input = (storage: StorageType): TensorSpec => ({ kind: 'tensor', storage, access: 'in' });
/** A tensor that the kernel writes. */
export const output = (storage: StorageType): TensorSpec => ({ kind: 'tensor', storage, access: 'out' });
/** A tensor that the kernel reads and writes. */
export const inout = (storage: StorageType): TensorSpec => ({ kind: 'tensor', storage, access: 'inout' });
/** A count or an offset. */
export const index: NumberSpec = { kind: 'number', element: 'index' };
/** A number. */
export const scalar = (element: ElementType): NumberSpec => ({ kind: 'number', element });

export type Arguments<S extends Spec> = {
  readonly [K in keyof S]: S[K] extends TensorSpec ? Pointer : Value;
};

/** Positions begin … end − 1 of an axis. */
export interface Range {
  readonly begin: Operand;
  readonly end: Operand;
}

export interface KernelDefinition<S extends Spec = Spec> {
  /** The key under which compiled code is cached: must tell apart all kernels that differ. */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Only for the type of the arguments. */
  readonly spec: S;
  build(machine: Machine): Kernel;
}

/**
 * Says that kernels are verified as they are built: tests do so. What it finds are mistakes of a kernel's author,
 * which no shape brings; a program would wait for it at every first call.
 */
export const verifyKernels = (): void => {
  verifying = true;
};
let verifying = false;

/**
 * Defines a kernel. Its body is given the parameters by name, the range of the parallel axis, and the machine.
 *
 * @param options.lanes  lanes of a vector; by default as many as the widest element type among the tensors allows
 */
export const kernel = <S extends Spec>(
  name: string,
  spec: S,
  body: (args: Arguments<S>, range: { begin: Value; end: Value }, machine: Machine) => void,
  options: { readonly lanes?: (machine: Machine) => number } = {},
): KernelDefinition<S> => {
  const parameters = Object.entries(spec).map(([key, p]): Parameter => ({ name: key, ...p }));
  return {
    name,
    parameters,
    spec,
    build(machine) {
      const b = new Builder(name, machine, parameters, options.lanes?.(machine));
      writing(b, () => {
        const args = Object.fromEntries(
          parameters.map((p, k) => [p.name, argument(b, p, k)]),
        ) as Arguments<S>;
        const bound = (op: 'begin' | 'end'): Value => {
          const dst = b.register({ element: 'index', lanes: 1 }, op);
          b.push({ op, dst });
          return new Value(b, dst);
        };
        body(args, { begin: bound('begin'), end: bound('end') }, machine);
      });
      const built = b.finish();
      if (verifying) verify(built);
      return built;
    },
  };
};

const argument = (b: Builder, p: Parameter, param: number): Pointer | Value => {
  const dst = b.register({ element: p.kind === 'tensor' ? 'index' : p.element, lanes: 1 }, p.name);
  b.push({ op: 'param', dst, param });
  const value = new Value(b, dst);
  return p.kind === 'tensor' ? new Pointer(b, param, p.storage, value) : value;
};

/** A loop in the kernel: body(i) for i = begin, begin + step, … below end. */
export const loop = (
  range: Range | Operand,
  body: (i: Value) => void,
  { step = 1 }: { step?: number } = {},
): void => {
  const b = builder();
  const { begin, end } = asRange(range);
  const counter = b.register({ element: 'index', lanes: 1 });
  const from = b.index(begin);
  const to = b.index(end);
  const statements = b.block(() => {
    body(new Value(b, counter));
  });
  b.push({ op: 'loop', counter, begin: from.register, end: to.register, step, body: statements });
};

/**
 * A loop in the kernel over all positions of a range, a vector's lanes at a time. The body is written once; the
 * language repeats it for the last, partial step, in which loads give 0 beyond the end and stores stop there.
 *
 * @param options.whole  says that no step is partial, which saves the repetition: the range must be known to be a
 *                       multiple of the lanes
 */
export const eachLane = (
  range: Range | Operand,
  body: (i: LaneIndex) => void,
  { lanes = builder().lanes, whole = false }: { lanes?: number; whole?: boolean } = {},
): void => {
  const b = builder();
  const bounds = asRange(range);
  const begin = b.index(bounds.begin);
  const end = b.index(bounds.end);
  if (whole) {
    loop(
      { begin, end },
      (base) => {
        body({ base, lanes });
      },
      { step: lanes },
    );
    return;
  }
  const count = end.sub(begin).rem(lanes);
  const full = end.sub(count);
  loop(
    { begin, end: full },
    (base) => {
      body({ base, lanes });
    },
    { step: lanes },
  );
  when(count.gt(0), () => {
    body({ base: full, lanes, count });
  });
};

/** A branch in the kernel. */
export const when = (condition: Value, then: () => void, otherwise: () => void = () => undefined): void => {
  const b = builder();
  b.push({
    op: 'if',
    condition: condition.any().register,
    then: b.block(then),
    otherwise: b.block(otherwise),
  });
};

/**
 * Ends a stretch of arithmetic in the body of a loop. A machine that moves arithmetic behind loads does it before the
 * loads that follow, if what it changes is used after the loop; so what those bring need not stay in registers beside what
 * it took. On others it is nothing.
 */
export const settle = (): void => {
  const b = builder();
  if (b.machine.sinksArithmetic === true) b.push({ op: 'settle' });
};

/** Code that has places to settle, but is not the body of a loop: where that matters it becomes that of a loop of one turn. */
export const settling = (body: () => void): void => {
  if (builder().machine.sinksArithmetic === true) loop(1, body);
  else body();
};

/** A register to write again, starting at a value. */
export const variable = (initial: Value, name?: string): Variable => builder().variable(initial, name);

/** A vector (or with `lanes: 1` a scalar) register that starts at zero, or at `initial`. */
export const accumulator = (
  element: ElementType,
  { lanes = builder().lanes, initial = 0 }: { lanes?: number; initial?: number } = {},
): Variable => variable(constant(initial, { element, lanes }));

/** A constant: of a scalar element type, or of the type given. */
export const constant = (value: number | bigint, type: RegisterElement | Type): Value =>
  builder().constant(value, typeof type === 'string' ? { element: type, lanes: 1 } : type);

/** 0, 1, 2 … in the lanes of a vector. */
export const iota = (element: 'i32' | 'i64', lanes: number = builder().lanes): Value => {
  const b = builder();
  const dst = b.register({ element, lanes });
  return b.define(dst, { op: 'iota', dst });
};

/** The value where the lane exists, `neutral` in the lanes beyond the end of a partial step. */
export const active = (i: LaneIndex, value: Value, neutral: Operand): Value => {
  if (i.count === undefined) return value;
  return iota('i32', i.lanes).lt(i.count.to('i32')).select(value, neutral);
};

/** f(0), f(1) … f(n − 1), while building. */
export const unroll = <T>(n: number, f: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => f(i));

/** A table of rows × columns, while building. */
export const grid = <T>(rows: number, columns: number, f: (row: number, column: number) => T): T[][] =>
  unroll(rows, (r) => unroll(columns, (c) => f(r, c)));

const asRange = (range: Range | Operand): Range =>
  range instanceof Value || typeof range === 'number' ? { begin: 0, end: range } : range;
