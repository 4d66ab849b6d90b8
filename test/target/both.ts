/** Runs a kernel on a target and in the interpreter, on equal memory, and compares what is there afterwards. */
import { expect } from 'vitest';
import { type Kernel } from '../../src/lang/ir.ts';
import { runChecked } from '../../src/lang/run-checked.ts';
import { storageBytes, type StorageType } from '../../src/lang/types.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../src/half.ts';
import { compileWasm, wasmMachine } from '../../src/target/wasm/compile.ts';
import { compileX64 } from '../../src/target/x64/compile.ts';
import { processor } from '../../src/device/native/processor.ts';

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

/** Those of this machine's processor that Millrace has code for. */
export const x64Runners = (): { name: string; runner: Runner; vectorBytes: number }[] => {
  try {
    const { avx2, avx512 } = processor().cpu;
    return [
      ...(avx2 ? [{ name: 'avx2', runner: onX64(false), vectorBytes: 32 }] : []),
      ...(avx512 ? [{ name: 'avx512', runner: onX64(true), vectorBytes: 64 }] : []),
    ];
  } catch {
    return [];
  }
};

/** Between tensors; what lies there must stay as it is. */
const GAP = 64;
const CANARY = 0xa5;

/** Memory that a target's kernels use, and the address of its first byte; runs the kernel with its arguments there. */
interface Place {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: number;
  run(begin: number, end: number): void;
}

export interface Runner {
  /** Whether `fma` rounds once. */
  readonly fused: boolean;
  place(kernel: Kernel, bytes: number): Place;
}

export const onWasm = (relaxed: boolean): Runner => ({
  fused: wasmMachine(relaxed).fma,
  place(kernel, bytes) {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) });
    return {
      bytes: new Uint8Array(memory.buffer),
      address: 0,
      run: (begin, end) => compileWasm(kernel, memory, { relaxed })(0, begin, end),
    };
  },
});

export const onX64 = (avx512: boolean): Runner => ({
  fused: true,
  place(kernel, bytes) {
    const { system, call, place } = processor();
    const buffer = new ArrayBuffer(bytes);
    const address = system.addressOf(buffer);
    return {
      bytes: new Uint8Array(buffer),
      address,
      run: (begin, end) => {
        call(place(compileX64(kernel, { avx512, abi: system.abi })), address, begin, end);
      },
    };
  },
});

/**
 * Whether the kernel leaves the same elements in all its tensors, bit for bit but for which NaN a NaN is, and nothing
 * elsewhere.
 */
export function expectSame(
  kernel: Kernel,
  tensors: readonly Column[],
  begin: number,
  end: number,
  runner: Runner,
): void {
  const interpreted = tensors.map(bytesOf);
  runChecked(kernel, {
    parameters: interpreted.map((bytes) => ({ bytes })),
    begin,
    end,
    fused: runner.fused,
  });

  const starts: number[] = [];
  let size = 8 * tensors.length + GAP;
  for (const bytes of interpreted) {
    starts.push(size);
    size = Math.ceil((size + bytes.length) / 8) * 8 + GAP;
  }
  const place = runner.place(kernel, size);
  const { bytes: all, address } = place;
  const view = new DataView(all.buffer);
  all.fill(CANARY);
  starts.forEach((start, k) => {
    view.setBigInt64(8 * k, BigInt(address + start), true);
    all.set(bytesOf(tensors[k]!), start);
  });
  place.run(begin, end);

  const computed = starts.map((start, k) => all.slice(start, start + interpreted[k]!.length));
  tensors.forEach(({ storage }, k) => {
    expect(elementsOf(storage, computed[k]!)).toEqual(elementsOf(storage, interpreted[k]!));
  });
  starts.forEach((start, k) => all.fill(CANARY, start, start + interpreted[k]!.length));
  expect(all.subarray(8 * tensors.length).every((byte) => byte === CANARY)).toBe(true);
}
