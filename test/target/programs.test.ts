import { describe, expect, it } from 'vitest';
import { awkward, sequence } from './awkward.ts';
import { expectSame, onWasm, x64Runners, type Column } from './both.ts';
import { randomProgram, storages, tensorLength } from './programs.ts';
import { loadedElement } from '../../src/lang/types.ts';

const seeds = Array.from({ length: 20 }, (_, block) => block * 20);

const runners = [
  { name: 'WebAssembly', runner: onWasm(false), vectorBytes: 16 },
  { name: 'WebAssembly with relaxed SIMD', runner: onWasm(true), vectorBytes: 16 },
  ...x64Runners(),
];

describe.each(runners)('random programs on $name', ({ runner, vectorBytes }) => {
  it.each(seeds)('give what the interpreter gives (20 seeds from %i on)', (first) => {
    for (let seed = first; seed < first + 20; seed++) {
      const random = sequence(~seed);
      const tensors = (): Column[] =>
        storages.map((storage) => {
          const values = awkward[loadedElement[storage]];
          return {
            storage,
            values: Array.from({ length: tensorLength }, () => values[random(values.length)]!),
          };
        });
      const kernel = randomProgram(seed, vectorBytes);
      const columns = [...tensors(), ...tensors()];
      expect(() => expectSame(kernel, columns, random(3), random(6), runner), `seed ${seed}`).not.toThrow();
    }
  });
});
