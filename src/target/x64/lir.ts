/**
 * Instructions before register allocation: x86-64's own, but on as many registers as are wanted. A register number
 * from `VIRTUAL` on is virtual; lower numbers are the machine's and stay what they are.
 */
import type { CodeItem, Mnemonic, X64Instruction } from './encode.ts';
import type { Gpr, Label, Memory, Operand, Opmask, Vector } from './operands.ts';

export const VIRTUAL = 64;

export type RegisterClass = 'gpr' | 'vector' | 'opmask';

/** Marks where a loop begins and ends: what lives at its beginning lives to its end. */
export interface LoopMark {
  readonly loop: 'begin' | 'end';
}

export type LirItem = CodeItem | LoopMark;

export type Decoration = Pick<X64Instruction, 'mask' | 'zeroing' | 'rounding' | 'sae' | 'lock'>;

/** A virtual register: its class, and how many bytes it takes in memory when it does not get a register. */
export interface VirtualRegister {
  readonly class: RegisterClass;
  readonly bytes: number;
}

/** Collects the instructions of one kernel, its virtual registers, and its constants. */
export class Lir {
  readonly items: LirItem[] = [];
  readonly registers: VirtualRegister[] = [];
  private readonly pool = new Map<string, { label: Label; bytes: Uint8Array }>();
  private labels = 0;

  gpr(bits: 8 | 16 | 32 | 64 = 64): Gpr {
    return { kind: 'gpr', number: this.register('gpr', 8), bits };
  }
  vector(bits: Vector['bits']): Vector {
    return { kind: 'vector', number: this.register('vector', bits / 8), bits };
  }
  opmask(): Opmask {
    return { kind: 'opmask', number: this.register('opmask', 8) };
  }

  emit(mnemonic: Mnemonic, ...operands: readonly Operand[]): void {
    this.items.push({ mnemonic, operands });
  }
  emitMasked(decoration: Decoration, mnemonic: Mnemonic, ...operands: readonly Operand[]): void {
    this.items.push({ mnemonic, operands, ...decoration });
  }

  label(name: string): Label {
    return { kind: 'label', name: `${name}${String(this.labels++)}` };
  }
  place(label: Label): void {
    this.items.push({ label });
  }
  align(multiple: number): void {
    this.items.push({ align: multiple });
  }
  loop(mark: 'begin' | 'end'): void {
    this.items.push({ loop: mark });
  }

  /** Memory that holds these bytes, beside the code. */
  constant(bytes: Uint8Array, broadcast = false): Memory {
    const key = bytes.join();
    let entry = this.pool.get(key);
    if (entry === undefined) this.pool.set(key, (entry = { label: this.label('constant'), bytes }));
    return {
      kind: 'memory',
      bits: bytes.length * 8,
      label: entry.label,
      ...(broadcast && { broadcast: true }),
    };
  }

  /** The constants as code items, each aligned to its size. */
  constants(): CodeItem[] {
    return [...this.pool.values()]
      .sort((a, b) => b.bytes.length - a.bytes.length)
      .map(({ label, bytes }) => ({ data: bytes, label, align: bytes.length }));
  }

  private register(class_: RegisterClass, bytes: number): number {
    this.registers.push({ class: class_, bytes });
    return VIRTUAL + this.registers.length - 1;
  }
}

/** What an instruction does with its first operand, if that is a register. */
export type Role = 'write' | 'update' | 'read';

const updates = new Set<Mnemonic>([
  ...(['add', 'sub', 'and', 'or', 'xor', 'neg', 'not', 'inc', 'dec', 'shl', 'shr', 'sar'] as const),
  ...([
    'vpermt2ps',
    'vpermt2pd',
    'vpermt2d',
    'vpermt2q',
    'vpermi2ps',
    'vpermi2pd',
    'vpternlogd',
    'vpternlogq',
  ] as const),
]);
const readers = new Set<Mnemonic>([
  ...(['cmp', 'test', 'idiv', 'jmp', 'call', 'push'] as const),
  ...(['vucomiss', 'vucomisd', 'vptest', 'kortestb', 'kortestw', 'kortestd', 'kortestq'] as const),
]);

export const roleOf = ({ mnemonic, operands, mask, zeroing }: X64Instruction): Role => {
  if (readers.has(mnemonic)) return 'read';
  if (updates.has(mnemonic) || mnemonic.startsWith('cmov') || /^vfn?m/.test(mnemonic)) return 'update';
  if (mnemonic === 'imul' && operands.length === 2) return 'update';
  // Merging keeps the lanes that the mask leaves out. A blend's mask chooses, and a comparison's zeroes.
  const [first] = operands;
  const merges =
    mask !== undefined && zeroing !== true && typeof first === 'object' && first.kind === 'vector';
  return merges && !/^vp?blendm/.test(mnemonic) ? 'update' : 'write';
};
