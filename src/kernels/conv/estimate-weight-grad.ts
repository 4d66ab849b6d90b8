/**
 * About how many cycles a weight's gradient takes by each algorithm: as `estimate.ts`, fitted to some 100 convolutions on
 * each of WebAssembly, AVX2 and AVX-512.
 */
import { type Machine } from '../../lang/index.ts';
import { productCycles, tileOf } from '../gemm-tile.ts';
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
import { pointsOf } from './winograd/layout.ts';
import type { TileSize } from './winograd/matrices.ts';

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

/** For each point: a multiplication of vectors, to sum the lanes of one, and to transform a vector of tiles of a channel. */
const MULTIPLIED = 0.9;
const LANES = 4.7;
const TRANSFORM = 16;

const winograd = (machine: Machine, { out, taps, dilation, groups }: Correlation, m: TileSize): number => {
  const [images, , height, width] = out.shape as [number, number, number, number];
  const [outs, inputs] = [taps.out.size, taps.channels.size];
  const lanes = machine.lanes(elementOf(out));
  const [down, across] = [tilesAlong(height, dilation[0], m), tilesAlong(width, dilation[1], m)];
  // The parts of a dilation are summed one after the other, each over all lanes.
  const parts = down.length * across.length;
  const tiles = images * sum(down) * sum(across);
  const vectors = parts * Math.ceil(tiles / parts / lanes);
  const rowVectors = images * sum(down) * sum(across.map((some) => Math.ceil(some / lanes)));
  const tile = tileOf(machine, elementOf(out));
  const sums = Math.ceil(outs / tile.rows) * tile.rows * Math.ceil(inputs / tile.vectors) * tile.vectors;
  const perPoint = sums * (MULTIPLIED * vectors + LANES * parts) + TRANSFORM * rowVectors * (inputs + outs);
  return groups * pointsOf(m) * perPoint;
};
