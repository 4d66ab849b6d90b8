import { describe, expect, expectTypeOf, it } from 'vitest';
import * as flow from '../../src/index.ts';
import { data, type Tensor } from '../../src/index.ts';
import { golden } from '../golden/nn.ts';

const numbered = (n: number): data.TensorDataset<[Tensor]> => new data.TensorDataset(flow.arange(n));
const generatorOf = (own: number | null): { generator?: flow.Generator } =>
  own === null ? {} : { generator: new flow.Generator(own) };

describe("batches come in PyTorch's order", () => {
  it.each(
    golden.loaders.map(
      (c) =>
        [
          `${c.n} examples, ${c.batchSize} a batch${c.shuffle ? ', shuffled' : ''}${c.dropLast ? ', last one dropped' : ''}${c.own === null ? '' : ', own generator'}`,
          c,
        ] as const,
    ),
  )('%s', (_, c) => {
    const { batchSize, shuffle, dropLast } = c;
    flow.manualSeed(c.seed);
    const own = generatorOf(c.own);
    const loader = new data.DataLoader(numbered(c.n), { batchSize, shuffle, dropLast, ...own });
    expect(loader.length).toBe(c.length);
    for (const pass of c.passes) expect(Array.from(loader, ([batch]) => batch.tolist())).toEqual(pass);
    expect(flow.rand([]).item()).toBe(Math.fround(c.next));
    if (c.ownNext !== null) expect(flow.rand([], own).item()).toBe(Math.fround(c.ownNext));
  });

  it.each(golden.splits.map((c) => [`${c.n} split into ${c.lengths.join(', ')}`, c] as const))(
    '%s',
    (_, c) => {
      flow.manualSeed(c.seed);
      const parts = data.randomSplit(numbered(c.n), c.lengths, generatorOf(c.own));
      expect(parts.map((part) => part.indices)).toEqual(c.indices);
      expect(flow.rand([]).item()).toBe(Math.fround(c.next));
    },
  );
});

describe('a loader', () => {
  const pairs = new data.TensorDataset(flow.arange(10).reshape([5, 2]), flow.arange(5));

  it('gives batches of slices of all tensors, a last one that is not full too', () => {
    const batches = Array.from(new data.DataLoader(pairs, { batchSize: 2 }), ([x, y]) => [
      x.tolist(),
      y.tolist(),
    ]);
    expect(batches).toEqual([
      [
        [
          [0, 1],
          [2, 3],
        ],
        [0, 1],
      ],
      [
        [
          [4, 5],
          [6, 7],
        ],
        [2, 3],
      ],
      [[[8, 9]], [4]],
    ]);
  });

  it('has types for its batches', () => {
    for (const [x, y] of new data.DataLoader(pairs)) {
      expectTypeOf(x).toEqualTypeOf<Tensor>();
      expectTypeOf(y).toEqualTypeOf<Tensor>();
    }
  });

  it('joins examples by their kind: tensors, numbers, booleans, texts, arrays, objects', () => {
    const dataset = {
      length: 2,
      get: (k: number) => ({
        x: flow.full([2], k),
        n: k,
        f: k + 0.5,
        big: BigInt(k),
        b: k > 0,
        s: `#${k}`,
        list: [k, [k]],
      }),
    };
    const [batch] = new data.DataLoader<ReturnType<typeof dataset.get>, Record<string, unknown>>(dataset, {
      batchSize: 2,
    });
    const { x, n, f, big, b, s, list } = batch as Record<string, Tensor> & {
      s: string[];
      list: [Tensor, [Tensor]];
    };
    expect([x!.tolist(), n!.tolist(), f!.tolist(), big!.tolist(), b!.tolist(), s]).toEqual([
      [
        [0, 0],
        [1, 1],
      ],
      [0, 1],
      [0.5, 1.5],
      [0, 1],
      [false, true],
      ['#0', '#1'],
    ]);
    expect([x!.dtype, n!.dtype, f!.dtype, big!.dtype, b!.dtype]).toEqual([
      'float32',
      'int64',
      'float64',
      'int64',
      'bool',
    ]);
    expect([list[0].tolist(), list[1][0].tolist()]).toEqual([
      [0, 1],
      [0, 1],
    ]);
  });

  it('joins numbers of which only some are whole as floats', () => {
    const dataset = { length: 2, get: (k: number) => 1 + k / 2 };
    const [batch] = new data.DataLoader<number, Tensor>(dataset, { batchSize: 2 });
    expect(batch!.tolist()).toEqual([1, 1.5]);
  });

  it('joins by a function of its own', () => {
    const loader = new data.DataLoader(pairs, { batchSize: 3, collate: (items) => items.length });
    expect([...loader]).toEqual([3, 2]);
  });

  it('is never run for nothing: an unfinished pass reads only what it gave', () => {
    const read: number[] = [];
    const dataset = { length: 100, get: (k: number) => (read.push(k), k) };
    for (const batch of new data.DataLoader<number, Tensor>(dataset, { batchSize: 2 })) {
      expect(batch.tolist()).toEqual([0, 1]);
      break;
    }
    expect(read).toEqual([0, 1]);
  });

  it('refuses sizes that make no batch', () => {
    for (const batchSize of [0, -1, 1.5])
      expect(() => new data.DataLoader(pairs, { batchSize })).toThrow(
        new flow.ValueError(`batch_size should be a positive integer value, but got batch_size=${batchSize}`),
      );
  });
});

describe('datasets', () => {
  const pairs = new data.TensorDataset(flow.arange(10).reshape([5, 2]), flow.arange(5));

  it('of tensors give slices', () => {
    expect(pairs.length).toBe(5);
    expect(pairs.get(3).map((t) => t.tolist())).toEqual([[6, 7], 3]);
    expect(pairs.batch([3, 0, 3]).map((t) => t.tolist())).toEqual([
      [
        [6, 7],
        [0, 1],
        [6, 7],
      ],
      [3, 0, 3],
    ]);
  });

  it('refuse what is not there', () => {
    const message = (k: number): string => `index ${k} is out of range for a dataset of 5 examples`;
    for (const k of [5, -1, 0.5]) {
      expect(() => pairs.get(k)).toThrow(new flow.IndexError(message(k)));
      expect(() => pairs.batch([0, k])).toThrow(new flow.IndexError(message(k)));
      expect(() => new data.Subset(pairs, [k])).toThrow(new flow.IndexError(message(k)));
    }
    expect(() => new data.TensorDataset()).toThrow(flow.ValueError);
    expect(() => new data.TensorDataset(flow.ones([2]), flow.ones([3]))).toThrow(
      'Size mismatch between tensors: their first sizes are 2, 3',
    );
    expect(() => new data.TensorDataset(flow.ones([]))).toThrow(flow.ValueError);
  });

  it('in part: subsets, also of subsets', () => {
    const inner = new data.Subset(pairs, [4, 2, 0]);
    const outer = new data.Subset(inner, [2, 0]);
    expect(outer.length).toBe(2);
    expect(outer.get(1)[1].item()).toBe(4);
    expect(outer.batch!([1, 0])[1].tolist()).toEqual([4, 0]);
    expect(() => outer.get(2)).toThrow('index 2 is out of range for a dataset of 2 examples');
    const plain = new data.Subset({ length: 3, get: (k: number) => k * k }, [2, 1]);
    expect(plain.batch).toBeUndefined();
    expect(plain.get(0)).toBe(4);
    const batches = Array.from(new data.DataLoader(outer, { batchSize: 2 }), ([x]) => x.tolist());
    expect(batches).toEqual([
      [
        [0, 1],
        [8, 9],
      ],
    ]);
  });
});

describe('MNIST', () => {
  const header = (magic: number, ...sizes: number[]): number[] =>
    [magic, ...sizes].flatMap((n) => [n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255]);
  const images = Uint8Array.from([
    ...header(0x803, 2, 28, 28),
    ...Array.from({ length: 2 * 784 }, (_, k) => k % 256),
  ]);
  const labels = Uint8Array.from([...header(0x801, 2), 7, 3]);

  it('is read from the files in which it is handed out', () => {
    const dataset = data.MNIST.fromIdx(images, labels);
    expect(dataset.length).toBe(2);
    const [image, label] = dataset.get(1);
    expect([image.shape, image.dtype, label.item(), label.dtype]).toEqual([
      [1, 28, 28],
      'float32',
      3,
      'int64',
    ]);
    expect(image.toTypedArray()[5]).toBeCloseTo((((784 + 5) % 256) / 255 - 0.1307) / 0.3081, 6);
    const plain = data.MNIST.fromIdx(images, labels, { normalize: false });
    expect(plain.get(0)[0].toTypedArray()[255]).toBe(1);
  });

  it('refuses files that are something else', () => {
    expect(() => data.MNIST.fromIdx(labels, labels)).toThrow('expected the magic number 0x00000803');
    expect(() => data.MNIST.fromIdx(images.subarray(0, 100), labels)).toThrow(
      '100 bytes long, expected 1584',
    );
    expect(() => data.MNIST.fromIdx(images, labels.subarray(0, 9))).toThrow(flow.ValueError);
    expect(() => data.MNIST.fromPixels(new Float32Array(784), [1, 2])).toThrow(
      'MNIST: 784 pixels do not make 2 images of 28 x 28',
    );
  });
});
