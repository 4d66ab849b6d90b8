/** `Backend`'s convolutions on a CPU, but for 16-bit floats: see `../half.ts`. */
import type { ConvGeometry, Epilogue } from '../../device/backend.ts';
import { currentTarget } from '../../device/target.ts';
import { getNumThreads } from '../../device/threads/number.ts';
import type { View } from '../../device/view.ts';
import {
  chooseCorrelation,
  chooseInputGrad,
  chooseWeightGrad,
  type Algorithm,
  type WeightGradAlgorithm,
} from './choose.ts';
import type { Correlation } from './correlation.ts';
import { acrossCorrelation } from './across.ts';
import { apartInputGrad } from './apart.ts';
import { channelsCorrelation } from './channels.ts';
import { channelsWeightGrad } from './channels-weight-grad.ts';
import { depthwiseCorrelation } from './depthwise.ts';
import { depthwiseInputGrad } from './depthwise-input-grad.ts';
import { depthwiseWeightGrad } from './depthwise-weight-grad.ts';
import { directCorrelation } from './direct.ts';
import { directWeightGrad } from './direct-weight-grad.ts';
import { forward } from './forward.ts';
import { implicitCorrelation } from './implicit.ts';
import { inputGrad } from './input-grad.ts';
import { paddedOnce } from './padded-once.ts';
import { implicitWeightGrad } from './weight-grad.ts';
import { winogradCorrelation } from './winograd/index.ts';
import { winogradWeightGrad } from './winograd/weight-grad.ts';

export const conv2d = (
  out: View,
  input: View,
  weight: View,
  bias: View | null,
  geometry: ConvGeometry,
  epilogue?: Epilogue,
): void => {
  const correlation = forward(out, input, weight, bias, geometry);
  correlate(epilogue === undefined ? correlation : { ...correlation, epilogue });
};

export const conv2dInputGrad = (gradInput: View, grad: View, weight: View, geometry: ConvGeometry): void => {
  switch (chooseInputGrad(currentTarget().machine, gradInput, grad, weight, geometry)) {
    case 'depthwise':
      depthwiseInputGrad(gradInput, grad, weight, geometry);
      break;
    case 'apart':
      apartInputGrad(gradInput, grad, weight, geometry);
      break;
    case 'parts':
      paddedOnce(inputGrad(gradInput, grad, weight, geometry), correlate);
  }
};

export const conv2dWeightGrad = (gradWeight: View, grad: View, input: View, geometry: ConvGeometry): void => {
  const correlation = forward(grad, input, gradWeight, null, geometry);
  weightGrads[chooseWeightGrad(currentTarget().machine, correlation)](gradWeight, grad, input, geometry);
};

const correlate = (correlation: Correlation): void => {
  correlations[chooseCorrelation(currentTarget().machine, correlation, getNumThreads())](correlation);
};

const correlations: Readonly<Record<Algorithm, (correlation: Correlation) => void>> = {
  implicit: implicitCorrelation,
  direct: directCorrelation,
  channels: channelsCorrelation,
  depthwise: depthwiseCorrelation,
  across: acrossCorrelation,
  winograd2: (correlation) => {
    winogradCorrelation(correlation, 2);
  },
  winograd4: (correlation) => {
    winogradCorrelation(correlation, 4);
  },
};

const weightGrads: Readonly<Record<WeightGradAlgorithm, typeof implicitWeightGrad>> = {
  implicit: implicitWeightGrad,
  direct: directWeightGrad,
  channels: channelsWeightGrad,
  depthwise: depthwiseWeightGrad,
  winograd2: (...args) => {
    winogradWeightGrad(...args, 2);
  },
  winograd4: (...args) => {
    winogradWeightGrad(...args, 4);
  },
};
