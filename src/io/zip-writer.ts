/**
 * Zip archives as PyTorch writes them, byte for byte: entries stored, each beginning at a multiple of 64 bytes, so that
 * a file mapped into memory can be computed with.
 *
 * @see PyTorchStreamWriter in caffe2/serialize/inline_container.cc
 */
import { RuntimeError } from '../errors.ts';
import { ByteWriter } from './byte-writer.ts';
import { crc32 } from './crc32.ts';
import { flags, methods, signatures, sizes } from './zip-layout.ts';

const ALIGNMENT = 64;
/** The field that fills the space before an entry: `FB`, filled with `Z`. */
const PADDING_EXTRA = 0x4246;
const PADDING = 0x5a;
/** Kind and length of an extra field. */
const EXTRA_HEADER = 4;
/** Signature, check sum, two sizes. */
const DESCRIPTOR = 16;
/** Beyond it sizes would need fields of 64 bits. No array of bytes is that long. */
const MAX_ARCHIVE = 2 ** 32 - 2;
/** ZIP64 (4.5), made by version 3.0 under Unix. */
const VERSION = { madeBy: 0x031e, needed: 45 };

export interface ZipEntry {
  readonly name: string;
  /** Of the data, in bytes. */
  readonly size: number;
  /** The data; may be a window on memory that is valid for a moment. */
  readonly read: () => Uint8Array;
}

export const zipEntry = (name: string, data: Uint8Array): ZipEntry => ({
  name,
  size: data.length,
  read: () => data,
});

interface Written {
  readonly name: Uint8Array;
  readonly flags: number;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/** @throws RuntimeError when the archive would pass 4 GiB */
export const writeZip = (entries: readonly ZipEntry[]): Uint8Array<ArrayBuffer> => {
  const names = entries.map(({ name }) => new TextEncoder().encode(name));
  const total = archiveSize(entries, names);
  if (total > MAX_ARCHIVE)
    throw new RuntimeError(`a file of ${total} bytes; at most ${MAX_ARCHIVE} can be written`);
  const out = new ByteWriter(total);
  const written = entries.map(({ read }, k) => writeEntry(out, names[k]!, read()));
  const directoryOffset = out.length;
  for (const entry of written) writeDirectoryEntry(out, entry);
  writeEnd(out, written.length, directoryOffset);
  return out.finish();
};

const fixedSize = (name: Uint8Array): number => sizes.localHeader + name.length + EXTRA_HEADER;
const paddingAfter = (offset: number): number => (ALIGNMENT - (offset % ALIGNMENT)) % ALIGNMENT;

const archiveSize = (entries: readonly ZipEntry[], names: readonly Uint8Array[]): number => {
  let end = 0;
  entries.forEach(({ size }, k) => {
    end += fixedSize(names[k]!);
    end += paddingAfter(end) + size + (size > 0 ? DESCRIPTOR : 0);
  });
  const directory = names.reduce((sum, name) => sum + sizes.centralHeader + name.length, 0);
  return end + directory + sizes.zip64End + sizes.zip64Locator + sizes.end;
};

function writeEntry(out: ByteWriter, name: Uint8Array, data: Uint8Array): Written {
  const offset = out.length;
  const padding = paddingAfter(offset + fixedSize(name));
  const later = data.length > 0 ? flags.descriptor : 0;
  const crc = crc32(data);
  const entry = { name, flags: flags.utf8 | later, crc, size: data.length, offset };
  out.u32(signatures.localHeader);
  out.u16(0); // version needed
  out.u16(entry.flags);
  out.u16(methods.stored);
  out.u32(0); // date and time
  for (let k = 0; k < 3; k++) out.u32(0); // check sum and sizes follow the data
  out.u16(name.length);
  out.u16(EXTRA_HEADER + padding);
  out.raw(name);
  out.u16(PADDING_EXTRA);
  out.u16(padding);
  out.raw(new Uint8Array(padding).fill(PADDING));
  out.raw(data);
  if (later !== 0) {
    out.u32(signatures.descriptor);
    out.u32(crc);
    out.u32(data.length);
    out.u32(data.length);
  }
  return entry;
}

function writeDirectoryEntry(out: ByteWriter, { name, flags: entryFlags, crc, size, offset }: Written): void {
  out.u32(signatures.centralHeader);
  out.u16(0); // version made by
  out.u16(0); // version needed
  out.u16(entryFlags);
  out.u16(methods.stored);
  out.u32(0); // date and time
  out.u32(crc);
  out.u32(size);
  out.u32(size);
  out.u16(name.length);
  out.u16(0); // extra fields
  out.u16(0); // comment
  out.u16(0); // disk
  out.u16(0); // internal attributes
  out.u32(0); // external attributes
  out.u32(offset);
  out.raw(name);
}

function writeEnd(out: ByteWriter, count: number, directoryOffset: number): void {
  const end = out.length;
  const size = end - directoryOffset;
  out.u32(signatures.zip64End);
  out.u64(sizes.zip64End - 12);
  out.u16(VERSION.madeBy);
  out.u16(VERSION.needed);
  out.u32(0); // disk
  out.u32(0); // disk of the directory
  out.u64(count);
  out.u64(count);
  out.u64(size);
  out.u64(directoryOffset);
  out.u32(signatures.zip64Locator);
  out.u32(0);
  out.u64(end);
  out.u32(1);
  out.u32(signatures.end);
  out.u16(0);
  out.u16(0);
  out.u16(Math.min(count, 0xffff));
  out.u16(Math.min(count, 0xffff));
  out.u32(size);
  out.u32(directoryOffset);
  out.u16(0); // comment
}
