/** Sums of all elements so far. Floats are added up as f64, as PyTorch does on a CPU, and rounded when they are stored. */
import { grainOf } from '../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../device/view.ts';
import { dtypes, type DType } from '../dtype.ts';
import {
  accumulator,
  constant,
  eachLane,
  index,
  input,
  isFloat,
  kernel,
  loop,
  output,
  type ElementType,
  type KernelDefinition,
  type Value,
} from '../lang/index.ts';
import { launchNamed, number, pointer, region } from './arguments.ts';
import { specialised } from './once.ts';
import { axisArguments, axisOffsets, axisParameters, positions } from './axes.ts';
import { elementOf } from './elementwise-kernel.ts';
import { converted } from './math/convert.ts';
import { COLUMNS } from './reduce-kernel.ts';
import { collapse } from './walk.ts';

/** `Backend.cumsum` on a CPU. */
export const cumsum = (out: View, x: View, axis: number): void => {
  if (elementCount(out.shape) === 0) return;
  const others = out.shape.map((_, k) => k).filter((k) => k !== axis);
  const around = collapse(
    others.map((k) => out.shape[k]!),
    [x, out].map(({ strides }) => ({ strides: others.map((k) => strides[k]!) })),
  );
  // Sums beside each other are computed together; along the axis each must wait for the one before.
  const columns = around.find(({ size, strides }) => size > 1 && strides.every((stride) => stride === 1));
  const side = around.filter((other) => other !== columns);
  const outer = side.length > 0 ? side : [{ size: 1, strides: [0, 0] }];
  const args = {
    x: region(x),
    out: region(out),
    count: out.shape[axis]!,
    x_stride: x.strides[axis]!,
    out_stride: out.strides[axis]!,
    columns: columns?.size ?? 1,
    ...axisArguments(outer, operands),
  };
  const pieces = Math.ceil(args.columns / COLUMNS);
  const definition = sums({
    from: x.dtype,
    to: out.dtype,
    single: columns === undefined,
    outer: outer.length,
  });
  // Sums that wait for each other take longer than memory does.
  const flops = 4 * args.count;
  const bytes =
    args.count * Math.min(args.columns, COLUMNS) * (dtypes[x.dtype].bytes + dtypes[out.dtype].bytes);
  launchNamed(definition, { ...args, pieces }, positions(outer) * pieces, {
    grain: grainOf({ bytes, flops }),
  });
};

const operands = ['x', 'out'];

interface Variant {
  readonly from: DType;
  readonly to: DType;
  /** Whether there is nothing side by side. */
  readonly single: boolean;
  /** How many axes are around. */
  readonly outer: number;
}

/** Each position is a piece of at most `COLUMNS` columns, of `pieces` at each place of the axes around. */
const sums = specialised(({ from, to, single, outer }: Variant): KernelDefinition => {
  const element: ElementType = isFloat(elementOf(to)) ? 'f64' : elementOf(to);
  return kernel(
    `cumsum${single ? '.single' : ''}(${from}) > ${to}, ${outer} outer`,
    {
      x: input(storageOf[from]),
      out: output(storageOf[to]),
      count: index,
      x_stride: index,
      out_stride: index,
      columns: index,
      pieces: index,
      ...axisParameters(outer, operands),
    },
    (args, range) => {
      loop(range, (position) => {
        const place = position.div(number(args, 'pieces'));
        const begin = position.sub(place.mul(number(args, 'pieces'))).mul(COLUMNS);
        const end = begin.add(COLUMNS).min(number(args, 'columns'));
        const [xAt, outAt] = axisOffsets(args, outer, operands, place);
        eachLane({ begin, end }, (i) => {
          const total = accumulator(element);
          const [from, into] = [
            pointer(args, 'x').plus(xAt!).walk(),
            pointer(args, 'out').plus(outAt!).walk(),
          ];
          loop(number(args, 'count'), () => {
            const term =
              to === 'bool' ? zeroOrOne(from.at(i).ne(0), element) : converted(from.at(i), element);
            total.update('add', term);
            into.set(i, to === 'bool' ? zeroOrOne(total.ne(0), element) : total.to(elementOf(to)));
            from.advance(number(args, 'x_stride'));
            into.advance(number(args, 'out_stride'));
          });
        });
      });
    },
    {
      lanes: (machine) => (single ? 1 : Math.min(machine.lanes(element), machine.lanes(elementOf(from)))),
    },
  );
});

const zeroOrOne = (mask: Value, element: ElementType): Value =>
  mask.select(constant(1, { element, lanes: mask.lanes }), 0);
