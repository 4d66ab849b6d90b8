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
  type Pointer,
  type StorageType,
  type Value,
} from '../../../lang/index.ts';
import { finished, type EpilogueForm } from '../../epilogue.ts';
import { once } from '../../once.ts';
import { storeRow } from './bands.ts';
import { CHANNELS } from './layout.ts';
import { winogradOf, type TileSize } from './matrices.ts';
import { apart, transform } from './transform.ts';

type OutputSpec = ReturnType<typeof outputSpec>;
const outputSpec = (storage: StorageType) => ({
  /** As `layout.ts` says. */
  products: input(loadedElement[storage]),
  /** Scratch memory: a piece for each position, of which that of the first is used. */
  bands: inout(loadedElement[storage]),
  out: output(storage),
  bias: input(storage),
  residual: input(storage),
  hasBias: index,
  outs: index,
  /** Rows of tiles, counted through all images, and which is the first. */
  rows: index,
  first: index,
  /** Parts into which the rows fall, and rows of a part. */
  parts: index,
  partRows: index,
  /** Rows of tiles in an image, and tiles in a row. */
  imageRows: index,
  columns: index,
  /** Of an output. */
  height: index,
  width: index,
  /** From row to row of a band, and from piece to piece. */
  pitch: index,
  piece: index,
  /** From block to block of channels, and from point to point, of the products. */
  block: index,
  point: index,
  biasStep: index,
  outImageStep: index,
  outChannelStep: index,
  outRowStep: index,
  outColumnStep: index,
});

/** Elements of a piece of scratch memory: a row of tiles, and a tile that was transformed along one axis. */
export const outputPiece = (m: TileSize, pitch: number): number => m * pitch + m * (m + 2) * CHANNELS;

/**
 * activation(Aᵀ M A + bias + residual), of positions begin … end − 1: parts of the rows of tiles, counted block by block
 * of output channels. Lanes are channels.
 */
export const outputKernel = once(
  (storage: StorageType, m: TileSize, dense: boolean, form: EpilogueForm): KernelDefinition<OutputSpec> => {
    const element = loadedElement[storage];
    const name = `winograd.output.${storage}.${String(m)}.${dense ? 'dense' : 'strided'}${form}`;
    return kernel(name, outputSpec(storage), (args, range) => {
      const { products, bands, out, bias, residual, hasBias, outs, rows, first, parts, partRows } = args;
      const { imageRows, columns, height, width, pitch, piece, block: blockStep, point, biasStep } = args;
      const { outImageStep, outChannelStep, outRowStep, outColumnStep } = args;
      const matrix = winogradOf(m).output;
      const size = m + 2;
      const { lanes } = products.builder;
      const pointBytes = point.mul(elementBytes[element]);
      const lineBytes = pointBytes.mul(size);
      const pitchBytes = pitch.mul(elementBytes[element]);
      const stride = dense ? undefined : outColumnStep;

      const band = bands.plus(range.begin.mul(piece));
      const waiting = band.plus(pitch.mul(m));

      const store = (to: Pointer, column: Value, sum: Value, count: Value | undefined): void => {
        const place = dense ? column : column.mul(outColumnStep);
        const total = finished(form, sum, () => {
          const added = residual.plusBytes(to.address.sub(out.address)).plus(place);
          return stride === undefined
            ? added.vector(0, { lanes: sum.lanes, count })
            : added.strided(0, stride, { lanes: sum.lanes, count });
        });
        to.set(place, total, { count, stride });
      };

      loop(range, (position) => {
        const block = position.div(parts);
        const begin = position.sub(block.mul(parts)).mul(partRows);
        const channel = block.mul(CHANNELS);
        const some = outs.sub(channel).min(CHANNELS);
        const sums = products.plus(block.mul(blockStep));
        const plane = out.plus(channel.mul(outChannelStep));
        const turned = { count: width, channelStep: outChannelStep, channels: some };

        loop({ begin, end: begin.add(partRows).min(rows) }, (row) => {
          const counted = first.add(row);
          const image = counted.div(imageRows);
          const y = counted.sub(image.mul(imageRows)).mul(m);
          const tiles = sums.plus(row.mul(columns).mul(CHANNELS));
          loop(
            some,
            (lane) => {
              const shift = variable(constant(0, { element, lanes }), 'bias');
              when(hasBias.ne(0), () => {
                const count = some.sub(lane).min(lanes);
                shift.set(bias.strided(channel.add(lane).mul(biasStep), biasStep, { count }));
              });
              loop(columns, (x) => {
                const from = tiles.plus(x.mul(CHANNELS)).plus(lane).walk('from');
                const place = waiting.walk('waiting');
                loop(size, () => {
                  const column = apart(from, lineBytes, size).map((pointer) => pointer.vector());
                  transform(matrix, column).forEach((value, i) => {
                    place.set(i * size * lanes, value);
                  });
                  from.advanceBytes(pointBytes);
                  place.advance(lanes);
                });
                const source = waiting.walk('waiting');
                const target = band
                  .plus(x.mul(m * CHANNELS))
                  .plus(lane)
                  .walk('target');
                loop(m, () => {
                  const values = Array.from({ length: size }, (_, j) => source.vector(j * lanes));
                  transform(matrix, values).forEach((value, k) => {
                    target.set(k * CHANNELS, value.add(shift));
                  });
                  source.advance(size * lanes);
                  target.advanceBytes(pitchBytes);
                });
              });
            },
            { step: lanes },
          );
          const line = plane.plus(image.mul(outImageStep)).plus(y.mul(outRowStep));
          loop(height.sub(y).min(m), (i) => {
            storeRow(turned, band.plus(i.mul(pitch)), line.plus(i.mul(outRowStep)), store);
          });
        });
      });
    });
  },
);
