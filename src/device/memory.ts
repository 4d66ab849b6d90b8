/** The CPU's memory as the rest of the library uses it. */
import { heap, type HeapStats } from './heap.ts';
import { noteAllocation } from './scope.ts';
import type { Storage } from './storage.ts';

export interface MemoryStats extends HeapStats {
  /** Bytes of scratch memory, which is kept for reuse; part of what is in use. */
  readonly workspaceBytes: number;
}

/** Uninitialised memory, given back at the end of the scope in which it was allocated, if there is one. */
export const allocate = (bytes: number): Storage => {
  const storage = heap.allocate(bytes);
  noteAllocation(storage);
  return storage;
};

/** A window on a storage's bytes, valid until memory is next allocated or used. */
export const bytesOf = (storage: Storage): Uint8Array<ArrayBuffer> => heap.bytes(storage);

/** What memory is in use. */
export const memoryStats = (): MemoryStats => {
  let workspaceBytes = 0;
  for (const { byteLength } of workspaces.values()) workspaceBytes += byteLength;
  return { ...heap.stats(), workspaceBytes };
};

/** Starts the measurement of `peakBytes` anew. */
export const resetPeakMemoryStats = (): void => {
  heap.resetPeak();
};

/**
 * Sets how many bytes the heap may reach before it recycles instead of growing. What is in use may still exceed it.
 * Default 512 MiB, or MILLRACE_MEMORY_LIMIT.
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
  const kept = workspaces.get(name);
  if (kept !== undefined && kept.byteLength >= bytes) return kept;
  workspaces.delete(name);
  kept?.dispose();
  const fresh = heap.allocate(bytes);
  workspaces.set(name, fresh);
  return fresh;
};
const workspaces = new Map<string, Storage>();

/** Gives all scratch memory back. */
export const releaseWorkspaces = (): void => {
  for (const storage of workspaces.values()) storage.dispose();
  workspaces.clear();
};
