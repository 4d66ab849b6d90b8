/**
 * Register allocation: a linear scan over structured code. Each virtual register lives from its first occurrence to its
 * last, to the end of every loop at whose beginning it lives, and gets one machine register for all that time. When
 * they run out, whoever is used least for the time that it takes one, lives in memory instead.
 *
 * @see Poletto & Sarkar 1999, "Linear scan register allocation"
 */
import type { X64Instruction } from './encode.ts';
import { roleOf, VIRTUAL, type Lir, type RegisterClass, type Role } from './lir.ts';

/** Machine registers by class, those to be taken first in front. */
export type Registers = Readonly<Record<RegisterClass, readonly number[]>>;

export interface Allocation {
  /** The machine register of each virtual one; −1 when it lives in memory. */
  readonly assigned: Int32Array;
  /** For those in memory, their offset in the frame. */
  readonly slots: ReadonlyMap<number, number>;
  readonly frameBytes: number;
  /** Machine registers that are used, by class. */
  readonly used: Readonly<Record<RegisterClass, ReadonlySet<number>>>;
  /** Machine registers that nobody has for the length of the instruction at this place among the items. */
  free(class_: RegisterClass, item: number): number[];
}

export interface Interval {
  readonly id: number;
  start: number;
  end: number;
  /** Occurrences, each counted ten times for every loop around it. */
  weight: number;
  /** Register that this one is copied from or to: virtual, or the machine's. */
  hint: number;
}

/** Calls `visit` for every register that the instruction names: its number, and what becomes of it. */
export const eachRegister = (
  instruction: X64Instruction,
  visit: (number: number, role: Role) => void,
): void => {
  const { operands, mask } = instruction;
  const role = roleOf(instruction);
  operands.forEach((operand, i) => {
    if (typeof operand !== 'object') return;
    if (operand.kind === 'memory') {
      if (operand.base !== undefined) visit(operand.base, 'read');
      if (operand.index !== undefined) visit(operand.index, 'read');
    } else if (operand.kind !== 'label') visit(operand.number, i === 0 ? role : 'read');
  });
  if (mask !== undefined) visit(mask, 'read');
};

const moves = new Set(['mov', 'vmovaps', 'kmovq']);

/** A copy from register to register: the allocator tries to make it one and the same. */
export const copied = ({
  mnemonic,
  operands,
  mask,
}: X64Instruction): { to: number; from: number } | undefined => {
  const [to, from] = operands;
  if (!moves.has(mnemonic) || mask !== undefined || typeof to !== 'object' || typeof from !== 'object')
    return;
  if (to.kind === 'memory' || to.kind === 'label' || to.kind !== from.kind) return;
  return { to: to.number, from: from.number };
};

/** Positions count instructions twice: what is read at 2i may share a register with what is written at 2i + 1. */
export const intervalsOf = ({ items, registers }: Lir): (Interval | undefined)[] => {
  const intervals: (Interval | undefined)[] = new Array<undefined>(registers.length);
  const loops: { readonly begin: number; readonly inside: Set<number> }[] = [];
  const occurs = (number: number, at: number): Interval | undefined => {
    if (number < VIRTUAL) return;
    const id = number - VIRTUAL;
    const weight = 10 ** Math.min(loops.length, 6);
    let interval = intervals[id];
    if (interval === undefined) {
      intervals[id] = interval = { id, start: at, end: at, weight: 0, hint: -1 };
    }
    interval.end = Math.max(interval.end, at);
    interval.weight += weight;
    loops.at(-1)?.inside.add(id);
    return interval;
  };
  items.forEach((item, i) => {
    if ('loop' in item) {
      if (item.loop === 'begin') loops.push({ begin: 2 * i, inside: new Set() });
      else {
        const { begin, inside } = loops.pop()!;
        for (const id of inside) {
          const interval = intervals[id]!;
          if (interval.start < begin) interval.end = Math.max(interval.end, 2 * i + 1);
          loops.at(-1)?.inside.add(id);
        }
      }
    } else if ('mnemonic' in item) {
      eachRegister(item, (number, role) => {
        if (role !== 'write') occurs(number, 2 * i);
        if (role !== 'read') occurs(number, 2 * i + 1);
      });
      const copy = copied(item);
      if (copy !== undefined) {
        const [to, from] = [intervals[copy.to - VIRTUAL], intervals[copy.from - VIRTUAL]];
        if (to !== undefined && to.hint < 0) to.hint = copy.from;
        if (from !== undefined && from.hint < 0) from.hint = copy.to;
      }
    }
  });
  return intervals;
};

/** How much an interval's register is used while it is taken. */
const density = ({ weight, start, end }: Interval): number => weight / (end - start + 1);

/**
 * Gives every virtual register a machine register of its class, or a place in memory.
 *
 * @param intervals  of `intervalsOf`, which are the same whatever is available
 */
export const allocate = (
  lir: Lir,
  intervals: readonly (Interval | undefined)[],
  available: Registers,
): Allocation => {
  const assigned = new Int32Array(lir.registers.length).fill(-1);
  const used = { gpr: new Set<number>(), vector: new Set<number>(), opmask: new Set<number>() };
  const spilled: number[] = [];

  for (const class_ of ['gpr', 'vector', 'opmask'] as const) {
    const waiting = intervals
      .filter((interval): interval is Interval => interval !== undefined)
      .filter(({ id }) => lir.registers[id]!.class === class_)
      .sort((a, b) => a.start - b.start);
    const free = new Set(available[class_]);
    const order = available[class_];
    let active: Interval[] = [];
    for (const interval of waiting) {
      active = active.filter((other) => {
        if (other.end >= interval.start) return true;
        free.add(assigned[other.id]!);
        return false;
      });
      const hinted = interval.hint >= VIRTUAL ? assigned[interval.hint - VIRTUAL]! : interval.hint;
      let register = free.has(hinted) ? hinted : order.find((candidate) => free.has(candidate));
      if (register === undefined) {
        // Who is cheapest to keep in memory gives its register up.
        const cheapest = active.reduce(
          (least, other) => (density(other) < density(least) ? other : least),
          interval,
        );
        spilled.push(cheapest.id);
        if (cheapest === interval) continue;
        register = assigned[cheapest.id]!;
        assigned[cheapest.id] = -1;
        active.splice(active.indexOf(cheapest), 1);
      }
      free.delete(register);
      used[class_].add(register);
      assigned[interval.id] = register;
      active.push(interval);
    }
  }

  const slots = new Map<number, number>();
  let frameBytes = 0;
  // The largest first, so that each lies at a multiple of its size.
  for (const id of spilled.sort((a, b) => lir.registers[b]!.bytes - lir.registers[a]!.bytes)) {
    slots.set(id, frameBytes);
    frameBytes += lir.registers[id]!.bytes;
  }
  const holders = { gpr: [], vector: [], opmask: [] } as Record<RegisterClass, Interval[]>;
  for (const interval of intervals) {
    if (interval === undefined || assigned[interval.id]! < 0) continue;
    holders[lir.registers[interval.id]!.class].push(interval);
  }
  const free = (class_: RegisterClass, item: number): number[] => {
    let taken = 0;
    for (const { id, start, end } of holders[class_]) {
      if (start <= 2 * item + 1 && end >= 2 * item) taken |= 1 << assigned[id]!;
    }
    return available[class_].filter((register) => (taken & (1 << register)) === 0);
  };
  return { assigned, slots, frameBytes, used, free };
};
