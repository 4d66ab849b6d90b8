/** The targets by name, and which one runs. */
import { RuntimeError, ValueError } from '../errors.ts';
import { compileInterpreted } from '../lang/interpret.ts';
import type { Kernel } from '../lang/ir.ts';
import { describeMachine, type Machine } from '../lang/types.ts';
import { linkWasm, wasmBytes, wasmMachine } from '../target/wasm/compile.ts';
import { relaxedSimd } from '../target/wasm/features.ts';
import { print } from '../target/wasm/print.ts';
import { selectWasm } from '../target/wasm/select.ts';
import type { AddressSpace } from './address-space.ts';
import type { Gatherer } from './gathering.ts';
import { heap } from './heap.ts';
import { nativeCompiler, type Extension } from './native/compiler.ts';
import { processor, type Processor } from './native/processor.ts';
import { NativePool } from './threads/native-pool.ts';
import { NativeStrands } from './threads/native-strands.ts';
import type { Pool } from './threads/pool.ts';
import { WasmPool } from './threads/wasm-pool.ts';

/** A kernel as machine code, or as good as: the address of its argument block, and its range. */
export interface CompiledKernel {
  (args: number, begin: number, end: number): void;
  /**
   * Natively, where its code is: `void kernel(uint64_t args, uint64_t begin, uint64_t end)` by the convention of the
   * system. Any thread of the process may call it there; it lives as long as the process.
   */
  readonly address?: number;
}

export interface Target {
  readonly name: TargetName;
  readonly machine: Machine;
  /** Where its kernels find their operands. */
  readonly memory: AddressSpace;
  /** What has been compiled for it, by the kernels' names. */
  readonly kernels: Map<string, CompiledKernel>;
  compile(kernel: Kernel): CompiledKernel;
  /** Threads for what `compile` made; null where kernels run in one. */
  readonly pool: Pool | null;
  /** For strands of launches (`strands.ts`); null where launches are made one after the other. */
  readonly strands: Gatherer | null;
  /** What the target makes of a kernel, as text. */
  print(kernel: Kernel): string;
}

/** Runs kernels statement by statement, as the language defines them, on vectors of 16, 32 or 64 bytes. */
export const interpreter = (vectorBytes = 16): Target => {
  const machine = describeMachine({
    name: vectorBytes === 16 ? 'interpret' : `interpret-${String(vectorBytes)}`,
    vectorBytes,
    vectorRegisters: 16,
    fma: true,
    l1: 32 * 1024,
    l2: 512 * 1024,
  });
  return {
    name: 'interpret',
    machine,
    memory: heap,
    kernels: new Map(),
    compile(kernel) {
      const run = compileInterpreted(kernel, { fused: machine.fma });
      let view = new DataView(heap.memory.buffer);
      return (args, begin, end) => {
        if (view.buffer !== heap.memory.buffer) view = new DataView(heap.memory.buffer);
        run({ view }, args, begin, end);
      };
    },
    pool: null,
    strands: null,
    print: () => '; interpreted as it stands',
  };
};

const native = (name: Extension): Target => {
  const compiler = nativeCompiler(name);
  nativeThreads ??= threadsOf(processor());
  return { name, kernels: new Map(), ...nativeThreads, ...compiler };
};
const threadsOf = (processor: Processor): Pick<Target, 'pool' | 'strands'> => {
  const pool = new NativePool(processor);
  return { pool, strands: pool.most === 1 ? null : new NativeStrands(processor) };
};
let nativeThreads: ReturnType<typeof threadsOf> | null = null;

const targets = {
  interpret: interpreter,
  wasm: (): Target => {
    const relaxed = relaxedSimd();
    const options = { relaxed, sharedMemory: heap.shared };
    const modules = new WeakMap<CompiledKernel, Uint8Array>();
    return {
      name: 'wasm',
      machine: wasmMachine(relaxed),
      memory: heap,
      kernels: new Map(),
      compile(kernel) {
        const bytes = wasmBytes(kernel, options);
        const run = linkWasm(new WebAssembly.Module(bytes), heap.memory);
        modules.set(run, bytes);
        return run;
      },
      pool: new WasmPool(heap, (run) => modules.get(run)!),
      strands: null,
      print: (kernel) => print(selectWasm(kernel, options)),
    };
  },
  avx2: () => native('avx2'),
  avx512: () => native('avx512'),
} as const satisfies Record<string, () => Target>;

export type TargetName = keyof typeof targets;
export const targetNames = Object.keys(targets) as TargetName[];

const made = new Map<TargetName, Target>();
const targetOf = (name: TargetName): Target => {
  let target = made.get(name);
  if (target === undefined) made.set(name, (target = targets[name]()));
  return target;
};

/** The target of that name. @throws ValueError when it is unknown, RuntimeError when it cannot run here */
const named = (name: string, asker: string): Target => {
  const known = targetNames.find((candidate) => candidate === name);
  if (known === undefined) {
    throw new ValueError(`${asker}: unknown target '${name}'; known are ${targetNames.join(', ')}`);
  }
  try {
    return targetOf(known);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw new RuntimeError(`${asker}: ${name} is not available: ${error.message}`);
  }
};

/** Whether a target can run here. */
const isAvailable = (name: TargetName): boolean => {
  try {
    targetOf(name);
    return true;
  } catch (error) {
    if (error instanceof RuntimeError) return false;
    throw error;
  }
};

/** The targets that can run here: `interpret` and `wasm` everywhere, `avx2` and `avx512` as the processor, its system and koffi allow. */
export const availableTargets = (): TargetName[] => targetNames.filter(isAvailable);

const fastestFirst = ['avx512', 'avx2', 'wasm'] as const satisfies readonly TargetName[];

let current: Target | null = null;

/** The target that kernels run on: MILLRACE_TARGET, by default the fastest that can run here. */
export const currentTarget = (): Target => (current ??= initialTarget());

const initialTarget = (): Target => {
  const name = globalThis.process?.env?.['MILLRACE_TARGET'];
  // A variable set to nothing is as good as none.
  return name === undefined || name === ''
    ? targetOf(fastestFirst.find(isAvailable)!)
    : named(name, 'MILLRACE_TARGET');
};

/** The name of the target that runs kernels: what `MILLRACE_TARGET` or `setTarget` chose, or the fastest that can run here. */
export const getTarget = (): TargetName => currentTarget().name;

/**
 * Chooses the target from now on: one of the known by its name, or one made with `interpreter`. Tensors stay valid: a
 * target moves them to where its kernels can use them.
 *
 * @throws ValueError for an unknown name, RuntimeError for a target that cannot run here
 */
export const setTarget = (target: TargetName | Target): void => {
  current = typeof target === 'string' ? named(target, 'setTarget') : target;
};
