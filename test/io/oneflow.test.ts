import { beforeAll, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { type DType, FileFormatError, nn, type Tensor } from '../../src/index.ts';
import { serializeOneflowDirectory } from '../../src/io/oneflow.ts';
import { parseMeta, writeMeta } from '../../src/io/oneflow-meta.ts';
import { Call, GlobalName, NewObject, pickle, tuple } from '../../src/io/pickle-writer.ts';

// Where storages are counted one by one.
beforeAll(() => flow.setTarget('wasm'));

const utf8 = new TextEncoder();
const noTensors = (): never => {
  throw new Error('no tensors here');
};
/** A pickle as OneFlow writes it around data. */
const saved = (
  data: unknown,
  rest: Readonly<Record<string, unknown>> = { protocol_version: 1 },
): Uint8Array => pickle({ ...rest, data }, noTensors);
const tensorOf = (state: unknown, type = 'Tensor', module = 'oneflow'): NewObject =>
  new NewObject(new GlobalName(module, type), state);
type Files = ReadonlyMap<string, Uint8Array>;
const load = <T = nn.StateDict>(files: Files): Promise<T> => flow.load<T>(files);

describe("a folder in OneFlow's format", () => {
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
  it.each(dtypes)('keeps the bits of %s', async (dtype) => {
    const x = flow.tensor(
      [
        [0, 1, 100],
        [1, 0, 2],
      ],
      { dtype },
    );
    const loaded = await load(serializeOneflowDirectory({ x, t: x.t() }));
    expect([loaded.get('x')!.dtype, loaded.get('x')!.tolist()]).toEqual([dtype, x.tolist()]);
    expect(loaded.get('t')!.tolist()).toEqual(x.t().tolist());
  });

  it('holds a module by its state, whose versions it keeps', async () => {
    const [a, b] = [new nn.BatchNorm2d(2), new nn.BatchNorm2d(2)];
    a.getBuffer('num_batches_tracked').fill_(7);
    const loaded = await load(serializeOneflowDirectory(a));
    expect(String(b.loadStateDict(loaded))).toBe('<All keys matched successfully>');
    expect([...loaded.metadata]).toEqual([['', { version: 2 }]]);
    expect(b.getBuffer('num_batches_tracked').item()).toBe(7);
  });

  it('keeps one tensor one tensor, and parameters parameters', async () => {
    const [weight, x] = [new nn.Parameter(flow.ones([2])), flow.ones([2])];
    const files = serializeOneflowDirectory([weight, x, weight]);
    expect([...files.keys()]).toEqual([
      'tensor_0/out',
      'tensor_0/meta',
      'tensor_1/out',
      'tensor_1/meta',
      'pickled_data',
    ]);
    const loaded = await load<Tensor[]>(files);
    expect(loaded[0]).toBe(loaded[2]);
    expect(loaded.slice(0, 2).map((t) => [t instanceof nn.Parameter, t.requiresGrad])).toEqual([
      [true, true],
      [false, false],
    ]);
  });

  it('is described as protobuf prints it', () => {
    const files = serializeOneflowDirectory([flow.zeros([3, 3]), flow.tensor(1n)]);
    const meta = (name: string): string => new TextDecoder().decode(files.get(name));
    expect(meta('tensor_0/meta')).toBe('shape {\n  dim: 3\n  dim: 3\n}\ndata_type: kFloat\n');
    expect(meta('tensor_1/meta')).toBe('shape {\n}\ndata_type: kInt64\n');
  });

  const changed = (...changes: readonly (readonly [string, Uint8Array | null])[]): Files => {
    const files = serializeOneflowDirectory({ x: flow.zeros([2, 3]) });
    for (const [name, bytes] of changes) {
      if (bytes === null) files.delete(name);
      else files.set(name, bytes);
    }
    return files;
  };
  const at = (path: unknown): readonly [string, Uint8Array] => ['pickled_data', saved(tensorOf({ path }))];

  it('may hold files that nobody asks for', async () => {
    expect((await load(changed(['notes.txt', utf8.encode('?')]))).get('x')!.shape).toEqual([2, 3]);
  });

  it.each<[string, Files, string]>([
    ['lacks elements', changed(['tensor_0/out', null]), 'no file "tensor_0/out"'],
    ['lacks a description', changed(['tensor_0/meta', null]), 'tensor_0: no file "tensor_0/meta"'],
    [
      'has too many elements',
      changed(['tensor_0/out', new Uint8Array(28)]),
      'tensor_0/out: 28 bytes, expected 24 for float32 [2, 3]',
    ],
    [
      'has half an element',
      changed(['tensor_0/out', new Uint8Array(23)]),
      'tensor_0/out: 23 bytes, expected 24',
    ],
    [
      'promises too much',
      changed(['tensor_0/meta', writeMeta('float32', [2 ** 40])]),
      'tensor_0/meta: shape [1099511627776] of float32, which is too large',
    ],
    ['leads up', changed(at('..')), 'the path "..", which is no plain name'],
    ['leads elsewhere', changed(at('../secret')), 'the path "../secret", which is no plain name'],
    ['leads to a root', changed(at('/etc')), 'the path "/etc", which is no plain name'],
    ['leads to a drive', changed(at('C:\\x')), 'which is no plain name'],
    ['has a tensor without a path', changed(at(7)), 'a tensor without a path'],
    [
      'has two tensors in one place',
      changed(['pickled_data', saved([tensorOf({ path: 'tensor_0' }), tensorOf({ path: 'tensor_0' })])]),
      'two tensors with the path "tensor_0"',
    ],
    [
      'has a module',
      changed(['pickled_data', saved(tensorOf({}, 'Conv2d', 'oneflow.nn.modules.conv'))]),
      'asks for "oneflow.nn.modules.conv.Conv2d"',
    ],
    ['goes on', changed(['pickled_data', Uint8Array.of(...saved(null), 0)]), '1 bytes after the end'],
  ])('is refused when it %s', async (_, files, message) => {
    const before = flow.memoryStats().storages;
    await expect(load(files)).rejects.toBeInstanceOf(FileFormatError);
    await expect(load(files)).rejects.toThrow(message);
    expect(flow.memoryStats().storages).toBe(before);
  });
});

describe("a tensor's description", () => {
  const parse = (text: string) => parseMeta(utf8.encode(text));

  it('is read whatever its spaces', () => {
    expect(parse('shape{dim:3 dim : 40}data_type:kInt16')).toEqual({ elements: 'int16', shape: [3, 40] });
    expect(parse('shape {\n}\ndata_type: kBFloat16\n')).toEqual({ elements: 'bfloat16', shape: [] });
    expect(parse('shape { }\ndata_type: kChar')).toEqual({ elements: 'int8', shape: [] });
  });

  it.each([
    ['', 'a shape and a data_type were expected'],
    ['shape { dim: -3 } data_type: kFloat', 'a shape and a data_type were expected'],
    ['shape { dim: 3 } data_type: kFloat more', 'a shape and a data_type were expected'],
    ['shape { dim: 3 } shape { dim: 3 } data_type: kFloat', 'a shape and a data_type were expected'],
    [`shape {${' '.repeat(5000)}} data_type: kFloat`, 'a shape and a data_type were expected'],
    ['shape { dim: 3 } data_type: kComplex64', 'data_type "kComplex64", which tensors here cannot hold'],
    [
      `shape {${' dim: 1'.repeat(65)}} data_type: kFloat`,
      'a shape that is not a list of at most 64 whole numbers',
    ],
  ])('%j is refused', (text, message) => {
    expect(() => parse(text)).toThrow(new FileFormatError(message));
  });
});

describe("a single file in OneFlow's format", () => {
  const dtype = (number: number): NewObject => tensorOf(number, 'dtype', 'oneflow._oneflow_internal');
  interface Changes {
    readonly code?: string;
    readonly order?: string;
    readonly shape?: readonly number[];
    readonly fortran?: boolean;
    readonly bytes?: Uint8Array;
    readonly module?: string;
  }
  const six = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
  /** NumPy's array as a pickle has it: an object that is called first, and told its state afterwards. */
  const array = ({
    code = 'f4',
    order = '<',
    shape = [2, 3],
    fortran = false,
    bytes = six,
    module = 'core',
  }: Changes = {}) => {
    const dtypeState = tuple(3, order, null, null, null, -1, -1, 0);
    const type = new Call(new GlobalName('numpy', 'dtype'), [code, false, true], dtypeState);
    return new Call(
      new GlobalName(`numpy.${module}.multiarray`, '_reconstruct'),
      [new GlobalName('numpy', 'ndarray'), tuple(0), Uint8Array.of(0x62)],
      tuple(1, tuple(...shape), type, fortran, bytes),
    );
  };
  const load = <T = Tensor>(state: unknown, type = 'Tensor', module = 'oneflow'): T =>
    flow.loadBytes<T>(saved(tensorOf(state, type, module), { protocol_version: 1, __oneflow__: null }));

  it("holds NumPy's arrays, of old and new NumPy, in both orders", () => {
    const state = (changes: Changes) => ({ data: array(changes), dtype: dtype(2), device: 'cpu' });
    expect(load(state({})).tolist()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(load(state({ module: '_core' })).tolist()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(load(state({ fortran: true })).tolist()).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ]);
  });

  it('holds bfloat16 as float32, and gives it back', () => {
    const x = load({ data: array(), dtype: dtype(11), device: 'cpu' });
    expect([x.dtype, x.tolist()]).toEqual([
      'bfloat16',
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ]);
  });

  it('holds global tensors whole', () => {
    const placement = { type: 'cpu', ranks: [0] };
    expect(
      load({ data: array(), dtype: dtype(2), placement, sbp: [tuple('B', -1)] })
        .sum()
        .item(),
    ).toBe(21);
  });

  it('tells where each tensor lay', () => {
    const seen: unknown[] = [];
    const file = saved(tensorOf({ data: array(), dtype: dtype(2), device: 'cuda:1' }), {
      protocol_version: 1,
    });
    flow.loadBytes(file, { mapLocation: (x, location) => (seen.push(location), x) });
    expect(seen).toEqual(['cuda:1']);
  });

  it.each<[string, unknown, string]>([
    [
      'has elements of another type',
      { data: array(), dtype: dtype(3) },
      'a tensor of float64 whose array is of float32',
    ],
    [
      'has a dtype that is none',
      { data: array(), dtype: dtype(99) },
      "OneFlow's data type 99, which tensors here cannot hold",
    ],
    [
      'has complex numbers',
      { data: array({ code: 'c8' }), dtype: dtype(20) },
      `elements of NumPy's type "<c8", which tensors here cannot hold`,
    ],
    [
      'has objects',
      { data: array({ code: 'O8', order: '|' }), dtype: dtype(2) },
      `elements of NumPy's type "|O8"`,
    ],
    [
      'has too few bytes',
      { data: array({ shape: [2, 4] }), dtype: dtype(2) },
      '24 bytes of elements, expected 32 for float32 [2, 4]',
    ],
    [
      'promises too much',
      { data: array({ shape: [2 ** 40] }), dtype: dtype(2) },
      'shape [1099511627776] of float32, which is too large',
    ],
    ['has no array', { data: null, dtype: dtype(2) }, 'a tensor without an array'],
    ['has no dtype', { data: array(), dtype: 2 }, 'a tensor without a dtype'],
    ['has no state', 7, 'a tensor whose state is not a dict'],
  ])('is refused when it %s', (_, state, message) => {
    const before = flow.memoryStats().storages;
    expect(() => load(state)).toThrow(FileFormatError);
    expect(() => load(state)).toThrow(message);
    expect(flow.memoryStats().storages).toBe(before);
  });

  it('is refused when a parameter cannot have a gradient', () => {
    const state = { data: array({ code: 'i4' }), dtype: dtype(5) };
    expect(() => load(state, 'Parameter', 'oneflow.nn')).toThrow('a tensor of int32 that requires gradients');
  });

  it('is refused when a tensor never got its state', () => {
    const unfinished = new Call(new GlobalName('numpy', 'dtype'), ['f4', false, true]);
    expect(() => flow.loadBytes(saved([unfinished]))).toThrow(
      '"numpy.dtype" stands where a value is expected',
    );
  });

  it.each([
    [{ protocol_version: 2, data: null }, 'protocol version 2, expected 1'],
    [{ data: null }, 'protocol version undefined, expected 1'],
    [{ protocol_version: 1 }, "not a dictionary with the key 'data'"],
    [[1], "not a dictionary with the key 'data'"],
  ])('is refused when it holds %j', (value, message) => {
    expect(() => flow.loadBytes(pickle(value, noTensors))).toThrow(message);
  });
});
