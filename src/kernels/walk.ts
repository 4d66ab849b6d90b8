/** In which order the elements of several views of one shape are visited together. */
import { elementCount, type View } from '../device/view.ts';
import { dtypes } from '../dtype.ts';

/** An axis with the distance between neighbours in each view, in elements. */
export interface Axis {
  readonly size: number;
  readonly strides: readonly number[];
}

/** Loops, the innermost first. The positions where they start, in elements, are added to the views' offsets. */
export interface Walk {
  readonly axes: readonly Axis[];
  readonly starts: readonly number[];
}

/**
 * The walks that together visit every element once; none where there are no elements.
 *
 * Axes that every view crosses with one step are one axis. The innermost is the one that makes most views, the first
 * before the others, contiguous. Where a view is contiguous along another axis (a transposition), the innermost axis
 * is visited in pieces as long as a cache line, so that the lines of that view are used up while they are near.
 */
export const planWalks = (views: readonly View[]): readonly Walk[] => {
  const { shape } = views[0]!;
  if (elementCount(shape) === 0) return [];
  const axes = innermostFirst(collapse(shape, views));
  const starts = views.map(() => 0);
  const across = axisAcross(axes);
  if (across === undefined) return [{ axes, starts }];
  const [inner, ...outer] = axes as [Axis, ...Axis[]];
  const others = outer.filter((axis) => axis !== across);
  const longest = Math.max(...views.map((view) => LINE / dtypes[view.dtype].bytes));
  return inPieces(inner, longest).map((piece) => ({
    axes: [piece.inner, across, ...(piece.repeat === null ? [] : [piece.repeat]), ...others],
    starts: inner.strides.map((stride) => stride * piece.start),
  }));
};

/** Bytes of a cache line on nearly every machine. */
const LINE = 64;

/** From the innermost in the first view's memory to the outermost, merged where every view can be. */
export const collapse = (shape: readonly number[], views: readonly Pick<View, 'strides'>[]): Axis[] => {
  const axes = shape
    .map((size, axis): Axis => ({ size, strides: views.map((view) => view.strides[axis]!) }))
    .filter(({ size }) => size > 1)
    .sort((a, b) => a.strides[0]! - b.strides[0]!);
  const merged: Axis[] = [];
  for (const axis of axes) {
    const last = merged.at(-1);
    if (last && axis.strides.every((stride, k) => stride === last.strides[k]! * last.size)) {
      merged[merged.length - 1] = { size: last.size * axis.size, strides: last.strides };
    } else merged.push(axis);
  }
  return merged.length > 0 ? merged : [{ size: 1, strides: views.map(() => 1) }];
};

/** Moves the axis that is cheapest as the innermost to the front. */
const innermostFirst = (axes: readonly Axis[]): readonly Axis[] => {
  if (axes.length === 1) return axes;
  const costs = axes.map(costInside);
  const best = costs.indexOf(Math.min(...costs));
  return [axes[best]!, ...axes.filter((_, k) => k !== best)];
};

/**
 * Roughly the time per element with this axis as the innermost: a step takes as many elements as a vector has, from
 * a view that is contiguous at once, otherwise one by one; and every row has its own costs.
 */
const costInside = ({ size, strides }: Axis): number => {
  const perStep = strides.reduce((sum, stride) => sum + (stride > 1 ? VECTOR : 1), 1);
  return (Math.ceil(size / VECTOR) * perStep + ROW) / size;
};
const VECTOR = 4;
const ROW = 12;

/** The axis along which some view's neighbours share a cache line that the innermost axis leaves with every step. */
const axisAcross = ([inner, ...outer]: readonly Axis[]): Axis | undefined => {
  if (inner!.size < 2 * SHORT) return undefined;
  return outer.find(
    ({ size, strides }) =>
      size >= SHORT &&
      strides.some((stride, k) => stride > 0 && stride < SHORT && inner!.strides[k]! >= SHORT * stride),
  );
};
const SHORT = 8;

interface Piece {
  readonly inner: Axis;
  /** How often the piece is repeated along the axis; null: once. */
  readonly repeat: Axis | null;
  readonly start: number;
}

/** The axis as whole pieces and a rest. */
const inPieces = ({ size, strides }: Axis, length: number): Piece[] => {
  const whole = Math.floor(size / length);
  const pieces: Piece[] = [];
  if (whole > 0) {
    const repeat = { size: whole, strides: strides.map((stride) => stride * length) };
    pieces.push({ inner: { size: length, strides }, repeat: whole > 1 ? repeat : null, start: 0 });
  }
  const rest = size - whole * length;
  if (rest > 0) pieces.push({ inner: { size: rest, strides }, repeat: null, start: whole * length });
  return pieces;
};
