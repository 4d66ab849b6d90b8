/**
 * Register allocation: a linear scan over structured code. Each virtual register lives from its first occurrence to its
 * last, to the end of every loop at whose beginning it lives, and gets one machine register for all that time. When
 * they run out, whoever is used least for the time that it takes one, lives in memory instead.
 *
 * @see Poletto & Sarkar 1999, "Linear scan register allocation"
 */
import { VIRTUAL, type Lir, type RegisterClass, type VirtualRegister } from './lir.ts';

/** Machine registers by class, those to be taken first in front. */
export type Registers = Readonly<Record<RegisterClass, readonly number[]>>;

export interface Allocation {
  /** Those that live in memory. */
  readonly spilled: readonly VirtualRegister[];
  /** What they take in the frame. */
  readonly frameBytes: number;
  /** Machine registers that are used, by class: bit k is register k. */
  readonly used: Record<RegisterClass, number>;
}

/** How much a register is used while it is taken. */
const density = ({ weight, start, end }: VirtualRegister): number => weight / (end - start + 1);

/** Gives every virtual register a machine register of its class, or a place in memory. */
export const allocate = (lir: Lir, available: Registers): Allocation => {
  const used = { gpr: 0, vector: 0, opmask: 0 };
  const spilled: VirtualRegister[] = [];
  /** Who has or had each machine register last. */
  const holders = {
    gpr: [] as VirtualRegister[],
    vector: [] as VirtualRegister[],
    opmask: [] as VirtualRegister[],
  };

  for (const register of lir.registers) register.machine = register.slot = -1;
  for (const register of lir.occurring) {
    const { start, lasts, hint } = register;
    if (lasts !== null && register.end < lasts.end) register.end = lasts.end;
    const order = available[register.class];
    const held = holders[register.class];
    const isFree = (machine: number): boolean => {
      const holder = held[machine];
      return holder === undefined || holder.end < start;
    };
    let machine = hint < VIRTUAL ? hint : lir.registers[hint - VIRTUAL]!.machine;
    if (machine < 0 || !order.includes(machine) || !isFree(machine)) machine = order.find(isFree) ?? -1;
    if (machine < 0) {
      // Who is cheapest to keep in memory gives its register up.
      let cheapest = register;
      for (const candidate of order) {
        if (density(held[candidate]!) < density(cheapest)) cheapest = held[candidate]!;
      }
      spilled.push(cheapest);
      if (cheapest === register) continue;
      machine = cheapest.machine;
      cheapest.machine = -1;
    }
    register.machine = machine;
    held[machine] = register;
    used[register.class] |= 1 << machine;
  }

  let frameBytes = 0;
  // The largest first, so that each lies at a multiple of its size.
  for (const register of spilled.sort((a, b) => b.bytes - a.bytes)) {
    register.slot = frameBytes;
    frameBytes += register.bytes;
  }
  return { spilled, frameBytes, used };
};

/** Machine registers that nobody has for the length of the instruction at this place among the items. */
export const freeAt = (lir: Lir, available: Registers, class_: RegisterClass, item: number): number[] => {
  let taken = 0;
  for (const register of lir.occurring) {
    if (register.class !== class_ || register.machine < 0) continue;
    if (register.start <= 2 * item + 1 && register.end >= 2 * item) taken |= 1 << register.machine;
  }
  return available[class_].filter((machine) => (taken & (1 << machine)) === 0);
};
