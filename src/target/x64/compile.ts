/** A kernel as a function of x86-64 machine code: (args, begin, end). */
import type { Kernel } from '../../lang/ir.ts';
import { allocate, type Allocation } from './allocate.ts';
import { assemble, type CodeItem, type Mnemonic } from './encode.ts';
import type { Lir } from './lir.ts';
import type { Gpr, Operand } from './operands.ts';
import { rewrite, type Choice } from './rewrite.ts';
import { select, type Arrivals } from './select.ts';

/** How functions are called: System V's x86-64 ABI, or Microsoft's x64. */
export type Abi = 'sysv' | 'windows';

export interface X64Options {
  /** Whether AVX-512 F, VL, BW and DQ are there, beside AVX2, FMA, F16C, BMI1 and BMI2, without which nothing runs. */
  readonly avx512: boolean;
  readonly abi: Abi;
}

const [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI] = [0, 1, 2, 3, 4, 5, 6, 7];

interface Convention {
  readonly arrivals: Arrivals;
  readonly savedGprs: readonly number[];
  /** Of these only the lowest 128 bits. */
  readonly savedVectors: readonly number[];
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

const conventions: Readonly<Record<Abi, Convention>> = {
  sysv: {
    arrivals: { args: RDI, begin: RSI, end: RDX },
    savedGprs: [RBX, RBP, 12, 13, 14, 15],
    savedVectors: [],
  },
  windows: {
    arrivals: { args: RCX, begin: RDX, end: 8 },
    savedGprs: [RBX, RBP, RSI, RDI, 12, 13, 14, 15],
    savedVectors: range(6, 15),
  },
};

/** rax and rdx are what division works with, and hold what lives in memory for the length of an instruction. */
const SCRATCH_GPRS = [RAX, RDX];
const GPRS = [RDI, RSI, RCX, 8, 9, 10, 11, RBX, 12, 13, 14, 15];
const OPMASKS = range(1, 7);

/** Who does not fit mostly finds a register to pass through that is free just then. If not, some are kept for that. */
const choicesOf = (vectors: readonly number[]): readonly Choice[] => {
  const gpr = [...GPRS, RBP];
  return [
    {
      available: { gpr, vector: vectors, opmask: OPMASKS },
      scratch: { gpr: SCRATCH_GPRS, vector: [], opmask: [] },
    },
    {
      available: { gpr, vector: vectors.slice(0, -2), opmask: OPMASKS.slice(0, -2) },
      scratch: { gpr: SCRATCH_GPRS, vector: vectors.slice(-2), opmask: OPMASKS.slice(-2) },
    },
  ];
};
const choices = { avx2: choicesOf(range(0, 15)), avx512: choicesOf(range(0, 31)) };

/** Position-independent code that leaves the caller's registers as the convention wants them. */
export const compileX64 = (kernel: Kernel, options: X64Options): Uint8Array<ArrayBuffer> =>
  assemble(codeOf(kernel, options)).bytes;

/** The same as instructions, for `print`. */
export const codeOf = (kernel: Kernel, { avx512, abi }: X64Options): CodeItem[] => {
  const convention = conventions[abi];
  for (const choice of choices[avx512 ? 'avx512' : 'avx2']) {
    const lir = select(kernel, { avx512, vectorBytes: avx512 ? 64 : 32, arrivals: convention.arrivals });
    let { available } = choice;
    let allocation = allocate(lir, available);
    const framed = allocation.spilled.some(({ bytes }) => bytes > 8);
    if (framed) {
      // A frame with vectors is aligned to their size, and rbp remembers where the stack was.
      available = { ...available, gpr: GPRS };
      allocation = allocate(lir, available);
    }
    const body = rewrite(lir, allocation, { ...choice, available });
    if (body === null) continue;
    const frame = new Frame(convention, allocation, framed);
    return [...frame.prologue(), ...body, ...frame.epilogue(wide(lir)), ...lir.constants()];
  }
  throw new Error(`${kernel.name}: an instruction needs more registers than there are`);
};

/** Whether upper halves of vector registers were written: they must be cleared before the caller's SSE code runs. */
const wide = (lir: Lir): boolean =>
  lir.registers.some(({ class: class_, bytes }) => class_ === 'vector' && bytes > 16);

const gpr = (number: number): Gpr => ({ kind: 'gpr', number, bits: 64 });
const code = (mnemonic: Mnemonic, ...operands: readonly Operand[]): CodeItem => ({ mnemonic, operands });

const has = (numbers: number, number: number): boolean => (numbers & (1 << number)) !== 0;

class Frame {
  private readonly gprs: readonly number[];
  private readonly vectors: readonly number[];
  private readonly bytes: number;

  private readonly slotBytes: number;

  constructor(
    { savedGprs, savedVectors }: Convention,
    { used, frameBytes }: Allocation,
    private readonly aligned: boolean,
  ) {
    this.gprs = savedGprs.filter((number) => has(used.gpr, number) || (aligned && number === RBP));
    this.vectors = savedVectors.filter((number) => has(used.vector, number));
    this.slotBytes = Math.ceil(frameBytes / 16) * 16;
    // Slots lie lowest, at rsp; above them the caller's vectors.
    this.bytes = this.slotBytes + 16 * this.vectors.length;
  }

  prologue(): CodeItem[] {
    return [
      ...this.gprs.map((number) => code('push', gpr(number))),
      ...(this.aligned ? [code('mov', gpr(RBP), gpr(RSP))] : []),
      ...(this.bytes > 0 ? [code('sub', gpr(RSP), this.bytes)] : []),
      ...(this.aligned ? [code('and', gpr(RSP), -64)] : []),
      ...this.vectors.map((number, k) =>
        code('vmovups', this.saved(k), { kind: 'vector', number, bits: 128 }),
      ),
    ];
  }

  epilogue(clearUpper: boolean): CodeItem[] {
    const back = this.aligned ? [code('mov', gpr(RSP), gpr(RBP))] : [code('add', gpr(RSP), this.bytes)];
    return [
      ...(clearUpper ? [code('vzeroupper')] : []),
      ...this.vectors.map((number, k) =>
        code('vmovups', { kind: 'vector', number, bits: 128 }, this.saved(k)),
      ),
      ...(this.bytes > 0 || this.aligned ? back : []),
      ...this.gprs.toReversed().map((number) => code('pop', gpr(number))),
      code('ret'),
    ];
  }

  private saved(k: number): Operand {
    const displacement = this.slotBytes + 16 * k;
    return { kind: 'memory', bits: 128, base: RSP, displacement };
  }
}
