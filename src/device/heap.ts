/**
 * Storages in WebAssembly's linear memory, which never shrinks and which V8 does not collect: so the heap recycles by
 * itself. A block comes back when its storage is disposed; in Node, when a look shows that its storage is dead
 * (`watch.ts`); in pages, when a finalizer runs, which happens only between tasks. When the heap has reached its limit and
 * that does not free enough, the least recently used blocks are moved out to ArrayBuffers, which are collected like
 * anything else, and come back when they are used.
 *
 * How these were found to behave: docs/architecture.md, "Memory".
 */
import { RuntimeError } from '../errors.ts';
import { threads } from '../target/wasm/features.ts';
import { ARGUMENT_BYTES, ArgumentBlock, type AddressSpace } from './address-space.ts';
import { Allocator, LINE } from './allocator.ts';
import { collector as ofThisEngine, type Collector } from './reclaim.ts';
import { checkAlive, slotFor, Storage, type Slot, type SlotOwner } from './storage.ts';
import { Watch } from './watch.ts';

const PAGE = 65536;
const MEBIBYTE = 2 ** 20;
/** Addresses are 32 bits; the last page stays free, so that an end of a block is an address too. */
const MAX_PAGES = 65535;
/** The first line of memory belongs to nobody, so that zero is no address. */
const RESERVED = 64;
/**
 * No block lies on both sides of this address, nor ends there: loops over addresses count in signed numbers, for which what
 * is above comes before what is below.
 */
const MIDDLE = 2 ** 31;
const BELOW_MIDDLE = MIDDLE - LINE;
/**
 * Where the dead are found, storages of up to so many bytes are cut from slabs: keeping books of each takes longer than all
 * else that a small op does. (An addition of four numbers: 3.6 µs with, 0.8 without.) One that is in use keeps its whole
 * slab, so slabs are not larger than saves time.
 */
const slabSizes = [
  { most: 1024, size: 8 * 1024 },
  { most: 8 * 1024, size: 64 * 1024 },
] as const;

export interface HeapStats {
  /** Bytes of linear memory, used or free. It never shrinks. */
  readonly heapBytes: number;
  /** Bytes of storages in the heap. */
  readonly residentBytes: number;
  /** Number of storages in the heap; small ones count together, as they lie together. */
  readonly storages: number;
  /** The most that `residentBytes` has been since the start or the last `resetPeakMemoryStats`. */
  readonly peakBytes: number;
  /** Above this the heap recycles before it grows. */
  readonly limitBytes: number;
  /** How often all garbage was collected to find dead storages. */
  readonly collections: number;
  /** How many storages were moved out of the heap. */
  readonly evictions: number;
  /** How many came back. */
  readonly reloads: number;
}

export interface HeapOptions {
  /** Bytes above which the heap recycles before it grows. */
  readonly limit: number;
  /** Tells which storages are dead; null where nobody can. Default: this engine's. */
  readonly collector?: Collector | null;
}

export class Heap implements AddressSpace, SlotOwner {
  readonly maxIndex = 2 ** 32 - 1;
  /** Kernels count in signed numbers. */
  readonly maxBytes = 2 ** 31 - PAGE;
  readonly memory: WebAssembly.Memory;
  private readonly allocator = new Allocator();
  /** The storages in the heap. */
  private readonly residents = new Set<Slot>();
  private readonly watch: Watch | null;
  /** Where nobody watches. */
  private readonly finalizers = new FinalizationRegistry<Slot>((slot) => {
    this.release(slot);
  });
  private limit: number;
  private clock = 0;
  private residentBytes = 0;
  private peakBytes = 0;
  private evictions = 0;
  private reloads = 0;
  /** Bytes up to which the heap grows at once: the limit, or more when that proved too little for what is in use. */
  private roof: number;
  /** Bytes that were moved out, and that came back, since this was last weighed. */
  private movedOut = 0;
  private cameBack = 0;
  /** No collection before this many bytes have been allocated since the last: collections that find little get rarer. */
  private patience = 0;
  private allocatedSince = 0;
  /** The arguments' block, which is never given back; made when it is first asked for. */
  private block: ArgumentBlock | null = null;
  private blockAddress = 0;
  /** From which small storages are cut now. */
  private readonly slabs: (Slab | null)[] = slabSizes.map(() => null);

  constructor({ limit, collector = ofThisEngine }: HeapOptions) {
    this.memory = linearMemory();
    this.limit = limit;
    this.roof = limit;
    this.watch =
      collector &&
      new Watch(collector, (slot) => {
        this.release(slot);
      });
    this.allocator.extend(RESERVED, this.memory.buffer.byteLength - RESERVED);
  }

  /** @throws RuntimeError when the size is no size, or there is no room even after recycling */
  allocate(bytes: number): Storage {
    const slot = slotFor(bytes, this);
    if (this.watch === null) return this.storageFor(bytes, slot);
    for (let k = 0; k < slabSizes.length; k++) {
      const { most, size } = slabSizes[k]!;
      if (slot.size > most) continue;
      if (this.slabs[k]?.cut(slot) !== true) {
        const slab = new Slab(this.memory, this.storageFor(size, slotFor(size, this)));
        slab.cut(slot);
        this.slabs[k] = slab;
      }
      return new Storage(bytes, slot);
    }
    return this.storageFor(bytes, slot);
  }

  private storageFor(bytes: number, slot: Slot): Storage {
    slot.address = this.place(slot.size);
    const storage = new Storage(bytes, slot);
    this.settle(storage, slot);
    return storage;
  }

  /** Whether other threads can see the memory. */
  get shared(): boolean {
    return !(this.memory.buffer instanceof ArrayBuffer);
  }

  /** The address of memory that is never given back. */
  reserve(bytes: number): number {
    return this.place(Allocator.rounded(bytes));
  }

  find(slot: Slot): number {
    slot.lastUse = ++this.clock;
    return slot.address;
  }

  resident(storage: Storage): number {
    const { slot } = storage;
    checkAlive(storage);
    if (slot.address === 0) {
      const address = this.place(slot.size);
      slot.owner.surrender(slot, new Uint8Array(this.memory.buffer, address, storage.byteLength));
      slot.owner = this;
      slot.address = address;
      this.settle(storage, slot);
    }
    return this.find(slot);
  }

  surrender(slot: Slot, into: Uint8Array): void {
    if (slot.address === 0) {
      into.set(new Uint8Array(slot.outside!, 0, into.length));
      slot.outside = null;
      this.reloads++;
      this.cameBack += slot.size;
    } else {
      into.set(new Uint8Array(this.memory.buffer, slot.address, into.length));
      this.leave(slot);
    }
  }

  argumentBlock(): ArgumentBlock {
    const { buffer } = this.memory;
    if (this.block?.buffer !== buffer) {
      this.blockAddress ||= this.place(ARGUMENT_BYTES);
      // Finding a place may have replaced the buffer.
      this.block = new ArgumentBlock(this.memory.buffer, this.blockAddress, this.blockAddress);
    }
    return this.block;
  }

  /** A window on a storage's bytes, valid until the next allocation. */
  bytes(storage: Storage): Uint8Array {
    // First the address: bringing the bytes in may replace the buffer.
    const address = this.resident(storage);
    return new Uint8Array(this.memory.buffer, address, storage.byteLength);
  }

  release(slot: Slot): void {
    if (slot.disposed) return;
    slot.disposed = true;
    slot.outside = null;
    this.leave(slot);
  }

  setLimit(bytes: number): void {
    if (!(bytes > 0))
      throw new RuntimeError(`the memory limit must be a positive number of bytes, got ${String(bytes)}`);
    this.limit = bytes;
    this.roof = bytes;
  }

  stats(): HeapStats {
    const { residentBytes, peakBytes, limit, evictions, reloads } = this;
    return {
      heapBytes: this.memory.buffer.byteLength,
      residentBytes,
      storages: this.residents.size,
      peakBytes,
      limitBytes: limit,
      collections: this.watch?.collections ?? 0,
      evictions,
      reloads,
    };
  }

  resetPeak(): void {
    this.peakBytes = this.residentBytes;
  }

  /** Books a storage whose slot has an address. */
  private settle(storage: Storage, slot: Slot): void {
    slot.scope?.hold(slot);
    this.residents.add(slot);
    if (this.watch === null) this.finalizers.register(storage, slot, slot);
    else this.watch.add(storage);
    slot.lastUse = ++this.clock;
    this.residentBytes += slot.size;
    this.peakBytes = Math.max(this.peakBytes, this.residentBytes);
  }

  /** Frees a slot's place in the heap. */
  private leave(slot: Slot): void {
    if (slot.address === 0) return;
    this.allocator.free(slot.address, slot.size);
    slot.scope?.drop(slot);
    slot.address = 0;
    this.residents.delete(slot);
    if (this.watch === null) this.finalizers.unregister(slot);
    else this.watch.drop(slot);
    this.residentBytes -= slot.size;
  }

  /** A free place of that size, made if need be. */
  private place(size: number): number {
    // What can never fit should not drive the others out first.
    if (size > MAX_PAGES * PAGE - RESERVED) throw this.outOfMemory(size);
    this.allocatedSince += size;
    this.watch?.taking(size);
    let address = this.allocator.allocate(size);
    if (address >= 0) return address;
    this.weigh();
    if (this.memory.buffer.byteLength + size <= this.roof) return this.grown(size);
    if (this.collectDead(size)) {
      address = this.allocator.allocate(size);
      if (address >= 0) return address;
    }
    // What is larger than the heap finds no place in it, however empty.
    if (size <= this.memory.buffer.byteLength) address = this.evictFor(size);
    return address >= 0 ? address : this.grown(size);
  }

  /**
   * Raises the roof when most of what was moved out came back: then all of it is in use, and moving it to and fro would
   * take more memory, outside, than a larger heap. Where storages die unseen, those that are moved out do not come back.
   */
  private weigh(): void {
    if (this.movedOut < this.roof / 2) return;
    // By little at a time: one walk over much that is seldom used is no reason to keep room for all of it.
    if (this.cameBack > this.movedOut / 2) this.roof *= 1.25;
    this.movedOut = 0;
    this.cameBack = 0;
  }

  /** A place in fresh memory: as much again as half the heap, under the roof. */
  private grown(size: number): number {
    const before = this.memory.buffer.byteLength;
    const least = before < MIDDLE && before + size > BELOW_MIDDLE ? MIDDLE - before + size : size;
    const comfortable = Math.min(Math.max(least, before / 2), Math.max(this.roof - before, least));
    for (const wish of [comfortable, least]) {
      const pages = Math.ceil(wish / PAGE);
      if (before / PAGE + pages > MAX_PAGES) continue;
      try {
        this.memory.grow(pages);
      } catch {
        continue;
      }
      this.extend(before, before + pages * PAGE);
      return this.allocator.allocate(size);
    }
    throw this.outOfMemory(size);
  }

  /** Takes fresh memory into use, but for what would make one free block of both sides of the middle. */
  private extend(begin: number, end: number): void {
    const below = Math.min(end, BELOW_MIDDLE);
    const above = Math.max(begin, MIDDLE);
    if (begin < below) this.allocator.extend(begin, below - begin);
    if (above < end) this.allocator.extend(above, end - above);
  }

  private outOfMemory(size: number): RuntimeError {
    return new RuntimeError(
      `out of memory: ${String(size)} bytes were asked for, ${String(this.residentBytes)} of ` +
        `${String(this.memory.buffer.byteLength)} are in use by ${String(this.residents.size)} tensors. Smaller batches ` +
        'need less; flow.scope(() => ...) gives memory back at its end.',
    );
  }

  /** Recycles the blocks of dead storages; false when it was not worth trying. */
  private collectDead(size: number): boolean {
    if (this.watch === null || this.allocatedSince < this.patience) return false;
    const before = this.residentBytes;
    // Some engines clear only at the second collection what the first one found dead.
    for (let attempt = 0; attempt < 2 && this.residentBytes > before - size; attempt++) this.watch.sweep();
    const freed = before - this.residentBytes;
    this.patience = freed > before / 4 ? 0 : Math.max(this.limit - freed, MEBIBYTE);
    this.allocatedSince = 0;
    return freed > 0;
  }

  /** Moves the least recently used storages out until there is a place; −1 when all that may go has gone. */
  private evictFor(size: number): number {
    const movable = [...this.residents]
      .filter((slot) => slot.pins === 0)
      .sort((a, b) => a.lastUse - b.lastUse);
    // More than asked for, so that the next allocations need not sort again.
    const target = Math.max(size, this.limit / 8);
    let moved = 0;
    for (const slot of movable) {
      const address = moved >= target ? this.allocator.allocate(size) : -1;
      if (address >= 0) return address;
      try {
        // Not by the buffer's own `slice`, whose results Node 20 does not collect in a synchronous loop.
        slot.outside = new Uint8Array(this.memory.buffer, slot.address, slot.size).slice().buffer;
        slot.begin = 0;
      } catch {
        break; // There is no memory outside either.
      }
      this.leave(slot);
      moved += slot.size;
      this.evictions++;
      this.movedOut += slot.size;
    }
    return this.allocator.allocate(size);
  }
}

/**
 * A storage that small ones are cut from. Each of them holds it by its slot, so books are kept of it alone, and it is dead
 * when all of them are. Meanwhile it stays where it is.
 */
class Slab implements SlotOwner {
  readonly collects = true;
  private used = 0;
  /** Pieces that nobody gave back. */
  private pieces = 0;

  constructor(
    private readonly memory: WebAssembly.Memory,
    private readonly storage: Storage,
  ) {
    storage.slot.pins++;
  }

  /** Gives a slot the next piece; false when there is no room. */
  cut(slot: Slot): boolean {
    if (this.used + slot.size > this.storage.byteLength) return false;
    slot.owner = this;
    slot.address = this.storage.slot.address + this.used;
    this.used += slot.size;
    this.pieces++;
    return true;
  }

  release(slot: Slot): void {
    if (slot.disposed) return;
    slot.disposed = true;
    this.leave(slot);
  }

  surrender(slot: Slot, into: Uint8Array): void {
    into.set(new Uint8Array(this.memory.buffer, slot.address, into.length));
    this.leave(slot);
  }

  private leave(slot: Slot): void {
    slot.address = 0;
    if (--this.pieces === 0) this.used = 0;
  }
}

/** Shared between threads where that is possible: kernels are as fast on it, and threads can join in at any time. */
const linearMemory = (): WebAssembly.Memory => {
  const pages = { initial: 16, maximum: MAX_PAGES };
  if (threads()) {
    try {
      return new WebAssembly.Memory({ ...pages, shared: true });
    } catch {
      // Shared memory reserves all of its address space, which a small machine may not have.
    }
  }
  return new WebAssembly.Memory(pages);
};

/** Bytes above which the heap recycles before it grows, unless MILLRACE_MEMORY_LIMIT or `setMemoryLimit` says otherwise. */
const DEFAULT_LIMIT = 512 * MEBIBYTE;

const limitFromEnvironment = (): number => {
  const text = globalThis.process?.env?.['MILLRACE_MEMORY_LIMIT'];
  if (text === undefined || text === '') return DEFAULT_LIMIT;
  const bytes = Number(text);
  if (!(bytes > 0))
    throw new RuntimeError(`MILLRACE_MEMORY_LIMIT must be a positive number of bytes, got '${text}'`);
  return bytes;
};

/** The heap of the CPU. */
export const heap = new Heap({ limit: limitFromEnvironment() });
