/** The first product of a form makes do with fewer kernels than later ones, and gives the same bits. */
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { availableTargets, currentTarget, setTarget } from '../../src/device/target.ts';
import { elementCount, type View } from '../../src/device/view.ts';
import { cpu } from '../../src/kernels/cpu.ts';
import { setPatience } from '../../src/kernels/gemm-rest.ts';
import { releasePacked } from '../../src/kernels/packed.ts';
import { laidOut, read, write } from './tensors.ts';

const before = currentTarget().name;
beforeEach(() => {
  setPatience(true);
  releasePacked();
});
afterAll(() => {
  setPatience(false);
  setTarget(before);
});

/** Numbers whose sums are rounded. */
const tensor = (...shape: number[]): View => {
  const view = laidOut('float32', shape, {});
  write(
    view,
    Array.from({ length: elementCount(shape) }, (_, i) => Math.sin(i + shape.length)),
  );
  return view;
};

const tiles = (): number =>
  [...currentTarget().kernels.keys()].filter((name) => name.startsWith('gemm.multiply')).length;

describe.each(availableTargets())('a product of which the last columns fill no tile, on %s', (target) => {
  /** Of the results of so many calls the bits, and how many tiles were compiled in each. */
  const outcomes = (columns: number, calls: number): { bits: Int32Array[]; compiled: number[] } => {
    setTarget(target);
    const [a, b, bias] = [tensor(13, 70), tensor(70, columns), tensor(columns)];
    const bits = [];
    const compiled = [];
    for (let call = 0; call < calls; call++) {
      const known = tiles();
      const out = tensor(13, columns);
      cpu.matmul(out, a, b, bias);
      bits.push(new Int32Array(Float32Array.from(read(out).map(Number)).buffer));
      compiled.push(tiles() - known);
    }
    return { bits, compiled };
  };

  it('compiles one tile at the first call, and the narrow one at the second', () => {
    // One more than fills tiles of two and of three vectors, whatever their lanes.
    expect(outcomes(3 * 2 * 16 * 5 + 1, 2).compiled).toEqual([1, 1]);
  });

  it('gives the same bits at every call', () => {
    for (const columns of [49, 97, 101, 145, 241]) {
      const [first, ...later] = outcomes(columns, 4).bits;
      for (const bits of later) expect(bits, String(columns)).toEqual(first);
    }
  });
});
