/** Kernels compiled for Windows, run on other systems by a routine that calls them as Windows does. */
import { processor } from '../../src/device/native/processor.ts';
import { setTarget, type Target, currentTarget } from '../../src/device/target.ts';
import { codeOf, compileX64 } from '../../src/target/x64/compile.ts';
import { assemble, type CodeItem, type Mnemonic } from '../../src/target/x64/encode.ts';
import type { Gpr, Memory, Operand } from '../../src/target/x64/operands.ts';
import { printCode } from '../../src/target/x64/print.ts';

const [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
/** What a function has to leave as it found it, but for rsp. */
const savedGprs = [RBX, RBP, RSI, RDI, 12, 13, 14, 15];
const savedVectors = Array.from({ length: 10 }, (_, k) => 6 + k);

const gpr = (number: number): Gpr => ({ kind: 'gpr', number, bits: 64 });
const at = (base: number, displacement: number, bits: 64 | 128): Memory => ({
  kind: 'memory',
  bits,
  base,
  displacement,
});
const code = (mnemonic: Mnemonic, ...operands: Operand[]): CodeItem => ({ mnemonic, operands });

/** The block's parts, in bytes: function, args, begin, end; then what is in the saved registers, which comes back. */
const GPRS = 32;
const VECTORS = GPRS + 8 * savedGprs.length;
const BLOCK_BYTES = VECTORS + 16 * savedVectors.length;

/** `caller(block)`, by the convention of other systems. */
const callerCode = (): Uint8Array => {
  const ours = [RBX, RBP, 12, 13, 14, 15, RDI];
  const shadow = 32;
  return assemble([
    // The block's address is pushed last.
    ...ours.map((number) => code('push', gpr(number))),
    code('sub', gpr(RSP), shadow),
    code('mov', gpr(RAX), gpr(RDI)),
    code('mov', gpr(RCX), at(RAX, 8, 64)),
    code('mov', gpr(RDX), at(RAX, 16, 64)),
    code('mov', gpr(R8), at(RAX, 24, 64)),
    ...savedVectors.map((number, k) =>
      code('vmovups', { kind: 'vector', number, bits: 128 }, at(RAX, VECTORS + 16 * k, 128)),
    ),
    ...savedGprs.map((number, k) => code('mov', gpr(number), at(RAX, GPRS + 8 * k, 64))),
    code('call', at(RAX, 0, 64)),
    code('mov', gpr(RAX), at(RSP, shadow, 64)),
    ...savedVectors.map((number, k) =>
      code('vmovups', at(RAX, VECTORS + 16 * k, 128), { kind: 'vector', number, bits: 128 }),
    ),
    ...savedGprs.map((number, k) => code('mov', at(RAX, GPRS + 8 * k, 64), gpr(number))),
    code('add', gpr(RSP), shadow),
    ...ours.toReversed().map((number) => code('pop', gpr(number))),
    code('ret'),
  ]).bytes;
};

/** Calls code as Windows does. @throws Error when it does not leave a register as it must */
export const windowsCaller = (): ((address: number, args: number, begin: number, end: number) => void) => {
  const { place, call, system } = processor();
  const buffer = new ArrayBuffer(BLOCK_BYTES);
  const block = system.addressOf(buffer);
  const words = new BigUint64Array(buffer);
  const caller = place(callerCode());
  return (...fields) => {
    words.set(fields.map(BigInt));
    for (let k = GPRS / 8; k < words.length; k++) words[k] = 0x1234_5678_9abc_def0n * BigInt(k);
    const before = words.slice();
    call(caller, block, 0, 0);
    words.forEach((word, k) => {
      if (word !== before[k]) throw new Error(`saved register ${k - GPRS / 8} is not what it was`);
    });
  };
};

/** The native target whose kernels are called as on Windows; each call checks what it must preserve. */
export const windowsTarget = (name: 'avx2' | 'avx512'): Target => {
  const call = windowsCaller();
  const options = { avx512: name === 'avx512', abi: 'windows' } as const;
  setTarget(name);
  return {
    ...currentTarget(),
    kernels: new Map(),
    pool: null,
    compile(kernel) {
      const address = processor().place(compileX64(kernel, options));
      return (args, begin, end) => {
        call(address, args, begin, end);
      };
    },
    print: (kernel) => printCode(codeOf(kernel, options)),
  };
};
