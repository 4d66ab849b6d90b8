import { encode } from './encode.ts';
import type { Instruction } from './instructions.ts';
import type { WasmModule } from './module.ts';

/** What the machine's WebAssembly can do, asked by validating (and for a rounding, running) small modules. */

/** A module that takes three vectors from memory, and puts there what the instructions make of them. */
const onVectors = (...middle: Instruction[]): WasmModule => ({
  memory: { min: 1, export: 'memory' },
  functions: [
    {
      export: 'run',
      body: [
        ['i32.const', 0],
        ...[0, 16, 32].flatMap((offset): Instruction[] => [
          ['i32.const', 0],
          ['v128.load', { offset }],
        ]),
        ...middle,
        ['v128.store'],
      ],
    },
  ],
});

const modules = {
  simd: onVectors(['f32x4.mul'], ['f32x4.add']),
  relaxedSimd: onVectors(['f32x4.relaxed_madd']),
  threads: {
    memory: { min: 1, max: 1, shared: true },
    functions: [{ body: [['atomic.fence']] }],
  },
} as const satisfies Record<string, WasmModule>;

const valid = (module: WasmModule): boolean =>
  typeof WebAssembly === 'object' && WebAssembly.validate(encode(module));

/** `find`, whose answer stays the same, is asked once. */
function once(find: () => boolean): () => boolean {
  let answer: boolean | undefined;
  return () => (answer ??= find());
}

/** Whether there are 128-bit vectors. */
export const simd = once(() => valid(modules.simd));

/** Whether memory can be shared between threads: a page must be cross-origin isolated for that. */
export const threads = once(() => typeof SharedArrayBuffer === 'function' && valid(modules.threads));

/**
 * Whether there is relaxed SIMD. Node 20 has it behind a flag, which this switches on, for the process and all its
 * workers; this can go when Node 22 is the oldest.
 */
export const relaxedSimd = once(() => {
  if (valid(modules.relaxedSimd)) return true;
  // Without an import of node:v8, which bundlers for pages would stumble over. Asked only after validating,
  // because where the flag is gone V8 prints a warning.
  const process: Partial<NodeJS.Process> | undefined = globalThis.process;
  if (process?.versions?.v8 === undefined) return false;
  process.getBuiltinModule?.('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
  return valid(modules.relaxedSimd);
});

/** Whether `f32x4.relaxed_madd` rounds once, as a fused multiply-add does. Needs relaxed SIMD. */
export const fusedMadd = once(() => {
  if (!relaxedSimd()) return false;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(encode(modules.relaxedSimd)));
  const { memory, run } = instance.exports as { memory: WebAssembly.Memory; run: () => void };
  const vectors = new Float32Array(memory.buffer, 0, 12);
  // (1 + 2⁻¹²)² = 1 + 2⁻¹¹ + 2⁻²⁴, whose last term a product rounded to float32 loses.
  vectors.fill(1 + 2 ** -12, 0, 8).fill(-(1 + 2 ** -11), 8);
  run();
  return vectors[0] === 2 ** -24;
});

/**
 * Whether the engine moves arithmetic to the end of its basic block. V8 11 does, V8 14 does not; others were not measured.
 * An engine with Float16Array is at least about as young as V8 13.
 */
export const sinksArithmetic = once(() => !('Float16Array' in globalThis));
