/** Registers for the few routines that are written instruction by instruction. */
import type { Abi } from '../../target/x64/compile.ts';
import type { Mnemonic, X64Instruction } from '../../target/x64/encode.ts';
import type { Gpr, Memory, Operand } from '../../target/x64/operands.ts';

export const rax: Gpr = { kind: 'gpr', number: 0, bits: 64 };
export const rcx: Gpr = { kind: 'gpr', number: 1, bits: 64 };
export const rdx: Gpr = { kind: 'gpr', number: 2, bits: 64 };
export const rbx: Gpr = { kind: 'gpr', number: 3, bits: 64 };
const rsi: Gpr = { kind: 'gpr', number: 6, bits: 64 };
const rdi: Gpr = { kind: 'gpr', number: 7, bits: 64 };
const r8: Gpr = { kind: 'gpr', number: 8, bits: 64 };
/** Belongs to nobody in either convention, and carries no argument before the fourth. */
export const r9: Gpr = { kind: 'gpr', number: 9, bits: 64 };

/** Where the first three arguments are: those of a kernel. */
export const argumentRegisters: Readonly<Record<Abi, readonly [Gpr, Gpr, Gpr]>> = {
  sysv: [rdi, rsi, rdx],
  windows: [rcx, rdx, r8],
};

/** The lower half of a register. */
export const low = ({ number }: Gpr): Gpr => ({ kind: 'gpr', number, bits: 32 });

/** Memory at a register's address. */
export const at = ({ number }: Gpr, displacement: number, bits: 32 | 64): Memory => ({
  kind: 'memory',
  bits,
  base: number,
  displacement,
});

export const instruction = (mnemonic: Mnemonic, ...operands: Operand[]): X64Instruction => ({
  mnemonic,
  operands,
});
