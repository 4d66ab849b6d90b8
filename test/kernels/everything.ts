/** Reductions, softmax, pooling and indexing, over every axis and in several layouts. */
import type { PoolGeometry, Reduction } from '../../src/device/backend.ts';
import type { View } from '../../src/device/view.ts';
import type { DType } from '../../src/dtype.ts';
import { argReduce } from '../../src/kernels/arg-reduce.ts';
import { cumsum } from '../../src/kernels/cumsum.ts';
import * as indexing from '../../src/kernels/indexing.ts';
import * as pool from '../../src/kernels/pool.ts';
import { update } from '../../src/kernels/update.ts';
import { sgdRule as sgdRuleOf } from '../../src/optim/rules.ts';
import { copy } from '../../src/kernels/copy.ts';
import { covariances, moments, reduce } from '../../src/kernels/reduce.ts';
import { softmax, softmaxGrad } from '../../src/kernels/softmax.ts';
import { laidOut, randomIntegers, read, tensor, write, type Element, type Layout } from './tensors.ts';

const sgdRule = sgdRuleOf({ maximize: true, decays: true, momentum: true, first: false, nesterov: true });

const layouts: readonly Layout[] = [{}, { order: [0, 2, 3, 1] }, { gaps: [0, 1, 0, 1], offset: 2 }];

/** Everything that the kernels compute for some tensors, in one list. */
export const everything = (dtype: DType): Element[] => {
  const random = randomIntegers(5);
  const results: Element[] = [];
  const filled = (shape: readonly number[], layout: Layout): View => {
    const view = laidOut(dtype, shape, layout);
    write(
      view,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random(19) - 9),
    );
    return view;
  };
  /** A result, which is looked at after `run` has made it. */
  const made = (type: DType, shape: readonly number[], layout: Layout, run: (out: View) => void): View => {
    const out = laidOut(type, shape, layout);
    write(out, new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0));
    run(out);
    results.push(...read(out));
    return out;
  };
  const around: readonly number[] = [2, 19, 18];
  made(dtype, around, { order: [0, 2, 1] }, (out) => copy(out, filled(around, {})));
  const shape: readonly number[] = [2, 5, 6, 7];
  for (const layout of layouts) {
    const x = filled(shape, layout);
    for (const axes of [[0, 2, 3], [3], [1], [0, 1], [0, 1, 2, 3]]) {
      const kept = shape.filter((_, axis) => !axes.includes(axis));
      for (const reduction of ['sum', 'max', 'any', 'sumOfSquares'] satisfies Reduction[])
        made(dtype, kept, {}, (out) => reduce(reduction, out, x, axes));
      const compute = dtype === 'float64' ? 'float64' : 'float32';
      made(compute, kept, {}, (mean) =>
        made(compute, kept, {}, (variance) => moments(mean, variance, x, axes)),
      );
      if (dtype === compute) {
        const centre = filled(kept, {});
        made(dtype, kept, {}, (out) => covariances(out, x, centre, x, axes));
        made(dtype, kept, {}, (out) =>
          update(sgdRule, [out, filled(kept, {})], [centre], [-0.5, 0, 0.5, 0.5]),
        );
      }
    }
    for (const axis of [0, 1, 3]) {
      const kept = shape.toSpliced(axis, 1);
      made('int64', kept, {}, (places) =>
        made(dtype, kept, {}, (values) => argReduce('max', places, values, x, axis)),
      );
      made(dtype, shape, layout, (out) => cumsum(out, x, axis));
      const y = made(dtype, shape, layout, (out) => softmax(out, x, axis, false));
      made(dtype, shape, layout, (out) => softmaxGrad(out, x, y, axis, true));

      const table = tensor('int64', [4], [0n, 1n, 0n, 1n]);
      const picked = made(dtype, shape.with(axis, 4), layout, (out) =>
        indexing.indexSelect(out, x, axis, table),
      );
      made(dtype, shape, layout, (out) => indexing.indexAdd(out, axis, table, picked));
      const places = tensor('int64', shape);
      write(
        places,
        Array.from({ length: 420 }, () => BigInt(random(2))),
      );
      made(dtype, shape, layout, (out) => indexing.gather(out, x, axis, places));
      made(dtype, shape, layout, (out) => indexing.scatterAdd(out, axis, places, x));
    }
    for (const [stride, padding, oh, ow] of [
      [1, 1, 6, 7],
      [2, 1, 3, 4],
    ] as const) {
      const g: PoolGeometry = {
        kernel: [3, 3],
        stride: [stride, stride],
        padding: [padding, padding],
        dilation: [1, 1],
      };
      const outShape = [2, 5, oh, ow];
      const options = { countIncludePad: false, divisor: null };
      const positions = made('int32', outShape, {}, (found) =>
        made(dtype, outShape, layout, (out) => pool.maxPool2d(out, found, x, g)),
      );
      made(dtype, outShape, layout, (out) => pool.maxPool2d(out, null, x, g));
      const grad = made(dtype, outShape, layout, (out) => pool.avgPool2d(out, x, g, options));
      made(dtype, shape, layout, (out) => pool.maxPool2dGrad(out, grad, positions));
      made(dtype, shape, layout, (out) => pool.avgPool2dGrad(out, grad, g, options));
    }
    const adapted = made(dtype, [2, 5, 4, 3], layout, (out) => pool.adaptiveAvgPool2d(out, x));
    made(dtype, shape, layout, (out) => pool.adaptiveAvgPool2dGrad(out, adapted));
  }
  return results;
};
