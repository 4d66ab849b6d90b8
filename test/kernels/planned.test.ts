/** Primitives that launch again what they launched before: each call counts by itself, whatever is remembered. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConvGeometry } from '../../src/device/backend.ts';
import { launch } from '../../src/device/launch.ts';
import { allocate, bytesOf, releaseWorkspaces, workspace } from '../../src/device/memory.ts';
import { availableTargets, currentTarget, interpreter, setTarget } from '../../src/device/target.ts';
import type { Storage } from '../../src/device/storage.ts';
import type { View } from '../../src/device/view.ts';
import { withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { setFloat32ConvPrecision } from '../../src/kernels/conv/precision.ts';
import { cpu } from '../../src/kernels/cpu.ts';
import { packedBytes, packedForm, releasePacked } from '../../src/kernels/packed.ts';
import { planned } from '../../src/kernels/planned.ts';
import { keptTable } from '../../src/kernels/tables.ts';
import { index, inout, input, kernel, loop } from '../../src/lang/index.ts';
import * as reference from '../reference/conv2d.ts';
import { altered, randomIntegers, read, tensor, write } from './tensors.ts';

const before = currentTarget().name;
afterAll(() => {
  setTarget(before);
});

describe('a primitive that plans', () => {
  let decisions = 0;
  /** out[i] = first + x[i] + table[0] + scratch[0]: with a table of 10s, and what is packed of x's first element. */
  const sums = kernel(
    'planned.sums',
    { out: inout('i32'), x: input('i32'), table: input('i32'), packed: input('i32'), n: index, first: index },
    ({ out, x, table, packed, n, first }, range) => {
      loop(range, (i) => {
        out.set(i, x.scalar(i).add(table.scalar()).add(packed.scalar()).add(n.add(first).to('i32')));
      });
    },
  );
  const twice = kernel('planned.twice', { x: input('i32'), out: inout('i32') }, ({ x, out }) => {
    out.set(0, x.scalar().mul(2));
  });
  const primitive = (out: View, x: View, first: number): void => {
    decisions++;
    const ask = (): Storage =>
      packedForm(x.storage, `planned ${String(x.offset)}`, 'planned.packed', 4, (into) => {
        launch(twice, { x: { storage: x.storage, byteOffset: 4 * x.offset }, out: into }, 0, 1);
      });
    // A call may come back to what it packed, chunk after chunk.
    ask();
    const packed = ask();
    launch(
      sums,
      {
        out: { storage: out.storage, byteOffset: 4 * out.offset },
        x: { storage: x.storage, byteOffset: 4 * x.offset },
        table: keptTable('planned test', () => Int32Array.of(10)),
        packed,
        n: x.shape[0]!,
        first,
      },
      0,
      x.shape[0]!,
    );
  };
  const make = () =>
    planned(primitive, (form, out, x, first) => {
      form.operand(out);
      form.operand(x);
      form.add(first);
    });
  let run = make();
  beforeEach(() => {
    setTarget('wasm');
    releasePacked();
    decisions = 0;
    run = make();
  });
  /** What comes out, and what ought to. */
  const check = (x: View, first = 100, into?: View): void => {
    const out = into ?? tensor('int32', x.shape);
    const numbers = read(x).map(Number);
    run(out, x, first);
    expect(read(out)).toEqual(numbers.map((n) => n + 10 + 2 * numbers[0]! + numbers.length + first));
  };

  it('decides twice, and from then on launches what it launched', () => {
    for (let i = 0; i < 6; i++) check(tensor('int32', [3], [i, 5, 7]));
    expect(decisions).toBe(2);
  });

  it('decides anew for another shape, dtype, place, number, or operands in one memory', () => {
    for (let i = 0; i < 6; i++) check(tensor('int32', [3], [i, 5, 7]));
    check(tensor('int32', [4], [1, 2, 3, 4]));
    expect(decisions).toBe(3);
    check(altered(tensor('int32', [4], [1, 2, 3, 4]), { shape: [3], offset: 1 }));
    expect(decisions).toBe(4);
    check(tensor('int32', [3], [4, 5, 7]), 99);
    expect(decisions).toBe(5);
    const shared = tensor('int32', [3], [4, 5, 7]);
    check(shared, 100, shared);
    expect(decisions).toBe(6);
  });

  it('finds what was packed of an operand, and sees when it is of no use any more', () => {
    const x = tensor('int32', [3], [4, 5, 7]);
    for (let i = 0; i < 6; i++) check(x);
    // Once when nothing was packed, once when it was packed.
    expect(decisions).toBe(2);
    for (let i = 0; i < 4; i++) {
      bytesOf(x.storage)[0] = i;
      check(x);
      expect(packedBytes()).toBe(0);
      check(x);
      expect(packedBytes()).toBe(4);
      check(x);
    }
    releasePacked();
    check(x);
    check(x);
    for (let i = 0; i < 6; i++) {
      releaseWorkspaces();
      check(tensor('int32', [3], [i, 5, 7]));
    }
  });

  it('has a plan for each target', () => {
    for (const target of ['wasm', interpreter(), interpreter(32), 'wasm'] as const) {
      setTarget(target);
      for (let k = 0; k < 4; k++) check(tensor('int32', [3], [k, 5, 7]));
    }
    expect(decisions).toBe(6);
  });

  it('remembers a bounded number of forms', () => {
    for (let n = 1; n <= 700; n++) for (let k = 0; k < 3; k++) check(tensor('int32', [1], [n]), n);
    decisions = 0;
    for (let k = 0; k < 3; k++) check(tensor('int32', [1], [5]), 1);
    expect(decisions).toBe(2);
  });

  it.each([
    ['writes to memory by itself', (out: View) => void bytesOf(out.storage).fill(1)],
    ['allocates', () => void allocate(64)],
  ])('never plans what %s', (_, also) => {
    run = planned(
      (out: View, x: View, first: number) => {
        primitive(out, x, first);
        also(tensor('int32', [1]));
      },
      (form, out, x) => {
        form.operand(out);
        form.operand(x);
      },
    );
    for (let k = 0; k < 8; k++) check(tensor('int32', [3], [k, 5, 7]));
    expect(decisions).toBe(8);
  });

  it('takes a workspace as large as any of its launches wanted it', () => {
    const fill = kernel('planned.fill', { out: inout('i32'), n: index }, ({ out, n }, range) => {
      loop(range, (k) => out.set(k, n.to('i32')));
    });
    const copy = kernel('planned.copy', { x: input('i32'), out: inout('i32') }, ({ x, out }, range) => {
      loop(range, (k) => out.set(k, x.scalar(k)));
    });
    const grows = planned(
      (out: View) => {
        launch(fill, { out: workspace('planned.grows', 4), n: 1 }, 0, 1);
        launch(fill, { out: workspace('planned.grows', 4000), n: 2 }, 0, 1000);
        launch(copy, { x: workspace('planned.grows', 4000), out: out.storage }, 0, 1000);
      },
      (form, out) => {
        form.operand(out);
      },
    );
    for (let k = 0; k < 5; k++) {
      const out = tensor('int32', [1000]);
      grows(out);
      expect(read(out)).toEqual(new Array(1000).fill(2));
      expect(workspace('planned.grows', 0).byteLength).toBe(4000);
      releaseWorkspaces();
    }
  });
});

const random = randomIntegers(3);
const filled = (shape: readonly number[]): View =>
  tensor(
    'float32',
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random(9) - 4),
  );
const plain = (view: View): reference.Plain => reference.plain(view.shape, read(view).map(Number));
const expectClose = (view: View, expected: ArrayLike<number>): void => {
  expect(read(view).map(Number)).toBeAllclose(Array.from(expected), { rtol: 1e-4, atol: 1e-3 });
};

describe.each(availableTargets())('what is computed again and again on %s', (target) => {
  beforeEach(() => {
    setTarget(target);
  });

  const geometry = (stride: number, padding: number, groups: number): ConvGeometry => ({
    stride: [stride, stride],
    dilation: [1, 1],
    padding: [
      [padding, padding],
      [padding, padding],
    ],
    groups,
  });
  const cases: readonly [string, readonly number[], readonly number[], ConvGeometry][] = [
    ['depthwise', [2, 4, 6, 7], [4, 1, 3, 3], geometry(1, 1, 4)],
    ['depthwise at stride 2', [1, 4, 7, 7], [4, 1, 3, 3], geometry(2, 1, 4)],
    ['of one tap', [2, 5, 4, 5], [9, 5, 1, 1], geometry(1, 0, 1)],
    ['in groups', [1, 6, 5, 6], [8, 3, 3, 3], geometry(1, 1, 2)],
    ['at stride 2', [2, 3, 7, 6], [5, 3, 3, 2], geometry(2, 1, 1)],
    ['dense', [1, 16, 8, 8], [24, 16, 3, 3], geometry(1, 1, 1)],
  ];

  it.each(cases)('is each time the convolution of what is given: %s', (_, inputShape, weightShape, p) => {
    const weight = filled(weightShape);
    const bias = filled([weightShape[0]!]);
    for (let turn = 0; turn < 7; turn++) {
      // The weight stays the same for some calls, as in a trained network, then changes.
      if (turn > 3) {
        write(weight, read(filled(weightShape)));
        // Who asks for its bytes may have changed them.
        bytesOf(weight.storage);
      }
      const input = filled(inputShape);
      const out = tensor('float32', reference.outputShape(inputShape, weightShape, p));
      cpu.conv2d(out, input, weight, turn === 5 ? null : bias, p);
      const expected = reference.conv2d(plain(input), plain(weight), turn === 5 ? null : plain(bias), p);
      expectClose(out, expected.data);

      const grad = filled(out.shape);
      const gradInput = filled(inputShape);
      cpu.conv2dInputGrad(gradInput, grad, weight, p);
      expectClose(gradInput, reference.conv2dInputGrad(inputShape, plain(grad), plain(weight), p).data);

      const gradWeight = filled(weightShape);
      cpu.conv2dWeightGrad(gradWeight, grad, input, p);
      expectClose(gradWeight, reference.conv2dWeightGrad(weightShape, plain(grad), plain(input), p).data);
    }
  });

  it('is a product, of a matrix with itself too', () => {
    const product = (a: View, b: View): number[] => {
      const [x, y] = [read(a).map(Number), read(b).map(Number)];
      return Array.from({ length: 9 }, (_, at) => {
        const [i, j] = [Math.floor(at / 3), at % 3];
        return [0, 1, 2].reduce((sum, k) => sum + x[3 * i + k]! * y[3 * k + j]!, 0);
      });
    };
    for (let turn = 0; turn < 5; turn++) {
      const [a, b] = [filled([3, 3]), filled([3, 3])];
      for (const right of [b, a]) {
        const out = tensor('float32', [3, 3]);
        cpu.matmul(out, a, right);
        expectClose(out, product(a, right));
      }
    }
  });

  it('is each time the largest of each window, and the mean', () => {
    const windows = { kernel: [2, 2], stride: [2, 2], dilation: [1, 1], padding: [0, 0] } as const;
    for (let turn = 0; turn < 5; turn++) {
      const x = filled([1, 2, 4, 4]);
      const numbers = read(x).map(Number);
      const of = (combine: (...xs: number[]) => number): number[] =>
        Array.from({ length: 8 }, (_, at) => {
          const corner = Math.floor(at / 4) * 16 + Math.floor((at % 4) / 2) * 8 + (at % 2) * 2;
          return combine(...[0, 1, 4, 5].map((k) => numbers[corner + k]!));
        });
      const [out, positions] = [tensor('float32', [1, 2, 2, 2]), tensor('int32', [1, 2, 2, 2])];
      cpu.maxPool2d(out, positions, x, windows);
      expectClose(out, of(Math.max));
      const alone = tensor('float32', [1, 2, 2, 2]);
      cpu.maxPool2d(alone, null, x, windows);
      expect(read(alone)).toEqual(read(out));
      expect(read(positions).map((at, k) => numbers[16 * Math.floor(k / 4) + Number(at)])).toEqual(read(out));
      for (const divisor of [null, 2]) {
        cpu.avgPool2d(out, x, windows, { countIncludePad: true, divisor });
        expectClose(
          out,
          of((...xs) => xs.reduce((a, b) => a + b) / (divisor ?? 4)),
        );
      }
    }
  });

  it('is computed as is asked for at each call', () => {
    const [input, weight] = [filled([1, 8, 12, 12]), filled([8, 8, 3, 3])];
    const p = geometry(1, 1, 1);
    const results = (algorithm: Algorithm): string => {
      const out = tensor('float32', [1, 8, 12, 12]);
      withAlgorithm(algorithm, () => {
        cpu.conv2d(out, input, weight, null, p);
      });
      return String(read(out));
    };
    const exact = results('direct');
    // Whole numbers: F(4 × 4) alone rounds, since its transforms have fractions.
    for (let turn = 0; turn < 4; turn++) {
      expect(results('direct')).toBe(exact);
      expect(results('winograd4')).not.toBe(exact);
    }
    const out = tensor('float32', [1, 8, 12, 12]);
    for (const precision of ['high', 'highest', 'high', 'highest', 'high', 'highest'] as const) {
      setFloat32ConvPrecision(precision);
      cpu.conv2d(out, input, weight, null, p);
      if (precision === 'highest') expect(String(read(out))).toBe(exact);
    }
    setFloat32ConvPrecision('high');
  });
});
