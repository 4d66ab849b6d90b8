/** Runs an expression of the kernel language in the interpreter, over arrays. */
import {
  eachLane,
  input,
  kernel,
  type Arguments,
  type Spec,
  output,
  type Kernel,
  type StorageType,
  type Value,
} from '../../src/lang/index.ts';
import { runChecked, type CheckedRun } from '../../src/lang/run-checked.ts';
import { describeMachine } from '../../src/lang/types.ts';

/** Lanes of f32: 4. */
export const machine = describeMachine({
  name: 'test',
  vectorBytes: 16,
  vectorRegisters: 16,
  fma: true,
  l1: 32768,
  l2: 262144,
});

const arrays = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  i64: BigInt64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i8: Int8Array,
  u8: Uint8Array,
} as const;

/** An array of a storage type; 16-bit floats as their bits. */
export type Column<S extends StorageType = StorageType> = InstanceType<(typeof arrays)[S]>;

/** An array of the storage type that holds the values. */
export function column<S extends StorageType>(storage: S, values: readonly (number | bigint)[]): Column<S> {
  const array: Column = new arrays[storage](values.length);
  const convert = array instanceof BigInt64Array ? BigInt : Number;
  values.forEach((value, i) => (array[i] = convert(value)));
  return array as Column<S>;
}

export const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): { bytes: Uint8Array } => ({
  bytes: new Uint8Array(buffer, byteOffset, byteLength),
});

/** Builds a kernel and runs it on columns and numbers. */
export function run<S extends Spec>(
  spec: S,
  given: readonly (ArrayBufferView | number | bigint)[],
  body: (args: Arguments<S>, range: { begin: Value; end: Value }) => void,
  { begin = 0, end = 0, ...rest }: Partial<CheckedRun> = {},
): number {
  const parameters = given.map((x) => (typeof x === 'object' ? bytes(x) : x));
  return runChecked(kernel('test', spec, body).build(machine), { parameters, begin, end, ...rest });
}

export type Operands = readonly (readonly [StorageType, readonly (number | bigint)[]])[];

/**
 * f of each element of the operands, stored as `to`. It is computed twice, scalar by scalar and with vectors, the last
 * of them partial, and both must agree.
 */
export function apply<S extends StorageType>(
  to: S,
  operands: Operands,
  f: (...values: Value[]) => Value,
  { fused = true }: { fused?: boolean } = {},
): Column<S> {
  const length = operands[0]![1].length;
  const [vectors, scalars] = [undefined, 1].map((lanes) => {
    const columns = operands.map(([storage, values]) => column(storage, values));
    const out = column(
      to,
      Array.from({ length }, () => 0),
    );
    runChecked(expression(to, operands, f, lanes), {
      parameters: [out, ...columns].map(bytes),
      begin: 0,
      end: length,
      fused,
    });
    return out;
  });
  const different = vectors!.findIndex((value: number | bigint, i: number) => !Object.is(value, scalars![i]));
  if (different >= 0) {
    const [vector, scalar] = [vectors, scalars].map((x) => String(x?.[different]));
    throw new Error(
      `element ${different} is ${String(vector)} in a vector and ${String(scalar)} as a scalar`,
    );
  }
  return vectors!;
}

function expression(
  to: StorageType,
  operands: Operands,
  f: (...values: Value[]) => Value,
  lanes: number | undefined,
): Kernel {
  const names = operands.map((_, i) => `x${i}`);
  const inputs = names.map((name, i) => [name, input(operands[i]![0])] as const);
  const spec = Object.fromEntries([['out', output(to)] as const, ...inputs]);
  const definition = kernel('expression', spec, (args, range) => {
    eachLane(
      range,
      (i) => args['out']!.set(i, f(...names.map((name) => args[name]!.at(i)))),
      lanes === undefined ? {} : { lanes },
    );
  });
  return definition.build(machine);
}
