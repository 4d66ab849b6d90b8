/** Which algorithm computes a convolution or a gradient: by estimates of its time, or by order of a test. */
import { elementBytes, type Machine } from '../../lang/index.ts';
import { getNumThreads } from '../../device/threads/number.ts';
import type { View } from '../../device/view.ts';
import { tileOf } from '../gemm-tile.ts';
import { isAcross } from './across.ts';
import type { ConvGeometry } from '../../device/backend.ts';
import { apartCycles, areApart } from './apart.ts';
import { isForChannels } from './channels.ts';
import { channelsWeightTile } from './channels-weight-grad.ts';
import type { Correlation } from './correlation.ts';
import { isDepthwise } from './depthwise.ts';
import { isStridedDepthwise } from './depthwise-input-grad.ts';
import { elementOf, estimates, isWinograd, tileSizes, type Algorithm, type Estimate } from './estimate.ts';
import { inputGrad } from './input-grad.ts';
import { getFloat32ConvPrecision } from './precision.ts';
import { pointsOf } from './winograd/layout.ts';
import type { TileSize } from './winograd/matrices.ts';

export type { Algorithm } from './estimate.ts';

/** `across` has nothing for the weight. */
export type WeightGradAlgorithm = Exclude<Algorithm, 'across'>;

/**
 * Those that add all products of a sum one after the other, if there is one input channel in the same order, to the bias:
 * they give the same bits. Only among them threads decide, as results must not depend on their number; with more channels
 * all have as many parts as there are threads.
 */
export const inOrder: ReadonlySet<Algorithm> = new Set(['direct', 'channels', 'depthwise', 'across']);

/**
 * The algorithm that is estimated to take least on one thread; if there are others with the same results, the one of them
 * that takes least on so many: what has few parts, such as planes of a depthwise convolution, leaves threads idle.
 */
export const chooseCorrelation = (machine: Machine, correlation: Correlation, threads: number): Algorithm => {
  const order = orderFor(machine, correlation);
  if (order !== null) return order;
  const all = [...estimates(machine, correlation)];
  const best = least(all, 1);
  return correlation.taps.channels.size === 1 && inOrder.has(best)
    ? least(
        all.filter(([algorithm]) => inOrder.has(algorithm)),
        threads,
      )
    : best;
};

const least = (all: readonly (readonly [Algorithm, Estimate])[], threads: number): Algorithm => {
  const time = ({ cycles, parts }: Estimate): number =>
    parts === Infinity ? cycles / threads : (cycles * Math.ceil(parts / threads)) / parts;
  return all.reduce((a, b) => (time(b[1]) < time(a[1]) ? b : a))[0];
};

/** What the estimates of a weight's gradient count with. */
const WEIGHT = {
  /** Bytes of the output's gradient that are packed in a cycle. */
  packedBytes: 6,
  /** To bring a sum to its place. */
  turnedSum: 2,
  /** Winograd's: transforms of a vector of tiles in one channel, for each point; and to sum the lanes of a vector. */
  transform: { 2: 5, 4: 10 },
  lanes: 8,
  /** With fewer channels on either side, transforms were measured slower than none. */
  fewest: 8,
  /** A gain less than this is not worth their memory. */
  worth: 0.95,
} as const;

/**
 * A weight's gradient. Direct and implicit each by the share of its time in which it works at full speed. Implicit packs
 * an element of each side for the other side's number of products, and packing does not become faster with wider
 * vectors. Direct has something to do for each row, and for a last, partial vector, which takes branches where there are
 * no masks. Beyond 32 channels little could be won.
 *
 * Measured, GFLOP/s, implicit and direct: WebAssembly, 56 wide, 8 channels 26 and 54, 32: 48 and 60; 14 wide, 8: 22 and 28,
 * 16: 35 and 28, 32: 46 and 29. AVX2, 56 wide, 8: 33 and 76, 16: 55 and 86, 32: 79 and 103; 14 wide, 16: 35 and 36, 32:
 * 67 and 44. AVX-512, 56 wide, 16: 71 and 115, 32: 108 and 122; 14 wide, 16: 35 and 47, 32: 80 and 62.
 *
 * With lanes on channels by estimated cycles. Implicit and channels on another processor: 16 to 32 channels, 5 × 5 taps,
 * 64 images of 10 × 10, AVX2 70 and 95, AVX-512 88 and 158; 7 × 7 at stride 2 from 3 channels, 67 and 77, 109 and 144; 3 × 3
 * at stride 2 of 128 channels on 56 × 56, 83 and 89, 124 and 141; 1 × 1 from 1024 channels on 14 × 14, 101 and 77, 148 and
 * 121.
 */
export const chooseWeightGrad = (machine: Machine, correlation: Correlation): WeightGradAlgorithm => {
  const order = weightGradOrder(machine, correlation);
  if (order !== null) return order;
  if (isDepthwise(correlation)) return 'depthwise';
  const { out, taps } = correlation;
  const [outs, channels] = [taps.out.size, taps.channels.size];
  const lanes = machine.lanes(elementOf(out));
  const tile = tileOf(machine, elementOf(out));

  const columns = channels * taps.rows.size * taps.columns.size;
  const reuse = (outs * columns) / (outs + columns);
  const implicit = reuse / (reuse + 10 + lanes);
  const vectors = out.shape[3]! / lanes;
  const [perRow, partial] = machine.sinksArithmetic === true ? [0.5, 4.5] : [2, 1];
  const steps = Math.floor(vectors) + (Number.isInteger(vectors) ? 0 : partial) + perRow;
  const direct = vectors / steps;
  const multiplications = columns * outs * (pixelsOf(out) / lanes);
  let plain: 'implicit' | 'direct' | 'channels' = outs <= 32 && direct > implicit ? 'direct' : 'implicit';
  let plainCost = multiplications / (plain === 'direct' ? direct : implicit);
  const onChannels = channelsWeightCost(machine, correlation);
  if (onChannels < plainCost) [plain, plainCost] = ['channels', onChannels];
  if (Math.min(channels, outs) < WEIGHT.fewest) return plain;
  return cheapest(correlation, plain, plainCost, (m, tiles) => {
    // The parts of a dilation are summed one after the other, each over all lanes.
    const parts = correlation.dilation[0] * correlation.dilation[1];
    const time = parts * Math.ceil(tiles / parts / lanes);
    const sums = Math.ceil(outs / tile.rows) * tile.rows * Math.ceil(channels / tile.vectors) * tile.vectors;
    const transforms = WEIGHT.transform[m] * time * (channels + outs);
    return pointsOf(m) * ((time + parts * WEIGHT.lanes) * sums + transforms);
  });
};

/** As many multiplications of vectors as would take the time. */
const channelsWeightCost = (machine: Machine, { out, taps }: Correlation): number => {
  const element = elementOf(out) as 'f32' | 'f64';
  const outs = taps.out.size;
  const lines = taps.channels.size * taps.rows.size;
  const tile = channelsWeightTile(machine, element, outs, lines, taps.columns.size);
  if (tile === null) return Infinity;
  const packing = (outs * elementBytes[element]) / WEIGHT.packedBytes;
  return 2 * (pixelsOf(out) * (tile.cycles + packing) + WEIGHT.turnedSum * lines * taps.columns.size * outs);
};

/** An input's gradient: the parts of `input-grad.ts`, or one kernel, or one product, that computes all of them. */
export const chooseInputGrad = (
  machine: Machine,
  gradInput: View,
  grad: View,
  weight: View,
  geometry: ConvGeometry,
): 'parts' | 'depthwise' | 'apart' => {
  const args = [gradInput, grad, weight, geometry] as const;
  if ((ordered === null || ordered === 'depthwise') && isStridedDepthwise(...args)) return 'depthwise';
  if (!areApart(...args)) return 'parts';
  if (ordered !== null) return ordered === 'implicit' ? 'apart' : 'parts';
  const parts = inputGrad(...args).map((part) => [...estimates(machine, part).values()]);
  const inParts = parts.reduce((sum, all) => sum + Math.min(...all.map(({ cycles }) => cycles)), 0);
  return apartCycles(machine, grad, weight, geometry.groups) < inParts ? 'apart' : 'parts';
};

/** The plain algorithm, unless one of Winograd's that applies is estimated to take less. */
const cheapest = <Plain extends Algorithm>(
  correlation: Correlation,
  plain: Plain,
  plainCost: number,
  cost: (m: TileSize, tiles: number) => number,
): Plain | `winograd${TileSize}` => {
  if (!isWinograd(correlation)) return plain;
  let [best, least]: [Plain | `winograd${TileSize}`, number] = [plain, plainCost * WEIGHT.worth];
  for (const m of tileSizes(correlation.out)) {
    const estimate = cost(m, tilesOf(correlation, m));
    if (estimate < least) [best, least] = [`winograd${m}`, estimate];
  }
  return best;
};

const pixelsOf = ({ shape: [images, , height, width] }: View): number => images! * height! * width!;

/** Tiles in all images; a dilation parts rows and columns. */
const tilesOf = ({ out: { shape }, dilation }: Correlation, m: TileSize): number => {
  const along = (axis: 0 | 1): number => {
    const [size, parts] = [shape[axis + 2]!, dilation[axis]];
    // Of the parts, size mod parts have one output more.
    const [less, more] = [Math.floor(size / parts), size % parts];
    return more * Math.ceil((less + 1) / m) + (parts - more) * Math.ceil(less / m);
  };
  return shape[0]! * along(0) * along(1);
};

let ordered: Algorithm | null = null;

/** The algorithm that a test wants, if it is one for this. */
const orderFor = (machine: Machine, correlation: Correlation): Algorithm | null => {
  if (ordered?.startsWith('winograd') && !isWinograd(correlation)) return null;
  if (ordered === 'depthwise' && !isDepthwise(correlation)) return null;
  if (ordered === 'across' && !isAcross(correlation)) return null;
  return ordered === 'channels' && !isForChannels(machine, correlation) ? null : ordered;
};

/** The same of a weight's gradient. */
const weightGradOrder = (machine: Machine, correlation: Correlation): WeightGradAlgorithm | null => {
  if (ordered === 'channels') return channelsWeightCost(machine, correlation) < Infinity ? ordered : null;
  const order = orderFor(machine, correlation);
  return order === 'across' ? null : order;
};

/** All that choices depend on besides machine and correlation, as text. */
export const choiceForm = (): string => `${getFloat32ConvPrecision()} ${getNumThreads()} ${ordered ?? ''}`;

/** Everything that `work` convolves is done by one algorithm, where it can be: for tests and measurements. */
export const withAlgorithm = <T>(algorithm: Algorithm, work: () => T): T => {
  const before = ordered;
  ordered = algorithm;
  try {
    return work();
  } finally {
    ordered = before;
  }
};
