import { deflateSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { FileFormatError } from '../../src/errors.ts';
import { crc32 } from '../../src/io/crc32.ts';
import { inflate } from '../../src/io/inflate.ts';
import { ZipArchive } from '../../src/io/zip.ts';
import { writeZip, zipEntry } from '../../src/io/zip-writer.ts';

const utf8 = new TextEncoder();
const bytes = (text: string): Uint8Array => utf8.encode(text);
const good = (): Uint8Array =>
  writeZip([
    zipEntry('top/a', bytes('alpha')),
    zipEntry('top/b', bytes('be')),
    zipEntry('top/empty', bytes('')),
  ]);

/** The same archive with some bytes replaced, counted from the start of the nth place where `signature` stands. */
const edited = (signature: number, nth: number, offset: number, ...values: readonly number[]): Uint8Array => {
  const file = good();
  const view = new DataView(file.buffer);
  let at = -1;
  for (let seen = -1; seen < nth;) if (view.getUint32(++at, true) === signature) seen++;
  file.set(values, at + offset);
  return file;
};
const [LOCAL, DESCRIPTOR, CENTRAL, END64, LOCATOR, END] = [
  0x04034b50, 0x08074b50, 0x02014b50, 0x06064b50, 0x07064b50, 0x06054b50,
] as const;
const readAll = (file: Uint8Array): void => {
  const archive = new ZipArchive(file);
  for (const name of archive.names) archive.read(name);
};

describe('a check sum', () => {
  it.each([
    ['', 0],
    ['123456789', 0xcbf43926], // the check value of CRC-32/ISO-HDLC
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ])('of %j is known', (text, expected) => expect(crc32(bytes(text))).toBe(expected));
});

describe('a zip archive', () => {
  it('holds what was put into it, at multiples of 64 bytes', () => {
    const file = good();
    const archive = new ZipArchive(file);
    expect(archive.names).toEqual(['top/a', 'top/b', 'top/empty']);
    for (const [name, text] of [
      ['top/a', 'alpha'],
      ['top/b', 'be'],
      ['top/empty', ''],
    ] as const) {
      const data = archive.read(name);
      expect(new TextDecoder().decode(data)).toBe(text);
      expect(data.byteOffset % 64).toBe(0);
    }
  });

  it("of another library's making is read, deflated entries too", () => {
    const text = 'again and '.repeat(100);
    const archive = new ZipArchive(zipSync({ 'x/long': bytes(text), y: [bytes('short'), { level: 0 }] }));
    expect(archive.names).toEqual(['x/long', 'y']);
    expect([archive.isStored('x/long'), archive.isStored('y')]).toEqual([false, true]);
    expect(new TextDecoder().decode(archive.read('x/long'))).toBe(text);
    expect(new TextDecoder().decode(archive.read('y'))).toBe('short');
  });

  it('may have a comment', () => {
    const file = good();
    file[file.length - 2] = 3;
    expect(new ZipArchive(Uint8Array.of(...file, 1, 2, 3)).names.length).toBe(3);
  });

  it.each<[string, Uint8Array, string]>([
    [
      'is empty',
      new Uint8Array(),
      'zip archive: no end record: the file is cut off, or something follows it',
    ],
    ['is cut off', good().slice(0, -1), 'no end record'],
    ['is followed by something', Uint8Array.of(...good(), 0), 'no end record'],
    ['lacks its beginning', good().slice(64), 'a ZIP64 end record that is not where its locator says'],
    ['has an encrypted entry', edited(CENTRAL, 1, 8, 0x09), 'zip entry "top/b" is encrypted'],
    [
      'has unknown flags',
      edited(CENTRAL, 1, 8, 0x28),
      'zip entry "top/b" has flags 0x828, which are not read here',
    ],
    ['has an unknown method', edited(CENTRAL, 1, 10, 12), 'zip entry "top/b" is compressed with method 12'],
    [
      'says two sizes of what is stored',
      edited(CENTRAL, 1, 24, 3),
      'zip entry "top/b" is stored in 2 bytes, but has 3',
    ],
    ['has another part', edited(CENTRAL, 1, 34, 1), 'lies in another part of the archive'],
    ['has parts', edited(END, 0, 4, 1), 'a part of an archive in several parts'],
    ['has parts, by its wide record', edited(END64, 0, 16, 1), 'a part of an archive in several parts'],
    ['has parts, by its locator', edited(LOCATOR, 0, 16, 2), 'a part of an archive in several parts'],
    ['has a name twice', edited(CENTRAL, 1, 46 + 4, 0x61), 'two entries of the name "top/a"'],
    ['has a name that leads out', edited(CENTRAL, 1, 46, 0x2e, 0x2e, 0x2f), 'zip entry "../'],
    ['has an absolute name', edited(CENTRAL, 1, 46, 0x2f), 'has a name that is no plain path'],
    ['has a name with a backslash', edited(CENTRAL, 1, 46, 0x5c), 'has a name that is no plain path'],
    ['has a name that is not UTF-8', edited(CENTRAL, 1, 46, 0xff), 'text that is not UTF-8'],
    [
      'has an entry behind its directory',
      edited(CENTRAL, 1, 42, 0xff, 0xff),
      'begins at 65535, behind the directory',
    ],
    [
      'has an entry that begins nowhere',
      edited(CENTRAL, 1, 42, 1, 0),
      'zip entry "top/b" does not begin with a local header',
    ],
    [
      'has two entries in one place',
      edited(CENTRAL, 1, 42, 0, 0),
      'zip entry "top/b" has a local header that contradicts the directory',
    ],
    [
      'calls an entry two names',
      edited(LOCAL, 1, 30, 0x54),
      'has a local header that contradicts the directory',
    ],
    ['says two methods', edited(LOCAL, 1, 8, 8), 'has a local header that contradicts the directory'],
    ['says two flags', edited(LOCAL, 1, 6, 0), 'has a local header that contradicts the directory'],
    ['says two sizes', edited(LOCAL, 1, 18, 1), 'has a local header that contradicts the directory'],
    [
      'says two check sums',
      edited(DESCRIPTOR, 1, 4, 1),
      'zip entry "top/b" has a descriptor that contradicts the directory',
    ],
    [
      'lacks a descriptor',
      edited(DESCRIPTOR, 1, 0, 1),
      'zip entry "top/b" has no descriptor behind its data',
    ],
    [
      'has changed data',
      edited(LOCAL, 1, 128 - 85, 0x41),
      'zip entry "top/b" does not have the check sum that the directory says',
    ],
    [
      'has an entry as long as the world',
      edited(CENTRAL, 1, 20, 0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff),
      'cut off: 4294967294 bytes are wanted',
    ],
    [
      'puts a size elsewhere and it is not there',
      edited(CENTRAL, 1, 24, 0xff, 0xff, 0xff, 0xff),
      'sizes of 64 bits that are not there',
    ],
    [
      'has fewer entries than it says',
      edited(END64, 0, 24, 9, 0, 0, 0, 0, 0, 0, 0, 9),
      'its two end records contradict each other',
    ],
    ['has a directory elsewhere', edited(END, 0, 16, 1), 'its two end records contradict each other'],
  ])('is refused when it %s', (_, file, message) => {
    expect(() => readAll(file)).toThrow(FileFormatError);
    expect(() => readAll(file)).toThrow(message);
  });

  it('is refused when entries overlap, though each is whole', () => {
    // An entry inside another's data.
    const inner = good().slice(0, 64 + 5 + 16);
    const outer = writeZip([zipEntry('outer', inner), zipEntry('top/a', bytes('alpha'))]);
    const view = new DataView(outer.buffer);
    let central = -1;
    for (let seen = 0; seen < 2;) if (view.getUint32(++central, true) === CENTRAL) seen++;
    view.setUint32(central + 42, 64, true);
    expect(() => readAll(outer)).toThrow('zip entry "top/a" overlaps "outer"');
  });
});

describe('deflated data', () => {
  const zeros = new Uint8Array(100_000);
  const packed = deflateSync(zeros, { level: 9 });

  it('become whole again', () => expect(inflate(packed, zeros.length, 'x')).toEqual(zeros));

  it('are stopped as soon as they become more than they should', () => {
    // Had it gone on, it would have found the damage.
    const huge = deflateSync(new Uint8Array(30_000_000), { level: 9 }).fill(0xff, 2 ** 14);
    expect(() => inflate(huge, huge.length, 'x')).toThrow(
      new FileFormatError(`x: inflates to more than the ${huge.length} bytes that it should have`),
    );
    expect(() => inflate(huge, 30_000_000, 'x')).toThrow('x: damaged deflated data');
  });

  it.each<[string, Uint8Array, number, string]>([
    ['become less', packed, zeros.length + 1, 'x: inflates to 100000 bytes, expected 100001'],
    [
      'cannot become that much',
      packed,
      10_000_000_000,
      `x: ${packed.length} deflated bytes cannot become 10000000000`,
    ],
    ['are cut off', packed.slice(0, -5), zeros.length, 'x: '],
    ['are none', Uint8Array.of(7, 7, 7), 100, 'x: damaged deflated data (invalid block type)'],
  ])('are refused when they %s', (_, data, size, message) => {
    expect(() => inflate(data, size, 'x')).toThrow(FileFormatError);
    expect(() => inflate(data, size, 'x')).toThrow(message);
  });
});
