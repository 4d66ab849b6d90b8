/** A tensor's memory, as its owner holds it. */
import { RuntimeError } from '../errors.ts';

/**
 * Where a storage's bytes are. The heap knows slots, never storages: so a storage that nobody holds can be collected,
 * and with it, when they were moved out of the heap, its bytes.
 */
export interface Slot {
  /** Zero when the bytes are not in the heap. */
  address: number;
  /** Bytes taken in the heap. */
  readonly size: number;
  /** The bytes, while they are outside the heap. */
  outside: Uint8Array | null;
  disposed: boolean;
  /** While positive the bytes must stay where they are. */
  pins: number;
  /** Grows with every use; the least is evicted first. */
  lastUse: number;
  readonly owner: SlotOwner;
  /** At whose end it is given back. */
  scope: SlotScope | null;
}

/** What takes slots back. */
export interface SlotOwner {
  release(slot: Slot): void;
}

/** What gives slots back together. */
export interface SlotScope {
  /**
   * Those in the heap. One that was moved out is not among them: it holds its bytes, so who holds the slot would keep
   * them from being collected. It learns from `ended` that it was given back.
   */
  readonly slots: Set<Slot>;
  readonly ended: boolean;
}

/** A block of memory on a device. Its bytes are not initialised. */
export class Storage {
  constructor(
    readonly byteLength: number,
    /** @internal */ readonly slot: Slot,
  ) {}

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
