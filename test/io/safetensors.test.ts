import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DType, dtypes } from '../../src/dtype.ts';
import { ValueError } from '../../src/errors.ts';
import { parseSafetensors, serializeSafetensors } from '../../src/io/safetensors.ts';

const utf8 = new TextEncoder();

/** A file around a header, which may be nonsense. */
function fileOf(header: string | Uint8Array, data: readonly number[] = []): Uint8Array {
  const text = typeof header === 'string' ? utf8.encode(header) : header;
  const length = new Uint8Array(BigUint64Array.of(BigInt(text.length)).buffer);
  return Uint8Array.of(...length, ...text, ...data);
}

/** Names and values that a plain comparison sees through. */
const plain = (file: ReturnType<typeof parseSafetensors>) => ({
  tensors: [...file.tensors].map(([name, t]) => ({ name, ...t, bytes: [...t.bytes] })),
  metadata: [...file.metadata],
});

const allDtypes = Object.keys(dtypes) as DType[];

describe('a safetensors file', () => {
  it('reads as the format describes it', () => {
    // The documentation's example, but for the size: a header without padding, so nothing is aligned.
    const file = fileOf('{"TENSOR":{"dtype":"F16","shape":[1,2,1],"data_offsets":[0,4]}}', [1, 2, 3, 4]);
    expect(file.slice(0, 8)).toEqual(Uint8Array.of(63, 0, 0, 0, 0, 0, 0, 0));
    expect(plain(parseSafetensors(file))).toEqual({
      tensors: [{ name: 'TENSOR', dtype: 'float16', shape: [1, 2, 1], bytes: [1, 2, 3, 4] }],
      metadata: [],
    });
  });

  it('is written byte for byte as the reference implementation does', () => {
    // The header and data that safetensors 0.8.0 (Rust) wrote for these tensors.
    const header =
      '{"__metadata__":{"format":"pt"},"t.int64":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
      '"t.float64":{"dtype":"F64","shape":[1],"data_offsets":[8,16]},' +
      '"__proto__":{"dtype":"F32","shape":[],"data_offsets":[16,20]},' +
      '"t.float32":{"dtype":"F32","shape":[1],"data_offsets":[20,24]},' +
      '"t.int32":{"dtype":"I32","shape":[1],"data_offsets":[24,28]},' +
      '"t.bfloat16":{"dtype":"BF16","shape":[1],"data_offsets":[28,30]},' +
      '"t.float16":{"dtype":"F16","shape":[1],"data_offsets":[30,32]},' +
      '"t.int8":{"dtype":"I8","shape":[1],"data_offsets":[32,33]},' +
      '"t.uint8":{"dtype":"U8","shape":[1],"data_offsets":[33,34]},' +
      '"é\\"\\\\\\n":{"dtype":"U8","shape":[2,0],"data_offsets":[34,34]},' +
      '"t.bool":{"dtype":"BOOL","shape":[1],"data_offsets":[34,35]}}  ';
    const data = [9, 8].flatMap((x) => Array<number>(8).fill(x)).concat([16, 17, 18, 19], 7, 7, 7, 7);
    const expected = fileOf(header, data.concat(6, 6, 6, 6, 5, 5, 4, 4, 3, 2, 1));

    const order: DType[] = ['bool', 'uint8', 'int8', 'float16', 'bfloat16'];
    order.push('int32', 'float32', 'float64', 'int64');
    const tensors = order.map((dtype, i) => {
      const bytes = new Uint8Array(dtypes[dtype].bytes).fill(i + 1);
      return [`t.${dtype}`, { dtype, shape: [1], bytes }] as const;
    });
    const scalar = { dtype: 'float32', shape: [], bytes: Uint8Array.of(16, 17, 18, 19) } as const;
    const empty = { dtype: 'uint8', shape: [2, 0], bytes: new Uint8Array(0) } as const;
    const metadata = new Map([['format', 'pt']]);
    expect(serializeSafetensors([...tensors, ['__proto__', scalar], ['é"\\\n', empty]], metadata)).toEqual(
      expected,
    );
  });

  it('without tensors is an empty header, padded', () => {
    const file = serializeSafetensors([]);
    expect(file).toEqual(fileOf('{}      '));
    expect(plain(parseSafetensors(file))).toEqual({ tensors: [], metadata: [] });
  });

  it('gives views where the data are aligned and copies where they are not', () => {
    const tensors = [
      ['a', { dtype: 'float32', shape: [1], bytes: Uint8Array.of(0, 0, 0xc0, 0x3f) }],
    ] as const;
    const file = serializeSafetensors(tensors);
    expect(parseSafetensors(file.buffer).tensors.get('a')!.bytes.buffer).toBe(file.buffer);
    // In the middle of a Buffer, whose slice() would not copy.
    const shifted = Buffer.concat([Buffer.alloc(3), file]).subarray(3);
    const { bytes } = parseSafetensors(shifted).tensors.get('a')!;
    expect(new Float32Array(bytes.buffer, bytes.byteOffset, 1)[0]).toBe(1.5);
    expect(bytes.buffer).not.toBe(shifted.buffer);
  });

  it('may list its tensors in any order, have space in the header and fields we do not know', () => {
    const header =
      ' "b" : {"data_offsets":[1,3],\n"shape":[2],"dtype":"U8", "more": [{"a": [1.5e3, -0, null, true, "]"]}]},\r\t"a":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]} ';
    expect(plain(parseSafetensors(fileOf(`{${header}}  `, [7, 8, 9]))).tensors).toEqual([
      { name: 'b', dtype: 'uint8', shape: [2], bytes: [8, 9] },
      { name: 'a', dtype: 'bool', shape: [], bytes: [7] },
    ]);
  });
});

describe('parseSafetensors refuses', () => {
  const a = (rest: string) => `{"a":{${rest}}}`;
  const u8 = (shape: string, offsets: string) => `{"dtype":"U8","shape":${shape},"data_offsets":${offsets}}`;
  const cases: [string, Uint8Array, string][] = [
    [
      'a file without a header length',
      Uint8Array.of(1, 2, 3),
      "a file of 3 bytes has no room for the 8 of the header's length",
    ],
    [
      'a header longer than the format allows',
      new Uint8Array(8).fill(0xff),
      'a header of 18446744073709551615 bytes; at most 100000000 are allowed',
    ],
    ['a header longer than the file', fileOf('{}').slice(0, 9), 'a header of 2 bytes in a file of 9'],
    ['an empty header', fileOf(''), "the header does not begin with '{'"],
    ['a byte order mark', fileOf('\ufeff{}'), "the header does not begin with '{'"],
    ['bytes that are not UTF-8', fileOf(Uint8Array.of(0x7b, 0xff, 0x7d)), 'the header is not UTF-8'],
    ['JSON that breaks off', fileOf('{"a"'), "header: the end where ':' was expected (near character 4)"],
    ['a trailing comma', fileOf(`{"a":${u8('[0]', '[0,0]')},}`), 'header: "}" where a key was expected'],
    ['text after the header', fileOf('{}{'), 'header: "{" after the end'],
    ['half a surrogate pair', fileOf('{"\\ud800":1}'), 'header: half a surrogate pair in a string'],
    ['an invalid escape', fileOf('{"\\x":1}'), 'header: an invalid escape in a string'],
    ['a line break in a string', fileOf('{"a\n":1}'), 'header: a string that does not end on its line'],
    ['a duplicate tensor', fileOf(`{"a":${u8('[0]', '[0,0]')},"\\u0061":{}}`), 'header: duplicate key "a"'],
    ['a duplicate field', fileOf(a('"dtype":"U8","dtype":"U8"')), 'header: duplicate key "dtype"'],
    [
      'duplicate metadata',
      fileOf('{"__metadata__":{"__proto__":"","__proto__":""}}'),
      'header: duplicate key "__proto__"',
    ],
    ['metadata that are not strings', fileOf('{"__metadata__":{"k":1}}'), '"1" where a string was expected'],
    ['metadata that are no object', fileOf('{"__metadata__":[]}'), '"[" where an object was expected'],
    ['a tensor that is no object', fileOf('{"a":3}'), '"3" where an object was expected'],
    ['a missing dtype', fileOf(a('"shape":[],"data_offsets":[0,1]')), 'tensor "a": no dtype'],
    ['a missing shape', fileOf(a('"dtype":"U8","data_offsets":[0,1]')), 'tensor "a": no shape'],
    ['missing offsets', fileOf(a('"dtype":"U8","shape":[]')), 'tensor "a": no data_offsets'],
    [
      'a dtype that we lack',
      fileOf(a('"dtype":"U16","shape":[0],"data_offsets":[0,0]')),
      'tensor "a": dtype "U16", expected one of I64, F64, F32, I32, BF16, F16, I8, U8, BOOL',
    ],
    ['a negative size', fileOf(`{"a":${u8('[-1]', '[0,0]')}}`), '"-1" where a whole number was expected'],
    ['a size with a point', fileOf(`{"a":${u8('[1.0]', '[0,1]')}}`, [1]), '"1.0" where a whole number was'],
    ['a leading zero', fileOf(`{"a":${u8('[01]', '[0,1]')}}`, [1]), '"01" where a whole number was expected'],
    [
      'a size that a double cannot hold',
      fileOf(`{"a":${u8('[9007199254740992]', '[0,1]')}}`, [1]),
      '"9007199254740992" where a whole number was expected',
    ],
    [
      'a shape whose product overflows',
      fileOf(`{"a":${u8('[4294967296,4294967296]', '[0,0]')}}`),
      'tensor "a": shape [4294967296, 4294967296], which is too large',
    ],
    [
      'too many dimensions',
      fileOf(`{"a":${u8(`[${Array(65).fill(1).join()}]`, '[0,1]')}}`, [1]),
      'tensor "a": shape with more than 64 numbers',
    ],
    ['one offset', fileOf(`{"a":${u8('[]', '[0]')}}`), 'tensor "a": data_offsets of length 1, expected 2'],
    ['three offsets', fileOf(`{"a":${u8('[]', '[0,1,2]')}}`), 'data_offsets with more than 2 numbers'],
    [
      'offsets the wrong way round',
      fileOf(`{"a":${u8('[1]', '[1,0]')}}`, [1]),
      'tensor "a": data_offsets [1, 0], the end before the beginning',
    ],
    [
      'offsets that do not fit the shape',
      fileOf(a('"dtype":"F32","shape":[2,3],"data_offsets":[0,20]')),
      'tensor "a": data_offsets [0, 20] for F32 [2, 3] of 24 bytes',
    ],
    [
      'offsets outside the data',
      fileOf(`{"a":${u8('[3]', '[0,3]')}}`, [1, 2]),
      'tensor "a": data_offsets [0, 3] beyond the 2 bytes of data',
    ],
    [
      'an overlap',
      fileOf(`{"a":${u8('[2]', '[0,2]')},"b":${u8('[2]', '[1,3]')}}`, [1, 2, 3]),
      'tensor "b": data_offsets [1, 3], overlapping another tensor that ends at 2',
    ],
    [
      'a hole',
      fileOf(`{"a":${u8('[1]', '[0,1]')},"b":${u8('[1]', '[2,3]')}}`, [1, 2, 3]),
      'tensor "b": data_offsets [2, 3], leaving a hole after 1',
    ],
    [
      'data after the last tensor',
      fileOf(`{"a":${u8('[1]', '[0,1]')}}`, [1, 2]),
      '2 bytes of data, of which the tensors cover 1',
    ],
    ['nesting without end', fileOf(`{"a":{"x":${'['.repeat(100000)}`), 'header: nested more than 128 deep'],
    ['a word that is not JSON', fileOf('{"a":{"x":nil}}'), 'header: not a JSON value'],
  ];

  it.each(cases)('%s', (_, file, message) => {
    expect(() => parseSafetensors(file)).toThrow(ValueError);
    expect(() => parseSafetensors(file)).toThrow(message);
  });

  it('with the name cut short where it is long', () => {
    const file = fileOf(`{"${'n'.repeat(10000)}":{}}`);
    expect(() => parseSafetensors(file)).toThrow(`tensor "${'n'.repeat(80)}…": no dtype`);
  });
});

describe('serializeSafetensors refuses', () => {
  const good = { dtype: 'int32', shape: [2], bytes: new Uint8Array(8) } as const;
  it.each([
    [
      'two tensors of one name',
      [
        ['a', good],
        ['a', good],
      ],
      [],
      'tensor name "a" is given twice',
    ],
    ['the name of the metadata', [['__metadata__', good]], [], 'a name that the format keeps for itself'],
    ['a name that UTF-8 cannot hold', [['\ud800', good]], [], 'has half a surrogate pair'],
    ['bytes that do not fit', [['a', { ...good, shape: [3] }]], [], '8 bytes, expected 12 for I32 [3]'],
    ['a size that is not whole', [['a', { ...good, shape: [1.5] }]], [], 'shape [1.5], expected'],
    ['an unknown dtype', [['a', { ...good, dtype: 'complex64' as never }]], [], 'dtype complex64, which'],
    ['metadata other than strings', [], [['k', 1 as never]], 'metadata value is of type number, expected a'],
    [
      'metadata given twice',
      [],
      [
        ['k', ''],
        ['k', ''],
      ],
      'metadata key "k" is given twice',
    ],
  ] as [string, [string, typeof good][], [string, string][], string][])(
    '%s',
    (_, tensors, metadata, message) => {
      expect(() => serializeSafetensors(tensors, metadata)).toThrow(ValueError);
      expect(() => serializeSafetensors(tensors, metadata)).toThrow(message);
    },
  );
});

const anyText = fc.string({ unit: 'grapheme', maxLength: 12 });
const anyTensor = fc
  .record({
    dtype: fc.constantFrom(...allDtypes),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.nat(),
  })
  .map(({ dtype, shape, seed }) => {
    const length = shape.reduce((product, n) => product * n, dtypes[dtype].bytes);
    return { dtype, shape, bytes: Uint8Array.from({ length }, (_, i) => seed + 31 * i) };
  });
const anyFile = fc.record({
  tensors: fc.uniqueArray(
    fc.tuple(
      anyText.filter((name) => name !== '__metadata__'),
      anyTensor,
    ),
    {
      selector: ([name]) => name,
      maxLength: 5,
    },
  ),
  metadata: fc.uniqueArray(fc.tuple(anyText, anyText), { selector: ([key]) => key, maxLength: 3 }),
});

describe('whatever the tensors', () => {
  it('they come back as they went in, and the header ends at a multiple of 8', () =>
    fc.assert(
      fc.property(anyFile, ({ tensors, metadata }) => {
        const file = serializeSafetensors(tensors, metadata);
        const back = parseSafetensors(file);
        expect(back.tensors).toEqual(new Map(tensors));
        expect(back.metadata).toEqual(new Map(metadata));
        expect(Number(new DataView(file.buffer).getBigUint64(0, true)) % 8).toBe(0);
      }),
    ));

  it('a damaged file is refused with a ValueError, or still covers its data exactly', () => {
    /** Replaces `remove` bytes at a place given as a share of the file; what keeps the length is most telling. */
    const damage = fc.record({
      where: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(2),
      insert: fc.oneof(
        fc.uint8Array({ maxLength: 3 }),
        fc.constantFrom(...'0 1 , : " [ ] { } \\ - .5 e9 null'.split(' ')).map((s) => utf8.encode(s)),
      ),
    });
    fc.assert(
      fc.property(
        anyFile,
        fc.array(damage, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        ({ tensors, metadata }, damages, mendLength) => {
          const file = [...serializeSafetensors(tensors, metadata)];
          let header = file[0]! + 256 * file[1]!;
          for (const { where, remove, insert } of damages) {
            const at = Math.floor(where * file.length);
            file.splice(at, remove, ...insert);
            if (at < 8 + header) header += insert.length - remove;
          }
          if (mendLength) file.splice(0, 8, header & 255, (header >> 8) & 255, 0, 0, 0, 0, 0, 0);
          try {
            const parsed = parseSafetensors(Uint8Array.from(file));
            const bytes = [...parsed.tensors.values()].reduce((sum, t) => sum + t.bytes.length, 0);
            expect(bytes).toBe(file.length - 8 - (file[0]! + 256 * file[1]!));
          } catch (error) {
            expect(error).toBeInstanceOf(ValueError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
