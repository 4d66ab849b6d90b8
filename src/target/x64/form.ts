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
export interface Form extends Opcode, Roles {
  readonly row: string;
  /** Of the vectors that the row's `v` stands for. */
  readonly bits: number;
  /** 0, 1, 2 for 128 (or no length), 256, 512 bits. */
  readonly length: number;
  readonly slots: readonly Slot[];
  readonly hasByteRegister: boolean;
  readonly masking: boolean;
  readonly zeroing: boolean;
  readonly rounding: boolean;
  readonly sae: boolean;
  readonly gathers: boolean;
}

/** What a row's left side says, but for the length. */
interface Opcode {
  readonly encoding: 'legacy' | 'vex' | 'evex';
  /** 66, F3 or F2 before a legacy opcode. */
  readonly prefixes: readonly number[];
  /** VEX.pp: 0 none, 1 66, 2 F3, 3 F2. */
  readonly pp: number;
  /** VEX.mmmmm: 1 0F, 2 0F38, 3 0F3A. */
  readonly map: number;
  readonly w: 0 | 1;
  readonly opcode: readonly number[];
  /** ModRM.reg where it extends the opcode, or −1. */
  readonly digit: number;
  readonly immediateBytes: 0 | 1 | 2 | 4 | 8;
  /** Bytes of an element where compressed displacements count elements, or 0. */
  readonly elementBytes: number;
}

interface Roles {
  readonly reg: number;
  readonly rm: number;
  readonly vvvv: number;
  /** The register in bits 7:4 of the last byte. */
  readonly is4: number;
  /** The register in the low bits of the opcode. */
  readonly opcodeRegister: number;
  readonly immediate: number;
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
  const bar = row.indexOf('|');
  const code = (bar < 0 ? row : row.slice(0, bar)).trim().split(' ');
  const operands = bar < 0 ? [] : row.slice(bar + 1).split(',');
  const has = (decoration: string): boolean => bar >= 0 && row.includes(decoration, bar);
  const fields = code[0]!.split('.');
  const encoding = fields[0] === 'VEX' ? 'vex' : fields[0] === 'EVEX' ? 'evex' : 'legacy';
  const flags = { hasModrm: false, digit: -1, hasIs4: false, isMvr: false, addsRegister: false };
  const opcode = parseOpcode(code, encoding, encoding === 'legacy' ? [] : fields, flags);
  const masking = has('{k}');
  const zeroing = has('{z}');
  const controls = has('{er}');
  const silences = has('{sae}');

  const length = encoding === 'legacy' ? undefined : fields[1];
  const lengths = lengthsOf(length, encoding);
  return lengths.map((bits): Form => {
    const slots = operands.map((text) => slotOf(text.trim(), bits, encoding === 'evex'));
    let accepts = 0;
    for (const slot of slots) accepts |= slot.accepts;
    // The manual has rounding for 512 bits, and for scalars.
    const widest = bits === 512 || (lengths.length === 1 && length !== '128' && length !== '256');
    return {
      row,
      bits,
      length:
        lengths.length > 1 ? bits >> 8 : length === '512' ? 2 : length === '256' || length === 'L1' ? 1 : 0,
      ...opcode,
      slots,
      ...roles(slots, flags),
      hasByteRegister: (accepts & classes.r8) !== 0,
      masking,
      zeroing,
      rounding: controls && widest,
      sae: silences && widest,
      gathers: (accepts & (classes.vmx | classes.vmy | classes.vmz)) !== 0,
    };
  });
}

/** The lengths of vectors that the row's `v` stands for; one that nobody asks for where it has none. */
const lengthsOf = (length: string | undefined, encoding: Form['encoding']): readonly number[] => {
  if (length === 'L') return encoding === 'evex' ? [128, 256, 512] : [128, 256];
  return length === '256/512' ? [256, 512] : [128];
};

/** @param flags  gets what the rest of the row is read by */
function parseOpcode(
  code: readonly string[],
  encoding: Form['encoding'],
  fields: readonly string[],
  flags: RoleFlags,
): Opcode {
  let pp = 0;
  let map = 0;
  let w: 0 | 1 = 0;
  for (const field of fields) {
    pp = prefixes.get(field) ?? pp;
    map = maps.get(field) ?? map;
    if (field === 'W1') w = 1;
  }
  const opcode: number[] = [];
  const before: number[] = [];
  let immediateBytes: Form['immediateBytes'] = 0;
  let countsElements = false;
  for (let i = encoding === 'legacy' ? 0 : 1; i < code.length; i++) {
    const token = code[i]!;
    const next = code[i + 1];
    // 66, F3 and F2 stand before an opcode, or are one.
    if (
      encoding === 'legacy' &&
      opcode.length === 0 &&
      prefixes.has(token) &&
      next !== undefined &&
      !next.startsWith('/')
    )
      before.push(Number.parseInt(token, 16));
    else if (token === 'REX.W') w = 1;
    else if (token === '/r') flags.hasModrm = true;
    else if (token === '/is4') flags.hasIs4 = true;
    else if (token === 'T1S') countsElements = true;
    else if (token === 'MVR') flags.isMvr = true;
    else if (immediateSizes.has(token)) immediateBytes = immediateSizes.get(token)!;
    else if (token.length === 2 && token.startsWith('/')) flags.digit = Number(token[1]);
    else {
      const byte = Number(`0x${token.slice(0, 2)}`);
      flags.addsRegister ||= token[2] === '+';
      if (!(byte >= 0) || (token.length > 2 && token[2] !== '+'))
        throw new Error(`${code.join(' ')}: ${token} is not a part of an opcode`);
      opcode.push(byte);
    }
  }
  const elementBytes = countsElements ? 4 << w : 0;
  return { encoding, prefixes: before, pp, map, w, opcode, digit: flags.digit, immediateBytes, elementBytes };
}

const prefixes: ReadonlyMap<string, number> = new Map([
  ['66', 1],
  ['F3', 2],
  ['F2', 3],
]);
const maps: ReadonlyMap<string, number> = new Map([
  ['0F', 1],
  ['0F38', 2],
  ['0F3A', 3],
]);
const immediateSizes: ReadonlyMap<string, Form['immediateBytes']> = new Map([
  ['ib', 1],
  ['iw', 2],
  ['id', 4],
  ['io', 8],
  ['cb', 1],
  ['cd', 4],
]);

/** Rows have few different operands, so each is read once. */
const readSlots = new Map<string, Slot>();

function slotOf(text: string, bits: number, evex: boolean): Slot {
  const key = `${text} ${String(bits)} ${String(evex)}`;
  let slot = readSlots.get(key);
  if (slot === undefined) readSlots.set(key, (slot = parseSlot(text, bits, evex)));
  return slot;
}

function parseSlot(text: string, bits: number, evex: boolean): Slot {
  const decorated = text.indexOf('{');
  const name = decorated < 0 ? text : text.slice(0, decorated);
  const range = ranges[name];
  if (range) return { accepts: classes.immediate, min: range[0], max: range[1] };
  let accepts = 0;
  let size = bits;
  for (const alternative of name.startsWith('r/m') ? [`r${name.slice(3)}`, name.slice(2)] : name.split('/')) {
    const part = parts[alternative];
    if (part !== undefined) {
      size = bits / part;
      accepts |= vectorClass(Math.max(size, 128), evex);
    } else if (alternative === 'm') accepts |= classes[`m${String(size)}` as 'm128'];
    else if (alternative === 'mem') accepts |= anySize;
    else if (alternative === 'rel8' || alternative === 'rel32') accepts |= classes.label;
    else if (alternative === 'xmm') accepts |= vectorClass(128, evex);
    else if (alternative === 'ymm') accepts |= vectorClass(256, evex);
    else if (alternative === 'zmm') accepts |= vectorClass(512, evex);
    else if (alternative.startsWith('vm')) {
      const length = alternative.slice(4);
      const vector = length === 'v' ? bits : length === 'half' ? Math.max(bits / 2, 128) : 128;
      accepts |= vector === 128 ? classes.vmx : vector === 256 ? classes.vmy : classes.vmz;
    } else {
      const bit = classes[alternative as keyof typeof classes] as number | undefined;
      if (bit === undefined) throw new Error(`${text} is not an operand`);
      accepts |= bit;
    }
  }
  return { accepts, min: 0, max: 0 };
}

function vectorClass(bits: number, evex: boolean): number {
  const low = bits === 128 ? classes.xmm : bits === 256 ? classes.ymm : classes.zmm;
  return evex ? low | (low << 3) : low;
}

/** What decides which operand goes where. */
interface RoleFlags {
  hasModrm: boolean;
  digit: number;
  hasIs4: boolean;
  isMvr: boolean;
  addsRegister: boolean;
}

/** Which operand goes where: r/m is the one that may be memory, or else the last. */
function roles(slots: readonly Slot[], flags: RoleFlags): Roles {
  const { hasModrm, digit, hasIs4, isMvr, addsRegister } = flags;
  let immediate = -1;
  const registers: number[] = [];
  let mayBeMemory = -1;
  for (let i = 0; i < slots.length; i++) {
    const { accepts } = slots[i]!;
    if (accepts === classes.immediate) immediate = immediate < 0 ? i : immediate;
    else if ((accepts & ~fixed) !== 0) {
      registers.push(i);
      if (mayBeMemory < 0 && (accepts & memory) !== 0) mayBeMemory = i;
    }
  }
  const none = { reg: -1, rm: -1, vvvv: -1, is4: -1, opcodeRegister: -1, immediate };
  if (addsRegister) return { ...none, opcodeRegister: registers[0]! };
  if (!hasModrm && digit < 0) return none;
  const is4 = hasIs4 ? registers.pop()! : -1;
  const rm = isMvr ? 0 : mayBeMemory >= 0 ? mayBeMemory : registers.at(-1)!;
  const others = registers.filter((i) => i !== rm);
  if (digit >= 0) return { ...none, rm, vvvv: others[0] ?? -1 };
  // To memory, the register comes last: vmaskmovps m256, ymm, ymm.
  if (rm === 0) others.reverse();
  return { ...none, rm, reg: others[0] ?? -1, vvvv: others[1] ?? -1, is4 };
}

/** A form in the manual's words, its length said: VEX.256.0F.WIG 58 /r | ymm, ymm, ymm/m256. */
export function textOf({ row, bits, encoding }: Form): string {
  const [code = '', operands] = row.split('|').map((column) => column.trim());
  const exact = code.replace(/^(E?VEX\.)(L|256\/512)\./, `$1${String(bits)}.`);
  if (operands === undefined) return exact;
  const widest = encoding !== 'evex' || !/^EVEX\.(128|256)\./.test(exact);
  return `${exact} | ${shownOperands(operands, bits, widest)}`;
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
