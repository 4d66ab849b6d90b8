/** Machine code in memory, and calls into it. */
import { RuntimeError } from '../../errors.ts';
import type { Abi } from '../../target/x64/compile.ts';
import { assemble } from '../../target/x64/encode.ts';
import type { System } from './ffi.ts';
import type { Block } from './blocks.ts';
import { argumentRegisters, at, instruction, rax } from './registers.ts';

const PAGE = 4096;

/**
 * Puts code into pages of its own: they are written, then made executable, and never again written. They live as long
 * as the process, so any thread of it may call the code.
 *
 * @returns the address of its first byte
 * @throws RuntimeError when the system refuses
 */
export const placeCode = (system: System, code: Uint8Array): number => {
  const bytes = Math.ceil(code.length / PAGE) * PAGE;
  const address = system.map(bytes);
  if (address === 0) throw new RuntimeError('the system has no memory for machine code');
  system.copy(address, code);
  if (!system.protect(address, bytes, 'execute')) {
    throw new RuntimeError('the system refuses to make memory executable');
  }
  return address;
};

/** Calls machine code at an address as `void code(uint64_t args, uint64_t begin, uint64_t end)`. */
export type Call = (code: number, args: number, begin: number, end: number) => void;

/** Bytes that `makeCall` needs. */
export const CALL_BYTES = 32;

/**
 * Every argument costs a foreign call ten nanoseconds. So the one that is made has none: it goes to code that fetches
 * the address and the arguments from a block which JavaScript has written.
 */
export const makeCall = (system: System, { buffer, begin: at, address }: Block): Call => {
  const words = new Uint32Array(buffer, at, CALL_BYTES / 4);
  const jump = system.callable(placeCode(system, callCode(system.abi, address)));
  return (code, args, begin, end) => {
    // Stores keep the lowest 32 bits.
    words[0] = code;
    words[1] = code / 2 ** 32;
    words[2] = args;
    words[3] = args / 2 ** 32;
    words[4] = begin;
    words[5] = begin / 2 ** 32;
    words[6] = end;
    words[7] = end / 2 ** 32;
    jump();
  };
};

/** Fetches a call from its block, and becomes it. */
const callCode = (abi: Abi, block: number): Uint8Array => {
  const [args, begin, end] = argumentRegisters[abi];
  return assemble([
    instruction('mov', rax, BigInt(block)),
    instruction('mov', args, at(rax, 8, 64)),
    instruction('mov', begin, at(rax, 16, 64)),
    instruction('mov', end, at(rax, 24, 64)),
    instruction('jmp', at(rax, 0, 64)),
  ]).bytes;
};
