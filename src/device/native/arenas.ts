/**
 * Blocks cut from large buffers. V8 has no part in their coming and going, so they cost it no collections; the buffers
 * are its own, so those that are empty go back to the system, and all of them with the thread that made them.
 */
import { Allocator, LINE } from '../allocator.ts';
import { Kept, sizeClass, type Block, type BlockSource } from './blocks.ts';
import { bufferOf } from './buffers.ts';

const ARENA = 64 * 2 ** 20;
/** Of what is free and found no use, so much may stay. */
const MOST_FREE = 256 * 2 ** 20;
/** Keeps arenas apart. */
const GAP = LINE;

interface Arena {
  readonly block: Block;
  readonly size: number;
  /** Where it begins among the addresses that the allocator knows. */
  readonly start: number;
}

export class Arenas implements BlockSource {
  private readonly kept = new Kept((block, size) => {
    this.leave(block, size);
  });
  /** Its addresses are not the processor's: arenas follow one another in it, with a gap, so that they never join. */
  private readonly allocator = new Allocator();
  private arenas: Arena[] = [];
  private nextStart = GAP;

  /**
   * @param addressOf  where a buffer's first byte is
   * @param prepare    tells the system of a new arena
   */
  constructor(
    private readonly addressOf: (buffer: ArrayBuffer) => number,
    private readonly prepare: (address: number, bytes: number) => void,
  ) {}

  get keptBytes(): number {
    return this.kept.bytes;
  }

  take(bytes: number): Block {
    const size = sizeClass(bytes);
    return this.kept.take(size) ?? this.cut(size);
  }

  give(block: Block, bytes: number): void {
    this.kept.give(block, sizeClass(bytes));
    if (this.allocator.freeBytes > MOST_FREE) this.dropEmpty();
  }

  private cut(size: number): Block {
    let start = this.allocator.allocate(size);
    if (start < 0 && this.kept.bytes >= size) {
      // What waits for a use of its own size may join to something larger.
      this.kept.shrink(0);
      start = this.allocator.allocate(size);
    }
    if (start < 0) {
      this.dropEmpty();
      this.grow(size);
      start = this.allocator.allocate(size);
    }
    const { block, start: first } = this.arenas.find(
      (arena) => start >= arena.start && start < arena.start + arena.size,
    )!;
    const offset = start - first;
    return { buffer: block.buffer, begin: block.begin + offset, address: block.address + offset };
  }

  private grow(size: number): void {
    const bytes = Math.max(ARENA, size);
    const block = bufferOf(bytes, this.addressOf);
    this.prepare(block.address, bytes);
    this.arenas.push({ block, size: bytes, start: this.nextStart });
    this.allocator.extend(this.nextStart, bytes);
    this.nextStart += bytes + GAP;
  }

  /** Lets V8 have the arenas in which nothing is in use. */
  private dropEmpty(): void {
    this.arenas = this.arenas.filter(({ start, size }) => !this.allocator.withdraw(start, size));
  }

  /** A block for which there was no use joins its neighbours. */
  private leave({ buffer, address }: Block, size: number): void {
    const { block, start } = this.arenas.find((arena) => arena.block.buffer === buffer)!;
    this.allocator.free(start + address - block.address, size);
  }
}
