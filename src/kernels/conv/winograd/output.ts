/** From products at points to outputs: the last transform, with bias, residual and activation. */
import type { Expression } from '../../../device/backend.ts';
import {
  constant,
  elementBytes,
  index,
  inout,
  input,
  kernel,
  loadedElement,
  loop,
  output,
  unroll,
  variable,
  when,
  type KernelDefinition,
  type Pointer,
  type StorageType,
  type Value,
} from '../../../lang/index.ts';
import { interleaved } from '../../interleave.ts';
import { specialised } from '../../once.ts';
import { winogradOf, type TileSize } from './matrices.ts';
import { transform } from './transform.ts';

type OutputSpec = ReturnType<typeof outputSpec>;
const outputSpec = (storage: StorageType) => ({
  /** [point][channel][tile], spent afterwards. */
  products: inout(loadedElement[storage]),
  out: output(storage),
  bias: input(storage),
  residual: input(storage),
  hasBias: index,
  /** Rows of tiles, counted through all images, and which is the first. */
  rows: index,
  first: index,
  /** Rows of tiles in an image, and tiles in a row. */
  imageRows: index,
  columns: index,
  /** Of the outputs under them. */
  height: index,
  width: index,
  pitch: index,
  pointStep: index,
  biasStep: index,
  outImageStep: index,
  outChannelStep: index,
  outRowStep: index,
  outColumnStep: index,
  residualImageStep: index,
  residualChannelStep: index,
  residualRowStep: index,
  residualColumnStep: index,
});

export interface OutputVariant {
  readonly storage: 'f32' | 'f64' | 'f16' | 'bf16';
  readonly m: TileSize;
  /** Whether columns of the output, and of the residual, are neighbours. */
  readonly dense: boolean;
  readonly residual: boolean;
  /** The activation's name tells variants apart. */
  readonly activation: string;
}

/** Activations by the names under which kernels are made of them. */
const activations = new Map<string, Expression>();

/** The kernel for an activation, or none. */
export const outputKernel = (
  variant: Omit<OutputVariant, 'activation'>,
  activation: Expression | null,
): KernelDefinition<OutputSpec> => {
  if (activation !== null) activations.set(activation.name, activation);
  return definition({ ...variant, activation: activation?.name ?? 'none' }) as KernelDefinition<OutputSpec>;
};

/**
 * activation(Aᵀ M A + bias + residual) for output channels begin … end − 1.
 *
 * Lanes are tiles of one row. Along the columns first, whose results wait where the products were. The vector that
 * crosses the row's end then spoils products of the next row: so the last row comes first.
 */
const definition = specialised((variant: OutputVariant) => {
  const { storage, m, dense, residual: adds, activation } = variant;
  const element = loadedElement[storage];
  const name = [
    storage,
    String(m),
    dense ? 'dense' : 'strided',
    ...(adds ? ['residual'] : []),
    ...(activation === 'none' ? [] : [activation]),
  ];
  return kernel(`winograd.output.${name.join('.')}`, outputSpec(storage), (args, range) => {
    const { products, out, bias, residual, hasBias, rows, first, imageRows, columns, height, width } = args;
    const { pitch, pointStep, biasStep } = args;
    const matrix = winogradOf(m).output;
    const size = m + 2;
    const { lanes } = products.builder;
    const pointBytes = pointStep.mul(elementBytes[element]);
    const lineBytes = pointBytes.mul(size);
    const wanted = (sum: Value): Value => activations.get(activation)?.evaluate([sum], []) ?? sum;

    /** `left`: how many outputs there are before the end of the row; null: enough. */
    const storeRow = (row: {
      phases: readonly Value[];
      begin: Value;
      left: Value | null;
      to: Pointer;
      beside: Pointer;
    }): void => {
      const { phases, begin, left, to, beside } = row;
      const vectors = dense ? interleaved(phases) : phases;
      vectors.forEach((sum, k) => {
        // Dense: elements k·lanes … of the row. Otherwise every m-th, from k on.
        const from = begin.add(dense ? k * lanes : k);
        const missing =
          left === null
            ? null
            : dense
              ? left.sub(k * lanes)
              : left
                  .sub(k)
                  .add(m - 1)
                  .div(m);
        const count = missing?.max(0).min(lanes);
        const access = (step: Value) => ({ count, ...(dense ? {} : { stride: step.mul(m) }) });
        const total = adds
          ? sum.add(
              dense
                ? beside.vector(from, { count })
                : beside.strided(from.mul(args.residualColumnStep), args.residualColumnStep.mul(m), {
                    count,
                  }),
            )
          : sum;
        to.set(dense ? from : from.mul(args.outColumnStep), wanted(total), access(args.outColumnStep));
      });
    };

    loop(range, (channel) => {
      const sums = products.plus(channel.mul(pitch));
      const plane = out.plus(channel.mul(args.outChannelStep));
      const other = residual.plus(channel.mul(args.residualChannelStep));
      const shift = variable(constant(0, element), 'bias');
      when(hasBias.ne(0), () => {
        shift.set(bias.scalar(channel.mul(biasStep)));
      });
      const added = shift.splat(lanes);

      loop(rows, (back) => {
        const row = rows.sub(back).sub(1);
        const counted = first.add(row);
        const image = counted.div(imageRows);
        const y = counted.sub(image.mul(imageRows)).mul(m);
        const line = plane.plus(image.mul(args.outImageStep).add(y.mul(args.outRowStep)));
        const otherLine = other.plus(image.mul(args.residualImageStep).add(y.mul(args.residualRowStep)));
        const place = sums.plus(row.mul(columns));
        const lines = height.sub(y).min(m);
        loop(
          columns,
          (x) => {
            const target = place.plus(x);
            for (let j = 0; j < size; j++) {
              let point = target.plusBytes(pointBytes.mul(j));
              const points = unroll(size, (i) => {
                if (i > 0) point = point.plusBytes(lineBytes);
                return point;
              });
              const column = points.map((p) => p.vector());
              transform(matrix, column).forEach((value, i) => {
                points[i]!.set(0, value);
              });
            }
            const begin = x.mul(m);
            const left = width.sub(begin);
            loop(lines, (i) => {
              let point = target.plusBytes(lineBytes.mul(i));
              const values = unroll(size, (j) => {
                if (j > 0) point = point.plusBytes(pointBytes);
                return point.vector();
              });
              const phases = transform(matrix, values).map((value) => value.add(added));
              const to = line.plus(i.mul(args.outRowStep));
              const beside = otherLine.plus(i.mul(args.residualRowStep));
              const store = (partial: boolean): void => {
                storeRow({ phases, begin, left: partial ? left : null, to, beside });
              };
              when(
                left.ge(m * lanes),
                () => {
                  store(false);
                },
                () => {
                  store(true);
                },
              );
            });
          },
          { step: lanes },
        );
      });
    });
  });
});
