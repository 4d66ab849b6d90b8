import { zipSync } from 'fflate';
import { beforeAll, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { type DType, FileFormatError, type Tensor } from '../../src/index.ts';

// Where storages are counted one by one.
beforeAll(() => flow.setTarget('wasm'));

const utf8 = new TextEncoder();
type Entries = ReadonlyMap<string, Tensor>;

/** A file of version 1.0 (or another) with a header and elements. */
const npy = (header: string, data: ArrayBufferView = new Uint8Array(), version = [1, 0]): Uint8Array => {
  const text = utf8.encode(header);
  const length = version[0] === 1 ? Uint16Array.of(text.length) : Uint32Array.of(text.length);
  const bytes = (x: ArrayBufferView): Uint8Array => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
  return Uint8Array.of(0x93, ...utf8.encode('NUMPY'), ...version, ...bytes(length), ...text, ...bytes(data));
};
const header = (descr: string, shape: string, fortran = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;
const load = (file: Uint8Array): Tensor => flow.loadBytes<Tensor>(file);

describe('an npy file', () => {
  it.each<[string, ArrayBufferView, DType, readonly (number | bigint)[]]>([
    ['<f8', Float64Array.of(1, 2), 'float64', [1, 2]],
    ['<f4', Float32Array.of(1, 2), 'float32', [1, 2]],
    ['<f2', Uint16Array.of(0x3c00, 0xc000), 'float16', [1, -2]],
    ['<i8', BigInt64Array.of(-1n, 2n), 'int64', [-1, 2]],
    ['<i4', Int32Array.of(-1, 2), 'int32', [-1, 2]],
    ['<i2', Int16Array.of(-1, 2), 'int32', [-1, 2]],
    ['<u2', Uint16Array.of(65535, 2), 'int32', [65535, 2]],
    ['<u4', Uint32Array.of(4294967295, 2), 'int64', [4294967295, 2]],
    ['|i1', Int8Array.of(-1, 2), 'int8', [-1, 2]],
    ['|u1', Uint8Array.of(255, 2), 'uint8', [255, 2]],
    ['|b1', Uint8Array.of(1, 0), 'bool', [true, false] as unknown as number[]],
    ['>f4', Uint8Array.of(0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0), 'float32', [1, -2]],
    ['>i2', Uint8Array.of(1, 0, 0xff, 0xfe), 'int32', [256, -2]],
    [
      '>i8',
      Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0, 255, 255, 255, 255, 255, 255, 255, 254),
      'int64',
      [256, -2],
    ],
  ])('of type %s is read', (descr, data, dtype, values) => {
    const x = load(npy(header(descr, '(2,)'), data));
    expect([x.dtype, x.shape, x.tolist()]).toEqual([dtype, [2], values]);
  });

  const six = Float32Array.of(1, 2, 3, 4, 5, 6);
  it("in Fortran's order is read by its strides", () => {
    const x = load(npy(header('<f4', '(2, 3)', 'True'), six));
    expect([x.strides, x.tolist()]).toEqual([
      [1, 2],
      [
        [1, 3, 5],
        [2, 4, 6],
      ],
    ]);
  });

  it.each([
    [1, 0],
    [2, 0],
    [3, 0],
  ])('of version %i.%i is read', (...version) => {
    expect(load(npy(header('<f4', '(6,)'), six, version)).shape).toEqual([6]);
  });

  it.each([
    ['of another writer', `{"shape":(3,2),"fortran_order":False,"descr":"<f4"}`, [3, 2]],
    ['of Python 2', `{'descr': '<f4', 'fortran_order': False, 'shape': (6L,), }`, [6]],
    ['without axes', header('<f4', '()'), []],
    ['without elements', header('<f4', '(0, 3)'), [0, 3]],
  ])('%s is read', (_, text, shape) => {
    const count = shape.reduce((n, size) => n * size, 1);
    expect(load(npy(text, six.slice(0, count))).shape).toEqual(shape);
  });

  it.each<[string, Uint8Array, string]>([
    [
      'is cut off',
      npy(header('<f4', '(6,)'), six).slice(0, -1),
      'npy file: 23 bytes of elements, expected 24 for float32 [6]',
    ],
    ['goes on', npy(header('<f4', '(5,)'), six), '24 bytes of elements, expected 20'],
    [
      'promises too much',
      npy(header('<f4', '(1000000000000,)'), six),
      'shape [1000000000000] of float32, which is too large',
    ],
    [
      'promises more than numbers hold',
      npy(header('<f4', `(${'9'.repeat(40)},)`), six),
      'a shape that is not a list of at most 64 whole numbers',
    ],
    ['has a negative size', npy(header('<f4', '(-6,)'), six), 'a header that is not as NumPy writes it'],
    [
      'has objects',
      npy(header('|O', '(6,)'), six),
      `elements of NumPy's type "|O", which tensors here cannot hold`,
    ],
    [
      'has records',
      npy(`{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }`, six),
      'a header that is not as NumPy writes it',
    ],
    [
      'has a program',
      npy(`{'descr': eval('1'), 'fortran_order': False, 'shape': (6,), }`, six),
      'a header that is not as NumPy writes it',
    ],
    [
      'has a key twice',
      npy(`{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,), }`, six),
      'a header that is not as NumPy writes it',
    ],
    [
      'has another key',
      npy(`{'descr': '<f4', 'x': True, 'fortran_order': False, 'shape': (6,), }`, six),
      'a header that is not as NumPy writes it',
    ],
    ['lacks a key', npy(`{'descr': '<f4', 'shape': (6,), }`, six), 'a header that is not as NumPy writes it'],
    ['has no header', npy('', six), 'a header that is not as NumPy writes it'],
    ['has a header longer than itself', npy(header('<f4', '(6,)')).slice(0, 40), 'cut off'],
    ['has a huge header', npy(' '.repeat(10_001)), 'a header of 10001 bytes; at most 10000 are allowed'],
    ['is of version 4', npy(header('<f4', '(6,)'), six, [4, 0]), 'version 4.0 of the format'],
    [
      'has a bool of 2',
      npy(header('|b1', '(1,)'), Uint8Array.of(2)),
      'bool elements that are neither 0 nor 1',
    ],
  ])('is refused when it %s', (_, file, message) => {
    const before = flow.memoryStats().storages;
    expect(() => load(file)).toThrow(FileFormatError);
    expect(() => load(file)).toThrow(message);
    expect(flow.memoryStats().storages).toBe(before);
  });

  it('is written as NumPy does', () => {
    const file = flow.saveBytes(flow.tensor([[1, 2, 3]], { dtype: 'float32' }).t(), { format: 'npy' });
    expect(new TextDecoder('latin1').decode(file.slice(0, 10))).toBe('\x93NUMPY\x01\x00v\x00');
    expect(new TextDecoder().decode(file.slice(10, 128))).toBe(
      `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }`.padEnd(117) + '\n',
    );
    expect(new Float32Array(file.buffer, 128)).toEqual(Float32Array.of(1, 2, 3));
  });

  it.each<DType>(['float32', 'float64', 'float16', 'int64', 'int32', 'int8', 'uint8', 'bool'])(
    'keeps the bits of %s',
    (dtype) => {
      for (const values of [
        [
          [0, 1, 100],
          [1, 0, 2],
        ],
        [1, 2],
        1,
      ]) {
        const x = flow.tensor(values, { dtype });
        const y = load(flow.saveBytes(x, { format: 'npy' }));
        expect([y.dtype, y.shape, y.tolist()]).toEqual([dtype, x.shape, x.tolist()]);
      }
    },
  );

  it('holds no bfloat16, and nothing but a tensor', () => {
    expect(() => flow.saveBytes(flow.zeros([1], { dtype: 'bfloat16' }), { format: 'npy' })).toThrow(
      "NumPy has no bfloat16; convert to another dtype first: x.to('float32')",
    );
    expect(() => flow.saveBytes([1], { format: 'npy' })).toThrow(
      "save: format 'npy' holds one tensor and nothing else",
    );
  });
});

describe('an npz file', () => {
  const [a, b] = [
    npy(header('<f4', '(2,)'), Float32Array.of(1, 2)),
    npy(header('<i8', '()'), BigInt64Array.of(7n)),
  ];

  it.each([0, 9] as const)('is read, compressed at level %i', (level) => {
    const arrays = flow.loadBytes<Entries>(zipSync({ 'a.npy': a, 'net.0.b.npy': b }, { level }));
    expect(Array.from(arrays, ([name, x]) => [name, x.dtype, x.tolist()])).toEqual([
      ['a', 'float32', [1, 2]],
      ['net.0.b', 'int64', 7],
    ]);
  });

  it('keeps what is put into it', () => {
    const net = new flow.nn.Linear(3, 2);
    const loaded = flow.loadBytes(flow.saveBytes(net, { format: 'npz' }));
    expect([...loaded.keys()]).toEqual(['weight', 'bias']);
    expect(loaded.get('weight')).toBeAllclose(net.weight, { rtol: 0, atol: 0 });
  });

  it('is refused, naming the entry', () => {
    const file = zipSync({ 'a.npy': a, 'b.npy': b.slice(0, -1) });
    expect(() => flow.loadBytes(file)).toThrow('npz entry "b.npy": 7 bytes of elements, expected 8');
  });
});
