/** Which algorithm computes a convolution or a gradient: by the numbers beside the rules, or by order of a test. */
import type { Machine } from '../../lang/index.ts';
import type { Correlation } from './correlation.ts';
import { isWinograd } from './winograd/index.ts';

/**
 * `implicit`: `implicit.ts` and its like for the weight. `direct`: `direct.ts` and its like. `winograd2` and `winograd4`:
 * `winograd/`, with tiles of 2 × 2 and 4 × 4 outputs.
 */
export type Algorithm = 'implicit' | 'direct' | 'winograd2' | 'winograd4';

/**
 * A correlation whose groups have so many output channels. Both algorithms take everything; what decides is how often a
 * packed element of the input is used. Measured in WebAssembly on 56 × 56 pixels, 3 × 3 taps, GFLOP/s, implicit and
 * direct: 4 channels 28 and 37, 8: 42 and 48, 12: 47 and 56, 16: 51 and 52; on 14 × 14 in groups of 8: 25 and 44, of 32:
 * 48 and 40.
 */
export const chooseCorrelation = (machine: Machine, correlation: Correlation): Algorithm => {
  const order = orderFor(correlation);
  if (order !== null) return order;
  return correlation.taps.out.size <= 12 ? 'direct' : 'implicit';
};

/**
 * A weight's gradient from output rows of `width` pixels. Each algorithm by the share of its time in which it works at
 * full speed: the product's tiles and packing cost about as much as 12 more output channels would; the direct kernel
 * pays half a step for each row and four and a half for a last, partial vector. Beyond 32 channels little could be won.
 *
 * Measured likewise: 56 wide, 8 channels 26 and 54, 32: 48 and 60; 14 wide, 8: 22 and 28, 16: 35 and 28, 32: 46 and 29.
 */
export const chooseWeightGrad = (machine: Machine, correlation: Correlation): Algorithm => {
  const order = orderFor(correlation);
  if (order !== null) return order;
  const channels = correlation.taps.out.size;
  const width = correlation.out.shape[3]!;
  const vectors = width / machine.lanes('f32');
  const steps = Math.floor(vectors) + (Number.isInteger(vectors) ? 0 : 4.5) + 0.5;
  const direct = vectors / steps;
  const implicit = channels / (channels + 12);
  return channels <= 32 && direct > implicit ? 'direct' : 'implicit';
};

let ordered: Algorithm | null = null;

/** The algorithm that a test wants, if it is one for this. */
const orderFor = (correlation: Correlation): Algorithm | null =>
  ordered !== null && ordered.startsWith('winograd') && !isWinograd(correlation) ? null : ordered;

/** Everything that `work` convolves is done by one algorithm: for tests and measurements. */
export const withAlgorithm = <T>(algorithm: Algorithm, work: () => T): T => {
  const before = ordered;
  ordered = algorithm;
  try {
    return work();
  } finally {
    ordered = before;
  }
};
