/** `map` with every launch run by the checking interpreter, on machines with vectors of several lengths. */
import { describe, expect, it, vi } from 'vitest';
import { heap } from '../../src/device/heap.ts';
import type { launch, Region } from '../../src/device/launch.ts';
import type { DType } from '../../src/dtype.ts';
import { runChecked } from '../../src/lang/run-checked.ts';
import { describeMachine, type Machine } from '../../src/lang/types.ts';
import { laidOut, read, write, type Layout } from './tensors.ts';

let machine: Machine;

/** A region's memory from its first byte to its storage's last. */
const memoryOf = ({ storage, byteOffset }: Region): { bytes: Uint8Array } => {
  const address = heap.resident(storage);
  const bytes = new Uint8Array(heap.memory.buffer, address + byteOffset, storage.byteLength - byteOffset);
  return { bytes };
};

vi.mock('../../src/device/launch.ts', () => ({
  launch: ((definition, args, begin, end) => {
    const given = args as Readonly<Record<string, Region | number | bigint>>;
    const parameters = definition.parameters.map(({ name }) => {
      const value = given[name]!;
      return typeof value === 'object' ? memoryOf(value) : value;
    });
    const kernel = definition.build(machine);
    // In two parts, as threads share it.
    const middle = Math.floor((begin + 2 * end) / 3);
    runChecked(kernel, { parameters, begin, end: middle });
    runChecked(kernel, { parameters, begin: middle, end });
  }) satisfies typeof launch,
}));

const { map } = await import('../../src/kernels/elementwise.ts');
const math = await import('../../src/kernels/math/index.ts');

describe.each([8, 16, 32, 64])('with vectors of %i bytes, map', (vectorBytes) => {
  const shapes = [[1], [7], [3, 5], [19, 33], [2, 5, 3], [9, 1, 17]];
  const layouts: readonly Layout[] = [{}, { offset: 2 }, { gaps: [1, 1, 1] }, { order: [1, 0] }];

  it('stays inside its tensors and reaches every element', () => {
    machine = describeMachine({
      name: `vectors of ${vectorBytes}`,
      vectorBytes,
      vectorRegisters: 16,
      fma: true,
      l1: 32768,
      l2: 262144,
    });
    for (const dtype of ['float32', 'float64', 'uint8', 'float16'] satisfies DType[]) {
      if (vectorBytes === 8 && dtype === 'float64') continue;
      for (const shape of shapes) {
        const count = shape.reduce((a, b) => a * b, 1);
        for (const [k, layout] of layouts.entries()) {
          if (layout.order !== undefined && shape.length !== 2) continue;
          const out = laidOut(dtype, shape, layout);
          const x = laidOut(dtype, shape, layouts[(k + 1) % 2]!);
          const y = laidOut(dtype, shape, { repeated: [shape.length - 1] });
          write(
            x,
            Array.from({ length: count }, (_, i) => i % 50),
          );
          write(y, new Array<number>(count).fill(3));
          map(math.add, dtype, out, [x, y]);
          expect(read(out)).toEqual(Array.from({ length: count }, (_, i) => (i % 50) + 3));
        }
      }
    }
  });
});
