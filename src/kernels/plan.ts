/**
 * What a primitive launched for operands of some form, so that for others of that form nothing is decided anew: which
 * algorithm, in which tiles, with which tables. Decisions depend on the form alone, and on whether what is packed of an
 * operand is there already; so a plan holds as long as that is found as it was.
 */
import { relaunch } from '../device/launch.ts';
import { workspace } from '../device/memory.ts';
import type { Launched, Recorder, StrandPlace } from '../device/recording.ts';
import { checkAlive, type Storage } from '../device/storage.ts';
import { beginStrands, dropStrands, endStrands, nextStrand, strandNow } from '../device/strands.ts';
import { foundAgain, noteSource } from './packed.ts';

/** Plans of more launches, and with larger tables, would take more memory than they save time. */
const MOST_LAUNCHES = 64;
const MOST_TABLE_BYTES = 64 * 1024;

/** Writes down what is launched, and launches it again. */
export class Plan implements Recorder {
  private readonly launches: Launched[] = [];
  private readonly workspaces: { readonly source: number; readonly name: string; bytes: number }[] = [];
  /** What was asked of `packed.ts`, and the number of what was found: −1 for nothing. */
  private readonly asked: {
    readonly operand: number;
    readonly key: string;
    readonly bytes: number;
    readonly source: number;
  }[] = [];
  /** Storages of nobody else's, such as tables: the same every time. */
  private readonly constants: { readonly source: number; readonly storage: Storage }[] = [];
  /** Storages by their numbers while the plan is made, the operands first. */
  private known: (Storage | null)[];
  private refused = false;

  constructor(operands: readonly Storage[]) {
    this.known = [...operands];
  }

  sourceOf(storage: Storage): number {
    const source = this.known.indexOf(storage);
    if (source >= 0) return source;
    this.constants.push({ source: this.known.length, storage });
    return this.add(storage);
  }

  launched(launch: Launched): void {
    this.launches.push(launch);
  }

  workspace(name: string, bytes: number, storage: Storage): void {
    const before = this.workspaces.find((other) => other.name === name);
    if (before === undefined) {
      this.workspaces.push({ source: this.add(storage), name, bytes });
      return;
    }
    before.bytes = Math.max(before.bytes, bytes);
    if (this.known[before.source] === storage) return;
    // It has grown, and so become another storage. Of strands, both are cut into pieces, each in another way.
    if (strandNow() !== null) this.refuse();
    this.known[before.source] = storage;
  }

  kept(source: Storage, key: string, bytes: number, found: Storage | null): void {
    const operand = this.known.indexOf(source);
    if (operand < 0) this.refuse();
    else this.asked.push({ operand, key, bytes, source: found === null ? -1 : this.add(found) });
  }

  refuse(): void {
    this.refused = true;
  }

  /** Ends the writing. False when the plan is of no use. */
  finish(): boolean {
    // What is here only for its number must not be kept from the collector.
    this.known = [];
    const tableBytes = this.constants.reduce((sum, { storage }) => sum + storage.byteLength, 0);
    return !this.refused && this.launches.length <= MOST_LAUNCHES && tableBytes <= MOST_TABLE_BYTES;
  }

  /**
   * Launches everything for these operands.
   *
   * @returns false, and nothing was done, when what is packed of them is not as it was
   */
  run(operands: readonly Storage[]): boolean {
    for (let k = 0; k < this.asked.length; k++) {
      const { operand, key, bytes, source } = this.asked[k]!;
      const found = foundAgain(operands[operand]!, key, bytes);
      if (source < 0 ? found !== null : !found) return false;
      if (source >= 0) storages[source] = found!;
    }
    for (let k = 0; k < this.asked.length; k++) {
      const { operand, key, source } = this.asked[k]!;
      if (source < 0) noteSource(operands[operand]!, key);
    }
    for (let k = 0; k < operands.length; k++) {
      checkAlive(operands[k]!);
      storages[k] = operands[k]!;
    }
    for (let k = 0; k < this.constants.length; k++) {
      const { source, storage } = this.constants[k]!;
      storages[source] = storage;
    }
    for (let k = 0; k < this.workspaces.length; k++) {
      const { source, name, bytes } = this.workspaces[k]!;
      storages[source] = workspace(name, bytes);
    }
    try {
      this.launchAll(storages as Storage[]);
    } finally {
      dropStrands();
    }
    // A loop, as `fill` is a call into V8 that takes as long as a small launch.
    for (let k = 0; k < storages.length; k++) storages[k] = null;
    return true;
  }

  private launchAll(storages: readonly Storage[]): void {
    let last = null as StrandPlace | null;
    for (let k = 0; k < this.launches.length; k++) {
      const launched = this.launches[k]!;
      const { strand } = launched;
      if (strand !== last) {
        if (strand?.group !== last?.group) {
          if (last !== null) endStrands();
          if (strand !== null) beginStrands();
        }
        if (strand !== null) nextStrand(strand);
        last = strand;
      }
      relaunch(launched, storages);
    }
    if (last !== null) endStrands();
  }

  private add(storage: Storage): number {
    return this.known.push(storage) - 1;
  }
}

/** Storages by their numbers while a plan is run; only then, as it must not keep them from the collector. */
const storages: (Storage | null)[] = [];
