import type { Row } from './form.ts';

/** Floating-point arithmetic on vectors and scalars. What the rows mean: form.ts. */
export const floatInstructions = {
  ...binary('vadd', '58', 'er'),
  ...binary('vsub', '5C', 'er'),
  ...binary('vmul', '59', 'er'),
  ...binary('vdiv', '5E', 'er'),
  ...binary('vmin', '5D', 'sae'), // both return their last operand where one is a NaN, or both are zeros
  ...binary('vmax', '5F', 'sae'),
  vsqrtps: ['VEX.L.0F.WIG 51 /r | v, v/m', 'EVEX.L.0F.W0 51 /r | v{k}{z}, v/m/m32bcst{er}'],
  vsqrtpd: ['VEX.L.66.0F.WIG 51 /r | v, v/m', 'EVEX.L.66.0F.W1 51 /r | v{k}{z}, v/m/m64bcst{er}'],
  vsqrtss: [
    'VEX.LIG.F3.0F.WIG 51 /r | xmm, xmm, xmm/m32',
    'EVEX.LIG.F3.0F.W0 51 /r | xmm{k}{z}, xmm, xmm/m32{er}',
  ],
  vsqrtsd: [
    'VEX.LIG.F2.0F.WIG 51 /r | xmm, xmm, xmm/m64',
    'EVEX.LIG.F2.0F.W1 51 /r | xmm{k}{z}, xmm, xmm/m64{er}',
  ],
  ...bitwise('vand', '54'),
  ...bitwise('vandn', '55'),
  ...bitwise('vor', '56'),
  ...bitwise('vxor', '57'),
  vhaddps: ['VEX.L.F2.0F.WIG 7C /r | v, v, v/m'],
  vhaddpd: ['VEX.L.66.0F.WIG 7C /r | v, v, v/m'],

  // Fused multiply-add. The digits say which operands: 132 a = a·c + b, 213 a = b·a + c, 231 a = b·c + a.
  ...fused('vfmadd', 0x8),
  ...fused('vfmsub', 0xa),
  ...fused('vfnmadd', 0xc),
  ...fused('vfnmsub', 0xe),

  // Comparisons
  vcmpps: [
    'VEX.L.0F.WIG C2 /r ib | v, v, v/m, imm8',
    'EVEX.L.0F.W0 C2 /r ib | k{k}, v, v/m/m32bcst{sae}, imm8',
  ],
  vcmppd: [
    'VEX.L.66.0F.WIG C2 /r ib | v, v, v/m, imm8',
    'EVEX.L.66.0F.W1 C2 /r ib | k{k}, v, v/m/m64bcst{sae}, imm8',
  ],
  vcmpss: [
    'VEX.LIG.F3.0F.WIG C2 /r ib | xmm, xmm, xmm/m32, imm8',
    'EVEX.LIG.F3.0F.W0 C2 /r ib | k{k}, xmm, xmm/m32{sae}, imm8',
  ],
  vcmpsd: [
    'VEX.LIG.F2.0F.WIG C2 /r ib | xmm, xmm, xmm/m64, imm8',
    'EVEX.LIG.F2.0F.W1 C2 /r ib | k{k}, xmm, xmm/m64{sae}, imm8',
  ],
  vucomiss: ['VEX.LIG.0F.WIG 2E /r | xmm, xmm/m32', 'EVEX.LIG.0F.W0 2E /r | xmm, xmm/m32{sae}'],
  vucomisd: ['VEX.LIG.66.0F.WIG 2E /r | xmm, xmm/m64', 'EVEX.LIG.66.0F.W1 2E /r | xmm, xmm/m64{sae}'],
  vcomiss: ['VEX.LIG.0F.WIG 2F /r | xmm, xmm/m32', 'EVEX.LIG.0F.W0 2F /r | xmm, xmm/m32{sae}'],
  vcomisd: ['VEX.LIG.66.0F.WIG 2F /r | xmm, xmm/m64', 'EVEX.LIG.66.0F.W1 2F /r | xmm, xmm/m64{sae}'],
  vtestps: ['VEX.L.66.0F38.W0 0E /r | v, v/m'],
  vtestpd: ['VEX.L.66.0F38.W0 0F /r | v, v/m'],
  vmovmskps: ['VEX.128.0F.WIG 50 /r | r32, xmm', 'VEX.256.0F.WIG 50 /r | r32, ymm'],
  vmovmskpd: ['VEX.128.66.0F.WIG 50 /r | r32, xmm', 'VEX.256.66.0F.WIG 50 /r | r32, ymm'],

  // Rounding to integers, exponents, special values
  vroundps: ['VEX.L.66.0F3A.WIG 08 /r ib | v, v/m, imm8'],
  vroundpd: ['VEX.L.66.0F3A.WIG 09 /r ib | v, v/m, imm8'],
  vroundss: ['VEX.LIG.66.0F3A.WIG 0A /r ib | xmm, xmm, xmm/m32, imm8'],
  vroundsd: ['VEX.LIG.66.0F3A.WIG 0B /r ib | xmm, xmm, xmm/m64, imm8'],
  vrndscaleps: ['EVEX.L.66.0F3A.W0 08 /r ib | v{k}{z}, v/m/m32bcst{sae}, imm8'],
  vrndscalepd: ['EVEX.L.66.0F3A.W1 09 /r ib | v{k}{z}, v/m/m64bcst{sae}, imm8'],
  vrndscaless: ['EVEX.LIG.66.0F3A.W0 0A /r ib | xmm{k}{z}, xmm, xmm/m32{sae}, imm8'],
  vrndscalesd: ['EVEX.LIG.66.0F3A.W1 0B /r ib | xmm{k}{z}, xmm, xmm/m64{sae}, imm8'],
  vrangeps: ['EVEX.L.66.0F3A.W0 50 /r ib | v{k}{z}, v, v/m/m32bcst{sae}, imm8'],
  vrangepd: ['EVEX.L.66.0F3A.W1 50 /r ib | v{k}{z}, v, v/m/m64bcst{sae}, imm8'],
  vreduceps: ['EVEX.L.66.0F3A.W0 56 /r ib | v{k}{z}, v/m/m32bcst{sae}, imm8'],
  vreducepd: ['EVEX.L.66.0F3A.W1 56 /r ib | v{k}{z}, v/m/m64bcst{sae}, imm8'],
  vfixupimmps: ['EVEX.L.66.0F3A.W0 54 /r ib | v{k}{z}, v, v/m/m32bcst{sae}, imm8'],
  vfixupimmpd: ['EVEX.L.66.0F3A.W1 54 /r ib | v{k}{z}, v, v/m/m64bcst{sae}, imm8'],
  vgetexpps: ['EVEX.L.66.0F38.W0 42 /r | v{k}{z}, v/m/m32bcst{sae}'],
  vgetexppd: ['EVEX.L.66.0F38.W1 42 /r | v{k}{z}, v/m/m64bcst{sae}'],
  vgetmantps: ['EVEX.L.66.0F3A.W0 26 /r ib | v{k}{z}, v/m/m32bcst{sae}, imm8'],
  vgetmantpd: ['EVEX.L.66.0F3A.W1 26 /r ib | v{k}{z}, v/m/m64bcst{sae}, imm8'],
  vscalefps: ['EVEX.L.66.0F38.W0 2C /r | v{k}{z}, v, v/m/m32bcst{er}'],
  vscalefpd: ['EVEX.L.66.0F38.W1 2C /r | v{k}{z}, v, v/m/m64bcst{er}'],
} as const satisfies Record<string, Row>;

function binary<P extends string>(name: P, opcode: string, control: 'er' | 'sae') {
  const rows: Record<string, Row> = {
    [`${name}ps`]: [
      `VEX.L.0F.WIG ${opcode} /r | v, v, v/m`,
      `EVEX.L.0F.W0 ${opcode} /r | v{k}{z}, v, v/m/m32bcst{${control}}`,
    ],
    [`${name}pd`]: [
      `VEX.L.66.0F.WIG ${opcode} /r | v, v, v/m`,
      `EVEX.L.66.0F.W1 ${opcode} /r | v{k}{z}, v, v/m/m64bcst{${control}}`,
    ],
    [`${name}ss`]: [
      `VEX.LIG.F3.0F.WIG ${opcode} /r | xmm, xmm, xmm/m32`,
      `EVEX.LIG.F3.0F.W0 ${opcode} /r | xmm{k}{z}, xmm, xmm/m32{${control}}`,
    ],
    [`${name}sd`]: [
      `VEX.LIG.F2.0F.WIG ${opcode} /r | xmm, xmm, xmm/m64`,
      `EVEX.LIG.F2.0F.W1 ${opcode} /r | xmm{k}{z}, xmm, xmm/m64{${control}}`,
    ],
  };
  return rows as Record<`${P}${'ps' | 'pd' | 'ss' | 'sd'}`, Row>;
}

function bitwise<P extends string>(name: P, opcode: string) {
  const rows: Record<string, Row> = {
    [`${name}ps`]: [
      `VEX.L.0F.WIG ${opcode} /r | v, v, v/m`,
      `EVEX.L.0F.W0 ${opcode} /r | v{k}{z}, v, v/m/m32bcst`,
    ],
    [`${name}pd`]: [
      `VEX.L.66.0F.WIG ${opcode} /r | v, v, v/m`,
      `EVEX.L.66.0F.W1 ${opcode} /r | v{k}{z}, v, v/m/m64bcst`,
    ],
  };
  return rows as Record<`${P}${'ps' | 'pd'}`, Row>;
}

type Order = '132' | '213' | '231';

/** The three orders of operands are 9_, A_ and B_; the packed one's last digit is `digit`, the scalar's one more. */
function fused<P extends string>(name: P, digit: number) {
  const rows: Record<string, Row> = {};
  for (const [order, high] of Object.entries({ '132': '9', '213': 'A', '231': 'B' })) {
    const packed = (high + digit.toString(16)).toUpperCase();
    const scalar = (high + (digit + 1).toString(16)).toUpperCase();
    for (const [type, w, bits] of [
      ['s', 'W0', 32],
      ['d', 'W1', 64],
    ] as const) {
      rows[`${name}${order}p${type}`] = [
        `VEX.L.66.0F38.${w} ${packed} /r | v, v, v/m`,
        `EVEX.L.66.0F38.${w} ${packed} /r | v{k}{z}, v, v/m/m${bits}bcst{er}`,
      ];
      rows[`${name}${order}s${type}`] = [
        `VEX.LIG.66.0F38.${w} ${scalar} /r | xmm, xmm, xmm/m${bits}`,
        `EVEX.LIG.66.0F38.${w} ${scalar} /r | xmm{k}{z}, xmm, xmm/m${bits}{er}`,
      ];
    }
  }
  return rows as Record<`${P}${Order}${'ps' | 'pd' | 'ss' | 'sd'}`, Row>;
}
