/** Blocks that V8 collects: buffers as it allocates them. Small ones are cut from common slabs. */
import { LINE } from '../allocator.ts';
import { Kept, sizeClass, type Block, type BlockSource } from './blocks.ts';

/** Up to so many bytes a block is cut from a slab, as making a buffer takes as long as all else that a small op does. */
const SMALL = 1024;
const SLAB = 16 * 1024;

export class Buffers implements BlockSource {
  private readonly kept = new Kept();
  private slab: Block | null = null;
  private slabUsed = 0;

  /** @param addressOf  where a buffer's first byte is */
  constructor(private readonly addressOf: (buffer: ArrayBuffer) => number) {}

  get keptBytes(): number {
    return this.kept.bytes;
  }

  take(bytes: number): Block {
    const size = sizeClass(bytes);
    return this.kept.take(size) ?? (size <= SMALL ? this.cut(size) : bufferOf(size, this.addressOf));
  }

  give(block: Block, bytes: number): void {
    this.kept.give(block, sizeClass(bytes));
  }

  /** A piece of the slab: its neighbours keep each other from being collected. */
  private cut(size: number): Block {
    if (this.slab === null || this.slabUsed + size > SLAB) {
      this.slab = bufferOf(SLAB, this.addressOf);
      this.slabUsed = 0;
    }
    const { buffer, begin, address } = this.slab;
    const used = this.slabUsed;
    this.slabUsed += size;
    return { buffer, begin: begin + used, address: address + used };
  }
}

/** A buffer of V8's, whose bytes are whatever they were, from a line on. @throws RangeError when there is no room */
export const bufferOf = (size: number, addressOf: (buffer: ArrayBuffer) => number): Block => {
  // Room for moving the beginning to a line.
  const buffer = uninitialised(size + LINE);
  const address = addressOf(buffer);
  // Of an address in 48 bits, `&` sees the lowest 32.
  const begin = -address & (LINE - 1);
  return { buffer, begin, address: address + begin };
};

const uninitialised = (bytes: number): ArrayBuffer => {
  if (bytes <= MOST_UNINITIALISED) {
    const { buffer } = Buffer.allocUnsafeSlow(bytes);
    // Where Node hands out a part of a pool, the rest of it would belong to somebody else.
    if (buffer.byteLength === bytes) return buffer;
  }
  return new ArrayBuffer(bytes);
};
/** Node 20 refuses larger ones; memory that the system hands out anew is cleared in any case. */
const MOST_UNINITIALISED = 2 ** 32;
