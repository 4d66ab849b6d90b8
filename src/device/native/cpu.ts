/** What the processor can do, asked of itself. Leaves and bits: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E. */
import type { Abi } from '../../target/x64/compile.ts';
import { assemble } from '../../target/x64/encode.ts';
import { placeCode, type Call } from './code.ts';
import type { System } from './ffi.ts';
import type { Block } from './blocks.ts';
import { argumentRegisters, at, instruction, low, r9, rax, rbx, rcx, rdx } from './registers.ts';

export interface Cpu {
  /** AVX2, FMA, F16C, BMI1, BMI2, LZCNT, and an operating system that keeps their registers. */
  readonly avx2: boolean;
  /** AVX-512 F, VL, BW and DQ as well, likewise. */
  readonly avx512: boolean;
  /** Bytes of a core's data caches. */
  readonly l1: number;
  readonly l2: number;
}

/** Bytes that `askCpu` needs. */
export const CPU_BYTES = 16;

export const askCpu = (system: System, call: Call, { buffer, begin, address }: Block): Cpu => {
  const results = new Uint32Array(buffer, begin, CPU_BYTES / 4);
  const cpuidAt = placeCode(system, cpuidCode(system.abi));
  const xgetbvAt = placeCode(system, xgetbvCode(system.abi));
  const cpuid = (leaf: number, subleaf = 0): Registers => {
    call(cpuidAt, address, leaf, subleaf);
    const [eax, ebx, ecx, edx] = results as unknown as [number, number, number, number];
    return { eax, ebx, ecx, edx };
  };
  const stateKept = (): number => {
    call(xgetbvAt, address, 0, 0);
    return results[0]!;
  };

  const last = cpuid(0).eax;
  const lastExtended = cpuid(0x80000000).eax;
  const basic = cpuid(1).ecx;
  const structured = last >= 7 ? cpuid(7).ebx : 0;
  const extended = lastExtended >= 0x80000001 ? cpuid(0x80000001).ecx : 0;
  const state = has(basic, OSXSAVE) ? stateKept() : 0;
  const avx2 =
    has(basic, FMA, AVX, F16C) &&
    has(structured, BMI1, AVX2, BMI2) &&
    has(extended, LZCNT) &&
    has(state, XMM, YMM);
  const avx512 =
    avx2 &&
    has(structured, AVX512F, AVX512DQ, AVX512BW, AVX512VL) &&
    // macOS sets these when AVX-512 is first used, and so runs AVX2.
    has(state, OPMASK, ZMM_HIGH, ZMM_16_31);
  return { avx2, avx512, ...caches(cpuid, last, lastExtended, has(extended, TOPOEXT)) };
};

interface Registers {
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

const has = (word: number, ...bits: number[]): boolean => bits.every((bit) => (word >>> bit) & 1);

// CPUID.1:ECX
const FMA = 12;
const OSXSAVE = 27;
const AVX = 28;
const F16C = 29;
// CPUID.(7, 0):EBX
const BMI1 = 3;
const AVX2 = 5;
const BMI2 = 8;
const AVX512F = 16;
const AVX512DQ = 17;
const AVX512BW = 30;
const AVX512VL = 31;
// CPUID.80000001:ECX
const LZCNT = 5;
const TOPOEXT = 22;
// XCR0
const XMM = 1;
const YMM = 2;
const OPMASK = 5;
const ZMM_HIGH = 6;
const ZMM_16_31 = 7;

/** Intel lists its caches in leaf 4, AMD in 8000001D, in the same form. Hypervisors may hide them. */
const caches = (
  cpuid: (leaf: number, subleaf: number) => Registers,
  last: number,
  lastExtended: number,
  topology: boolean,
): Pick<Cpu, 'l1' | 'l2'> => {
  // What nearly every processor has at least.
  let l1 = 32 * 1024;
  let l2 = 512 * 1024;
  const leaves = [...(last >= 4 ? [4] : []), ...(topology && lastExtended >= 0x8000001d ? [0x8000001d] : [])];
  for (const leaf of leaves) {
    for (let k = 0; k < 8; k++) {
      const { eax, ebx, ecx } = cpuid(leaf, k);
      const type = eax & 31;
      if (type === 0) break;
      const level = (eax >>> 5) & 7;
      const bytes = ((ebx >>> 22) + 1) * (((ebx >>> 12) & 1023) + 1) * ((ebx & 4095) + 1) * (ecx + 1);
      // 1 holds data, 2 instructions, 3 both.
      if (type !== 2 && level === 1) l1 = bytes;
      if (type !== 2 && level === 2) l2 = bytes;
    }
  }
  return { l1, l2 };
};

/** `cpuid(results, leaf, subleaf)` */
const cpuidCode = (abi: Abi): Uint8Array => {
  const [results, leaf, subleaf] = argumentRegisters[abi];
  return assemble([
    instruction('push', rbx),
    instruction('mov', r9, results),
    instruction('mov', low(rax), low(leaf)),
    instruction('mov', low(rcx), low(subleaf)),
    instruction('cpuid'),
    ...[rax, rbx, rcx, rdx].map((register, k) => instruction('mov', at(r9, 4 * k, 32), low(register))),
    instruction('pop', rbx),
    instruction('ret'),
  ]).bytes;
};

/** `xgetbv(results)`: the lower half of XCR0 */
const xgetbvCode = (abi: Abi): Uint8Array => {
  const [results] = argumentRegisters[abi];
  return assemble([
    instruction('mov', r9, results),
    instruction('xor', low(rcx), low(rcx)),
    instruction('xgetbv'),
    instruction('mov', at(r9, 0, 32), low(rax)),
    instruction('ret'),
  ]).bytes;
};
