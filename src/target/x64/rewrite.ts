/** After allocation: machine registers in place of virtual ones, and memory where there was no register left. */
import { copied, type Allocation, type Registers } from './allocate.ts';
import type { CodeItem, X64Instruction } from './encode.ts';
import { roleOf, VIRTUAL, type Lir, type RegisterClass, type Role } from './lir.ts';
import type { Memory, Operand } from './operands.ts';

const STACK_POINTER = 4;

/**
 * The code on machine registers. What lives in memory passes through `scratch`, or through what is free just then; null
 * when that is too little.
 *
 * @param used  gets the registers that it passes through
 */
export const rewrite = (
  lir: Lir,
  allocation: Allocation,
  scratch: Registers,
  used: Record<RegisterClass, Set<number>>,
): CodeItem[] | null => {
  const code: CodeItem[] = [];
  for (const [place, item] of lir.items.entries()) {
    if ('loop' in item) continue;
    if (!('mnemonic' in item)) {
      code.push(item);
      continue;
    }
    const rewritten = new Rewriting(item, place, lir, allocation, scratch, used).result();
    if (rewritten === null) return null;
    code.push(...rewritten);
  }
  return code;
};

/** There is no register to pass through. */
const NONE = -1;

/** Instructions whose last operand may be memory of a vector's size. */
const foldsVector = /^v(p?add|p?sub|p?mul|div|min|max|andn?|x?or|fn?m|p?cmp|p?blend[mv])/;
const foldsGpr = new Set(['add', 'sub', 'and', 'or', 'xor', 'cmp', 'imul', 'movsxd', 'idiv']);

/** One instruction's registers replaced, with loads before it and a store after it. */
class Rewriting {
  private readonly before: X64Instruction[] = [];
  private readonly after: X64Instruction[] = [];
  private readonly loaded = new Map<number, number>();
  private readonly kept: Partial<Record<RegisterClass, number[]>> = {};
  private readonly free: Partial<Record<RegisterClass, number[]>> = {};
  private failed = false;

  constructor(
    private readonly instruction: X64Instruction,
    private readonly place: number,
    private readonly lir: Lir,
    private readonly allocation: Allocation,
    private readonly scratch: Registers,
    private readonly used: Record<RegisterClass, Set<number>>,
  ) {}

  /** Null when registers do not suffice. */
  result(): X64Instruction[] | null {
    const { instruction } = this;
    const role = roleOf(instruction);
    const folded = this.foldable();
    const replaced = (operand: Operand, i: number): Operand => {
      if (typeof operand !== 'object' || operand.kind === 'label') return operand;
      if (operand.kind === 'memory') return this.memory(operand);
      if (i === folded) return this.slot(operand.number, this.accessBits(operand));
      return { ...operand, number: this.machine(operand.number, i === 0 ? role : 'read') };
    };
    const { mask, operands } = instruction;
    const chosen = mask === undefined ? {} : { mask: this.machine(mask, 'read') };
    // The result goes last: it may lie where an operand was.
    const sources = operands.slice(1).map((operand, i) => replaced(operand, i + 1));
    const result = {
      ...instruction,
      operands: [...operands.slice(0, 1).map((operand) => replaced(operand, 0)), ...sources],
      ...chosen,
    };
    if (this.failed) return null;
    const copy = copied(result);
    // What a copy of 32 bits does to the others does not matter: nobody reads them.
    if (copy !== undefined && copy.to === copy.from && this.after.length === 0) return this.before;
    return [...this.before, result, ...this.after];
  }

  private inMemory(number: number): boolean {
    return number >= VIRTUAL && this.allocation.assigned[number - VIRTUAL]! < 0;
  }

  /** The machine register that stands for a register: its own, or a scratch register, filled and emptied. */
  private machine(number: number, role: Role): number {
    if (number < VIRTUAL) return number;
    const own = this.allocation.assigned[number - VIRTUAL]!;
    if (own >= 0) return own;
    let register = this.loaded.get(number);
    if (register === undefined) {
      const { class: class_ } = this.lir.registers[number - VIRTUAL]!;
      register = this.nextFree(class_);
      if (register === undefined && role === 'write') register = this.loadedOf(class_);
      if (register !== undefined) this.used[class_].add(register);
      if (register === undefined) {
        this.failed = true;
        return NONE;
      }
      this.loaded.set(number, register);
      if (role !== 'write') this.before.push(this.transfer(number, register, 'load'));
    }
    if (role !== 'read') this.after.push(this.transfer(number, register, 'store'));
    return register;
  }

  /** The next register to pass through: those kept for it first. */
  private nextFree(class_: RegisterClass): number | undefined {
    const kept = (this.kept[class_] ??= [...this.scratch[class_]]);
    if (kept.length > 0) return kept.shift();
    return (this.free[class_] ??= this.allocation.free(class_, this.place)).shift();
  }

  /** A scratch register whose contents the instruction reads before it writes. */
  private loadedOf(class_: RegisterClass): number | undefined {
    const numbers = [...this.loaded].filter(([of]) => this.lir.registers[of - VIRTUAL]!.class === class_);
    return numbers[0]?.[1];
  }

  private transfer(number: number, register: number, direction: 'load' | 'store'): X64Instruction {
    const { class: class_, bytes } = this.lir.registers[number - VIRTUAL]!;
    const slot = this.slot(number, bytes * 8);
    const operand: Operand =
      class_ === 'gpr'
        ? { kind: 'gpr', number: register, bits: 64 }
        : class_ === 'opmask'
          ? { kind: 'opmask', number: register }
          : { kind: 'vector', number: register, bits: (bytes * 8) as 128 | 256 | 512 };
    const mnemonic = ({ gpr: 'mov', vector: 'vmovups', opmask: 'kmovq' } as const)[class_];
    return { mnemonic, operands: direction === 'load' ? [operand, slot] : [slot, operand] };
  }

  private slot(number: number, bits: number): Memory {
    const displacement = this.allocation.slots.get(number - VIRTUAL)!;
    return { kind: 'memory', bits, base: STACK_POINTER, displacement };
  }

  private memory(operand: Memory): Memory {
    const { base, index, scale = 1 } = operand;
    if (base !== undefined && index !== undefined && this.inMemory(base) && this.inMemory(index)) {
      // One register for both leaves another for what is loaded or stored.
      const [from, by] = [this.machine(base, 'read'), this.machine(index, 'read')];
      const sum: Memory = { kind: 'memory', bits: 64, base: from, index: by, scale };
      this.before.push({ mnemonic: 'lea', operands: [{ kind: 'gpr', number: from, bits: 64 }, sum] });
      this.loaded.delete(base);
      this.loaded.delete(index);
      if (by !== from) this.kept.gpr!.unshift(by);
      const { index: _, scale: __, ...rest } = operand;
      return { ...rest, base: from };
    }
    return {
      ...operand,
      ...(base !== undefined && { base: this.machine(base, 'read') }),
      ...(index !== undefined && { index: this.machine(index, 'read') }),
    };
  }

  /** The operand that can be read from memory by the instruction itself; −1 when there is none. */
  private foldable(): number {
    const { mnemonic, operands } = this.instruction;
    const last = mnemonic.startsWith('vblendv')
      ? 2
      : operands.findLastIndex((operand) => typeof operand === 'object');
    const operand = operands[last];
    const fits =
      (last > 0 || mnemonic === 'idiv') &&
      typeof operand === 'object' &&
      (operand.kind === 'vector' ? foldsVector.test(mnemonic) : foldsGpr.has(mnemonic)) &&
      !operands.some((other) => typeof other === 'object' && other.kind === 'memory');
    if (!fits || operand.kind === 'memory' || operand.kind === 'label' || !this.inMemory(operand.number))
      return -1;
    return operands
      .slice(0, last)
      .some((o) => typeof o === 'object' && 'number' in o && o.number === operand.number)
      ? -1
      : last;
  }

  /** How many bits of a spilled register an instruction reads. */
  private accessBits(operand: Exclude<Operand, number | bigint | Memory | { kind: 'label' }>): number {
    if (operand.kind === 'opmask') return 64;
    const { mnemonic } = this.instruction;
    if (operand.kind === 'vector' && /s[sd]$/.test(mnemonic)) return mnemonic.endsWith('ss') ? 32 : 64;
    return operand.bits;
  }
}
