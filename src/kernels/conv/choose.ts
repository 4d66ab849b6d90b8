/** Which algorithm computes a convolution or a gradient: by estimates with the numbers beside them, or by order of a test. */
import { elementCount, storageOf, type View } from '../../device/view.ts';
import { elementBytes, loadedElement, type Machine } from '../../lang/index.ts';
import { productCycles, tileOf } from '../gemm-tile.ts';
import { channelsTile, isForChannels } from './channels.ts';
import { channelsWeightTile } from './channels-weight-grad.ts';
import type { Correlation } from './correlation.ts';
import { isDepthwise } from './depthwise.ts';
import { isStridedDepthwise } from './depthwise-input-grad.ts';
import { directCycles } from './direct.ts';
import { unalignedLoads } from './direct-tile.ts';
import { getFloat32ConvPrecision } from './precision.ts';
import { pointsOf } from './winograd/layout.ts';
import { TAPS, type TileSize } from './winograd/matrices.ts';

/**
 * `implicit`: `implicit.ts` and its like for the weight. `direct`, `channels` and `depthwise`: the files of those names and
 * their like. `winograd2` and `winograd4`: `winograd/`, with tiles of 2 × 2 and 4 × 4 outputs.
 */
export type Algorithm = 'implicit' | 'direct' | 'channels' | 'depthwise' | 'winograd2' | 'winograd4';

/**
 * What the estimates of Winograd's algorithm count with, in multiplications of vectors. Measured on 3 × 3 taps with 8 to
 * 512 channels and 4 × 4 to 56 × 56 pixels, one image and sixteen, in WebAssembly, AVX2 and AVX-512, where the same
 * numbers served; with them the estimate chose the fastest but for some that were not slower by a fifth.
 */
const COSTS = {
  /** Transforms of a vector of tiles in one channel, for each point. */
  transform: { 2: 7, 4: 15 },
  /** What the last, partial panel of tiles takes besides its vectors: it keeps too few sums under way. */
  partial: 0.3,
  /** Reading a tap, which is used for one vector of pixels or tiles after the other. */
  tap: 0.3,
  /** The same when there are more than `farBytes` of them: they come from main memory. */
  farTap: 2,
  farBytes: 16 * 2 ** 20,
  /** Packing an element of the implicit algorithm's input, which is used for one output channel after the other. */
  packing: 2,
  /** As `transform`, in the gradient of a weight, which has none of outputs. */
  gradientTransform: { 2: 5, 4: 10 },
  /** To sum the lanes of a vector in the gradient of a weight, and to store it. */
  lanes: 8,
} as const;

/**
 * What the estimates of the other algorithms count with, in cycles. Fitted to 90 random shapes on each of WebAssembly,
 * AVX2 and AVX-512; there what is estimated to be fastest takes 1 to 3 % more than what is.
 */
const CYCLES = {
  /** Bytes of the implicit algorithm's right side that are packed in a cycle, and of its sums that are stored. */
  packedBytes: 6,
  storedBytes: 16,
  /** The same where all sums together go to main memory: those of a tile are strewn over as many planes as it has rows. */
  farStoredBytes: 5,
  /** To store a sum by itself: in tiles whose columns do not all follow one another. */
  storedAlone: 1,
  /** To store a vector of the direct algorithm, and to transpose and store one of `channels`. */
  storedVector: 2,
  turnedVector: 16,
  /** To bring a sum of a weight's gradient to its place. */
  turnedSum: 2,
  /** To begin and end a plane of the depthwise algorithm, for each lane. */
  planeLane: 12,
} as const;

/** With fewer channels on either side, a weight's gradient by transforms was measured slower than without. */
const FEWEST = 8;

/** A gain less than this is not worth the memory. */
const WORTH = 0.95;

/** The algorithm that is estimated to take least. All take everything, but for what `isForChannels` and its like say. */
export const chooseCorrelation = (machine: Machine, correlation: Correlation): Algorithm => {
  const order = orderFor(machine, correlation);
  if (order !== null) return order;
  const { out, taps } = correlation;
  const [outs, channels] = [taps.out.size, taps.channels.size];
  const lanes = machine.lanes(elementOf(out));
  const { vectors: panel } = tileOf(machine, elementOf(out));
  const plain = choosePlain(machine, correlation);
  if (plain === 'depthwise') return plain;
  return cheapest(
    correlation,
    plain,
    TAPS ** 2 *
      channels *
      (outs + (plain === 'implicit' ? COSTS.packing : 0)) *
      (panel * Math.ceil(pixelsOf(out) / lanes / panel) + COSTS.tap),
    (m, tiles) => {
      const vectors = Math.ceil(tiles / lanes);
      const bytes = pointsOf(m) * channels * outs * elementBytes[elementOf(out)];
      const tap = bytes > COSTS.farBytes ? COSTS.farTap : COSTS.tap;
      const time = vectors + tap + (vectors % panel === 0 ? 0 : COSTS.partial);
      return pointsOf(m) * time * (channels * outs + COSTS.transform[m] * (channels + outs));
    },
  );
};

type PlainAlgorithm = Exclude<Algorithm, `winograd${TileSize}`>;

/** The same without Winograd's, by estimated cycles for an image and a group. */
const choosePlain = (machine: Machine, correlation: Correlation): PlainAlgorithm => {
  const { out, taps } = correlation;
  const element = elementOf(out);
  const bytes = elementBytes[element];
  const lanes = machine.lanes(element);
  const [images, , height, width] = out.shape as [number, number, number, number];
  const pixels = height * width;
  const outs = taps.out.size;
  const k = taps.channels.size * taps.rows.size * taps.columns.size;
  const isDense = out.strides[3] === 1;
  const rowVectors = height * Math.ceil(width / lanes);

  const product = (k * productCycles(machine, element, outs, images * pixels)) / images;
  const packed = (k * pixels * bytes) / CYCLES.packedBytes;
  const alone = isDense ? Math.min(pixels, tileOf(machine, element).columns) : pixels;
  const isFar = elementCount(out.shape) * bytes > COSTS.farBytes;
  const storedBytes = isFar ? CYCLES.farStoredBytes : CYCLES.storedBytes;
  const stored = outs * ((pixels * bytes) / storedBytes + alone * CYCLES.storedAlone);
  const storedVector = isDense ? CYCLES.storedVector : lanes * CYCLES.storedAlone;

  let best: PlainAlgorithm = 'implicit';
  let least = product + packed + stored;
  const consider = (algorithm: PlainAlgorithm, cycles: number): void => {
    if (cycles < least) [best, least] = [algorithm, cycles];
  };
  consider(
    'direct',
    k * directCycles(machine, element, outs, height, width) + outs * rowVectors * storedVector,
  );
  if (isForChannels(machine, correlation)) {
    const turned = (CYCLES.turnedVector * pixels * outs) / lanes;
    consider('channels', k * channelsTile(machine, element, outs, height, width).cycles + turned);
  }
  if (isDepthwise(correlation)) {
    // Its loads are as little aligned as those of the direct algorithm.
    const tap = Math.min(1, unalignedLoads(machine) / 2);
    consider('depthwise', outs * (k * rowVectors * tap + lanes * CYCLES.planeLane));
  }
  return best;
};

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
export const chooseWeightGrad = (machine: Machine, correlation: Correlation): Algorithm => {
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
  if (Math.min(channels, outs) < FEWEST) return plain;
  return cheapest(correlation, plain, plainCost, (m, tiles) => {
    // The parts of a dilation are summed one after the other, each over all lanes.
    const parts = correlation.dilation[0] * correlation.dilation[1];
    const time = parts * Math.ceil(tiles / parts / lanes);
    const sums = Math.ceil(outs / tile.rows) * tile.rows * Math.ceil(channels / tile.vectors) * tile.vectors;
    const transforms = COSTS.gradientTransform[m] * time * (channels + outs);
    return pointsOf(m) * ((time + parts * COSTS.lanes) * sums + transforms);
  });
};

/** As many multiplications of vectors as would take the time. */
const channelsWeightCost = (machine: Machine, { out, taps }: Correlation): number => {
  const element = elementOf(out) as 'f32' | 'f64';
  const outs = taps.out.size;
  const lines = taps.channels.size * taps.rows.size;
  const tile = channelsWeightTile(machine, element, outs, lines, taps.columns.size);
  if (tile === null) return Infinity;
  const packing = (outs * elementBytes[element]) / CYCLES.packedBytes;
  return 2 * (pixelsOf(out) * (tile.cycles + packing) + CYCLES.turnedSum * lines * taps.columns.size * outs);
};

/** An input's gradient: the parts of `input-grad.ts`, or one kernel that computes all of them. */
export const chooseInputGrad = (...args: Parameters<typeof isStridedDepthwise>): 'parts' | 'depthwise' =>
  (ordered === null || ordered === 'depthwise') && isStridedDepthwise(...args) ? 'depthwise' : 'parts';

/** The plain algorithm, unless one of Winograd's that applies is estimated to take less. */
const cheapest = <Plain extends Algorithm>(
  correlation: Correlation,
  plain: Plain,
  plainCost: number,
  cost: (m: TileSize, tiles: number) => number,
): Plain | `winograd${TileSize}` => {
  if (!isWinograd(correlation)) return plain;
  let [best, least]: [Plain | `winograd${TileSize}`, number] = [plain, plainCost * WORTH];
  for (const m of tileSizes(correlation.out)) {
    const estimate = cost(m, tilesOf(correlation, m));
    if (estimate < least) [best, least] = [`winograd${m}`, estimate];
  }
  return best;
};

/** Whether Winograd's algorithms are for this correlation: 3 × 3 taps at stride 1, of whatever dilation. */
const isWinograd = ({ taps, stride }: Correlation): boolean =>
  taps.rows.size === TAPS && taps.columns.size === TAPS && stride[0] === 1 && stride[1] === 1;

/** F(2 × 2) is more exact than a plain sum; F(4 × 4) is not, and float64 is chosen for exactness. */
const tileSizes = (out: View): readonly TileSize[] =>
  elementOf(out) === 'f32' && getFloat32ConvPrecision() === 'high' ? [2, 4] : [2];

const elementOf = ({ dtype }: View) => loadedElement[storageOf[dtype]];

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
  return ordered === 'channels' && !isForChannels(machine, correlation) ? null : ordered;
};

/** The same of a weight's gradient. */
const weightGradOrder = (machine: Machine, correlation: Correlation): Algorithm | null =>
  ordered === 'channels'
    ? channelsWeightCost(machine, correlation) < Infinity
      ? ordered
      : null
    : orderFor(machine, correlation);

/** All that choices depend on besides machine and correlation, as text. */
export const choiceForm = (): string => `${getFloat32ConvPrecision()} ${ordered ?? ''}`;

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
