/**
 * Storages in the memory of the process. Where dead ones can be found (`watch.ts`), they are cut from arenas, whose
 * memory is used again soon. Elsewhere, and if they are small, each is a buffer that V8 collects, in synchronous loops as
 * well; then there is no book-keeping at all. What is given back explicitly, or by a scope, is kept for reuse, up to a
 * bound.
 *
 * How both were found to behave: docs/architecture.md, "Memory".
 */
import { RuntimeError } from '../../errors.ts';
import { ARGUMENT_BYTES, ArgumentBlock, type AddressSpace } from '../address-space.ts';
import type { Collector } from '../reclaim.ts';
import { checkAlive, slotFor, Storage, type Slot, type SlotOwner } from '../storage.ts';
import { Watch } from '../watch.ts';
import type { Block, BlockSource } from './blocks.ts';

/**
 * From so many bytes on storages are watched: books are kept of each. The others V8 collects for less, and whether their
 * memory was just used matters less.
 */
const WATCHED = 16 * 1024;

export class NativeMemory implements AddressSpace, SlotOwner {
  readonly maxIndex = Number.MAX_SAFE_INTEGER;
  /** What user programs can address. */
  readonly maxBytes = 2 ** 47;
  private readonly block: ArgumentBlock;
  private readonly watch: Watch | null;

  /**
   * @param buffers    blocks that V8 collects
   * @param arenas     blocks that are given back
   * @param collector  tells which storages are dead; where there is none, arenas are not used
   */
  constructor(
    private readonly buffers: BlockSource,
    private readonly arenas: BlockSource,
    collector: Collector | null,
  ) {
    this.watch =
      collector &&
      new Watch(collector, (slot) => {
        this.release(slot);
      });
    const { buffer, begin, address } = buffers.take(ARGUMENT_BYTES);
    this.block = new ArgumentBlock(buffer, begin, address);
  }

  allocate(bytes: number): Storage {
    const slot = slotFor(bytes, this);
    const block = this.take(bytes);
    const storage = new Storage(bytes, slot);
    this.settle(storage, block);
    return storage;
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
      this.settle(storage, block);
      slot.scope?.hold(slot);
    }
    return slot.native;
  }

  /** Bytes that were given back and are kept for reuse. */
  get keptBytes(): number {
    return this.buffers.keptBytes + this.arenas.keptBytes;
  }

  /** Storages that are not known to be dead, their bytes, and how often all garbage was collected; null where V8 knows. */
  get watched(): Pick<Watch, 'count' | 'bytes' | 'collections'> | null {
    return this.watch;
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

  private settle(storage: Storage, block: Block): void {
    const { slot } = storage;
    slot.outside = block.buffer;
    slot.begin = block.begin;
    slot.native = block.address;
    this.watchOf(storage.byteLength)?.add(storage);
  }

  /** Who watches a storage of so many bytes; null where V8 collects it. */
  private watchOf(bytes: number): Watch | null {
    return bytes < WATCHED ? null : this.watch;
  }

  private leave(slot: Slot): void {
    const { outside: buffer, begin, native: address, watch } = slot;
    slot.scope?.drop(slot);
    watch?.drop(slot);
    slot.outside = null;
    slot.native = 0;
    (watch === null ? this.buffers : this.arenas).give({ buffer: buffer!, begin, address }, slot.size);
  }

  private take(bytes: number): Block {
    const watch = this.watchOf(bytes);
    if (watch === null) return this.taken(this.buffers, bytes);
    watch.taking(bytes);
    try {
      return this.arenas.take(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      watch.sweep();
      return this.taken(this.arenas, bytes);
    }
  }

  private taken(source: BlockSource, bytes: number): Block {
    try {
      return source.take(bytes);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RuntimeError(
        `out of memory: ${String(bytes)} bytes were asked for. Smaller batches need less; flow.scope(() => ...) gives ` +
          'memory back at its end.',
      );
    }
  }
}
