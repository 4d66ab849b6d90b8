/** Rows of vectors whose elements belong to several neighbours in turn. Their number is a power of two. */
import type { Value } from '../lang/index.ts';

const every = (vectors: readonly Value[], remainder: 0 | 1): Value[] =>
  vectors.filter((_, k) => k % 2 === remainder);

/** From n vectors of consecutive elements: one of all elements k·n, one of all k·n + 1, and so on. */
export const deinterleaved = (row: readonly Value[]): Value[] => {
  if (row.length === 1) return [...row];
  const halves = (pick: (a: Value, b: Value) => Value): Value[] =>
    deinterleaved(every(row, 0).map((a, k) => pick(a, row[2 * k + 1]!)));
  const evens = halves((a, b) => a.evens(b));
  const odds = halves((a, b) => a.odds(b));
  return evens.flatMap((even, k) => [even, odds[k]!]);
};

/** The way back: element k·n + i of the row is element k of vector i. */
export const interleaved = (vectors: readonly Value[]): Value[] => {
  if (vectors.length === 1) return [...vectors];
  const evens = interleaved(every(vectors, 0));
  const odds = interleaved(every(vectors, 1));
  return evens.flatMap((even, k) => [even.zipLow(odds[k]!), even.zipHigh(odds[k]!)]);
};
