/** Strands for machine code: launches in a table, and code that makes those of some strands. */
import { assemble } from '../../target/x64/encode.ts';
import type { Label } from '../../target/x64/operands.ts';
import type { GatheredLaunch, Gatherer } from '../gathering.ts';
import type { Processor } from '../native/processor.ts';
import type { Storage } from '../storage.ts';
import {
  i,
  label,
  m32,
  m64,
  R12,
  R13,
  R14,
  R15,
  r32,
  r64,
  RAX,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
} from './native-registers.ts';
import type { RangeKernel } from './pool.ts';

/** Strands and launches that there is room for: many times as many as a convolution has. */
const MOST_STRANDS = 1024;
const TABLE_BYTES = 512 * 1024;

/**
 * A launch in the table. After its arguments, eight bytes for each, come its pieces: eight bytes, of which the lower half
 * says where in the launch the address is, the upper half how far the threads' pieces are apart.
 */
const launch = { kernel: 0, begin: 8, end: 16, bytes: 24, pieces: 28, args: 32 } as const;

export class NativeStrands implements Gatherer {
  private readonly words: Uint32Array;
  private readonly address: number;
  private readonly kernel: RangeKernel;
  private strands = 0;
  /** Where the next launch begins, in bytes. */
  private used = 0;
  private readonly held: Storage[] = [];

  constructor({ system, call, place }: Processor) {
    const table = new ArrayBuffer(TABLE_BYTES);
    this.words = new Uint32Array(table);
    this.address = system.addressOf(table);
    const { code, byRank } = strandsCode();
    const start = place(code);
    this.kernel = Object.assign(
      (args: number, begin: number, end: number) => {
        call(start, args, begin, end);
      },
      { address: start + byRank },
    );
    this.drop();
  }

  next(): boolean {
    // The table's last place says where the last strand ends.
    if (this.strands === MOST_STRANDS - 1) return false;
    this.set(8 * this.strands++, this.address + this.used);
    return true;
  }

  add({ run, words, count, pieces, held, begin, end }: GatheredLaunch): boolean {
    const { words: table, used } = this;
    const bytes = launch.args + 4 * count + 8 * pieces.length;
    if (used + bytes > TABLE_BYTES) return false;
    this.set(used + launch.kernel, run.address!);
    this.set(used + launch.begin, begin);
    this.set(used + launch.end, end);
    table[(used + launch.bytes) / 4] = bytes;
    table[(used + launch.pieces) / 4] = pieces.length;
    let at = (used + launch.args) / 4;
    for (let k = 0; k < count; k++) table[at++] = words[k]!;
    for (const { word, apart } of pieces) {
      table[at++] = launch.args + 4 * word;
      table[at++] = apart;
    }
    for (const storage of held) this.held.push(storage);
    this.used += bytes;
    return true;
  }

  finish(): { kernel: RangeKernel; args: number; count: number } {
    this.set(8 * this.strands, this.address + this.used);
    return { kernel: this.kernel, args: this.address, count: this.strands };
  }

  drop(): void {
    this.strands = 0;
    this.used = 8 * MOST_STRANDS;
    this.held.length = 0;
  }

  private set(at: number, value: number): void {
    // Stores keep the lowest 32 bits.
    this.words[at / 4] = value;
    this.words[at / 4 + 1] = value / 2 ** 32;
  }
}

/**
 * `void strands(table, begin, end)`: makes the launches of the strands begin … end − 1. Behind the first instruction, at
 * `byRank`, it takes the number of its thread as fourth argument, and gives each launch the thread's own pieces.
 */
const strandsCode = (): { code: Uint8Array; byRank: number } => {
  const [byRank, next, piece, call, done] = ['by rank', 'next', 'piece', 'call', 'done'].map(label) as [
    Label,
    Label,
    Label,
    Label,
    Label,
  ];
  // Five and the address to return to are a multiple of 16, as calls want the stack.
  const saved = [RBX, R12, R13, R14, R15];
  const strand = (number: number) => ({ ...m64(RDI), index: number, scale: 8 as const });
  const { bytes, labels } = assemble([
    i('xor', r32(RCX), r32(RCX)),
    { label: byRank },
    ...saved.map((number) => i('push', r64(number))),
    i('mov', r32(R14), r32(RCX)),
    i('mov', r64(RBX), strand(RSI)),
    i('mov', r64(R12), strand(RDX)),

    { label: next },
    i('cmp', r64(RBX), r64(R12)),
    i('jae', done),
    i('mov', r32(R13), m32(RBX, launch.bytes)),
    i('mov', r32(R15), m32(RBX, launch.pieces)),
    i('add', r64(R13), r64(RBX)),
    i('mov', r64(RCX), r64(R13)),
    { label: piece },
    i('dec', r32(R15)),
    i('jl', call),
    i('sub', r64(RCX), 8),
    i('mov', r32(RAX), m32(RCX)),
    i('mov', r32(RDX), m32(RCX, 4)),
    i('imul', r64(RDX), r64(R14)),
    i('add', { ...m64(RBX), index: RAX }, r64(RDX)),
    i('jmp', piece),
    { label: call },
    i('lea', r64(RDI), m64(RBX, launch.args)),
    i('mov', r64(RSI), m64(RBX, launch.begin)),
    i('mov', r64(RDX), m64(RBX, launch.end)),
    i('call', m64(RBX, launch.kernel)),
    i('mov', r64(RBX), r64(R13)),
    i('jmp', next),

    { label: done },
    ...saved.toReversed().map((number) => i('pop', r64(number))),
    i('ret'),
  ]);
  return { code: bytes, byRank: labels.get(byRank)! };
};
