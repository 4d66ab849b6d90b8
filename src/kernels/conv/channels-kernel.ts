/** The kernel of correlation with lanes on output channels: see `channels.ts`. */
import {
  grid,
  index,
  inout,
  input,
  kernel,
  loadedElement,
  loop,
  Pointer,
  storageBytes,
  settle,
  unroll,
  constant,
  variable,
  when,
  type KernelDefinition,
  type StorageType,
  type Value,
  type Variable,
} from '../../lang/index.ts';
import { finished, type EpilogueForm } from '../epilogue.ts';
import { interleaved } from '../interleave.ts';
import { specialised } from '../once.ts';
import type { Correlation } from './correlation.ts';
import { slotOf, slotSpec } from '../slots.ts';

export interface ChannelsForm {
  readonly storage: StorageType;
  /** Neighbouring outputs of a row that are computed at a time, at most a vector's lanes; and vectors of channels. */
  readonly pixels: number;
  readonly vectors: number;
  /** Elements from what one output reads to what its neighbour reads. */
  readonly step: number;
  /** Columns of taps that are written out one after the other for each line of them; 1 where each tap is its own line. */
  readonly columns: number;
  /** Elements from what one of them reads to what the next reads. */
  readonly columnStep: number;
  /** Tiles of a row, as far as they differ: the first, the last, and from three on those between. */
  readonly rowTiles: number;
  /** Elements of padding under the first tile's beginning, and under the last tile's end: their products are left out. */
  readonly before: number;
  readonly after: number;
  /**
   * Whether every tap reads a line of its own, as in 1 × 1 convolutions: what the next tile reads, and what this one
   * writes, is then asked for. Where taps share lines that costs AVX2 a fourteenth.
   */
  readonly scattered: boolean;
  /** Whose the columns beside the outputs' are: see `Correlation`. */
  readonly turn: NonNullable<Correlation['turn']> | 'alone';
  readonly epilogue: EpilogueForm;
}

/** At which ends of its row a tile is. */
export interface Side {
  readonly first: boolean;
  readonly last: boolean;
}

/** Whether what a pixel of a tile reads under a column of taps is padding. */
export const isPadding = (
  {
    pixels,
    step,
    columns,
    columnStep,
    before,
    after,
  }: Pick<ChannelsForm, 'pixels' | 'step' | 'columns' | 'columnStep' | 'before' | 'after'>,
  { first, last }: Side,
  pixel: number,
  column: number,
): boolean =>
  (first && pixel * step + column * columnStep < before) ||
  (last && (pixels - 1 - pixel) * step + (columns - 1 - column) * columnStep < after);

/** Output channels whose places are asked for at a time: more would wait for each other, fewer part the loop too often. */
const ASKED = 4;

const channelsSpec = (storage: StorageType) => ({
  images: input(loadedElement[storage]),
  /** For each panel of output channels its taps, line after line: columns × channels. */
  taps: input(loadedElement[storage]),
  out: inout(storage),
  residual: input(storage),
  bias: input(storage),
  /** Where the first tap of each line reads, from the pixel's place in the first channel of its group. */
  lineOffsets: input('i32'),
  /** For each output row the first line that meets the input, and the one after the last. */
  rowLines: input('i32'),
  ...slotSpec(loadedElement[storage]),
  hasBias: index,
  biasStep: index,
  /** Lines in all, and those that are taken together: as many as stay in the first cache. */
  lines: index,
  deep: index,
  blocks: index,
  /** Output channels of a group, and their panels: of one group, of all. */
  outs: index,
  groupPanels: index,
  panels: index,
  imageStep: index,
  groupStep: index,
  rowStep: index,
  outImageStep: index,
  outChannelStep: index,
  outRowStep: index,
  residualImageStep: index,
  residualChannelStep: index,
  residualRowStep: index,
  /** Of a row, at least a tile's pixels. */
  width: index,
  /** Tiles of a row, of an image, of a band; bands of an image. */
  rowTiles: index,
  tiles: index,
  bandTiles: index,
  bands: index,
});

/** Stores `pixels` lanes two elements apart, as whole vectors. @param to  where the first of the alternating columns is */
const storeAlternating = (to: Pointer, value: Value, pixels: number, turn: 'first' | 'second'): void => {
  const { lanes } = value;
  // The first do not reach beyond their own last column.
  const elements = turn === 'first' ? 2 * pixels - 1 : 2 * pixels;
  const halves = unroll(Math.ceil(elements / lanes), (half) => ({
    at: half * lanes,
    count: constant(Math.min(elements - half * lanes, lanes), 'index'),
  }));
  const stored = (): Value => {
    const [low, high = low] = halves.map(({ at, count }) => to.vector(at, { count, lanes }));
    return low!.evens(high!);
  };
  const before = turn === 'first' ? value : stored();
  halves.forEach(({ at, count }, half) => {
    to.set(at, half === 0 ? before.zipLow(value) : before.zipHigh(value), { count });
  });
};

/**
 * Positions begin … end − 1: panels of output channels, for one band of tiles after the other, of one image after the
 * other. A few taps at a time stay in the first cache while all tiles of the band pass; between them the sums wait in
 * the position's slot. The last tile of a row is moved back to end where the row ends, and computes some pixels again.
 * At last a tile is transposed, so that pixels are stored as vectors.
 */
export const channelsKernel = specialised(
  (form: ChannelsForm): KernelDefinition<ReturnType<typeof channelsSpec>> => {
    const { storage, pixels, vectors, step, columns, columnStep, rowTiles, before, after } = form;
    const { scattered, turn, epilogue } = form;
    const name = [
      storage,
      `${String(pixels)}x${String(vectors)}`,
      step,
      [columns, columnStep, rowTiles, before, after].join('_'),
      turn,
      ...(scattered ? ['scattered'] : []),
    ].join('.');
    return kernel(`conv.channels.${name}${epilogue}`, channelsSpec(storage), (args, range, machine) => {
      const { images, taps, out, residual, bias, lineOffsets, lines, deep, outs, groupPanels, width } = args;
      const element = loadedElement[storage];
      const bytes = storageBytes[element];
      const lanes = machine.lanes(element);
      const channels = vectors * lanes;

      loop(range, (position) => {
        const place = position.div(args.panels);
        const panel = position.sub(place.mul(args.panels));
        const image = place.div(args.bands);
        const band = place.sub(image.mul(args.bands));
        const group = panel.div(groupPanels);
        const firstOut = panel.sub(group.mul(groupPanels)).mul(channels);
        const outCount = outs.sub(firstOut).min(channels);
        const channel = group.mul(outs).add(firstOut);
        const from = images.plus(image.mul(args.imageStep)).plus(group.mul(args.groupStep));
        const to = out.plus(image.mul(args.outImageStep)).plus(channel.mul(args.outChannelStep));
        const besides = residual
          .plus(image.mul(args.residualImageStep))
          .plus(channel.mul(args.residualChannelStep));
        const weights = taps.plus(panel.mul(lines).mul(columns * channels));
        const slot = slotOf(args, range);
        const parked = slot.plus(channels * (pixels + lanes));
        const firstTile = band.mul(args.bandTiles);
        const endTile = firstTile.add(args.bandTiles).min(args.tiles);

        // The bias of a panel that may be short, in any steps: code for vectors of it would be long.
        for (let v = 0; v < vectors; v++) slot.set(v * lanes, constant(0, { element, lanes }));
        when(args.hasBias.ne(0), () => {
          const each = bias.plus(channel.mul(args.biasStep)).walk('each');
          loop(outCount, (o) => {
            slot.set(o, each.scalar());
            each.advance(args.biasStep);
          });
        });
        const initial = unroll(vectors, (v) => variable(slot.vector(v * lanes, { lanes })));

        /** Adds lines first … end − 1. @param isLast  whether the sums are whole then */
        const products = (
          sums: Variable[][],
          corner: Pointer,
          { first, end, isLast }: { readonly first: Value; readonly end: Value; readonly isLast: Value },
          target: Pointer,
          side: Side,
        ): void => {
          const factors = weights.plus(first.mul(columns * channels)).walk('factors');
          const steps = (begin: Value, until: Value): void =>
            loop(
              { begin, end: until },
              (at) => {
                const offset = new Pointer(lineOffsets.builder, lineOffsets.param, 'i32', at);
                const under = corner.plusBytes(offset.scalar().to('index').mul(bytes));
                if (scattered) under.prefetch((2 * pixels - 1) * step, 'read');
                for (let column = 0; column < columns; column++) {
                  const row = unroll(vectors, (v) =>
                    factors.vector(column * channels + v * lanes, { lanes }),
                  );
                  sums.forEach((sum, i) => {
                    if (isPadding(form, side, i, column)) return;
                    const pixel = under.splat(i * step + column * columnStep, lanes);
                    sum.forEach((value, v) => {
                      value.accumulate(pixel, row[v]!);
                    });
                    settle();
                  });
                }
                factors.advance(columns * channels);
              },
              { step: storageBytes.i32 },
            );
          const [from, to] = [lineOffsets.plus(first).address, lineOffsets.plus(end).address];
          if (!scattered || machine.prefetches !== true) {
            steps(from, to);
            return;
          }
          // Before the last taps' products, and between them, what they will be written to is asked for.
          const turns = variable(constant(1, 'index'));
          when(isLast, () => turns.set(outCount.add(ASKED - 1).div(ASKED)));
          const some = end.sub(first).add(turns).sub(1).div(turns).mul(storageBytes.i32);
          const begin = variable(from, 'begin');
          const place = target.walk('place');
          loop(turns, () => {
            for (let channel = 0; channel < ASKED; channel++) {
              place.prefetch(0, 'write');
              place.prefetch(pixels - 1, 'write');
              place.advance(args.outChannelStep);
            }
            const until = begin.add(some).min(to);
            steps(begin, until);
            begin.set(until);
          });
        };

        /** The same by the tile's place in its row. */
        const productsAt = (x: Value, take: (side: Side) => void): void => {
          const alike = before === 0 && after === 0;
          if (alike || rowTiles === 1) {
            take({ first: !alike, last: !alike });
            return;
          }
          when(
            x.eq(0),
            () => take({ first: true, last: false }),
            () => {
              if (rowTiles === 2) take({ first: false, last: true });
              else
                when(
                  x.eq(width.sub(pixels)),
                  () => take({ first: false, last: true }),
                  () => take({ first: false, last: false }),
                );
            },
          );
        };

        const finish = (sums: Variable[][], y: Value, x: Value): void => {
          sums.forEach((sum, i) => {
            sum.forEach((value, v) => slot.set(i * channels + v * lanes, value));
          });
          const turned = slot.plus(pixels * channels);
          const some = slot.walk('some');
          const turning = turned.walk('turning');
          loop(vectors, () => {
            const rows = unroll(lanes, (i) => some.vector(Math.min(i, pixels - 1) * channels, { lanes }));
            interleaved(rows).forEach((row, o) => turning.set(o * lanes, row));
            some.advance(lanes);
            turning.advance(lanes * lanes);
          });
          const outPlace = to
            .plus(y.mul(args.outRowStep))
            .plus(turn === 'alone' ? x : x.mul(2))
            .walk('place');
          const besidesPlace = besides.plus(y.mul(args.residualRowStep)).plus(x).walk('besides');
          const line = turned.walk('line');
          loop(outCount, () => {
            const count = pixels < lanes ? constant(pixels, 'index') : undefined;
            const value = finished(epilogue, line.vector(0, { lanes }), () =>
              besidesPlace.vector(0, { lanes, count }),
            );
            if (turn === 'alone') outPlace.set(0, value, { count });
            else storeAlternating(outPlace, value, pixels, turn);
            outPlace.advance(args.outChannelStep);
            besidesPlace.advance(args.residualChannelStep);
            line.advance(lanes);
          });
        };

        loop(args.blocks, (block) => {
          const first = block.mul(deep);
          const end = first.add(deep).min(lines);
          const isLast = end.ge(lines);
          const store = parked.walk('store');
          loop({ begin: firstTile, end: endTile }, (tile) => {
            const y = tile.div(args.rowTiles);
            const x = tile.sub(y.mul(args.rowTiles)).mul(pixels).min(width.sub(pixels));
            const sums = grid(pixels, vectors, (_, v) => variable(initial[v]!));
            const eachSum = (visit: (sum: Variable, at: number) => void): void =>
              sums.forEach((row, i) => row.forEach((sum, v) => visit(sum, i * channels + v * lanes)));
            when(first.ne(0), () => eachSum((sum, at) => sum.set(store.vector(at, { lanes }))));
            const target = to.plus(y.mul(args.outRowStep)).plus(turn === 'alone' ? x : x.mul(2));
            const corner = from.plus(y.mul(args.rowStep)).plus(x.mul(step));
            const [begin, until] = unroll(2, (k) => args.rowLines.scalar(y.mul(2).add(k)).to('index'));
            const met = { first: begin!.max(first), end: until!.min(end), isLast };
            productsAt(x, (side) => products(sums, corner, met, target, side));
            // In this order, as the transposition needs registers that the sums leave.
            when(
              end.lt(lines),
              () => eachSum((sum, at) => store.set(at, sum)),
              () => finish(sums, y, x),
            );
            store.advance(pixels * channels);
          });
        });
      });
    });
  },
);
