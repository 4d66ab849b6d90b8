import { beforeEach, describe, expect, it } from 'vitest';
import type { PoolGeometry } from '../../src/device/backend.ts';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import { elementCount, type View } from '../../src/device/view.ts';
import type { DType } from '../../src/dtype.ts';
import {
  adaptiveAvgPool2d,
  adaptiveAvgPool2dGrad,
  avgPool2d,
  avgPool2dGrad,
  maxPool2d,
  maxPool2dGrad,
} from '../../src/kernels/pool.ts';
import { coordinates, flat, type Plain } from './definitions.ts';
import { as, laidOut, randomIntegers, read, tensor, write, type Layout } from './tensors.ts';

const random = randomIntegers(17);

type Four = readonly [number, number, number, number];
const plain = (view: View): Plain => ({ shape: view.shape, data: read(view).map(Number) });
const filled = (dtype: DType, shape: readonly number[], layout: Layout = {}): View => {
  const view = laidOut(dtype, shape, layout);
  write(
    view,
    Array.from({ length: elementCount(shape) }, () => random(41) - 20),
  );
  return view;
};

/** Places of a window on one axis that exist: with the distance `dilation` from `start` on. */
const taps = (start: number, count: number, dilation: number, size: number): number[] =>
  Array.from({ length: count }, (_, k) => start + k * dilation).filter((at) => at >= 0 && at < size);

const maxDefinition = (x: Plain, [, , oh, ow]: Four, g: PoolGeometry): { value: number; place: number }[] => {
  const [n, c, h, w] = x.shape as Four;
  return coordinates([n, c, oh, ow]).map((at) => {
    let best = { value: -Infinity, place: -1 };
    for (const row of taps(at[2]! * g.stride[0] - g.padding[0], g.kernel[0], g.dilation[0], h)) {
      for (const column of taps(at[3]! * g.stride[1] - g.padding[1], g.kernel[1], g.dilation[1], w)) {
        const value = Number(x.data[flat(x.shape, [at[0]!, at[1]!, row, column])]);
        const better = value > best.value || Number.isNaN(value) || best.place < 0;
        if (better) best = { value, place: row * w + column };
      }
    }
    return best;
  });
};

/** Where a window begins and ends, and what it counts in the divisor. */
interface Window {
  readonly places: readonly number[];
  readonly weight: number;
}
type Windows = (i: number, axis: 0 | 1) => Window;

const sliding =
  (g: PoolGeometry, size: readonly number[], includePad: boolean): Windows =>
  (i, axis) => {
    const start = i * g.stride[axis] - g.padding[axis];
    const places = taps(start, g.kernel[axis], 1, size[axis]!);
    const padded = Math.min(start + g.kernel[axis], size[axis]! + g.padding[axis]) - start;
    return { places, weight: includePad ? padded : places.length };
  };
const adaptive =
  (size: readonly number[], count: readonly number[]): Windows =>
  (i, axis) => {
    const start = Math.floor((i * size[axis]!) / count[axis]!);
    const end = Math.ceil(((i + 1) * size[axis]!) / count[axis]!);
    return { places: taps(start, end - start, 1, size[axis]!), weight: end - start };
  };

const meanDefinition = (x: Plain, out: Four, windows: Windows, divisor: number | null): number[] =>
  coordinates(out).map(([n, c, i, j]) => {
    const [rows, columns] = [windows(i!, 0), windows(j!, 1)];
    let sum = 0;
    for (const row of rows.places)
      for (const column of columns.places) sum += Number(x.data[flat(x.shape, [n!, c!, row, column])]);
    return sum / (divisor ?? rows.weight * columns.weight);
  });

const meanGradDefinition = (grad: Plain, input: Four, windows: Windows, divisor: number | null): number[] => {
  const result = new Array<number>(elementCount(input)).fill(0);
  coordinates(grad.shape).forEach(([n, c, i, j], k) => {
    const [rows, columns] = [windows(i!, 0), windows(j!, 1)];
    const share = Number(grad.data[k]) / (divisor ?? rows.weight * columns.weight);
    for (const row of rows.places)
      for (const column of columns.places) result[flat(input, [n!, c!, row, column])]! += share;
  });
  return result;
};

const geometry = (
  kernel: readonly [number, number],
  stride: readonly [number, number],
  padding: readonly [number, number] = [0, 0],
  dilation: readonly [number, number] = [1, 1],
): PoolGeometry => ({ kernel, stride, padding, dilation });

const outputSize = (size: number, g: PoolGeometry, axis: 0 | 1, ceil: boolean): number => {
  const span = size + 2 * g.padding[axis] - g.dilation[axis] * (g.kernel[axis] - 1) - 1;
  const count = (ceil ? Math.ceil(span / g.stride[axis]) : Math.floor(span / g.stride[axis])) + 1;
  return ceil && (count - 1) * g.stride[axis] >= size + g.padding[axis] ? count - 1 : count;
};
const outputShape = ([n, c, h, w]: Four, g: PoolGeometry, ceil = false): Four => [
  n,
  c,
  outputSize(h, g, 0, ceil),
  outputSize(w, g, 1, ceil),
];

const channelsLast: Layout = { order: [0, 2, 3, 1] };
const layouts: readonly Layout[] = [
  {},
  channelsLast,
  { gaps: [0, 0, 1, 0], offset: 3 },
  { gaps: [0, 1, 0, 1] },
];

const geometries: readonly (readonly [Four, PoolGeometry, boolean])[] = [
  [[2, 3, 6, 8], geometry([2, 2], [2, 2]), false],
  [[1, 2, 7, 19], geometry([3, 3], [2, 2], [1, 1]), false],
  [[2, 5, 9, 12], geometry([3, 2], [1, 1], [1, 1]), false],
  [[1, 2, 8, 23], geometry([2, 3], [1, 2], [1, 1], [2, 3]), false],
  [[1, 9, 5, 7], geometry([3, 3], [2, 2], [1, 0]), true],
  [[1, 1, 5, 5], geometry([2, 2], [3, 3], [1, 1]), true],
  [[2, 4, 3, 30], geometry([1, 3], [2, 3]), false],
  [[1, 3, 10, 25], geometry([3, 10], [1, 2], [0, 5]), false],
  [[2, 3, 7, 5], geometry([7, 5], [1, 1]), false],
  [[3, 2, 1, 1], geometry([1, 1], [1, 1]), false],
  [[1, 2, 4, 37], geometry([3, 5], [4, 3], [1, 2]), true],
];

describe.each(availableTargets())('maxPool2d on %s', (target) => {
  beforeEach(() => setTarget(target));

  const agree = (x: View, out: View, positions: View, g: PoolGeometry): void => {
    maxPool2d(out, positions, x, g);
    const expected = maxDefinition(plain(x), out.shape as unknown as Four, g);
    expect(read(out)).toEqual(expected.map(({ value }) => value));
    expect(read(positions)).toEqual(expected.map(({ place }) => place));
    write(out, new Array<number>(elementCount(out.shape)).fill(99));
    maxPool2d(out, null, x, g);
    expect(read(out)).toEqual(expected.map(({ value }) => value));
  };

  it.each(geometries)('agrees with the definition for %j, %j, ceil mode %j', (shape, g, ceil) => {
    const outShape = outputShape(shape, g, ceil);
    for (const layout of layouts) {
      for (const dtype of ['float32', 'float64', 'float16'] as const) {
        agree(filled(dtype, shape, layout), laidOut(dtype, outShape, layout), tensor('int32', outShape), g);
      }
    }
  });

  it('agrees for widths around the number of lanes', () => {
    for (let width = 3; width < 14; width++) {
      for (const stride of [1, 2, 3] as const) {
        const g = geometry([2, 3], [1, stride], [0, 1]);
        const shape: Four = [1, 2, 3, width];
        const outShape = outputShape(shape, g);
        agree(filled('float32', shape), tensor('float32', outShape), tensor('int32', outShape), g);
      }
    }
  });

  it('lets a NaN win, the last one of several', () => {
    for (const layout of layouts.slice(0, 2)) {
      const shape: Four = [1, 4, 5, 11];
      const x = laidOut('float32', shape, layout);
      write(
        x,
        Array.from({ length: elementCount(shape) }, () => (random(5) === 0 ? NaN : random(9))),
      );
      const g = geometry([3, 3], [1, 1], [1, 1]);
      agree(x, laidOut('float32', shape, layout), tensor('int32', shape), g);
    }
  });

  it('finds −∞ at the first place of windows that have nothing else, padding never', () => {
    const shape: Four = [1, 4, 3, 9];
    for (const layout of layouts.slice(0, 2)) {
      const x = laidOut('float32', shape, layout);
      write(x, new Array<number>(elementCount(shape)).fill(-Infinity));
      agree(x, laidOut('float32', shape, layout), tensor('int32', shape), geometry([3, 3], [1, 1], [1, 1]));
    }
  });

  it('keeps positions inside the plane when a window misses it altogether', () => {
    const positions = tensor('int32', [1, 1, 1, 1]);
    const out = tensor('float32', [1, 1, 1, 1]);
    maxPool2d(out, positions, filled('float32', [1, 1, 2, 2]), geometry([2, 2], [1, 1], [1, 1], [3, 3]));
    expect(read(out)).toEqual([-Infinity]);
    maxPool2d(out, null, filled('float32', [1, 1, 2, 2]), geometry([2, 2], [1, 1], [1, 1], [3, 3]));
    expect(read(out)).toEqual([-Infinity]);
    expect(Number(read(positions)[0])).toBeGreaterThanOrEqual(-1);
    expect(Number(read(positions)[0])).toBeLessThan(4);
  });

  it('has a gradient that goes where the maximum was, whichever way it lies', () => {
    for (const [shape, g, ceil] of geometries) {
      const outShape = outputShape(shape, g, ceil);
      const x = filled('float32', shape);
      const positions = tensor('int32', outShape);
      maxPool2d(tensor('float32', outShape), positions, x, g);
      for (const layout of layouts) {
        const grad = filled('float32', outShape, layout);
        const gradInput = filled('float32', shape, layout);
        maxPool2dGrad(gradInput, grad, positions);
        const expected = new Array<number>(elementCount(shape)).fill(0);
        const [places, shares] = [read(positions), read(grad)];
        coordinates(outShape).forEach(([n, c], k) => {
          const plane = (n! * shape[1] + c!) * shape[2] * shape[3];
          expected[plane + Number(places[k])]! += Number(shares[k]);
        });
        expect(read(gradInput).map((v) => Number(v) + 0)).toEqual(expected.map((v) => v + 0));
      }
    }
  });

  it('stays inside the plane whatever the positions say', () => {
    const positions = tensor('int32', [1, 2, 1, 2], [-5, 900, 2 ** 31 - 1, -(2 ** 31)]);
    const gradInput = tensor('float32', [1, 2, 2, 2]);
    maxPool2dGrad(gradInput, tensor('float32', [1, 2, 1, 2], [1, 1, 1, 1]), positions);
    expect(read(gradInput).map(Number).every(Number.isFinite)).toBe(true);
  });
});

describe.each(availableTargets())('avgPool2d on %s', (target) => {
  beforeEach(() => setTarget(target));
  const tolerance = (dtype: DType) => ({
    rtol: dtype === 'float64' ? 1e-13 : dtype === 'float32' ? 2e-6 : 2e-3,
    atol: dtype === 'float16' ? 2e-2 : 1e-6,
  });

  const agree = (
    dtype: DType,
    layout: Layout,
    shapes: readonly [Four, Four],
    windows: Windows,
    divisor: number | null,
    forward: (out: View, x: View) => void,
    backward: (gradInput: View, grad: View) => void,
  ): void => {
    const [shape, outShape] = shapes;
    const x = filled(dtype, shape, layout);
    const out = filled(dtype, outShape, layout);
    forward(out, x);
    expect(read(out).map(Number)).toBeAllclose(
      meanDefinition(plain(x), outShape, windows, divisor),
      tolerance(dtype),
    );
    const grad = filled(dtype, outShape, layout);
    const gradInput = filled(dtype, shape, layout);
    backward(gradInput, grad);
    expect(read(gradInput).map(Number)).toBeAllclose(
      meanGradDefinition(plain(grad), shape, windows, divisor),
      tolerance(dtype),
    );
  };

  const undilated = geometries.filter(([, g]) => g.dilation[0] === 1 && g.dilation[1] === 1);
  it.each(undilated)('agrees with the definition for %j, %j, ceil mode %j', (shape, g, ceil) => {
    const outShape = outputShape(shape, g, ceil);
    for (const layout of layouts) {
      for (const options of [
        { countIncludePad: true, divisor: null },
        { countIncludePad: false, divisor: null },
        { countIncludePad: true, divisor: -7 },
      ]) {
        const dtypes =
          layout === layouts[0] ? (['float32', 'float64', 'float16'] as const) : (['float32'] as const);
        for (const dtype of dtypes) {
          agree(
            dtype,
            layout,
            [shape, outShape],
            sliding(g, shape.slice(2), options.countIncludePad),
            options.divisor,
            (out, x) => avgPool2d(out, x, g, options),
            (gradInput, grad) => avgPool2dGrad(gradInput, grad, g, options),
          );
        }
      }
    }
  });

  it.each([
    [
      [2, 3, 7, 5],
      [1, 1],
    ],
    [
      [1, 9, 6, 8],
      [3, 4],
    ],
    [
      [2, 4, 7, 10],
      [3, 4],
    ],
    [
      [1, 2, 3, 5],
      [7, 9],
    ],
    [
      [1, 5, 4, 40],
      [4, 3],
    ],
    [
      [2, 3, 5, 7],
      [5, 7],
    ],
  ] as const)('adapts windows of %j to %j', (shape, [oh, ow]) => {
    for (const layout of layouts) {
      for (const dtype of ['float32', 'float64'] as const) {
        agree(
          dtype,
          layout,
          [shape, [shape[0], shape[1], oh, ow]],
          adaptive(shape.slice(2), [oh, ow]),
          null,
          adaptiveAvgPool2d,
          adaptiveAvgPool2dGrad,
        );
      }
    }
  });

  it('does nothing where there are no images', () => {
    const options = { countIncludePad: true, divisor: null };
    const [x, out] = [tensor('float32', [0, 3, 4, 4]), tensor('float32', [0, 3, 2, 2])];
    const g = geometry([2, 2], [2, 2]);
    avgPool2d(out, x, g, options);
    avgPool2dGrad(x, out, g, options);
    adaptiveAvgPool2d(out, x);
    adaptiveAvgPool2dGrad(x, out);
    maxPool2d(out, tensor('int32', [0, 3, 2, 2]), x, g);
    maxPool2dGrad(x, out, tensor('int32', [0, 3, 2, 2]));
  });

  it('keeps infinities and NaN of one window from others', () => {
    const x = tensor('float32', [1, 1, 2, 8], [1, 1, NaN, 1, 1, 1, Infinity, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    const out = tensor('float32', [1, 1, 1, 4]);
    avgPool2d(out, x, geometry([2, 2], [2, 2]), { countIncludePad: true, divisor: null });
    expect(read(out)).toEqual([1, NaN, 1, Infinity].map((v) => as('float32', v)));
  });
});
