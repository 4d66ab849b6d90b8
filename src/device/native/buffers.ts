/** Blocks that V8 collects: buffers as it allocates them. Small ones are cut from common slabs. */
import { LINE } from '../allocator.ts';
import { Kept, sizeClass, type Block, type BlockSource } from './blocks.ts';

/**
 * Blocks of up to so many bytes are cut from slabs, as making a buffer takes as long as all else that a small op does. A
 * block that is in use keeps its whole slab, so slabs are not larger than saves time. (Measured on x.neg(), with slabs and
 * with a buffer for each block: 2 KiB 1.1 and 1.9 µs, 4 KiB 1.6 and 2.4, 8 KiB 1.5 and 2.9, and 16 KiB 2.8 in both ways.)
 */
const slabSizes = [
  { most: 1024, slab: 16 * 1024 },
  { most: 8 * 1024, slab: 64 * 1024 },
] as const;

/** What blocks of some sizes are cut from. */
interface Slab {
  readonly most: number;
  readonly size: number;
  block: Block | null;
  used: number;
}

export class Buffers implements BlockSource {
  private readonly kept = new Kept();
  private readonly slabs = slabSizes.map(({ most, slab }): Slab => ({
    most,
    size: slab,
    block: null,
    used: 0,
  }));

  /** @param addressOf  where a buffer's first byte is */
  constructor(private readonly addressOf: (buffer: ArrayBuffer) => number) {}

  get keptBytes(): number {
    return this.kept.bytes;
  }

  take(bytes: number): Block {
    const size = sizeClass(bytes);
    const kept = this.kept.take(size);
    if (kept !== undefined) return kept;
    for (const slab of this.slabs) if (size <= slab.most) return this.cut(slab, size);
    return bufferOf(size, this.addressOf);
  }

  give(block: Block, bytes: number): void {
    this.kept.give(block, sizeClass(bytes));
  }

  /** A piece of the slab: its neighbours keep each other from being collected. */
  private cut(slab: Slab, size: number): Block {
    if (slab.block === null || slab.used + size > slab.size) {
      slab.block = bufferOf(slab.size, this.addressOf);
      slab.used = 0;
    }
    const { buffer, begin, address } = slab.block;
    const { used } = slab;
    slab.used += size;
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
