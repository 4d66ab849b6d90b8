import type { Mnemonic } from './instructions.ts';
import type { Label, Operand } from './operands.ts';

/** One instruction. Operands are in Intel's order, destination first. */
export interface X64Instruction {
  readonly mnemonic: Mnemonic;
  readonly operands: readonly Operand[];
  /** k1 … k7: which elements are written (EVEX). */
  readonly mask?: number;
  /** Elements that the mask leaves out become 0 instead of keeping what they were. */
  readonly zeroing?: boolean;
  /** Rounding of this instruction alone, which silences exceptions, too: {rn-sae} … (EVEX, 512 bits or scalar). */
  readonly rounding?: Rounding;
  /** Exceptions are silenced: {sae} (EVEX, 512 bits or scalar). */
  readonly sae?: boolean;
  readonly lock?: boolean;
}

/** To nearest, down, up, towards zero. */
export type Rounding = 'rn' | 'rd' | 'ru' | 'rz';

/**
 * What a program is made of: instructions; labels, which name the place where they stand; alignments of the place
 * after them to a multiple of bytes, filled with nops; and data.
 */
export type CodeItem =
  | X64Instruction
  | { readonly label: Label }
  | { readonly align: number }
  | { readonly data: Uint8Array; readonly label?: Label; readonly align?: number };
