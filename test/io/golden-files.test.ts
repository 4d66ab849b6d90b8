import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { nn, type SavedValue, type Tensor } from '../../src/index.ts';
import { goldenBytes, goldenJson, goldenPath, goldenTensor, type GoldenRef } from '../golden/golden.ts';

// Where storages are counted one by one.
beforeAll(() => flow.setTarget('wasm'));

interface Files {
  readonly conv_state_dict: Readonly<Record<string, GoldenRef<'float32'>>>;
  readonly views: Readonly<Record<string, { readonly shape: number[]; readonly values: number[] }>>;
  readonly dtypes: Readonly<Record<string, { readonly values: number[] }>>;
}
const files = goldenJson<Files>('files.json');
const load = <T = nn.StateDict>(name: string): Promise<T> => flow.load<T>(goldenPath(`files/${name}`));

const expectConv = (state: ReadonlyMap<string, Tensor>): void => {
  expect([...state.keys()].sort()).toEqual(Object.keys(files.conv_state_dict).sort());
  for (const [name, ref] of Object.entries(files.conv_state_dict)) {
    expect(state.get(name)!.shape).toEqual(ref.shape);
    expect(state.get(name)!.toTypedArray()).toEqualBits(goldenTensor(ref));
  }
};

/** Every golden file, and which test below reads it. */
const covered = {
  conv: [
    'conv_zip.pt',
    'conv_legacy.pt',
    'oneflow_dir',
    'oneflow_dir_old',
    'oneflow_single',
    'oneflow_snapshot',
  ],
  views: ['views_zip.pt', 'views_legacy.pt'],
  others: ['dtypes_zip.pt', 'nested_zip.pt'],
  evil: {
    'evil_eval_zip.pt': '__builtin__.eval',
    'evil_system_zip.pt': 'posix.system',
    'evil_getattr_legacy.pt': '__builtin__.getattr',
    evil_oneflow_single: 'builtins.eval',
  },
};

it('all golden files are read by a test here', () => {
  const { conv, views, others, evil } = covered;
  expect(readdirSync(goldenPath('files')).sort()).toEqual(
    [...conv, ...views, ...others, ...Object.keys(evil)].sort(),
  );
});

describe.each(covered.conv)('the state dictionary in %s', (name) => {
  it('has the values that PyTorch saved', async () => expectConv(await load(name)));

  it('goes into a module', async () => {
    const conv = new nn.Conv2d(2, 3, [2, 3]);
    expect(String(conv.loadStateDict(await load(name)))).toBe('<All keys matched successfully>');
    expect(conv.weight.toTypedArray()).toEqualBits(goldenTensor(files.conv_state_dict['weight']!));
  });
});

it.each(['conv_zip.pt', 'conv_legacy.pt', 'oneflow_dir', 'oneflow_single'])(
  '%s says which version each module had',
  async (name) => expect([...(await load(name)).metadata]).toEqual([['', { version: 1 }]]),
);

it("parameters of OneFlow's files are parameters, and require gradients", async () => {
  for (const name of ['oneflow_dir', 'oneflow_single']) {
    const weight = (await load(name)).get('weight')!;
    expect([weight instanceof nn.Parameter, weight.requiresGrad, weight.isLeaf]).toEqual([true, true, true]);
  }
});

describe.each(covered.views)('the views in %s', (name) => {
  it('have the values that PyTorch saved', async () => {
    const views = await load(name);
    expect([...views.keys()]).toEqual(Object.keys(files.views));
    for (const [key, { shape, values }] of Object.entries(files.views)) {
      expect(views.get(key)!.shape, key).toEqual(shape);
      expect([...views.get(key)!.toTypedArray()], key).toEqual(values);
    }
  });

  it('share their storage, and keep their strides', async () => {
    const views = await load(name);
    const [base, transposed, row, cell, scalar] = ['base', 'transposed', 'row', 'cell', 'scalar'].map((key) =>
      views.get(key)!,
    ) as [Tensor, Tensor, Tensor, Tensor, Tensor];
    expect([transposed, row, cell].map((view) => view.storage === base.storage)).toEqual([true, true, true]);
    expect(scalar.storage).not.toBe(base.storage);
    expect([transposed.strides, row.offset, cell.offset]).toEqual([[1, 4], 4, 11]);
    base.fill_(-1);
    expect([transposed.sum().item(), row.sum().item(), cell.item(), scalar.item()]).toEqual([
      -12, -4, -1, 2.5,
    ]);
  });
});

it('elements of every type arrive, int16 as int32', async () => {
  const tensors = await load('dtypes_zip.pt');
  expect([...tensors.keys()]).toEqual(Object.keys(files.dtypes));
  for (const [name, { values }] of Object.entries(files.dtypes)) {
    const tensor = tensors.get(name)!;
    expect(tensor.dtype).toBe(name === 'int16' ? 'int32' : name);
    expect(Array.from(tensor.toTypedArray(), Number), name).toEqual(values);
  }
});

it("values beside tensors are JavaScript's", async () => {
  const nested = await load<Map<string, SavedValue>>('nested_zip.pt');
  expectConv(nested.get('model') as nn.StateDict);
  const param = nested.get('param') as nn.Parameter;
  expect([param instanceof nn.Parameter, param.requiresGrad]).toEqual([true, true]);
  expect(param.storage).toBe((nested.get('model') as nn.StateDict).get('bias')!.storage);
  const rest = [...nested].filter(([key]) => key !== 'model' && key !== 'param');
  expect(rest).toEqual([
    ['epoch', 3],
    ['lr', 0.25],
    ['tag', 'ünï'],
    ['ok', true],
    ['none', null],
    ['big', 2 ** 40],
    ['neg', -(2n ** 70n)],
    ['list', [1, [2.5, 'x']]],
    ['tuple', [1, 2, 3, 4]],
    ['size', [2, 3]],
  ]);
  expect(Object.isFrozen(nested.get('tuple'))).toBe(true);
  expect(Object.isFrozen(nested.get('list'))).toBe(false);
});

describe('a file that asks for a call', () => {
  it.each(Object.entries(covered.evil))('%s is refused, naming %s', async (name, wanted) => {
    const before = flow.memoryStats().storages;
    const loading = load(name);
    await expect(loading).rejects.toBeInstanceOf(flow.FileFormatError);
    await expect(loading).rejects.toThrow(
      `asks for "${wanted}", which is not among the names that a file of tensors needs; refused`,
    );
    await expect(loading).rejects.toThrow(name);
    expect(flow.memoryStats().storages).toBe(before);
  });
});

describe('what is saved for PyTorch', () => {
  it.each(['conv_zip', 'views_zip'])('is, byte for byte, what PyTorch wrote in %s.pt', async (stem) => {
    const { serializeTorchZip } = await import('../../src/io/torch-zip.ts');
    const written = serializeTorchZip(await load(`${stem}.pt`), stem);
    expect(Buffer.compare(written, new Uint8Array(goldenBytes(`files/${stem}.pt`)))).toBe(0);
  });
});
