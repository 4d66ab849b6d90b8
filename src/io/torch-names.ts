/** The names that tensors need in PyTorch's pickles. @see torch/_utils.py, torch/storage.py */
import type { Storage } from '../device/storage.ts';
import { isFloatingPoint, type DType } from '../dtype.ts';
import { Parameter } from '../tensor/parameter.ts';
import { Tensor } from '../tensor/tensor.ts';
import { dtypeOf, type ElementType } from './elements.ts';
import { isWhole, refuse, type Loading } from './loading.ts';
import { isTuple, PickledName, type PickleNames } from './pickle.ts';
import { arrayTensor, callable, containerNames, numpyNames } from './pickle-names.ts';

/** `torch.FloatStorage` and its like: what a persistent id says of the elements. */
export class StorageClass extends PickledName {
  constructor(
    name: string,
    readonly elements: ElementType,
  ) {
    super(`torch.${name}`, null);
  }
}

/** PyTorch's storages; int16 becomes int32 here, since tensors have no int16. */
const storageElements: Readonly<Record<string, ElementType>> = {
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
};

/** The name of a dtype's storages: `FloatStorage`. */
export const storageClassOf = (dtype: DType): string =>
  Object.keys(storageElements).find((name) => storageElements[name] === dtype)!;

/** Types that PyTorch names, as text. */
const dtypeNames = [
  ...Object.values(storageElements),
  'complex32',
  'complex64',
  'complex128',
  'uint16',
  'uint32',
  'uint64',
];

/** A storage, or a part of it, as a persistent id has it. */
export class StoredElements {
  constructor(
    readonly storage: Storage,
    readonly elements: ElementType,
    /** In elements. */
    readonly offset: number,
    readonly count: number,
    /** `cpu`, `cuda:0`: where it lay when it was saved. */
    readonly location: string,
  ) {}
}

/** What a persistent id says, checked for its types only. */
export interface StorageId {
  readonly elements: ElementType;
  readonly key: string;
  readonly location: string;
  readonly count: number;
  /** The rest of the tuple. */
  readonly view: readonly unknown[];
}

/** @throws FileFormatError for anything but `("storage", class, key, location, number of elements, …)` */
export const storageId = (id: readonly unknown[]): StorageId => {
  const [kind, type, key, location, count, ...view] = id;
  if (kind !== 'storage') return refuse('a persistent id that is not of a storage');
  if (!(type instanceof StorageClass)) return refuse('a storage of a class that is none');
  if (typeof key !== 'string' || typeof location !== 'string')
    return refuse('a storage without key and location');
  if (!isWhole(count)) return refuse('a storage whose number of elements is not a whole number');
  return { elements: type.elements, key, location, count, view };
};

/** A tensor of torch._utils._rebuild_tensor_v2, and what its makers pass on beside it. */
const rebuildTensor = (loading: Loading, args: readonly unknown[]): Tensor => {
  const [stored, offset, shape, strides, requiresGrad = false, hooks, metadata] = args;
  if (!(stored instanceof StoredElements)) return refuse('a tensor without a storage');
  if (!isWhole(offset)) return refuse('an offset that is not a whole number');
  if (typeof requiresGrad !== 'boolean') return refuse('a requires_grad that is not a bool');
  checkEmpty(hooks, 'hooks');
  checkEmpty(metadata, 'metadata');
  const { storage, elements, count, location } = stored;
  const dtype = dtypeOf(elements);
  const part = { storage, dtype, first: stored.offset, count, offset, shape, strides };
  const tensor = loading.strided(part, location);
  if (requiresGrad) {
    checkDifferentiable(tensor);
    tensor.requiresGrad = true;
  }
  return tensor;
};

const rebuildParameter = (data: unknown, requiresGrad: unknown, hooks: unknown): Parameter => {
  if (!(data instanceof Tensor)) return refuse('a parameter that is not made of a tensor');
  if (typeof requiresGrad !== 'boolean') return refuse('a requires_grad that is not a bool');
  checkEmpty(hooks, 'hooks');
  if (requiresGrad) checkDifferentiable(data);
  return new Parameter(data, requiresGrad);
};

/** @throws FileFormatError for an integer tensor that is to have a gradient */
export const checkDifferentiable = (tensor: Tensor): void => {
  if (!isFloatingPoint(tensor.dtype)) refuse(`a tensor of ${tensor.dtype} that requires gradients`);
};

const checkEmpty = (value: unknown, what: string): void => {
  const empty = value === undefined || value === null || (value instanceof Map && value.size === 0);
  if (!empty) refuse(`a tensor with ${what}`);
};

export const torchNames = (loading: Loading): PickleNames =>
  new Map<string, unknown>([
    ...containerNames(loading),
    ...numpyNames((array) => arrayTensor(loading, array)),
    ...Object.entries(storageElements).map(
      ([name, elements]) => [`torch.${name}`, new StorageClass(name, elements)] as const,
    ),
    ...dtypeNames.map((name) => [`torch.${name}`, name] as const),
    callable('torch._utils._rebuild_tensor', (...args) => rebuildTensor(loading, args.slice(0, 4))),
    callable('torch._utils._rebuild_tensor_v2', (...args) => rebuildTensor(loading, args)),
    callable('torch._utils._rebuild_parameter', rebuildParameter),
    callable('torch.Size', (sizes) =>
      isTuple(sizes) ? sizes : refuse('a torch.Size that is not of a tuple'),
    ),
    callable('torch.device', (type, index) => {
      if (typeof type !== 'string') return refuse('a torch.device that is not named by text');
      return typeof index === 'number' ? `${type}:${index}` : type;
    }),
  ]);
