import { ValueError } from '../../errors.ts';
import type { CodeBuffer } from './buffer.ts';
import type { Rounding, X64Instruction } from './code.ts';
import { textOf, type Form } from './form.ts';
import { formsOf } from './instructions.ts';
import { findForm } from './match.ts';
import type { Memory, Operand } from './operands.ts';
import { printInstruction } from './print.ts';

/**
 * Appends the bytes of an instruction. Jumps to labels are assemble's business.
 *
 * @throws ValueError naming the instruction, and the forms that there are, where no form fits
 */
export function encodeInstruction(out: CodeBuffer, instruction: X64Instruction): void {
  const form = findForm(instruction);
  if (!form) throw unencodable(instruction);
  const { operands } = instruction;
  const references = out.references.length;
  out.reserve(16);
  if (form.encoding === 'legacy') legacy(out, form, instruction);
  else if (form.encoding === 'vex') vex(out, form, instruction);
  else evex(out, form, instruction);
  if (form.is4 >= 0) out.byte(numberOf(operands[form.is4]!) << 4);
  if (form.immediateBytes > 0) out.integer(operands[form.immediate] as number | bigint, form.immediateBytes);
  if (out.references.length > references) out.references.at(-1)!.end = out.length;
}

/** The error of an instruction that no form fits, or that `reason` forbids. */
export function unencodable(instruction: X64Instruction, reason?: string): ValueError {
  const forms = formsOf(instruction.mnemonic).map((form) => `\n  ${textOf(form)}`);
  return new ValueError(
    `${printInstruction(instruction)}: ${reason ?? `no form of ${instruction.mnemonic} takes this; there are${forms.join('')}`}`,
  );
}

function legacy(out: CodeBuffer, form: Form, instruction: X64Instruction): void {
  const { operands } = instruction;
  const rm = operands[form.rm];
  for (const prefix of form.prefixes) out.byte(prefix);
  if (instruction.lock) {
    if (form.rm !== 0 || !isMemory(operands[0]))
      throw unencodable(instruction, 'lock needs a destination in memory');
    out.byte(0xf0);
  }
  const register = form.opcodeRegister < 0 ? 0 : numberOf(operands[form.opcodeRegister]!);
  const reg = form.reg < 0 ? Math.max(form.digit, 0) : numberOf(operands[form.reg]!);
  const rex = (form.w << 3) | ((reg & 8) >> 1) | extensions(rm) | (register >> 3);
  if (rex !== 0 || (form.hasByteRegister && operands.some(isNewByteRegister))) out.byte(0x40 | rex);
  const last = form.opcode.length - 1;
  for (let i = 0; i < last; i++) out.byte(form.opcode[i]!);
  out.byte(form.opcode[last]! + (register & 7));
  if (rm !== undefined) modrm(out, reg & 7, rm, 1, instruction);
}

function vex(out: CodeBuffer, form: Form, instruction: X64Instruction): void {
  const { operands } = instruction;
  if (instruction.lock) throw unencodable(instruction, 'cannot be locked');
  const rm = operands[form.rm];
  const reg = form.reg < 0 ? Math.max(form.digit, 0) : numberOf(operands[form.reg]!);
  const vvvv = form.vvvv < 0 ? 0 : numberOf(operands[form.vvvv]!);
  const xb = extensions(rm);
  const last = ((~vvvv & 15) << 3) | (form.length << 2) | form.pp;
  if (xb === 0 && form.map === 1 && form.w === 0) {
    out.byte(0xc5);
    out.byte(((~reg & 8) << 4) | last);
  } else {
    out.byte(0xc4);
    out.byte(((~reg & 8) << 4) | ((~xb & 3) << 5) | form.map);
    out.byte((form.w << 7) | last);
  }
  out.byte(form.opcode[0]!);
  if (rm !== undefined) modrm(out, reg & 7, rm, 1, instruction);
}

const roundings: Readonly<Record<Rounding, number>> = { rn: 0, rd: 1, ru: 2, rz: 3 };

function evex(out: CodeBuffer, form: Form, instruction: X64Instruction): void {
  const { operands, mask = 0, zeroing, rounding, sae } = instruction;
  if (instruction.lock) throw unencodable(instruction, 'cannot be locked');
  const rm = operands[form.rm]!;
  const reg = form.reg < 0 ? form.digit : numberOf(operands[form.reg]!);
  // With a vector of indices, V′ is the index's highest bit.
  const index = isMemory(rm) && rm.indexBits !== undefined ? rm.index! : 0;
  const vvvv = form.vvvv < 0 ? index & 16 : numberOf(operands[form.vvvv]!);
  const x = !isMemory(rm) && numberOf(rm) & 16 ? 2 : 0;
  const rxb = ((reg & 8) >> 1) | extensions(rm) | x;
  const embedded = rounding !== undefined || sae === true;
  const length = rounding !== undefined ? roundings[rounding] : sae ? 0 : form.length;
  const b = embedded || (isMemory(rm) && rm.broadcast === true);
  out.byte(0x62);
  out.byte(((~rxb & 7) << 5) | (~reg & 16) | form.map);
  out.byte((form.w << 7) | ((~vvvv & 15) << 3) | 4 | form.pp);
  out.byte((zeroing ? 0x80 : 0) | (length << 5) | (b ? 0x10 : 0) | ((~vvvv & 16) >> 1) | mask);
  out.byte(form.opcode[0]!);
  modrm(out, reg & 7, rm, isMemory(rm) ? form.elementBytes || rm.bits >> 3 : 1, instruction);
}

/** Bits X and B of a prefix, that is, bit 3 of index and base or register. */
function extensions(rm: Operand | undefined): number {
  if (rm === undefined) return 0;
  if (!isMemory(rm)) return (numberOf(rm) & 8) >> 3;
  return (((rm.index ?? 0) & 8) >> 2) | (((rm.base ?? 0) & 8) >> 3);
}

/** ModRM, SIB and displacement. EVEX displacements of one byte count `unit` bytes. */
function modrm(out: CodeBuffer, reg: number, rm: Operand, unit: number, instruction: X64Instruction): void {
  const regBits = reg << 3;
  if (!isMemory(rm)) {
    out.byte(0xc0 | regBits | (numberOf(rm) & 7));
    return;
  }
  const { base, index, scale = 1, displacement = 0, label } = rm;
  if (label) {
    if (base !== undefined || index !== undefined) {
      throw unencodable(instruction, 'an address relative to rip has no base and no index');
    }
    out.byte(0x05 | regBits);
    out.references.push({ label, addend: displacement, at: out.length, end: 0 });
    out.integer(0, 4);
    return;
  }
  if (index === 4 && rm.indexBits === undefined) throw unencodable(instruction, 'rsp cannot be an index');
  if (displacement !== (displacement | 0)) throw unencodable(instruction, 'the displacement exceeds 32 bits');
  if (base === undefined) {
    // Without index, too: mod 00 r/m 101 alone is relative to rip.
    out.byte(0x04 | regBits);
    out.byte((scaleBits(scale) << 6) | (((index ?? 4) & 7) << 3) | 5);
    out.integer(displacement, 4);
    return;
  }
  const low = base & 7;
  const short = displacement / unit;
  const mod =
    displacement === 0 && low !== 5
      ? 0
      : short === (short | 0) && short >= -128 && short <= 127
        ? 0x40
        : 0x80;
  if (index !== undefined) {
    out.byte(mod | regBits | 4);
    out.byte((scaleBits(scale) << 6) | ((index & 7) << 3) | low);
  } else {
    out.byte(mod | regBits | low);
    if (low === 4) out.byte(0x24);
  }
  if (mod === 0x40) out.byte(short & 0xff);
  else if (mod === 0x80) out.integer(displacement, 4);
}

function scaleBits(scale: 1 | 2 | 4 | 8): number {
  return 31 - Math.clz32(scale);
}

function isMemory(operand: Operand | undefined): operand is Memory {
  return typeof operand === 'object' && operand.kind === 'memory';
}

function numberOf(operand: Operand): number {
  return typeof operand === 'object' && 'number' in operand ? operand.number : 0;
}

/** spl, bpl, sil and dil: without REX, their numbers mean ah, ch, dh and bh. */
function isNewByteRegister(operand: Operand): boolean {
  return typeof operand === 'object' && operand.kind === 'gpr' && operand.bits === 8 && operand.number > 3;
}
