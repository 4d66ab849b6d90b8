/** Tables of numbers that kernels read: kept, for layers come again in every step. */
import { allocateUnscoped, bytesOf } from '../device/memory.ts';
import { recordedBy } from '../device/recording.ts';
import type { Storage } from '../device/storage.ts';

/** At most so many bytes of them. */
const KEPT_BYTES = 8 * 2 ** 20;
const kept = new Map<string, Storage>();
let keptBytes = 0;

/**
 * A table in memory, made when it is not there yet. Whoever holds it keeps it alive.
 *
 * @param key  says all that is in the table
 */
export const keptTable = (key: string, make: () => Int32Array): Storage => {
  let table = kept.get(key);
  if (table !== undefined) {
    // A Map remembers the order of insertion: the first is the one that was not used for longest.
    kept.delete(key);
    kept.set(key, table);
    return table;
  }
  table = stored(make());
  keptBytes += table.byteLength;
  for (const [oldKey, old] of kept) {
    if (keptBytes <= KEPT_BYTES) break;
    kept.delete(oldKey);
    keptBytes -= old.byteLength;
  }
  kept.set(key, table);
  return table;
};

/** That it is made now is nothing to record: whoever records may hold it, too. */
const stored = (numbers: Int32Array): Storage =>
  recordedBy(null, () => {
    const table = allocateUnscoped(numbers.byteLength);
    bytesOf(table).set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
    return table;
  });
