import { ValueError } from '../../errors.ts';
import { CodeBuffer } from './buffer.ts';
import type { CodeItem, X64Instruction } from './code.ts';
import { encodeInstruction, unencodable } from './encode-instruction.ts';
import type { Form } from './form.ts';
import { formsOf } from './instructions.ts';
import type { Label } from './operands.ts';

export type { CodeItem, Rounding, X64Instruction } from './code.ts';
export type { Mnemonic } from './instructions.ts';

/**
 * The bytes of a program:
 *
 *     const loop: Label = { kind: 'label', name: 'loop' };
 *     const { bytes, labels } = assemble([
 *       { label: loop },
 *       { mnemonic: 'vmovups', operands: [zmm(0), { kind: 'memory', bits: 512, base: rdi }], mask: 1, zeroing: true },
 *       { mnemonic: 'sub', operands: [{ kind: 'gpr', number: 6, bits: 64 }, 16] },
 *       { mnemonic: 'jne', operands: [loop] },
 *       { mnemonic: 'ret', operands: [] },
 *       { data: new Uint8Array(64), label: constants, align: 64 },
 *     ]);
 *
 * Jumps take the short form where their target is near enough. Memory with a `label` is addressed relative to rip.
 * Of the encodings of an instruction the shortest is taken, VEX before EVEX: registers 16 … 31, 512 bits, masks,
 * broadcasts and rounding are what makes an instruction need AVX-512, beside those that exist there only.
 * The same instructions always give the same bytes. Alignment is relative to the first byte.
 *
 * @returns the bytes, and for each label its offset in them
 * @throws ValueError where no form of an instruction takes its operands, or a label stands nowhere or twice
 * @see Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2
 */
export function assemble(items: readonly CodeItem[]): {
  bytes: Uint8Array<ArrayBuffer>;
  labels: Map<Label, number>;
} {
  const out = new CodeBuffer();
  const gaps: Gap[] = [];
  const places = new Map<Label, Place>();
  const place = (label: Label): void => {
    if (places.has(label)) throw new ValueError(`label ${label.name} stands twice`);
    places.set(label, { at: out.length, gapsBefore: gaps.length });
  };
  const align = (multiple: number): void => {
    if (!Number.isInteger(Math.log2(multiple)))
      throw new ValueError(`cannot align to ${multiple}, not a power of two`);
    gaps.push({ at: out.length, multiple });
  };

  for (const item of items) {
    if ('mnemonic' in item) {
      const target = item.operands[0];
      if (typeof target === 'object' && target.kind === 'label') gaps.push(jump(item, target, out.length));
      else encodeInstruction(out, item);
    } else if ('data' in item) {
      if (item.align !== undefined) align(item.align);
      if (item.label) place(item.label);
      out.append(item.data);
    } else if ('label' in item) place(item.label);
    else align(item.align);
  }

  const extras = settle(gaps, places);
  const bytes = join(out, gaps, extras, places);
  return {
    bytes,
    labels: new Map([...places.keys()].map((label) => [label, offsetOf(label, places, extras)])),
  };
}

/** What has no size until all places are known: a jump to a label, or nops up to a multiple. `at` leaves gaps out. */
type Gap = Jump | { readonly at: number; readonly multiple: number };

interface Jump {
  readonly at: number;
  readonly target: Label;
  readonly instruction: X64Instruction;
  readonly short: Form | undefined;
  readonly near: Form | undefined;
  isShort: boolean;
}

interface Place {
  readonly at: number;
  readonly gapsBefore: number;
}

function jump(instruction: X64Instruction, target: Label, at: number): Jump {
  const forms = formsOf(instruction.mnemonic);
  const short = forms.find((form) => form.row.endsWith('rel8'));
  const near = forms.find((form) => form.row.endsWith('rel32'));
  if (instruction.operands.length !== 1 || (!short && !near)) throw unencodable(instruction);
  return { at, target, instruction, short, near, isShort: short !== undefined };
}

/**
 * How many bytes the gaps before each gap take, and, last, all of them. Jumps begin short, and those whose targets
 * prove too far become near until there are none: the smallest solution.
 */
function settle(gaps: readonly Gap[], places: ReadonlyMap<Label, Place>): number[] {
  const extras = new Array<number>(gaps.length + 1).fill(0);
  for (let settled = false; !settled;) {
    for (const [i, gap] of gaps.entries()) extras[i + 1] = extras[i]! + sizeOf(gap, gap.at + extras[i]!);
    settled = true;
    for (const [i, gap] of gaps.entries()) {
      if ('multiple' in gap || !gap.isShort || !gap.near) continue;
      const distance = offsetOf(gap.target, places, extras) - (gap.at + extras[i + 1]!);
      if (distance >= -128 && distance <= 127) continue;
      gap.isShort = false;
      settled = false;
    }
  }
  return extras;
}

function sizeOf(gap: Gap, at: number): number {
  if ('multiple' in gap) return -at & (gap.multiple - 1);
  return gap.isShort ? 2 : gap.near!.opcode.length + 4;
}

function offsetOf(label: Label, places: ReadonlyMap<Label, Place>, extras: readonly number[]): number {
  const place = places.get(label);
  if (!place) throw new ValueError(`label ${label.name} stands nowhere`);
  return place.at + extras[place.gapsBefore]!;
}

/** Puts the pieces of code and what lies between them together, and fills in distances. */
function join(
  pieces: CodeBuffer,
  gaps: readonly Gap[],
  extras: readonly number[],
  places: ReadonlyMap<Label, Place>,
): Uint8Array<ArrayBuffer> {
  const out = new CodeBuffer();
  out.reserve(pieces.length + extras[gaps.length]!);
  let copied = 0;
  for (const gap of gaps) {
    out.append(pieces.bytes.subarray(copied, gap.at));
    copied = gap.at;
    if ('multiple' in gap) writeNops(out, sizeOf(gap, out.length));
    else {
      const end = out.length + sizeOf(gap, 0);
      const form = gap.isShort ? gap.short! : gap.near!;
      for (const byte of form.opcode) out.byte(byte);
      const distance = offsetOf(gap.target, places, extras) - end;
      out.integer(distance, end - out.length);
      if (gap.isShort && distance !== (distance << 24) >> 24)
        throw unencodable(gap.instruction, 'the target is too far');
    }
  }
  out.append(pieces.bytes.subarray(copied, pieces.length));

  let gap = 0; // the first after the reference
  for (const { label, addend, at, end } of pieces.references) {
    while (gap < gaps.length && gaps[gap]!.at <= at) gap++;
    const distance = offsetOf(label, places, extras) + addend - (end + extras[gap]!);
    out.overwrite(at + extras[gap]!, distance);
  }
  return out.finish();
}

/** Intel's recommended nops of 1 to 9 bytes (SDM volume 2, NOP). */
const nops = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

function writeNops(out: CodeBuffer, count: number): void {
  for (let rest = count; rest > 0; rest -= nops.length) {
    for (const byte of nops[Math.min(rest, nops.length) - 1]!) out.byte(byte);
  }
}
