import type { Row } from './form.ts';

/** Permutations, blends, shifts of whole vectors. What the rows mean: form.ts. */
export const shuffleInstructions = {
  // Within 128-bit lanes
  vshufps: [
    'VEX.L.0F.WIG C6 /r ib | v, v, v/m, imm8',
    'EVEX.L.0F.W0 C6 /r ib | v{k}{z}, v, v/m/m32bcst, imm8',
  ],
  vshufpd: [
    'VEX.L.66.0F.WIG C6 /r ib | v, v, v/m, imm8',
    'EVEX.L.66.0F.W1 C6 /r ib | v{k}{z}, v, v/m/m64bcst, imm8',
  ],
  vunpcklps: ['VEX.L.0F.WIG 14 /r | v, v, v/m', 'EVEX.L.0F.W0 14 /r | v{k}{z}, v, v/m/m32bcst'],
  vunpckhps: ['VEX.L.0F.WIG 15 /r | v, v, v/m', 'EVEX.L.0F.W0 15 /r | v{k}{z}, v, v/m/m32bcst'],
  vunpcklpd: ['VEX.L.66.0F.WIG 14 /r | v, v, v/m', 'EVEX.L.66.0F.W1 14 /r | v{k}{z}, v, v/m/m64bcst'],
  vunpckhpd: ['VEX.L.66.0F.WIG 15 /r | v, v, v/m', 'EVEX.L.66.0F.W1 15 /r | v{k}{z}, v, v/m/m64bcst'],
  vpunpcklbw: ['VEX.L.66.0F.WIG 60 /r | v, v, v/m', 'EVEX.L.66.0F.WIG 60 /r | v{k}{z}, v, v/m'],
  vpunpcklwd: ['VEX.L.66.0F.WIG 61 /r | v, v, v/m', 'EVEX.L.66.0F.WIG 61 /r | v{k}{z}, v, v/m'],
  vpunpckldq: ['VEX.L.66.0F.WIG 62 /r | v, v, v/m', 'EVEX.L.66.0F.W0 62 /r | v{k}{z}, v, v/m/m32bcst'],
  vpunpcklqdq: ['VEX.L.66.0F.WIG 6C /r | v, v, v/m', 'EVEX.L.66.0F.W1 6C /r | v{k}{z}, v, v/m/m64bcst'],
  vpunpckhbw: ['VEX.L.66.0F.WIG 68 /r | v, v, v/m', 'EVEX.L.66.0F.WIG 68 /r | v{k}{z}, v, v/m'],
  vpunpckhwd: ['VEX.L.66.0F.WIG 69 /r | v, v, v/m', 'EVEX.L.66.0F.WIG 69 /r | v{k}{z}, v, v/m'],
  vpunpckhdq: ['VEX.L.66.0F.WIG 6A /r | v, v, v/m', 'EVEX.L.66.0F.W0 6A /r | v{k}{z}, v, v/m/m32bcst'],
  vpunpckhqdq: ['VEX.L.66.0F.WIG 6D /r | v, v, v/m', 'EVEX.L.66.0F.W1 6D /r | v{k}{z}, v, v/m/m64bcst'],
  vpermilps: [
    'VEX.L.66.0F38.W0 0C /r | v, v, v/m',
    'VEX.L.66.0F3A.W0 04 /r ib | v, v/m, imm8',
    'EVEX.L.66.0F38.W0 0C /r | v{k}{z}, v, v/m/m32bcst',
    'EVEX.L.66.0F3A.W0 04 /r ib | v{k}{z}, v/m/m32bcst, imm8',
  ],
  vpermilpd: [
    'VEX.L.66.0F38.W0 0D /r | v, v, v/m',
    'VEX.L.66.0F3A.W0 05 /r ib | v, v/m, imm8',
    'EVEX.L.66.0F38.W1 0D /r | v{k}{z}, v, v/m/m64bcst',
    'EVEX.L.66.0F3A.W1 05 /r ib | v{k}{z}, v/m/m64bcst, imm8',
  ],
  vpshufd: [
    'VEX.L.66.0F.WIG 70 /r ib | v, v/m, imm8',
    'EVEX.L.66.0F.W0 70 /r ib | v{k}{z}, v/m/m32bcst, imm8',
  ],
  vpshufhw: ['VEX.L.F3.0F.WIG 70 /r ib | v, v/m, imm8', 'EVEX.L.F3.0F.WIG 70 /r ib | v{k}{z}, v/m, imm8'],
  vpshuflw: ['VEX.L.F2.0F.WIG 70 /r ib | v, v/m, imm8', 'EVEX.L.F2.0F.WIG 70 /r ib | v{k}{z}, v/m, imm8'],
  vpshufb: ['VEX.L.66.0F38.WIG 00 /r | v, v, v/m', 'EVEX.L.66.0F38.WIG 00 /r | v{k}{z}, v, v/m'],
  vpalignr: [
    'VEX.L.66.0F3A.WIG 0F /r ib | v, v, v/m, imm8',
    'EVEX.L.66.0F3A.WIG 0F /r ib | v{k}{z}, v, v/m, imm8',
  ],
  vpslldq: ['VEX.L.66.0F.WIG 73 /7 ib | v, v, imm8', 'EVEX.L.66.0F.WIG 73 /7 ib | v, v/m, imm8'],
  vpsrldq: ['VEX.L.66.0F.WIG 73 /3 ib | v, v, imm8', 'EVEX.L.66.0F.WIG 73 /3 ib | v, v/m, imm8'],

  // Across lanes
  vpermps: [
    'VEX.256.66.0F38.W0 16 /r | ymm, ymm, ymm/m256',
    'EVEX.256/512.66.0F38.W0 16 /r | v{k}{z}, v, v/m/m32bcst',
  ],
  vpermd: [
    'VEX.256.66.0F38.W0 36 /r | ymm, ymm, ymm/m256',
    'EVEX.256/512.66.0F38.W0 36 /r | v{k}{z}, v, v/m/m32bcst',
  ],
  vpermpd: [
    'VEX.256.66.0F3A.W1 01 /r ib | ymm, ymm/m256, imm8',
    'EVEX.256/512.66.0F3A.W1 01 /r ib | v{k}{z}, v/m/m64bcst, imm8',
    'EVEX.256/512.66.0F38.W1 16 /r | v{k}{z}, v, v/m/m64bcst',
  ],
  vpermq: [
    'VEX.256.66.0F3A.W1 00 /r ib | ymm, ymm/m256, imm8',
    'EVEX.256/512.66.0F3A.W1 00 /r ib | v{k}{z}, v/m/m64bcst, imm8',
    'EVEX.256/512.66.0F38.W1 36 /r | v{k}{z}, v, v/m/m64bcst',
  ],
  vperm2f128: ['VEX.256.66.0F3A.W0 06 /r ib | ymm, ymm, ymm/m256, imm8'],
  vperm2i128: ['VEX.256.66.0F3A.W0 46 /r ib | ymm, ymm, ymm/m256, imm8'],
  vpermt2d: ['EVEX.L.66.0F38.W0 7E /r | v{k}{z}, v, v/m/m32bcst'],
  vpermt2q: ['EVEX.L.66.0F38.W1 7E /r | v{k}{z}, v, v/m/m64bcst'],
  vpermt2ps: ['EVEX.L.66.0F38.W0 7F /r | v{k}{z}, v, v/m/m32bcst'],
  vpermt2pd: ['EVEX.L.66.0F38.W1 7F /r | v{k}{z}, v, v/m/m64bcst'],
  vpermi2d: ['EVEX.L.66.0F38.W0 76 /r | v{k}{z}, v, v/m/m32bcst'],
  vpermi2q: ['EVEX.L.66.0F38.W1 76 /r | v{k}{z}, v, v/m/m64bcst'],
  vpermi2ps: ['EVEX.L.66.0F38.W0 77 /r | v{k}{z}, v, v/m/m32bcst'],
  vpermi2pd: ['EVEX.L.66.0F38.W1 77 /r | v{k}{z}, v, v/m/m64bcst'],
  vshuff32x4: ['EVEX.256/512.66.0F3A.W0 23 /r ib | v{k}{z}, v, v/m/m32bcst, imm8'],
  vshuff64x2: ['EVEX.256/512.66.0F3A.W1 23 /r ib | v{k}{z}, v, v/m/m64bcst, imm8'],
  vshufi32x4: ['EVEX.256/512.66.0F3A.W0 43 /r ib | v{k}{z}, v, v/m/m32bcst, imm8'],
  vshufi64x2: ['EVEX.256/512.66.0F3A.W1 43 /r ib | v{k}{z}, v, v/m/m64bcst, imm8'],
  valignd: ['EVEX.L.66.0F3A.W0 03 /r ib | v{k}{z}, v, v/m/m32bcst, imm8'],
  valignq: ['EVEX.L.66.0F3A.W1 03 /r ib | v{k}{z}, v, v/m/m64bcst, imm8'],
  vcompressps: ['EVEX.L.66.0F38.W0 8A /r T1S | v/m{k}{z}, v'],
  vcompresspd: ['EVEX.L.66.0F38.W1 8A /r T1S | v/m{k}{z}, v'],
  vexpandps: ['EVEX.L.66.0F38.W0 88 /r T1S | v{k}{z}, v/m'],
  vexpandpd: ['EVEX.L.66.0F38.W1 88 /r T1S | v{k}{z}, v/m'],

  // Blends: by immediate, by the highest bits of a vector, by an opmask
  vblendps: ['VEX.L.66.0F3A.WIG 0C /r ib | v, v, v/m, imm8'],
  vblendpd: ['VEX.L.66.0F3A.WIG 0D /r ib | v, v, v/m, imm8'],
  vpblendw: ['VEX.L.66.0F3A.WIG 0E /r ib | v, v, v/m, imm8'],
  vpblendd: ['VEX.L.66.0F3A.W0 02 /r ib | v, v, v/m, imm8'],
  vblendvps: ['VEX.L.66.0F3A.W0 4A /r /is4 | v, v, v/m, v'],
  vblendvpd: ['VEX.L.66.0F3A.W0 4B /r /is4 | v, v, v/m, v'],
  vpblendvb: ['VEX.L.66.0F3A.W0 4C /r /is4 | v, v, v/m, v'],
  vblendmps: ['EVEX.L.66.0F38.W0 65 /r | v{k}{z}, v, v/m/m32bcst'],
  vblendmpd: ['EVEX.L.66.0F38.W1 65 /r | v{k}{z}, v, v/m/m64bcst'],
  vpblendmd: ['EVEX.L.66.0F38.W0 64 /r | v{k}{z}, v, v/m/m32bcst'],
  vpblendmq: ['EVEX.L.66.0F38.W1 64 /r | v{k}{z}, v, v/m/m64bcst'],
} as const satisfies Record<string, Row>;
