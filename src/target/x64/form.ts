/**
 * The rows of the instruction tables, read once per mnemonic.
 *
 * A row is one line of Intel's manual (SDM volume 2), opcode and operands, in the manual's spelling:
 *
 *     'VEX.128.0F.WIG 58 /r | xmm, xmm, xmm/m128'
 *     'REX.W 81 /0 id | r/m64, simm32'
 *
 * Vector instructions that are the same at every length take one row for all lengths. `L` is then each of
 * 128, 256 and, in EVEX, 512 (or `256/512`: these two); `v` is a register of that length; `half`, `quarter` and
 * `eighth` are registers of that part of it (at least xmm); `m` is memory of the size of the name before it.
 * What holds for 512 bits only, {er} and {sae}, is dropped from the shorter ones.
 *
 *     'EVEX.L.0F.W0 58 /r | v{k}{z}, v, v/m/m32bcst{er}'
 *
 * Beyond the manual: `simm8`, `simm32` are sign-extended and so take no larger unsigned numbers, `mem` is memory of
 * any size, and `vm32v` is a vector of indices of the row's length. Of the operand encodings `MVR` alone is named, where
 * r/m comes first though it is a register; of the tuple types `T1S`, Tuple1 Scalar, alone, where a compressed
 * displacement counts elements: in all others it counts what is accessed.
 */
export type Row = readonly string[];

/** One encoding of one instruction. Indices are those of operands, −1 where there is none. */
export interface Form {
  readonly text: string;
  readonly encoding: 'legacy' | 'vex' | 'evex';
  /** 66, F3 or F2 before a legacy opcode. */
  readonly prefixes: readonly number[];
  /** VEX.pp: 0 none, 1 66, 2 F3, 3 F2. */
  readonly pp: number;
  /** VEX.mmmmm: 1 0F, 2 0F38, 3 0F3A. */
  readonly map: number;
  readonly w: 0 | 1;
  /** 0, 1, 2 for 128 (or no length), 256, 512 bits. */
  readonly length: number;
  readonly opcode: readonly number[];
  /** ModRM.reg where it extends the opcode, or −1. */
  readonly digit: number;
  readonly slots: readonly Slot[];
  readonly reg: number;
  readonly rm: number;
  readonly vvvv: number;
  /** The register in bits 7:4 of the last byte. */
  readonly is4: number;
  /** The register in the low bits of the opcode. */
  readonly opcodeRegister: number;
  readonly immediate: number;
  readonly immediateBytes: 0 | 1 | 2 | 4 | 8;
  readonly hasByteRegister: boolean;
  readonly masking: boolean;
  readonly zeroing: boolean;
  readonly rounding: boolean;
  readonly sae: boolean;
  /** Bytes of an element where compressed displacements count elements, or 0. */
  readonly elementBytes: number;
  readonly gathers: boolean;
}

export interface Slot {
  /** Bits of `classes`. */
  readonly accepts: number;
  /** Of an immediate. */
  readonly min: number | bigint;
  readonly max: number | bigint;
}

/** What an operand may be to a form: an operand has one or more of these bits, a slot accepts any of its own. */
export const classes = {
  r8: 1 << 0,
  r16: 1 << 1,
  r32: 1 << 2,
  r64: 1 << 3,
  al: 1 << 4,
  ax: 1 << 5,
  eax: 1 << 6,
  rax: 1 << 7,
  cl: 1 << 8,
  xmm: 1 << 9,
  ymm: 1 << 10,
  zmm: 1 << 11,
  /** Registers 16 … 31. */
  xmmHigh: 1 << 12,
  ymmHigh: 1 << 13,
  zmmHigh: 1 << 14,
  k: 1 << 15,
  m8: 1 << 16,
  m16: 1 << 17,
  m32: 1 << 18,
  m64: 1 << 19,
  m128: 1 << 20,
  m256: 1 << 21,
  m512: 1 << 22,
  memoryOfOtherSize: 1 << 23,
  vmx: 1 << 24,
  vmy: 1 << 25,
  vmz: 1 << 26,
  m32bcst: 1 << 27,
  m64bcst: 1 << 28,
  label: 1 << 29,
  immediate: 1 << 30,
} as const;

const fixed = classes.al | classes.ax | classes.eax | classes.rax | classes.cl;
const anySize = 0xff << 16;
const memory = anySize | classes.vmx | classes.vmy | classes.vmz | classes.m32bcst | classes.m64bcst;

const ranges: Readonly<Record<string, readonly [number | bigint, number | bigint]>> = {
  '1': [1, 1],
  imm8: [-0x80, 0xff],
  simm8: [-0x80, 0x7f],
  imm16: [-0x8000, 0xffff],
  imm32: [-0x8000_0000, 0xffff_ffff],
  simm32: [-0x8000_0000, 0x7fff_ffff],
  imm64: [-0x8000_0000_0000_0000n, 0xffff_ffff_ffff_ffffn],
};

const parts: Readonly<Record<string, number>> = { v: 1, half: 2, quarter: 4, eighth: 8 };

/** Reads one row: a form for each of its lengths. */
export function parseRow(row: string): Form[] {
  const [code, operands] = row.split('|').map((column) => column.trim()) as [string, string | undefined];
  const lengths = /^E?VEX\.(L|256\/512)\./.exec(code);
  if (!lengths) return [parseForm(code, operands ?? '', 128)];
  const all = lengths[1] !== 'L' ? [256, 512] : code.startsWith('E') ? [128, 256, 512] : [128, 256];
  return all.map((bits) => parseForm(code.replace(lengths[1]!, String(bits)), operands ?? '', bits));
}

function parseForm(code: string, operandText: string, bits: number): Form {
  const [first, ...rest] = code.split(/\s+/) as [string, ...string[]];
  const opcode: number[] = [];
  let encoding: Form['encoding'] = 'legacy';
  const before: number[] = [];
  let pp = 0;
  let map = 0;
  let w: 0 | 1 = 0;
  let length = 0;
  let digit = -1;
  let hasModrm = false;
  let hasIs4 = false;
  let addsRegister = false;
  let immediateBytes: Form['immediateBytes'] = 0;
  let countsElements = false;
  let isMvr = false;

  const fields = first.split('.');
  if (fields[0] === 'VEX' || fields[0] === 'EVEX') {
    encoding = fields[0] === 'VEX' ? 'vex' : 'evex';
    for (const field of fields.slice(1)) {
      if (field === '256' || field === 'L1') length = 1;
      else if (field === '512') length = 2;
      else if (field in prefixes) pp = prefixes[field]!;
      else if (field in maps) map = maps[field]!;
      else if (field === 'W1') w = 1;
    }
  } else rest.unshift(first);

  for (const [i, token] of rest.entries()) {
    const isPrefix = encoding === 'legacy' && opcode.length === 0 && token in prefixes;
    if (isPrefix && i + 1 < rest.length && !rest[i + 1]!.startsWith('/'))
      before.push(Number.parseInt(token, 16));
    else if (token === 'REX.W') w = 1;
    else if (token === '/r') hasModrm = true;
    else if (token === '/is4') hasIs4 = true;
    else if (token === 'T1S') countsElements = true;
    else if (token === 'MVR') isMvr = true;
    else if (token in immediateSizes) immediateBytes = immediateSizes[token]!;
    else if (/^\/[0-7]$/.test(token)) digit = Number(token[1]);
    else {
      const [byte, plus] = token.split('+');
      if (!/^[0-9A-F]{2}$/.test(byte!)) throw new Error(`${code}: ${token} is not a part of an opcode`);
      opcode.push(Number.parseInt(byte!, 16));
      addsRegister ||= plus !== undefined;
    }
  }

  const operands = operandText === '' ? [] : operandText.split(/,\s*/);
  const slots = operands.map((text) => parseSlot(text, bits, encoding === 'evex'));
  const decorated = (decoration: string): boolean => operandText.includes(decoration);
  const widest = bits === 512 || !/^EVEX\.(128|256)\./.test(code);
  return {
    text: operandText === '' ? code : `${code} | ${shownOperands(operandText, bits, widest)}`,
    encoding,
    prefixes: before,
    pp,
    map,
    w,
    length,
    opcode,
    digit,
    slots,
    ...roles(slots, { hasModrm, digit, hasIs4, isMvr, addsRegister }),
    immediateBytes,
    hasByteRegister: slots.some((slot) => (slot.accepts & classes.r8) !== 0),
    masking: decorated('{k}'),
    zeroing: decorated('{z}'),
    rounding: decorated('{er}') && widest,
    sae: decorated('{sae}') && widest,
    elementBytes: countsElements ? 4 << w : 0,
    gathers: slots.some((slot) => (slot.accepts & (classes.vmx | classes.vmy | classes.vmz)) !== 0),
  };
}

const prefixes: Readonly<Record<string, number>> = { '66': 1, F3: 2, F2: 3 };
const maps: Readonly<Record<string, number>> = { '0F': 1, '0F38': 2, '0F3A': 3 };
const immediateSizes: Readonly<Record<string, Form['immediateBytes']>> = {
  ib: 1,
  iw: 2,
  id: 4,
  io: 8,
  cb: 1,
  cd: 4,
};

function parseSlot(text: string, bits: number, evex: boolean): Slot {
  const name = text.replaceAll(/\{\w+\}/g, '');
  const range = ranges[name];
  if (range) return { accepts: classes.immediate, min: range[0], max: range[1] };
  let accepts = 0;
  let size = bits;
  for (const alternative of name.replace(/^r\/m(\d+)$/, 'r$1/m$1').split('/')) {
    const part = parts[alternative];
    if (part !== undefined) {
      size = bits / part;
      accepts |= vectorClass(Math.max(size, 128), evex);
    } else if (alternative === 'm') accepts |= classes[`m${size}` as 'm128'];
    else if (alternative === 'mem') accepts |= anySize;
    else if (alternative === 'rel8' || alternative === 'rel32') accepts |= classes.label;
    else if (/^[xyz]mm$/.test(alternative))
      accepts |= vectorClass({ x: 128, y: 256, z: 512 }[alternative[0]!]!, evex);
    else if (alternative.startsWith('vm')) {
      const length = alternative.slice(4);
      const vector = length === 'v' ? bits : length === 'half' ? Math.max(bits / 2, 128) : 128;
      accepts |= { 128: classes.vmx, 256: classes.vmy, 512: classes.vmz }[vector]!;
    } else {
      const bit = classes[alternative as keyof typeof classes] as number | undefined;
      if (bit === undefined) throw new Error(`${text} is not an operand`);
      accepts |= bit;
    }
  }
  return { accepts, min: 0, max: 0 };
}

function vectorClass(bits: number, evex: boolean): number {
  const low = { 128: classes.xmm, 256: classes.ymm, 512: classes.zmm }[bits]!;
  return evex ? low | (low << 3) : low;
}

/** What decides which operand goes where. */
interface RoleFlags {
  readonly hasModrm: boolean;
  readonly digit: number;
  readonly hasIs4: boolean;
  readonly isMvr: boolean;
  readonly addsRegister: boolean;
}

/** Which operand goes where: r/m is the one that may be memory, or else the last. */
function roles(
  slots: readonly Slot[],
  { hasModrm, digit, hasIs4, isMvr, addsRegister }: RoleFlags,
): Pick<Form, 'reg' | 'rm' | 'vvvv' | 'is4' | 'opcodeRegister' | 'immediate'> {
  const immediate = slots.findIndex((slot) => slot.accepts === classes.immediate);
  const registers = [...slots.keys()].filter((i) => i !== immediate && (slots[i]!.accepts & ~fixed) !== 0);
  const none = { reg: -1, rm: -1, vvvv: -1, is4: -1, opcodeRegister: -1, immediate };
  if (addsRegister) return { ...none, opcodeRegister: registers[0]! };
  if (!hasModrm && digit < 0) return none;
  const is4 = hasIs4 ? registers.pop()! : -1;
  const rm = isMvr ? 0 : (registers.find((i) => (slots[i]!.accepts & memory) !== 0) ?? registers.at(-1)!);
  const others = registers.filter((i) => i !== rm);
  if (digit >= 0) return { ...none, rm, vvvv: others[0] ?? -1 };
  // To memory, the register comes last: vmaskmovps m256, ymm, ymm.
  const [reg, vvvv = -1] = rm === 0 ? others.reverse() : others;
  return { ...none, rm, reg: reg ?? -1, vvvv, is4 };
}

/** The operands of one length as the manual has them: ymm, ymm, ymm/m256. */
function shownOperands(text: string, bits: number, widest: boolean): string {
  let size = bits;
  const name = (n: number): string => `${{ 128: 'x', 256: 'y', 512: 'z' }[Math.max(n, 128)]!}mm`;
  return text
    .replaceAll(/\b(v|half|quarter|eighth|m)\b/g, (word) => {
      if (word === 'm') return `m${size}`;
      size = bits / parts[word]!;
      return name(size);
    })
    .replaceAll(/\{(er|sae)\}/g, (word) => (widest ? word : ''))
    .replaceAll(
      /\b(vm\d\d)(v|half)\b/g,
      (_, vm: string, part: string) => vm + name(part === 'v' ? bits : bits / 2)[0]!,
    );
}
