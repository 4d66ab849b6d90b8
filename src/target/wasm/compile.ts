import type { Kernel } from '../../lang/ir.ts';
import { describeMachine, type Machine } from '../../lang/types.ts';
import { encode } from './encode.ts';
import { fusedMadd, sinksArithmetic } from './features.ts';
import { selectWasm, type SelectOptions } from './select.ts';

/** A compiled kernel: the address of its argument block, and its range of the parallel axis. */
export type WasmKernel = (args: number, begin: number, end: number) => void;

/** The module's bytes, for whoever instantiates them elsewhere: a worker, or later. */
export const wasmBytes = (kernel: Kernel, options: SelectOptions): Uint8Array<ArrayBuffer> =>
  encode(selectWasm(kernel, options));

/** Compiles a kernel for a memory, now and here. Profilers show it under the kernel's name. */
export function compileWasm(
  kernel: Kernel,
  memory: WebAssembly.Memory,
  { relaxed }: Pick<SelectOptions, 'relaxed'>,
): WasmKernel {
  const sharedMemory = typeof SharedArrayBuffer === 'function' && memory.buffer instanceof SharedArrayBuffer;
  return linkWasm(new WebAssembly.Module(wasmBytes(kernel, { relaxed, sharedMemory })), memory);
}

/** A compiled module's kernel, working on this memory. */
export const linkWasm = (module: WebAssembly.Module, memory: WebAssembly.Memory): WasmKernel =>
  new WebAssembly.Instance(module, { env: { memory } }).exports['run'] as WasmKernel;

/**
 * WebAssembly as kernels see it. Of 16 vector registers V8 keeps one to itself.
 *
 * @param relaxed  with relaxed SIMD, whose multiply-add is fused if the processor has such an instruction
 */
export const wasmMachine = (relaxed: boolean): Machine =>
  describeMachine({
    name: relaxed ? 'wasm-relaxed' : 'wasm',
    vectorBytes: 16,
    vectorRegisters: 15,
    fma: relaxed && fusedMadd(),
    sinksArithmetic: sinksArithmetic(),
    // In V8 11 a matrix product with two more loops around it, of one turn each, took 1.4 times as long.
    shallow: true,
    // Not to be asked from WebAssembly; what nearly every processor has at least.
    l1: 32 * 1024,
    l2: 512 * 1024,
  });
