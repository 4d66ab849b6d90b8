/**
 * Lets a library that asks the processor for its instructions hear of AVX2, and of nothing above it.
 *
 * Linux can make CPUID a fault, thread by thread (arch_prctl(2), ARCH_CPUID; processors: cpuid_fault in /proc/cpuinfo).
 * The fault arrives as SIGSEGV, and a handler answers as the processor would, without the bits of AVX-512 and AMX. What
 * XGETBV says cannot be changed, and need not be: software looks for both.
 */
import { CALL_BYTES, makeCall, placeCode } from '../../src/device/native/code.ts';
import { connectSystem, type System } from '../../src/device/native/ffi.ts';
import { at, instruction, low, r9, rax, rbx, rcx, rdx } from '../../src/device/native/registers.ts';
import { assemble, type CodeItem } from '../../src/target/x64/encode.ts';
import type { Gpr, Label, Memory } from '../../src/target/x64/operands.ts';

// Numbers of x86-64 Linux: asm/unistd_64.h, asm/prctl.h, bits/signum-generic.h, asm/signal.h.
const RT_SIGACTION = 13;
const RT_SIGRETURN = 15;
const ARCH_PRCTL = 158;
const ARCH_SET_CPUID = 0x1012;
const ANSWERS = 1;
const FAULTS = 0;
const SIGSEGV = 11;
/** The last of the numbers that stand for an action that is no function. */
const SIG_IGN = 1;
const SA_SIGINFO = 0x4;
const SA_RESTORER = 0x04000000;
/** The kernel's sigset_t. */
const SIGSET_BYTES = 8;

/** Where an interrupted thread's registers are in its ucontext_t: sys/ucontext.h. */
const saved = { rbx: 128, rdx: 136, rax: 144, rcx: 152, rip: 168 } as const;

/** What leaf 7 must not say. Intel SDM volume 2, CPUID; subleaf by subleaf in the order eax, ebx, ecx, edx. */
const hidden: readonly (readonly (readonly number[])[])[] = [
  [
    [],
    [16, 17, 21, 26, 27, 28, 30, 31], // AVX-512 F, DQ, IFMA, PF, ER, CD, BW, VL
    [1, 6, 11, 12, 14], // VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ
    [2, 3, 8, 22, 23, 24, 25], // 4VNNIW, 4FMAPS, VP2INTERSECT, AMX-BF16, AVX512-FP16, AMX-TILE, AMX-INT8
  ],
  [
    [5, 21], // AVX512-BF16, AMX-FP16
    [],
    [],
    [8, 19], // AMX-COMPLEX, AVX10
  ],
];

/** Our words, in a page: the block of `makeCall`, a system call's arguments, actions of a signal, and a counter. */
const words = { request: CALL_BYTES, action: 96, previous: 128, answered: 160 } as const;
const PAGE = 4096;

export class CpuidLimit {
  private readonly view: BigInt64Array;
  private readonly page: number;
  private readonly request: () => void;

  /**
   * From now on the calling thread, and threads that it starts, hear of nothing above AVX2. Other faults go where they
   * went before.
   *
   * @throws Error that says why, where CPUID cannot be answered by us
   */
  constructor() {
    if (process.platform !== 'linux' || process.arch !== 'x64') {
      throw new Error('only Linux on x64 lets a program answer CPUID, so the library cannot be limited');
    }
    const system = connectSystem();
    this.page = system.map(PAGE);
    if (this.page === 0) throw new Error('the system has no memory for the answers to CPUID');
    const buffer = system.view(this.page, PAGE);
    this.view = new BigInt64Array(buffer);
    const call = makeCall(system, { buffer, begin: 0, address: this.page });
    const code = placeCode(system, systemCallCode());
    this.request = () => {
      call(code, this.page + words.request, 0, 0);
    };
    // What is the case anyway: only to see whether it can be asked for.
    if (this.systemCall(ARCH_PRCTL, ARCH_SET_CPUID, ANSWERS) !== 0) {
      throw new Error('this processor cannot fault on CPUID (cpuid_fault), so the library cannot be limited');
    }
    this.install(system);
    this.systemCall(ARCH_PRCTL, ARCH_SET_CPUID, FAULTS);
  }

  /** The calling thread hears the processor again. Threads that it started do not, so the handler remains. */
  end(): void {
    this.systemCall(ARCH_PRCTL, ARCH_SET_CPUID, ANSWERS);
  }

  /** How many questions were answered by us. */
  get answered(): number {
    return Number(this.view[words.answered / 8]);
  }

  private install(system: System): void {
    const { bytes, labels } = handlerCode(this.page + words.previous, this.page + words.answered);
    const handler = placeCode(system, bytes);
    // struct kernel_sigaction: handler, flags, restorer, mask.
    const action = [handler, SA_SIGINFO | SA_RESTORER, handler + labels.get(restorer)!, 0];
    this.view.set(action.map(BigInt), words.action / 8);
    const { page } = this;
    if (
      this.systemCall(RT_SIGACTION, SIGSEGV, page + words.action, page + words.previous, SIGSET_BYTES) !== 0
    ) {
      throw new Error('the system refuses a handler for SIGSEGV, so CPUID cannot be limited');
    }
  }

  private systemCall(number: number, ...args: readonly number[]): number {
    const at = words.request / 8;
    this.view.set([number, ...args].map(BigInt), at);
    this.request();
    return Number(this.view[at]);
  }
}

const rsi: Gpr = { ...rax, number: 6 };
const rdi: Gpr = { ...rax, number: 7 };
const r8: Gpr = { ...rax, number: 8 };
const r10: Gpr = { ...rax, number: 10 };

/** `request(block)`: a system call of number and four arguments in the block, whose result comes back in its first word. */
const systemCallCode = (): Uint8Array =>
  assemble([
    instruction('mov', r9, rdi),
    ...[rax, rdi, rsi, rdx, r10].map((register, k) => instruction('mov', register, at(r9, 8 * k, 64))),
    instruction('syscall'),
    instruction('mov', at(r9, 0, 64), rax),
    instruction('ret'),
  ]).bytes;

const label = (name: string): Label => ({ kind: 'label', name });
const restorer = label('restorer');

/**
 * `handler(signal, info, context)`, and, at `restorer`, where it returns to. The kernel brings back every register from
 * the context, so none is saved here; a system call leaves all but rax, rcx and r11.
 *
 * @param previous  address of the action that the signal had before
 * @param answered  address of a counter
 */
const handlerCode = (previous: number, answered: number): ReturnType<typeof assemble> => {
  const [plain, notOurs, putBack, masks] = ['plain', 'not ours', 'put back', 'masks'].map(label) as [
    Label,
    Label,
    Label,
    Label,
  ];
  const context = r8;
  const cpuidMay = (how: number): CodeItem[] => [
    instruction('mov', low(rdi), ARCH_SET_CPUID),
    instruction('mov', low(rsi), how),
    instruction('mov', low(rax), ARCH_PRCTL),
    instruction('syscall'),
  ];
  const mask = (register: number): Memory => ({
    kind: 'memory',
    bits: 32,
    base: rsi.number,
    index: r10.number,
    displacement: 4 * register,
  });
  return assemble([
    instruction('mov', context, rdx),
    instruction('mov', rax, at(context, saved.rip, 64)),
    // A fault at an address that is no code ends here: SIGSEGV within its own handler is fatal.
    instruction('cmp', { kind: 'memory', bits: 16, base: rax.number }, CPUID),
    instruction('jne', notOurs),

    ...cpuidMay(ANSWERS),
    instruction('mov', low(rax), at(context, saved.rax, 32)),
    instruction('mov', low(rcx), at(context, saved.rcx, 32)),
    instruction('mov', low(r9), low(rax)),
    instruction('mov', low(r10), low(rcx)),
    instruction('cpuid'),
    instruction('cmp', low(r9), 7),
    instruction('jne', plain),
    instruction('cmp', low(r10), hidden.length),
    instruction('jae', plain),
    instruction('shl', low(r10), 4),
    instruction('lea', rsi, { kind: 'memory', bits: 64, label: masks }),
    ...[rax, rbx, rcx, rdx].map((register, k) => instruction('and', low(register), mask(k))),
    { label: plain },
    instruction('mov', at(context, saved.rax, 64), rax),
    instruction('mov', at(context, saved.rbx, 64), rbx),
    instruction('mov', at(context, saved.rcx, 64), rcx),
    instruction('mov', at(context, saved.rdx, 64), rdx),
    instruction('add', at(context, saved.rip, 64), CPUID_BYTES),
    instruction('mov', rax, BigInt(answered)),
    { ...instruction('inc', at(rax, 0, 64)), lock: true },
    ...cpuidMay(FAULTS),
    instruction('ret'),

    // Node's own handler makes exceptions of what WebAssembly must not do. Without one before us, the default is put
    // back, and meets the same fault when we return.
    { label: notOurs },
    instruction('mov', rax, BigInt(previous)),
    instruction('mov', rax, at(rax, 0, 64)),
    instruction('cmp', rax, SIG_IGN),
    instruction('jbe', putBack),
    instruction('jmp', rax),
    { label: putBack },
    instruction('mov', low(rdi), SIGSEGV),
    instruction('mov', rsi, BigInt(previous)),
    instruction('xor', low(rdx), low(rdx)),
    instruction('mov', low(r10), SIGSET_BYTES),
    instruction('mov', low(rax), RT_SIGACTION),
    instruction('syscall'),
    instruction('ret'),

    { label: restorer },
    instruction('mov', low(rax), RT_SIGRETURN),
    instruction('syscall'),
    { data: maskBytes(), label: masks, align: 16 },
  ]);
};

/** The instruction's bytes, 0F A2, as a word. */
const CPUID = 0xa20f;
const CPUID_BYTES = 2;

const maskBytes = (): Uint8Array =>
  new Uint8Array(
    Uint32Array.from(hidden.flat(), (bits) => ~bits.reduce((word, bit) => word | (1 << bit), 0)).buffer,
  );
