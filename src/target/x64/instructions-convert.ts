import type { Row } from './form.ts';

/**
 * Conversions between types of numbers. What the rows mean: form.ts.
 *
 * Conversions from 8 to 4 bytes give half a vector, so that with 128 and 256 bits both write an xmm register: a
 * broadcast source does not tell which of them is meant, and is left to 512 bits.
 */
export const convertInstructions = {
  // 32-bit integers and floating point
  vcvtdq2ps: ['VEX.L.0F.WIG 5B /r | v, v/m', 'EVEX.L.0F.W0 5B /r | v{k}{z}, v/m/m32bcst{er}'],
  vcvtudq2ps: ['EVEX.L.F2.0F.W0 7A /r | v{k}{z}, v/m/m32bcst{er}'],
  vcvtps2dq: ['VEX.L.66.0F.WIG 5B /r | v, v/m', 'EVEX.L.66.0F.W0 5B /r | v{k}{z}, v/m/m32bcst{er}'],
  vcvttps2dq: ['VEX.L.F3.0F.WIG 5B /r | v, v/m', 'EVEX.L.F3.0F.W0 5B /r | v{k}{z}, v/m/m32bcst{sae}'],
  vcvtps2udq: ['EVEX.L.0F.W0 79 /r | v{k}{z}, v/m/m32bcst{er}'],
  vcvttps2udq: ['EVEX.L.0F.W0 78 /r | v{k}{z}, v/m/m32bcst{sae}'],
  vcvtdq2pd: ['VEX.L.F3.0F.WIG E6 /r | v, half/m', 'EVEX.L.F3.0F.W0 E6 /r | v{k}{z}, half/m/m32bcst'],
  vcvtudq2pd: ['EVEX.L.F3.0F.W0 7A /r | v{k}{z}, half/m/m32bcst'],
  vcvtpd2dq: narrowing('F2.0F', 'E6', 'er'),
  vcvttpd2dq: narrowing('66.0F', 'E6', 'sae'),

  // 64-bit integers and floating point
  vcvtqq2pd: ['EVEX.L.F3.0F.W1 E6 /r | v{k}{z}, v/m/m64bcst{er}'],
  vcvtuqq2pd: ['EVEX.L.F3.0F.W1 7A /r | v{k}{z}, v/m/m64bcst{er}'],
  vcvtpd2qq: ['EVEX.L.66.0F.W1 7B /r | v{k}{z}, v/m/m64bcst{er}'],
  vcvttpd2qq: ['EVEX.L.66.0F.W1 7A /r | v{k}{z}, v/m/m64bcst{sae}'],
  vcvtqq2ps: narrowing('0F', '5B', 'er').slice(1),
  vcvtps2qq: ['EVEX.L.66.0F.W0 7B /r | v{k}{z}, half/m/m32bcst{er}'],
  vcvttps2qq: ['EVEX.L.66.0F.W0 7A /r | v{k}{z}, half/m/m32bcst{sae}'],

  // Between floating-point types
  vcvtps2pd: ['VEX.L.0F.WIG 5A /r | v, half/m', 'EVEX.L.0F.W0 5A /r | v{k}{z}, half/m/m32bcst{sae}'],
  vcvtpd2ps: narrowing('66.0F', '5A', 'er'),
  vcvtph2ps: ['VEX.L.66.0F38.W0 13 /r | v, half/m', 'EVEX.L.66.0F38.W0 13 /r | v{k}{z}, half/m{sae}'],
  vcvtps2ph: [
    'VEX.L.66.0F3A.W0 1D /r ib | half/m, v, imm8',
    'EVEX.L.66.0F3A.W0 1D /r ib | half/m{k}{z}, v{sae}, imm8',
  ],
  vcvtss2sd: [
    'VEX.LIG.F3.0F.WIG 5A /r | xmm, xmm, xmm/m32',
    'EVEX.LIG.F3.0F.W0 5A /r | xmm{k}{z}, xmm, xmm/m32{sae}',
  ],
  vcvtsd2ss: [
    'VEX.LIG.F2.0F.WIG 5A /r | xmm, xmm, xmm/m64',
    'EVEX.LIG.F2.0F.W1 5A /r | xmm{k}{z}, xmm, xmm/m64{er}',
  ],

  // Scalars and general-purpose registers
  vcvtsi2ss: [
    'VEX.LIG.F3.0F.W0 2A /r | xmm, xmm, r/m32',
    'VEX.LIG.F3.0F.W1 2A /r | xmm, xmm, r/m64',
    'EVEX.LIG.F3.0F.W0 2A /r | xmm, xmm, r/m32{er}',
    'EVEX.LIG.F3.0F.W1 2A /r | xmm, xmm, r/m64{er}',
  ],
  vcvtsi2sd: [
    'VEX.LIG.F2.0F.W0 2A /r | xmm, xmm, r/m32',
    'VEX.LIG.F2.0F.W1 2A /r | xmm, xmm, r/m64',
    'EVEX.LIG.F2.0F.W0 2A /r | xmm, xmm, r/m32',
    'EVEX.LIG.F2.0F.W1 2A /r | xmm, xmm, r/m64{er}',
  ],
  vcvtss2si: toInteger('F3', '2D', 'm32', 'er'),
  vcvttss2si: toInteger('F3', '2C', 'm32', 'sae'),
  vcvtsd2si: toInteger('F2', '2D', 'm64', 'er'),
  vcvttsd2si: toInteger('F2', '2C', 'm64', 'sae'),

  // Wider integers
  ...widening('vpmovsx', 0x20),
  ...widening('vpmovzx', 0x30),

  // Narrower integers: the low bits, or saturated as signed (s) or unsigned (us)
  ...truncating('vpmov', 3),
  ...truncating('vpmovs', 2),
  ...truncating('vpmovus', 1),
} as const satisfies Record<string, Row>;

/** From vectors of 8 bytes to vectors of 4. */
function narrowing(map: string, opcode: string, control: 'er' | 'sae'): Row {
  return [
    `VEX.L.${map}.WIG ${opcode} /r | half, v/m`,
    `EVEX.128.${map}.W1 ${opcode} /r | xmm{k}{z}, xmm/m128`,
    `EVEX.256.${map}.W1 ${opcode} /r | xmm{k}{z}, ymm/m256`,
    `EVEX.512.${map}.W1 ${opcode} /r | ymm{k}{z}, zmm/m512/m64bcst{${control}}`,
  ];
}

function toInteger(prefix: string, opcode: string, memory: string, control: 'er' | 'sae'): Row {
  return [
    `VEX.LIG.${prefix}.0F.W0 ${opcode} /r | r32, xmm/${memory}`,
    `VEX.LIG.${prefix}.0F.W1 ${opcode} /r | r64, xmm/${memory}`,
    `EVEX.LIG.${prefix}.0F.W0 ${opcode} /r | r32, xmm/${memory}{${control}}`,
    `EVEX.LIG.${prefix}.0F.W1 ${opcode} /r | r64, xmm/${memory}{${control}}`,
  ];
}

function widening<P extends string>(name: P, first: number) {
  const row = (offset: number, part: string): Row => {
    const opcode = (first + offset).toString(16);
    return [
      `VEX.L.66.0F38.WIG ${opcode} /r | v, ${part}/m`,
      `EVEX.L.66.0F38.${offset === 5 ? 'W0' : 'WIG'} ${opcode} /r | v{k}{z}, ${part}/m`,
    ];
  };
  const rows: Record<string, Row> = {
    [`${name}bw`]: row(0, 'half'),
    [`${name}bd`]: row(1, 'quarter'),
    [`${name}bq`]: row(2, 'eighth'),
    [`${name}wd`]: row(3, 'half'),
    [`${name}wq`]: row(4, 'quarter'),
    [`${name}dq`]: row(5, 'half'),
  };
  return rows as Record<`${P}${'bw' | 'bd' | 'bq' | 'wd' | 'wq' | 'dq'}`, Row>;
}

function truncating<P extends string>(name: P, high: number) {
  const row = (low: number, part: string): Row => [`EVEX.L.F3.0F38.W0 ${high}${low} /r | ${part}/m{k}{z}, v`];
  const rows: Record<string, Row> = {
    [`${name}wb`]: row(0, 'half'),
    [`${name}db`]: row(1, 'quarter'),
    [`${name}qb`]: row(2, 'eighth'),
    [`${name}dw`]: row(3, 'half'),
    [`${name}qw`]: row(4, 'quarter'),
    [`${name}qd`]: row(5, 'half'),
  };
  return rows as Record<`${P}${'wb' | 'db' | 'qb' | 'dw' | 'qw' | 'qd'}`, Row>;
}
