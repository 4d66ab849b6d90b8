/** What is done to a convolution's sums while they are in registers, by every algorithm and on every target. */
import { afterAll, describe, expect, it } from 'vitest';
import type { ConvGeometry, Epilogue } from '../../src/device/backend.ts';
import { availableTargets, currentTarget, setTarget } from '../../src/device/target.ts';
import { elementCount, type View } from '../../src/device/view.ts';
import type { DType } from '../../src/dtype.ts';
import { withAlgorithm, type Algorithm } from '../../src/kernels/conv/choose.ts';
import { conv2d } from '../../src/kernels/half.ts';
import { relu, relu6 } from '../../src/kernels/math/index.ts';
import * as reference from '../reference/conv2d.ts';
import { laidOut, randomIntegers, read, write, type Layout } from './tensors.ts';

const before = currentTarget().name;
afterAll(() => {
  setTarget(before);
});

interface Case {
  readonly name: string;
  readonly input: readonly [number, number, number, number];
  readonly weight: readonly [number, number, number, number];
  readonly groups?: number;
  readonly dilation?: number;
  readonly layout?: Layout;
}

const cases: readonly Case[] = [
  { name: 'one tap', input: [2, 5, 6, 7], weight: [9, 5, 1, 1] },
  { name: 'rows of one vector and a part', input: [2, 3, 5, 19], weight: [5, 3, 3, 3] },
  { name: 'dilation', input: [1, 3, 7, 9], weight: [4, 3, 3, 3], dilation: 2 },
  { name: 'groups', input: [2, 6, 5, 9], weight: [10, 3, 3, 3], groups: 2 },
  { name: 'depthwise', input: [2, 5, 6, 11], weight: [5, 1, 3, 3], groups: 5 },
  { name: 'channels last', input: [2, 5, 6, 7], weight: [6, 5, 3, 3], layout: { order: [0, 2, 3, 1] } },
  { name: 'many channels', input: [1, 430, 3, 4], weight: [7, 430, 1, 1] },
];

const orders: readonly (Algorithm | null)[] = [null, 'implicit', 'direct', 'winograd2'];

describe.each(availableTargets())('the epilogue of a convolution on %s', (target) => {
  it.each(cases)(
    'adds a residual, then activates: $name',
    ({ input, weight, groups = 1, dilation = 1, layout = {} }) => {
      setTarget(target);
      const below = randomIntegers(7);
      const tensor = (dtype: DType, shape: readonly number[]): { view: View; plain: reference.Plain } => {
        const data = Array.from({ length: elementCount(shape) }, () => below(9) - 4);
        const view = laidOut(dtype, shape, shape.length === 4 ? layout : {});
        write(view, data);
        return { view, plain: reference.plain(shape, data) };
      };
      const pad = dilation * ((weight[2] - 1) / 2);
      const geometry: ConvGeometry = {
        stride: [1, 1],
        dilation: [dilation, dilation],
        padding: [
          [pad, pad],
          [pad, pad],
        ],
        groups,
      };
      for (const dtype of ['float32', 'float64', 'float16'] as const) {
        const [x, w, b] = [tensor(dtype, input), tensor(dtype, weight), tensor(dtype, [weight[0]])];
        const shape = reference.outputShape(input, weight, geometry);
        const residual = tensor(dtype, shape);
        const sums = reference.conv2d(x.plain, w.plain, b.plain, geometry).data;
        const wanted: readonly [Epilogue, (sum: number, i: number) => number][] = [
          [{ activation: relu }, (sum) => Math.max(sum, 0)],
          [{ residual: residual.view }, (sum, i) => sum + residual.plain.data[i]!],
          [
            { residual: residual.view, activation: relu6 },
            (sum, i) => Math.min(Math.max(sum + residual.plain.data[i]!, 0), 6),
          ],
        ];
        for (const order of orders)
          for (const [epilogue, expected] of wanted) {
            const out = tensor(dtype, shape).view;
            const run = (): void => {
              conv2d(out, x.view, w.view, b.view, geometry, epilogue);
            };
            if (order === null) run();
            else withAlgorithm(order, run);
            expect(
              read(out).map((value) => Number(value) + 0),
              `${String(order)}, ${dtype}`,
            ).toEqual([...sums].map((sum, i) => expected(sum, i) + 0));
          }
      }
    },
  );

  it('adds what belongs to each of many wide groups', () => {
    setTarget(target);
    const below = randomIntegers(8);
    const tensor = (shape: readonly number[]): { view: View; plain: reference.Plain } => {
      const data = Array.from({ length: elementCount(shape) }, () => below(9) - 4);
      const view = laidOut('float32', shape, {});
      write(view, data);
      return { view, plain: reference.plain(shape, data) };
    };
    const geometry: ConvGeometry = {
      stride: [1, 1],
      dilation: [1, 1],
      padding: [
        [1, 1],
        [1, 1],
      ],
      groups: 2,
    };
    const shape = [1, 2, 370, 361];
    const [x, w, b, residual] = [tensor(shape), tensor([2, 1, 3, 3]), tensor([2]), tensor(shape)];
    const out = tensor(shape).view;
    withAlgorithm('direct', () => conv2d(out, x.view, w.view, b.view, geometry, { residual: residual.view }));
    const sums = reference.conv2d(x.plain, w.plain, b.plain, geometry).data;
    expect(read(out).every((value, i) => Number(value) === sums[i]! + residual.plain.data[i]!)).toBe(true);
  });
});
