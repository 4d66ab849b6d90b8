/** The CPU's memory as the rest of the library uses it. */
import { gathering } from './gathering.ts';
import { heap, type HeapStats } from './heap.ts';
import { nativeMemory } from './native/processor.ts';
import { recording } from './recording.ts';
import { noteAllocation } from './scope.ts';
import { checkAlive, type Storage } from './storage.ts';
import { currentTarget } from './target.ts';

export interface MemoryStats extends HeapStats {
  /** Bytes of scratch memory, which is kept for reuse; part of what is in use. */
  readonly workspaceBytes: number;
  /**
   * Natively: bytes of storages that are not known to be dead. They are part of `residentBytes`, and as far as anybody
   * looked, of `peakBytes`. Small storages, and all of them where V8 cannot be asked for its dead, are V8's to collect:
   * it does not tell whose its buffers are, so small ones are left out, and where all are V8's, the program's own count
   * among them.
   */
  readonly nativeBytes: number;
  /** Natively: bytes that were given back and are kept for reuse. Not part of `nativeBytes`. */
  readonly keptBytes: number;
}

/** Uninitialised memory, given back at the end of the scope in which it was allocated, if there is one. */
export const allocate = (bytes: number): Storage => {
  recording()?.refuse();
  const storage = allocateUnscoped(bytes);
  noteAllocation(storage);
  return storage;
};

/** Uninitialised memory that outlives the scope in which it is allocated. */
export const allocateUnscoped = (bytes: number): Storage => currentTarget().memory.allocate(bytes);

/** Where a storage's bytes are for JavaScript, which may write to them. Valid until memory is next allocated or used. */
export const placeOf = (storage: Storage): { buffer: ArrayBufferLike; begin: number } => {
  checkAlive(storage);
  recording()?.refuse();
  storage.changes++;
  const { outside, begin } = storage.slot;
  if (outside !== null) return { buffer: outside, begin };
  const address = heap.resident(storage);
  return { buffer: heap.memory.buffer, begin: address };
};

/** A window on a storage's bytes, valid until memory is next allocated or used. */
export const bytesOf = (storage: Storage): Uint8Array => {
  const { buffer, begin } = placeOf(storage);
  return new Uint8Array(buffer, begin, storage.byteLength);
};

/** What memory is in use. */
export const memoryStats = (): MemoryStats => {
  let workspaceBytes = 0;
  for (const { byteLength } of workspaces.values()) workspaceBytes += byteLength;
  const stats = heap.stats();
  const memory = nativeMemory();
  const watched = memory?.watched;
  const keptBytes = memory?.keptBytes ?? 0;
  const nativeBytes =
    memory === null ? 0 : (watched?.bytes ?? process.memoryUsage().arrayBuffers - keptBytes);
  const residentBytes = stats.residentBytes + nativeBytes;
  peakBytes = Math.max(peakBytes, stats.peakBytes, residentBytes);
  return {
    ...stats,
    residentBytes,
    storages: stats.storages + (watched?.count ?? 0),
    collections: stats.collections + (watched?.collections ?? 0),
    peakBytes,
    workspaceBytes,
    nativeBytes,
    keptBytes,
  };
};
let peakBytes = 0;

/** Starts the measurement of `peakBytes` anew. */
export const resetPeakMemoryStats = (): void => {
  heap.resetPeak();
  peakBytes = 0;
};

/**
 * Sets how many bytes WebAssembly's heap may reach before it recycles instead of growing. What is in use may still exceed
 * it. Natively there is no limit but the system's: dead tensors are found as memory is taken. Default 512 MiB, or
 * MILLRACE_MEMORY_LIMIT.
 */
export const setMemoryLimit = (bytes: number): void => {
  heap.setLimit(bytes);
};

/**
 * Scratch memory under a name: the same block again at the next call, larger if need be. Its contents are whatever was
 * left there; two uses that overlap in time need two names. In all it takes the largest size asked under each name.
 * Under pressure it moves out of the heap like a tensor, with its contents: an op may come back for what it packed.
 */
export const workspace = (name: string, bytes: number): Storage => {
  const storage = workspaceOf(name, bytes);
  recording()?.workspace(name, bytes, storage);
  return storage;
};
const workspaceOf = (name: string, bytes: number): Storage => {
  const kept = workspaces.get(name);
  if (kept !== undefined && kept.byteLength >= bytes) return kept;
  workspaces.delete(name);
  // What was gathered may still be about to use it.
  if (gathering() === null) kept?.dispose();
  const fresh = allocateUnscoped(bytes);
  workspaces.set(name, fresh);
  return fresh;
};
const workspaces = new Map<string, Storage>();

/** Gives all scratch memory back. */
export const releaseWorkspaces = (): void => {
  for (const storage of workspaces.values()) storage.dispose();
  workspaces.clear();
};
