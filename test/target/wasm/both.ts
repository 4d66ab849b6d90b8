/** Runs a kernel as WebAssembly and in the interpreter, on equal memory, and compares what is there afterwards. */
import { expect } from 'vitest';
import { type Kernel } from '../../../src/lang/ir.ts';
import { runChecked } from '../../../src/lang/run-checked.ts';
import { storageBytes, type StorageType } from '../../../src/lang/types.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../../src/half.ts';
import { compileWasm, wasmMachine } from '../../../src/target/wasm/compile.ts';

/** The memory of one tensor parameter. */
export interface Column {
  readonly storage: StorageType;
  readonly values: readonly (number | bigint)[];
}

const access: Readonly<
  Record<
    StorageType,
    {
      get: (view: DataView, at: number) => number | bigint;
      set: (view: DataView, at: number, value: number | bigint) => void;
    }
  >
> = {
  f32: { get: (v, at) => v.getFloat32(at, true), set: (v, at, x) => v.setFloat32(at, Number(x), true) },
  f64: { get: (v, at) => v.getFloat64(at, true), set: (v, at, x) => v.setFloat64(at, Number(x), true) },
  i32: { get: (v, at) => v.getInt32(at, true), set: (v, at, x) => v.setInt32(at, Number(x), true) },
  i64: { get: (v, at) => v.getBigInt64(at, true), set: (v, at, x) => v.setBigInt64(at, BigInt(x), true) },
  f16: {
    get: (v, at) => f16ToF32(v.getUint16(at, true)),
    set: (v, at, x) => v.setUint16(at, f32ToF16(Number(x)), true),
  },
  bf16: {
    get: (v, at) => bf16ToF32(v.getUint16(at, true)),
    set: (v, at, x) => v.setUint16(at, f32ToBf16(Number(x)), true),
  },
  i8: { get: (v, at) => v.getInt8(at), set: (v, at, x) => v.setInt8(at, Number(x)) },
  u8: { get: (v, at) => v.getUint8(at), set: (v, at, x) => v.setUint8(at, Number(x)) },
};

function bytesOf({ storage, values }: Column): Uint8Array {
  const bytes = new Uint8Array(values.length * storageBytes[storage]);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => access[storage].set(view, i * storageBytes[storage], value));
  return bytes;
}

function elementsOf(storage: StorageType, bytes: Uint8Array): (number | bigint)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = storageBytes[storage];
  return Array.from({ length: bytes.length / size }, (_, i) => access[storage].get(view, i * size));
}

/** Between tensors; what lies there must stay as it is. */
const GAP = 64;
const CANARY = 0xa5;

/**
 * Whether the kernel leaves the same elements in all its tensors, bit for bit but for which NaN a NaN is, and nothing
 * elsewhere.
 */
export function expectSame(
  kernel: Kernel,
  tensors: readonly Column[],
  begin: number,
  end: number,
  { relaxed }: { relaxed: boolean },
): void {
  const interpreted = tensors.map(bytesOf);
  runChecked(kernel, {
    parameters: interpreted.map((bytes) => ({ bytes })),
    begin,
    end,
    fused: wasmMachine(relaxed).fma,
  });

  const starts: number[] = [];
  let size = 8 * tensors.length + GAP;
  for (const bytes of interpreted) {
    starts.push(size);
    size = Math.ceil((size + bytes.length) / 8) * 8 + GAP;
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(size / 65536) });
  const all = new Uint8Array(memory.buffer).fill(CANARY);
  starts.forEach((start, k) => {
    new DataView(memory.buffer).setBigInt64(8 * k, BigInt(start), true);
    all.set(bytesOf(tensors[k]!), start);
  });
  compileWasm(kernel, memory, { relaxed })(0, begin, end);

  const computed = starts.map((start, k) => all.slice(start, start + interpreted[k]!.length));
  tensors.forEach(({ storage }, k) => {
    expect(elementsOf(storage, computed[k]!)).toEqual(elementsOf(storage, interpreted[k]!));
  });
  starts.forEach((start, k) => all.fill(CANARY, start, start + interpreted[k]!.length));
  expect(all.subarray(8 * tensors.length).every((byte) => byte === CANARY)).toBe(true);
}
