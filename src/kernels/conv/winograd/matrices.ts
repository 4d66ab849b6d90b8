/**
 * Winograd's minimal filtering, F(m, 3): m neighbouring outputs of a row under three taps, from m + 2 products instead
 * of 3·m:
 *
 *     y = Aᵀ [ (G g) ⊙ (Bᵀ d) ]          d: m + 2 inputs, g: 3 taps
 *
 * and nested, F(m × m, 3 × 3): Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A.
 *
 * The matrices are Toom and Cook's: a product of polynomials is found from its values at m + 1 points and at infinity.
 * Any points will do in exact arithmetic; in floating point they decide about the error.
 *
 * @see Lavin & Gray 2015, "Fast Algorithms for Convolutional Neural Networks", arXiv:1509.09308; Barabasz, Anderson,
 *      Soodhalter & Gregg 2020, "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural
 *      Networks", arXiv:1803.10986
 */

/** Outputs along one axis of a tile. */
export type TileSize = 2 | 4;

/** Taps along one axis. */
export const TAPS = 3;

/** A fraction of small whole numbers. */
type Point = readonly [numerator: number, denominator: number];

/**
 * 0 and opposite pairs, which share work. The usual 0, ±1, ±2 give F(4) errors twice as large as the best pairs, which
 * are equal but for chance; of those ±2/3, ±3/2 make two factors 1. See docs/precision.md.
 */
const POINTS: Readonly<Record<TileSize, readonly Point[]>> = {
  2: [
    [0, 1],
    [1, 1],
    [-1, 1],
  ],
  4: [
    [0, 1],
    [2, 3],
    [-2, 3],
    [3, 2],
    [-3, 2],
  ],
};

export type Matrix = readonly (readonly number[])[];

export interface Winograd {
  /** Aᵀ: m rows, m + 2 columns. */
  readonly output: Matrix;
  /** G: m + 2 rows, 3 columns. */
  readonly taps: Matrix;
  /** Bᵀ: m + 2 rows and columns. */
  readonly input: Matrix;
}

/** The matrices for points other than infinity, each number rounded once. */
export const cookToom = (points: readonly Point[], taps = TAPS): Winograd => {
  const m = points.length + 2 - taps;
  const others = (j: number): readonly Point[] => points.filter((_, l) => l !== j);
  const whole = [...points.map((_, j) => [...product(others(j)), zero]), product(points)];
  const powers = ([n, d]: Point, count: number): Point[] =>
    Array.from({ length: count }, (_, k): Point => [n ** k, d ** k]);
  const atInfinity = (count: number): Point[] =>
    Array.from({ length: count }, (_, k): Point => [k === count - 1 ? 1 : 0, 1]);
  const weights = points.map((p, j) => others(j).reduce<Point>((by, q) => times(by, minus(p, q)), [1, 1]));
  const columns = [...points.map((p) => powers(p, m)), atInfinity(m)];
  return {
    output: Array.from({ length: m }, (_, i) => columns.map((column) => value(column[i]!))),
    taps: [
      ...points.map((p, j) => powers(p, taps).map((power) => value(times(power, inverse(weights[j]!))))),
      atInfinity(taps).map(value),
    ],
    input: whole.map((row) => row.map(value)),
  };
};

/** The coefficients of Π (x − p), from x⁰ up. */
const product = (points: readonly Point[]): Point[] =>
  points.reduce<Point[]>(
    (by, p) =>
      Array.from({ length: by.length + 1 }, (_, k) =>
        minus(k === 0 ? zero : by[k - 1]!, k === by.length ? zero : times(by[k]!, p)),
      ),
    [[1, 1]],
  );

const zero: Point = [0, 1];
const value = ([n, d]: Point): number => n / d;
const inverse = ([n, d]: Point): Point => [d, n];
const times = ([a, b]: Point, [c, d]: Point): Point => reduced(a * c, b * d);
const minus = ([a, b]: Point, [c, d]: Point): Point => reduced(a * d - c * b, b * d);
const reduced = (n: number, d: number): Point => {
  const by = gcd(Math.abs(n), Math.abs(d)) * Math.sign(d);
  return [n / by, d / by];
};
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

const made = new Map<TileSize, Winograd>();

/** The matrices of F(m, 3). */
export const winogradOf = (m: TileSize): Winograd => {
  let matrices = made.get(m);
  if (matrices === undefined) made.set(m, (matrices = cookToom(POINTS[m])));
  return matrices;
};

export const transposed = (matrix: Matrix): Matrix => matrix[0]!.map((_, k) => matrix.map((row) => row[k]!));
