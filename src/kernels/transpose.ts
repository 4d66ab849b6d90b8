/** Copies between memory orders: square tiles of a vector's length are turned around in registers. */
import { elementCount, type View } from '../device/view.ts';
import { grainOf } from '../device/threads/grain.ts';
import { currentTarget } from '../device/target.ts';
import {
  index,
  input,
  kernel,
  loop,
  output,
  unroll,
  type KernelDefinition,
  type Value,
} from '../lang/index.ts';
import { launchNamed, number, pointer, region } from './arguments.ts';
import { axisArguments, axisOffsets, axisParameters, positions } from './axes.ts';
import { specialised } from './once.ts';
import { collapse, type Axis } from './walk.ts';

/**
 * out ← input, of 32-bit words, where each is contiguous along an axis of its own that is at least a vector long.
 *
 * @returns whether it was so; if not, nothing has been done
 */
export const copyTransposed = (out: View, input: View): boolean => {
  if (elementCount(out.shape) === 0) return false;
  const lanes = currentTarget().machine.lanes('i32');
  const axes = collapse(out.shape, [out, input]);
  const inOut = axes.find(({ strides }) => strides[0] === 1);
  const inInput = axes.find(({ strides }) => strides[1] === 1);
  if (inOut === undefined || inInput === undefined || inOut === inInput) return false;
  if (inOut.size < lanes || inInput.size < lanes) return false;
  if (axes.some(({ strides }) => strides.includes(0))) return false;
  const rest: Axis[] = axes.filter((axis) => axis !== inOut && axis !== inInput);
  if (rest.length === 0) rest.push({ size: 1, strides: [0, 0] });
  const blocks = Math.ceil(inInput.size / lanes);
  const args = {
    out: region(out),
    x: region(input),
    size: inOut.size,
    across: inInput.size,
    x_stride: inOut.strides[1]!,
    out_stride: inInput.strides[0]!,
    blocks,
    ...axisArguments(rest, ['out', 'x']),
  };
  const grain = grainOf({ bytes: 8 * lanes * inOut.size });
  launchNamed(transposing({ outer: rest.length }), args, positions(rest) * blocks, { grain });
  return true;
};

/**
 * Each position is as many neighbours in the input as a vector has, along all of the axis that is contiguous in the output.
 * The last tiles begin earlier instead of being smaller: an element may be copied twice.
 */
const transposing = specialised(({ outer }: { readonly outer: number }): KernelDefinition =>
  kernel(
    `transpose, ${outer} outer`,
    {
      out: output('i32'),
      x: input('i32'),
      size: index,
      across: index,
      x_stride: index,
      out_stride: index,
      blocks: index,
      ...axisParameters(outer, ['out', 'x']),
    },
    (args, range, machine) => {
      const lanes = machine.lanes('i32');
      const [size, across, xStride, outStride, blocks] = [
        'size',
        'across',
        'x_stride',
        'out_stride',
        'blocks',
      ].map((name) => number(args, name)) as [Value, Value, Value, Value, Value];
      loop(range, (position) => {
        const place = position.div(blocks);
        const b = position.sub(place.mul(blocks)).mul(lanes).min(across.sub(lanes));
        const [outAt, xAt] = axisOffsets(args, outer, ['out', 'x'], place) as [Value, Value];
        const from = pointer(args, 'x').plus(xAt.add(b));
        const to = pointer(args, 'out').plus(outAt.add(b.mul(outStride)));
        loop(
          size,
          (next) => {
            const a = next.min(size.sub(lanes));
            const source = from.plus(a.mul(xStride)).walk();
            const rows = unroll(lanes, (k) => {
              if (k > 0) source.advance(xStride);
              return source.vector();
            });
            const target = to.plus(a).walk();
            turned(rows).forEach((column, k) => {
              if (k > 0) target.advance(outStride);
              target.set(0, column);
            });
          },
          { step: lanes },
        );
      });
    },
    { lanes: (machine) => machine.lanes('i32') },
  ),
);

/** The columns of a square of rows: one perfect shuffle of all elements for each bit of a lane's number. */
const turned = (rows: readonly Value[]): readonly Value[] => {
  let all = rows;
  for (let bits = Math.log2(rows.length); bits > 0; bits--) {
    const half = all.length / 2;
    const before = all;
    all = unroll(half, (k) => {
      const [a, b] = [before[k]!, before[k + half]!];
      return [a.zipLow(b), a.zipHigh(b)];
    }).flat();
  }
  return all;
};
