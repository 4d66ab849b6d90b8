/** Which algorithm computes a convolution or a gradient: by the numbers beside the rules, or by order of a test. */

/** `implicit`: `implicit.ts` and its like for the weight. `direct`: `direct.ts` and its like. */
export type Algorithm = 'implicit' | 'direct';

/**
 * Both are equally general; what decides is how often a packed element of the input is used. Packing costs about what
 * `FEW` output channels of a group cost, and the direct kernel loads each of its vectors from where it lies, at any
 * alignment, again for every few channels.
 */
export const chooseCorrelation = (channels: number): Algorithm =>
  ordered ?? (channels <= FEW ? 'direct' : 'implicit');

const FEW = 8;

export const chooseWeightGrad = (channels: number): Algorithm =>
  ordered ?? (channels <= FEW ? 'direct' : 'implicit');

let ordered: Algorithm | null = null;

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
