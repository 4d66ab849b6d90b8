/** Pieces of the process's memory, and those of them that were given back and wait for their next use. */
import { LINE } from '../allocator.ts';

/** Memory that native code may use: where it is for JavaScript, and where for the processor. */
export interface Block {
  readonly buffer: ArrayBuffer;
  readonly begin: number;
  readonly address: number;
}

/** Where blocks come from. Their first byte is at a multiple of a line. */
export interface BlockSource {
  /** @throws RangeError when there is no room */
  take(bytes: number): Block;
  /** Takes a block back that nobody uses any more; `bytes` as when it was taken, or rounded up to lines. */
  give(block: Block, bytes: number): void;
  /** Bytes that are kept for reuse. */
  readonly keptBytes: number;
}

/** Of what is given back, so many bytes are kept for reuse. */
const KEPT_BYTES = 256 * 2 ** 20;

/**
 * Sizes that are treated as one, so that blocks find their next use: those with the same leading four bits. At most an
 * eighth of a block is unused, and if it is large it takes no memory, as it is never touched.
 */
export const sizeClass = (bytes: number): number => {
  const step = bytes < 2 ** 31 ? (2 ** 28) >>> Math.clz32(bytes) : 2 ** (Math.floor(Math.log2(bytes)) - 3);
  const whole = step > LINE ? step : LINE;
  return Math.max(Math.ceil(bytes / whole) * whole, LINE);
};

/** Blocks of one size that were given back. */
interface OfSize {
  readonly size: number;
  readonly blocks: Block[];
  lastUse: number;
}

/** Blocks that were given back. Of each size, the last is used again first: it may still be in a cache. */
export class Kept {
  bytes = 0;
  private readonly sizes = new Map<number, OfSize>();
  private clock = 0;

  /** @param leave  takes a block for which there was no use */
  constructor(private readonly leave: (block: Block, size: number) => void = () => undefined) {}

  take(size: number): Block | undefined {
    const block = this.sizes.get(size)?.blocks.pop();
    if (block !== undefined) this.bytes -= size;
    return block;
  }

  give(block: Block, size: number): void {
    if (size > KEPT_BYTES) {
      this.leave(block, size);
      return;
    }
    let kept = this.sizes.get(size);
    if (kept === undefined) this.sizes.set(size, (kept = { size, blocks: [], lastUse: 0 }));
    kept.blocks.push(block);
    kept.lastUse = ++this.clock;
    this.bytes += size;
    if (this.bytes > KEPT_BYTES) this.shrink(KEPT_BYTES);
  }

  /** Leaves what found no use for longest, until at most so many bytes are kept. */
  shrink(bytes: number): void {
    for (const { size, blocks } of [...this.sizes.values()].sort((a, b) => a.lastUse - b.lastUse)) {
      while (this.bytes > bytes) {
        const block = blocks.pop();
        if (block === undefined) break;
        this.bytes -= size;
        this.leave(block, size);
      }
    }
  }
}
