/**
 * Operands as kernels like to read them: packed into panels, or transformed. What stays the same from call to call, as a
 * trained network's weights do, is packed once.
 *
 * It is kept when a second call asks for it unchanged: weights in training change before that, and a product's right side
 * is mostly the result of another op. A call may ask several times, once for each chunk of its work. Storages are held weakly; what is kept of them is given back when they
 * change or are used no more, for which there is a bound.
 */
import { allocateUnscoped, workspace } from '../device/memory.ts';
import { recordedBy, recording } from '../device/recording.ts';
import type { Storage } from '../device/storage.ts';
import { currentTarget } from '../device/target.ts';

/** Of packed operands together. Those used least recently go first. */
const KEPT_BYTES = 256 * 2 ** 20;

interface Entry {
  /** The state of the source that was packed, or only seen. */
  changes: number;
  packed: Storage | null;
  /** The call that saw it first in that state. */
  firstCall: number;
  /** Grows from use to use, whichever entry is used. */
  lastUse: number;
}

const entries = new WeakMap<Storage, Map<string, Entry>>();
/** Entries that keep something. */
const keeping = new Set<Entry>();
let uses = 0;
let calls = 0;
let keptBytes = 0;

/** What is asked for from now on belongs to another call. */
export const beginCall = (): void => {
  calls++;
};

/**
 * What is kept of a source in some form, made now if it is worth keeping; null when it is not.
 *
 * @param form  what `pack` makes of the source and nothing else does, but for the target
 * @param pack  fills the storage that it is given
 * @returns what may be read until the source changes or others are kept
 */
export const keptForm = (
  source: Storage,
  form: string,
  bytes: number,
  pack: (into: Storage) => void,
): Storage | null => {
  const key = `${currentTarget().machine.name} ${form}`;
  const recorder = recording();
  if (recorder === null) return keep(source, key, bytes, pack);
  const found = recordedBy(null, () => keep(source, key, bytes, pack));
  recorder.kept(source, key, bytes, found);
  return found;
};

const keep = (source: Storage, key: string, bytes: number, pack: (into: Storage) => void): Storage | null => {
  const entry = entries.get(source)?.get(key);
  if (entry?.changes !== source.changes) {
    noteSource(source, key);
    return null;
  }
  const kept = using(entry);
  if (kept !== null) return kept;
  if (bytes > KEPT_BYTES || entry.firstCall === calls) return null;
  drop(entry);
  const packed = allocateUnscoped(bytes);
  pack(packed);
  entry.packed = packed;
  entry.lastUse = ++uses;
  keeping.add(entry);
  keptBytes += packed.byteLength;
  if (keptBytes > KEPT_BYTES) dropOldest();
  return packed;
};

/** What an entry keeps, which is in use again. */
const using = (entry: Entry): Storage | null => {
  if (entry.packed === null || entry.packed.disposed) return null;
  entry.lastUse = ++uses;
  return entry.packed;
};

/** What `keptForm` found under a key, if it would find it now; undefined if it would have to pack it. */
export const foundAgain = (source: Storage, key: string, bytes: number): Storage | null | undefined => {
  const entry = entries.get(source)?.get(key);
  if (entry?.changes !== source.changes || bytes > KEPT_BYTES) return null;
  return using(entry) ?? undefined;
};

/** A source is seen in a state in which it was not seen before. */
export const noteSource = (source: Storage, key: string): void => {
  let forms = entries.get(source);
  if (forms === undefined) entries.set(source, (forms = new Map<string, Entry>()));
  const entry = forms.get(key);
  if (entry === undefined) {
    forms.set(key, { changes: source.changes, packed: null, firstCall: calls, lastUse: 0 });
    return;
  }
  drop(entry);
  entry.changes = source.changes;
  entry.firstCall = calls;
};

/** The same, or what was packed into the workspace of that name. */
export const packedForm = (
  source: Storage,
  form: string,
  name: string,
  bytes: number,
  pack: (into: Storage) => void,
): Storage => {
  const kept = keptForm(source, form, bytes, pack);
  if (kept !== null) return kept;
  const scratch = workspace(name, bytes);
  pack(scratch);
  return scratch;
};

/** Gives back what an entry keeps. */
const drop = (entry: Entry): void => {
  const { packed } = entry;
  if (packed === null) return;
  entry.packed = null;
  keeping.delete(entry);
  keptBytes -= packed.byteLength;
  packed.dispose();
};

const dropOldest = (): void => {
  for (const entry of [...keeping].sort((a, b) => a.lastUse - b.lastUse)) {
    if (keptBytes <= KEPT_BYTES) break;
    drop(entry);
  }
};

/** Gives all packed operands back. */
export const releasePacked = (): void => {
  for (const entry of [...keeping]) drop(entry);
};

/** Bytes of packed operands that are kept. */
export const packedBytes = (): number => keptBytes;
