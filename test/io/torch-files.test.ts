import { beforeAll, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { type DType, FileFormatError, nn, type SavedValue, type Tensor } from '../../src/index.ts';
import { Call, GlobalName, PersistentId, pickle, tuple } from '../../src/io/pickle-writer.ts';
import { writeZip, zipEntry } from '../../src/io/zip-writer.ts';
import { assemble } from './assemble.ts';

// Where storages are counted one by one.
beforeAll(() => flow.setTarget('wasm'));

const utf8 = new TextEncoder();
const dtypes: readonly DType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int8',
  'uint8',
  'bool',
];
const noTensors = (): never => {
  throw new Error('no tensors here');
};

/** Tensors as pickles describe them, with anything in any place. */
const rebuild = new GlobalName('torch._utils', '_rebuild_tensor_v2');
const parameter = new GlobalName('torch._utils', '_rebuild_parameter');
const noHooks = new Call(new GlobalName('collections', 'OrderedDict'), []);
const storage = (
  changes: { type?: unknown; key?: unknown; count?: unknown; rest?: readonly unknown[] } = {},
) => {
  const { type = new GlobalName('torch', 'FloatStorage'), key = '0', count = 6, rest = [] } = changes;
  return new PersistentId(tuple('storage', type, key, 'cpu', count, ...rest));
};
const tensor = (
  changes: {
    storage?: unknown;
    offset?: unknown;
    shape?: unknown;
    strides?: unknown;
    grad?: unknown;
    more?: unknown[];
  } = {},
): Call => {
  const { offset = 0, shape = tuple(2, 3), strides = tuple(3, 1), grad = false, more = [noHooks] } = changes;
  return new Call(rebuild, [changes.storage ?? storage(), offset, shape, strides, grad, ...more]);
};
const six = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);

/** A zip file with a value and one storage, `data/0`. */
const zipFile = (
  value: unknown,
  { data = six, extra = {} }: { data?: Uint8Array; extra?: Readonly<Record<string, string>> } = {},
): Uint8Array =>
  writeZip([
    zipEntry('archive/data.pkl', pickle(value, noTensors)),
    zipEntry('archive/data/0', data),
    ...Object.entries({ 'archive/version': '3\n', ...extra })
      .filter(([, text]) => text !== '')
      .map(([name, text]) => zipEntry(name, utf8.encode(text))),
  ]);

/** A legacy file with a value, a list of keys and storages. */
const legacyFile = (
  value: unknown,
  { keys = ['0'] as unknown, count = 6n, data = six, machine = true } = {},
): Uint8Array =>
  assemble(
    pickle(0x1950a86a20f9469cfc6cn, noTensors),
    pickle(1001, noTensors),
    pickle({ protocol_version: 1001, little_endian: machine }, noTensors),
    pickle(value, noTensors),
    pickle(keys, noTensors),
    new Uint8Array(BigUint64Array.of(count).buffer),
    data,
  );
const legacyStorage = (view: unknown = null) => storage({ rest: [view] });

describe('a file for PyTorch', () => {
  it.each(dtypes)('keeps the bits of %s, in whatever order they lie', (dtype) => {
    const x = flow.tensor(
      [
        [0, 1, 100],
        [1, 0, 2],
      ],
      { dtype },
    );
    const loaded = flow.loadBytes(flow.saveBytes({ x, t: x.t() }));
    expect(loaded.get('x')!.dtype).toBe(dtype);
    expect(loaded.get('x')!.tolist()).toEqual(x.tolist());
    expect(loaded.get('t')!.tolist()).toEqual(x.t().tolist());
    expect(loaded.get('t')!.strides).toEqual([1, 3]);
  });

  it('keeps views of one storage together', () => {
    const base = flow.arange(24, { dtype: 'float32' });
    const loaded = flow.loadBytes<Map<string, Tensor>>(
      flow.saveBytes({
        row: base.reshape(4, 6).select(0, 1),
        every: base.slice(0, 1, 20, 3),
        wide: base.select(0, 5).expand(3, 2),
      }),
    );
    const [row, every, wide] = ['row', 'every', 'wide'].map((name) => loaded.get(name)!) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    expect([every.storage === row.storage, wide.storage === row.storage, row.storage.byteLength]).toEqual([
      true,
      true,
      96,
    ]);
    expect([every.strides, every.offset, wide.strides]).toEqual([[3], 1, [0, 0]]);
    expect(wide.tolist()).toEqual([
      [5, 5],
      [5, 5],
      [5, 5],
    ]);
    row.fill_(-1); // elements 6 to 11
    expect(every.tolist()).toEqual([1, 4, -1, -1, 13, 16, 19]);
  });

  it('keeps one tensor one tensor, and parameters parameters', () => {
    const weight = new nn.Parameter(flow.ones([2]));
    const frozen = new nn.Parameter(flow.ones([2]), false);
    const leaf = flow.ones([1], { requiresGrad: true });
    const loaded = flow.loadBytes<Tensor[]>(flow.saveBytes([weight, weight, frozen, leaf]));
    expect(loaded[0]).toBe(loaded[1]);
    expect(loaded.map((x) => [x instanceof nn.Parameter, x.requiresGrad])).toEqual([
      [true, true],
      [true, true],
      [true, false],
      [false, true],
    ]);
  });

  it('holds a module by its state, wherever it stands', () => {
    const net = (): nn.Sequential => new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.BatchNorm2d(2));
    const [a, b] = [net(), net()];
    const loaded = flow.loadBytes<Map<string, nn.StateDict>>(flow.saveBytes({ model: a, epoch: 3 }));
    expect(loaded.get('epoch')).toBe(3);
    expect(String(b.loadStateDict(loaded.get('model')!))).toBe('<All keys matched successfully>');
    expect([...loaded.get('model')!.metadata]).toEqual([...a.stateDict().metadata]);
    expect(b.getParameter('0.weight')).toBeAllclose(a.getParameter('0.weight'), { rtol: 0, atol: 0 });
  });

  it('holds tensors without elements, and without axes', () => {
    const [none, scalar] = flow.loadBytes<Tensor[]>(
      flow.saveBytes([flow.zeros([0, 3]), flow.tensor(2.5)]),
    ) as [Tensor, Tensor];
    expect([none.shape, scalar.shape, scalar.item()]).toEqual([[0, 3], [], 2.5]);
  });

  it('holds no storage under two dtypes', () => {
    const x = flow.zeros([4]);
    const y = new flow.Tensor({ ...x.data_, dtype: 'int32' }, 'cpu');
    expect(() => flow.saveBytes([x, y])).toThrow(
      new flow.RuntimeError(
        'Cannot save multiple tensors or storages that view the same data as different types',
      ),
    );
  });
});

const cases: readonly (readonly [string, unknown, string])[] = [
  [
    'reaches beyond its storage',
    tensor({ offset: 1 }),
    'a tensor of shape [2, 3], strides [3, 1] and offset 1 reaches beyond its storage of 6 elements',
  ],
  ['reaches far beyond its storage', tensor({ strides: tuple(2 ** 40, 1) }), 'reaches beyond its storage'],
  [
    'has nothing, but far away',
    tensor({ shape: tuple(0), strides: tuple(1), offset: 7 }),
    'reaches beyond its storage',
  ],
  [
    'is larger than memory',
    tensor({ shape: tuple(2 ** 40), strides: tuple(0) }),
    'shape [1099511627776] of float32, which is too large',
  ],
  [
    'has a negative size',
    tensor({ shape: tuple(-1, 3) }),
    'a shape that is not a list of at most 64 whole numbers',
  ],
  [
    'has a size that is a float',
    tensor({ shape: tuple(1.5, 3) }),
    'a shape that is not a list of at most 64 whole numbers',
  ],
  [
    'has a size beyond all numbers',
    tensor({ shape: tuple(2n ** 64n, 3) }),
    'a shape that is not a list of at most 64 whole numbers',
  ],
  [
    'has too many axes',
    tensor({ shape: tuple(...new Array<number>(65).fill(1)) }),
    'a shape that is not a list of at most 64 whole numbers',
  ],
  ['has a negative stride', tensor({ strides: tuple(-3, 1) }), 'strides that are not 2 whole numbers'],
  ['has too few strides', tensor({ strides: tuple(1) }), 'strides that are not 2 whole numbers'],
  ['has a negative offset', tensor({ offset: -1 }), 'an offset that is not a whole number'],
  ['has no storage', tensor({ storage: 7 }), 'a tensor without a storage'],
  ['has hooks', tensor({ more: [{ a: 1 }] }), 'a tensor with hooks'],
  ['has metadata', tensor({ more: [noHooks, { conj: true }] }), 'a tensor with metadata'],
  [
    'has integers with gradients',
    tensor({ grad: true, storage: storage({ type: new GlobalName('torch', 'IntStorage') }) }),
    'a tensor of int32 that requires gradients',
  ],
  ['has no bool for requires_grad', tensor({ grad: 1 }), 'a requires_grad that is not a bool'],
  [
    'has a parameter of nothing',
    new Call(parameter, [null, true, noHooks]),
    'a parameter that is not made of a tensor',
  ],
  ['has a storage by itself', storage(), 'a StoredElements stands where a value is expected'],
  [
    'has a storage of unknown class',
    tensor({ storage: storage({ type: new GlobalName('torch', 'QInt8Storage') }) }),
    'asks for "torch.QInt8Storage"',
  ],
  [
    'has a storage of complex numbers',
    tensor({ storage: storage({ type: new GlobalName('torch', 'ComplexFloatStorage') }) }),
    'asks for "torch.ComplexFloatStorage"',
  ],
  [
    'has a storage of no class',
    tensor({ storage: storage({ type: 'FloatStorage' }) }),
    'a storage of a class that is none',
  ],
  [
    'has a storage that is not there',
    tensor({ storage: storage({ key: '1' }) }),
    'storage "1" is not in the archive',
  ],
  [
    'has a storage elsewhere',
    tensor({ storage: storage({ key: '../version' }) }),
    'storage "../version" is not in the archive',
  ],
  [
    'has a storage without text',
    tensor({ storage: storage({ key: 0 }) }),
    'a storage without key and location',
  ],
  [
    'has a storage of another size',
    tensor({ storage: storage({ count: 7 }) }),
    'storage "0" of 7 float32 in 24 bytes',
  ],
  ['has a storage of negative size', tensor({ storage: storage({ count: -1 }) }), 'not a whole number'],
  ['has a storage of half an element', tensor({ storage: storage({ count: 1.5 }) }), 'not a whole number'],
  [
    'has a storage twice, differently',
    [tensor(), tensor({ storage: storage({ type: new GlobalName('torch', 'IntStorage') }) })],
    'storage "0" of 6 int32, which was of 6 float32 before',
  ],
  [
    'has something else outside',
    new PersistentId(tuple('module', null, null, null)),
    'a persistent id that is not of a storage',
  ],
];

describe('a zip file of PyTorch', () => {
  const load = (...args: Parameters<typeof zipFile>): SavedValue =>
    flow.loadBytes<SavedValue>(zipFile(...args));

  it('is read as it should be when nothing is wrong', () => {
    expect((load(tensor()) as Tensor).tolist()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it.each([
    ['torch.Size', new Call(new GlobalName('torch', 'Size'), [tuple(2, 3)]), [2, 3]],
    ['torch.float16', new GlobalName('torch', 'float16'), 'float16'],
    ['torch.complex64', new GlobalName('torch', 'complex64'), 'complex64'],
    ['torch.device', new Call(new GlobalName('torch', 'device'), ['cuda', 1]), 'cuda:1'],
    ['a complex number', new Call(new GlobalName('__builtin__', 'complex'), [1, -2]), { real: 1, imag: -2 }],
  ])('may hold %s', (_, value, expected) => expect(load([value])).toMatchObject([expected]));

  it.each(cases)('is refused when it %s', (_, value, message) => {
    const before = flow.memoryStats().storages;
    expect(() => load(value)).toThrow(FileFormatError);
    expect(() => load(value)).toThrow(message);
    // Small ones lie together in a slab, which may have been begun.
    expect(flow.memoryStats().storages).toBeLessThanOrEqual(before + 1);
  });

  it.each<[string, Parameters<typeof zipFile>[1], string]>([
    [
      'has an entry outside of its folder',
      { extra: { 'other/x': 'y' } },
      'entry "other/x" lies outside of the one top folder',
    ],
    [
      'is big-endian',
      { extra: { 'archive/byteorder': 'big' } },
      'byteorder is "big"; only files in little-endian order are read',
    ],
    ['has no version', { extra: { 'archive/version': '' } }, 'version is "", expected a number from 1 to 10'],
    [
      'is of a later version',
      { extra: { 'archive/version': '11' } },
      'version is "11", expected a number from 1 to 10',
    ],
    ['is a program', { extra: { 'archive/constants.pkl': 'x' } }, 'a TorchScript archive'],
  ])('is refused when it %s', (_, changes, message) => {
    expect(() => load(tensor(), changes)).toThrow(FileFormatError);
    expect(() => load(tensor(), changes)).toThrow(message);
  });

  it('is refused when a bool is neither true nor false', () => {
    const bools = tensor({ storage: storage({ type: new GlobalName('torch', 'BoolStorage') }) });
    expect(() => load(bools, { data: Uint8Array.of(0, 1, 2, 0, 0, 0) })).toThrow(
      'archive/data/0: bool elements that are neither 0 nor 1',
    );
  });
});

describe('a legacy file of PyTorch', () => {
  const legacy = tensor({ storage: legacyStorage() });
  const load = (...args: Parameters<typeof legacyFile>): SavedValue =>
    flow.loadBytes<SavedValue>(legacyFile(...args));

  it('is read as it should be when nothing is wrong', () => {
    expect((load(legacy) as Tensor).tolist()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it('may have views of storages, as old ones do', () => {
    const view = tensor({
      storage: legacyStorage(tuple('7', 2, 3)),
      shape: tuple(2),
      strides: tuple(1),
      offset: 1,
    });
    const [whole, part] = load([legacy, view]) as [Tensor, Tensor];
    expect([part.tolist(), part.storage === whole.storage]).toEqual([[4, 5], true]);
  });

  it.each<[string, unknown, Parameters<typeof legacyFile>[1], string]>([
    [
      'has a view beyond its storage',
      tensor({ storage: legacyStorage(tuple('7', 4, 3)) }),
      {},
      'a view that reaches beyond its storage of 6 elements',
    ],
    [
      'has a tensor beyond its view',
      tensor({ storage: legacyStorage(tuple('7', 2, 3)) }),
      {},
      'reaches beyond its storage of 3 elements',
    ],
    ['has a short id', tensor(), {}, 'a persistent id that is not of six items'],
    ['is big-endian', legacy, { machine: false }, 'not from a little-endian machine'],
    ['has other keys', legacy, { keys: ['1'] }, 'a key of a storage that the object does not have'],
    ['has too many keys', legacy, { keys: ['0', '1'] }, 'not the keys of the 1 storages that the object has'],
    ['has a key twice', legacy, { keys: ['0', '0'] }, 'not the keys of the 1 storages that the object has'],
    ['has no list of keys', legacy, { keys: 1 }, 'not the keys of the 1 storages that the object has'],
    ['has another number of elements', legacy, { count: 5n }, 'a storage of 5 elements, expected 6'],
    ['is cut off', legacy, { data: six.slice(1) }, 'cut off: 24 bytes are wanted where 23 are left'],
    ['goes on', legacy, { data: new Uint8Array(25) }, '1 bytes after the end'],
    [
      'promises what it does not have',
      tensor({ storage: storage({ count: 2 ** 40, rest: [null] }) }),
      { count: 2n ** 40n },
      'cut off: 4398046511104 bytes are wanted where 24 are left',
    ],
  ])('is refused when it %s', (_, value, changes, message) => {
    const before = flow.memoryStats().storages;
    expect(() => load(value, changes)).toThrow(FileFormatError);
    expect(() => load(value, changes)).toThrow(message);
    // Small ones lie together in a slab, which may have been begun.
    expect(flow.memoryStats().storages).toBeLessThanOrEqual(before + 1);
  });
});
