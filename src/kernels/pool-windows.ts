/** Windows along one axis, as tables that kernels read: clipping is settled before they run. */
import type { PoolGeometry } from '../device/backend.ts';
import type { Region } from '../device/launch.ts';
import { index, input, type Pointer, type StorageType, type Value } from '../lang/index.ts';
import { keptTable } from './tables.ts';

export interface Windows {
  /** The first place of each window that exists. */
  readonly starts: readonly number[];
  /** One after the last. */
  readonly ends: readonly number[];
  /** What counts in the divisor: a window's size, in its own way of counting. */
  readonly weights: readonly number[];
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Windows of `kernel` places, `dilation` apart, every `stride` places of an axis of `size`, clipped to it. */
export const slidingWindows = (
  count: number,
  size: number,
  { kernel, stride, padding, dilation }: PoolGeometry,
  axis: 0 | 1,
  includePadding = false,
): Windows => {
  const step = dilation[axis];
  const begins = range(count).map((i) => i * stride[axis] - padding[axis]);
  const starts = begins.map((begin) => {
    const start = begin < 0 ? begin + Math.ceil(-begin / step) * step : begin;
    return Math.min(start, size);
  });
  // With dilation a window may miss all places.
  const ends = begins.map((begin, i) =>
    Math.max(Math.min(begin + (kernel[axis] - 1) * step + 1, size), starts[i]!),
  );
  const weights = begins.map((begin, i) =>
    includePadding ? Math.min(begin + kernel[axis], size + padding[axis]) - begin : ends[i]! - starts[i]!,
  );
  return { starts, ends, weights };
};

/** From ⌊i · size / count⌋ to ⌈(i + 1) · size / count⌉. */
export const adaptiveWindows = (count: number, size: number): Windows => {
  const starts = range(count).map((i) => Math.floor((i * size) / count));
  const ends = range(count).map((i) => Math.ceil(((i + 1) * size) / count));
  return { starts, ends, weights: ends.map((end, i) => end - starts[i]!) };
};

/** Which windows each place of an axis of `size` lies in; they follow one another. The weights stay the windows'. */
export const windowsOver = ({ starts, ends, weights }: Windows, size: number): Windows => {
  let first = 0;
  let last = 0;
  const over = range(size).map((place) => {
    while (first < ends.length && ends[first]! <= place) first++;
    while (last < starts.length && starts[last]! <= place) last++;
    return { start: first, end: Math.max(first, last) };
  });
  return { starts: over.map(({ start }) => start), ends: over.map(({ end }) => end), weights };
};

/** The windows, of those numbered from 0 on, that lie within an axis of `size` whole: begin … end − 1. */
export const wholeWindows = (
  count: number,
  size: number,
  { kernel, stride, padding, dilation }: PoolGeometry,
  axis: 0 | 1,
): { readonly begin: number; readonly end: number } => {
  const begin = Math.min(Math.ceil(padding[axis] / stride[axis]), count);
  const room = size - 1 - (kernel[axis] - 1) * dilation[axis] + padding[axis];
  return { begin, end: Math.max(begin, Math.min(Math.floor(room / stride[axis]) + 1, count)) };
};

/** The table in memory: all starts, then all ends, then all weights. */
export const tableOf = ({ starts, ends, weights }: Windows): Region => {
  const numbers = [...starts, ...ends, ...weights];
  return { storage: keptTable(`windows ${numbers.join()}`, () => Int32Array.from(numbers)), byteOffset: 0 };
};

/** Of a kernel whose positions are planes: the input and its windows. Those from column `left` to `right` lie within it whole. */
export const planeSpec = (storage: StorageType) => ({
  x: input(storage),
  row_windows: input('i32'),
  column_windows: input('i32'),
  h: index,
  w: index,
  oh: index,
  ow: index,
  pad: index,
  left: index,
  right: index,
});

/** Such a table as a kernel reads it. */
export class WindowTable {
  constructor(
    private readonly table: Pointer,
    private readonly count: Value,
  ) {}

  start(i: Value): Value {
    return this.table.scalar(i).to('index');
  }
  end(i: Value): Value {
    return this.table.scalar(this.count.add(i)).to('index');
  }
  /** The places of window i. */
  places(i: Value): { begin: Value; end: Value } {
    return { begin: this.start(i), end: this.end(i) };
  }
  /** All weights, by number of the window. */
  get weights(): Pointer {
    return this.table.plus(this.count.mul(2));
  }
}
