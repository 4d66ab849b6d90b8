/**
 * About how many cycles a weight's gradient takes by each algorithm: as `estimate.ts`, fitted to some 100 convolutions on
 * each of WebAssembly, AVX2 and AVX-512.
 */
import { elementBytes, type Machine } from '../../lang/index.ts';
import { cycles, productCycles } from '../gemm-tile.ts';
import { channelsWeightTile } from './channels-weight-grad.ts';
import type { Correlation } from './correlation.ts';
import { isDepthwise } from './depthwise.ts';
import { directWeightCycles } from './direct-weight-grad.ts';
import {
  elementOf,
  extentOfAll,
  isWinograd,
  sum,
  tileSizes,
  tilesAlong,
  type Algorithm,
} from './estimate.ts';
import { CHANNELS, pointsOf } from './winograd/layout.ts';
import type { TileSize } from './winograd/matrices.ts';
import { sumTile } from './winograd/weight-grad.ts';

/** `across` has nothing for the weight. */
export type WeightGradAlgorithm = Exclude<Algorithm, 'across'>;

/** The algorithms that can compute it, with the cycles that they take; depthwise alone where it can. */
export const weightGradEstimates = (
  machine: Machine,
  correlation: Correlation,
): Map<WeightGradAlgorithm, number> => {
  if (isDepthwise(correlation)) return new Map([['depthwise', 0]]);
  const found = new Map<WeightGradAlgorithm, number>([
    ['implicit', implicit(machine, correlation)],
    ['direct', direct(machine, correlation)],
  ]);
  const onChannels = channels(machine, correlation);
  if (onChannels !== null) found.set('channels', onChannels);
  if (isWinograd(correlation))
    for (const m of tileSizes(correlation.out)) found.set(`winograd${m}`, winograd(machine, correlation, m));
  return found;
};

/** Output channels of a group, taps of each, and output pixels in all images. */
const sizesOf = ({ out, taps }: Correlation) => {
  const [images, , height, width] = out.shape as [number, number, number, number];
  return {
    outs: taps.out.size,
    columns: taps.channels.size * taps.rows.size * taps.columns.size,
    pixels: images * height * width,
  };
};

/** To pack an element of the output's gradient, and one of the input, for the product of both over all pixels. */
const PACKED_GRAD = 2;
const PACKED_INPUT = 1.6;
/** To store a sum. */
const STORED = 0.3;

const implicit = (machine: Machine, correlation: Correlation): number => {
  const { outs, columns, pixels } = sizesOf(correlation);
  const product = pixels * productCycles(machine, elementOf(correlation.out), outs, columns);
  const packed = pixels * (PACKED_GRAD * outs + PACKED_INPUT * columns);
  return correlation.groups * (product + packed + STORED * outs * columns);
};

/** To copy an element of the input between zeros. */
const PADDED = 0.7;
/** What a step of the direct one takes, in those that are counted. */
const DIRECT_STEP = 1.1;

const direct = (machine: Machine, correlation: Correlation): number =>
  correlation.groups * DIRECT_STEP * directWeightCycles(machine, correlation) +
  PADDED * extentOfAll(correlation);

/** What a step takes, in those that are counted; to pack an element of the output's gradient; to bring a sum to its place. */
const CHANNELS_STEP = 1.15;
const PACKED = 1.5;
const TURNED = 1.5;

const channels = (machine: Machine, correlation: Correlation): number | null => {
  const { groups } = correlation;
  const { outs, columns, pixels } = sizesOf(correlation);
  const tile = channelsTileOf(machine, correlation);
  if (tile === null) return null;
  const products = pixels * (CHANNELS_STEP * tile.cycles + PACKED * outs);
  return groups * (products + TURNED * columns * outs) + PADDED * extentOfAll(correlation);
};

const channelsTileOf = (machine: Machine, { out, taps }: Correlation) => {
  const lines = taps.channels.size * taps.rows.size;
  return channelsWeightTile(
    machine,
    elementOf(out) as 'f32' | 'f64',
    taps.out.size,
    lines,
    taps.columns.size,
  );
};

/** Whether lanes on output channels are for it at all. */
export const isForChannelsWeightGrad = (machine: Machine, correlation: Correlation): boolean =>
  channelsTileOf(machine, correlation) !== null;

/**
 * To transform a tile of a block of channels, for each point; for each of the block's vectors; and where columns are apart,
 * as those of a dilation are. Measured with 128 channels of 28 × 28, 256 of 14 × 14 and 64 of 56 × 56: 13 to 15 on AVX-512,
 * 16 on AVX2; with a dilation 20.
 */
const TILE = 9;
const TILE_VECTOR = 3.7;
const STREWN = 1.5;
/** Of the sums of a point: to store a byte; of all, to transform a vector at a point, and to bring a pair's taps to their places. */
const SUMMED_BYTE = 0.05;
const TRANSFORM = 3;
const PAIR = 8;

const winograd = (machine: Machine, { out, taps, dilation, groups }: Correlation, m: TileSize): number => {
  const [images, , height, width] = out.shape as [number, number, number, number];
  const [outs, inputs] = [taps.out.size, taps.channels.size];
  const element = elementOf(out) as 'f32' | 'f64';
  const lanes = machine.lanes(element);
  const points = pointsOf(m);
  const tiles = images * sum(tilesAlong(height, dilation[0], m)) * sum(tilesAlong(width, dilation[1], m));
  const blocks = Math.ceil(inputs / CHANNELS) + Math.ceil(outs / CHANNELS);
  const perTile = (TILE + (TILE_VECTOR * CHANNELS) / lanes) * (dilation[1] === 1 ? 1 : STREWN);
  const products = tiles * cycles(sumTile(machine, element, taps), outs, inputs);
  const stored = SUMMED_BYTE * outs * inputs * elementBytes[element];
  const back = outs * (TRANSFORM * points * Math.ceil(inputs / lanes) + PAIR * inputs);
  return groups * (points * (perTile * tiles * blocks + products + stored) + back);
};
