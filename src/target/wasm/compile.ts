import type { Kernel } from '../../lang/ir.ts';
import { describeMachine, type Machine } from '../../lang/types.ts';
import { encode } from './encode.ts';
import { fusedMadd } from './features.ts';
import { selectWasm, type SelectOptions } from './select.ts';

/** A compiled kernel: the address of its argument block, and its range of the parallel axis. */
export type WasmKernel = (args: number, begin: number, end: number) => void;

export interface CompileOptions extends Pick<SelectOptions, 'relaxed'> {
  /**
   * Whether V8 optimises at once, and not after two or three milliseconds of running. Costs one to four
   * milliseconds per kernel; only Node can. Default: false.
   */
  readonly optimizeNow?: boolean;
}

/** The module's bytes, for whoever instantiates them elsewhere: a worker, or later. */
export const wasmBytes = (kernel: Kernel, options: SelectOptions): Uint8Array<ArrayBuffer> =>
  encode(selectWasm(kernel, options));

/** Compiles a kernel for a memory, now and here. Profilers show it under the kernel's name. */
export function compileWasm(
  kernel: Kernel,
  memory: WebAssembly.Memory,
  { relaxed, optimizeNow = false }: CompileOptions,
): WasmKernel {
  const sharedMemory = typeof SharedArrayBuffer === 'function' && memory.buffer instanceof SharedArrayBuffer;
  const bytes = wasmBytes(kernel, { relaxed, sharedMemory });
  const compile = (): WebAssembly.Module => new WebAssembly.Module(bytes);
  return linkWasm(optimizeNow ? optimized(compile) : compile(), memory);
}

/** A compiled module's kernel, working on this memory. */
export const linkWasm = (module: WebAssembly.Module, memory: WebAssembly.Memory): WasmKernel =>
  new WebAssembly.Instance(module, { env: { memory } }).exports['run'] as WasmKernel;

/**
 * Lets V8 optimise what `compile` compiles before it returns: V8 reads these flags at each compilation, and they are
 * set back afterwards. Where there is no V8, or no reach to its flags, compiles as usual.
 */
export function optimized<T>(compile: () => T): T {
  const v8 = flagSetter();
  if (v8 === undefined) return compile();
  v8('--no-liftoff');
  v8('--no-wasm-lazy-compilation');
  try {
    return compile();
  } finally {
    v8('--liftoff');
    v8('--wasm-lazy-compilation');
  }
}

/** Not by an import of node:v8, at which bundlers for pages would stop. */
function flagSetter(): ((flag: string) => void) | undefined {
  const process: Partial<NodeJS.Process> | undefined = globalThis.process;
  if (process?.versions?.v8 === undefined) return undefined;
  return process.getBuiltinModule?.('node:v8').setFlagsFromString;
}

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
    // V8 before version 12 does; in version 14 what helps it was measured to cost nothing. Others were not measured.
    sinksArithmetic: true,
    // Not to be asked from WebAssembly; what nearly every processor has at least.
    l1: 32 * 1024,
    l2: 512 * 1024,
  });
