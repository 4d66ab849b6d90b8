/** Tensors as text. */
import { elementReader } from './host.ts';
import { formatTensor } from './print.ts';
import { getDefaultDtype } from './promotion.ts';
import type { Tensor } from './tensor.ts';

/** The tensor as PyTorch prints it. */
export const showTensor = (x: Tensor): string =>
  formatTensor({
    shape: x.shape,
    dtype: x.dtype,
    read: elementReader(x),
    device: x.device,
    requiresGrad: x.requiresGrad,
    gradFn: x.gradFn?.name ?? null,
    parameter: x.isParameter,
    defaultDtype: getDefaultDtype(),
  });
