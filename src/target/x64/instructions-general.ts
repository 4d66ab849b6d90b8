import type { Row } from './form.ts';

/** The last four bits of the opcode, with every name the manual has. */
const conditions = {
  o: 0,
  no: 1,
  b: 2,
  c: 2,
  nae: 2,
  ae: 3,
  nb: 3,
  nc: 3,
  e: 4,
  z: 4,
  ne: 5,
  nz: 5,
  be: 6,
  na: 6,
  a: 7,
  nbe: 7,
  s: 8,
  ns: 9,
  p: 10,
  pe: 10,
  np: 11,
  po: 11,
  l: 12,
  nge: 12,
  ge: 13,
  nl: 13,
  le: 14,
  ng: 14,
  g: 15,
  nle: 15,
} as const;
/** The conditions of jcc, setcc and cmovcc. */
export type Condition = keyof typeof conditions;

/** Instructions on general-purpose registers. What the rows mean: form.ts. */
export const generalInstructions = {
  // Moves
  mov: [
    '88 /r | r/m8, r8',
    '66 89 /r | r/m16, r16',
    '89 /r | r/m32, r32',
    'REX.W 89 /r | r/m64, r64',
    '8A /r | r8, r/m8',
    '66 8B /r | r16, r/m16',
    '8B /r | r32, r/m32',
    'REX.W 8B /r | r64, r/m64',
    'B0+rb ib | r8, imm8',
    '66 B8+rw iw | r16, imm16',
    'B8+rd id | r32, imm32',
    'REX.W C7 /0 id | r/m64, simm32',
    'REX.W B8+rd io | r64, imm64',
    'C6 /0 ib | m8, imm8',
    '66 C7 /0 iw | m16, imm16',
    'C7 /0 id | m32, imm32',
  ],
  movzx: [
    '66 0F B6 /r | r16, r/m8',
    '0F B6 /r | r32, r/m8',
    'REX.W 0F B6 /r | r64, r/m8',
    '0F B7 /r | r32, r/m16',
    'REX.W 0F B7 /r | r64, r/m16',
  ],
  movsx: [
    '66 0F BE /r | r16, r/m8',
    '0F BE /r | r32, r/m8',
    'REX.W 0F BE /r | r64, r/m8',
    '0F BF /r | r32, r/m16',
    'REX.W 0F BF /r | r64, r/m16',
  ],
  movsxd: ['REX.W 63 /r | r64, r/m32'],
  movnti: ['0F C3 /r | m32, r32', 'REX.W 0F C3 /r | m64, r64'],
  lea: ['66 8D /r | r16, mem', '8D /r | r32, mem', 'REX.W 8D /r | r64, mem'],
  push: ['50+rd | r64', 'FF /6 | m64', '6A ib | simm8', '68 id | simm32'],
  pop: ['58+rd | r64', '8F /0 | m64'],
  ...conditional('cmov', (cc) => [
    `66 0F 4${cc} /r | r16, r/m16`,
    `0F 4${cc} /r | r32, r/m32`,
    `REX.W 0F 4${cc} /r | r64, r/m64`,
  ]),
  ...conditional('set', (cc) => [`0F 9${cc} /0 | r/m8`]),

  // Arithmetic
  add: arithmetic(0),
  or: arithmetic(1),
  and: arithmetic(4),
  sub: arithmetic(5),
  xor: arithmetic(6),
  cmp: arithmetic(7),
  test: [
    '84 /r | r/m8, r8',
    '66 85 /r | r/m16, r16',
    '85 /r | r/m32, r32',
    'REX.W 85 /r | r/m64, r64',
    'A8 ib | al, imm8',
    '66 A9 iw | ax, imm16',
    'A9 id | eax, imm32',
    'REX.W A9 id | rax, simm32',
    'F6 /0 ib | r/m8, imm8',
    '66 F7 /0 iw | r/m16, imm16',
    'F7 /0 id | r/m32, imm32',
    'REX.W F7 /0 id | r/m64, simm32',
  ],
  imul: [
    ...unary('F6', 'F7', 5),
    '66 0F AF /r | r16, r/m16',
    '0F AF /r | r32, r/m32',
    'REX.W 0F AF /r | r64, r/m64',
    '66 6B /r ib | r16, r/m16, simm8',
    '6B /r ib | r32, r/m32, simm8',
    'REX.W 6B /r ib | r64, r/m64, simm8',
    '66 69 /r iw | r16, r/m16, imm16',
    '69 /r id | r32, r/m32, imm32',
    'REX.W 69 /r id | r64, r/m64, simm32',
  ],
  mul: unary('F6', 'F7', 4),
  div: unary('F6', 'F7', 6),
  idiv: unary('F6', 'F7', 7),
  neg: unary('F6', 'F7', 3),
  not: unary('F6', 'F7', 2),
  inc: unary('FE', 'FF', 0),
  dec: unary('FE', 'FF', 1),
  cdq: ['99'],
  cqo: ['REX.W 99'],
  shl: shift(4),
  shr: shift(5),
  sar: shift(7),
  lzcnt: ['66 F3 0F BD /r | r16, r/m16', 'F3 0F BD /r | r32, r/m32', 'F3 REX.W 0F BD /r | r64, r/m64'],
  tzcnt: ['66 F3 0F BC /r | r16, r/m16', 'F3 0F BC /r | r32, r/m32', 'F3 REX.W 0F BC /r | r64, r/m64'],
  popcnt: ['66 F3 0F B8 /r | r16, r/m16', 'F3 0F B8 /r | r32, r/m32', 'F3 REX.W 0F B8 /r | r64, r/m64'],

  // BMI1, BMI2
  andn: ['VEX.LZ.0F38.W0 F2 /r | r32, r32, r/m32', 'VEX.LZ.0F38.W1 F2 /r | r64, r64, r/m64'],
  bzhi: ['VEX.LZ.0F38.W0 F5 /r | r32, r/m32, r32', 'VEX.LZ.0F38.W1 F5 /r | r64, r/m64, r64'],
  shlx: ['VEX.LZ.66.0F38.W0 F7 /r | r32, r/m32, r32', 'VEX.LZ.66.0F38.W1 F7 /r | r64, r/m64, r64'],
  shrx: ['VEX.LZ.F2.0F38.W0 F7 /r | r32, r/m32, r32', 'VEX.LZ.F2.0F38.W1 F7 /r | r64, r/m64, r64'],
  sarx: ['VEX.LZ.F3.0F38.W0 F7 /r | r32, r/m32, r32', 'VEX.LZ.F3.0F38.W1 F7 /r | r64, r/m64, r64'],
  rorx: ['VEX.LZ.F2.0F3A.W0 F0 /r ib | r32, r/m32, imm8', 'VEX.LZ.F2.0F3A.W1 F0 /r ib | r64, r/m64, imm8'],

  // Bits of a string in memory, counted from its first byte
  btr: ['0F B3 /r | r/m32, r32', 'REX.W 0F B3 /r | r/m64, r64'],

  // Atomics; all but xchg, which needs none, are atomic with `lock` only
  xchg: ['86 /r | r/m8, r8', '66 87 /r | r/m16, r16', '87 /r | r/m32, r32', 'REX.W 87 /r | r/m64, r64'],
  xadd: [
    '0F C0 /r | r/m8, r8',
    '66 0F C1 /r | r/m16, r16',
    '0F C1 /r | r/m32, r32',
    'REX.W 0F C1 /r | r/m64, r64',
  ],
  cmpxchg: [
    '0F B0 /r | r/m8, r8',
    '66 0F B1 /r | r/m16, r16',
    '0F B1 /r | r/m32, r32',
    'REX.W 0F B1 /r | r/m64, r64',
  ],

  // Control
  jmp: ['EB cb | rel8', 'E9 cd | rel32', 'FF /4 | r/m64'],
  call: ['E8 cd | rel32', 'FF /2 | r/m64'],
  ...conditional('j', (cc) => [`7${cc} cb | rel8`, `0F 8${cc} cd | rel32`]),
  ret: ['C3'],

  // System
  pause: ['F3 90'],
  nop: ['90'],
  syscall: ['0F 05'],
  cpuid: ['0F A2'],
  xgetbv: ['0F 01 D0'],
  rdtsc: ['0F 31'],
  rdtscp: ['0F 01 F9'],
  mfence: ['0F AE F0'],
  sfence: ['0F AE F8'],
  ud2: ['0F 0B'],
  int3: ['CC'],
  prefetcht0: ['0F 18 /1 | mem'],
  prefetcht1: ['0F 18 /2 | mem'],
  prefetcht2: ['0F 18 /3 | mem'],
  prefetchnta: ['0F 18 /0 | mem'],
  prefetchw: ['0F 0D /1 | mem'],
} as const satisfies Record<string, Row>;

/** add, or, adc, sbb, and, sub, xor, cmp: the eight that differ in three bits of the opcode. */
function arithmetic(digit: number): Row {
  const op = (low: number): string => (digit * 8 + low).toString(16).padStart(2, '0').toUpperCase();
  return [
    `${op(0)} /r | r/m8, r8`,
    `66 ${op(1)} /r | r/m16, r16`,
    `${op(1)} /r | r/m32, r32`,
    `REX.W ${op(1)} /r | r/m64, r64`,
    `${op(2)} /r | r8, r/m8`,
    `66 ${op(3)} /r | r16, r/m16`,
    `${op(3)} /r | r32, r/m32`,
    `REX.W ${op(3)} /r | r64, r/m64`,
    `66 83 /${digit} ib | r/m16, simm8`,
    `83 /${digit} ib | r/m32, simm8`,
    `REX.W 83 /${digit} ib | r/m64, simm8`,
    `${op(4)} ib | al, imm8`,
    `66 ${op(5)} iw | ax, imm16`,
    `${op(5)} id | eax, imm32`,
    `REX.W ${op(5)} id | rax, simm32`,
    `80 /${digit} ib | r/m8, imm8`,
    `66 81 /${digit} iw | r/m16, imm16`,
    `81 /${digit} id | r/m32, imm32`,
    `REX.W 81 /${digit} id | r/m64, simm32`,
  ];
}

function unary(byteOpcode: string, opcode: string, digit: number): Row {
  return [
    `${byteOpcode} /${digit} | r/m8`,
    `66 ${opcode} /${digit} | r/m16`,
    `${opcode} /${digit} | r/m32`,
    `REX.W ${opcode} /${digit} | r/m64`,
  ];
}

function shift(digit: number): Row {
  const by = (byteOpcode: string, opcode: string, suffix: string, count: string): Row => [
    `${byteOpcode} /${digit}${suffix} | r/m8, ${count}`,
    `66 ${opcode} /${digit}${suffix} | r/m16, ${count}`,
    `${opcode} /${digit}${suffix} | r/m32, ${count}`,
    `REX.W ${opcode} /${digit}${suffix} | r/m64, ${count}`,
  ];
  return [...by('D0', 'D1', '', '1'), ...by('C0', 'C1', ' ib', 'imm8'), ...by('D2', 'D3', '', 'cl')];
}

function conditional<P extends string>(
  prefix: P,
  rows: (cc: string) => Row,
): Record<`${P}${Condition}`, Row> {
  const named = Object.entries(conditions).map(([name, code]) => [
    prefix + name,
    rows(code.toString(16).toUpperCase()),
  ]);
  return Object.fromEntries(named) as Record<`${P}${Condition}`, Row>;
}
