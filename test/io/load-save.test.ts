import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { FileFormatError, type Tensor } from '../../src/index.ts';
import { goldenBytes, goldenPath } from '../golden/golden.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-'));
});
afterAll(() => rm(folder, { recursive: true }));

const bytes = (): Uint8Array<ArrayBuffer> => new Uint8Array(goldenBytes('files/views_zip.pt')).slice();
const expectViews = (state: flow.nn.StateDict): void =>
  expect(state.get('row')!.tolist()).toEqual([4, 5, 6, 7]);

describe('a file is loaded', () => {
  it('from a path', async () => expectViews(await flow.load(goldenPath('files/views_zip.pt'))));
  it("from a file's URL", async () =>
    expectViews(await flow.load(pathToFileURL(goldenPath('files/views_zip.pt')))));
  it('from bytes', async () => expectViews(await flow.load(bytes())));
  it('from an ArrayBuffer', async () => expectViews(await flow.load(goldenBytes('files/views_zip.pt'))));
  it('from a Buffer', async () =>
    expectViews(await flow.load(await readFile(goldenPath('files/views_zip.pt')))));
  it('from a part of a larger array', async () => {
    const larger = new Uint8Array(bytes().length + 3);
    larger.set(bytes(), 1);
    expectViews(await flow.load(larger.subarray(1, -2)));
  });
  it('from a Blob', async () => expectViews(await flow.load(new Blob([bytes()]))));
  it('from a Response', async () => expectViews(await flow.load(new Response(bytes()))));
  it('from a data: URL', async () => {
    expectViews(
      await flow.load(`data:,${Array.from(bytes(), (b) => `%${b.toString(16).padStart(2, '0')}`).join('')}`),
    );
  });
  it('at once, from bytes', () => expectViews(flow.loadBytes(bytes())));
  it('from a Map of files, as a folder', async () => {
    const files = new Map(
      await Promise.all(
        ['pickled_data', 'tensor_0/out', 'tensor_0/meta', 'tensor_1/out', 'tensor_1/meta'].map(
          async (name) =>
            [name, new Uint8Array(await readFile(goldenPath(`files/oneflow_dir/${name}`)))] as const,
        ),
      ),
    );
    expect([...(await flow.load(files)).keys()]).toEqual(['weight', 'bias']);
  });
  it('from a server, whose refusals are said', async () => {
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/views.pt' ? 200 : 404);
      response.end(request.url === '/views.pt' ? bytes() : undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      expectViews(await flow.load(`${address}/views.pt`));
      expectViews(await flow.load(new URL(`${address}/views.pt`)));
      await expect(flow.load(`${address}/none.pt`)).rejects.toThrow(
        `load: ${address}/none.pt answers 404 Not Found`,
      );
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
  it('whose bytes may change afterwards', () => {
    const mine = bytes();
    const state = flow.loadBytes(mine);
    mine.fill(0);
    expectViews(state);
  });
  it('in a scope, which gives its memory back', async () => {
    const before = flow.memoryStats().storages;
    flow.scope(() => expectViews(flow.loadBytes(bytes())));
    expect(flow.memoryStats().storages).toBe(before);
  });
});

describe('mapLocation', () => {
  it('names a device', async () => {
    expectViews(await flow.load(bytes(), { mapLocation: 'cpu' }));
    await expect(flow.load(bytes(), { mapLocation: 'cuda' })).rejects.toThrow('device cuda is not available');
    await expect(flow.load(bytes(), { mapLocation: 'moon' })).rejects.toThrow(
      'Expected one of cpu, cuda, webgpu device type at start of device string: moon',
    );
  });
  it.each(['views_zip.pt', 'views_legacy.pt'])(
    'may be a function of each tensor of %s, with its values',
    (name) => {
      const seen: [number, string | null][] = [];
      const state = flow.loadBytes(new Uint8Array(goldenBytes(`files/${name}`)), {
        mapLocation: (tensor, location) => {
          seen.push([tensor.sum().item(), location]);
          return tensor.clone();
        },
      });
      expect(seen).toEqual([
        [66, 'cpu'],
        [66, 'cpu'],
        [22, 'cpu'],
        [11, 'cpu'],
        [0, 'cpu'],
        [2.5, 'cpu'],
      ]);
      expect(state.get('row')!.storage).not.toBe(state.get('base')!.storage);
    },
  );
});

describe('what cannot be loaded', () => {
  const cannot = (reason: string): FileFormatError => new FileFormatError(`Cannot load the data: ${reason}`);
  it.each([
    ['nothing', new Uint8Array(), 'it is none of a PyTorch, OneFlow, safetensors or NumPy file'],
    [
      'a text',
      new TextEncoder().encode('hello'),
      'it is none of a PyTorch, OneFlow, safetensors or NumPy file',
    ],
    [
      'a tar archive',
      Uint8Array.from({ length: 600 }, (_, k) => 'ustar'.charCodeAt(k - 257) || 1),
      'it is a tar archive, as PyTorch before 0.2 wrote; save it again with a newer one',
    ],
  ])('is %s', (_, file, reason) => {
    expect(() => flow.loadBytes(file)).toThrow(cannot(reason));
  });

  it('is a file that is none, by its path', async () => {
    const path = join(folder, 'notes.pt');
    await writeFile(path, 'hello');
    await expect(flow.load(path)).rejects.toThrow(`Cannot load file "${path}": it is none of`);
    await mkdir(join(folder, 'empty'));
    await expect(flow.load(join(folder, 'empty'))).rejects.toThrow(
      'neither pickled_data nor snapshot_done in it',
    );
    await expect(flow.load(join(folder, 'nowhere.pt'))).rejects.toThrow('ENOENT');
    await expect(flow.load(7 as unknown as string)).rejects.toThrow(
      'load: expected a path, a URL, bytes, a Blob, a Response or a Map of files, got 7',
    );
  });

  it("is PyTorch's where that is not wanted", async () => {
    const path = goldenPath('files/conv_zip.pt');
    await expect(flow.load(path, { supportPytorchFormat: false })).rejects.toThrow(
      `Cannot load file "${path}": it is PyTorch's, and supportPytorchFormat is false`,
    );
    const single = await flow.load(goldenPath('files/oneflow_single'), { supportPytorchFormat: false });
    expect(single.size).toBe(2);
  });

  it('is a device, or a folder with a link in it', async () => {
    await expect(flow.load('/dev/null')).rejects.toThrow('/dev/null: neither a file nor a folder');
    const path = join(folder, 'linked');
    await flow.save({ x: flow.ones([2]) }, path, { format: 'oneflow' });
    await writeFile(join(folder, 'secret'), new Uint8Array(8));
    await rm(join(path, 'tensor_0', 'out'));
    await symlink(join(folder, 'secret'), join(path, 'tensor_0', 'out'));
    await expect(flow.load(path)).rejects.toThrow('tensor_0/out: a link, which could lead out of the folder');
  });
});

describe('a file is saved', () => {
  const state = { x: flow.tensor([[1, 2, 3]]), y: flow.tensor(4n) };
  const expectState = (loaded: ReadonlyMap<string, Tensor>): void =>
    expect(Array.from(loaded, ([name, x]) => [name, x.tolist()]).sort()).toEqual([
      ['x', [[1, 2, 3]]],
      ['y', 4],
    ]);

  it.each([
    ['a.pt', undefined, 'PK'],
    ['a.pth', undefined, 'PK'],
    ['a', undefined, 'PK'],
    ['a.safetensors', undefined, '\x90\0'],
    ['a.npz', undefined, 'PK'],
    ['b.bin', 'safetensors', '\x90\0'],
  ] as const)('as %s, in format %s', async (name, format, start) => {
    const path = join(folder, name);
    await flow.save(state, path, { format });
    expect((await readFile(path)).toString('latin1', 0, start.length)).toBe(start);
    expectState(await flow.load(path));
  });

  it("as a folder in OneFlow's format, also into a folder that is there", async () => {
    const path = join(folder, 'deep', 'oneflow');
    for (let k = 0; k < 2; k++) await flow.save(state, path, { format: 'oneflow' });
    expectState(await flow.load(path));
  });

  it('under the name that PyTorch gives to the folder in it', async () => {
    for (const [name, top] of [
      ['net.v2.pt', 'net.v2'],
      ['.pt', '.pt'],
      ['net', 'net'],
    ] as const) {
      await flow.save(state, join(folder, name));
      expect((await readFile(join(folder, name))).toString('latin1', 30, 30 + top.length + 1)).toBe(
        `${top}/`,
      );
    }
  });

  it('as bytes', () => {
    expectState(flow.loadBytes(flow.saveBytes(state)));
    expectState(flow.loadBytes(flow.saveBytes(state, { format: 'safetensors' })));
  });

  it('unless it cannot be', async () => {
    const path = join(folder, 'never.pt');
    await expect(flow.save({ f: (() => 1) as never }, path)).rejects.toThrow(
      new TypeError('save: value["f"]: a function cannot be saved'),
    );
    await expect(flow.load(path)).rejects.toThrow('ENOENT');
    await expect(flow.save(state, path, { format: 'onnx' as never })).rejects.toThrow(
      "save: format is 'onnx', expected one of pt, safetensors, npy, npz, oneflow",
    );
    await expect(flow.save(state, 7 as never)).rejects.toThrow('save: path is a number, expected a string');
    expect(() => flow.saveBytes(state, { format: 'oneflow' as never })).toThrow(
      'is a folder of files; see save',
    );
    for (const value of [[1], null, flow.zeros([1]), { epoch: 3 }] as const) {
      expect(() => flow.saveBytes(value, { format: 'safetensors' })).toThrow(
        "save: format 'safetensors' holds tensors under names",
      );
    }
  });

  it('without copies left behind', () => {
    const x = flow.ones([10, 20]).t();
    const before = flow.memoryStats().storages;
    for (const format of ['pt', 'safetensors', 'npz'] as const) flow.saveBytes({ x }, { format });
    expect(flow.memoryStats().storages).toBe(before);
  });
});
