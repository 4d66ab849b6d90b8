/**
 * Files of every format, damaged at random: each must load, or fail with an error of ours, soon, without taking much
 * more memory than it is long, and without leaving any of it taken. FUZZ_RUNS says how many per format.
 */
import { zipSync } from 'fflate';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { Tensor } from '../../src/index.ts';
import { serializeOneflowDirectory } from '../../src/io/oneflow.ts';
import { ZipArchive } from '../../src/io/zip.ts';
import { writeZip, zipEntry } from '../../src/io/zip-writer.ts';
import { goldenBytes } from '../golden/golden.ts';

const runs = Number(process.env['FUZZ_RUNS'] ?? 300);
const seed = Number(process.env['FUZZ_SEED'] ?? 7);
const golden = (name: string): Uint8Array => new Uint8Array(goldenBytes(`files/${name}`));

// Where storages are counted one by one.
beforeAll(() => flow.setTarget('wasm'));

/** One change of a file's bytes; positions are fractions of its length. */
type Change = (bytes: Uint8Array) => Uint8Array;
const at = (bytes: Uint8Array, where: number): number => Math.floor(where * bytes.length);
const replaced = (bytes: Uint8Array, start: number, end: number, middle: ArrayLike<number>): Uint8Array =>
  Uint8Array.of(...bytes.subarray(0, start), ...Array.from(middle), ...bytes.subarray(end));

const where = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const extremes = [
  [0],
  [0xff],
  [0, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff],
  [0xff, 0xff, 0xff, 0x7f],
  [0, 0, 0, 0x80],
];
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(where, fc.nat({ max: 255 })).map(([w, value]): Change => (bytes) => {
    const copy = bytes.slice();
    copy[at(bytes, w)] = value;
    return copy;
  }),
  fc.tuple(where, fc.nat({ max: 7 })).map(([w, bit]): Change => (bytes) => {
    const copy = bytes.slice();
    copy[at(bytes, w)]! ^= 1 << bit;
    return copy;
  }),
  fc.tuple(where, fc.constantFrom(...extremes)).map(([w, value]): Change => (bytes) => {
    const start = at(bytes, w);
    return replaced(bytes, start, start + value.length, value).subarray(0, bytes.length);
  }),
  where.map(
    (w): Change =>
      (bytes) =>
        bytes.slice(0, at(bytes, w)),
  ),
  fc.tuple(where, fc.nat({ max: 40 })).map(([w, n]): Change => (bytes) => {
    const start = at(bytes, w);
    return replaced(bytes, start, start + n, []);
  }),
  fc.tuple(where, fc.uint8Array({ maxLength: 8 })).map(([w, more]): Change => (bytes) => {
    const start = at(bytes, w);
    return replaced(bytes, start, start, more);
  }),
  fc.tuple(where, where, fc.nat({ max: 64 })).map(([to, from, n]): Change => (bytes) => {
    const [target, start] = [at(bytes, to), at(bytes, from)];
    return replaced(bytes, target, target + n, bytes.subarray(start, start + n));
  }),
);
const changes = fc.array(change, { minLength: 1, maxLength: 4 });
const apply = (bytes: Uint8Array, list: readonly Change[]): Uint8Array => list.reduce((b, f) => f(b), bytes);

/** All tensors in a loaded value. */
const tensorsIn = (value: unknown): Tensor[] => {
  if (value instanceof Tensor) return [value];
  if (value instanceof Map || value instanceof Set) return [...value.values()].flatMap(tensorsIn);
  return Array.isArray(value) ? value.flatMap(tensorsIn) : [];
};

/** Loads, checks what the head of this file says, and gives everything back. */
const check = (length: number, load: () => unknown): void => {
  const before = flow.memoryStats();
  flow.resetPeakMemoryStats();
  const start = performance.now();
  let loaded: unknown;
  try {
    loaded = load();
  } catch (error) {
    expect(error).toBeInstanceOf(flow.FileFormatError);
  }
  expect(performance.now() - start).toBeLessThan(10_000);
  // Some of it is what the library that inflates takes each time.
  expect(flow.memoryStats().peakBytes - before.residentBytes).toBeLessThan(4 * length + 2 ** 20);
  const found = tensorsIn(loaded);
  for (const tensor of found) if (tensor.numel() < 10_000) tensor.tolist();
  for (const tensor of found) tensor.storage.dispose();
  // Small ones lie together in a slab, which may have been begun.
  expect(flow.memoryStats().storages).toBeLessThanOrEqual(before.storages + 1);
};

const tensors = {
  a: flow.arange(12, { dtype: 'float32' }).reshape(3, 4),
  b: flow.tensor([true, false]),
  c: flow.tensor(5n),
};
const npzOf = (level: 0 | 9): Uint8Array =>
  zipSync(
    {
      'a.npy': flow.saveBytes(tensors.a, { format: 'npy' }),
      'c.npy': flow.saveBytes(tensors.c, { format: 'npy' }),
    },
    { level },
  );

const files: Readonly<Record<string, Uint8Array>> = {
  'conv_zip.pt': golden('conv_zip.pt'),
  'views_zip.pt': golden('views_zip.pt'),
  'nested_zip.pt': golden('nested_zip.pt'),
  'dtypes_zip.pt': golden('dtypes_zip.pt'),
  'conv_legacy.pt': golden('conv_legacy.pt'),
  'views_legacy.pt': golden('views_legacy.pt'),
  oneflow_single: golden('oneflow_single'),
  safetensors: flow.saveBytes(tensors, { format: 'safetensors' }),
  npy: flow.saveBytes(tensors.a, { format: 'npy' }),
  'npz, stored': npzOf(0),
  'npz, deflated': npzOf(9),
};

// A busy machine needs its time.
describe('a damaged file loads or fails in order', { timeout: 600_000 }, () => {
  it.each(Object.entries(files))('%s', (_, file) => {
    check(file.length, () => flow.loadBytes<unknown>(file));
    fc.assert(
      fc.property(changes, (list) => {
        const damaged = apply(file, list);
        check(damaged.length, () => flow.loadBytes<unknown>(damaged));
      }),
      { numRuns: runs, seed },
    );
  });

  // Behind check sums damage would seldom be seen.
  it.each(['conv_zip.pt', 'views_zip.pt', 'nested_zip.pt', 'dtypes_zip.pt'])(
    '%s, damaged inside of its archive',
    (name) => {
      const archive = new ZipArchive(files[name]!);
      fc.assert(
        fc.property(fc.nat(), changes, (pick, list) => {
          // The pickle, mostly: it has the most to say.
          const chosen = archive.names[pick % 3 === 0 ? pick % archive.names.length : 0];
          const damaged = writeZip(
            archive.names.map((entry) => {
              const data = archive.read(entry);
              return zipEntry(entry, entry === chosen ? apply(data, list) : data);
            }),
          );
          check(damaged.length, () => flow.loadBytes<unknown>(damaged));
        }),
        { numRuns: 2 * runs, seed },
      );
    },
  );

  it.each([
    ['oneflow directory', serializeOneflowDirectory({ ...tensors, list: [tensors.a, 1, 'x'] })],
    [
      'oneflow snapshot',
      new Map([
        ['snapshot_done', new Uint8Array()],
        ...[...serializeOneflowDirectory(tensors)].filter(([name]) => name !== 'pickled_data'),
      ]),
    ],
  ])('%s', async (_, folder) => {
    const { recogniseFolder } = await import('../../src/io/recognise.ts');
    const { folderOf } = await import('../../src/io/folder.ts');
    const { Loading } = await import('../../src/io/loading.ts');
    const names = [...folder.keys()];
    fc.assert(
      fc.property(fc.nat(), changes, (pick, list) => {
        const chosen = names[pick % names.length]!;
        const damaged = new Map(folder).set(chosen, apply(folder.get(chosen)!, list));
        const length = [...damaged.values()].reduce((sum, bytes) => sum + bytes.length, 0);
        check(length, () => {
          const found = recogniseFolder(folderOf(damaged));
          const loading = new Loading(damaged.get('pickled_data')?.length ?? 0);
          return typeof found === 'string' ? found : loading.guard(() => found.read(loading));
        });
      }),
      { numRuns: 2 * runs, seed },
    );
  });
});
