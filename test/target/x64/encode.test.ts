import { describe, expect, it } from 'vitest';
import { CodeBuffer } from '../../../src/target/x64/buffer.ts';
import { encodeInstruction } from '../../../src/target/x64/encode-instruction.ts';
import { assemble } from '../../../src/target/x64/encode.ts';
import type { CodeItem, X64Instruction } from '../../../src/target/x64/encode.ts';
import { textOf } from '../../../src/target/x64/form.ts';
import { formsOf, type Mnemonic } from '../../../src/target/x64/instructions.ts';
import type { Gpr, Label, Memory, Operand, Vector } from '../../../src/target/x64/operands.ts';
import { printCode, printInstruction } from '../../../src/target/x64/print.ts';
import {
  everyInstruction,
  everyRelativeInstruction,
  instructionsOf,
  isJump,
  mnemonics,
} from './every-form.ts';
import { assembleLines, assembleProgram, disassemble, hasGas } from './gas.ts';

const xmm = (number: number): Vector => ({ kind: 'vector', number, bits: 128 });
const ymm = (number: number): Vector => ({ kind: 'vector', number, bits: 256 });
const zmm = (number: number): Vector => ({ kind: 'vector', number, bits: 512 });
const r64 = (number: number): Gpr => ({ kind: 'gpr', number, bits: 64 });
const [rax, rdi] = [r64(0), r64(7)];
const at = (bits: number, where: Partial<Memory> = { base: 7 }): Memory => ({
  kind: 'memory',
  bits,
  ...where,
});
const label = (name: string): Label => ({ kind: 'label', name });
const op = (mnemonic: Mnemonic, ...operands: Operand[]): X64Instruction => ({ mnemonic, operands });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const hexOf = (...items: CodeItem[]): string => hex(assemble(items).bytes);

describe('forms of instructions', () => {
  it('are all reached by the instructions that are compared', () => {
    const unreached = mnemonics.flatMap((mnemonic) =>
      formsOf(mnemonic)
        .filter((form) => !isJump(form) && instructionsOf(mnemonic, form).length === 0)
        .map((form) => `${mnemonic} ${textOf(form)}`),
    );
    expect(unreached).toEqual([]);
  });

  it('with VEX are taken wherever nothing asks for EVEX', () => {
    const needing = everyInstruction().filter((instruction) => {
      const { mnemonic, operands, mask, rounding, sae } = instruction;
      const forms = formsOf(mnemonic);
      if (
        !forms.some((form) => form.encoding === 'vex') ||
        mask !== undefined ||
        rounding !== undefined ||
        sae
      )
        return false;
      const isOld = (operand: Operand): boolean =>
        typeof operand !== 'object' ||
        (operand.kind === 'vector' && operand.number < 16 && operand.bits < 512) ||
        operand.kind === 'gpr' ||
        (operand.kind === 'memory' && !operand.broadcast && operand.bits < 512);
      return operands.every(isOld) && assemble([instruction]).bytes[0] === 0x62;
    });
    // These came with AVX-512, under names that AVX2 has for other operands.
    const newOperands =
      /^(vpermp?[dq] ymm\d+, ymm\d+, (ymm|ymmword)|vpbroadcast[bwdq] [xy]mm\d+, [er]|vps(ll|rl|ra)\w+ [xy]mm\d+, \w+ ptr|vps(ll|rl)dq [xy]mm\d+, \w+ ptr)/;
    expect(needing.map(printInstruction).filter((text) => !newOperands.test(text))).toEqual([]);
  });
});

describe.skipIf(!hasGas)('the encoder, against GNU as', () => {
  it('gives the same bytes for every form, with registers, addresses, masks and roundings of every kind', () => {
    const all = everyInstruction();
    const theirs = assembleLines(all.map(printInstruction));
    const out = new CodeBuffer();
    const ours = all.map((instruction) => {
      const start = out.length;
      encodeInstruction(out, instruction);
      return hex(out.bytes.subarray(start, out.length));
    });
    const different = [...all.keys()].filter((i) => ours[i] !== theirs[i]);
    // xchg with rax has a shorter form, which for eax itself is nop and does not clear the upper half: we leave it out.
    const exchanges = different.filter((i) => all[i]!.mnemonic === 'xchg');
    const rest = different.filter((i) => all[i]!.mnemonic !== 'xchg');
    expect(rest.map((i) => `${printInstruction(all[i]!)}: ${ours[i]!}, GNU as: ${theirs[i]!}`)).toEqual([]);
    const bytes = (texts: string[]): Uint8Array =>
      Buffer.from(exchanges.map((i) => texts[i]).join(''), 'hex');
    const operandsInOrder = (line: string): string =>
      line.replace(/ (\w+),(\w+)$/, (_, a: string, b: string) => ` ${[a, b].sort().join()}`);
    expect(disassemble(bytes(ours)).map(operandsInOrder)).toEqual(
      disassemble(bytes(theirs)).map(operandsInOrder),
    );
  });

  it('gives the same bytes for memory relative to rip, before and behind, whatever follows the displacement', () => {
    const [before, behind] = [label('before'), label('behind')];
    const items: CodeItem[] = [
      { data: new Uint8Array(72), label: before },
      ...everyRelativeInstruction(before),
      ...everyRelativeInstruction(behind),
      { data: new Uint8Array(72), label: behind },
    ];
    expect(hex(assemble(items).bytes)).toBe(hex(assembleProgram(printCode(items))));
  });

  it('gives the same bytes for all jumps, over distances around what fits in a byte', () => {
    const jumps = mnemonics.filter((mnemonic) => formsOf(mnemonic).some(isJump));
    const items = jumps.flatMap((mnemonic, i): CodeItem[] => {
      const [back, forth] = [label(`back${i}`), label(`forth${i}`)];
      const gap = { data: new Uint8Array(118 + (i % 9)) };
      return [
        { label: back },
        gap,
        op(mnemonic, back),
        op(mnemonic, forth),
        gap,
        op(mnemonic, back),
        { label: forth },
      ];
    });
    expect(hex(assemble(items).bytes)).toBe(hex(assembleProgram(printCode(items))));
  });

  it('lets jumps grow only as other grown jumps demand', () => {
    // Each jump is short exactly as long as those that it crosses are.
    const items: CodeItem[] = [];
    for (let i = 0; i < 60; i++) {
      items.push(
        { label: label(`l${i}`) },
        op('jne', label(`l${Math.min(59, i + 27 + (i % 5))}`)),
        op('add', rax, i),
      );
    }
    const named = new Map<string, Label>();
    const shared = (target: Label): Label =>
      named.get(target.name) ?? (named.set(target.name, target), target);
    const program = items.map((item): CodeItem => {
      if ('mnemonic' in item) {
        return {
          ...item,
          operands: item.operands.map((o) => (typeof o === 'object' && o.kind === 'label' ? shared(o) : o)),
        };
      }
      return 'label' in item && item.label ? { ...item, label: shared(item.label) } : item;
    });
    expect(hex(assemble(program).bytes)).toBe(hex(assembleProgram(printCode(program))));
  });
});

describe('assemble', () => {
  it('aligns with nops of up to nine bytes', () => {
    const loop = label('loop');
    const { bytes, labels } = assemble([op('ret'), { align: 32 }, { label: loop }, op('jmp', loop)]);
    expect(labels.get(loop)).toBe(32);
    const nine = '660f1f840000000000';
    expect(hex(bytes)).toBe(`c3${nine.repeat(3)}0f1f4000ebfe`);
  });

  it('puts data where it stands, aligned, and says where its label is', () => {
    const table = label('table');
    const load = op('vmovups', ymm(1), at(256, { label: table, displacement: 32 }));
    const { bytes, labels } = assemble([
      load,
      op('ret'),
      { data: Uint8Array.of(1, 2, 3), label: table, align: 16 },
    ]);
    expect(labels.get(table)).toBe(16);
    expect(hex(bytes)).toBe('c5fc100d28000000c30f1f8000000000010203');
  });

  it('takes the near form of a jump from 128 bytes on', () => {
    const end = label('end');
    const over = (count: number): string =>
      hexOf(op('jmp', end), { data: new Uint8Array(count) }, { label: end }).slice(0, 4);
    expect([over(127), over(128)]).toEqual(['eb7f', 'e980']);
  });

  it('counts alignment when it measures a jump', () => {
    const end = label('end');
    const { bytes, labels } = assemble([
      op('je', end),
      { align: 128 },
      op('ret'),
      { align: 16 },
      { label: end },
    ]);
    expect(labels.get(end)).toBe(144);
    expect(hex(bytes).slice(0, 12)).toBe('0f848a000000');
  });
});

describe('an instruction that cannot be encoded', () => {
  const message = (...items: CodeItem[]): string => {
    try {
      assemble(items);
    } catch (error) {
      return String(error);
    }
    return 'none';
  };

  it('is an error that names it and the forms there are', () => {
    expect(message(op('vaddss', xmm(0), xmm(1), at(64)))).toMatchInlineSnapshot(`
      "ValueError: vaddss xmm0, xmm1, qword ptr [rdi]: no form of vaddss takes this; there are
        VEX.LIG.F3.0F.WIG 58 /r | xmm, xmm, xmm/m32
        EVEX.LIG.F3.0F.W0 58 /r | xmm{k}{z}, xmm, xmm/m32{er}"
    `);
  });

  it('is one whose operands exist for other instructions only', () => {
    const wrong: X64Instruction[] = [
      op('mov', rax, ymm(0)),
      op('mov', rax),
      op('add', rax, 0x8000_0000),
      op('add', rax, 1.5),
      op('add', r64(16), 1),
      op('vaddps', ymm(0), ymm(1), zmm(2)),
      op('vaddps', zmm(0), zmm(1), zmm(32)),
      op('vmovdqu', ymm(16), at(256)),
      op('vgatherdps', ymm(0), at(32, { base: 7, index: 17, indexBits: 256 }), ymm(1)),
      op('vgatherdps', ymm(0), at(32, { base: 7, index: 1, indexBits: 256 })),
      op('kmovq', { kind: 'opmask', number: 8 }, rax),
      op('vmovups', ymm(0), at(256, { base: 16 })),
      { ...op('vmovdqu', ymm(0), ymm(1)), mask: 1 },
      { ...op('vmovups', ymm(0), ymm(1)), mask: 0 },
      { ...op('vmovups', ymm(0), ymm(1)), zeroing: true },
      { ...op('vmovups', at(256), ymm(1)), mask: 1, zeroing: true },
      { ...op('vaddps', ymm(0), ymm(1), ymm(2)), rounding: 'rz' },
      { ...op('vaddps', zmm(0), zmm(1), at(512)), rounding: 'rz' },
      { ...op('vaddps', zmm(0), zmm(1), zmm(2)), sae: true },
    ];
    const accepted = wrong.filter(
      (instruction) => !message(instruction).includes(`no form of ${instruction.mnemonic} takes this`),
    );
    expect(accepted.map(printInstruction)).toEqual([]);
  });

  it('says what is wrong with an address', () => {
    expect(message(op('mov', rax, at(64, { base: 0, index: 4 })))).toBe(
      'ValueError: mov rax, qword ptr [rax+rsp*1]: rsp cannot be an index',
    );
    expect(message(op('mov', rax, at(64, { base: 0, displacement: 2 ** 31 })))).toBe(
      'ValueError: mov rax, qword ptr [rax+0x80000000]: the displacement exceeds 32 bits',
    );
    expect(message(op('mov', rax, at(64, { base: 0, label: label('here') })))).toBe(
      'ValueError: mov rax, qword ptr [rip+here+rax]: an address relative to rip has no base and no index',
    );
  });

  it('is one that cannot be locked', () => {
    expect(message({ ...op('add', rax, rdi), lock: true })).toBe(
      'ValueError: lock add rax, rdi: lock needs a destination in memory',
    );
    expect(message({ ...op('vaddps', xmm(0), xmm(0), xmm(0)), lock: true })).toBe(
      'ValueError: lock vaddps xmm0, xmm0, xmm0: cannot be locked',
    );
  });

  it('is a jump to a label that stands nowhere, or twice', () => {
    const here = label('here');
    expect(message(op('jmp', here))).toBe('ValueError: label here stands nowhere');
    expect(message({ label: here }, { label: here })).toBe('ValueError: label here stands twice');
    expect(message(op('mov', rax, here))).toContain('mov rax, here: no form of mov takes this');
    expect(message({ align: 24 })).toBe('ValueError: cannot align to 24, not a power of two');
  });
});

describe('the text of a program', () => {
  it('is in Intel syntax', () => {
    const [loop, ones] = [label('loop'), label('ones')];
    const tail = { mask: 1, zeroing: true };
    expect(
      printCode([
        { align: 32 },
        { label: loop },
        { ...op('vmovups', zmm(0), at(512, { base: 7, index: 0, scale: 4 })), ...tail },
        {
          ...op('vfmadd231ps', zmm(0), zmm(1), at(32, { base: 7, displacement: -64, broadcast: true })),
          mask: 1,
        },
        { ...op('vcvtps2dq', zmm(2), zmm(0)), rounding: 'rz' },
        { ...op('vcmpps', { kind: 'opmask', number: 2 }, zmm(0), zmm(31), 17), sae: true },
        op('vgatherdps', ymm(0), at(32, { base: 6, index: 3, indexBits: 256, scale: 4 }), ymm(1)),
        op('vaddpd', zmm(0), zmm(0), at(512, { label: ones })),
        op('vcvtps2pd', ymm(3), at(32, { base: 12, broadcast: true })),
        { ...op('add', at(64, { displacement: 0x1000 }), 9), lock: true },
        op('movzx', { kind: 'gpr', number: 8, bits: 32 }, { kind: 'gpr', number: 4, bits: 8 }),
        op('lea', rax, at(0, { index: 13, scale: 8, displacement: 10 })),
        op('jne', loop),
        { data: Uint8Array.of(1, 255), label: ones, align: 64 },
      ]),
    ).toMatchInlineSnapshot(`
      "        .balign 32
      loop:
              vmovups zmm0{k1}{z}, zmmword ptr [rdi+rax*4]
              vfmadd231ps zmm0{k1}, zmm1, dword ptr [rdi-0x40]{1to16}
              vcvtps2dq zmm2, zmm0, {rz-sae}
              vcmpps k2, zmm0, zmm31, {sae}, 0x11
              vgatherdps ymm0, dword ptr [rsi+ymm3*4], ymm1
              vaddpd zmm0, zmm0, zmmword ptr [rip+ones]
              vcvtps2pd ymm3, dword ptr [r12]{1to4}
              lock add qword ptr ds:[0x1000], 9
              movzx r8d, spl
              lea rax, [r13*8+0xa]
              jne loop
              .balign 64
      ones:
              .byte 0x01, 0xff
      "
    `);
  });
});
