/**
 * Convolution by Winograd's minimal filtering: 3 × 3 taps at stride 1. Tiles of inputs are transformed, multiplied with
 * transformed taps point by point, which is one small matrix product each, and transformed back:
 *
 *     products[point][tile][o] = Σ inputs[point][tile][c] · taps[point][c][o]
 *
 * Some rows of tiles at a time, so that what lies between the transforms stays in the second cache.
 */
import { launch, type Region } from '../../../device/launch.ts';
import { currentTarget } from '../../../device/target.ts';
import { areEven, strands, strandThreads } from '../../../device/strands.ts';
import { grainOf } from '../../../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../../../device/view.ts';
import { storageBytes, type Machine } from '../../../lang/index.ts';
import { cycles, fits, restVectors, sized, tileOf, type Tile } from '../../gemm-tile.ts';
import { once } from '../../once.ts';
import { epilogueForm } from '../../epilogue.ts';
import type { Correlation, Taps } from '../correlation.ts';
import { partsOf, turnedColumns } from './bands.ts';
import {
  bandsOf,
  elementOf,
  roomFor,
  roundsOf,
  strips,
  tilesOf,
  transformFlops,
  transformTiles,
  undilated,
  wholeBlock,
  type Block,
  type Placed,
  type TransformedTiles,
} from './blocks.ts';
import { CHANNELS, pointsOf } from './layout.ts';
import type { TileSize } from './matrices.ts';
import { multiplyKernel } from './multiply.ts';
import { outputKernel, outputPiece } from './output.ts';
import { transformedTaps, type TransformedTaps } from './taps.ts';

/**
 * @param correlation  of 3 × 3 taps at stride 1, of whatever dilation
 * @param m            outputs along each axis of a tile
 */
export const winogradCorrelation = (correlation: Correlation, m: TileSize): void => {
  const { taps, groups, out } = correlation;
  if (elementCount(out.shape) === 0) return;
  const element = elementOf(out);
  const atOnce = tilesAtOnce(currentTarget().machine, element, taps, m);
  const parts = undilated(correlation).flatMap((dense) => strips(dense, m, atOnce));
  // The parts of a dilation write between each other's columns, one after the other.
  const threads = parts.length === 1 ? strandThreads() : 1;
  const { tile, most } = roundOf(parts, m, atOnce, threads);
  const transformed = transformedTaps(taps, groups, m, tile.columns);

  // Every round reads all taps.
  const rounds = roundsOf(parts, m, most);
  const run = (round: readonly Placed[]): void => {
    const inputs = roomFor('inputs', element, m, taps.channels.size, most);
    const products = roomFor('products', element, m, taps.out.size, most);
    for (let group = 0; group < groups; group++) {
      const channels = { first: group * taps.channels.size, count: taps.channels.size };
      for (const { part, block, place } of round)
        transformTiles('inputs', m, part.input, part.origin, channels, block, inputs, place);
      multiply(transformed, group, taps, tile, m, tilesOf(round), inputs, products);
      for (const placed of round) transformOutputs(placed, m, group, products);
    }
  };
  if (areEven(rounds.map(tilesOf), threads)) {
    const flops = 2 * pointsOf(m) * taps.out.size * taps.channels.size * most * groups;
    strands(rounds.length, grainOf({ flops }), (k) => {
      run(rounds[k]!);
    });
  } else rounds.forEach(run);
};

/** How many tiles are multiplied together, of whole rows of tiles, and in what register tiles. */
interface Round {
  readonly tile: Tile;
  readonly most: number;
}

const roundOf = (parts: readonly Correlation[], m: TileSize, atOnce: number, threads: number): Round => {
  const { out, taps } = parts[0]!;
  const element = elementOf(out);
  const { machine } = currentTarget();
  const blocks = parts.map((part) => wholeBlock(part, m));
  if (blocks.length === 1) {
    const [{ rows, columns }] = blocks as [Block];
    const fitting = Math.min(Math.max(1, Math.floor(atOnce / columns)), rows);
    // As many for each thread, if that is not too uneven.
    const even = Math.ceil(rows / (threads * Math.ceil(rows / (threads * fitting))));
    const sizes = Array.from({ length: Math.ceil(rows / even) }, (_, k) => Math.min(even, rows - k * even));
    if (areEven(sizes, threads)) {
      return { tile: productTile(machine, element, even * columns, taps.out.size), most: even * columns };
    }
    return roundOfRows(machine.name, element, taps.out.size, columns, rows, fitting);
  }
  const all = blocks.reduce((sum, { rows, columns }) => sum + rows * columns, 0);
  const widest = Math.max(...blocks.map(({ columns }) => columns));
  const most = Math.min(all, Math.ceil(all / Math.ceil(all / atOnce)) + widest - 1);
  return { tile: productTile(machine, element, most, taps.out.size), most };
};

/** So much longer takes what has a panel of fewer vectors. */
const PARTIAL = 1.05;

/**
 * The tile for so many tiles and outputs. Panels of fewer vectors than the others are best avoided: they keep too few sums
 * under way, and read taps in pieces.
 */
export const productTile = (machine: Machine, element: 'f32' | 'f64', tiles: number, outs: number): Tile => {
  const { vectors: most } = tileOf(machine, element);
  let best = tileOf(machine, element);
  let least = Infinity;
  for (let vectors = most; vectors >= 2; vectors--) {
    for (let rows = 1; fits(machine, rows, vectors); rows++) {
      const tile = sized(machine, element, rows, vectors);
      const rest = restVectors(tile, outs) === 0 ? 1 : PARTIAL;
      const time = cycles(tile, tiles, outs) * rest;
      if (time < least) [best, least] = [tile, time];
    }
  }
  return best;
};

/** Of one part, of so many rows of tiles, at most `fitting` of them at a time: what takes the least time. */
const roundOfRows = once(
  (
    _machine: string,
    element: 'f32' | 'f64',
    outs: number,
    columns: number,
    rows: number,
    fitting: number,
  ): Round => {
    const { machine } = currentTarget();
    const timeOf = (tile: Tile, atOnce: number): number =>
      Math.floor(rows / atOnce) * cycles(tile, atOnce * columns, outs) +
      cycles(tile, (rows % atOnce) * columns, outs);
    let best = fitting;
    let tile = productTile(machine, element, best * columns, outs);
    for (let atOnce = fitting - 1; atOnce >= fitting / 2; atOnce--) {
      const other = productTile(machine, element, atOnce * columns, outs);
      if (timeOf(other, atOnce) < timeOf(tile, best) * WORTH) [best, tile] = [atOnce, other];
    }
    return { tile, most: best * columns };
  },
);

/** Less than so much of a gain is not worth smaller blocks. */
const WORTH = 0.98;

/**
 * Tiles of which all that lies between the transforms fills the second cache; but at least so many that reading the taps,
 * which every round does, takes less than multiplying with them.
 */
export const tilesAtOnce = (
  machine: Machine,
  element: 'f32' | 'f64',
  { out, channels }: Taps,
  m: TileSize,
): number => {
  const perTile = pointsOf(m) * (out.size + channels.size) * storageBytes[element];
  return Math.max(Math.floor(machine.l2 / perTile), FEWEST);
};

/** Fewer tiles are not multiplied together, if there are more. */
const FEWEST = 96;

/** The products of so many tiles at all points. */
const multiply = (
  transformed: TransformedTaps,
  group: number,
  { out, channels }: Taps,
  tile: Tile,
  m: TileSize,
  tiles: number,
  inputs: TransformedTiles,
  products: TransformedTiles,
): void => {
  const { element } = inputs;
  const lanes = currentTarget().machine.lanes(element);
  const rows = Math.min(tile.rows, tiles);
  const ofPanels = (vectors: number, firstPanel: number, panels: number): void => {
    if (panels === 0) return;
    launch(
      multiplyKernel(element, rows, vectors, tile.vectors),
      {
        taps: transformed.of(group),
        inputs: inputs.room,
        out: products.room,
        channels: channels.size,
        firstPanel,
        panels,
        panelSize: channels.size * tile.columns,
        tiles,
        tapStep: transformed.pointStep,
        inputBlock: inputs.block,
        inputStep: inputs.point,
        outBlock: products.block,
        outStep: products.point,
      },
      0,
      pointsOf(m) * panels,
      { grain: grainOf({ flops: 2 * channels.size * vectors * lanes * tiles }) },
    );
  };
  const panels = Math.floor(out.size / tile.columns);
  const rest = restVectors(tile, out.size);
  ofPanels(tile.vectors, 0, panels);
  ofPanels(rest, panels, rest === 0 ? 0 : 1);
};

/** The outputs of a block and a group, from their products. */
const transformOutputs = (
  { part: { out, taps, bias, epilogue }, block: { first, rows, imageRows, columns }, place }: Placed,
  m: TileSize,
  group: number,
  { room, element, block, point }: TransformedTiles,
): void => {
  const storage = storageOf[out.dtype];
  const [, , height, width] = out.shape as [number, number, number, number];
  const [outImageStep, outChannelStep, outRowStep, outColumnStep] = out.strides as [
    number,
    number,
    number,
    number,
  ];
  const firstChannel = group * taps.out.size;
  const at = ({ storage: memory, offset }: View, step: number): Region => ({
    storage: memory,
    byteOffset: (offset + firstChannel * step) * storageBytes[storage],
  });
  const biasStep = bias?.strides[0] ?? 0;
  const blocks = Math.ceil(taps.out.size / CHANNELS);
  const { parts, partRows } = partsOf(blocks, rows);
  const pitch = turnedColumns(columns * m) * CHANNELS;
  const piece = outputPiece(m, pitch);
  launch(
    outputKernel(storage, m, outColumnStep === 1, epilogueForm(epilogue)),
    {
      products: { ...room, byteOffset: place * CHANNELS * storageBytes[element] },
      bands: bandsOf(element, blocks * parts, piece),
      out: at(out, outChannelStep),
      residual: at(epilogue?.residual ?? out, outChannelStep),
      bias: bias === null ? out.storage : at(bias, biasStep),
      hasBias: bias === null ? 0 : 1,
      outs: taps.out.size,
      rows,
      first,
      parts,
      partRows,
      imageRows,
      columns,
      height,
      width,
      pitch,
      piece,
      block,
      point,
      biasStep,
      outImageStep,
      outChannelStep,
      outRowStep,
      outColumnStep,
    },
    0,
    blocks * parts,
    { grain: grainOf({ flops: CHANNELS * transformFlops(m, partRows * columns) }) },
  );
};
