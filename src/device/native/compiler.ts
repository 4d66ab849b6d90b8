/** Kernels as machine code of this processor. */
import { RuntimeError } from '../../errors.ts';
import type { Kernel } from '../../lang/ir.ts';
import { describeMachine, type Machine } from '../../lang/types.ts';
import { codeOf, compileX64 } from '../../target/x64/compile.ts';
import { printCode } from '../../target/x64/print.ts';
import type { NativeMemory } from './memory.ts';
import { processor } from './processor.ts';

export type Extension = 'avx2' | 'avx512';

/** A kernel's code as a function, and where it is. */
export interface NativeKernel {
  (args: number, begin: number, end: number): void;
  readonly address: number;
}

export interface NativeCompiler {
  readonly machine: Machine;
  readonly memory: NativeMemory;
  /** @throws RuntimeError when the system has no memory for the code */
  compile(kernel: Kernel): NativeKernel;
  print(kernel: Kernel): string;
}

/** @throws RuntimeError that says why, where such code cannot run */
export const nativeCompiler = (extension: Extension): NativeCompiler => {
  const { system, cpu, memory, call, place } = processor();
  if (!cpu[extension]) throw new RuntimeError(`the processor or its system lacks ${needed[extension]}`);
  const avx512 = extension === 'avx512';
  const options = { avx512, abi: system.abi };
  return {
    machine: describeMachine({
      name: extension,
      vectorBytes: avx512 ? 64 : 32,
      vectorRegisters: avx512 ? 32 : 16,
      fma: true,
      prefetches: true,
      l1: cpu.l1,
      l2: cpu.l2,
    }),
    memory,
    compile(kernel) {
      const address = place(compileX64(kernel, options));
      const run = (args: number, begin: number, end: number): void => call(address, args, begin, end);
      return Object.assign(run, { address });
    },
    print: (kernel) => printCode(codeOf(kernel, options)),
  };
};

const needed: Readonly<Record<Extension, string>> = {
  avx2: 'AVX2, FMA, F16C, BMI or LZCNT',
  avx512: 'AVX-512 F, VL, BW or DQ',
};
