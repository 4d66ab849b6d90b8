/** Where launches are written down while they are made, so that they can be made again: see `kernels/plan.ts`. */
import type { Piece } from './gathering.ts';
import type { Storage } from './storage.ts';
import type { CompiledKernel } from './target.ts';

/** A launch that is to be made again, with other storages in the places of those that it had. */
export interface Launched {
  readonly run: CompiledKernel;
  /** The block of arguments. */
  readonly words: Uint32Array;
  readonly tensors: readonly {
    /** Where in the block its address is. */
    readonly word: number;
    /** Which storage, by the recorder's number. */
    readonly source: number;
    readonly byteOffset: number;
    readonly written: boolean;
  }[];
  /** Those of which each thread has a piece of its own. */
  readonly pieces: readonly Piece[];
  /** Null for a launch that does not belong to a strand. */
  readonly strand: StrandPlace | null;
  readonly begin: number;
  readonly end: number;
  readonly grain: number;
}

/** Where a launch was made: each strand has one of its own. */
export interface StrandPlace {
  /** The same for all strands that may run at a time. */
  readonly group: { readonly grain: number };
}

export interface Recorder {
  /** A number for a storage, from which the recorder knows who has it. */
  sourceOf(storage: Storage): number;
  launched(launch: Launched): void;
  workspace(name: string, bytes: number, storage: Storage): void;
  /** Whether something that is kept of a source was found, and what: see `kernels/packed.ts`. */
  kept(source: Storage, key: string, bytes: number, found: Storage | null): void;
  /** Something was done that launches do not tell. */
  refuse(): void;
}

let current: Recorder | null = null;

/** Who writes down what happens now, if anybody does. */
export const recording = (): Recorder | null => current;

/** Writes down what `work` launches; nobody does if the recorder is null. */
export const recordedBy = <T>(recorder: Recorder | null, work: () => T): T => {
  const before = current;
  current = recorder;
  try {
    return work();
  } finally {
    current = before;
  }
};
