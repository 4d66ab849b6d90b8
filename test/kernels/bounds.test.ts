/**
 * Reductions, softmax, pooling and indexing with every launch run by the checking interpreter, which refuses any access
 * outside the tensor that it names, on machines with vectors of several lengths. A launch's range is run in two parts,
 * as threads share it, and must give the same bits as when it is run whole.
 */
import { describe, expect, it, vi } from 'vitest';
import { heap } from '../../src/device/heap.ts';
import type { launch, Region } from '../../src/device/launch.ts';
import { Storage } from '../../src/device/storage.ts';
import type { Kernel, KernelDefinition } from '../../src/lang/index.ts';
import { runChecked } from '../../src/lang/run-checked.ts';
import { describeMachine, type Machine } from '../../src/lang/types.ts';

let machine: Machine;
const kernels = new Map<string, Kernel>();
const built = (definition: Pick<KernelDefinition, 'name' | 'build'>): Kernel => {
  const key = `${machine.name} ${definition.name}`;
  let kernel = kernels.get(key);
  if (kernel === undefined) kernels.set(key, (kernel = definition.build(machine)));
  return kernel;
};
/** Where a launch's range is cut: a part of its length. */
let cut = 0;

/** A region's memory from its first byte to its storage's last. */
const memoryOf = (given: Region | Storage): { bytes: Uint8Array } => {
  const { storage, byteOffset } = given instanceof Storage ? { storage: given, byteOffset: 0 } : given;
  const address = heap.resident(storage) + byteOffset;
  return { bytes: new Uint8Array(heap.memory.buffer, address, storage.byteLength - byteOffset) };
};

vi.mock('../../src/device/launch.ts', () => ({
  launch: ((definition, args, begin, end) => {
    const given = args as Readonly<Record<string, Region | Storage | number | bigint>>;
    const parameters = definition.parameters.map(({ name }) => {
      const value = given[name]!;
      return typeof value === 'object' ? memoryOf(value) : value;
    });
    const kernel = built(definition);
    const middle = begin + Math.floor((end - begin) * cut);
    runChecked(kernel, { parameters, begin, end: middle });
    runChecked(kernel, { parameters, begin: middle, end });
  }) satisfies typeof launch,
}));

const { everything } = await import('./everything.ts');

describe.each([16, 64])('with vectors of %i bytes', (vectorBytes) => {
  it.each(['float32', 'float64', 'float16'] as const)(
    'kernels stay inside their tensors of %s, and results do not depend on how work is shared',
    (dtype) => {
      machine = describeMachine({
        name: `vectors of ${vectorBytes}`,
        vectorBytes,
        vectorRegisters: 16,
        fma: true,
        l1: 32768,
        l2: 262144,
      });
      cut = 0;
      const whole = everything(dtype);
      cut = 0.4;
      expect(everything(dtype)).toEqual(whole);
    },
  );
});
