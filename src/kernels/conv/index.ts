/** `Backend`'s convolutions on a CPU. */
import type { ConvGeometry } from '../../device/backend.ts';
import { currentTarget } from '../../device/target.ts';
import type { View } from '../../device/view.ts';
import { chooseCorrelation, chooseWeightGrad } from './choose.ts';
import type { Correlation } from './correlation.ts';
import { directCorrelation } from './direct.ts';
import { directWeightGrad } from './direct-weight-grad.ts';
import { forward } from './forward.ts';
import { implicitCorrelation } from './implicit.ts';
import { inputGrad } from './input-grad.ts';
import { implicitWeightGrad, inWideType } from './weight-grad.ts';

export const conv2d = (
  out: View,
  input: View,
  weight: View,
  bias: View | null,
  geometry: ConvGeometry,
): void => {
  correlate(forward(out, input, weight, bias, geometry));
};

export const conv2dInputGrad = (gradInput: View, grad: View, weight: View, geometry: ConvGeometry): void => {
  for (const part of inputGrad(gradInput, grad, weight, geometry)) correlate(part);
};

export const conv2dWeightGrad = (gradWeight: View, grad: View, input: View, geometry: ConvGeometry): void => {
  inWideType(gradWeight, (out) => {
    const algorithms = { implicit: implicitWeightGrad, direct: directWeightGrad };
    const [, channels, , width] = grad.shape as [number, number, number, number];
    const algorithm = chooseWeightGrad(currentTarget().machine, channels / geometry.groups, width);
    algorithms[algorithm](out, grad, input, geometry);
  });
};

const correlate = (correlation: Correlation): void => {
  const algorithms = { implicit: implicitCorrelation, direct: directCorrelation };
  algorithms[chooseCorrelation(correlation.taps.out.size)](correlation);
};
