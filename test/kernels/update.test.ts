import { beforeEach, describe, expect, it } from 'vitest';
import type { UpdateRule } from '../../src/device/backend.ts';
import { availableTargets, setTarget } from '../../src/device/target.ts';
import { update } from '../../src/kernels/update.ts';
import { laidOut, randomIntegers, read, write, type Layout } from './tensors.ts';

/** x ← x · 2 + z, y ← y − x · scalar. */
const rule: UpdateRule = {
  name: 'update of a test',
  evaluate: ([x, y], [z], [scalar]) => [x!.mul(2).add(z!), y!.sub(x!.mul(scalar!))],
};
const random = randomIntegers(8);

describe.each(availableTargets())('updates on %s', (target) => {
  beforeEach(() => setTarget(target));

  it.each<[string, readonly Layout[]]>([
    ['in rows', [{}, {}, {}]],
    ['all transposed', [{ order: [1, 0] }, { order: [1, 0] }, { order: [1, 0] }]],
    ['each laid out its own way', [{ order: [1, 0] }, {}, { gaps: [0, 1] }]],
    ['with gaps', [{ gaps: [1, 0], offset: 3 }, { gaps: [1, 0] }, { gaps: [1, 0] }]],
    ['with a partner that repeats', [{}, {}, { repeated: [0] }]],
  ])('change several tensors by what all were before, %s', (_, layouts) => {
    for (const dtype of ['float32', 'float64'] as const) {
      for (const shape of [
        [3, 1],
        [1, 17],
        [5, 13],
        [0, 3],
      ]) {
        const views = layouts.map((layout) => laidOut(dtype, shape, layout));
        for (const view of views)
          write(
            view,
            Array.from({ length: shape[0]! * shape[1]! }, () => random(100)),
          );
        const [x, y, z] = views.map((view) => read(view).map(Number)) as [number[], number[], number[]];
        update(rule, views.slice(0, 2), [views[2]!], [0.5]);
        expect(read(views[0]!)).toEqual(x.map((value, i) => value * 2 + z[i]!));
        expect(read(views[1]!)).toEqual(y.map((value, i) => value - x[i]! * 0.5));
        expect(read(views[2]!)).toEqual(z);
      }
    }
  });
});
