import type { Row } from './form.ts';

/** Instructions on opmask registers, of 8, 16, 32 and 64 bits. What the rows mean: form.ts. */
export const opmaskInstructions = {
  kmovb: [
    'VEX.L0.66.0F.W0 90 /r | k, k/m8',
    'VEX.L0.66.0F.W0 91 /r | m8, k',
    'VEX.L0.66.0F.W0 92 /r | k, r32',
    'VEX.L0.66.0F.W0 93 /r | r32, k',
  ],
  kmovw: [
    'VEX.L0.0F.W0 90 /r | k, k/m16',
    'VEX.L0.0F.W0 91 /r | m16, k',
    'VEX.L0.0F.W0 92 /r | k, r32',
    'VEX.L0.0F.W0 93 /r | r32, k',
  ],
  kmovd: [
    'VEX.L0.66.0F.W1 90 /r | k, k/m32',
    'VEX.L0.66.0F.W1 91 /r | m32, k',
    'VEX.L0.F2.0F.W0 92 /r | k, r32',
    'VEX.L0.F2.0F.W0 93 /r | r32, k',
  ],
  kmovq: [
    'VEX.L0.0F.W1 90 /r | k, k/m64',
    'VEX.L0.0F.W1 91 /r | m64, k',
    'VEX.L0.F2.0F.W1 92 /r | k, r64',
    'VEX.L0.F2.0F.W1 93 /r | r64, k',
  ],
  ...everyWidth('kand', (code) => [`VEX.L1.${code} 41 /r | k, k, k`]),
  ...everyWidth('kandn', (code) => [`VEX.L1.${code} 42 /r | k, k, k`]),
  ...everyWidth('kor', (code) => [`VEX.L1.${code} 45 /r | k, k, k`]),
  ...everyWidth('kxnor', (code) => [`VEX.L1.${code} 46 /r | k, k, k`]),
  ...everyWidth('kxor', (code) => [`VEX.L1.${code} 47 /r | k, k, k`]),
  ...everyWidth('kadd', (code) => [`VEX.L1.${code} 4A /r | k, k, k`]),
  ...everyWidth('knot', (code) => [`VEX.L0.${code} 44 /r | k, k`]),
  ...everyWidth('kortest', (code) => [`VEX.L0.${code} 98 /r | k, k`]),
  ...everyWidth('ktest', (code) => [`VEX.L0.${code} 99 /r | k, k`]),
  kunpckbw: ['VEX.L1.66.0F.W0 4B /r | k, k, k'],
  kunpckwd: ['VEX.L1.0F.W0 4B /r | k, k, k'],
  kunpckdq: ['VEX.L1.0F.W1 4B /r | k, k, k'],
  kshiftlb: ['VEX.L0.66.0F3A.W0 32 /r ib | k, k, imm8'],
  kshiftlw: ['VEX.L0.66.0F3A.W1 32 /r ib | k, k, imm8'],
  kshiftld: ['VEX.L0.66.0F3A.W0 33 /r ib | k, k, imm8'],
  kshiftlq: ['VEX.L0.66.0F3A.W1 33 /r ib | k, k, imm8'],
  kshiftrb: ['VEX.L0.66.0F3A.W0 30 /r ib | k, k, imm8'],
  kshiftrw: ['VEX.L0.66.0F3A.W1 30 /r ib | k, k, imm8'],
  kshiftrd: ['VEX.L0.66.0F3A.W0 31 /r ib | k, k, imm8'],
  kshiftrq: ['VEX.L0.66.0F3A.W1 31 /r ib | k, k, imm8'],

  // Between opmasks and vectors: all ones or zeros, and back the highest bits
  vpmovm2b: ['EVEX.L.F3.0F38.W0 28 /r | v, k'],
  vpmovm2w: ['EVEX.L.F3.0F38.W1 28 /r | v, k'],
  vpmovm2d: ['EVEX.L.F3.0F38.W0 38 /r | v, k'],
  vpmovm2q: ['EVEX.L.F3.0F38.W1 38 /r | v, k'],
  vpmovb2m: ['EVEX.L.F3.0F38.W0 29 /r | k, v'],
  vpmovw2m: ['EVEX.L.F3.0F38.W1 29 /r | k, v'],
  vpmovd2m: ['EVEX.L.F3.0F38.W0 39 /r | k, v'],
  vpmovq2m: ['EVEX.L.F3.0F38.W1 39 /r | k, v'],
} as const satisfies Record<string, Row>;

function everyWidth<P extends string>(name: P, row: (code: string) => Row) {
  const rows: Record<string, Row> = {
    [`${name}b`]: row('66.0F.W0'),
    [`${name}w`]: row('0F.W0'),
    [`${name}d`]: row('66.0F.W1'),
    [`${name}q`]: row('0F.W1'),
  };
  return rows as Record<`${P}${'b' | 'w' | 'd' | 'q'}`, Row>;
}
