/**
 * Zip archives, read with suspicion. The central directory says what there is; every local header, descriptor and end
 * record must agree with it, no two entries may share a byte, and nothing may follow the end. Data are checked against
 * their check sum when they are read.
 *
 * @see PKWARE, APPNOTE.TXT 6.3.9
 */
import { FileFormatError } from '../errors.ts';
import { crc32 } from './crc32.ts';
import { Cursor } from './cursor.ts';
import { inflate } from './inflate.ts';
import { quoted } from './text.ts';
import { flags, IN_ZIP64, IN_ZIP64_SHORT, methods, signatures, sizes, ZIP64_EXTRA } from './zip-layout.ts';

/** What the central directory says of an entry. */
interface Entry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  /** In the archive. */
  readonly packedSize: number;
  readonly size: number;
  readonly headerOffset: number;
}

/** An entry and the bytes of the archive that belong to it. */
interface Placed extends Entry {
  readonly dataOffset: number;
  /** Behind the data and, if there is one, the descriptor. */
  readonly end: number;
}

export class ZipArchive {
  private readonly entries: ReadonlyMap<string, Placed>;

  /** @throws FileFormatError when the archive contradicts itself */
  constructor(private readonly bytes: Uint8Array) {
    const directory = findDirectory(bytes);
    const entries = new Map<string, Placed>();
    for (const entry of readDirectory(bytes, directory)) {
      if (entries.has(entry.name)) fail(`two entries of the name ${quoted(entry.name)}`);
      entries.set(entry.name, place(bytes, entry, directory.offset));
    }
    checkOverlap([...entries.values()]);
    this.entries = entries;
  }

  /** In the order of the directory. */
  get names(): string[] {
    return [...this.entries.keys()];
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** How many bytes an entry has when it is read. Not yet proven for one that is deflated. */
  sizeOf(name: string): number {
    return this.entry(name).size;
  }

  isStored(name: string): boolean {
    return this.entry(name).method === methods.stored;
  }

  /** An entry's bytes: a window on the archive, if it is stored. @throws FileFormatError when they are damaged */
  read(name: string): Uint8Array {
    const { dataOffset, packedSize, method, size, crc } = this.entry(name);
    const packed = this.bytes.subarray(dataOffset, dataOffset + packedSize);
    const data = method === methods.stored ? packed : inflate(packed, size, `zip entry ${quoted(name)}`);
    if (crc32(data) !== crc) failOn(name, 'does not have the check sum that the directory says');
    return data;
  }

  private entry(name: string): Placed {
    return this.entries.get(name) ?? fail(`no entry ${quoted(name)}`);
  }
}

/** Where the central directory lies, and how many entries it has. */
interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

function findDirectory(bytes: Uint8Array): Directory {
  const endAt = findEnd(bytes);
  const cursor = new Cursor(bytes, 'zip end record', endAt + 4);
  const disks = [cursor.u16(), cursor.u16()];
  const counts = [cursor.u16(), cursor.u16()];
  const directory = { count: counts[1]!, size: cursor.u32(), offset: cursor.u32() };
  const wide = findWide(bytes, endAt);
  if (wide !== null) {
    const agrees = (narrow: number, value: number, unknown: number): boolean =>
      narrow === unknown || narrow === value;
    if (
      !agrees(directory.count, wide.count, IN_ZIP64_SHORT) ||
      !agrees(directory.size, wide.size, IN_ZIP64) ||
      !agrees(directory.offset, wide.offset, IN_ZIP64)
    ) {
      fail('its two end records contradict each other');
    }
  }
  if (disks.some((disk) => disk !== 0 && disk !== IN_ZIP64_SHORT) || counts[0] !== counts[1]) {
    fail('a part of an archive in several parts');
  }
  const { end, ...found } = wide ?? { ...directory, end: endAt };
  if (found.offset + found.size !== end) {
    fail(`a directory from ${found.offset} to ${found.offset + found.size}, expected it to end at ${end}`);
  }
  if (found.count * sizes.centralHeader > found.size) {
    fail(`${found.count} entries in a directory of ${found.size} bytes`);
  }
  return found;
}

/** The end record is the last thing in the file but for a comment, whose length it tells. */
function findEnd(bytes: Uint8Array): number {
  const last = bytes.length - sizes.end;
  const first = Math.max(0, last - 0xffff);
  for (let at = last; at >= first; at--) {
    if (bytes[at] !== 0x50) continue;
    const cursor = new Cursor(bytes, 'zip end record', at);
    if (cursor.u32() !== signatures.end) continue;
    cursor.position = at + 20;
    if (cursor.u16() === bytes.length - at - sizes.end) return at;
  }
  return fail('no end record: the file is cut off, or something follows it');
}

/** The directory as the ZIP64 end record has it, and where that record begins; null where there is none. */
function findWide(bytes: Uint8Array, endAt: number): (Directory & { readonly end: number }) | null {
  const locatorAt = endAt - sizes.zip64Locator;
  if (locatorAt < 0) return null;
  const locator = new Cursor(bytes, 'zip64 locator', locatorAt);
  if (locator.u32() !== signatures.zip64Locator) return null;
  const disk = locator.u32();
  const recordAt = locator.u64();
  const disks = locator.u32();
  if (disk !== 0 || disks > 1) fail('a part of an archive in several parts');
  if (recordAt + sizes.zip64End !== locatorAt) fail('a ZIP64 end record that is not where its locator says');
  const record = new Cursor(bytes, 'zip64 end record', recordAt);
  if (record.u32() !== signatures.zip64End || record.u64() !== sizes.zip64End - 12) {
    fail('a ZIP64 end record that is none');
  }
  record.position += 4; // versions
  if (record.u32() !== 0 || record.u32() !== 0) fail('a part of an archive in several parts');
  const counts = [record.u64(), record.u64()];
  if (counts[0] !== counts[1]) fail('a part of an archive in several parts');
  return { count: counts[1]!, size: record.u64(), offset: record.u64(), end: recordAt };
}

function* readDirectory(bytes: Uint8Array, { offset, size, count }: Directory): Generator<Entry, void> {
  const cursor = new Cursor(bytes.subarray(0, offset + size), 'zip directory', offset);
  for (let k = 0; k < count; k++) {
    if (cursor.u32() !== signatures.centralHeader) cursor.fail('an entry that does not begin as one');
    cursor.position += 4; // versions
    const entryFlags = cursor.u16();
    const method = cursor.u16();
    cursor.position += 4; // date and time
    const crc = cursor.u32();
    const narrow = { packedSize: cursor.u32(), size: cursor.u32() };
    const [nameLength, extraLength, commentLength] = [cursor.u16(), cursor.u16(), cursor.u16()];
    const disk = cursor.u16();
    cursor.position += 6; // attributes
    const headerOffset = cursor.u32();
    const name = cursor.text(nameLength);
    const extra = new Cursor(cursor.take(extraLength), `zip entry ${quoted(name)}`);
    cursor.take(commentLength);
    checkName(name);
    if (disk !== 0) failOn(name, 'lies in another part of the archive');
    if ((entryFlags & flags.encrypted) !== 0) failOn(name, 'is encrypted');
    if ((entryFlags & ~(flags.effort | flags.descriptor | flags.utf8)) !== 0) {
      failOn(name, `has flags 0x${entryFlags.toString(16)}, which are not read here`);
    }
    const wide = widen({ size: narrow.size, packedSize: narrow.packedSize, headerOffset }, extra);
    if (method !== methods.stored && method !== methods.deflated) {
      failOn(name, `is compressed with method ${method}`);
    }
    if (method === methods.stored && wide.size !== wide.packedSize) {
      failOn(name, `is stored in ${wide.packedSize} bytes, but has ${wide.size}`);
    }
    yield { name, flags: entryFlags, method, crc, ...wide };
  }
  if (cursor.remaining > 0) cursor.fail(`${cursor.remaining} bytes after the last of ${count} entries`);
}

/** Names are of files inside of the folder into which one would unpack. */
function checkName(name: string): void {
  const parts = name.replace(/\/$/, '').split('/');
  if (/[\\\0]/.test(name) || parts.some((part) => part === '' || part === '.' || part === '..')) {
    failOn(name, 'has a name that is no plain path');
  }
}

/** Fields whose value is in the ZIP64 extra field have it there, in this order. */
function widen<Fields extends Record<string, number>>(fields: Fields, extra: Cursor): Fields {
  const absent = Object.keys(fields).filter((key) => fields[key] === IN_ZIP64);
  if (absent.length === 0) return fields;
  while (extra.remaining > 0) {
    const [kind, length] = [extra.u16(), extra.u16()];
    const field = new Cursor(extra.take(length), extra.source);
    if (kind === ZIP64_EXTRA) {
      return { ...fields, ...Object.fromEntries(absent.map((key) => [key, field.u64()])) };
    }
  }
  return extra.fail('sizes of 64 bits that are not there');
}

/** Finds an entry's data behind its local header, which must say the same as the directory. */
function place(bytes: Uint8Array, entry: Entry, directoryOffset: number): Placed {
  const { name, headerOffset, packedSize } = entry;
  if (headerOffset > directoryOffset) failOn(name, `begins at ${headerOffset}, behind the directory`);
  const cursor = new Cursor(bytes.subarray(0, directoryOffset), `zip entry ${quoted(name)}`, headerOffset);
  if (cursor.u32() !== signatures.localHeader) failOn(name, 'does not begin with a local header');
  cursor.position += 2; // version
  const [localFlags, method] = [cursor.u16(), cursor.u16()];
  cursor.position += 4; // date and time
  const crc = cursor.u32();
  const narrow = { size: 0, packedSize: cursor.u32() };
  narrow.size = cursor.u32();
  const [nameLength, extraLength] = [cursor.u16(), cursor.u16()];
  const localName = cursor.text(nameLength);
  const extra = new Cursor(cursor.take(extraLength), cursor.source);
  const later = (entry.flags & flags.descriptor) !== 0;
  const local = { crc, ...widen(narrow, extra) };
  const absent = later && crc === 0 && local.size === 0 && local.packedSize === 0;
  if (
    localName !== name ||
    method !== entry.method ||
    localFlags !== entry.flags ||
    !(absent || sameFacts(local, entry))
  ) {
    failOn(name, 'has a local header that contradicts the directory');
  }
  const dataOffset = cursor.position;
  cursor.take(packedSize);
  if (later) passDescriptor(cursor, entry);
  return { ...entry, dataOffset, end: cursor.position };
}

type Facts = Pick<Entry, 'crc' | 'size' | 'packedSize'>;
const sameFacts = (a: Facts, b: Facts): boolean =>
  a.crc === b.crc && a.size === b.size && a.packedSize === b.packedSize;

/** Behind the data: signature, check sum, and sizes of 32 or of 64 bits. */
function passDescriptor(cursor: Cursor, entry: Entry): void {
  if (cursor.u32() !== signatures.descriptor) failOn(entry.name, 'has no descriptor behind its data');
  const crc = cursor.u32();
  const start = cursor.position;
  for (const words of [1, 2]) {
    cursor.position = start;
    if (cursor.remaining < 8 * words) break;
    const size = (): number => cursor.u32() + (words === 2 ? cursor.u32() * 2 ** 32 : 0);
    if (sameFacts({ crc, packedSize: size(), size: size() }, entry)) return;
  }
  failOn(entry.name, 'has a descriptor that contradicts the directory');
}

function checkOverlap(entries: Placed[]): void {
  entries.sort((a, b) => a.headerOffset - b.headerOffset);
  entries.forEach((entry, k) => {
    const previous = entries[k - 1];
    if (previous !== undefined && entry.headerOffset < previous.end) {
      failOn(entry.name, `overlaps ${quoted(previous.name)}`);
    }
  });
}

function fail(problem: string): never {
  throw new FileFormatError(`zip archive: ${problem}`);
}

function failOn(name: string, problem: string): never {
  throw new FileFormatError(`zip entry ${quoted(name)} ${problem}`);
}
