/** System V's registers and some short forms, for the loops that are written instruction by instruction. */
import type { CodeItem, Mnemonic } from '../../target/x64/encode.ts';
import type { Gpr, Label, Memory, Operand } from '../../target/x64/operands.ts';

const gpr =
  (bits: 32 | 64) =>
  (number: number): Gpr => ({ kind: 'gpr', number, bits });
export const r64 = gpr(64);
export const r32 = gpr(32);
export const [RAX, RCX, RDX, RBX, RSP, , RSI, RDI, , , R10, , R12, R13, R14, R15] = [
  ...Array(16).keys(),
] as number[] & Record<0 | 1 | 2 | 3 | 4 | 6 | 7 | 10 | 12 | 13 | 14 | 15, number>;

export const i = (mnemonic: Mnemonic, ...operands: Operand[]): CodeItem => ({ mnemonic, operands });
export const locked = (mnemonic: Mnemonic, ...operands: Operand[]): CodeItem => ({
  mnemonic,
  operands,
  lock: true,
});
export const label = (name: string): Label => ({ kind: 'label', name });
const memory =
  (bits: 32 | 64) =>
  (base: number, displacement = 0): Memory => ({ kind: 'memory', bits, base, displacement });
export const m32 = memory(32);
export const m64 = memory(64);
