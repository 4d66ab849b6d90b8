/**
 * Convolution by Winograd's minimal filtering: 3 × 3 taps at stride 1. Tiles of inputs are transformed, multiplied with
 * transformed taps point by point, which is one small matrix product each, and transformed back:
 *
 *     products[point][o][tile] = Σ taps[point][o][c] · inputs[point][c][tile]
 *
 * Some rows of tiles at a time, so that what lies between the transforms stays in the second cache.
 */
import { launch, type Region } from '../../../device/launch.ts';
import { currentTarget } from '../../../device/target.ts';
import { grainOf } from '../../../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../../../device/view.ts';
import { storageBytes } from '../../../lang/index.ts';
import { cycles, tileFor, tileOf, type Tile } from '../../gemm-tile.ts';
import { once } from '../../once.ts';
import { epilogueForm } from '../../epilogue.ts';
import type { Correlation } from '../correlation.ts';
import {
  eachBlock,
  roomFor,
  elementOf,
  transformFlops,
  strips,
  transformTiles,
  undilated,
  type Block,
  type TransformedTiles,
} from './blocks.ts';
import { pointsOf } from './layout.ts';
import type { TileSize } from './matrices.ts';
import { multiplyKernel } from './multiply.ts';
import { outputKernel } from './output.ts';
import { transformedTaps, type TransformedTaps } from './taps.ts';

/**
 * @param correlation  of 3 × 3 taps at stride 1, of whatever dilation
 * @param m            outputs along each axis of a tile
 */
export const winogradCorrelation = (correlation: Correlation, m: TileSize): void => {
  const { taps, groups, out } = correlation;
  if (elementCount(out.shape) === 0) return;
  const element = elementOf(out);
  const atOnce = tilesAtOnce(correlation, m);
  const parts = undilated(correlation).flatMap((dense) => strips(dense, m, atOnce));
  const { tile, most } = roundOf(parts, m, atOnce);
  const transformed = transformedTaps(taps, groups, m, tile.rows);
  const inputs = roomFor('inputs', element, m, taps.channels.size, most);
  const products = roomFor('products', element, m, transformed.panels * tile.rows, most);

  // Blocks are multiplied together until they are `most` tiles: every round reads all taps.
  let blocks: Placed[] = [];
  let tiles = 0;
  const transformInputs = (group: number, block: Block, place: number): void => {
    const planes = { first: group * taps.channels.size, count: taps.channels.size };
    transformTiles('inputs', m, block.chunk.images, planes, block, inputs, place);
  };
  const finish = (group: number): void => {
    multiply(transformed, group, taps.channels.size, tile, m, tiles, inputs, products);
    // From the last one on, as the transform of a block's outputs spoils what lies behind it.
    for (const { part, block, place } of blocks.toReversed())
      transformOutputs(part, m, group, block, products, place);
  };
  const next = (): void => {
    blocks = [];
    tiles = 0;
  };
  for (const part of parts) {
    const rowsThatFit = (columns: number): number => {
      if (tiles + columns > most) {
        finish(0);
        next();
      }
      return Math.floor((most - tiles) / columns);
    };
    eachBlock(part, m, rowsThatFit, (block) => {
      blocks.push({ part, block, place: tiles });
      transformInputs(0, block, tiles);
      tiles += block.rows * block.columns;
      if (groups === 1) return;
      // Of images, which are there until the next block comes, all groups are taken now.
      finish(0);
      for (let group = 1; group < groups; group++) {
        transformInputs(group, block, 0);
        finish(group);
      }
      next();
    });
  }
  if (tiles > 0) finish(0);
};

/** A block of a part of the correlation, and where its tiles begin among those that are multiplied together. */
interface Placed {
  readonly part: Correlation;
  readonly block: Block;
  readonly place: number;
}

/** How many tiles are multiplied together, of whole rows of tiles, and in what register tiles. */
interface Round {
  readonly tile: Tile;
  readonly most: number;
}

const roundOf = (parts: readonly Correlation[], m: TileSize, atOnce: number): Round => {
  const { out, taps } = parts[0]!;
  const element = elementOf(out);
  const { machine } = currentTarget();
  const columns = parts.map((part) => Math.ceil(part.out.shape[3]! / m));
  const rows = parts.map(({ out: { shape } }) => shape[0]! * Math.ceil(shape[2]! / m));
  if (parts.length === 1) {
    const fitting = Math.min(Math.max(1, Math.floor(atOnce / columns[0]!)), rows[0]!);
    return roundOfRows(machine.name, element, taps.out.size, columns[0]!, fitting);
  }
  const all = columns.reduce((sum, some, k) => sum + some * rows[k]!, 0);
  const most = Math.min(all, Math.ceil(all / Math.ceil(all / atOnce)) + Math.max(...columns) - 1);
  return { tile: tileFor(machine, element, taps.out.size, most), most };
};

/** Of one part, of rows of so many tiles, at most `most` of them: what takes the least time for a row. */
const roundOfRows = once(
  (_machine: string, element: 'f32' | 'f64', outs: number, columns: number, most: number): Round => {
    const { machine } = currentTarget();
    let best = { tile: tileFor(machine, element, outs, most * columns), rows: most };
    const time = ({ tile, rows }: typeof best): number => cycles(tile, outs, rows * columns) / rows;
    for (let rows = most - 1; rows >= most / 2; rows--) {
      const other = { tile: tileFor(machine, element, outs, rows * columns), rows };
      if (time(other) < time(best) * WORTH) best = other;
    }
    return { tile: best.tile, most: best.rows * columns };
  },
);

/** Less than so much of a gain is not worth smaller blocks. */
const WORTH = 0.98;

/** Tiles of which all that lies between the transforms fills the second cache, but at least two panels. */
const tilesAtOnce = ({ out, taps }: Correlation, m: TileSize): number => {
  const { machine } = currentTarget();
  const element = elementOf(out);
  const perTile = pointsOf(m) * (taps.out.size + taps.channels.size) * storageBytes[element];
  return Math.max(Math.floor(machine.l2 / perTile), 2 * tileOf(machine, element).columns);
};

/** The products of so many tiles at all points. */
const multiply = (
  taps: TransformedTaps,
  group: number,
  channels: number,
  tile: Tile,
  m: TileSize,
  tiles: number,
  inputs: TransformedTiles,
  products: TransformedTiles,
): void => {
  const { element } = inputs;
  const lanes = currentTarget().machine.lanes(element);
  const ofPanels = (vectors: number, firstTile: number, tilePanels: number): void => {
    if (tilePanels === 0) return;
    launch(
      multiplyKernel(element, tile.rows, vectors),
      {
        taps: taps.of(group),
        inputs: inputs.storage,
        out: products.storage,
        channels,
        outPanels: taps.panels,
        tilePanels,
        firstTile,
        pitch: inputs.pitch,
        tapStep: taps.pointStep,
        inputStep: inputs.point,
        outStep: products.point,
      },
      0,
      pointsOf(m) * tilePanels,
      { grain: grainOf({ flops: 2 * taps.panels * tile.rows * channels * vectors * lanes }) },
    );
  };
  const vectors = Math.ceil(tiles / lanes);
  const panels = Math.floor(vectors / tile.vectors);
  const rest = vectors % tile.vectors;
  ofPanels(tile.vectors, 0, panels);
  ofPanels(rest, panels * tile.columns, rest === 0 ? 0 : 1);
};

/** The outputs of a block and a group, from their products, of which the block's begin at the tile `place`. */
const transformOutputs = (
  { out, taps, bias, epilogue }: Correlation,
  m: TileSize,
  group: number,
  { chunk, first, rows, imageRows, columns }: Block,
  { storage: products, element, pitch, point }: TransformedTiles,
  place: number,
): void => {
  const storage = storageOf[out.dtype];
  const firstChannel = group * taps.out.size;
  const at = ({ storage: memory, offset, strides }: View): Region => {
    const [imageStep, channelStep, rowStep] = strides as [number, number, number];
    const elements = offset + chunk.first * imageStep + firstChannel * channelStep + chunk.firstRow * rowStep;
    return { storage: memory, byteOffset: elements * storageBytes[storage] };
  };
  const [outImageStep, outChannelStep, outRowStep, outColumnStep] = out.strides as [
    number,
    number,
    number,
    number,
  ];
  const biasStep = bias?.strides[0] ?? 0;
  launch(
    outputKernel(storage, m, outColumnStep === 1, epilogueForm(epilogue)),
    {
      products: { storage: products, byteOffset: place * storageBytes[element] },
      out: at(out),
      residual: at(epilogue?.residual ?? out),
      bias:
        bias === null
          ? out.storage
          : {
              storage: bias.storage,
              byteOffset: (bias.offset + firstChannel * biasStep) * storageBytes[storage],
            },
      hasBias: bias === null ? 0 : 1,
      biasStep,
      rows,
      first,
      imageRows,
      columns,
      height: Math.min(out.shape[2]! - chunk.firstRow, chunk.rows),
      width: out.shape[3]!,
      pitch,
      pointStep: point,
      outImageStep,
      outChannelStep,
      outRowStep,
      outColumnStep,
    },
    0,
    taps.out.size,
    { grain: grainOf({ flops: transformFlops(m, rows * columns) }) },
  );
};
