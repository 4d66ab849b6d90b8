/**
 * Kernels of max pooling. Along rows, a vector is as many neighbouring windows; where channels are innermost in memory,
 * it is the same window of as many channels. Where the largest were is needed for gradients, and costs more than all else.
 */
import { storageOf } from '../device/view.ts';
import type { DType } from '../dtype.ts';
import {
  constant,
  eachLane,
  elementBytes,
  index,
  inout,
  input,
  iota,
  kernel,
  loadedElement,
  loop,
  output,
  unroll,
  variable,
  when,
  type KernelDefinition,
  type LaneIndex,
  type Operand,
  type Pointer,
  type Value,
  type Variable,
} from '../lang/index.ts';
import { specialised } from './once.ts';
import { planeSpec, WindowTable } from './pool-windows.ts';
import { Row } from './row.ts';

/** The largest so far and where it was: a NaN always wins, the last one before the others, as in PyTorch. */
class Largest {
  readonly value: Variable;
  private readonly place: Variable;

  constructor(
    dtype: DType,
    private readonly lanes: number,
    first: Value,
  ) {
    const element = loadedElement[storageOf[dtype]];
    const integer = elementBytes[element] === 8 ? 'i64' : 'i32';
    this.value = variable(constant(-Infinity, { element, lanes }));
    this.place = variable(first.to(integer).splat(lanes));
  }

  take(x: Value, place: Value): void {
    const better = x.gt(this.value).or(x.ne(x));
    const integer = this.place.type.element as 'i32' | 'i64';
    this.place.set(better.select(place.to(integer).splat(this.lanes), this.place));
    this.value.set(better.select(x, this.value));
  }

  /** Where it was, as an i32. */
  get where(): Value {
    return this.place.to('i32');
  }
}

/** The largest alone. */
class LargestValue {
  readonly value: Variable;

  constructor(dtype: DType, lanes: number) {
    this.value = variable(constant(-Infinity, { element: loadedElement[storageOf[dtype]], lanes }));
  }

  take(x: Value): void {
    this.value.update('max', x);
  }
}

/**
 * As `eachLane`, for what may be done twice: instead of a partial step, the last one begins earlier. Only ranges that are
 * shorter than a vector are partial.
 */
const eachVector = (
  { begin, end }: { readonly begin: Value; readonly end: Value },
  lanes: number,
  body: (i: LaneIndex) => void,
): void => {
  const size = end.sub(begin);
  when(
    size.ge(lanes),
    () => {
      const last = end.sub(lanes);
      loop({ begin, end }, (i) => body({ base: i.min(last), lanes }), { step: lanes });
    },
    () => when(size.gt(0), () => body({ base: begin, lanes, count: size })),
  );
};

interface Variant {
  readonly dtype: DType;
  /** Columns of the kernel, from window to window, and from place to place within one. */
  readonly columns: number;
  readonly stride: number;
  readonly dilation: number;
  /** From row to row within a window. */
  readonly rowDilation: number;
}

const nameOf = (kind: string, { dtype, columns, stride, dilation, rowDilation }: Variant): string =>
  `max_pool2d.${kind}(${dtype}) ${columns} columns, stride ${stride}, dilation ${rowDilation} ${dilation}`;

/** Up to so many columns or rows of a window are written out one after the other, more are a loop. */
export const UNROLLED = 8;

/** How elements of a row of windows are read: at a distance, and as many as a vector has, `stride` apart. */
interface Reader {
  readonly vector: (distance: number, count: Value | undefined) => Value;
  readonly across: (distance: Operand) => Value;
}

const readerOf = (x: Pointer, { stride }: Variant, { lanes, count }: LaneIndex): Reader => {
  const row = new Row(stride === 1 ? undefined : constant(stride, { element: 'index', lanes: 1 }));
  return {
    vector: (distance, some) => x.vector(distance, { lanes, count: some }),
    across: (distance) => row.vector(x.plus(distance), { lanes, count }),
  };
};

/** body(the elements of windows j at one column, the column's distance from the window's first), for each column of them. */
const eachColumn = (
  { columns, stride, dilation }: Variant,
  { vector, across }: Reader,
  { lanes, count }: LaneIndex,
  body: (elements: Value, distance: Operand) => void,
): void => {
  if (stride === 2 && dilation === 1 && columns > 1 && columns <= UNROLLED) {
    // Two neighbouring columns are what two vectors hold between them; a last one alone is the second of its pair.
    const counts = count === undefined ? [] : [count.mul(2).min(lanes), count.mul(2).sub(lanes).max(0)];
    const pair = (distance: number): [Value, Value] => {
      const [low, high] = [0, 1].map((half) => vector(distance + half * lanes, counts[half])) as [
        Value,
        Value,
      ];
      return [low.evens(high), low.odds(high)];
    };
    for (let k = 0; k + 1 < columns; k += 2) pair(k).forEach((elements, odd) => body(elements, k + odd));
    if (columns % 2 === 1) body(pair(columns - 2)[1], columns - 1);
    return;
  }
  const take = (distance: Operand): void => body(across(distance), distance);
  if (columns <= UNROLLED) unroll(columns, (k) => take(k * dilation));
  else loop(columns, (k) => take(k.mul(dilation)));
};

/** Each position is a plane. Windows `left` to `right` of a row lie within it whole. */
export const maxOfRows = specialised((variant: Variant): KernelDefinition => {
  const { dtype, stride, dilation, rowDilation } = variant;
  const storage = storageOf[dtype];
  return kernel(
    nameOf('rows', variant),
    {
      out: output(storage),
      positions: output('i32'),
      ...planeSpec(storage),
    },
    ({ out, positions, x, row_windows, column_windows, h, w, oh, ow, pad, left, right }, range, machine) => {
      const rows = new WindowTable(row_windows, oh);
      const columnsOf = new WindowTable(column_windows, ow);
      loop(range, (plane) => {
        const source = x.plus(plane.mul(h).mul(w));
        loop(oh, (i) => {
          const window = rows.places(i);
          // Windows that miss all places are said to be at the last.
          const first = window.begin.min(h.sub(1)).mul(w);
          const line = plane.mul(oh).add(i).mul(ow);
          const eachRow = (body: (row: Value) => void): void =>
            loop(window, (r) => body(r.mul(w)), { step: rowDilation });

          eachVector({ begin: left, end: right }, machine.lanes(loadedElement[storage]), (j) => {
            const column = j.base.mul(stride).sub(pad);
            const best = new Largest(dtype, j.lanes, first);
            eachRow((row) => {
              const reader = readerOf(source.plus(row.add(column)), variant, j);
              eachColumn(variant, reader, j, (elements, distance) => best.take(elements, row.add(distance)));
            });
            out.plus(line).set(j, best.value);
            const windows = iota('i32', j.lanes).mul(stride).add(column.to('i32'));
            positions.plus(line).set(j, best.where.add(windows));
          });

          const atEdge = (j: Value): void => {
            const places = columnsOf.places(j);
            const best = new Largest(dtype, 1, first.add(places.begin.min(w.sub(1))));
            eachRow((row) =>
              loop(places, (c) => best.take(source.scalar(row.add(c)), row.add(c)), { step: dilation }),
            );
            out.set(line.add(j), best.value);
            positions.set(line.add(j), best.where);
          };
          loop(left, atEdge);
          loop({ begin: right, end: ow }, atEdge);
        });
      });
    },
    { lanes: (machine) => machine.lanes(loadedElement[storage]) },
  );
});

/**
 * The same without positions, of windows of so many `rows`, none of which misses the plane: rows beyond it are the window's
 * first once more. Rows are compared before columns are taken apart.
 */
export const largestOfRows = specialised((variant: Variant & { readonly rows: number }): KernelDefinition => {
  const { dtype, rows, stride, dilation, rowDilation } = variant;
  const storage = storageOf[dtype];
  return kernel(
    `${nameOf('largest', variant)}, ${String(rows)} rows`,
    {
      out: output(storage),
      ...planeSpec(storage),
    },
    ({ out, x, row_windows, column_windows, h, w, oh, ow, pad, left, right }, range, machine) => {
      const windows = new WindowTable(row_windows, oh);
      const columnsOf = new WindowTable(column_windows, ow);
      loop(range, (plane) => {
        const source = x.plus(plane.mul(h).mul(w));
        loop(oh, (i) => {
          const { begin, end } = windows.places(i);
          const lines = unroll(rows, (k) => {
            const row = begin.add(k * rowDilation);
            return source.plus((k === 0 ? row : row.lt(end).select(row, begin)).mul(w));
          });
          const target = out.plus(plane.mul(oh).add(i).mul(ow));

          eachVector({ begin: left, end: right }, machine.lanes(loadedElement[storage]), (j) => {
            const column = j.base.mul(stride).sub(pad);
            const readers = lines.map((line) => readerOf(line.plus(column), variant, j));
            const largest = (read: (reader: Reader) => Value): Value =>
              readers.map(read).reduce((best, value) => best.max(value));
            const best = new LargestValue(dtype, j.lanes);
            const reader: Reader = {
              vector: (distance, count) => largest((row) => row.vector(distance, count)),
              across: (distance) => largest((row) => row.across(distance)),
            };
            eachColumn(variant, reader, j, (elements) => best.take(elements));
            target.set(j, best.value);
          });

          const atEdge = (j: Value): void => {
            const best = new LargestValue(dtype, 1);
            loop(columnsOf.places(j), (c) => lines.forEach((line) => best.take(line.scalar(c))), {
              step: dilation,
            });
            target.set(j, best.value);
          };
          loop(left, atEdge);
          loop({ begin: right, end: ow }, atEdge);
        });
      });
    },
    { lanes: (machine) => machine.lanes(loadedElement[storage]) },
  );
});

interface ChannelsVariant extends Pick<Variant, 'dtype' | 'dilation' | 'rowDilation'> {
  /** Whether positions are wanted, too. */
  readonly finds: boolean;
}

/** Each position is a row of windows of one image, whose channels follow one another in `x` and `out`. */
export const maxOfChannels = specialised((variant: ChannelsVariant): KernelDefinition => {
  const { dtype, dilation, rowDilation, finds } = variant;
  const storage = storageOf[dtype];
  return kernel(
    `max_pool2d.channels(${dtype}) dilation ${rowDilation} ${dilation}${finds ? '' : ', largest'}`,
    {
      out: output(storage),
      /** Anything where they are not wanted. */
      positions: output('i32'),
      x: input(storage),
      row_windows: input('i32'),
      column_windows: input('i32'),
      channels: index,
      h: index,
      w: index,
      oh: index,
      ow: index,
      x_image: index,
      x_row: index,
      x_column: index,
      out_image: index,
      out_row: index,
      out_column: index,
    },
    (args, range) => {
      const { out, x, channels, h, w, oh, ow } = args;
      const rows = new WindowTable(args.row_windows, oh);
      const columns = new WindowTable(args.column_windows, ow);
      const plane = oh.mul(ow);
      loop(range, (position) => {
        const image = position.div(oh);
        const i = position.sub(image.mul(oh));
        const source = x.plus(image.mul(args.x_image));
        const target = out.plus(image.mul(args.out_image).add(i.mul(args.out_row)));
        const places = args.positions.plus(image.mul(channels).mul(plane).add(i.mul(ow)));
        const window = rows.places(i);
        loop(ow, (j) => {
          const span = columns.places(j);
          const first = window.begin
            .min(h.sub(1))
            .mul(w)
            .add(span.begin.min(w.sub(1)));
          eachLane(channels, (c) => {
            const best = finds ? new Largest(dtype, c.lanes, first) : new LargestValue(dtype, c.lanes);
            loop(
              window,
              (r) => {
                const line = source.plus(r.mul(args.x_row));
                loop(span, (s) => best.take(line.plus(s.mul(args.x_column)).at(c), r.mul(w).add(s)), {
                  step: dilation,
                });
              },
              { step: rowDilation },
            );
            target.plus(j.mul(args.out_column)).set(c, best.value);
            if (best instanceof LargestValue) return;
            const { count } = c;
            places.plus(j).set(c.base.mul(plane), best.where, { count, stride: plane });
          });
        });
      });
    },
    { lanes: (machine) => machine.lanes(loadedElement[storage]) },
  );
});

/** Windows that are dealt with in one turn: the ways to their places are independent. */
const TOGETHER = 4;

/** out[…, positions] += grad, from zero on; each position of the parallel axis a plane. */
export const maxGrad = specialised(({ dtype }: { readonly dtype: DType }): KernelDefinition => {
  const storage = storageOf[dtype];
  return kernel(
    `max_pool2d_grad(${dtype})`,
    { out: inout(storage), grad: input(storage), positions: input('i32'), windows: index, pixels: index },
    ({ out, grad, positions, windows, pixels }, range, machine) => {
      const element = loadedElement[storage];
      const zero = constant(0, { element, lanes: machine.lanes(element) });
      const last = pixels.sub(1);
      loop(range, (plane) => {
        const target = out.plus(plane.mul(pixels));
        eachLane(pixels, (i) => target.set(i, zero));
        const first = plane.mul(windows);
        const [from, where] = [grad, positions].map((p) => p.plus(first)) as [Pointer, Pointer];
        // Whatever the positions say, the kernel stays within the plane.
        const place = (k: Value): Value => where.scalar(k).to('index').max(0).min(last);
        const add = (at: Value, k: Value): void => target.set(at, target.scalar(at).add(from.scalar(k)));
        const whole = windows.sub(windows.rem(TOGETHER));
        loop(
          whole,
          (k) => {
            const windowsOf = unroll(TOGETHER, (n) => k.add(n));
            windowsOf.map(place).forEach((at, n) => add(at, windowsOf[n]!));
          },
          { step: TOGETHER },
        );
        loop({ begin: whole, end: windows }, (k) => add(place(k), k));
      });
    },
    { lanes: (machine) => machine.lanes(loadedElement[storage]) },
  );
});
