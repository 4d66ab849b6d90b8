/**
 * Kernels of average pooling and of its gradient, which is the same with the roles of windows and places exchanged.
 * First the rows of a window are added up, whole lines of them by vectors; then the columns of that one line.
 */
import { storageOf } from '../device/view.ts';
import type { DType } from '../dtype.ts';
import {
  accumulator,
  constant,
  eachLane,
  index,
  inout,
  input,
  kernel,
  loadedElement,
  loop,
  unroll,
  variable,
  type ElementType,
  type KernelDefinition,
  type LaneIndex,
  type Pointer,
  type Value,
} from '../lang/index.ts';
import { specialised } from './once.ts';
import { planeSpec, WindowTable } from './pool-windows.ts';
import { Row } from './row.ts';

/** How the columns of a line become results. */
export type Across =
  /** Neighbouring windows make a vector, `columns` places each and `stride` apart. */
  | 'sliding'
  /** As sliding, but each window's share goes to its places: a gradient with a stride. */
  | 'spreading'
  /** Windows are wide: each is added up by vectors. */
  | 'wide'
  /** Any windows, place by place. */
  | 'any';

interface Variant {
  readonly dtype: DType;
  readonly across: Across;
  /** Whether what is summed are the windows' shares of a gradient: divided by their weights before, not after. */
  readonly gradient: boolean;
  /** Of a window that slides. */
  readonly columns: number;
  readonly stride: number;
}

const vectorOf = (lanes: number, element: ElementType, value: number): Value =>
  constant(value, { element, lanes });

/**
 * Each position is a plane: of h · w places in `x` and of oh · ow in `out`. `lines` has w elements for each.
 * Of windows that slide, `left` to `right` lie within a line whole, and each begins `pad` places before its stride says.
 */
export const meanOfRows = specialised((variant: Variant): KernelDefinition => {
  const { dtype, across, gradient, columns, stride } = variant;
  const storage = storageOf[dtype];
  const element = loadedElement[storage];
  const sliding = across === 'sliding' || across === 'spreading';
  return kernel(
    `avg_pool2d${gradient ? '_grad' : ''}.${across}(${dtype})${sliding ? ` ${columns} columns, stride ${stride}` : ''}`,
    {
      out: inout(storage),
      lines: inout(element),
      ...planeSpec(storage),
    },
    (args, range) => {
      const { out, x, lines, h, w, oh, ow, pad, left, right } = args;
      const rows = new WindowTable(args.row_windows, oh);
      // What is spread keeps its own windows, one for each element of the line.
      const windows = new WindowTable(args.column_windows, across === 'spreading' ? w : ow);
      const step = new Row(stride === 1 ? undefined : constant(stride, { element: 'index', lanes: 1 }));
      const weight = (at: Value): Value => rows.weights.scalar(at).to(element);
      const weights = (j: LaneIndex): Value => windows.weights.at(j).to(element);

      loop(range, (plane) => {
        const source = x.plus(plane.mul(h).mul(w));
        const line = lines.plus(plane.mul(w));
        loop(oh, (i) => {
          const target = out.plus(plane.mul(oh).add(i).mul(ow));
          const places = rows.places(i);
          eachLane(w, (c) => {
            const sum = accumulator(element);
            const at = source.plus(places.begin.mul(w)).walk();
            loop(places, (r) => {
              const x = at.at(c);
              sum.update('add', gradient ? x.div(weight(r)) : x);
              at.advance(w);
            });
            line.set(c, gradient ? sum.div(weights(c)) : sum);
          });

          const size = gradient ? undefined : weight(i);
          const finish = (j: LaneIndex, sum: Value): void =>
            target.set(j, size === undefined ? sum : sum.div(weights(j).mul(size)));
          const alone = (j: Value): void => {
            const sum = variable(constant(0, element));
            loop(windows.places(j), (c) => sum.update('add', line.scalar(c)));
            finish({ base: j, lanes: 1 }, sum);
          };

          switch (across) {
            case 'any':
              loop(ow, alone);
              break;
            case 'wide':
              loop(ow, (j) => {
                const sum = accumulator(element);
                eachLane(windows.places(j), (c) => sum.update('add', line.at(c)));
                finish({ base: j, lanes: 1 }, sum.reduceAdd());
              });
              break;
            case 'sliding':
              eachLane({ begin: left, end: right }, (j) => {
                const from = line.plus(j.base.mul(stride).sub(pad));
                const taps = unroll(columns, (k) => step.vector(from.plus(k), j));
                finish(
                  j,
                  taps.reduce((sum, tap) => sum.add(tap)),
                );
              });
              loop(left, alone);
              loop({ begin: right, end: ow }, alone);
              break;
            case 'spreading': {
              eachLane(ow, (c) => target.set(c, vectorOf(c.lanes, element, 0)));
              const add = (to: Pointer, j: LaneIndex, share: Value): void => {
                // Windows that do not overlap reach each place once.
                const sum = columns > stride ? step.vector(to, j).add(share) : share;
                const { count } = j;
                to.set(0, sum, { count, stride: constantIndex(stride) });
              };
              eachLane({ begin: left, end: right }, (j) => {
                const share = line.at(j);
                const to = target.plus(j.base.mul(stride).sub(pad));
                unroll(columns, (k) => add(to.plus(k), j, share));
              });
              const spread = (j: Value): void => {
                const share = line.scalar(j);
                loop(windows.places(j), (c) => target.set(c, target.scalar(c).add(share)));
              };
              loop(left, spread);
              loop({ begin: right, end: w }, spread);
              break;
            }
            default:
              across satisfies never;
          }
        });
      });
    },
    { lanes: (machine) => machine.lanes(element) },
  );
});

const constantIndex = (value: number): Value => constant(value, { element: 'index', lanes: 1 });

/** Each position is a row of results of one image, whose channels follow one another in `x` and `out`. */
export const meanOfChannels = specialised(
  ({ dtype, gradient }: Pick<Variant, 'dtype' | 'gradient'>): KernelDefinition => {
    const storage = storageOf[dtype];
    const element = loadedElement[storage];
    return kernel(
      `avg_pool2d${gradient ? '_grad' : ''}.channels(${dtype})`,
      {
        out: inout(storage),
        x: input(storage),
        row_windows: input('i32'),
        column_windows: input('i32'),
        channels: index,
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
        const { out, x, channels, oh, ow } = args;
        const rows = new WindowTable(args.row_windows, oh);
        const columns = new WindowTable(args.column_windows, ow);
        const size = (row: Value, column: Value): Value =>
          rows.weights.scalar(row).mul(columns.weights.scalar(column)).to(element);
        loop(range, (position) => {
          const image = position.div(oh);
          const i = position.sub(image.mul(oh));
          const source = x.plus(image.mul(args.x_image));
          const target = out.plus(image.mul(args.out_image).add(i.mul(args.out_row)));
          loop(ow, (j) => {
            eachLane(channels, (c) => {
              const sum = accumulator(element);
              loop(rows.places(i), (r) => {
                const line = source.plus(r.mul(args.x_row));
                loop(columns.places(j), (s) => {
                  const x = line.plus(s.mul(args.x_column)).at(c);
                  sum.update('add', gradient ? x.div(size(r, s)) : x);
                });
              });
              target.plus(j.mul(args.out_column)).set(c, gradient ? sum : sum.div(size(i, j)));
            });
          });
        });
      },
      { lanes: (machine) => machine.lanes(element) },
    );
  },
);
