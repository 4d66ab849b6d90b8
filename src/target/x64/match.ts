import type { X64Instruction } from './code.ts';
import { classes } from './form.ts';
import type { Form } from './form.ts';
import { formsOf } from './instructions.ts';
import type { Mnemonic } from './instructions.ts';
import type { Gpr, Memory, Operand, Vector } from './operands.ts';

/** The form an instruction is encoded in: the first of its mnemonic's that takes these operands and decorations. */
export function findForm(instruction: X64Instruction): Form | undefined {
  const forms = candidates(instruction);
  for (let i = 0; i < forms.length; i++) {
    const form = forms[i]!;
    if (!allows(form, instruction)) continue;
    return needsLongVex(form, instruction.operands) ? (shorterForm(forms, i + 1, instruction) ?? form) : form;
  }
  return undefined;
}

/** Of each mnemonic, the forms that take operands of such classes. Most instructions of a program are of few kinds. */
const byClasses = new Map<Mnemonic, Map<number, readonly Form[]>>();

function candidates({ mnemonic, operands }: X64Instruction): readonly Form[] {
  // The highest bit of an operand's class tells the others. No instruction has more than five operands.
  let key = operands.length;
  for (let i = 0; i < operands.length; i++) key = (key << 5) | (Math.clz32(classOf(operands[i]!)) & 31);
  let ofMnemonic = byClasses.get(mnemonic);
  if (!ofMnemonic) byClasses.set(mnemonic, (ofMnemonic = new Map<number, readonly Form[]>()));
  let forms = ofMnemonic.get(key);
  if (!forms) ofMnemonic.set(key, (forms = formsOf(mnemonic).filter((form) => takes(form, operands))));
  return forms;
}

function takes({ slots }: Form, operands: readonly Operand[]): boolean {
  if (slots.length !== operands.length) return false;
  for (let i = 0; i < slots.length; i++) {
    if ((slots[i]!.accepts & classOf(operands[i]!)) === 0) return false;
  }
  return true;
}

/** Whether the value of the immediate and the decorations are such as the form has. */
function allows(form: Form, { operands, mask, zeroing, rounding, sae }: X64Instruction): boolean {
  if (form.immediate >= 0) {
    const { min, max } = form.slots[form.immediate]!;
    const value = operands[form.immediate] as number | bigint;
    if (value < min || value > max || (typeof value === 'number' && !Number.isInteger(value))) return false;
  }
  if (form.encoding !== 'evex') {
    if (form.gathers && (operands[form.rm] as Memory).index! > 15) return false;
    return mask === undefined && !zeroing && rounding === undefined && !sae;
  }
  if (form.gathers && mask === undefined) return false;
  if (mask !== undefined && (!form.masking || mask < 1 || mask > 7)) return false;
  if (zeroing && (mask === undefined || !form.zeroing || (form.rm === 0 && isMemory(operands[0]))))
    return false;
  if (rounding === undefined && !sae) return true;
  return (rounding === undefined ? form.sae : form.rounding) && !isMemory(operands[form.rm]);
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
  const isShorter = (form: Form): boolean =>
    form.encoding === 'vex' && !needsLongVex(form, instruction.operands);
  return forms.slice(from).find((form) => isShorter(form) && allows(form, instruction));
}

function isHighVector(operand: Operand | undefined): boolean {
  return typeof operand === 'object' && operand.kind === 'vector' && operand.number > 7;
}

function isMemory(operand: Operand | undefined): boolean {
  return typeof operand === 'object' && operand.kind === 'memory';
}

/** Bits of `classes`, or 0 where there is no such register. */
function classOf(operand: Operand): number {
  if (typeof operand !== 'object') return classes.immediate;
  switch (operand.kind) {
    case 'gpr':
      return gprClass(operand);
    case 'vector':
      return vectorClass(operand);
    case 'opmask':
      return operand.number >= 0 && operand.number < 8 ? classes.k : 0;
    case 'memory':
      return memoryClass(operand);
    case 'label':
      return classes.label;
  }
}

function gprClass({ number, bits }: Gpr): number {
  if (!(number >= 0 && number < 16)) return 0;
  const size = bits === 64 ? 3 : bits === 32 ? 2 : bits === 16 ? 1 : 0;
  const any = classes.r8 << size;
  if (number === 0) return any | (classes.al << size);
  return number === 1 && bits === 8 ? any | classes.cl : any;
}

function vectorClass({ number, bits }: Vector): number {
  if (!(number >= 0 && number < 32)) return 0;
  const low = bits === 128 ? classes.xmm : bits === 256 ? classes.ymm : classes.zmm;
  return number < 16 ? low : low << 3;
}

function memoryClass({ bits, base, index, indexBits, broadcast }: Memory): number {
  if (base !== undefined && !(base >= 0 && base < 16)) return 0;
  if (index !== undefined && !(index >= 0 && index < (indexBits === undefined ? 16 : 32))) return 0;
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
