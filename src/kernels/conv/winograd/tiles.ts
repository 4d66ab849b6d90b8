/** Tiles of images, transformed along both axes. */
import {
  constant,
  elementBytes,
  index,
  inout,
  input,
  kernel,
  loop,
  type KernelDefinition,
} from '../../../lang/index.ts';
import { once } from '../../once.ts';
import { transposed, winogradOf, type TileSize } from './matrices.ts';
import { apart, transform } from './transform.ts';

type TilesSpec = ReturnType<typeof tilesSpec>;
const tilesSpec = (element: 'f32' | 'f64') => ({
  /** Padded, and de-interleaved into m phases: neighbouring tiles read neighbouring elements. */
  images: input(element),
  /** As `layout.ts` says. */
  out: inout(element),
  /** Rows of tiles, counted through all images, and which is the first. */
  rows: index,
  first: index,
  /** Rows of tiles in an image, and tiles in a row. */
  imageRows: index,
  columns: index,
  imageStep: index,
  channelStep: index,
  rowStep: index,
  /** From phase to phase of a row. */
  phaseStep: index,
  /** From channel to channel, and from point to point, of `out`. */
  pitch: index,
  pointStep: index,
});

/**
 * Of channels begin … end − 1: P d Pᵀ, d being a tile. For inputs, (m + 2)² of them every m in each direction, P is Bᵀ;
 * for an output's gradients, m² of them, P is A.
 *
 * Lanes are tiles of one row. The vector that crosses a row's end writes into the next one's place, which is written
 * afterwards; that of the last row into the room that the layout leaves. What was transformed along the columns waits
 * in `out` to be transformed along the rows.
 */
export const tilesKernel = once(
  (element: 'f32' | 'f64', m: TileSize, of: 'inputs' | 'gradients'): KernelDefinition<TilesSpec> =>
    kernel(`winograd.${of}.${element}.${String(m)}`, tilesSpec(element), (args, range) => {
      const { images, out, rows, first, imageRows, columns } = args;
      const { imageStep, channelStep, rowStep, phaseStep, pitch, pointStep } = args;
      const matrices = winogradOf(m);
      const matrix = of === 'inputs' ? matrices.input : transposed(matrices.output);
      const [to, from] = [matrix.length, matrix[0]!.length];
      const { lanes } = images.builder;
      const bytes = elementBytes[element];
      const rowBytes = rowStep.mul(bytes);
      const phaseBytes = phaseStep.mul(bytes);
      const pointBytes = pointStep.mul(bytes);
      const lineBytes = pointBytes.mul(to);

      loop(range, (channel) => {
        const plane = images.plus(channel.mul(channelStep));
        const results = out.plus(channel.mul(pitch));
        loop(rows, (row) => {
          const counted = first.add(row);
          const image = counted.div(imageRows);
          const y = counted.sub(image.mul(imageRows));
          const line = plane.plus(image.mul(imageStep).add(y.mul(m).mul(rowStep)));
          const place = results.plus(row.mul(columns));
          loop(
            columns,
            (x) => {
              const corner = line.plus(x);
              const target = place.plus(x);
              const point = target.walk('point');
              // Column j of a tile is in phase j mod m: of this tile's place there, or of the next one's.
              loop(Math.ceil(from / m), (next) => {
                const first = corner.plus(next).walk('first');
                loop(constant(from, 'index').sub(next.mul(m)).min(m), () => {
                  const column = apart(first, rowBytes, from).map((pointer) => pointer.vector());
                  const places = apart(point, lineBytes, to);
                  transform(matrix, column).forEach((value, i) => {
                    places[i]!.set(0, value);
                  });
                  first.advanceBytes(phaseBytes);
                  point.advanceBytes(pointBytes);
                });
              });
              loop(to, (i) => {
                const places = apart(target.plusBytes(lineBytes.mul(i)), pointBytes, to);
                const values = places.slice(0, from).map((pointer) => pointer.vector());
                transform(matrix, values).forEach((value, j) => {
                  places[j]!.set(0, value);
                });
              });
            },
            { step: lanes },
          );
        });
      });
    }),
);
