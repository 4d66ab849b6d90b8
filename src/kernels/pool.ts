/** Pooling of the planes of [N, C, H, W]: each plane is a turn of the parallel axis. */
import type { PoolGeometry } from '../device/backend.ts';
import { launch } from '../device/launch.ts';
import { bytesOf } from '../device/memory.ts';
import { elementCount, storageOf, type View } from '../device/view.ts';
import type { DType } from '../dtype.ts';
import {
  accumulator,
  constant,
  eachLane,
  index,
  inout,
  input,
  iota,
  kernel,
  loadedElement,
  loop,
  output,
  scalar,
  variable,
  when,
  type KernelDefinition,
  type LaneIndex,
  type Pointer,
  type Value,
} from '../lang/index.ts';
import { contiguous, freshView, region, writable } from './compact.ts';
import { fill } from './fill.ts';

const made = new Map<string, KernelDefinition>();
const kernelOf = (name: string, make: (name: string) => unknown): KernelDefinition => {
  let found = made.get(name);
  if (found === undefined) made.set(name, (found = make(name) as KernelDefinition));
  return found;
};

/**
 * The largest of each window and where in the plane it was. The first of equals wins; a NaN always does, the last one
 * before the others, as in PyTorch.
 */
export const maxPool2d = (out: View, positions: View, x: View, geometry: PoolGeometry): void => {
  if (elementCount(out.shape) === 0) return;
  const [, , h, w] = x.shape as [number, number, number, number];
  const [, , oh, ow] = out.shape as [number, number, number, number];
  const {
    kernel: [kh, kw],
    stride: [sh, sw],
    dilation: [dh, dw],
    padding: [ph, pw],
  } = geometry;
  const [target, finish] = writable(out);
  const [found, finishFound] = writable(positions);
  // Windows of the columns from `left` to `right` lie within the rows; the others stand over an edge.
  const left = Math.min(Math.ceil(pw / sw), ow);
  const right = Math.max(left, Math.min(Math.floor((w - 1 - (kw - 1) * dw + pw) / sw) + 1, ow));
  const name = `max_pool2d(${x.dtype}${sw === 1 ? '' : ' strided'})`;
  launch(
    kernelOf(name, (n) => maxKernel(n, x.dtype, sw === 1)),
    {
      out: region(target),
      found: region(found),
      x: region(contiguous(x)),
      h,
      w,
      oh,
      ow,
      kh,
      kw,
      sh,
      sw,
      dh,
      dw,
      ph,
      pw,
      left,
      right,
    },
    0,
    elementCount(x.shape.slice(0, 2)),
  );
  finish();
  finishFound();
};

const sizes = {
  h: index,
  w: index,
  oh: index,
  ow: index,
  kh: index,
  kw: index,
  sh: index,
  sw: index,
  dh: index,
  dw: index,
  ph: index,
  pw: index,
  left: index,
  right: index,
} as const;

const maxKernel = (name: string, dtype: DType, dense: boolean): unknown => {
  const storage = storageOf[dtype];
  const element = loadedElement[storage];
  return kernel(
    name,
    { out: output(storage), found: output('i32'), x: input(storage), ...sizes },
    ({ out, found, x, h, w, oh, ow, kh, kw, sh, sw, dh, dw, ph, pw, left, right }, range) => {
      loop(range, (plane) => {
        const source = x.plus(plane.mul(h).mul(w));
        loop(oh, (i) => {
          const row = plane.mul(oh).add(i).mul(ow);
          const top = i.mul(sh);

          /** Calls for each row of the kernel that lies within the plane. */
          const eachRow = (body: (r: Value) => void): void => {
            loop(kh, (u) => {
              const padded = top.add(u.mul(dh));
              when(padded.ge(ph), () => {
                const r = padded.sub(ph);
                when(r.lt(h), () => {
                  body(r);
                });
              });
            });
          };

          // A vector of windows, none of which stands over the left or right edge.
          eachLane({ begin: left, end: right }, (j) => {
            const first = j.base.mul(sw).sub(pw);
            const best = variable(constant(-Infinity, { element, lanes: j.lanes }));
            const where = variable(constant(-1, { element: 'i32', lanes: j.lanes }));
            const across = iota('i32', j.lanes).mul(sw.to('i32').splat(j.lanes));
            eachRow((r) => {
              loop(kw, (v) => {
                const at = r.mul(w).add(first).add(v.mul(dw));
                const value = dense
                  ? source.at({ ...j, base: at })
                  : source.strided(at, sw, { count: j.count, lanes: j.lanes });
                take(best, where, value, across.add(at.to('i32').splat(j.lanes)));
              });
            });
            out.plus(row).set(j, best);
            found.plus(row).set(j, where);
          });

          const alone = (j: Value): void => {
            const best = variable(constant(-Infinity, element));
            const where = variable(constant(-1, 'i32'));
            eachRow((r) => {
              loop(kw, (v) => {
                const padded = j.mul(sw).add(v.mul(dw));
                when(padded.ge(pw), () => {
                  const c = padded.sub(pw);
                  when(c.lt(w), () => {
                    const at = r.mul(w).add(c);
                    take(best, where, source.scalar(at), at.to('i32'));
                  });
                });
              });
            });
            out.plus(row).set(j, best);
            found.plus(row).set(j, where);
          };
          loop(left, alone);
          loop({ begin: right, end: ow }, alone);
        });
      });
    },
  );
};

/** Takes a value, with its place, if it is larger, is a NaN, or is the first. */
const take = (
  best: ReturnType<typeof variable>,
  where: ReturnType<typeof variable>,
  value: Value,
  place: Value,
): void => {
  const first = where.lt(0);
  const wider = value.type.element === 'f64' || value.type.element === 'i64' ? 'm64' : 'm32';
  const better = value
    .gt(best)
    .or(value.ne(value))
    .or(first.type.element === wider ? first : first.to(wider));
  best.set(better.select(value, best));
  where.set(better.select(place, where));
};

/** gradInput[…, positions] += grad, plane by plane, after gradInput was cleared. */
export const maxPool2dGrad = (gradInput: View, grad: View, positions: View): void => {
  const [target, finish] = writable(gradInput);
  fill(target, 0);
  const planes = elementCount(grad.shape.slice(0, 2));
  const windows = elementCount(grad.shape.slice(2));
  const pixels = elementCount(gradInput.shape.slice(2));
  if (planes * windows * pixels > 0) {
    launch(
      kernelOf(`max_pool2d_grad(${grad.dtype})`, (n) => maxGradKernel(n, grad.dtype)),
      {
        out: region(target),
        grad: region(contiguous(grad)),
        found: region(contiguous(positions)),
        windows,
        pixels,
      },
      0,
      planes,
    );
  }
  finish();
};

const maxGradKernel = (name: string, dtype: DType): unknown => {
  const storage = storageOf[dtype];
  return kernel(
    name,
    { out: inout(storage), grad: input(storage), found: input('i32'), windows: index, pixels: index },
    ({ out, grad, found, windows, pixels }, range) => {
      const last = pixels.sub(1);
      loop(range, (plane) => {
        const whole = plane.mul(pixels);
        loop(windows, (k) => {
          const i = plane.mul(windows).add(k);
          // Whatever the positions say, the kernel stays within the plane.
          const at = whole.add(found.scalar(i).to('index').max(0).min(last));
          out.set(at, out.scalar(at).add(grad.scalar(i)));
        });
      });
    },
  );
};

/** Windows along one axis: where each begins and ends, and by how much it counts in the divisor. */
type Windows = readonly { readonly start: number; readonly end: number; readonly weight: number }[];

interface AvgOptions {
  readonly countIncludePad: boolean;
  readonly divisor: number | null;
}

/** Clipped to the input; the weight is the size in the padded input, or what is left of it. */
const slidingWindows = (
  count: number,
  size: number,
  g: PoolGeometry,
  axis: 0 | 1,
  includePad: boolean,
): Windows =>
  Array.from({ length: count }, (_, i) => {
    const begin = i * g.stride[axis] - g.padding[axis];
    const stop = Math.min(begin + g.kernel[axis], size + g.padding[axis]);
    const start = Math.max(begin, 0);
    const end = Math.max(Math.min(stop, size), start);
    return { start, end, weight: includePad ? stop - begin : end - start };
  });

/** From ⌊i · size / count⌋ to ⌈(i + 1) · size / count⌉. */
const adaptiveWindows = (count: number, size: number): Windows =>
  Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * size) / count);
    const end = Math.ceil(((i + 1) * size) / count);
    return { start, end, weight: end - start };
  });

export const avgPool2d = (
  out: View,
  x: View,
  g: PoolGeometry,
  { countIncludePad, divisor }: AvgOptions,
): void => {
  const rows = slidingWindows(out.shape[2]!, x.shape[2]!, g, 0, countIncludePad);
  const columns = slidingWindows(out.shape[3]!, x.shape[3]!, g, 1, countIncludePad);
  windowMeans(out, x, rows, columns, divisor);
};
export const avgPool2dGrad = (
  gradInput: View,
  grad: View,
  g: PoolGeometry,
  { countIncludePad, divisor }: AvgOptions,
): void => {
  const rows = slidingWindows(grad.shape[2]!, gradInput.shape[2]!, g, 0, countIncludePad);
  const columns = slidingWindows(grad.shape[3]!, gradInput.shape[3]!, g, 1, countIncludePad);
  windowMeansGrad(gradInput, grad, rows, columns, divisor);
};
export const adaptiveAvgPool2d = (out: View, x: View): void => {
  windowMeans(
    out,
    x,
    adaptiveWindows(out.shape[2]!, x.shape[2]!),
    adaptiveWindows(out.shape[3]!, x.shape[3]!),
    null,
  );
};
export const adaptiveAvgPool2dGrad = (gradInput: View, grad: View): void => {
  const [h, w] = gradInput.shape.slice(2) as [number, number];
  windowMeansGrad(
    gradInput,
    grad,
    adaptiveWindows(grad.shape[2]!, h),
    adaptiveWindows(grad.shape[3]!, w),
    null,
  );
};

/** Windows as a table of starts, ends and weights, one after the other. */
const tableOf = (windows: Windows): View => {
  const view = freshView([3 * Math.max(windows.length, 1)], 'int32');
  const bytes = bytesOf(view.storage);
  const table = new Int32Array(bytes.buffer, bytes.byteOffset, view.shape[0]);
  windows.forEach(({ start, end, weight }, k) => table.set([start, end, weight], 3 * k));
  return view;
};

/** From this width on a window's columns are added up by vectors, else one by one. */
const WIDE = 8;

const windowMeans = (out: View, x: View, rows: Windows, columns: Windows, divisor: number | null): void => {
  if (elementCount(out.shape) === 0) return;
  const [target, finish] = writable(out);
  const wide = columns.some(({ start, end }) => end - start >= WIDE);
  const name = `avg_pool2d(${x.dtype}${wide ? ' wide' : ''}${divisor === null ? '' : ' divisor'})`;
  launch(
    kernelOf(name, (n) => meanKernel(n, x.dtype, wide, divisor !== null)),
    { out: region(target), x: region(contiguous(x)), ...windowArguments(x, rows, columns, divisor) },
    0,
    elementCount(x.shape.slice(0, 2)),
  );
  finish();
};

const windowMeansGrad = (
  gradInput: View,
  grad: View,
  rows: Windows,
  columns: Windows,
  divisor: number | null,
): void => {
  const [target, finish] = writable(gradInput);
  fill(target, 0);
  if (elementCount(grad.shape) > 0) {
    const name = `avg_pool2d_grad(${grad.dtype}${divisor === null ? '' : ' divisor'})`;
    launch(
      kernelOf(name, (n) => meanGradKernel(n, grad.dtype, divisor !== null)),
      {
        out: region(target),
        x: region(contiguous(grad)),
        ...windowArguments(gradInput, rows, columns, divisor),
      },
      0,
      elementCount(grad.shape.slice(0, 2)),
    );
  }
  finish();
};

const windowArguments = (plane: View, rows: Windows, columns: Windows, divisor: number | null) => ({
  rows: region(tableOf(rows)),
  columns: region(tableOf(columns)),
  h: plane.shape[2]!,
  w: plane.shape[3]!,
  oh: rows.length,
  ow: columns.length,
  divisor: divisor ?? 1,
});

const windowParameters = (element: 'f32' | 'f64' | 'i32' | 'i64') => ({
  rows: input('i32'),
  columns: input('i32'),
  h: index,
  w: index,
  oh: index,
  ow: index,
  divisor: scalar(element),
});

interface Window {
  readonly start: Value;
  readonly end: Value;
  readonly weight: Value;
}

/** A window from its table, kept within an axis whatever the table says. */
const windowAt = (table: Pointer, k: Value, size: Value): Window => {
  const entry = table.plus(k.mul(3));
  const start = entry.scalar(0).to('index').max(0).min(size);
  return { start, end: entry.scalar(1).to('index').max(start).min(size), weight: entry.scalar(2) };
};

const meanKernel = (name: string, dtype: DType, wide: boolean, fixed: boolean): unknown => {
  const storage = storageOf[dtype];
  const element = loadedElement[storage];
  return kernel(
    name,
    { out: output(storage), x: input(storage), ...windowParameters(element) },
    ({ out, x, rows, columns, h, w, oh, ow, divisor }, range) => {
      loop(range, (plane) => {
        const source = x.plus(plane.mul(h).mul(w));
        loop(oh, (i) => {
          const row = windowAt(rows, i, h);
          const line = out.plus(plane.mul(oh).add(i).mul(ow));
          loop(ow, (j) => {
            const column = windowAt(columns, j, w);
            const total = accumulator(element, wide ? {} : { lanes: 1 });
            loop({ begin: row.start, end: row.end }, (r) => {
              const at = source.plus(r.mul(w));
              if (wide)
                eachLane({ begin: column.start, end: column.end }, (c: LaneIndex) => {
                  total.update('add', at.at(c));
                });
              else
                loop({ begin: column.start, end: column.end }, (c) => {
                  total.update('add', at.scalar(c));
                });
            });
            const by = fixed ? divisor : row.weight.mul(column.weight).to(element);
            line.set(j, total.reduceAdd().div(by));
          });
        });
      });
    },
    // Lanes of the elements: the tables are read one by one.
    { lanes: (machine) => machine.lanes(element) },
  );
};

const meanGradKernel = (name: string, dtype: DType, fixed: boolean): unknown => {
  const storage = storageOf[dtype];
  const element = loadedElement[storage];
  return kernel(
    name,
    { out: inout(storage), x: input(storage), ...windowParameters(element) },
    ({ out, x, rows, columns, h, w, oh, ow, divisor }, range) => {
      loop(range, (plane) => {
        const target = out.plus(plane.mul(h).mul(w));
        loop(oh, (i) => {
          const row = windowAt(rows, i, h);
          const line = x.plus(plane.mul(oh).add(i).mul(ow));
          loop(ow, (j) => {
            const column = windowAt(columns, j, w);
            const by = fixed ? divisor : row.weight.mul(column.weight).to(element);
            const share = line.scalar(j).div(by);
            loop({ begin: row.start, end: row.end }, (r) => {
              const at = target.plus(r.mul(w));
              eachLane({ begin: column.start, end: column.end }, (c) => {
                at.set(c, at.at(c).add(share));
              });
            });
          });
        });
      });
    },
    { lanes: (machine) => machine.lanes(element) },
  );
};
