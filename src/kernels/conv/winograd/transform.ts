/** Products of a constant matrix and a few values, with as few operations as its pairs of rows or columns allow. */
import type { Pointer, Value } from '../../../lang/index.ts';
import type { Matrix } from './matrices.ts';

/** `count` pointers, so many bytes apart. */
export const apart = (first: Pointer, bytes: Value, count: number): Pointer[] => {
  const pointers = [first];
  while (pointers.length < count) pointers.push(pointers.at(-1)!.plusBytes(bytes));
  return pointers;
};

/** matrix · values. */
export const transform = (matrix: Matrix, values: readonly Value[]): Value[] => {
  const columns = pairOf(matrix[0]!.map((_, k) => matrix.map((row) => row[k]!)));
  return columns === null ? byRows(matrix, values) : byColumns(matrix, columns, values);
};

/**
 * Rows for opposite points p and −p agree but for the signs in every other column: they are sum and difference of what
 * they have in common in the even and in the odd columns.
 */
const byRows = (matrix: Matrix, values: readonly Value[]): Value[] => {
  const results: Value[] = [];
  for (let i = 0; i < matrix.length; i++) {
    const row = matrix[i]!;
    if (i + 1 < matrix.length && opposite(row, matrix[i + 1]!)) {
      const even = combination(row.filter(isEven), values.filter(isEven));
      // One factor, the point, is left for the sum.
      const odd = row.filter(isOdd);
      const factor = odd.find((c) => c !== 0)!;
      const rest = combination(
        odd.map((c) => c / factor),
        values.filter(isOdd),
      );
      results.push(scaledSum(even, factor, rest), scaledSum(even, -factor, rest));
      i++;
    } else results.push(combination(row, values));
  }
  return results;
};

/** Columns likewise: even rows take the sum of two values, odd ones their difference. */
const byColumns = (matrix: Matrix, pairs: readonly number[], values: readonly Value[]): Value[] => {
  const sums = [...values];
  const differences = [...values];
  for (const k of pairs) {
    sums[k] = values[k]!.add(values[k + 1]!);
    differences[k] = values[k]!.sub(values[k + 1]!);
  }
  return matrix.map((row, i) =>
    combination(
      row.map((c, k) => (pairs.includes(k - 1) ? 0 : c)),
      i % 2 === 0 ? sums : differences,
    ),
  );
};

/** Σ cₖ·vₖ. */
const combination = (coefficients: readonly number[], values: readonly Value[]): Value => {
  const terms = coefficients.flatMap((c, k) => (c === 0 ? [] : [{ c, v: values[k]! }]));
  // One whose factor is 1 goes first: it costs nothing.
  const first = terms.find(({ c }) => c === 1) ?? terms[0]!;
  const start = first.c === 1 ? first.v : first.v.mul(first.c);
  return terms.reduce((sum, term) => (term === first ? sum : scaledSum(sum, term.c, term.v)), start);
};

/** sum + c·v. */
const scaledSum = (sum: Value, c: number, v: Value): Value =>
  c === 1 ? sum.add(v) : c === -1 ? sum.sub(v) : v.fma(c, sum);

const isEven = (_: unknown, k: number): boolean => k % 2 === 0;
const isOdd = (_: unknown, k: number): boolean => k % 2 === 1;

const opposite = (row: readonly number[], other: readonly number[]): boolean =>
  row.some((c, k) => c !== 0 && isOdd(c, k)) &&
  row.some((c, k) => c !== 0 && isEven(c, k)) &&
  row.every((c, k) => other[k] === (isOdd(c, k) ? -c : c));

/** Which columns and their successors are opposite; null when there are none. */
const pairOf = (columns: Matrix): number[] | null => {
  const pairs = columns.flatMap((column, k) =>
    k + 1 < columns.length && opposite(column, columns[k + 1]!) ? [k] : [],
  );
  return pairs.length === 0 ? null : pairs;
};
