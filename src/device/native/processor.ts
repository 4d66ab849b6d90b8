/** This machine's processor, for code of our own. Found when it is first asked for, once. */
import { RuntimeError } from '../../errors.ts';
import { collector } from '../reclaim.ts';
import { CALL_BYTES, makeCall, placeCode, type Call } from './code.ts';
import { askCpu, CPU_BYTES, type Cpu } from './cpu.ts';
import { connectSystem, type System } from './ffi.ts';
import { Arenas } from './arenas.ts';
import { Buffers } from './buffers.ts';
import { NativeMemory } from './memory.ts';

export interface Processor {
  readonly system: System;
  readonly cpu: Cpu;
  readonly memory: NativeMemory;
  readonly call: Call;
  /** Puts code where it can be called, by any thread of the process. @throws RuntimeError when the system refuses */
  readonly place: (code: Uint8Array) => number;
}

/** As much as the heap of WebAssembly would take by default, at most. */
const FREED_BYTES = 512 * 2 ** 20;

/** @throws RuntimeError that says why, where code of our own cannot run */
const find = (): Processor => {
  const arch = globalThis.process?.arch as string | undefined;
  if (arch !== 'x64') throw new RuntimeError(`the processor is ${arch ?? 'unknown'}, not x64`);
  const system = connectSystem();
  const addressOf = (buffer: ArrayBuffer): number => system.addressOf(buffer);
  const buffers = new Buffers(addressOf);
  const arenas = new Arenas(addressOf, (address, bytes) => {
    system.expectUse(address, bytes);
  });
  system.keepFreed(FREED_BYTES);
  const call = makeCall(system, buffers.take(CALL_BYTES));
  return {
    system,
    cpu: askCpu(system, call, buffers.take(CPU_BYTES)),
    memory: new NativeMemory(buffers, arenas, collector),
    call,
    place: (code) => placeCode(system, code),
  };
};

let found: Processor | RuntimeError | null = null;

/** @throws RuntimeError that says why, where code of our own cannot run: always the same */
export const processor = (): Processor => {
  if (found === null) {
    try {
      found = find();
    } catch (error) {
      found = error instanceof RuntimeError ? error : new RuntimeError(String(error));
    }
  }
  if (found instanceof RuntimeError) throw found;
  return found;
};

/** The memory of storages for code of our own, if there ever was need of it. */
export const nativeMemory = (): NativeMemory | null =>
  found === null || found instanceof RuntimeError ? null : found.memory;
