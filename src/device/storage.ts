/** A tensor's memory, as its owner holds it. */
import { RuntimeError } from '../errors.ts';
import { Allocator } from './allocator.ts';
import { INSPECT, inspected } from './reclaim.ts';

/**
 * Where a storage's bytes are: in linear memory, or outside of it in a buffer that V8 collects. Owners know slots, never
 * storages: so a storage that nobody holds can be collected, and with it, when they are outside, its bytes.
 */
export interface Slot {
  /** Where they are in linear memory; zero when they are outside. */
  address: number;
  /** Where they are in the memory of the process, if native code may use them there; zero if not. */
  native: number;
  /** Bytes taken: whole lines. */
  readonly size: number;
  /** The buffer that holds the bytes while they are outside, and where in it they begin. */
  outside: ArrayBuffer | null;
  begin: number;
  disposed: boolean;
  /** While positive the bytes must stay where they are. */
  pins: number;
  /** Grows with every use; the least is evicted first. */
  lastUse: number;
  /** Whoever had the bytes last. */
  owner: SlotOwner;
  /** At whose end it is given back. */
  scope: SlotScope | null;
  /** Who notices when the storage is dead; null where its bytes are for V8 to collect. */
  watch: SlotWatch | null;
  /** How many looks of the watch it has outlived, and the last that saw it. */
  age: number;
  seen: number;
}

/** Who has slots' bytes. */
export interface SlotOwner {
  /** Whether it notices by itself when nobody uses any of them; so no scope needs to give them back. */
  readonly collects?: boolean;
  /** The slot is given back: its bytes are free. */
  release(slot: Slot): void;
  /** Copies the bytes out, and has nothing to do with the slot any more. */
  surrender(slot: Slot, into: Uint8Array): void;
}

/** Who notices that storages are dead. */
export interface SlotWatch {
  /** Forgets a slot: its storage was disposed, or its bytes have another owner. */
  drop(slot: Slot): void;
}

/** What gives slots back together. */
export interface SlotScope {
  /** A slot's bytes have a new place. */
  hold(slot: Slot): void;
  /** They are about to leave it. */
  drop(slot: Slot): void;
  readonly ended: boolean;
}

/** A slot whose bytes have no place yet. @throws RuntimeError when the size is no size */
export const slotFor = (bytes: number, owner: SlotOwner): Slot => {
  if (!Number.isSafeInteger(bytes) || bytes < 0) {
    throw new RuntimeError(`cannot allocate ${String(bytes)} bytes: the size must be a non-negative integer`);
  }
  return {
    address: 0,
    native: 0,
    size: Allocator.rounded(bytes),
    outside: null,
    begin: 0,
    disposed: false,
    pins: 0,
    lastUse: 0,
    owner,
    scope: null,
    watch: null,
    age: 0,
    seen: 0,
  };
};

let made = 0;

/** How many storages there have been: the number of the latest. */
export const storagesMade = (): number => made;

/** A block of memory on a device. Its bytes are not initialised. */
export class Storage {
  /** Later ones have larger numbers. @internal */
  readonly number = ++made;
  /** Grows whenever the bytes may have changed: what was made of them holds as long as this stays the same. @internal */
  changes = 0;

  constructor(
    readonly byteLength: number,
    /** @internal */ readonly slot: Slot,
  ) {}

  /** How Node shows a storage, and how a watch sees that it is alive. @internal */
  [INSPECT](): string {
    return inspected(this) ? '' : `Storage of ${String(this.byteLength)} bytes`;
  }

  get disposed(): boolean {
    return this.slot.disposed || this.slot.scope?.ended === true;
  }

  /** Gives the memory back at once. Using the storage afterwards is an error; disposing again does nothing. */
  dispose(): void {
    if (!this.slot.disposed) this.slot.owner.release(this.slot);
  }
}

/** @throws RuntimeError when the storage was given back */
export const checkAlive = (storage: Storage): void => {
  if (storage.disposed) {
    throw new RuntimeError(
      "this tensor's memory was given back: dispose() was called, or the flow.scope in which it was made has ended; return a tensor from the scope to keep it",
    );
  }
};

/** A tensor argument: its memory from a byte on. */
export interface Region {
  readonly storage: Storage;
  readonly byteOffset: number;
  /** In strands each thread has a piece of its own, so many bytes from that of the thread before: `ownWorkspace`. */
  readonly apart?: number;
}
