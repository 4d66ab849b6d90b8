/** The kernel of direct correlation: see `direct.ts`. */
import {
  accumulator,
  constant,
  grid,
  index,
  input,
  inout,
  kernel,
  loadedElement,
  loop,
  Pointer,
  settle,
  storageBytes,
  unroll,
  variable,
  when,
  type KernelDefinition,
  type StorageType,
} from '../../lang/index.ts';
import { finished, type EpilogueForm } from '../epilogue.ts';
import { once } from '../once.ts';

type DirectSpec = ReturnType<typeof directSpec>;
const directSpec = (storage: StorageType) => ({
  images: input(loadedElement[storage]),
  /** For each panel of output channels its taps: k × channels. */
  taps: input(loadedElement[storage]),
  out: inout(storage),
  bias: input(storage),
  /** Laid out like `out`. */
  residual: input(storage),
  /** Where the tap reads, from the pixel's place in the first channel of its group: k entries. */
  tapOffsets: input('i32'),
  /** Where the planes of the output and their biases are: `channels` entries for each panel. */
  outOffsets: input('i32'),
  biasOffsets: input('i32'),
  hasBias: index,
  k: index,
  /** In all groups together, and in one group. */
  panels: index,
  groupPanels: index,
  imageStep: index,
  groupStep: index,
  rowStep: index,
  outImageStep: index,
  outRowStep: index,
  outColumnStep: index,
  height: index,
  width: index,
  /** Parts into which a plane's rows fall; the last has what is left over, too. */
  parts: index,
  partRows: index,
});

/**
 * Tiles of `channels` × `rows` × `vectors` pixels, for parts of planes begin … end − 1, counted through the panels of all
 * images. The last tile of a part or row is moved back to end where that ends, and computes some pixels again; so a part
 * must be at least as high as the tile, and only an output that is narrower than the tile has a partial vector, the last.
 * Up to a vector more than the width is read from a row.
 *
 * @param dense  whether the output's columns are neighbours
 * @param form   what is done to the sums at last
 */
export const directKernel = once(
  (
    storage: StorageType,
    channels: number,
    rows: number,
    vectors: number,
    dense: boolean,
    form: EpilogueForm,
  ): KernelDefinition<DirectSpec> => {
    const name = [
      storage,
      `${String(channels)}x${String(rows)}x${String(vectors)}`,
      dense ? 'dense' : 'strided',
    ];
    return kernel(`conv.direct.${name.join('.')}${form}`, directSpec(storage), (args, range) => {
      const { images, taps, out, bias, residual, tapOffsets, outOffsets, biasOffsets, hasBias, k } = args;
      const { panels, groupPanels, imageStep, groupStep, rowStep } = args;
      const { outImageStep, outRowStep, outColumnStep, height, width, parts, partRows } = args;
      const element = loadedElement[storage];
      const bytes = storageBytes[element];
      const { lanes } = images.builder;
      const tileWidth = vectors * lanes;
      const tapsEnd = tapOffsets.plus(k).address;
      const lastColumn = variable(constant(0, 'index'), 'lastColumn');
      when(width.gt(tileWidth), () => {
        lastColumn.set(width.sub(tileWidth));
      });
      const lastCount = width.sub(tileWidth - lanes).min(lanes);

      loop(range, (position) => {
        const plane = position.div(parts);
        const part = position.sub(plane.mul(parts));
        const firstRow = part.mul(partRows);
        const endRow = part.eq(parts.sub(1)).select(height, firstRow.add(partRows));
        const lastRow = endRow.sub(rows);
        const image = plane.div(panels);
        const panel = plane.sub(image.mul(panels));
        const from = images.plus(image.mul(imageStep)).plus(panel.div(groupPanels).mul(groupStep));
        const weights = taps.plus(panel.mul(k).mul(channels));
        const to = image.mul(outImageStep);
        const entry = (table: Pointer, i: number) => table.scalar(panel.mul(channels).add(i)).to('index');
        const planes = unroll(channels, (i) => to.add(entry(outOffsets, i)));
        const initial = unroll(channels, () => accumulator(element, { lanes: 1 }));
        when(hasBias.ne(0), () => {
          initial.forEach((value, i) => {
            value.set(bias.scalar(entry(biasOffsets, i)));
          });
        });

        const oneTile = (y: typeof plane, x: typeof plane): void => {
          const corner = from.plus(y.mul(rowStep)).plus(x);
          const lines = unroll(rows, (r) => (r === 0 ? corner : corner.plus(rowStep.mul(r))));
          const sums = grid(channels, rows * vectors, (i) => variable(initial[i]!.splat(lanes)));
          const factors = weights.walk('factors');
          loop(
            { begin: tapOffsets.address, end: tapsEnd },
            (at) => {
              const offset = new Pointer(tapOffsets.builder, tapOffsets.param, 'i32', at)
                .scalar()
                .to('index')
                .mul(bytes);
              const pixels = lines.flatMap((line) => {
                const under = line.plusBytes(offset);
                return unroll(vectors, (j) => under.vector(j * lanes));
              });
              sums.forEach((row, i) => {
                const factor = factors.splat(i);
                row.forEach((sum, j) => {
                  sum.accumulate(factor, pixels[j]!);
                });
                settle();
              });
              factors.advance(channels);
            },
            { step: storageBytes.i32 },
          );
          const corners = outRowStep.mul(y).add(outColumnStep.mul(x));
          sums.forEach((row, i) => {
            row.forEach((sum, j) => {
              const r = Math.floor(j / vectors);
              const column = (j % vectors) * lanes;
              const line = planes[i]!.add(corners.add(outRowStep.mul(r)));
              const count = column === tileWidth - lanes ? lastCount : undefined;
              const place = line.add(dense ? column : outColumnStep.mul(column));
              const total = finished(form, sum, () =>
                dense ? residual.vector(place, { count }) : residual.strided(place, outColumnStep, { count }),
              );
              out.set(place, total, { count, stride: dense ? undefined : outColumnStep });
            });
          });
        };

        loop(
          { begin: firstRow, end: endRow },
          (row) => {
            const y = row.min(lastRow);
            loop(
              width,
              (column) => {
                oneTile(y, column.min(lastColumn));
              },
              { step: tileWidth },
            );
          },
          { step: rows },
        );
      });
    });
  },
);
