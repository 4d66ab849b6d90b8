/**
 * Instructions before register allocation: x86-64's own, but on as many registers as are wanted. A register number
 * from `VIRTUAL` on is virtual; lower numbers are the machine's and stay what they are.
 *
 * Kernels are compiled when they are first called, by JavaScript that has hardly run before. So there is one pass: where
 * a register begins and ends is noted while its instructions are written.
 */
import type { CodeItem, Mnemonic, X64Instruction } from './encode.ts';
import type { Gpr, Label, Memory, Opmask, Vector } from './operands.ts';

export const VIRTUAL = 64;

export type RegisterClass = 'gpr' | 'vector' | 'opmask';

export type Decoration = Pick<X64Instruction, 'mask' | 'zeroing' | 'rounding' | 'sae' | 'lock'>;

/** A loop in the code. What lives at its beginning and occurs within lives to its end. */
interface Loop {
  readonly outer: Loop | null;
  readonly begin: number;
  end: number;
}

/**
 * A virtual register and the time that it takes. Positions count instructions twice: what is read at 2i may share a
 * register with what is written at 2i + 1.
 */
export interface VirtualRegister {
  readonly class: RegisterClass;
  /** How many bytes it takes in memory when it does not get a register. */
  readonly bytes: number;
  /** −1 when it does not occur. */
  start: number;
  end: number;
  /** The outermost loop to whose end it lives. */
  lasts: Loop | null;
  /** Occurrences, each counted ten times for every loop around it. */
  weight: number;
  /** Register that this one is copied from or to: virtual, or the machine's. */
  hint: number;
  /** The machine's register that `allocate` gave it; −1 when it lives in memory, at `slot`. */
  machine: number;
  slot: number;
}

/** Collects the instructions of one kernel, its virtual registers, and its constants. */
export class Lir {
  readonly items: CodeItem[] = [];
  readonly registers: VirtualRegister[] = [];
  /** Those that occur, in the order in which they begin. */
  readonly occurring: VirtualRegister[] = [];
  private readonly pool = new Map<string | number | bigint, { label: Label; bytes: Uint8Array }>();
  private labels = 0;
  private loop: Loop | null = null;
  private weight = 1;

  gpr(bits: 8 | 16 | 32 | 64 = 64): Gpr {
    return { kind: 'gpr', number: this.register('gpr', 8), bits };
  }
  vector(bits: Vector['bits']): Vector {
    return { kind: 'vector', number: this.register('vector', bits / 8), bits };
  }
  opmask(): Opmask {
    return { kind: 'opmask', number: this.register('opmask', 8) };
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
  beginLoop(): void {
    this.loop = { outer: this.loop, begin: 2 * this.items.length, end: 0 };
    this.weight *= 10;
  }
  endLoop(): void {
    const loop = this.loop!;
    loop.end = 2 * this.items.length - 1;
    this.loop = loop.outer;
    this.weight /= 10;
  }

  /** Memory that holds these bytes, beside the code. @param key  the same for the same bytes */
  constant(key: string | number | bigint, bytes: () => Uint8Array, broadcast = false): Memory {
    let entry = this.pool.get(key);
    if (entry === undefined) {
      this.pool.set(key, (entry = { label: this.label('constant'), bytes: bytes() }));
    }
    const { label } = entry;
    const bits = entry.bytes.length * 8;
    return broadcast ? { kind: 'memory', bits, label, broadcast } : { kind: 'memory', bits, label };
  }

  /** The constants as code items, each aligned to its size. */
  constants(): CodeItem[] {
    return [...this.pool.values()]
      .sort((a, b) => b.bytes.length - a.bytes.length)
      .map(({ label, bytes }) => ({ data: bytes, label, align: bytes.length }));
  }

  private register(class_: RegisterClass, bytes: number): number {
    return (
      VIRTUAL +
      this.registers.push({
        class: class_,
        bytes,
        start: -1,
        end: -1,
        lasts: null,
        weight: 0,
        hint: -1,
        machine: -1,
        slot: -1,
      }) -
      1
    );
  }

  push(instruction: X64Instruction): void {
    const { operands, mask } = instruction;
    const read = 2 * this.items.length;
    this.items.push(instruction);
    for (let i = 0; i < operands.length; i++) {
      const operand = operands[i]!;
      if (typeof operand !== 'object') continue;
      if (operand.kind === 'memory') {
        if (operand.base !== undefined) this.occurs(operand.base, read);
        if (operand.index !== undefined) this.occurs(operand.index, read);
      } else if (operand.kind !== 'label') {
        const role = i === 0 ? roleOf(instruction) : 'read';
        if (role !== 'write') this.occurs(operand.number, read);
        if (role !== 'read') this.occurs(operand.number, read + 1);
      }
    }
    if (mask !== undefined) this.occurs(mask, read);
    if (isCopy(instruction)) this.hint(operands[0] as Gpr, operands[1] as Gpr);
  }

  private occurs(number: number, at: number): void {
    if (number < VIRTUAL) return;
    const register = this.registers[number - VIRTUAL]!;
    register.weight += this.weight;
    if (register.start < 0) {
      register.start = register.end = at;
      this.occurring.push(register);
      return;
    }
    if (register.end < at) register.end = at;
    let { loop } = this;
    if (loop === null || register.start >= loop.begin) return;
    while (loop.outer !== null && register.start < loop.outer.begin) loop = loop.outer;
    register.lasts = loop;
  }

  /** The allocator tries to make both one and the same. */
  private hint(to: Gpr, from: Gpr): void {
    const [target, source] = [this.registers[to.number - VIRTUAL], this.registers[from.number - VIRTUAL]];
    if (target !== undefined && target.hint < 0) target.hint = from.number;
    if (source !== undefined && source.hint < 0) source.hint = to.number;
  }
}

/** A copy from register to register. */
export const isCopy = ({ mnemonic, operands, mask }: X64Instruction): boolean => {
  if (mnemonic !== 'mov' && mnemonic !== 'vmovaps' && mnemonic !== 'kmovq') return false;
  if (mask !== undefined) return false;
  const [to, from] = operands;
  if (typeof to !== 'object' || typeof from !== 'object') return false;
  return to.kind !== 'memory' && to.kind === from.kind;
};

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

const roles = new Map<Mnemonic, Role | 'writeUnlessMasked'>();

/** The role by the name alone. Merging keeps the lanes that the mask leaves out; a blend's mask chooses. */
const named = (mnemonic: Mnemonic): Role | 'writeUnlessMasked' => {
  if (readers.has(mnemonic)) return 'read';
  if (updates.has(mnemonic) || mnemonic.startsWith('cmov') || /^vfn?m/.test(mnemonic)) return 'update';
  return /^vp?blendm/.test(mnemonic) ? 'write' : 'writeUnlessMasked';
};

export const roleOf = ({ mnemonic, operands, mask, zeroing }: X64Instruction): Role => {
  let role = roles.get(mnemonic);
  if (role === undefined) roles.set(mnemonic, (role = named(mnemonic)));
  if (role !== 'writeUnlessMasked') return role;
  if (mnemonic === 'imul' && operands.length === 2) return 'update';
  if (mask === undefined || zeroing === true) return 'write';
  // A comparison's mask zeroes.
  const [first] = operands;
  return typeof first === 'object' && first.kind === 'vector' ? 'update' : 'write';
};
