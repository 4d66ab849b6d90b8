import type { Row } from './form.ts';

/** Loads, stores, broadcasts, insertions and extractions of vectors. What the rows mean: form.ts. */
export const moveInstructions = {
  // Whole vectors
  vmovups: [
    'VEX.L.0F.WIG 10 /r | v, v/m',
    'VEX.L.0F.WIG 11 /r | v/m, v',
    'EVEX.L.0F.W0 10 /r | v{k}{z}, v/m',
    'EVEX.L.0F.W0 11 /r | v/m{k}{z}, v',
  ],
  vmovupd: [
    'VEX.L.66.0F.WIG 10 /r | v, v/m',
    'VEX.L.66.0F.WIG 11 /r | v/m, v',
    'EVEX.L.66.0F.W1 10 /r | v{k}{z}, v/m',
    'EVEX.L.66.0F.W1 11 /r | v/m{k}{z}, v',
  ],
  vmovaps: [
    'VEX.L.0F.WIG 28 /r | v, v/m',
    'VEX.L.0F.WIG 29 /r | v/m, v',
    'EVEX.L.0F.W0 28 /r | v{k}{z}, v/m',
    'EVEX.L.0F.W0 29 /r | v/m{k}{z}, v',
  ],
  vmovapd: [
    'VEX.L.66.0F.WIG 28 /r | v, v/m',
    'VEX.L.66.0F.WIG 29 /r | v/m, v',
    'EVEX.L.66.0F.W1 28 /r | v{k}{z}, v/m',
    'EVEX.L.66.0F.W1 29 /r | v/m{k}{z}, v',
  ],
  vmovdqu: ['VEX.L.F3.0F.WIG 6F /r | v, v/m', 'VEX.L.F3.0F.WIG 7F /r | v/m, v'],
  vmovdqa: ['VEX.L.66.0F.WIG 6F /r | v, v/m', 'VEX.L.66.0F.WIG 7F /r | v/m, v'],
  vmovdqu8: ['EVEX.L.F2.0F.W0 6F /r | v{k}{z}, v/m', 'EVEX.L.F2.0F.W0 7F /r | v/m{k}{z}, v'],
  vmovdqu16: ['EVEX.L.F2.0F.W1 6F /r | v{k}{z}, v/m', 'EVEX.L.F2.0F.W1 7F /r | v/m{k}{z}, v'],
  vmovdqu32: ['EVEX.L.F3.0F.W0 6F /r | v{k}{z}, v/m', 'EVEX.L.F3.0F.W0 7F /r | v/m{k}{z}, v'],
  vmovdqu64: ['EVEX.L.F3.0F.W1 6F /r | v{k}{z}, v/m', 'EVEX.L.F3.0F.W1 7F /r | v/m{k}{z}, v'],
  vmovdqa32: ['EVEX.L.66.0F.W0 6F /r | v{k}{z}, v/m', 'EVEX.L.66.0F.W0 7F /r | v/m{k}{z}, v'],
  vmovdqa64: ['EVEX.L.66.0F.W1 6F /r | v{k}{z}, v/m', 'EVEX.L.66.0F.W1 7F /r | v/m{k}{z}, v'],
  vmovntps: ['VEX.L.0F.WIG 2B /r | m, v', 'EVEX.L.0F.W0 2B /r | m, v'],
  vmovntpd: ['VEX.L.66.0F.WIG 2B /r | m, v', 'EVEX.L.66.0F.W1 2B /r | m, v'],
  vmovntdq: ['VEX.L.66.0F.WIG E7 /r | m, v', 'EVEX.L.66.0F.W0 E7 /r | m, v'],
  vmaskmovps: ['VEX.L.66.0F38.W0 2C /r | v, v, m', 'VEX.L.66.0F38.W0 2E /r | m, v, v'],
  vmaskmovpd: ['VEX.L.66.0F38.W0 2D /r | v, v, m', 'VEX.L.66.0F38.W0 2F /r | m, v, v'],
  vpmaskmovd: ['VEX.L.66.0F38.W0 8C /r | v, v, m', 'VEX.L.66.0F38.W0 8E /r | m, v, v'],
  vpmaskmovq: ['VEX.L.66.0F38.W1 8C /r | v, v, m', 'VEX.L.66.0F38.W1 8E /r | m, v, v'],

  // Scalars and halves
  vmovss: [
    'VEX.LIG.F3.0F.WIG 10 /r | xmm, xmm, xmm',
    'VEX.LIG.F3.0F.WIG 11 /r MVR | xmm, xmm, xmm',
    'VEX.LIG.F3.0F.WIG 10 /r | xmm, m32',
    'VEX.LIG.F3.0F.WIG 11 /r | m32, xmm',
    'EVEX.LIG.F3.0F.W0 10 /r | xmm{k}{z}, xmm, xmm',
    'EVEX.LIG.F3.0F.W0 10 /r | xmm{k}{z}, m32',
    'EVEX.LIG.F3.0F.W0 11 /r | m32{k}, xmm',
  ],
  vmovsd: [
    'VEX.LIG.F2.0F.WIG 10 /r | xmm, xmm, xmm',
    'VEX.LIG.F2.0F.WIG 11 /r MVR | xmm, xmm, xmm',
    'VEX.LIG.F2.0F.WIG 10 /r | xmm, m64',
    'VEX.LIG.F2.0F.WIG 11 /r | m64, xmm',
    'EVEX.LIG.F2.0F.W1 10 /r | xmm{k}{z}, xmm, xmm',
    'EVEX.LIG.F2.0F.W1 10 /r | xmm{k}{z}, m64',
    'EVEX.LIG.F2.0F.W1 11 /r | m64{k}, xmm',
  ],
  vmovd: [
    'VEX.128.66.0F.W0 6E /r | xmm, r32/m32',
    'VEX.128.66.0F.W0 7E /r | r32/m32, xmm',
    'EVEX.128.66.0F.W0 6E /r | xmm, r32/m32',
    'EVEX.128.66.0F.W0 7E /r | r32/m32, xmm',
  ],
  vmovq: [
    'VEX.128.F3.0F.WIG 7E /r | xmm, xmm/m64',
    'VEX.128.66.0F.WIG D6 /r | xmm/m64, xmm',
    'VEX.128.66.0F.W1 6E /r | xmm, r64/m64',
    'VEX.128.66.0F.W1 7E /r | r64/m64, xmm',
    'EVEX.128.66.0F.W1 6E /r | xmm, r64/m64',
    'EVEX.128.66.0F.W1 7E /r | r64/m64, xmm',
    'EVEX.128.F3.0F.W1 7E /r | xmm, xmm/m64',
  ],
  vmovlps: [
    'VEX.128.0F.WIG 12 /r | xmm, xmm, m64',
    'VEX.128.0F.WIG 13 /r | m64, xmm',
    'EVEX.128.0F.W0 12 /r | xmm, xmm, m64',
    'EVEX.128.0F.W0 13 /r | m64, xmm',
  ],
  vmovhps: [
    'VEX.128.0F.WIG 16 /r | xmm, xmm, m64',
    'VEX.128.0F.WIG 17 /r | m64, xmm',
    'EVEX.128.0F.W0 16 /r | xmm, xmm, m64',
    'EVEX.128.0F.W0 17 /r | m64, xmm',
  ],
  vmovlhps: ['VEX.128.0F.WIG 16 /r | xmm, xmm, xmm', 'EVEX.128.0F.W0 16 /r | xmm, xmm, xmm'],
  vmovhlps: ['VEX.128.0F.WIG 12 /r | xmm, xmm, xmm', 'EVEX.128.0F.W0 12 /r | xmm, xmm, xmm'],
  vmovddup: [
    'VEX.128.F2.0F.WIG 12 /r | xmm, xmm/m64',
    'VEX.256.F2.0F.WIG 12 /r | ymm, ymm/m256',
    'EVEX.128.F2.0F.W1 12 /r | xmm{k}{z}, xmm/m64',
    'EVEX.256.F2.0F.W1 12 /r | ymm{k}{z}, ymm/m256',
    'EVEX.512.F2.0F.W1 12 /r | zmm{k}{z}, zmm/m512',
  ],
  vmovshdup: ['VEX.L.F3.0F.WIG 16 /r | v, v/m', 'EVEX.L.F3.0F.W0 16 /r | v{k}{z}, v/m'],
  vmovsldup: ['VEX.L.F3.0F.WIG 12 /r | v, v/m', 'EVEX.L.F3.0F.W0 12 /r | v{k}{z}, v/m'],

  // Broadcasts
  vbroadcastss: ['VEX.L.66.0F38.W0 18 /r | v, xmm/m32', 'EVEX.L.66.0F38.W0 18 /r | v{k}{z}, xmm/m32'],
  vbroadcastsd: [
    'VEX.256.66.0F38.W0 19 /r | ymm, xmm/m64',
    'EVEX.256/512.66.0F38.W1 19 /r | v{k}{z}, xmm/m64',
  ],
  vbroadcastf128: ['VEX.256.66.0F38.W0 1A /r | ymm, m128'],
  vbroadcasti128: ['VEX.256.66.0F38.W0 5A /r | ymm, m128'],
  vbroadcastf32x4: ['EVEX.256/512.66.0F38.W0 1A /r | v{k}{z}, m128'],
  vbroadcastf64x4: ['EVEX.512.66.0F38.W1 1B /r | zmm{k}{z}, m256'],
  vbroadcasti32x4: ['EVEX.256/512.66.0F38.W0 5A /r | v{k}{z}, m128'],
  vbroadcasti64x4: ['EVEX.512.66.0F38.W1 5B /r | zmm{k}{z}, m256'],
  vpbroadcastb: [
    'VEX.L.66.0F38.W0 78 /r | v, xmm/m8',
    'EVEX.L.66.0F38.W0 78 /r | v{k}{z}, xmm/m8',
    'EVEX.L.66.0F38.W0 7A /r | v{k}{z}, r32',
  ],
  vpbroadcastw: [
    'VEX.L.66.0F38.W0 79 /r | v, xmm/m16',
    'EVEX.L.66.0F38.W0 79 /r | v{k}{z}, xmm/m16',
    'EVEX.L.66.0F38.W0 7B /r | v{k}{z}, r32',
  ],
  vpbroadcastd: [
    'VEX.L.66.0F38.W0 58 /r | v, xmm/m32',
    'EVEX.L.66.0F38.W0 58 /r | v{k}{z}, xmm/m32',
    'EVEX.L.66.0F38.W0 7C /r | v{k}{z}, r32',
  ],
  vpbroadcastq: [
    'VEX.L.66.0F38.W0 59 /r | v, xmm/m64',
    'EVEX.L.66.0F38.W1 59 /r | v{k}{z}, xmm/m64',
    'EVEX.L.66.0F38.W1 7C /r | v{k}{z}, r64',
  ],

  // Parts of vectors
  vinsertps: [
    'VEX.128.66.0F3A.WIG 21 /r ib | xmm, xmm, xmm/m32, imm8',
    'EVEX.128.66.0F3A.W0 21 /r ib | xmm, xmm, xmm/m32, imm8',
  ],
  vextractps: [
    'VEX.128.66.0F3A.WIG 17 /r ib | r32/m32, xmm, imm8',
    'EVEX.128.66.0F3A.WIG 17 /r ib | r32/m32, xmm, imm8',
  ],
  vinsertf128: ['VEX.256.66.0F3A.W0 18 /r ib | ymm, ymm, xmm/m128, imm8'],
  vinserti128: ['VEX.256.66.0F3A.W0 38 /r ib | ymm, ymm, xmm/m128, imm8'],
  vinsertf32x4: ['EVEX.256/512.66.0F3A.W0 18 /r ib | v{k}{z}, v, xmm/m128, imm8'],
  vinsertf64x4: ['EVEX.512.66.0F3A.W1 1A /r ib | zmm{k}{z}, zmm, ymm/m256, imm8'],
  vinserti32x4: ['EVEX.256/512.66.0F3A.W0 38 /r ib | v{k}{z}, v, xmm/m128, imm8'],
  vinserti64x4: ['EVEX.512.66.0F3A.W1 3A /r ib | zmm{k}{z}, zmm, ymm/m256, imm8'],
  vextractf128: ['VEX.256.66.0F3A.W0 19 /r ib | xmm/m128, ymm, imm8'],
  vextracti128: ['VEX.256.66.0F3A.W0 39 /r ib | xmm/m128, ymm, imm8'],
  vextractf32x4: ['EVEX.256/512.66.0F3A.W0 19 /r ib | xmm/m128{k}{z}, v, imm8'],
  vextractf64x4: ['EVEX.512.66.0F3A.W1 1B /r ib | ymm/m256{k}{z}, zmm, imm8'],
  vextracti32x4: ['EVEX.256/512.66.0F3A.W0 39 /r ib | xmm/m128{k}{z}, v, imm8'],
  vextracti64x4: ['EVEX.512.66.0F3A.W1 3B /r ib | ymm/m256{k}{z}, zmm, imm8'],
  vpinsrb: [
    'VEX.128.66.0F3A.W0 20 /r ib | xmm, xmm, r32/m8, imm8',
    'EVEX.128.66.0F3A.WIG 20 /r ib | xmm, xmm, r32/m8, imm8',
  ],
  vpinsrw: [
    'VEX.128.66.0F.W0 C4 /r ib | xmm, xmm, r32/m16, imm8',
    'EVEX.128.66.0F.WIG C4 /r ib | xmm, xmm, r32/m16, imm8',
  ],
  vpinsrd: [
    'VEX.128.66.0F3A.W0 22 /r ib | xmm, xmm, r32/m32, imm8',
    'EVEX.128.66.0F3A.W0 22 /r ib | xmm, xmm, r32/m32, imm8',
  ],
  vpinsrq: [
    'VEX.128.66.0F3A.W1 22 /r ib | xmm, xmm, r64/m64, imm8',
    'EVEX.128.66.0F3A.W1 22 /r ib | xmm, xmm, r64/m64, imm8',
  ],
  vpextrb: [
    'VEX.128.66.0F3A.W0 14 /r ib | r32/m8, xmm, imm8',
    'EVEX.128.66.0F3A.WIG 14 /r ib | r32/m8, xmm, imm8',
  ],
  vpextrw: [
    'VEX.128.66.0F.W0 C5 /r ib | r32, xmm, imm8',
    'VEX.128.66.0F3A.W0 15 /r ib | m16, xmm, imm8',
    'EVEX.128.66.0F.WIG C5 /r ib | r32, xmm, imm8',
    'EVEX.128.66.0F3A.WIG 15 /r ib | m16, xmm, imm8',
  ],
  vpextrd: [
    'VEX.128.66.0F3A.W0 16 /r ib | r32/m32, xmm, imm8',
    'EVEX.128.66.0F3A.W0 16 /r ib | r32/m32, xmm, imm8',
  ],
  vpextrq: [
    'VEX.128.66.0F3A.W1 16 /r ib | r64/m64, xmm, imm8',
    'EVEX.128.66.0F3A.W1 16 /r ib | r64/m64, xmm, imm8',
  ],

  // Gathers and scatters: with VEX the mask is a vector, with EVEX an opmask that must be given; either is cleared
  ...gather('vgatherdps', ['92', 'W0'], 'v', 'vm32v'),
  ...gather('vgatherdpd', ['92', 'W1'], 'v', 'vm32half'),
  ...gather('vgatherqps', ['93', 'W0'], 'half', 'vm64v'),
  ...gather('vgatherqpd', ['93', 'W1'], 'v', 'vm64v'),
  ...gather('vpgatherdd', ['90', 'W0'], 'v', 'vm32v'),
  ...gather('vpgatherdq', ['90', 'W1'], 'v', 'vm32half'),
  ...gather('vpgatherqd', ['91', 'W0'], 'half', 'vm64v'),
  ...gather('vpgatherqq', ['91', 'W1'], 'v', 'vm64v'),
  vscatterdps: ['EVEX.L.66.0F38.W0 A2 /r T1S | vm32v{k}, v'],
  vscatterdpd: ['EVEX.L.66.0F38.W1 A2 /r T1S | vm32half{k}, v'],
  vscatterqps: ['EVEX.L.66.0F38.W0 A3 /r T1S | vm64v{k}, half'],
  vscatterqpd: ['EVEX.L.66.0F38.W1 A3 /r T1S | vm64v{k}, v'],
  vpscatterdd: ['EVEX.L.66.0F38.W0 A0 /r T1S | vm32v{k}, v'],
  vpscatterdq: ['EVEX.L.66.0F38.W1 A0 /r T1S | vm32half{k}, v'],
  vpscatterqd: ['EVEX.L.66.0F38.W0 A1 /r T1S | vm64v{k}, half'],
  vpscatterqq: ['EVEX.L.66.0F38.W1 A1 /r T1S | vm64v{k}, v'],

  vzeroupper: ['VEX.128.0F.WIG 77'],
  vzeroall: ['VEX.256.0F.WIG 77'],
} as const satisfies Record<string, Row>;

function gather<N extends string>(
  name: N,
  [opcode, w]: [string, string],
  register: string,
  addresses: string,
) {
  const rows: Record<string, Row> = {
    [name]: [
      `VEX.L.66.0F38.${w} ${opcode} /r | ${register}, ${addresses}, ${register}`,
      `EVEX.L.66.0F38.${w} ${opcode} /r T1S | ${register}{k}, ${addresses}`,
    ],
  };
  return rows as Record<N, Row>;
}
