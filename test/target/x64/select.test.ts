import { describe, expect, it } from 'vitest';
import { processor } from '../../../src/device/native/processor.ts';
import { accumulator, eachLane, input, kernel, output } from '../../../src/lang/index.ts';
import { describeMachine, type Machine } from '../../../src/lang/types.ts';
import { codeOf, compileX64 } from '../../../src/target/x64/compile.ts';
import { printCode } from '../../../src/target/x64/print.ts';
import { x64Runners } from '../both.ts';
import { randomProgram } from '../programs.ts';

const machine = (vectorBytes: 32 | 64): Machine =>
  describeMachine({
    name: String(vectorBytes),
    vectorBytes,
    vectorRegisters: vectorBytes / 2,
    fma: true,
    l1: 32768,
    l2: 524288,
  });

const relu = kernel('relu', { x: input('f32'), out: output('f32') }, ({ x, out }, range) => {
  eachLane(range, (i) => {
    out.set(i, x.at(i).max(0));
  });
});

describe('machine code as text', () => {
  it('of a kernel for AVX-512: masks for the last, partial step', () => {
    const text = printCode(codeOf(relu.build(machine(64)), { avx512: true, abi: 'sysv' }));
    expect(text).toMatchInlineSnapshot(`
      "        mov rcx, rdx
              mov r8, qword ptr [rdi]
              mov rdi, qword ptr [rdi+8]
              mov r9, rcx
              sub r9, rsi
              mov r10, r9
              sar r10, 0x3f
              shr r10, 0x3c
              add r10, r9
              shr r10, 4
              shl r10, 4
              sub r9, r10
              sub rcx, r9
              cmp rsi, rcx
              jge done1
              .balign 16
      loop0:
              vmovups zmm0, zmmword ptr [r8+rsi*4]
              vxorps zmm1, zmm1, zmm1
              vmaxps zmm0, zmm1, zmm0
              vxorps zmm1, zmm1, zmm1
              vaddps zmm0, zmm0, zmm1
              vmovups zmmword ptr [rdi+rsi*4], zmm0
              add rsi, 0x10
              cmp rsi, rcx
              jl loop0
      done1:
              cmp r9, 0
              jle else2
              mov rsi, -1
              bzhi rsi, rsi, r9
              kmovq k1, rsi
              vmovups zmm0{k1}{z}, zmmword ptr [r8+rcx*4]
              vxorps zmm1, zmm1, zmm1
              vmaxps zmm0, zmm1, zmm0
              vxorps zmm1, zmm1, zmm1
              vaddps zmm0, zmm0, zmm1
              vmovups zmmword ptr [rdi+rcx*4]{k1}, zmm0
      else2:
              vzeroupper
              ret
      "
    `);
  });

  it('of the same kernel for AVX2, called as on Windows', () => {
    const text = printCode(codeOf(relu.build(machine(32)), { avx512: false, abi: 'windows' }));
    expect(text).toMatchInlineSnapshot(`
      "        push rsi
              push rdi
              mov rdi, rdx
              mov rsi, qword ptr [rcx]
              mov rcx, qword ptr [rcx+8]
              mov r9, r8
              sub r9, rdi
              mov r10, r9
              sar r10, 0x3f
              shr r10, 0x3d
              add r10, r9
              shr r10, 3
              shl r10, 3
              sub r9, r10
              sub r8, r9
              cmp rdi, r8
              jge done1
              .balign 16
      loop0:
              vmovups ymm0, ymmword ptr [rsi+rdi*4]
              vxorps ymm1, ymm1, ymm1
              vmaxps ymm0, ymm1, ymm0
              vxorps ymm1, ymm1, ymm1
              vaddps ymm0, ymm0, ymm1
              vmovups ymmword ptr [rcx+rdi*4], ymm0
              add rdi, 8
              cmp rdi, r8
              jl loop0
      done1:
              cmp r9, 0
              jle else2
              vmovd xmm0, r9d
              vbroadcastss ymm0, xmm0
              vpcmpgtd ymm0, ymm0, ymmword ptr [rip+constant3]
              vmaskmovps ymm0, ymm0, ymmword ptr [rsi+r8*4]
              vxorps ymm1, ymm1, ymm1
              vmaxps ymm0, ymm1, ymm0
              vxorps ymm1, ymm1, ymm1
              vaddps ymm0, ymm0, ymm1
              vmovd xmm1, r9d
              vbroadcastss ymm1, xmm1
              vpcmpgtd ymm1, ymm1, ymmword ptr [rip+constant3]
              vmaskmovps ymmword ptr [rcx+r8*4], ymm1, ymm0
      else2:
              vzeroupper
              pop rdi
              pop rsi
              ret
              .balign 32
      constant3:
              .byte 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00
              .byte 0x04, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00
      "
    `);
  });

  it('asks for memory by a prefetch, of the cache line to be written by prefetchw', () => {
    const asking = kernel('asking', { x: input('f32'), out: output('f32') }, ({ x, out }) => {
      x.prefetch(1000, 'read');
      out.prefetch(0, 'write');
      out.set(0, x.vector(0));
    });
    for (const vectorBytes of [32, 64] as const) {
      const told = { ...machine(vectorBytes), prefetches: true };
      const text = printCode(codeOf(asking.build(told), { avx512: vectorBytes === 64, abi: 'sysv' }));
      expect(text).toMatch(/prefetcht0 \[\w+\+0xfa0\]\n\s*prefetchw \[\w+\]/);
    }
  });

  it('keeps what does not fit the registers in an aligned frame', () => {
    const many = kernel('many', { x: input('f32'), out: output('f32') }, ({ x, out }) => {
      const sums = Array.from({ length: 20 }, () => accumulator('f32'));
      sums.forEach((sum, i) => sum.accumulate(x.vector(8 * i), x.vector(8 * i)));
      sums.forEach((sum, i) => out.set(8 * i, sum));
    });
    const text = printCode(codeOf(many.build(machine(32)), { avx512: false, abi: 'sysv' }));
    expect(text).toMatch(/and rsp, -0x40|and rsp, 0xf+c0/);
    expect(text).toContain('ymmword ptr [rsp');
  });
});

it.each(Array.from({ length: 10 }, (_, block) => block * 20))(
  'the same program always gives the same bytes, also for a processor that is not this one (20 seeds from %i on)',
  (first) => {
    for (let seed = first; seed < first + 20; seed++) {
      for (const avx512 of [false, true]) {
        for (const abi of ['sysv', 'windows'] as const) {
          const program = randomProgram(seed, avx512 ? 64 : 32);
          const bytes = compileX64(program, { avx512, abi });
          expect(bytes.length).toBeGreaterThan(0);
          expect(compileX64(program, { avx512, abi })).toEqual(bytes);
        }
      }
    }
  },
);

it.skipIf(!hasAvx512())(
  'runs AVX-512 here; elsewhere its code is compared with an assembler only, as bytes',
  () => {
    expect(x64Runners().map(({ name }) => name)).toContain('avx512');
  },
);

function hasAvx512(): boolean {
  try {
    return processor().cpu.avx512;
  } catch {
    return false;
  }
}
