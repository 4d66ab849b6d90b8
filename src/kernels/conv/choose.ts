/** Which algorithm computes a convolution or a gradient: by estimates of its time, or by order of a test. */
import type { ConvGeometry } from '../../device/backend.ts';
import { getNumThreads } from '../../device/threads/number.ts';
import type { View } from '../../device/view.ts';
import type { Machine } from '../../lang/index.ts';
import { isAcross } from './across.ts';
import { apartCycles, areApart } from './apart.ts';
import { isForChannels } from './channels.ts';
import type { Correlation } from './correlation.ts';
import { isDepthwise } from './depthwise.ts';
import { isStridedDepthwise } from './depthwise-input-grad.ts';
import { estimates, isWinograd, type Algorithm, type Estimate } from './estimate.ts';
import {
  isForChannelsWeightGrad,
  weightGradEstimates,
  type WeightGradAlgorithm,
} from './estimate-weight-grad.ts';
import { inputGrad } from './input-grad.ts';
import { getFloat32ConvPrecision } from './precision.ts';

export type { Algorithm } from './estimate.ts';
export type { WeightGradAlgorithm } from './estimate-weight-grad.ts';

/**
 * Those that add the products of a sum to its bias one after the other: with one input channel in the same order, so that
 * they give the same bits. Only there threads decide, as results must not depend on their number; and only there it
 * matters, as what has few parts are planes and panels of a depthwise convolution.
 */
export const inOrder: ReadonlySet<Algorithm> = new Set(['direct', 'channels', 'depthwise', 'across']);

/**
 * The algorithm that is estimated to take least on one thread; if there are others with the same results, the one of them
 * that takes least on so many: one plane, which `depthwise` takes as a whole, would leave all but one idle.
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

/** A weight's gradient: the algorithm that is estimated to take least, whatever the number of threads. */
export const chooseWeightGrad = (machine: Machine, correlation: Correlation): WeightGradAlgorithm => {
  const order = weightGradOrder(machine, correlation);
  if (order !== null) return order;
  return [...weightGradEstimates(machine, correlation)].reduce((a, b) => (b[1] < a[1] ? b : a))[0];
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
  if (ordered === 'channels') return isForChannelsWeightGrad(machine, correlation) ? ordered : null;
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
