/** After allocation: machine registers in place of virtual ones, and memory where there was no register left. */
import { freeAt, type Allocation, type Registers } from './allocate.ts';
import type { CodeItem, X64Instruction } from './encode.ts';
import { isCopy, roleOf, VIRTUAL, type Lir, type RegisterClass, type Role } from './lir.ts';
import type { Gpr, Memory, Operand, Opmask, Vector } from './operands.ts';

const STACK_POINTER = 4;

/** What an allocation may use, and what it leaves for those who live in memory to pass through. */
export interface Choice {
  readonly available: Registers;
  readonly scratch: Registers;
}

/**
 * The code on machine registers. What lives in memory passes through `scratch`, or through what is free just then; null
 * when that is too little.
 *
 * The operands of `lir` are what they were no longer: a register's machine register is written into them, because most
 * are shared by several instructions, and making new ones would take longer than anything else here. So there is no
 * second rewriting of the same code.
 */
export const rewrite = (lir: Lir, allocation: Allocation, choice: Choice): CodeItem[] | null => {
  const code: CodeItem[] = [];
  const { items } = lir;
  for (let place = 0; place < items.length; place++) {
    const item = items[place]!;
    if (!('mnemonic' in item)) {
      code.push(item);
      continue;
    }
    if (assign(lir, item)) {
      // What a copy of 32 bits does to the others does not matter: nobody reads them.
      if (!(isCopy(item) && (item.operands[0] as Gpr).number === (item.operands[1] as Gpr).number))
        code.push(item);
      continue;
    }
    const rewritten = new Rewriting(item, place, lir, allocation, choice).result();
    if (rewritten === null) return null;
    code.push(...rewritten);
  }
  return code;
};

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Gives the instruction's registers their numbers. False when one of them lives in memory, and keeps its own. */
const assign = (lir: Lir, instruction: X64Instruction): boolean => {
  const { operands, mask } = instruction;
  const { registers } = lir;
  let inRegisters = true;
  for (let i = 0; i < operands.length; i++) {
    const operand = operands[i]!;
    if (typeof operand !== 'object' || operand.kind === 'label') continue;
    if (operand.kind === 'memory') {
      const memory: Mutable<Memory> = operand;
      const { base, index } = operand;
      if (base !== undefined && base >= VIRTUAL) {
        const { machine } = registers[base - VIRTUAL]!;
        if (machine >= 0) memory.base = machine;
        else inRegisters = false;
      }
      if (index !== undefined && index >= VIRTUAL) {
        const { machine } = registers[index - VIRTUAL]!;
        if (machine >= 0) memory.index = machine;
        else inRegisters = false;
      }
    } else if (operand.number >= VIRTUAL) {
      const { machine } = registers[operand.number - VIRTUAL]!;
      if (machine >= 0) (operand as Mutable<Gpr | Vector | Opmask>).number = machine;
      else inRegisters = false;
    }
  }
  if (mask !== undefined && mask >= VIRTUAL) {
    const { machine } = registers[mask - VIRTUAL]!;
    if (machine >= 0) (instruction as Mutable<X64Instruction>).mask = machine;
    else inRegisters = false;
  }
  return inRegisters;
};

/** There is no register to pass through. */
const NONE = -1;

/** Instructions whose last operand may be memory of a vector's size. */
const foldsVector = /^v(p?add|p?sub|p?mul|div|min|max|andn?|x?or|fn?m|p?cmp|p?blend[mv])/;
const foldsGpr: ReadonlySet<string> = new Set([
  'add',
  'sub',
  'and',
  'or',
  'xor',
  'cmp',
  'imul',
  'movsxd',
  'idiv',
  'mov',
]);
/** Those whose first operand may be memory, the other being a register or an immediate. */
const foldsFirst: ReadonlySet<string> = new Set(['add', 'sub', 'and', 'or', 'xor', 'cmp', 'test', 'mov']);
/** Those that take memory alone, or beside an immediate. */
const foldsOnly: ReadonlySet<string> = new Set(['neg', 'not', 'shl', 'shr', 'sar']);

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
    private readonly choice: Choice,
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
    return [...this.before, result, ...this.after];
  }

  private inMemory(number: number): boolean {
    return number >= VIRTUAL && this.lir.registers[number - VIRTUAL]!.machine < 0;
  }

  /** The machine register that stands for a register: its own, or a scratch register, filled and emptied. */
  private machine(number: number, role: Role): number {
    if (number < VIRTUAL) return number;
    const { machine: own, class: class_ } = this.lir.registers[number - VIRTUAL]!;
    if (own >= 0) return own;
    let register = this.loaded.get(number);
    if (register === undefined) {
      register = this.nextFree(class_);
      if (register === undefined && role === 'write') register = this.loadedOf(class_);
      if (register === undefined) {
        this.failed = true;
        return NONE;
      }
      this.allocation.used[class_] |= 1 << register;
      this.loaded.set(number, register);
      if (role !== 'write') this.before.push(this.transfer(number, register, 'load'));
    }
    if (role !== 'read') this.after.push(this.transfer(number, register, 'store'));
    return register;
  }

  /** The next register to pass through: those kept for it first. */
  private nextFree(class_: RegisterClass): number | undefined {
    const { scratch, available } = this.choice;
    const kept = (this.kept[class_] ??= [...scratch[class_]]);
    if (kept.length > 0) return kept.shift();
    return (this.free[class_] ??= freeAt(this.lir, available, class_, this.place)).shift();
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
    const displacement = this.lir.registers[number - VIRTUAL]!.slot;
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

  /** The operand that can be read from memory, or changed there, by the instruction itself; −1 when there is none. */
  private foldable(): number {
    const { mnemonic, operands } = this.instruction;
    if (operands.some((operand) => typeof operand === 'object' && operand.kind === 'memory')) return -1;
    if (this.foldsFirst()) return 0;
    const last = mnemonic.startsWith('vblendv')
      ? 2
      : operands.findLastIndex((operand) => typeof operand === 'object');
    const operand = operands[last];
    const fits =
      (last > 0 || mnemonic === 'idiv') &&
      typeof operand === 'object' &&
      (operand.kind === 'vector' ? foldsVector.test(mnemonic) : foldsGpr.has(mnemonic));
    if (!fits || operand.kind === 'memory' || operand.kind === 'label' || !this.inMemory(operand.number))
      return -1;
    return operands
      .slice(0, last)
      .some((o) => typeof o === 'object' && 'number' in o && o.number === operand.number)
      ? -1
      : last;
  }

  private foldsFirst(): boolean {
    const { mnemonic, operands } = this.instruction;
    const [first, second] = operands;
    if (typeof first !== 'object' || first.kind !== 'gpr' || !this.inMemory(first.number)) return false;
    // A register's upper half becomes 0 where the lower is written; memory's would stay.
    if (first.bits !== 64 && mnemonic !== 'cmp' && mnemonic !== 'test') return false;
    if (typeof second === 'object')
      return foldsFirst.has(mnemonic) && second.kind === 'gpr' && !this.inMemory(second.number);
    // `mov` has immediates of 64 bits for registers only.
    return foldsOnly.has(mnemonic) || (foldsFirst.has(mnemonic) && typeof second === 'number');
  }

  /** How many bits of a spilled register an instruction reads. */
  private accessBits(operand: Gpr | Vector | Opmask): number {
    if (operand.kind === 'opmask') return 64;
    const { mnemonic } = this.instruction;
    if (operand.kind === 'vector' && /s[sd]$/.test(mnemonic)) return mnemonic.endsWith('ss') ? 32 : 64;
    return operand.bits;
  }
}
