import type { Row } from './form.ts';

/** Integer arithmetic and logic on vectors. What the rows mean: form.ts. */
export const integerInstructions = {
  // Sums and differences
  vpaddb: small('66.0F', 'FC'),
  vpaddw: small('66.0F', 'FD'),
  vpaddd: doublewords('66.0F', 'FE'),
  vpaddq: quadwords('66.0F', 'D4'),
  vpsubb: small('66.0F', 'F8'),
  vpsubw: small('66.0F', 'F9'),
  vpsubd: doublewords('66.0F', 'FA'),
  vpsubq: quadwords('66.0F', 'FB'),
  vpsadbw: ['VEX.L.66.0F.WIG F6 /r | v, v, v/m', 'EVEX.L.66.0F.WIG F6 /r | v, v, v/m'],

  // Products
  vpmullw: small('66.0F', 'D5'),
  vpmulld: doublewords('66.0F38', '40'),
  vpmullq: ['EVEX.L.66.0F38.W1 40 /r | v{k}{z}, v, v/m/m64bcst'],
  vpmuludq: quadwords('66.0F', 'F4'),
  vpmuldq: quadwords('66.0F38', '28'),
  vpmaddwd: small('66.0F', 'F5'),

  // Minima, maxima, absolute values
  vpminsb: small('66.0F38', '38'),
  vpminsw: small('66.0F', 'EA'),
  vpminsd: doublewords('66.0F38', '39'),
  vpminsq: ['EVEX.L.66.0F38.W1 39 /r | v{k}{z}, v, v/m/m64bcst'],
  vpminub: small('66.0F', 'DA'),
  vpminuw: small('66.0F38', '3A'),
  vpminud: doublewords('66.0F38', '3B'),
  vpminuq: ['EVEX.L.66.0F38.W1 3B /r | v{k}{z}, v, v/m/m64bcst'],
  vpmaxsb: small('66.0F38', '3C'),
  vpmaxsw: small('66.0F', 'EE'),
  vpmaxsd: doublewords('66.0F38', '3D'),
  vpmaxsq: ['EVEX.L.66.0F38.W1 3D /r | v{k}{z}, v, v/m/m64bcst'],
  vpmaxub: small('66.0F', 'DE'),
  vpmaxuw: small('66.0F38', '3E'),
  vpmaxud: doublewords('66.0F38', '3F'),
  vpmaxuq: ['EVEX.L.66.0F38.W1 3F /r | v{k}{z}, v, v/m/m64bcst'],
  vpabsb: ['VEX.L.66.0F38.WIG 1C /r | v, v/m', 'EVEX.L.66.0F38.WIG 1C /r | v{k}{z}, v/m'],
  vpabsw: ['VEX.L.66.0F38.WIG 1D /r | v, v/m', 'EVEX.L.66.0F38.WIG 1D /r | v{k}{z}, v/m'],
  vpabsd: ['VEX.L.66.0F38.WIG 1E /r | v, v/m', 'EVEX.L.66.0F38.W0 1E /r | v{k}{z}, v/m/m32bcst'],
  vpabsq: ['EVEX.L.66.0F38.W1 1F /r | v{k}{z}, v/m/m64bcst'],

  // Logic
  vpand: ['VEX.L.66.0F.WIG DB /r | v, v, v/m'],
  vpandn: ['VEX.L.66.0F.WIG DF /r | v, v, v/m'],
  vpor: ['VEX.L.66.0F.WIG EB /r | v, v, v/m'],
  vpxor: ['VEX.L.66.0F.WIG EF /r | v, v, v/m'],
  vpandd: ['EVEX.L.66.0F.W0 DB /r | v{k}{z}, v, v/m/m32bcst'],
  vpandq: ['EVEX.L.66.0F.W1 DB /r | v{k}{z}, v, v/m/m64bcst'],
  vpandnd: ['EVEX.L.66.0F.W0 DF /r | v{k}{z}, v, v/m/m32bcst'],
  vpandnq: ['EVEX.L.66.0F.W1 DF /r | v{k}{z}, v, v/m/m64bcst'],
  vpord: ['EVEX.L.66.0F.W0 EB /r | v{k}{z}, v, v/m/m32bcst'],
  vporq: ['EVEX.L.66.0F.W1 EB /r | v{k}{z}, v, v/m/m64bcst'],
  vpxord: ['EVEX.L.66.0F.W0 EF /r | v{k}{z}, v, v/m/m32bcst'],
  vpxorq: ['EVEX.L.66.0F.W1 EF /r | v{k}{z}, v, v/m/m64bcst'],
  vpternlogd: ['EVEX.L.66.0F3A.W0 25 /r ib | v{k}{z}, v, v/m/m32bcst, imm8'],
  vpternlogq: ['EVEX.L.66.0F3A.W1 25 /r ib | v{k}{z}, v, v/m/m64bcst, imm8'],

  // Shifts of all elements by the same count, an immediate or the low 64 bits of a vector
  vpsllw: [
    'VEX.L.66.0F.WIG F1 /r | v, v, xmm/m128',
    'VEX.L.66.0F.WIG 71 /6 ib | v, v, imm8',
    'EVEX.L.66.0F.WIG F1 /r | v{k}{z}, v, xmm/m128',
    'EVEX.L.66.0F.WIG 71 /6 ib | v{k}{z}, v/m, imm8',
  ],
  vpslld: [
    'VEX.L.66.0F.WIG F2 /r | v, v, xmm/m128',
    'VEX.L.66.0F.WIG 72 /6 ib | v, v, imm8',
    'EVEX.L.66.0F.W0 F2 /r | v{k}{z}, v, xmm/m128',
    'EVEX.L.66.0F.W0 72 /6 ib | v{k}{z}, v/m/m32bcst, imm8',
  ],
  vpsllq: [
    'VEX.L.66.0F.WIG F3 /r | v, v, xmm/m128',
    'VEX.L.66.0F.WIG 73 /6 ib | v, v, imm8',
    'EVEX.L.66.0F.W1 F3 /r | v{k}{z}, v, xmm/m128',
    'EVEX.L.66.0F.W1 73 /6 ib | v{k}{z}, v/m/m64bcst, imm8',
  ],
  vpsrlw: [
    'VEX.L.66.0F.WIG D1 /r | v, v, xmm/m128',
    'VEX.L.66.0F.WIG 71 /2 ib | v, v, imm8',
    'EVEX.L.66.0F.WIG D1 /r | v{k}{z}, v, xmm/m128',
    'EVEX.L.66.0F.WIG 71 /2 ib | v{k}{z}, v/m, imm8',
  ],
  vpsrld: [
    'VEX.L.66.0F.WIG D2 /r | v, v, xmm/m128',
    'VEX.L.66.0F.WIG 72 /2 ib | v, v, imm8',
    'EVEX.L.66.0F.W0 D2 /r | v{k}{z}, v, xmm/m128',
    'EVEX.L.66.0F.W0 72 /2 ib | v{k}{z}, v/m/m32bcst, imm8',
  ],
  vpsrlq: [
    'VEX.L.66.0F.WIG D3 /r | v, v, xmm/m128',
    'VEX.L.66.0F.WIG 73 /2 ib | v, v, imm8',
    'EVEX.L.66.0F.W1 D3 /r | v{k}{z}, v, xmm/m128',
    'EVEX.L.66.0F.W1 73 /2 ib | v{k}{z}, v/m/m64bcst, imm8',
  ],
  vpsraw: [
    'VEX.L.66.0F.WIG E1 /r | v, v, xmm/m128',
    'VEX.L.66.0F.WIG 71 /4 ib | v, v, imm8',
    'EVEX.L.66.0F.WIG E1 /r | v{k}{z}, v, xmm/m128',
    'EVEX.L.66.0F.WIG 71 /4 ib | v{k}{z}, v/m, imm8',
  ],
  vpsrad: [
    'VEX.L.66.0F.WIG E2 /r | v, v, xmm/m128',
    'VEX.L.66.0F.WIG 72 /4 ib | v, v, imm8',
    'EVEX.L.66.0F.W0 E2 /r | v{k}{z}, v, xmm/m128',
    'EVEX.L.66.0F.W0 72 /4 ib | v{k}{z}, v/m/m32bcst, imm8',
  ],
  vpsraq: [
    'EVEX.L.66.0F.W1 E2 /r | v{k}{z}, v, xmm/m128',
    'EVEX.L.66.0F.W1 72 /4 ib | v{k}{z}, v/m/m64bcst, imm8',
  ],

  // Shifts and rotations of each element by its own count
  vpsllvd: ['VEX.L.66.0F38.W0 47 /r | v, v, v/m', 'EVEX.L.66.0F38.W0 47 /r | v{k}{z}, v, v/m/m32bcst'],
  vpsllvq: ['VEX.L.66.0F38.W1 47 /r | v, v, v/m', 'EVEX.L.66.0F38.W1 47 /r | v{k}{z}, v, v/m/m64bcst'],
  vpsrlvd: ['VEX.L.66.0F38.W0 45 /r | v, v, v/m', 'EVEX.L.66.0F38.W0 45 /r | v{k}{z}, v, v/m/m32bcst'],
  vpsrlvq: ['VEX.L.66.0F38.W1 45 /r | v, v, v/m', 'EVEX.L.66.0F38.W1 45 /r | v{k}{z}, v, v/m/m64bcst'],
  vpsravd: ['VEX.L.66.0F38.W0 46 /r | v, v, v/m', 'EVEX.L.66.0F38.W0 46 /r | v{k}{z}, v, v/m/m32bcst'],
  vpsravq: ['EVEX.L.66.0F38.W1 46 /r | v{k}{z}, v, v/m/m64bcst'],
  vprold: ['EVEX.L.66.0F.W0 72 /1 ib | v{k}{z}, v/m/m32bcst, imm8'],
  vprolq: ['EVEX.L.66.0F.W1 72 /1 ib | v{k}{z}, v/m/m64bcst, imm8'],
  vprord: ['EVEX.L.66.0F.W0 72 /0 ib | v{k}{z}, v/m/m32bcst, imm8'],
  vprorq: ['EVEX.L.66.0F.W1 72 /0 ib | v{k}{z}, v/m/m64bcst, imm8'],
  vprolvd: ['EVEX.L.66.0F38.W0 15 /r | v{k}{z}, v, v/m/m32bcst'],
  vprolvq: ['EVEX.L.66.0F38.W1 15 /r | v{k}{z}, v, v/m/m64bcst'],
  vprorvd: ['EVEX.L.66.0F38.W0 14 /r | v{k}{z}, v, v/m/m32bcst'],
  vprorvq: ['EVEX.L.66.0F38.W1 14 /r | v{k}{z}, v, v/m/m64bcst'],

  // Comparisons: with VEX to a vector, with EVEX to an opmask
  vpcmpeqb: ['VEX.L.66.0F.WIG 74 /r | v, v, v/m', 'EVEX.L.66.0F.WIG 74 /r | k{k}, v, v/m'],
  vpcmpeqw: ['VEX.L.66.0F.WIG 75 /r | v, v, v/m', 'EVEX.L.66.0F.WIG 75 /r | k{k}, v, v/m'],
  vpcmpeqd: ['VEX.L.66.0F.WIG 76 /r | v, v, v/m', 'EVEX.L.66.0F.W0 76 /r | k{k}, v, v/m/m32bcst'],
  vpcmpeqq: ['VEX.L.66.0F38.WIG 29 /r | v, v, v/m', 'EVEX.L.66.0F38.W1 29 /r | k{k}, v, v/m/m64bcst'],
  vpcmpgtb: ['VEX.L.66.0F.WIG 64 /r | v, v, v/m', 'EVEX.L.66.0F.WIG 64 /r | k{k}, v, v/m'],
  vpcmpgtw: ['VEX.L.66.0F.WIG 65 /r | v, v, v/m', 'EVEX.L.66.0F.WIG 65 /r | k{k}, v, v/m'],
  vpcmpgtd: ['VEX.L.66.0F.WIG 66 /r | v, v, v/m', 'EVEX.L.66.0F.W0 66 /r | k{k}, v, v/m/m32bcst'],
  vpcmpgtq: ['VEX.L.66.0F38.WIG 37 /r | v, v, v/m', 'EVEX.L.66.0F38.W1 37 /r | k{k}, v, v/m/m64bcst'],
  vpcmpb: ['EVEX.L.66.0F3A.W0 3F /r ib | k{k}, v, v/m, imm8'],
  vpcmpub: ['EVEX.L.66.0F3A.W0 3E /r ib | k{k}, v, v/m, imm8'],
  vpcmpw: ['EVEX.L.66.0F3A.W1 3F /r ib | k{k}, v, v/m, imm8'],
  vpcmpuw: ['EVEX.L.66.0F3A.W1 3E /r ib | k{k}, v, v/m, imm8'],
  vpcmpd: ['EVEX.L.66.0F3A.W0 1F /r ib | k{k}, v, v/m/m32bcst, imm8'],
  vpcmpud: ['EVEX.L.66.0F3A.W0 1E /r ib | k{k}, v, v/m/m32bcst, imm8'],
  vpcmpq: ['EVEX.L.66.0F3A.W1 1F /r ib | k{k}, v, v/m/m64bcst, imm8'],
  vpcmpuq: ['EVEX.L.66.0F3A.W1 1E /r ib | k{k}, v, v/m/m64bcst, imm8'],
  vptest: ['VEX.L.66.0F38.WIG 17 /r | v, v/m'],
  vptestmb: ['EVEX.L.66.0F38.W0 26 /r | k{k}, v, v/m'],
  vptestmw: ['EVEX.L.66.0F38.W1 26 /r | k{k}, v, v/m'],
  vptestmd: ['EVEX.L.66.0F38.W0 27 /r | k{k}, v, v/m/m32bcst'],
  vptestmq: ['EVEX.L.66.0F38.W1 27 /r | k{k}, v, v/m/m64bcst'],
  vptestnmb: ['EVEX.L.F3.0F38.W0 26 /r | k{k}, v, v/m'],
  vptestnmw: ['EVEX.L.F3.0F38.W1 26 /r | k{k}, v, v/m'],
  vptestnmd: ['EVEX.L.F3.0F38.W0 27 /r | k{k}, v, v/m/m32bcst'],
  vptestnmq: ['EVEX.L.F3.0F38.W1 27 /r | k{k}, v, v/m/m64bcst'],
  vpmovmskb: ['VEX.128.66.0F.WIG D7 /r | r32, xmm', 'VEX.256.66.0F.WIG D7 /r | r32, ymm'],

  // Narrowing two vectors into one
  vpacksswb: small('66.0F', '63'),
  vpackssdw: doublewords('66.0F', '6B'),
  vpackuswb: small('66.0F', '67'),
  vpackusdw: doublewords('66.0F38', '2B'),
} as const satisfies Record<string, Row>;

/** Bytes and words, for which there is no broadcast. */
function small(map: string, opcode: string): Row {
  return [`VEX.L.${map}.WIG ${opcode} /r | v, v, v/m`, `EVEX.L.${map}.WIG ${opcode} /r | v{k}{z}, v, v/m`];
}

function doublewords(map: string, opcode: string): Row {
  return [
    `VEX.L.${map}.WIG ${opcode} /r | v, v, v/m`,
    `EVEX.L.${map}.W0 ${opcode} /r | v{k}{z}, v, v/m/m32bcst`,
  ];
}

function quadwords(map: string, opcode: string): Row {
  return [
    `VEX.L.${map}.WIG ${opcode} /r | v, v, v/m`,
    `EVEX.L.${map}.W1 ${opcode} /r | v{k}{z}, v, v/m/m64bcst`,
  ];
}
