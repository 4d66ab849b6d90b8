import { describe, expect, it, beforeEach } from 'vitest';
import { setTarget, availableTargets } from '../../src/device/target.ts';
import type { View } from '../../src/device/view.ts';
import type { DType } from '../../src/dtype.ts';
import { cpu } from '../../src/kernels/cpu.ts';
import { map } from '../../src/kernels/elementwise.ts';
import * as math from '../../src/kernels/math/index.ts';
import {
  altered,
  as,
  laidOut,
  randomIntegers,
  read,
  tensor,
  write,
  type Element,
  type Layout,
} from './tensors.ts';

const counting = (count: number, dtype: DType): Element[] =>
  Array.from({ length: count }, (_, i) => as(dtype, (i % 11) - 3));

const sum = (dtype: DType, x: readonly Element[], y: readonly Element[]): Element[] =>
  x.map((a, i) => as(dtype, dtype === 'int64' ? BigInt(a) + BigInt(y[i]!) : Number(a) + Number(y[i])));

describe.each(availableTargets())('map on %s', (target) => {
  beforeEach(() => setTarget(target));

  it.each([1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 1000])(
    'adds %i contiguous elements and none beyond',
    (size) => {
      for (const dtype of ['float32', 'float64', 'int64', 'uint8', 'bfloat16'] as const) {
        const x = tensor(dtype, [size], counting(size, dtype));
        const y = tensor(dtype, [size], counting(size, dtype).reverse());
        const out = tensor(dtype, [size + 1], counting(size + 1, dtype));
        const before = read(out);
        map(math.add, dtype, altered(out, { shape: [size] }), [x, y]);
        expect(read(out)).toEqual([...sum(dtype, read(x), read(y)), before[size]]);
      }
    },
  );

  it('does nothing to tensors without elements', () => {
    const x = tensor('float32', [3, 0, 2]);
    map(math.add, 'float32', x, [x, x]);
    expect(read(x)).toEqual([]);
  });

  it('takes tensors without axes', () => {
    const out = tensor('float64', [], [0]);
    map(math.mul, 'float64', out, [tensor('float64', [], [3]), tensor('float64', [], [7])]);
    expect(read(out)).toEqual([21]);
  });

  const add = (dtype: DType, shape: readonly number[], layouts: readonly Layout[]): void => {
    const [out, x, y] = layouts.map((layout) => laidOut(dtype, shape, layout)) as [View, View, View];
    const count = shape.reduce((a, b) => a * b, 1);
    write(x, counting(count, dtype));
    write(y, counting(count, dtype).reverse());
    map(math.add, dtype, out, [x, y]);
    expect(read(out)).toEqual(sum(dtype, read(x), read(y)));
  };

  it('broadcasts along each axis', () => {
    for (const repeated of [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]]) {
      add('float32', [2, 3, 5], [{}, {}, { repeated }]);
      add('float32', [3, 4, 9], [{}, { repeated }, { repeated: [1] }]);
    }
  });

  it('walks transposed operands, in pieces and rests of pieces', () => {
    for (const shape of [
      [37, 45],
      [16, 64],
      [19, 17],
    ]) {
      add('float32', shape, [{}, {}, { order: [1, 0] }]);
      add('float32', shape, [{ order: [1, 0] }, {}, { order: [1, 0] }]);
      add('uint8', shape, [{}, { order: [1, 0] }, { order: [1, 0] }]);
      add('float64', shape, [{ order: [1, 0] }, {}, {}]);
    }
    add('float32', [2, 9, 3, 33], [{ order: [0, 2, 3, 1] }, {}, { repeated: [0, 2, 3] }]);
  });

  it('walks views with offsets and gaps', () => {
    add('float32', [3, 5, 7], [{ gaps: [0, 0, 1] }, { gaps: [0, 2, 0], offset: 3 }, { offset: 1 }]);
    add('int32', [3, 5, 7], [{ gaps: [1, 0, 0], offset: 2 }, {}, { gaps: [0, 0, 3] }]);
  });

  it('agrees with plain loops for random shapes and layouts', () => {
    const random = randomIntegers(5);
    const runs = target === 'interpret' ? 60 : 250;
    for (let run = 0; run < runs; run++) {
      const shape = Array.from({ length: random(5) }, () => [1, 2, 3, 4, 5, 8, 9, 19][random(8)]!);
      const shuffled = (): number[] => {
        const axes = shape.map((_, axis) => axis);
        return shape.map(() => axes.splice(random(axes.length), 1)[0]!);
      };
      const layout = (mayRepeat: boolean): Layout => ({
        order: shuffled(),
        gaps: shape.map(() => (random(4) === 0 ? random(3) : 0)),
        repeated: mayRepeat && random(2) === 0 ? shape.flatMap((_, k) => (random(3) === 0 ? [k] : [])) : [],
        offset: random(3),
      });
      const dtype = (['float32', 'float64', 'int64', 'int8', 'float16'] as const)[random(5)]!;
      add(dtype, shape, [layout(false), layout(true), layout(true)]);
    }
  });

  it('works in place', () => {
    const x = tensor('float32', [3, 7], counting(21, 'float32'));
    const row = laidOut('float32', [3, 7], { repeated: [0] });
    write(altered(row, { shape: [7], strides: [1] }), counting(7, 'float32'));
    const expected = sum('float32', read(x), read(row));
    map(math.add, 'float32', x, [x, row]);
    expect(read(x)).toEqual(expected);
  });

  it('takes numbers beside the operands, as the compute dtype holds them', () => {
    const x = tensor('float32', [5], [1, 2, 3, 4, 5]);
    const out = tensor('float32', [5]);
    map(math.addScaled, 'float32', out, [x, x], [0.5]);
    expect(read(out)).toEqual([1.5, 3, 4.5, 6, 7.5]);
    const n = tensor('int64', [3], [1n, -2n, 3n]);
    map(math.addScaled, 'int64', n, [n, n], [2n ** 62n]);
    expect(read(n)).toEqual([
      1n + 2n ** 62n,
      BigInt.asIntN(64, -2n - 2n ** 63n),
      BigInt.asIntN(64, 3n + 3n * 2n ** 62n),
    ]);
    map(math.addScaled, 'int64', n, [n, n], [-1.7]);
    expect(read(n)).toEqual([0n, 0n, 0n]);
  });

  it('tells numbers apart where it remembers how operands are walked', () => {
    const x = laidOut('float32', [2, 3], { order: [1, 0] });
    write(x, [1, 2, 3, 4, 5, 6]);
    const ones = tensor('float32', [2, 3], [1, 1, 1, 1, 1, 1]);
    const out = tensor('float32', [2, 3]);
    for (let turn = 0; turn < 4; turn++) {
      for (const number of [0.5, -0.25, 3 + turn]) {
        cpu.map(math.addScaled, 'float32', out, [x, ones], [number]);
        expect(read(out)).toEqual([1, 2, 3, 4, 5, 6].map((v) => v + number));
      }
      for (const zero of [0, -0]) {
        cpu.map(math.threshold, 'float32', out, [x], [9, zero]);
        expect(read(out)).toEqual([zero, zero, zero, zero, zero, zero]);
      }
    }
    const n = laidOut('int64', [2, 2], { order: [1, 0] });
    for (let turn = 0; turn < 4; turn++) {
      for (const number of [2n ** 40n, 2n ** 41n, -1n]) {
        write(n, [1n, 2n, 3n, 4n]);
        cpu.map(math.addScaled, 'int64', n, [n, tensor('int64', [2, 2], [1n, 1n, 1n, 1n])], [number]);
        expect(read(n)).toEqual([1n, 2n, 3n, 4n].map((v) => v + number));
      }
    }
  });

  it('prepares what elements share, along each kind of row', () => {
    const shape = [2, 3, 5, 7];
    const random = randomIntegers(8);
    const layouts: readonly Layout[] = [{}, { order: [0, 2, 3, 1] }, { gaps: [0, 0, 0, 1] }];
    const channel: Layout = { repeated: [0, 2, 3] };
    for (const dtype of ['float32', 'float64'] as const)
      for (const layout of layouts)
        for (const shared of [channel, {}, { repeated: [1, 2] }]) {
          const x = laidOut(dtype, shape, layout);
          const others = [shared, shared, channel, shared].map((given) => laidOut(dtype, shape, given));
          write(
            x,
            Array.from({ length: 210 }, () => random(9) - 4),
          );
          for (const view of others)
            write(
              view,
              Array.from({ length: 210 }, () => random(4)),
            );
          const out = laidOut(dtype, shape, layout);
          map(math.normalize, dtype, out, [x, ...others], [0.25]);
          const [at, mean, variance, weight, bias] = [x, ...others].map((view) => read(view).map(Number)) as [
            number[],
            number[],
            number[],
            number[],
            number[],
          ];
          read(out).forEach((y, i) => {
            const scale = weight[i]! / Math.sqrt(variance[i]! + 0.25);
            expect(Math.abs(Number(y) - ((at[i]! - mean[i]!) * scale + bias[i]!))).toBeLessThan(2e-5);
          });
        }
  });

  it('stores comparisons as 0 and 1 in any dtype', () => {
    const x = tensor('float64', [5], [1, 5, NaN, -Infinity, 2]);
    const y = tensor('float64', [5], [2, 3, NaN, 0, 2]);
    for (const dtype of ['bool', 'float32', 'float64', 'int64', 'uint8', 'float16'] as const) {
      const out = tensor(dtype, [5]);
      map(math.lt, 'float64', out, [x, y]);
      expect(read(out).map(Number)).toEqual([1, 0, 0, 1, 0]);
      map(math.ne, 'float64', out, [x, y]);
      expect(read(out).map(Number)).toEqual([1, 1, 1, 1, 0]);
    }
  });

  it('computes with bools as 0 and 1: the sum is "or", the product "and"', () => {
    const x = tensor('bool', [4], [0, 0, 1, 1]);
    const y = tensor('bool', [4], [0, 1, 0, 1]);
    const out = tensor('bool', [4]);
    map(math.add, 'bool', out, [x, y]);
    expect(read(out)).toEqual([0, 1, 1, 1]);
    map(math.mul, 'bool', out, [x, y]);
    expect(read(out)).toEqual([0, 0, 0, 1]);
    const float = tensor('float32', [4], [0, 0.5, NaN, -0]);
    map(math.logicalXor, 'bool', out, [float, y]);
    expect(read(out)).toEqual([0, 0, 1, 1]);
  });

  it('mixes dtypes: a bool condition, a float64 operand, a result that is narrowed once', () => {
    const condition = tensor('bool', [5], [1, 0, 1, 0, 1]);
    const x = tensor('float64', [5], [1.1, 2.2, 3.3, 4.4, 5.5]);
    const y = tensor('int64', [5], [-1n, -2n, -3n, -4n, -5n]);
    const out = tensor('float16', [5]);
    map(math.where, 'float64', out, [condition, x, y]);
    expect(read(out)).toEqual([1.1, -2, 3.3, -4, 5.5].map((v) => as('float16', v)));
  });

  it('rounds 16-bit floats once, after the whole expression', () => {
    // 1 + 2⁻⁸ is a tie that goes to 1; 2⁻⁸ more first makes it go up.
    const x = tensor('bfloat16', [1], [1]);
    const y = tensor('bfloat16', [1], [2 ** -9]);
    map(math.addScaled, 'bfloat16', x, [x, y], [3]);
    expect(read(x)).toEqual([1 + 2 ** -7]);
  });
});
