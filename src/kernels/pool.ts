/** Pooling over windows of [N, C, H, W]: which kernel, and what it is told. */
import type { PoolGeometry } from '../device/backend.ts';
import type { Region } from '../device/launch.ts';
import { workspace } from '../device/memory.ts';
import { currentTarget } from '../device/target.ts';
import { grainOf } from '../device/threads/grain.ts';
import { elementCount, isContiguous, storageOf, type View } from '../device/view.ts';
import { dtypes } from '../dtype.ts';
import { elementBytes } from '../lang/index.ts';
import { launchNamed, region } from './arguments.ts';
import { contiguous, writable } from './compact.ts';
import { elementOf } from './elementwise-kernel.ts';
import { map } from './elementwise.ts';
import { fill } from './fill.ts';
import * as math from './math/index.ts';
import { largestOfRows, maxGrad, maxOfChannels, maxOfRows, UNROLLED } from './pool-max.ts';
import { meanOfChannels, meanOfRows, type Across } from './pool-mean.ts';
import {
  adaptiveWindows,
  slidingWindows,
  tableOf,
  wholeWindows,
  windowsOver,
  type Windows,
} from './pool-windows.ts';
import { reduce } from './reduce.ts';

type Four = readonly [number, number, number, number];
const sizesOf = (view: View): Four => view.shape as Four;
const lanesOf = (view: View): number => currentTarget().machine.lanes(elementOf(view.dtype));

/** Whether vectors along channels are the better choice. */
const channelsInside = (out: View, x: View): boolean =>
  !isContiguous(x) && x.strides[1] === 1 && out.strides[1] === 1 && x.shape[1]! >= lanesOf(x);

const channelArguments = (out: View, x: View) => ({
  out: region(out),
  x: region(x),
  channels: x.shape[1]!,
  oh: out.shape[2]!,
  ow: out.shape[3]!,
  x_image: x.strides[0]!,
  x_row: x.strides[2]!,
  x_column: x.strides[3]!,
  out_image: out.strides[0]!,
  out_row: out.strides[2]!,
  out_column: out.strides[3]!,
});

/** `Backend.maxPool2d` on a CPU. The last of several NaN is what a window's position names, as in PyTorch. */
export const maxPool2d = (out: View, positions: View | null, x: View, geometry: PoolGeometry): void => {
  if (elementCount(out.shape) === 0) return;
  const [images, channels, h, w] = sizesOf(x);
  const [, , oh, ow] = sizesOf(out);
  const { dtype } = x;
  const [rows, columns] = geometry.kernel;
  const taps = rows * columns;
  const [, stride] = geometry.stride;
  const [rowDilation, dilation] = geometry.dilation;
  const rowWindows = slidingWindows(oh, h, geometry, 0);
  const shared = {
    row_windows: tableOf(rowWindows),
    column_windows: tableOf(slidingWindows(ow, w, geometry, 1)),
    h,
    w,
  };
  const [found, finishFound] = positions === null ? [null, null] : writable(positions);
  if (channelsInside(out, x)) {
    const finds = found !== null;
    const args = { ...channelArguments(out, x), ...shared, positions: region(found ?? out) };
    const grain = grainOf({ flops: (finds ? 3 : 1) * ow * channels * taps });
    launchNamed(maxOfChannels({ dtype, dilation, rowDilation, finds }), args, images * oh, { grain });
  } else {
    const [target, finish] = writable(out);
    const whole = wholeWindows(ow, w, geometry, 1);
    const args = {
      ...shared,
      out: region(target),
      x: region(contiguous(x)),
      oh,
      ow,
      pad: geometry.padding[1],
      left: whole.begin,
      right: whole.end,
    };
    const variant = { dtype, columns, stride, dilation, rowDilation };
    const planes = images * channels;
    const misses = rowWindows.starts.some((start, i) => start >= rowWindows.ends[i]!);
    if (found === null && rows <= UNROLLED && !misses) {
      const grain = grainOf({ bytes: (h * rowBytes(x)) / channels });
      launchNamed(largestOfRows({ ...variant, rows }), args, planes, { grain });
    } else {
      const nowhere = (): Region => ({
        storage: workspace('pooled positions', 4 * planes * oh * ow),
        byteOffset: 0,
      });
      const grain = grainOf({ flops: 3 * oh * ow * taps });
      const where = found === null ? nowhere() : region(found);
      launchNamed(maxOfRows(variant), { ...args, positions: where }, planes, { grain });
    }
    finish();
  }
  finishFound?.();
};

/** `Backend.maxPool2dGrad` on a CPU. */
export const maxPool2dGrad = (gradInput: View, grad: View, positions: View): void => {
  const [target, finish] = writable(gradInput);
  const windows = elementCount(grad.shape.slice(2));
  const pixels = elementCount(gradInput.shape.slice(2));
  const planes = elementCount(grad.shape.slice(0, 2));
  if (planes * windows * pixels > 0) {
    const args = {
      out: region(target),
      grad: region(contiguous(grad)),
      positions: region(contiguous(positions)),
      windows,
      pixels,
    };
    // Each window waits for the one before, since both may have one place.
    const grain = grainOf({ flops: 40 * windows });
    launchNamed(maxGrad({ dtype: grad.dtype }), args, planes, { grain });
  } else fill(target, 0);
  finish();
};

/** The windows of both axes, and if they slide how. */
interface Plan {
  readonly rows: Windows;
  readonly columns: Windows;
  readonly geometry: PoolGeometry | null;
}

interface AvgOptions {
  readonly countIncludePad: boolean;
  readonly divisor: number | null;
}

const slidingPlan = (
  x: View,
  out: View,
  geometry: PoolGeometry,
  { countIncludePad, divisor }: AvgOptions,
): Plan => {
  const [rows, columns] = ([0, 1] as const).map((axis) =>
    slidingWindows(out.shape[2 + axis]!, x.shape[2 + axis]!, geometry, axis, countIncludePad),
  ) as [Windows, Windows];
  if (divisor === null) return { rows, columns, geometry };
  return {
    rows: { ...rows, weights: rows.weights.map(() => divisor) },
    columns: { ...columns, weights: columns.weights.map(() => 1) },
    geometry,
  };
};

const adaptivePlan = (x: View, out: View): Plan => {
  const [, , h, w] = sizesOf(x);
  const [, , oh, ow] = sizesOf(out);
  const kernel = [h / oh, w / ow] as const;
  const slides = kernel.every(Number.isInteger);
  return {
    rows: adaptiveWindows(oh, h),
    columns: adaptiveWindows(ow, w),
    geometry: slides ? { kernel, stride: kernel, padding: [0, 0], dilation: [1, 1] } : null,
  };
};

/** `Backend.avgPool2d` on a CPU. */
export const avgPool2d = (out: View, x: View, geometry: PoolGeometry, options: AvgOptions): void => {
  if (elementCount(out.shape) > 0) means(out, x, slidingPlan(x, out, geometry, options));
};
/** `Backend.avgPool2dGrad` on a CPU. */
export const avgPool2dGrad = (gradInput: View, grad: View, g: PoolGeometry, options: AvgOptions): void => {
  if (elementCount(gradInput.shape) > 0) meansGrad(gradInput, grad, slidingPlan(gradInput, grad, g, options));
};
/** `Backend.adaptiveAvgPool2d` on a CPU. */
export const adaptiveAvgPool2d = (out: View, x: View): void => {
  if (elementCount(out.shape) > 0) means(out, x, adaptivePlan(x, out));
};
/** `Backend.adaptiveAvgPool2dGrad` on a CPU. */
export const adaptiveAvgPool2dGrad = (gradInput: View, grad: View): void => {
  if (elementCount(gradInput.shape) > 0) meansGrad(gradInput, grad, adaptivePlan(gradInput, grad));
};

/** The divisor, if there is one window, which is the whole plane. */
const wholePlane = ({ rows, columns }: Plan, h: number, w: number): number | null => {
  const whole = ({ starts, ends }: Windows, size: number): boolean =>
    starts.length === 1 && starts[0] === 0 && ends[0] === size;
  return whole(rows, h) && whole(columns, w) ? rows.weights[0]! * columns.weights[0]! : null;
};

/** Bytes of a row of all channels, which each row of means is made of, about. */
const rowBytes = ({ dtype, shape }: View): number => shape[1]! * shape[3]! * dtypes[dtype].bytes;

/** Windows of so many columns are added up by vectors, and no longer column by column beside each other. */
const WIDE = 8;

const means = (out: View, x: View, plan: Plan): void => {
  const [images, , h, w] = sizesOf(x);
  const { dtype } = x;
  const divisor = wholePlane(plan, h, w);
  // A sum of 16-bit floats may be too large for one.
  if (divisor !== null && storageOf[dtype] === elementOf(dtype)) {
    const { storage, shape, strides, offset } = out;
    const sum: View = { storage, dtype, shape: shape.slice(0, 2), strides: strides.slice(0, 2), offset };
    reduce('sum', sum, x, [2, 3]);
    map(math.div, dtype, sum, [sum], [divisor]);
    return;
  }
  const { geometry, rows, columns } = plan;
  if (channelsInside(out, x)) {
    const tables = { row_windows: tableOf(rows), column_windows: tableOf(columns) };
    const args = { ...channelArguments(out, x), ...tables };
    const grain = grainOf({ bytes: rowBytes(x) });
    launchNamed(meanOfChannels({ dtype, gradient: false }), args, images * out.shape[2]!, { grain });
    return;
  }
  const whole = geometry && wholeWindows(columns.starts.length, w, geometry, 1);
  const widest = Math.max(...columns.ends.map((end, i) => end - columns.starts[i]!));
  const slides = whole !== null && geometry!.kernel[1] <= WIDE && whole.end - whole.begin >= lanesOf(x);
  byRows(out, x, rows, columns, {
    across: slides ? 'sliding' : widest >= WIDE ? 'wide' : 'any',
    gradient: false,
    kernel: geometry?.kernel[1] ?? 0,
    stride: geometry?.stride[1] ?? 1,
    pad: geometry?.padding[1] ?? 0,
    ...(whole ?? { begin: 0, end: 0 }),
  });
};

const meansGrad = (gradInput: View, grad: View, plan: Plan): void => {
  const [images, , h, w] = sizesOf(gradInput);
  const [, , , ow] = sizesOf(grad);
  const { dtype } = grad;
  const { geometry } = plan;
  if (elementCount(grad.shape) === 0) {
    fill(gradInput, 0);
    return;
  }
  const divisor = wholePlane(plan, h, w);
  if (divisor !== null) {
    const { storage, strides, offset } = grad;
    const spread: View = {
      storage,
      dtype,
      shape: gradInput.shape,
      strides: [strides[0]!, strides[1]!, 0, 0],
      offset,
    };
    map(math.div, dtype, gradInput, [spread], [divisor]);
    return;
  }
  const rows = windowsOver(plan.rows, h);
  const columns = windowsOver(plan.columns, w);
  if (channelsInside(gradInput, grad)) {
    const tables = { row_windows: tableOf(rows), column_windows: tableOf(columns) };
    const args = { ...channelArguments(gradInput, grad), ...tables };
    const grain = grainOf({ bytes: rowBytes(gradInput) });
    launchNamed(meanOfChannels({ dtype, gradient: true }), args, images * h, { grain });
    return;
  }
  const shared = { gradient: true, kernel: geometry?.kernel[1] ?? 0, stride: geometry?.stride[1] ?? 1 };
  const any = { across: 'any', pad: 0, begin: 0, end: 0 } as const;
  if (geometry === null || shared.kernel > WIDE)
    byRows(gradInput, grad, rows, columns, { ...shared, ...any });
  else if (shared.stride === 1) {
    // Each place gathers from the windows around it, which slide, too.
    const pad = shared.kernel - 1 - geometry.padding[1];
    const whole = wholeWindows(w, ow, { ...geometry, padding: [0, pad] }, 1);
    byRows(gradInput, grad, rows, columns, { ...shared, across: 'sliding', pad, ...whole });
  } else {
    const whole = wholeWindows(ow, w, geometry, 1);
    const pad = geometry.padding[1];
    byRows(gradInput, grad, rows, plan.columns, { ...shared, across: 'spreading', pad, ...whole });
  }
};

/** How columns are dealt with: see `meanOfRows`. */
interface Columns {
  readonly across: Across;
  readonly gradient: boolean;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
  readonly begin: number;
  readonly end: number;
}

const byRows = (
  out: View,
  x: View,
  rows: Windows,
  columns: Windows,
  { across, gradient, kernel, stride, pad, begin, end }: Columns,
): void => {
  const [images, channels, h, w] = sizesOf(x);
  const planes = images * channels;
  const [target, finish] = writable(out);
  const args = {
    out: region(target),
    x: region(contiguous(x)),
    lines: {
      storage: workspace('pooled lines', planes * w * elementBytes[elementOf(x.dtype)]),
      byteOffset: 0,
    },
    row_windows: tableOf(rows),
    column_windows: tableOf(columns),
    h,
    w,
    oh: out.shape[2]!,
    ow: out.shape[3]!,
    pad,
    left: begin,
    right: end,
  };
  const slides = across === 'sliding' || across === 'spreading';
  const variant = {
    dtype: x.dtype,
    across,
    gradient,
    columns: slides ? kernel : 0,
    stride: slides ? stride : 1,
  };
  const grain = grainOf({ bytes: (h * rowBytes(x)) / channels });
  launchNamed(meanOfRows(variant), args, planes, { grain });
  finish();
};
