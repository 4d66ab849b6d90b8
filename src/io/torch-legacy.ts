/**
 * PyTorch's files before 1.6: pickles one after another, then the storages.
 *
 *     a number that marks the format; 1001, the version; facts about the machine; the object; the storages' keys
 *     for each key, in that order: the number of elements (64 bits), and the elements
 *
 * @see torch/serialization.py, `_legacy_save` and `_legacy_load`
 */
import { Cursor } from './cursor.ts';
import { bytesInFile, storeElements } from './elements.ts';
import { isWhole, Loading, refuse } from './loading.ts';
import { unpickle } from './pickle.ts';
import { storageId, StoredElements, torchNames } from './torch-names.ts';
import { quoted } from './text.ts';
import type { SavedValue } from './values.ts';

/** The pickle of 0x1950a86a20f9469cfc6c. */
const MAGIC = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const VERSION = 1001;

export const isTorchLegacy = (bytes: Uint8Array): boolean => MAGIC.every((byte, k) => bytes[k] === byte);

/** @throws FileFormatError saying what is wrong, and where */
export const parseTorchLegacy = (bytes: Uint8Array, loading: Loading): SavedValue => {
  const cursor = new Cursor(bytes, 'legacy PyTorch file', MAGIC.length);
  const plain = { names: new Map(), spend: (size: number): void => loading.spend(size) };
  const version = unpickle(cursor, plain);
  if (version !== VERSION) cursor.fail(`not version ${VERSION} of the format`);
  const machine = unpickle(cursor, plain);
  if (!(machine instanceof Map) || machine.get('little_endian') !== true) {
    cursor.fail('not from a little-endian machine');
  }

  // The storages come after the object, so it is read twice: to learn which storages it has, and with them.
  const start = cursor.position;
  const draft = new Loading(bytes.length);
  const expected = draft.guard(() => expectedStorages(cursor, draft));
  draft.release();
  const storages = readStorages(cursor, loading, expected, unpickle(cursor, plain));
  return unpickle(new Cursor(bytes, cursor.source, start), {
    ...plain,
    names: torchNames(loading),
    persistent: (id) => {
      const { key, view } = storageId(id);
      return partOf(storages.get(key)!, view);
    },
  });
};

/** The storages that an object refers to, without their elements. */
const expectedStorages = (cursor: Cursor, draft: Loading): Map<string, StoredElements> => {
  const expected = new Map<string, StoredElements>();
  const nothing = draft.own(storeElements('uint8', new Uint8Array(), 'storage'));
  unpickle(cursor, {
    names: torchNames(draft),
    spend: (size) => draft.spend(size),
    persistent: (id) => {
      const { elements, key, location, count, view } = storageId(id);
      const whole = expected.get(key) ?? new StoredElements(nothing, elements, 0, count, location);
      if (whole.elements !== elements || whole.count !== count) {
        refuse(
          `storage ${quoted(key)} of ${count} ${elements}, which was of ${whole.count} ${whole.elements} before`,
        );
      }
      expected.set(key, whole);
      return partOf(whole, view);
    },
  });
  return expected;
};

/** @param view  of a persistent id: [null], or [(key, offset, size)] for a storage that views another */
const partOf = (whole: StoredElements, view: readonly unknown[]): StoredElements => {
  if (view.length !== 1) return refuse('a persistent id that is not of six items');
  if (view[0] === null) return whole;
  const [, offset, size] = Array.isArray(view[0]) ? (view[0] as unknown[]) : [];
  if (!isWhole(offset) || !isWhole(size) || offset + size > whole.count) {
    return refuse(`a view that reaches beyond its storage of ${whole.count} elements`);
  }
  return new StoredElements(whole.storage, whole.elements, offset, size, whole.location);
};

/** The storages, with their elements. */
const readStorages = (
  cursor: Cursor,
  loading: Loading,
  expected: ReadonlyMap<string, StoredElements>,
  keys: SavedValue,
): Map<string, StoredElements> => {
  if (!Array.isArray(keys) || keys.length !== expected.size || new Set(keys).size !== expected.size) {
    cursor.fail(`not the keys of the ${expected.size} storages that the object has`);
  }
  const storages = new Map<string, StoredElements>();
  for (const key of keys as readonly unknown[]) {
    const stored = typeof key === 'string' ? expected.get(key) : undefined;
    if (stored === undefined) return cursor.fail('a key of a storage that the object does not have');
    const { elements, count, location } = stored;
    const found = cursor.u64();
    if (found !== count) cursor.fail(`a storage of ${found} elements, expected ${count}`);
    const bytes = cursor.take(count * bytesInFile(elements));
    const storage = loading.own(storeElements(elements, bytes, `storage ${quoted(key as string)}`));
    storages.set(key as string, new StoredElements(storage, elements, 0, count, location));
  }
  if (cursor.remaining > 0) cursor.fail(`${cursor.remaining} bytes after the end`);
  return storages;
};
