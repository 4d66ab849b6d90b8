import type { Rounding, X64Instruction } from '../../../src/target/x64/code.ts';
import { classes, type Form, type Slot } from '../../../src/target/x64/form.ts';
import { formsOf, instructions, type Mnemonic } from '../../../src/target/x64/instructions.ts';
import { findForm } from '../../../src/target/x64/match.ts';
import type { Gpr, Label, Memory, Operand, Vector } from '../../../src/target/x64/operands.ts';

export const mnemonics = Object.keys(instructions) as Mnemonic[];

/**
 * Instructions that are encoded in this form: every operand in turn takes all kinds of values (registers low and
 * high, addresses of every shape, immediates at their bounds), then all of them high ones at once; with masks,
 * rounding and locks where the form has them.
 */
export function instructionsOf(mnemonic: Mnemonic, form: Form): X64Instruction[] {
  if (isJump(form)) return [];
  const values = form.slots.map((slot) => valuesOf(slot, form));
  const combinations: Operand[][] = [values.map((all) => all[0]!), values.map((all) => all.at(-1)!)];
  for (const [i, all] of values.entries()) {
    for (const value of all) {
      combinations.push(
        values.map((others, j) => (i === j ? value : others[Math.min(1, others.length - 1)]!)),
      );
    }
  }
  const made: X64Instruction[] = [];
  for (const operands of combinations) {
    const plain: X64Instruction = { mnemonic, operands };
    made.push(plain);
    if (form.masking) {
      made.push({ ...plain, mask: 1 }, { ...plain, mask: 7 });
      if (form.zeroing) made.push({ ...plain, mask: 2, zeroing: true });
    }
    if (form.rounding) {
      for (const rounding of ['rn', 'rd', 'ru', 'rz'] satisfies Rounding[]) made.push({ ...plain, rounding });
      if (form.masking) made.push({ ...plain, mask: 3, zeroing: true, rounding: 'ru' });
    }
    if (form.sae) made.push({ ...plain, sae: true });
    if (lockable.has(mnemonic) && isMemory(operands[0])) made.push({ ...plain, lock: true });
  }
  // What another form of the mnemonic takes is among that one's.
  return made.filter((instruction) => findForm(instruction) === form && distinctRegisters(instruction, form));
}

/** Jumps to labels have no bytes outside of a program. */
export const isJump = ({ slots }: Form): boolean => slots.some(({ accepts }) => accepts === classes.label);

/** Those that may be locked. */
const lockable = new Set<Mnemonic>([
  'add',
  'or',
  'and',
  'sub',
  'xor',
  'neg',
  'not',
  'inc',
  'dec',
  'xchg',
  'xadd',
  'cmpxchg',
]);

/**
 * Gathers are undefined where destination, indices and mask are not three registers. And of an exchange of a register
 * with itself GNU as makes a nop.
 */
function distinctRegisters({ mnemonic, operands }: X64Instruction, { gathers }: Form): boolean {
  if (!gathers && mnemonic !== 'xchg') return true;
  const numbers = operands.map((operand) =>
    typeof operand !== 'object' || operand.kind === 'label'
      ? -1
      : operand.kind === 'memory'
        ? operand.index
        : operand.number,
  );
  return new Set(numbers).size === numbers.length;
}

const isMemory = (operand: Operand | undefined): operand is Memory =>
  typeof operand === 'object' && operand.kind === 'memory';

const gprSizes = [8, 16, 32, 64] as const;
const vectorSizes = [128, 256, 512] as const;

function valuesOf(slot: Slot, form: Form): Operand[] {
  const { accepts, min, max } = slot;
  const values: Operand[] = [];
  if (accepts & classes.immediate) return immediates(min, max);
  for (const [i, bits] of gprSizes.entries()) {
    const gpr = (number: number): Gpr => ({ kind: 'gpr', number, bits });
    if (accepts & (classes.r8 << i)) values.push(...[3, 0, 1, 4, 5, 7, 8, 12, 13, 15].map(gpr));
    if (accepts & (classes.al << i)) values.push(gpr(0));
  }
  if (accepts & classes.cl) values.push({ kind: 'gpr', number: 1, bits: 8 });
  for (const [i, bits] of vectorSizes.entries()) {
    const vector = (number: number): Vector => ({ kind: 'vector', number, bits });
    if (accepts & (classes.xmm << i)) values.push(...[2, 0, 7, 8, 15].map(vector));
    if (accepts & (classes.xmmHigh << i)) values.push(...[16, 31].map(vector));
  }
  if (accepts & classes.k) for (const number of [3, 0, 7]) values.push({ kind: 'opmask', number });
  values.push(...memories(accepts, form));
  return values;
}

function immediates(min: number | bigint, max: number | bigint): Operand[] {
  if (typeof min === 'bigint' || typeof max === 'bigint') {
    return [
      min,
      0x1234_5678n,
      0xfedc_ba98_7654_3210n,
      0x1234_5678_9abc_def0n,
      -0x1234_5678_9abc_def0n,
      0x8000_0000n,
    ];
  }
  // Beyond its signed range, GNU as reads an immediate as the negative number of the same bits.
  const signed = max > 0xff ? -min - 1 : max;
  return [
    ...new Set([min, signed, Math.min(max, 0x12), Math.min(signed, 0x1234_5678), -Math.min(-min, 0x81)]),
  ];
}

function memories(accepts: number, form: Form): Memory[] {
  const made: Memory[] = [];
  const element = form.elementBytes || 4 << form.w;
  for (const [i, indexBits] of vectorSizes.entries()) {
    if (!(accepts & (classes.vmx << i))) continue;
    const high = form.encoding === 'evex' ? [5, 16, 31] : [5, 8, 15];
    for (const index of high)
      made.push(...addresses({ kind: 'memory', bits: 8 * element, indexBits, index }, element));
  }
  const any = accepts & classes.memoryOfOtherSize;
  for (const [i, bits] of [8, 16, 32, 64, 128, 256, 512].entries()) {
    if (!(accepts & (classes.m8 << i)) || (any && bits > 8)) continue;
    made.push(...addresses({ kind: 'memory', bits }, form.elementBytes || bits / 8));
  }
  for (const [i, bits] of [32, 64].entries()) {
    if (accepts & (classes.m32bcst << i))
      made.push(...addresses({ kind: 'memory', bits, broadcast: true }, bits / 8));
  }
  return made;
}

/** Addresses of every shape, with displacements around the bounds of what one byte holds, counting units of bytes. */
function addresses(memory: Memory, unit: number): Memory[] {
  const bases = [7, 4, 5, 12, 13, 0].map((base) => ({ ...memory, base }));
  const displaced = [
    1,
    unit,
    127 * unit,
    127 * unit + 1,
    128 * unit,
    -128 * unit,
    -128 * unit - 1,
    -129 * unit,
    0x1234_5678,
  ].map((displacement, i) => ({ ...memory, base: [3, 4, 5, 12, 13][i % 5]!, displacement }));
  if (memory.indexBits !== undefined)
    return [...bases, ...displaced, { ...memory, scale: 8 }, { ...memory, base: 8, scale: 4 }];
  return [
    ...bases,
    ...displaced,
    { ...memory, displacement: 0x1234 },
    { ...memory, index: 13, scale: 8, displacement: -4 },
    { ...memory, base: 5, index: 0 },
    { ...memory, base: 13, index: 12, scale: 2 },
    { ...memory, base: 4, index: 5, scale: 4, displacement: unit },
    { ...memory, base: 15, index: 15, scale: 8, displacement: 4096 },
  ];
}

/** All instructions of all forms. */
export function everyInstruction(): X64Instruction[] {
  return mnemonics.flatMap((mnemonic) => formsOf(mnemonic).flatMap((form) => instructionsOf(mnemonic, form)));
}

/** For each form that takes memory, an instruction that reaches it relative to rip. */
export function everyRelativeInstruction(label: Label): X64Instruction[] {
  return mnemonics.flatMap((mnemonic) =>
    formsOf(mnemonic).flatMap((form) => {
      const plain = instructionsOf(mnemonic, form).find(({ operands }) => operands.some(isMemory));
      if (!plain || form.gathers) return [];
      const relative = (operand: Operand): Operand =>
        isMemory(operand)
          ? {
              kind: 'memory',
              bits: operand.bits,
              broadcast: operand.broadcast ?? false,
              label,
              displacement: 8,
            }
          : operand;
      return [{ ...plain, operands: plain.operands.map(relative) }];
    }),
  );
}
