/**
 * What a target's kernels reach by address: WebAssembly's linear memory, or the whole memory of the process. A storage's
 * bytes are in one of them at a time; a target whose kernels need them elsewhere moves them. So tensors stay valid when
 * the target is changed.
 */
import type { Slot, Storage } from './storage.ts';

export interface AddressSpace {
  /** Uninitialised memory. @throws RuntimeError when the size is no size, or there is no room */
  allocate(bytes: number): Storage;
  /** Where a slot's bytes are, or 0 when they must be brought in first. Valid until the next allocation. */
  find(slot: Slot): number;
  /** Where a storage's bytes are; they are brought in if need be. Valid until the next allocation. */
  resident(storage: Storage): number;
  /** Where kernels look for their arguments. Valid until the next allocation. */
  argumentBlock(): ArgumentBlock;
  /** The largest number that an `index` parameter holds. */
  readonly maxIndex: number;
  /** No storage can be larger. */
  readonly maxBytes: number;
}

/** No kernel has more parameters. */
export const MAX_PARAMETERS = 64;
export const ARGUMENT_BYTES = 8 * MAX_PARAMETERS;

/** Eight bytes per parameter, as arrays of every type that a parameter can have. */
export class ArgumentBlock {
  readonly words: Uint32Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  readonly longs: BigInt64Array;

  /**
   * @param address  where kernels find it
   * @param begin    where it begins in the buffer
   */
  constructor(
    readonly buffer: ArrayBufferLike,
    begin: number,
    readonly address: number,
  ) {
    this.words = new Uint32Array(buffer, begin, 2 * MAX_PARAMETERS);
    this.floats = new Float32Array(buffer, begin, 2 * MAX_PARAMETERS);
    this.doubles = new Float64Array(buffer, begin, MAX_PARAMETERS);
    this.longs = new BigInt64Array(buffer, begin, MAX_PARAMETERS);
  }
}
