/** Packed operands: made once for what stays the same, anew for what has changed. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import * as flow from '../../src/index.ts';
import type { ConvGeometry } from '../../src/device/backend.ts';
import { heap } from '../../src/device/heap.ts';
import { launch } from '../../src/device/launch.ts';
import { bytesOf } from '../../src/device/memory.ts';
import { availableTargets, currentTarget, setTarget } from '../../src/device/target.ts';
import type { Storage } from '../../src/device/storage.ts';
import { elementCount, type View } from '../../src/device/view.ts';
import { withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { setFloat32ConvPrecision } from '../../src/kernels/conv/precision.ts';
import { cpu } from '../../src/kernels/cpu.ts';
import { beginCall, keptForm, packedBytes, packedForm, releasePacked } from '../../src/kernels/packed.ts';
import { inout, kernel } from '../../src/lang/index.ts';
import * as reference from '../reference/conv2d.ts';
import { laidOut, randomIntegers, read, write } from './tensors.ts';

const before = currentTarget().name;
beforeEach(() => {
  setFloat32ConvPrecision('high');
  setTarget('wasm');
  releasePacked();
});
afterAll(() => {
  setFloat32ConvPrecision('high');
  releasePacked();
  setTarget(before);
});

describe('a form of a storage', () => {
  let packs = 0;
  const pack = (into: Storage): void => {
    packs++;
    bytesOf(into).fill(packs);
  };
  /** A call that asks once. */
  const ask = (source: Storage, form = 'test'): Storage => {
    beginCall();
    return packedForm(source, form, 'test.packed', 64, pack);
  };
  beforeEach(() => {
    packs = 0;
  });

  it('is kept when it is asked for the second time, and packed no more', () => {
    const source = heap.allocate(64);
    const [first, second, third, fourth] = [ask(source), ask(source), ask(source), ask(source)];
    expect(packs).toBe(2);
    expect(second).not.toBe(first);
    expect(third).toBe(second);
    expect(fourth).toBe(second);
    expect(packedBytes()).toBe(64);
  });

  it('is packed anew when a kernel or the program may have written to the source', () => {
    const source = heap.allocate(64);
    const touch = kernel('touch', { x: inout('i32') }, ({ x }) => {
      x.set(0, x.scalar());
    });
    for (let i = 0; i < 3; i++) ask(source);
    expect(packs).toBe(2);
    launch(touch, { x: source }, 0, 1);
    expect(packedBytes()).toBe(64);
    ask(source);
    expect(packs).toBe(3);
    // What was kept is of no use any more.
    expect(packedBytes()).toBe(0);
    for (let i = 0; i < 3; i++) ask(source);
    expect(packs).toBe(4);
    bytesOf(source)[0] = 1;
    ask(source);
    expect(packs).toBe(5);
  });

  it('is one of several, and of one target', () => {
    const source = heap.allocate(64);
    for (let i = 0; i < 3; i++) ask(source, 'one');
    for (let i = 0; i < 3; i++) ask(source, 'another');
    expect(packs).toBe(4);
    setTarget('interpret');
    ask(source, 'one');
    expect(packs).toBe(5);
  });

  it('gives way to others when together they take too much, and is not kept when it alone does', () => {
    const large = 100 * 2 ** 20;
    const sources = [0, 1, 2].map(() => heap.allocate(4));
    const nothing = (): void => undefined;
    const kept = sources.map((source) => {
      keptForm(source, 'large', large, nothing);
      beginCall();
      return keptForm(source, 'large', large, nothing)!;
    });
    expect(kept.map(({ disposed }) => disposed)).toEqual([true, false, false]);
    expect(packedBytes()).toBe(2 * large);
    keptForm(sources[0]!, 'too large', 3 * large, nothing);
    beginCall();
    expect(keptForm(sources[0]!, 'too large', 3 * large, nothing)).toBeNull();
  });
});

describe.each([
  'implicit',
  'direct',
  'channels',
  'winograd2',
  'winograd4',
] as const satisfies readonly Algorithm[])(
  'a weight that is convolved again and again by the algorithm %s',
  (algorithm) => {
    it('is used once by a call that takes images in several chunks', () => {
      // Padded, each image is more than half of what is padded at a time.
      const [x, weight] = [flow.ones([2, 40, 60, 60]), flow.ones([16, 40, 3, 3])];
      withAlgorithm(algorithm, () => {
        flow.conv2d(x, weight, null, { padding: 1 });
        expect(packedBytes()).toBe(0);
        flow.conv2d(x, weight, null, { padding: 1 });
        expect(packedBytes()).toBeGreaterThan(0);
      });
    });

    it('counts as it is at each call, however it was changed', () => {
      withAlgorithm(algorithm, () => {
        const x = flow.ones([1, 2, 6, 6]);
        const weight = flow.ones([3, 2, 3, 3]);
        const centre = (): number => flow.conv2d(x, weight).select(1, 0).select(1, 1).select(1, 1).item();
        for (let i = 0; i < 3; i++) expect(centre()).toBeCloseTo(18, 4);
        weight.mul_(2);
        for (let i = 0; i < 3; i++) expect(centre()).toBeCloseTo(36, 4);
        weight.data.add_(1);
        for (let i = 0; i < 3; i++) expect(centre()).toBeCloseTo(54, 4);
        weight.select(0, 0).zero_();
        for (let i = 0; i < 3; i++) expect(centre()).toBeCloseTo(0, 4);
      });
    });
  },
);

it('a right side of a product counts as it is at each call', () => {
  const x = flow.ones([5, 300]);
  const linear = new flow.nn.Linear(300, 70);
  const sum = (): number => linear(x).sum().item();
  flow.noGrad(() => {
    linear.weight.fill_(1);
    linear.bias!.zero_();
    for (let i = 0; i < 4; i++) expect(sum()).toBe(5 * 300 * 70);
    expect(packedBytes()).toBeGreaterThan(300 * 70 * 4 - 1);
    linear.weight.fill_(2);
    for (let i = 0; i < 4; i++) expect(sum()).toBe(2 * 5 * 300 * 70);
  });
});

describe.each(availableTargets())('what is kept of a weight on %s', (target) => {
  it.each([
    {
      name: 'patches',
      weight: [84, 21, 2, 2],
      stride: 2,
      sizes: [
        [10, 18],
        [4, 6],
      ],
    },
    {
      name: 'one tap',
      weight: [40, 24, 1, 1],
      stride: 1,
      sizes: [
        [5, 7],
        [1, 3],
        [12, 12],
      ],
    },
    {
      name: 'three taps',
      weight: [37, 19, 3, 3],
      stride: 1,
      sizes: [
        [9, 8],
        [3, 4],
      ],
    },
    {
      name: 'three taps, channels for each',
      weight: [38, 1, 3, 3],
      stride: 1,
      sizes: [
        [9, 8],
        [3, 4],
      ],
    },
    {
      name: 'five taps, a stride',
      weight: [36, 20, 5, 5],
      stride: 2,
      sizes: [
        [11, 9],
        [7, 7],
      ],
    },
  ] as const)('serves whom it was packed for: $name', ({ weight: weightShape, stride, sizes }) => {
    setTarget(target);
    setFloat32ConvPrecision('highest');
    const [outs, perGroup] = weightShape;
    const groups = perGroup === 1 ? outs : 1;
    const geometry: ConvGeometry = {
      stride: [stride, stride],
      dilation: [1, 1],
      padding: [
        [0, 0],
        [0, 0],
      ],
      groups,
    };
    const below = randomIntegers(3);
    const filled = (shape: readonly number[]): View => {
      const view = laidOut('float32', shape, {});
      write(
        view,
        Array.from({ length: elementCount(shape) }, () => below(7) - 3),
      );
      return view;
    };
    const plain = (view: View): reference.Plain => reference.plain(view.shape, read(view).map(Number));
    const weight = filled(weightShape);
    const uses = sizes.flatMap(([height, width], k) => {
      const x = filled([k + 1, perGroup * groups, height, width]);
      const grad = filled(reference.outputShape(x.shape, weight.shape, geometry));
      return [
        {
          run: (out: View) => {
            cpu.conv2d(out, x, weight, null, geometry);
          },
          expected: reference.conv2d(plain(x), plain(weight), null, geometry),
        },
        {
          run: (out: View) => {
            cpu.conv2dInputGrad(out, grad, weight, geometry);
          },
          expected: reference.conv2dInputGrad(x.shape, plain(grad), plain(weight), geometry),
        },
      ];
    });
    for (let time = 0; time < 4; time++)
      for (const { run, expected } of uses) {
        const out = filled(expected.shape);
        run(out);
        expect(read(out).findIndex((value, k) => value !== expected.data[k])).toBe(-1);
      }
  });
});

it('training keeps no packed weights, which change at every step', () => {
  const conv = new flow.nn.Conv2d(16, 16, 3, { padding: 1 });
  const optimizer = new flow.optim.SGD(conv.parameters(), { lr: 0.01 });
  const x = flow.randn([2, 16, 14, 14]);
  for (let step = 0; step < 4; step++) {
    optimizer.zeroGrad();
    conv(x).square().mean().backward();
    optimizer.step();
  }
  expect(packedBytes()).toBe(0);
});
