/** What x86-64 instructions are applied to. Sizes are in bits and bytes as in Intel's manual (SDM volume 2). */

/** A general-purpose register: 0 rax, 1 rcx, 2 rdx, 3 rbx, 4 rsp, 5 rbp, 6 rsi, 7 rdi, 8 … 15 r8 … r15. */
export interface Gpr {
  readonly kind: 'gpr';
  readonly number: number;
  readonly bits: 8 | 16 | 32 | 64;
}

/** xmm, ymm or zmm 0 … 31; those above 15 need AVX-512. */
export interface Vector {
  readonly kind: 'vector';
  readonly number: number;
  readonly bits: 128 | 256 | 512;
}

/** An opmask register k0 … k7. */
export interface Opmask {
  readonly kind: 'opmask';
  readonly number: number;
}

/** Memory at base + index · scale + displacement, or, relative to the end of the instruction, at a label. */
export interface Memory {
  readonly kind: 'memory';
  /** Size of what is accessed, in bits: it chooses between forms of an instruction, and compresses displacements in EVEX. */
  readonly bits: number;
  readonly base?: number;
  readonly index?: number;
  /** Set when the index is a vector register (gathers and scatters). */
  readonly indexBits?: 128 | 256 | 512;
  readonly scale?: 1 | 2 | 4 | 8;
  readonly displacement?: number;
  readonly label?: Label;
  /** EVEX embedded broadcast: one element is read into every lane; `bits` is then the element's size. */
  readonly broadcast?: boolean;
}

/** A place in the code. Jumps go to it, and rip-relative memory lies at it. */
export interface Label {
  readonly kind: 'label';
  readonly name: string;
}

export type Operand = Gpr | Vector | Opmask | Memory | Label | number | bigint;
