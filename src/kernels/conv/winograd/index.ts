/**
 * Convolution by Winograd's minimal filtering: 3 × 3 taps at stride 1. Tiles of inputs are transformed, multiplied with
 * transformed taps point by point, which is one small matrix product each, and transformed back:
 *
 *     products[point][o][tile] = Σ taps[point][o][c] · inputs[point][c][tile]
 *
 * Some rows of tiles at a time, so that what lies between the transforms stays in the second cache.
 */
import { launch, type Region } from '../../../device/launch.ts';
import { workspace } from '../../../device/memory.ts';
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
  elementOf,
  layoutOf,
  transformFlops,
  rowsOfBlock,
  strips,
  transformTiles,
  undilated,
  type Block,
} from './blocks.ts';
import { pointsOf, type TileLayout } from './layout.ts';
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
  const atOnce = tilesAtOnce(correlation, m);
  const parts = undilated(correlation).flatMap((dense) => strips(dense, m, atOnce));
  const columns = Math.ceil(parts[0]!.out.shape[3]! / m);
  const { tile, rows } = blockOf(
    currentTarget().machine.name,
    elementOf(out),
    taps.out.size,
    columns,
    rowsOfBlock(parts[0]!, m, atOnce),
  );
  const transformed = transformedTaps(taps, groups, m, tile.rows);
  for (const part of parts) correlate(part, transformed, m, tile, rowsOfBlock(part, m, rows * columns));
};

/**
 * How many rows of so many tiles, up to `most`, make a block, and in what register tiles it is multiplied: what takes the
 * least time for a row.
 */
const blockOf = once(
  (_machine: string, element: 'f32' | 'f64', outs: number, columns: number, most: number) => {
    const { machine } = currentTarget();
    let best = { tile: tileFor(machine, element, outs, most * columns), rows: most };
    const time = ({ tile, rows }: typeof best): number => cycles(tile, outs, rows * columns) / rows;
    for (let rows = most - 1; rows >= most / 2; rows--) {
      const other = { tile: tileFor(machine, element, outs, rows * columns), rows };
      if (time(other) < time(best) * WORTH) best = other;
    }
    return best;
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

const correlate = (
  correlation: Correlation,
  transformed: TransformedTaps,
  m: TileSize,
  tile: Tile,
  rowsAtOnce: number,
): void => {
  const { out, taps, groups } = correlation;
  const { machine } = currentTarget();
  const element = elementOf(out);
  const inputs = layoutOf(correlation, m, taps.channels.size, rowsAtOnce);
  const products = layoutOf(correlation, m, transformed.panels * tile.rows, rowsAtOnce);
  const inputTiles = workspace(`winograd.inputs.${element}`, inputs.bytes);
  const productTiles = workspace(`winograd.products.${element}`, products.bytes);

  const multiply = (group: number, vectors: number, firstTile: number, tilePanels: number): void => {
    if (tilePanels === 0) return;
    launch(
      multiplyKernel(element, tile.rows, vectors),
      {
        taps: transformed.of(group),
        inputs: inputTiles,
        out: productTiles,
        channels: taps.channels.size,
        outPanels: transformed.panels,
        tilePanels,
        firstTile,
        pitch: inputs.pitch,
        tapStep: transformed.pointStep,
        inputStep: inputs.point,
        outStep: products.point,
      },
      0,
      pointsOf(m) * tilePanels,
      {
        grain: grainOf({
          flops: 2 * transformed.panels * tile.rows * taps.channels.size * vectors * machine.lanes(element),
        }),
      },
    );
  };

  eachBlock(correlation, m, rowsAtOnce, (block) => {
    const vectors = Math.ceil((block.rows * block.columns) / machine.lanes(element));
    const panels = Math.floor(vectors / tile.vectors);
    const rest = vectors % tile.vectors;
    for (let group = 0; group < groups; group++) {
      const planes = { first: group * taps.channels.size, count: taps.channels.size };
      transformTiles('inputs', m, block.chunk.images, planes, block, inputTiles, inputs);
      multiply(group, tile.vectors, 0, panels);
      multiply(group, rest, panels * tile.columns, rest === 0 ? 0 : 1);
      transformOutputs(correlation, m, group, block, productTiles, products);
    }
  });
};

/** The outputs of a block and a group, from their products. */
const transformOutputs = (
  { out, taps, bias, epilogue }: Correlation,
  m: TileSize,
  group: number,
  { chunk, first, rows, imageRows, columns }: Block,
  products: Region['storage'],
  layout: TileLayout,
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
      products,
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
      pitch: layout.pitch,
      pointStep: layout.point,
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
