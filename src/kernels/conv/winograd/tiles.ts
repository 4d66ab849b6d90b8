/** Tiles of images, transformed along both axes. */
import {
  constant,
  eachLane,
  elementBytes,
  index,
  inout,
  input,
  kernel,
  loadedElement,
  loop,
  scalar,
  variable,
  when,
  type KernelDefinition,
  type Pointer,
  type StorageType,
  type Value,
} from '../../../lang/index.ts';
import { once } from '../../once.ts';
import { fillRow } from './bands.ts';
import { CHANNELS } from './layout.ts';
import { transposed, winogradOf, type TileSize } from './matrices.ts';
import { apart, transform } from './transform.ts';

/** Inputs of a convolution, whose tiles overlap by two rows and columns, or gradients of its outputs. */
export type Tiled = 'inputs' | 'gradients';

type TilesSpec = ReturnType<typeof tilesSpec>;
const tilesSpec = (storage: StorageType) => ({
  images: input(storage),
  /** Scratch memory: a piece for each position, of which that of the first is used. */
  bands: inout(loadedElement[storage]),
  /** As `layout.ts` says. */
  out: inout(loadedElement[storage]),
  channels: index,
  /** Rows of tiles, counted through all images, and which is the first. */
  rows: index,
  first: index,
  /** Parts into which the rows fall, and rows of a part. */
  parts: index,
  partRows: index,
  /** Rows of tiles in an image, and tiles in a row. */
  imageRows: index,
  columns: index,
  /** Rows of an image, and rows of zeros above it; negative: so many are cut off. */
  height: index,
  top: scalar('i32'),
  /** Columns of zeros before the image's, columns of the image that are cut off, and that are used. */
  before: index,
  skipped: index,
  used: index,
  imageStep: index,
  channelStep: index,
  rowStep: index,
  columnStep: index,
  /** From row to row of a band, and from piece to piece. */
  pitch: index,
  piece: index,
  /** From block to block of channels, and from point to point, of `out`. */
  block: index,
  point: index,
});

/** Rows and columns of a tile. */
export const tileRows = (m: TileSize, of: Tiled): number => (of === 'inputs' ? m + 2 : m);

/** Rows of a band: of inputs the last two of a row of tiles are the first of the next, so those of two take turns. */
const bandRows = (m: TileSize, of: Tiled): number => (of === 'inputs' ? 2 * m : m);

/** Elements of a piece of scratch memory: a band, and a tile that was transformed along one axis. */
export const pieceOf = (m: TileSize, of: Tiled, pitch: number): number =>
  bandRows(m, of) * pitch + (m + 2) * tileRows(m, of) * CHANNELS;

/**
 * P d Pᵀ, d being a tile: for inputs P is Bᵀ, for gradients A. Of positions begin … end − 1: parts of the rows of tiles,
 * counted block by block of channels. Lanes are channels.
 *
 * @param dense  whether columns of the images follow one another
 */
export const tilesKernel = once(
  (storage: StorageType, m: TileSize, of: Tiled, dense: boolean): KernelDefinition<TilesSpec> => {
    const name = `winograd.${of}.${storage}.${String(m)}.${dense ? 'dense' : 'strided'}`;
    return kernel(name, tilesSpec(storage), (args, range) => {
      const { images, bands, out, channels, rows, first, parts, partRows, imageRows, columns } = args;
      const { height, top, before, skipped, used, imageStep, channelStep, rowStep, columnStep } = args;
      const { pitch, piece, block: blockStep, point } = args;
      const element = loadedElement[storage];
      const matrices = winogradOf(m);
      const matrix = of === 'inputs' ? matrices.input : transposed(matrices.output);
      const [to, from] = [matrix.length, tileRows(m, of)];
      const { lanes } = out.builder;
      const pitchBytes = pitch.mul(elementBytes[element]);
      const pointBytes = point.mul(elementBytes[element]);
      const lineBytes = pointBytes.mul(to);
      const half = pitch.mul(m);

      const band = bands.plus(range.begin.mul(piece));
      const waiting = band.plus(pitch.mul(bandRows(m, of)));
      const zero = constant(0, element);
      const clear = (place: Pointer, elements: Value): void => {
        eachLane(elements, (i) => {
          place.set(i, zero);
        });
      };
      // What lies beside the images is never written again.
      clear(band, pitch.mul(bandRows(m, of)));

      loop(range, (position) => {
        const block = position.div(parts);
        const begin = position.sub(block.mul(parts)).mul(partRows);
        const channel = block.mul(CHANNELS);
        const some = channels.sub(channel).min(CHANNELS);
        const plane = images.plus(channel.mul(channelStep)).plus(skipped.mul(columnStep));
        const results = out.plus(block.mul(blockStep));
        const line = { dense, count: used, columnStep, channelStep, channels: some };

        loop({ begin, end: begin.add(partRows).min(rows) }, (row) => {
          const counted = first.add(row);
          const image = counted.div(imageRows);
          const y = counted.sub(image.mul(imageRows));
          const source = plane.plus(image.mul(imageStep));
          /** Rows of the image to as many rows of the band. */
          const fill = (target: Pointer, firstRow: Value): void => {
            loop(m, (i) => {
              const imageRow = firstRow.add(i);
              const place = target.plus(i.mul(pitch)).plus(before.mul(CHANNELS));
              when(
                imageRow.ge(0).and(imageRow.lt(height)),
                () => {
                  fillRow(line, source.plus(imageRow.mul(rowStep)), place);
                },
                () => {
                  clear(place, used.mul(CHANNELS));
                },
              );
            });
          };
          const imageRow = y.mul(m).sub(top.to('index'));
          let lines: (column: Pointer) => Pointer[];
          if (of === 'inputs') {
            const lower = half.sub(y.rem(2).mul(half));
            const upper = half.sub(lower);
            // The upper half is there already unless this row of tiles has none before it.
            const from = variable(lower.sub(lower), 'from');
            when(row.gt(begin).and(y.gt(0)), () => {
              from.set(1);
            });
            loop({ begin: from, end: 2 }, (k) => {
              const place = upper.add(lower.sub(upper).mul(k));
              fill(band.plus(place), imageRow.add(k.mul(m)));
            });
            lines = (column) => [
              ...apart(column.plus(upper), pitchBytes, m),
              ...apart(column.plus(lower), pitchBytes, 2),
            ];
          } else {
            fill(band, imageRow);
            lines = (column) => apart(column, pitchBytes, m);
          }

          const tiles = results.plus(row.mul(columns).mul(CHANNELS));
          loop(
            some,
            (lane) => {
              loop(columns, (x) => {
                const corner = band.plus(x.mul(m * CHANNELS)).plus(lane);
                const walk = lines(corner).map((pointer) => pointer.walk());
                const place = waiting.walk('waiting');
                loop(from, () => {
                  const column = walk.map((pointer) => pointer.vector());
                  transform(matrix, column).forEach((value, i) => {
                    place.set(i * from * lanes, value);
                  });
                  for (const pointer of walk) pointer.advance(CHANNELS);
                  place.advance(lanes);
                });
                const source = waiting.walk('waiting');
                const target = tiles.plus(x.mul(CHANNELS)).plus(lane).walk('target');
                loop(to, () => {
                  const values = Array.from({ length: from }, (_, j) => source.vector(j * lanes));
                  const places = apart(target, pointBytes, to);
                  transform(matrix, values).forEach((value, j) => {
                    places[j]!.set(0, value);
                  });
                  source.advance(from * lanes);
                  target.advanceBytes(lineBytes);
                });
              });
            },
            { step: lanes },
          );
        });
      });
    });
  },
);
