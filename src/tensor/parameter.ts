import { RuntimeError } from '../errors.ts';
import { Tensor } from './tensor.ts';

/**
 * A tensor that a module learns: assigned to a module's attribute, it becomes one of the module's parameters.
 * Shares its data with the tensor that it is made from, and is always a leaf.
 *
 * @param requiresGrad  Default true.
 * @throws RuntimeError for an integer tensor that is to require gradients
 * @see torch.nn.Parameter
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, requiresGrad = true) {
    if (!(data instanceof Tensor)) throw new TypeError(`Parameter: expected a Tensor, got ${typeof data}`);
    if (requiresGrad && !data.isFloatingPoint()) {
      throw new RuntimeError('Only Tensors of floating point and complex dtype can require gradients');
    }
    super(data.data_, data.device, data.version_);
    this.requiresGrad_flag = requiresGrad;
  }

  override get isParameter(): true {
    return true;
  }
}
