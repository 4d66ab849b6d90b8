/** Which algorithm computes a convolution or a gradient: by estimates with the numbers beside them, or by order of a test. */
import { storageOf, type View } from '../../device/view.ts';
import { elementBytes, loadedElement, type Machine } from '../../lang/index.ts';
import { tileOf } from '../gemm-tile.ts';
import type { Correlation } from './correlation.ts';
import { isDepthwise } from './depthwise.ts';
import { getFloat32ConvPrecision } from './precision.ts';
import { pointsOf } from './winograd/layout.ts';
import { TAPS, type TileSize } from './winograd/matrices.ts';

/**
 * `implicit`: `implicit.ts` and its like for the weight. `direct`: `direct.ts` and its like. `winograd2` and `winograd4`:
 * `winograd/`, with tiles of 2 × 2 and 4 × 4 outputs. `depthwise`: `depthwise.ts`.
 */
export type Algorithm = 'implicit' | 'direct' | 'depthwise' | 'winograd2' | 'winograd4';

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
  /** To sum the lanes of a vector in the gradient of a weight, and to store it. */
  lanes: 8,
} as const;

/** A gain less than this is not worth the memory. */
const WORTH = 0.95;

/**
 * A correlation whose groups have so many output channels. All algorithms take everything but Winograd's; what decides
 * between implicit and direct is how often a packed element of the input is used. Measured in WebAssembly on 56 × 56
 * pixels, 3 × 3 taps, GFLOP/s, implicit and direct: 4 channels 28 and 37, 8: 42 and 48, 12: 47 and 56, 16: 51 and 52; on
 * 14 × 14 in groups of 8: 25 and 44, of 32: 48 and 40.
 */
export const chooseCorrelation = (machine: Machine, correlation: Correlation): Algorithm => {
  const order = orderFor(correlation);
  if (order !== null) return order;
  if (isDepthwise(machine, correlation)) return 'depthwise';
  const { out, taps } = correlation;
  const [outs, channels] = [taps.out.size, taps.channels.size];
  const lanes = machine.lanes(elementOf(out));
  const { vectors: panel } = tileOf(machine, elementOf(out));
  const isDirect = outs <= 8 + lanes;
  return cheapest(
    correlation,
    isDirect ? 'direct' : 'implicit',
    TAPS ** 2 *
      channels *
      (outs + (isDirect ? 0 : COSTS.packing)) *
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

/**
 * A weight's gradient. Direct and implicit each by the share of its time in which it works at full speed: the product's
 * tiles and packing cost about as much as 12 more output channels would; the direct kernel pays half a step for each row
 * and four and a half for a last, partial vector. Beyond 32 channels little could be won.
 *
 * Measured in WebAssembly: 56 wide, 8 channels 26 and 54, 32: 48 and 60; 14 wide, 8: 22 and 28, 16: 35 and 28, 32: 46
 * and 29.
 */
export const chooseWeightGrad = (
  machine: Machine,
  correlation: Correlation,
): Exclude<Algorithm, 'depthwise'> => {
  const order = orderFor(correlation);
  if (order !== null) return order;
  const { out, taps } = correlation;
  const [outs, channels] = [taps.out.size, taps.channels.size];
  const lanes = machine.lanes(elementOf(out));
  const vectors = out.shape[3]! / machine.lanes('f32');
  const steps = Math.floor(vectors) + (Number.isInteger(vectors) ? 0 : 4.5) + 0.5;
  const direct = vectors / steps;
  const implicit = outs / (outs + 12);
  const isDirect = outs <= 32 && direct > implicit;
  return cheapest(
    correlation,
    isDirect ? 'direct' : 'implicit',
    (TAPS ** 2 * channels * outs * (pixelsOf(out) / lanes)) / (isDirect ? direct : implicit),
    (m, tiles) => {
      const time = Math.ceil(tiles / lanes);
      const transforms = COSTS.transform[m] * time * (channels + outs);
      return pointsOf(m) * ((time + COSTS.lanes) * channels * outs + transforms);
    },
  );
};

/** The plain algorithm, unless one of Winograd's that applies is estimated to take less. */
const cheapest = (
  correlation: Correlation,
  plain: 'implicit' | 'direct',
  plainCost: number,
  cost: (m: TileSize, tiles: number) => number,
): Exclude<Algorithm, 'depthwise'> => {
  if (!isWinograd(correlation)) return plain;
  let [best, least]: [Exclude<Algorithm, 'depthwise'>, number] = [plain, plainCost * WORTH];
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
const orderFor = (correlation: Correlation): Exclude<Algorithm, 'depthwise'> | null =>
  ordered === 'depthwise' || (ordered?.startsWith('winograd') && !isWinograd(correlation)) ? null : ordered;

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
