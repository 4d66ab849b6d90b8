/** From products at points to outputs: the last transform, with bias, residual and activation. */
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
  variable,
  when,
  type KernelDefinition,
  type StorageType,
  type Value,
} from '../../../lang/index.ts';
import { finished, type EpilogueForm } from '../../epilogue.ts';
import { interleaved } from '../../interleave.ts';
import { once } from '../../once.ts';
import { winogradOf, type TileSize } from './matrices.ts';
import { apart, transform } from './transform.ts';

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
});

/**
 * activation(Aᵀ M A + bias + residual) for output channels begin … end − 1.
 *
 * Lanes are tiles of one row. Along the columns first, whose results wait where the products were. The vector that
 * crosses the row's end then spoils products of the next row: so the last row comes first.
 */
export const outputKernel = once(
  (storage: StorageType, m: TileSize, dense: boolean, form: EpilogueForm): KernelDefinition<OutputSpec> => {
    const element = loadedElement[storage];
    const name = `winograd.output.${storage}.${String(m)}.${dense ? 'dense' : 'strided'}${form}`;
    return kernel(name, outputSpec(storage), (args, range) => {
      const { products, out, bias, residual, hasBias, rows, first, imageRows, columns, height, width } = args;
      const { pitch, pointStep, biasStep, outImageStep, outChannelStep, outRowStep, outColumnStep } = args;
      const matrix = winogradOf(m).output;
      const size = m + 2;
      const { lanes } = products.builder;
      const pointBytes = pointStep.mul(elementBytes[element]);
      const lineBytes = pointBytes.mul(size);

      /**
       * @param at    where the row begins, in the output and in the residual
       * @param left  how many outputs there are from `begin` to the end of the row; null: enough
       */
      const storeRow = (phases: readonly Value[], at: Value, begin: Value, left: Value | null): void => {
        const vectors = dense ? interleaved(phases) : phases;
        vectors.forEach((sum, k) => {
          // Dense: elements k·lanes … of the row. Otherwise every m-th, from k on.
          const missing = dense ? left?.sub(k * lanes) : left?.add(m - 1 - k).div(m);
          const count = missing?.max(0).min(lanes);
          const from = begin.add(dense ? k * lanes : k);
          const place = at.add(dense ? from : from.mul(outColumnStep));
          const stride = dense ? undefined : outColumnStep.mul(m);
          const total = finished(form, sum, () =>
            stride === undefined
              ? residual.vector(place, { count })
              : residual.strided(place, stride, { count }),
          );
          out.set(place, total, { count, stride });
        });
      };

      loop(range, (channel) => {
        const sums = products.plus(channel.mul(pitch));
        const plane = channel.mul(outChannelStep);
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
          const line = plane.add(image.mul(outImageStep)).add(y.mul(outRowStep));
          const place = sums.plus(row.mul(columns));
          const lines = height.sub(y).min(m);
          loop(
            columns,
            (x) => {
              const target = place.plus(x);
              loop(size, (j) => {
                const places = apart(target.plusBytes(pointBytes.mul(j)), lineBytes, size);
                const column = places.map((pointer) => pointer.vector());
                transform(matrix, column).forEach((value, i) => {
                  places[i]!.set(0, value);
                });
              });
              const begin = x.mul(m);
              const left = width.sub(begin);
              loop(lines, (i) => {
                const places = apart(target.plusBytes(lineBytes.mul(i)), pointBytes, size);
                const values = places.map((pointer) => pointer.vector());
                const phases = transform(matrix, values).map((value) => value.add(added));
                const at = line.add(i.mul(outRowStep));
                when(
                  left.ge(m * lanes),
                  () => {
                    storeRow(phases, at, begin, null);
                  },
                  () => {
                    storeRow(phases, at, begin, left);
                  },
                );
              });
            },
            { step: lanes },
          );
        });
      });
    });
  },
);
