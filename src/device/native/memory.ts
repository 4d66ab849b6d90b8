/**
 * Storages in the memory of the process. Each is an ArrayBuffer of its own, not initialised, which V8 collects, in
 * synchronous loops as well; there is no finalizer and no weak reference, so that a small tensor costs little. Small
 * ones are cut from common slabs. What is given back explicitly, or by a scope, is kept for reuse, up to a bound.
 *
 * How buffers were found to behave: docs/architecture.md, "Memory".
 */
import { RuntimeError } from '../../errors.ts';
import { ARGUMENT_BYTES, ArgumentBlock, type AddressSpace } from '../address-space.ts';
import { checkAlive, slotFor, Storage, type Slot, type SlotOwner } from '../storage.ts';

const LINE = 64;
/** Up to so many bytes a storage is cut from a slab, as making a buffer takes as long as all else that a small op does. */
const SMALL = 1024;
const SLAB = 16 * 1024;
/** Of what is given back, so many bytes are kept for reuse. */
const KEPT_BYTES = 256 * 2 ** 20;

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

export class NativeMemory implements AddressSpace, SlotOwner {
  readonly maxIndex = Number.MAX_SAFE_INTEGER;
  /** What user programs can address. */
  readonly maxBytes = 2 ** 47;
  private readonly block: ArgumentBlock;

  constructor(private readonly source: BlockSource) {
    const { buffer, begin, address } = source.take(ARGUMENT_BYTES);
    this.block = new ArgumentBlock(buffer, begin, address);
  }

  allocate(bytes: number): Storage {
    const slot = slotFor(bytes, this);
    this.settle(slot, this.take(bytes));
    return new Storage(bytes, slot);
  }

  find(slot: Slot): number {
    return slot.native;
  }

  resident(storage: Storage): number {
    checkAlive(storage);
    const { slot } = storage;
    if (slot.native === 0) {
      const block = this.take(storage.byteLength);
      slot.owner.surrender(slot, new Uint8Array(block.buffer, block.begin, storage.byteLength));
      slot.owner = this;
      this.settle(slot, block);
      slot.scope?.hold(slot);
    }
    return slot.native;
  }

  /** Bytes that were given back and are kept for reuse. */
  get keptBytes(): number {
    return this.source.keptBytes;
  }

  argumentBlock(): ArgumentBlock {
    return this.block;
  }

  release(slot: Slot): void {
    if (slot.disposed) return;
    slot.disposed = true;
    this.leave(slot);
  }

  surrender(slot: Slot, into: Uint8Array): void {
    into.set(new Uint8Array(slot.outside!, slot.begin, into.length));
    this.leave(slot);
  }

  private settle(slot: Slot, block: Block): void {
    slot.outside = block.buffer;
    slot.begin = block.begin;
    slot.native = block.address;
  }

  private leave(slot: Slot): void {
    const { outside: buffer, begin, native: address } = slot;
    slot.scope?.drop(slot);
    slot.outside = null;
    slot.native = 0;
    this.source.give({ buffer: buffer!, begin, address }, slot.size);
  }

  private take(bytes: number): Block {
    try {
      return this.source.take(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RuntimeError(
        `out of memory: ${String(bytes)} bytes were asked for. Smaller batches need less; flow.scope(() => ...) gives ` +
          'memory back at its end.',
      );
    }
  }
}

/** Blocks of one size that were given back. */
interface Kept {
  readonly size: number;
  readonly blocks: Block[];
  lastUse: number;
}

/** Blocks as V8 allocates buffers, and before that, as they were given back. */
export class Buffers implements BlockSource {
  keptBytes = 0;
  private readonly kept = new Map<number, Kept>();
  private clock = 0;
  private slab: Block | null = null;
  private slabUsed = 0;

  /** @param addressOf  where a buffer's first byte is */
  constructor(private readonly addressOf: (buffer: ArrayBuffer) => number) {}

  take(bytes: number): Block {
    const size = sizeClass(bytes);
    const block = this.kept.get(size)?.blocks.pop();
    if (block === undefined) return size <= SMALL ? this.cut(size) : this.fresh(size);
    this.keptBytes -= size;
    return block;
  }

  give(block: Block, bytes: number): void {
    const size = sizeClass(bytes);
    if (size > KEPT_BYTES) return;
    let kept = this.kept.get(size);
    if (kept === undefined) this.kept.set(size, (kept = { size, blocks: [], lastUse: 0 }));
    kept.blocks.push(block);
    kept.lastUse = ++this.clock;
    this.keptBytes += size;
    if (this.keptBytes > KEPT_BYTES) this.forget();
  }

  /** Leaves to the collector what found no use for longest, until no more is kept than may be. */
  private forget(): void {
    for (const { size, blocks } of [...this.kept.values()].sort((a, b) => a.lastUse - b.lastUse)) {
      while (this.keptBytes > KEPT_BYTES && blocks.pop() !== undefined) this.keptBytes -= size;
    }
  }

  /** A piece of the slab: its neighbours keep each other from being collected. */
  private cut(size: number): Block {
    if (this.slab === null || this.slabUsed + size > SLAB) {
      this.slab = this.fresh(SLAB);
      this.slabUsed = 0;
    }
    const { buffer, begin, address } = this.slab;
    const used = this.slabUsed;
    this.slabUsed += size;
    return { buffer, begin: begin + used, address: address + used };
  }

  private fresh(size: number): Block {
    // Room for moving the beginning to a line.
    const buffer = uninitialised(size + LINE);
    const address = this.addressOf(buffer);
    // Of an address in 48 bits, `&` sees the lowest 32.
    const begin = -address & (LINE - 1);
    return { buffer, begin, address: address + begin };
  }
}

/**
 * Sizes that are treated as one, so that blocks find their next use: those with the same leading four bits. At most an
 * eighth of a block is unused, and if it is large it takes no memory, as it is never touched.
 */
const sizeClass = (bytes: number): number => {
  const step = Math.max(2 ** (Math.floor(Math.log2(bytes)) - 3), LINE);
  return Math.max(Math.ceil(bytes / step) * step, LINE);
};

/** A buffer whose bytes are whatever they were. */
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
