/** Operations that take rows of lanes apart and put them together. */
import { expect, it } from 'vitest';
import { input, kernel, output, type Value } from '../../src/lang/index.ts';
import { runChecked } from '../../src/lang/run-checked.ts';
import { describeMachine } from '../../src/lang/types.ts';
import { bytes, column, machine } from './apply.ts';

/** f of two vectors of i32, of as many lanes as the first has elements. */
const zipped = (a: readonly number[], b: readonly number[], f: (a: Value, b: Value) => Value): number[] => {
  const spec = { x: input('i32'), y: input('i32'), out: output('i32') } as const;
  const definition = kernel('zip', spec, ({ x, y, out }) => {
    const [p, q] = [x.vector(0, { lanes: a.length }), y.vector(0, { lanes: a.length })];
    out.set(0, f(p, q));
  });
  const wide = describeMachine({ ...machine, vectorBytes: 64 });
  const out = column('i32', new Array<number>(a.length).fill(-1));
  const parameters = [column('i32', a), column('i32', b), out].map(bytes);
  runChecked(definition.build(wide), { parameters, begin: 0, end: 1 });
  return [...out];
};

it.each([2, 4, 8, 16])('evens and odds take a row of two vectors of %i lanes apart', (lanes) => {
  const row = Array.from({ length: 2 * lanes }, (_, k) => 10 * k);
  const [a, b] = [row.slice(0, lanes), row.slice(lanes)];
  expect(zipped(a, b, (x, y) => x.evens(y))).toEqual(row.filter((_, k) => k % 2 === 0));
  expect(zipped(a, b, (x, y) => x.odds(y))).toEqual(row.filter((_, k) => k % 2 === 1));
});

it.each([2, 4, 8, 16])('zipLow and zipHigh put two vectors of %i lanes together', (lanes) => {
  const a = Array.from({ length: lanes }, (_, k) => k);
  const b = a.map((x) => x + 100);
  const row = a.flatMap((x, k) => [x, b[k]!]);
  expect(zipped(a, b, (x, y) => x.zipLow(y))).toEqual(row.slice(0, lanes));
  expect(zipped(a, b, (x, y) => x.zipHigh(y))).toEqual(row.slice(lanes));
});
