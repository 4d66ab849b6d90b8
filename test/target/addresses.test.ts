/** Addresses that are sums of sums: read once, often, within branches and loops, and variables among what is added. */
import { describe, expect, it } from 'vitest';
import { input, kernel, loop, output, variable, when, type Value } from '../../src/lang/index.ts';
import type { Kernel } from '../../src/lang/ir.ts';
import { describeMachine, type Machine } from '../../src/lang/types.ts';
import { sequence } from './awkward.ts';
import { expectSame, onWasm, x64Runners } from './both.ts';

const LENGTH = 2000;
const RESULTS = 64;
const factors = [1, 2, 3, 4, 5, 8, 16];

/** A place in x, and the largest that it can be. */
interface Sum {
  readonly value: Value;
  readonly most: number;
}

const machineOf = (vectorBytes: number): Machine =>
  describeMachine({
    name: 'sums',
    vectorBytes,
    vectorRegisters: 16,
    fma: true,
    l1: 32768,
    l2: 524288,
  });

const randomKernel = (seed: number, vectorBytes: number): Kernel => {
  const random = sequence(seed);
  const spec = { x: input('i32'), out: output('i32') };
  const definition = kernel(`sums.${String(seed)}`, spec, ({ x, out }, range) => {
    let written = 0;
    const known: Sum[] = [
      { value: range.begin, most: 3 },
      { value: range.end, most: 7 },
    ];
    const place = (depth: number): Sum => {
      const leaf = (): Sum => known[random(known.length)]!;
      if (depth === 0) return leaf();
      const a = random(3) === 0 ? leaf() : place(depth - 1);
      const factor = factors[random(factors.length)]!;
      const times = random(2) === 0 ? a.value.mul(factor) : a.value.shl(Math.floor(Math.log2(factor)));
      const by = random(9);
      const b = random(3) === 0 ? leaf() : place(depth - 1);
      switch (random(5)) {
        case 0:
          return { value: a.value.add(by), most: a.most + by };
        case 1:
          return { value: a.value.add(by + 3).sub(by), most: a.most + 3 };
        case 2:
          return { value: times, most: a.most * factor };
        default:
          return { value: a.value.add(b.value), most: a.most + b.most };
      }
    };
    const within = (): Sum => {
      const sum = place(1 + random(4));
      return sum.most < LENGTH - 64 ? sum : { value: sum.value.rem(LENGTH - 64), most: LENGTH - 65 };
    };
    const body = (depth: number): void => {
      const before = known.length;
      for (let left = 2 + random(4); left > 0 && written < RESULTS; left--) {
        const { value, most } = within();
        switch (random(7)) {
          case 0:
            // It has several readers.
            known.push({ value, most });
            break;
          case 1:
            if (depth > 0)
              loop({ begin: 0, end: 1 + random(3) }, (i) => {
                known.push({ value: i, most: 2 });
                body(depth - 1);
                known.pop();
              });
            break;
          case 2:
            if (depth > 0)
              when(
                value.gt(random(20)),
                () => body(depth - 1),
                () => body(depth - 1),
              );
            break;
          case 3: {
            // A sum may not see what becomes of a variable afterwards.
            const moving = variable(value);
            const sum = moving.add(known[0]!.value);
            moving.update('add', 1);
            out.set(written++, x.scalar(sum.rem(LENGTH)).add(x.scalar(moving.rem(LENGTH))));
            break;
          }
          case 4: {
            // An entry of a table, perhaps a negative one, whose offset nobody else reads, or somebody does.
            const entry = x.plus(value).scalar(random(20));
            if (random(2) === 0) out.set(written++, entry);
            known.push({ value: entry.to('index').rem(64).add(63), most: 126 });
            break;
          }
          case 5:
            out.plus(written++).set(0, x.vector(value, { lanes: 4 }).reduceAdd());
            break;
          default:
            out.set(written++, x.plus(value).scalar(random(50)));
        }
      }
      known.length = before;
    };
    body(3);
  });
  return definition.build(machineOf(vectorBytes));
};

const runners = [{ name: 'WebAssembly', runner: onWasm(false), vectorBytes: 16 }, ...x64Runners()];

const afterBranch = (vectorBytes: number): Kernel =>
  kernel('afterBranch', { x: input('i32'), out: output('i32') }, ({ x, out }, range) => {
    const before = range.begin.shl(2).add(range.end).add(5);
    when(range.begin.gt(1), () => {
      loop({ begin: 0, end: 2 }, (i) => {
        out.set(i, x.scalar(i));
      });
    });
    out.set(2, x.scalar(before));
  }).build(machineOf(vectorBytes));

describe.each(runners)('sums of indices on $name', ({ runner, vectorBytes }) => {
  it.each([0, 50, 100, 150])(
    'are the addresses that the interpreter finds (50 seeds from %i on)',
    (first) => {
      const values = Array.from({ length: LENGTH }, (_, i) => (i % 3 === 0 ? -i : i) * 7919);
      for (let seed = first; seed < first + 50; seed++) {
        const columns = [
          { storage: 'i32' as const, values },
          { storage: 'i32' as const, values: new Array<number>(RESULTS + 4).fill(0) },
        ];
        const begin = seed % 4;
        const run = (): void =>
          expectSame(randomKernel(seed, vectorBytes), columns, begin, begin + 4, runner);
        expect(run, `seed ${String(seed)}`).not.toThrow();
      }
    },
  );

  it.each([0, 2])('are there after a branch with a loop in it, from %i on', (begin) => {
    const values = Array.from({ length: 100 }, (_, i) => i + 1);
    const columns = [
      { storage: 'i32' as const, values },
      { storage: 'i32' as const, values: [0, 0, 0] },
    ];
    expectSame(afterBranch(vectorBytes), columns, begin, begin + 4, runner);
  });
});
