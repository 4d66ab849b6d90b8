/**
 * The loops of a native pool as machine code, for x86-64 Linux: threads wait for each other by futex, whose number and
 * registers are the kernel's, and so need no library. What is done is what `wasm-loop.ts` does.
 *
 * @see futex(2), syscall(2)
 */
import { assemble, type CodeItem } from '../../target/x64/encode.ts';
import type { Label, Memory, Operand } from '../../target/x64/operands.ts';
import { control, CONTROL_BYTES, LAST_TAKEN, LINE, MOST_CHUNKS, NUMBER_SHIFT } from './control.ts';
import {
  i,
  label,
  locked,
  m32,
  m64,
  R10,
  R12,
  R13,
  R14,
  r32,
  r64,
  RAX,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
} from './native-registers.ts';

/**
 * Of a worker's line, which its thread is given: beside `asleep` (at 0) its number, where the control block is, and the
 * system's number of the thread, which it writes down when it begins.
 */
export const worker = { rank: 4, control: 8, thread: 16 } as const;

/** One bit for each processor that the system may have. */
const MASK_BYTES = 1024;

/** What native threads need beyond the block that all pools have. */
export const placing = {
  /** The processor that the caller was on when workers were kept off it; -1 if some were not yet. */
  processor: CONTROL_BYTES,
  /** Where workers may run. */
  mask: CONTROL_BYTES + 64,
} as const;

export const NATIVE_CONTROL_BYTES = CONTROL_BYTES + 64 + MASK_BYTES;

/**
 * Turns of waiting before sleep: about 0.5 ms where `pause` takes 65 cycles as on AMD's Zen 3, 1 ms on Intel's. OpenMP's
 * runtimes wait as long and longer. A thread that sleeps may answer as late as 0.3 ms in a virtual machine: with 4000
 * turns, ResNet-50's layers called one by one on two threads took up to a third longer.
 */
const SPINS = 24_000;
/** The same in milliseconds, at least. */
export const PATIENCE = 0.5;

const GETTID = 186;
const FUTEX = 202;
const SCHED_SETAFFINITY = 203;
const SCHED_GETAFFINITY = 204;
const WAIT_PRIVATE = 128;
const WAKE_PRIVATE = 129;

/** A field of the control block, whose address is in rbx, or the lower half of one. */
const word = (name: keyof typeof control): Memory => m32(RBX, control[name]);
const long = (name: keyof typeof control): Memory => m64(RBX, control[name]);

/** Clobbers rax, rcx, rsi, rdi, r10 and r11. */
const futex = (operation: number, place: Operand, value: Operand): CodeItem[] => [
  i('lea', r64(RDI), place),
  i('mov', r32(RDX), value),
  i('mov', r32(RSI), operation),
  i('xor', r32(R10), r32(R10)),
  i('mov', r32(RAX), FUTEX),
  i('syscall'),
];

const placed = (name: keyof typeof placing): Memory => m32(RBX, placing[name]);

/**
 * Keeps the workers off the processor that the caller is on, whenever that is another than last time: they may run where
 * the caller may, but not there. Linux puts a thread that wakes up beside the one that woke it if it takes the other
 * processors for busy, and in a virtual machine it takes those for busy whose hypervisor let them rest. Then both share one
 * processor for milliseconds, while others do nothing. Where the caller has but one processor, the system refuses, and
 * nothing changes. The number is that of RDTSCP, where Linux keeps it in the lowest 12 bits (`vgetcpu`).
 *
 * Wants the control block in rbx; clobbers what calls of the system do, and r14.
 *
 * @see sched_setaffinity(2)
 */
const keepApart = (): CodeItem[] => {
  const [each, unknown, apart] = ['each', 'unknown', 'apart'].map(label) as [Label, Label, Label];
  return [
    i('rdtscp'),
    i('and', r32(RCX), 0xfff),
    i('cmp', r32(RCX), placed('processor')),
    i('je', apart),
    // An exchange, so that a worker which begins meanwhile is either seen below, or takes this back afterwards.
    i('mov', r32(RAX), r32(RCX)),
    i('xchg', placed('processor'), r32(RAX)),
    i('mov', r32(R14), r32(RCX)),
    i('xor', r32(RDI), r32(RDI)),
    i('mov', r32(RSI), MASK_BYTES),
    i('lea', r64(RDX), placed('mask')),
    i('mov', r32(RAX), SCHED_GETAFFINITY),
    i('syscall'),
    i('test', r64(RAX), r64(RAX)),
    i('jle', apart),
    i('btr', m64(RBX, placing.mask), r64(R14)),
    i('mov', r32(R13), m32(RBX, control.active)),
    i('lea', r64(R14), m64(RBX, control.asleep)),
    i('mov', r64(RSI), r64(RAX)),
    { label: each },
    i('dec', r32(R13)),
    i('jl', apart),
    i('mov', r32(RDI), m32(R14, worker.thread)),
    // Zero would be the caller.
    i('test', r32(RDI), r32(RDI)),
    i('je', unknown),
    i('mov', r32(RAX), SCHED_SETAFFINITY),
    i('syscall'),
    { label: unknown },
    i('add', r64(R14), LINE),
    i('jmp', each),
    { label: apart },
  ];
};

/**
 * Takes one chunk and runs it: on to `none` when there is nothing to take, back to `next` afterwards. The kernel is told
 * which thread runs it as its fourth argument, which only strands look at (`native-strands.ts`).
 *
 * @param side  whether it is the first or the last of those that are left (`control.ts`)
 * @param mayTake  goes to `none` if this thread has no part in the job; asked after the ticket was read
 * @param rank     puts the number of this thread, of which the caller is 0, into ecx
 * @param finished what follows when it was the last chunk
 */
const takeChunk = (
  next: Label,
  none: Label,
  side: 'first' | 'last',
  mayTake: readonly CodeItem[],
  rank: readonly CodeItem[],
  finished: readonly CodeItem[],
): CodeItem[] => {
  const whole = label('whole chunk');
  return [
    { label: next },
    i('mov', r64(RAX), long('ticket')),
    i('test', r32(RAX), r32(RAX)),
    i('je', none),
    ...mayTake,
    i('mov', r64(RDX), side === 'first' ? -1 : LAST_TAKEN - 1n),
    i('add', r64(RDX), r64(RAX)),
    locked('cmpxchg', long('ticket'), r64(RDX)),
    i('jne', next),
    // From here to its end nobody changes the job.
    i('mov', r64(R14), long('chunks')),
    i('mov', r64(RSI), r64(R14)),
    ...(side === 'first'
      ? [i('mov', r32(RCX), r32(RAX)), i('sub', r64(RSI), r64(RCX))]
      : [i('dec', r64(RSI))]),
    i('shr', r64(RAX), 32),
    i('and', r32(RAX), MOST_CHUNKS),
    i('sub', r64(RSI), r64(RAX)),
    i('imul', r64(RSI), long('chunk')),
    i('add', r64(RSI), long('begin')),
    i('mov', r64(RDX), r64(RSI)),
    i('add', r64(RDX), long('chunk')),
    i('cmp', r64(RDX), long('end')),
    i('jb', whole),
    i('mov', r64(RDX), long('end')),
    { label: whole },
    i('mov', r64(RDI), long('args')),
    ...rank,
    i('call', long('kernel')),
    i('mov', r32(RAX), 1),
    locked('xadd', word('finished'), r32(RAX)),
    i('inc', r32(RAX)),
    i('cmp', r32(RAX), r32(R14)),
    i('jne', next),
    ...finished,
    i('jmp', next),
  ];
};

/** What a worker's thread runs: `void *thread(void *line)`. */
export const threadCode = (): Uint8Array => {
  const [idle, spin, quiet, awake, sleep, next, leave] = [
    'idle',
    'spin',
    'quiet',
    'awake',
    'sleep',
    'next',
    'leave',
  ].map(label) as [Label, Label, Label, Label, Label, Label, Label];
  const saved = [RBX, R12, R13, R14];
  return assemble([
    ...saved.map((number) => i('push', r64(number))),
    // Calls want the stack at a multiple of 16.
    i('sub', r64(RSP), 8),
    i('mov', r64(R12), r64(RDI)),
    i('mov', r64(RBX), m64(R12, worker.control)),
    i('mov', r32(R13), m32(R12, worker.rank)),
    i('mov', r32(RAX), GETTID),
    i('syscall'),
    i('mov', m32(R12, worker.thread), r32(RAX)),
    i('mov', placed('processor'), -1),
    locked('inc', word('arrived')),

    { label: idle },
    i('mov', r32(RCX), SPINS),
    { label: spin },
    i('cmp', word('stop'), 0),
    i('jne', leave),
    i('cmp', word('ticket'), 0),
    i('je', quiet),
    i('cmp', r32(R13), word('active')),
    i('jl', next),
    { label: quiet },
    i('pause'),
    i('dec', r32(RCX)),
    i('jne', spin),

    // Seen to sleep first, then a last look: a job was written down before its caller looks who sleeps.
    i('mov', r32(RAX), 1),
    i('xchg', m32(R12), r32(RAX)),
    i('cmp', word('stop'), 0),
    i('jne', awake),
    i('cmp', word('ticket'), 0),
    i('je', sleep),
    i('cmp', r32(R13), word('active')),
    i('jge', sleep),
    { label: awake },
    i('mov', m32(R12), 0),
    i('jmp', idle),
    { label: sleep },
    ...futex(WAIT_PRIVATE, m64(R12), 1),
    i('cmp', m32(R12), 0),
    i('jne', sleep),
    i('jmp', idle),

    ...takeChunk(
      next,
      idle,
      'last',
      [i('cmp', r32(R13), word('active')), i('jge', idle)],
      [i('lea', r32(RCX), m64(R13, 1))],
      [i('cmp', word('awaited'), 0), i('je', next), ...futex(WAKE_PRIVATE, long('finished'), 1)],
    ),

    { label: leave },
    i('xor', r32(RAX), r32(RAX)),
    i('add', r64(RSP), 8),
    ...saved.toReversed().map((number) => i('pop', r64(number))),
    i('ret'),
  ]).bytes;
};

/** `void run(control, workers)`: shares the job that is written down among so many workers and the caller. */
export const runCode = (): Uint8Array => {
  const [wake, awake, next, join, wait, sleep, done] = [
    'wake',
    'awake',
    'next',
    'join',
    'wait',
    'sleep',
    'done',
  ].map(label) as [Label, Label, Label, Label, Label, Label, Label];
  const saved = [RBX, R12, R13, R14];
  return assemble([
    ...saved.map((number) => i('push', r64(number))),
    // Calls want the stack at a multiple of 16.
    i('sub', r64(RSP), 8),
    i('mov', r64(RBX), r64(RDI)),
    i('mov', r64(R12), r64(RSI)),
    ...keepApart(),
    i('mov', word('finished'), 0),
    i('mov', word('awaited'), 0),
    // The next number, and all chunks. An exchange is ordered before what follows.
    i('mov', r64(RAX), long('ticket')),
    i('shr', r64(RAX), NUMBER_SHIFT),
    i('inc', r64(RAX)),
    i('shl', r64(RAX), NUMBER_SHIFT),
    i('or', r64(RAX), long('chunks')),
    i('xchg', long('ticket'), r64(RAX)),

    i('lea', r64(R14), m64(RBX, control.asleep)),
    { label: wake },
    i('dec', r64(R12)),
    i('jl', next),
    i('cmp', m32(R14), 0),
    i('je', awake),
    i('xor', r32(RCX), r32(RCX)),
    i('mov', r32(RAX), 1),
    locked('cmpxchg', m32(R14), r32(RCX)),
    i('jne', awake),
    ...futex(WAKE_PRIVATE, m64(R14), 1),
    { label: awake },
    i('add', r64(R14), LINE),
    i('jmp', wake),

    ...takeChunk(next, join, 'first', [], [i('xor', r32(RCX), r32(RCX))], []),

    { label: join },
    i('mov', r32(RCX), SPINS),
    { label: wait },
    i('mov', r32(RAX), word('finished')),
    i('cmp', r32(RAX), word('chunks')),
    i('je', done),
    i('pause'),
    i('dec', r32(RCX)),
    i('jne', wait),
    i('mov', r32(RAX), 1),
    i('xchg', word('awaited'), r32(RAX)),
    { label: sleep },
    i('mov', r32(RDX), word('finished')),
    i('cmp', r32(RDX), word('chunks')),
    i('je', done),
    ...futex(WAIT_PRIVATE, long('finished'), r32(RDX)),
    i('jmp', sleep),

    { label: done },
    i('add', r64(RSP), 8),
    ...saved.toReversed().map((number) => i('pop', r64(number))),
    i('ret'),
  ]).bytes;
};
