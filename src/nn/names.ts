/** How PyTorch's texts name the types of values. */
import { dtypes } from '../dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import { Parameter } from '../tensor/parameter.ts';

/** `torch.FloatTensor`, `int`, `str`: Python's names where Python has the type, else the JavaScript constructor's. */
export const typeName = (value: unknown): string => {
  if (value instanceof Parameter) return 'torch.nn.parameter.Parameter';
  if (value instanceof Tensor) return dtypes[value.dtype].tensorType;
  switch (typeof value) {
    case 'number':
      return Number.isInteger(value) ? 'int' : 'float';
    case 'bigint':
      return 'int';
    case 'string':
      return 'str';
    case 'boolean':
      return 'bool';
    case 'undefined':
      return 'NoneType';
    case 'function':
      return value.constructor.name === 'Function' ? 'function' : value.constructor.name;
    default:
      if (value === null) return 'NoneType';
      return Array.isArray(value)
        ? 'list'
        : ((value as object).constructor?.name ?? 'dict').replace(/^Object$/, 'dict');
  }
};
