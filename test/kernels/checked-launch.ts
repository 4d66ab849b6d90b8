/** Launches that the checking interpreter runs: mock `src/device/launch.ts` with this, and no access goes unseen. */
import { heap } from '../../src/device/heap.ts';
import type { launch, Region } from '../../src/device/launch.ts';
import { Storage } from '../../src/device/storage.ts';
import { currentTarget } from '../../src/device/target.ts';
import { runChecked } from '../../src/lang/run-checked.ts';

/**
 * Runs the kernel in two parts, as threads share it. Each storage is a buffer of its own there, a tensor's memory what
 * is behind its first byte in it.
 */
export const checkedLaunch: typeof launch = (definition, args, begin, end) => {
  const given = args as Readonly<Record<string, Region | Storage | number | bigint>>;
  const copies = new Map<Storage, Uint8Array>();
  const parameters = definition.parameters.map(({ name }) => {
    const value = given[name]!;
    if (typeof value !== 'object') return value;
    const { storage, byteOffset } = value instanceof Storage ? { storage: value, byteOffset: 0 } : value;
    let copy = copies.get(storage);
    if (copy === undefined) copies.set(storage, (copy = heap.bytes(storage).slice()));
    return { bytes: copy.subarray(byteOffset) };
  });
  const kernel = definition.build(currentTarget().machine);
  const middle = Math.floor((begin + 2 * end) / 3);
  for (const [from, to] of [
    [begin, middle],
    [middle, end],
  ] as const)
    runChecked(kernel, { parameters, begin: from, end: to });
  for (const [storage, copy] of copies) heap.bytes(storage).set(copy);
};
