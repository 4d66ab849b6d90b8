import type { X64Instruction } from './code.ts';
import { classes } from './form.ts';
import type { Form } from './form.ts';
import { formsOf } from './instructions.ts';
import type { Gpr, Memory, Operand } from './operands.ts';

/** The form an instruction is encoded in: the first of its mnemonic's that takes these operands and decorations. */
export function findForm(instruction: X64Instruction): Form | undefined {
  const { operands } = instruction;
  const forms = formsOf(instruction.mnemonic);
  const count = operands.length;
  for (let i = 0; i < count; i++) found[i] = classOf(operands[i]!);
  for (const [i, form] of forms.entries()) {
    if (form.slots.length !== count || !fits(form, instruction)) continue;
    return needsLongVex(form, operands) ? (shorterForm(forms, i + 1, instruction) ?? form) : form;
  }
  return undefined;
}

/** Classes of the operands at hand. */
const found: number[] = [];

function fits(form: Form, instruction: X64Instruction): boolean {
  const { operands } = instruction;
  for (let i = 0; i < operands.length; i++) {
    const slot = form.slots[i]!;
    if ((slot.accepts & found[i]!) === 0) return false;
    if (slot.accepts === classes.immediate) {
      const value = operands[i] as number | bigint;
      if (value < slot.min || value > slot.max) return false;
    }
  }
  const { mask, zeroing, rounding, sae } = instruction;
  if (form.encoding !== 'evex') return mask === undefined && !zeroing && rounding === undefined && !sae;
  if (form.gathers && mask === undefined) return false;
  if (mask !== undefined && !form.masking) return false;
  if (zeroing && (mask === undefined || !form.zeroing || (form.rm === 0 && isMemory(operands[0]!))))
    return false;
  if (rounding === undefined && !sae) return true;
  return (rounding === undefined ? form.sae : form.rounding) && !isMemory(operands[form.rm]!);
}

/**
 * VEX takes three bytes where r/m is one of the registers 8 … 15, two where reg is. Moves have a second form with
 * these two swapped.
 */
function needsLongVex(form: Form, operands: readonly Operand[]): boolean {
  return (
    form.encoding === 'vex' &&
    form.map === 1 &&
    isHighVector(operands[form.rm]) &&
    !isHighVector(operands[form.reg])
  );
}

function shorterForm(forms: readonly Form[], from: number, instruction: X64Instruction): Form | undefined {
  for (let i = from; i < forms.length; i++) {
    const form = forms[i]!;
    const same = form.encoding === 'vex' && form.slots.length === instruction.operands.length;
    if (same && fits(form, instruction) && !needsLongVex(form, instruction.operands)) return form;
  }
  return undefined;
}

function isHighVector(operand: Operand | undefined): boolean {
  return typeof operand === 'object' && operand.kind === 'vector' && operand.number > 7;
}

function isMemory(operand: Operand): boolean {
  return typeof operand === 'object' && operand.kind === 'memory';
}

function classOf(operand: Operand): number {
  if (typeof operand !== 'object') return classes.immediate;
  switch (operand.kind) {
    case 'gpr':
      return gprClass(operand);
    case 'vector': {
      const low = operand.bits === 128 ? classes.xmm : operand.bits === 256 ? classes.ymm : classes.zmm;
      return operand.number < 16 ? low : low << 3;
    }
    case 'opmask':
      return classes.k;
    case 'memory':
      return memoryClass(operand);
    case 'label':
      return classes.label;
  }
}

function gprClass({ number, bits }: Gpr): number {
  const size = bits === 64 ? 3 : bits === 32 ? 2 : bits === 16 ? 1 : 0;
  const any = 1 << size;
  if (number === 0) return any | (classes.al << size);
  return number === 1 && bits === 8 ? any | classes.cl : any;
}

function memoryClass({ bits, indexBits, broadcast }: Memory): number {
  if (indexBits !== undefined)
    return indexBits === 128 ? classes.vmx : indexBits === 256 ? classes.vmy : classes.vmz;
  if (broadcast) return bits === 32 ? classes.m32bcst : bits === 64 ? classes.m64bcst : 0;
  switch (bits) {
    case 8:
      return classes.m8;
    case 16:
      return classes.m16;
    case 32:
      return classes.m32;
    case 64:
      return classes.m64;
    case 128:
      return classes.m128;
    case 256:
      return classes.m256;
    case 512:
      return classes.m512;
    default:
      return classes.memoryOfOtherSize;
  }
}
