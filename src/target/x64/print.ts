import type { CodeItem, X64Instruction } from './code.ts';
import { classes } from './form.ts';
import { findForm } from './match.ts';
import type { Gpr, Memory, Operand } from './operands.ts';

/**
 * An instruction in Intel's syntax, as GNU as reads it with `.intel_syntax noprefix`:
 *
 *     vfmadd231ps zmm0{k1}{z}, zmm1, dword ptr [rdi+rax*4+0x40]{1to16}
 */
export function printInstruction(instruction: X64Instruction): string {
  const { mnemonic, operands, mask, zeroing, rounding, sae, lock } = instruction;
  const texts = operands.map((operand) => printOperand(operand, instruction));
  if (mask !== undefined && texts.length > 0) texts[0] += `{k${mask}}${zeroing ? '{z}' : ''}`;
  if (rounding !== undefined || sae) {
    // It follows the registers and comes before an immediate.
    const at = operands.findLastIndex((operand) => typeof operand === 'object') + 1;
    texts.splice(at, 0, rounding === undefined ? '{sae}' : `{${rounding}-sae}`);
  }
  return `${lock ? 'lock ' : ''}${mnemonic}${texts.length > 0 ? ` ${texts.join(', ')}` : ''}`;
}

/** A program, one item a line; instructions are indented, labels are not. */
export function printCode(items: readonly CodeItem[]): string {
  return items.map((item) => `${printItem(item)}\n`).join('');
}

function printItem(item: CodeItem): string {
  if ('mnemonic' in item) return `        ${printInstruction(item)}`;
  if ('data' in item) {
    const bytes = [...item.data].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`);
    const lines = item.align === undefined ? [] : [`        .balign ${item.align}`];
    if (item.label) lines.push(`${item.label.name}:`);
    for (let i = 0; i < bytes.length; i += 16)
      lines.push(`        .byte ${bytes.slice(i, i + 16).join(', ')}`);
    return lines.join('\n');
  }
  return 'label' in item ? `${item.label.name}:` : `        .balign ${item.align}`;
}

function printOperand(operand: Operand, instruction: X64Instruction): string {
  if (typeof operand !== 'object') return printNumber(operand);
  switch (operand.kind) {
    case 'gpr':
      return gprName(operand);
    case 'vector':
      return `${{ 128: 'x', 256: 'y', 512: 'z' }[operand.bits]}mm${operand.number}`;
    case 'opmask':
      return `k${operand.number}`;
    case 'label':
      return operand.name;
    case 'memory':
      return printMemory(operand, instruction);
  }
}

function printMemory(memory: Memory, instruction: X64Instruction): string {
  const { mnemonic } = instruction;
  const { bits, base, index, indexBits, scale = 1, displacement = 0, label, broadcast } = memory;
  const terms: string[] = [];
  if (label) terms.push('rip', label.name);
  if (base !== undefined) terms.push(gprName({ kind: 'gpr', number: base, bits: 64 }));
  if (index !== undefined) terms.push(`${indexName(index, indexBits)}*${scale}`);
  if (displacement !== 0 || terms.length === 0) terms.push(printNumber(displacement));
  const isAddress = mnemonic === 'lea' || mnemonic.startsWith('prefetch');
  // Without ds:, GNU as takes a number in brackets for an immediate.
  const segment = base === undefined && index === undefined && !label && mnemonic !== 'lea' ? 'ds:' : '';
  const text = `${isAddress ? '' : `${sizeNames[bits] ?? `${bits} bits`} ptr `}${segment}[${terms.join('+').replaceAll('+-', '-')}]`;
  return broadcast ? `${text}{1to${broadcastLanes(memory, instruction)}}` : text;
}

/** How many elements the operand would have if it were not one for all. */
function broadcastLanes(memory: Memory, instruction: X64Instruction): number {
  const accepts = findForm(instruction)?.slots[instruction.operands.indexOf(memory)]?.accepts ?? 0;
  const bits = [64, 128, 256].find((size) => accepts & classes[`m${size}` as 'm64']) ?? 512;
  return bits / memory.bits;
}

function indexName(index: number, indexBits: Memory['indexBits']): string {
  if (indexBits === undefined) return gprName({ kind: 'gpr', number: index, bits: 64 });
  return `${{ 128: 'x', 256: 'y', 512: 'z' }[indexBits]}mm${index}`;
}

const sizeNames: Readonly<Record<number, string>> = {
  8: 'byte',
  16: 'word',
  32: 'dword',
  64: 'qword',
  128: 'xmmword',
  256: 'ymmword',
  512: 'zmmword',
};

function printNumber(value: number | bigint): string {
  if (value > -10 && value < 10) return String(value);
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

const oldNames = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];

function gprName({ number, bits }: Gpr): string {
  const old = oldNames[number];
  if (old === undefined) return `r${number}${{ 8: 'b', 16: 'w', 32: 'd', 64: '' }[bits]}`;
  if (bits === 8) return number < 4 ? `${old[0]!}l` : `${old}l`;
  return { 16: '', 32: 'e', 64: 'r' }[bits] + old;
}
