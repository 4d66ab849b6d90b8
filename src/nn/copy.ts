/** Deep copies of modules. */
import { noGrad } from '../autograd/mode.ts';
import type { Storage } from '../device/storage.ts';
import { RuntimeError } from '../errors.ts';
import { clone } from '../ops/copies.ts';
import { Parameter } from '../tensor/parameter.ts';
import { Tensor } from '../tensor/tensor.ts';
import { bareModule, isRegistered } from './attributes.ts';
import { hookRegistries, type RegisteredModule } from './registries.ts';

/** What was copied, by its original: so that what is shared in the original is shared in the copy. */
type Copies = Map<object, unknown>;

/**
 * A module like this one, of the same class, with parameters, buffers, children and attributes of its own, and the same
 * functions as hooks. Its constructor is not run.
 *
 * @see copy.deepcopy of a torch.nn.Module
 */
export const copyModule = <M extends RegisteredModule>(module: M, copies: Copies = new Map()): M => {
  const copy = bareModule(Object.getPrototypeOf(module) as object) as M;
  copies.set(module, copy);
  for (const key of Reflect.ownKeys(module)) {
    const { value, enumerable } = Reflect.getOwnPropertyDescriptor(module, key)!;
    if (enumerable && !isRegistered(module, key)) define(copy, key, copyValue(value, copies));
  }
  for (const [name, parameter] of module._parameters)
    copy._parameters.set(name, copyValue(parameter, copies) as Parameter | null);
  for (const [name, buffer] of module._buffers)
    copy._buffers.set(name, copyValue(buffer, copies) as Tensor | null);
  for (const [name, child] of module._modules)
    copy._modules.set(name, copyValue(child, copies) as RegisteredModule | null);
  for (const name of module._nonPersistentBuffers) copy._nonPersistentBuffers.add(name);
  for (const registry of hookRegistries) {
    for (const [id, hook] of module[registry]) (copy[registry] as Map<number, unknown>).set(id, hook);
  }
  copy._isFullBackwardHook = module._isFullBackwardHook;
  return copy;
};

/** Functions, and objects of classes that we know nothing of, are shared with the original. */
const copyValue = (value: unknown, copies: Copies): unknown => {
  if ((typeof value !== 'object' || value === null) && !isModule(value)) return value;
  if (copies.has(value)) return copies.get(value);
  if (isModule(value)) return copyModule(value, copies);
  const remember = <T extends object>(copy: T): T => {
    copies.set(value, copy);
    return copy;
  };
  if (value instanceof Tensor) return remember(copyTensor(value, copies));
  if (Array.isArray(value)) {
    const copy = remember<unknown[]>([]);
    for (const item of value as unknown[]) copy.push(copyValue(item, copies));
    return copy;
  }
  if (value instanceof Map) {
    const copy = remember(new Map<unknown, unknown>());
    for (const [key, item] of value as Map<unknown, unknown>)
      copy.set(copyValue(key, copies), copyValue(item, copies));
    return copy;
  }
  if (value instanceof Set) {
    const copy = remember(new Set<unknown>());
    for (const item of value as Set<unknown>) copy.add(copyValue(item, copies));
    return copy;
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Date)
    return remember(structuredClone(value));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  const copy = remember(Object.create(prototype) as object);
  for (const key of Reflect.ownKeys(value)) define(copy, key, copyValue(Reflect.get(value, key), copies));
  return copy;
};

/** Also for keys such as `__proto__`, which an assignment would take for something else. */
const define = (object: object, key: PropertyKey, value: unknown): void => {
  Reflect.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
};

const isModule = (value: unknown): value is RegisteredModule =>
  typeof value === 'function' && '_modules' in value && '_parameters' in value;

/**
 * A parameter's copy has memory of its own and no gradient; other tensors share their memory in the copy as they do in
 * the original, and keep their gradient.
 */
const copyTensor = (tensor: Tensor, copies: Copies): Tensor => {
  if (!tensor.isLeaf) {
    throw new RuntimeError(
      'Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment',
    );
  }
  if (tensor instanceof Parameter) {
    return new Parameter(
      noGrad(() => clone(tensor.detach())),
      tensor.requiresGrad,
    );
  }
  const storage = copyStorage(tensor, copies);
  const copy = new Tensor({ ...tensor.data_, storage }, tensor.device);
  if (tensor.requiresGrad) copy.requiresGrad_();
  if (tensor.grad !== null) copy.grad = copyValue(tensor.grad, copies) as Tensor;
  return copy;
};

const copyStorage = (tensor: Tensor, copies: Copies): Storage => {
  const known = copies.get(tensor.storage) as Storage | undefined;
  if (known !== undefined) return known;
  const { storage } = noGrad(() => clone(wholeStorage(tensor)));
  copies.set(tensor.storage, storage);
  return storage;
};

/** All bytes that a tensor's storage has, as a tensor of them. */
export const wholeStorage = ({ storage, device }: Tensor): Tensor =>
  new Tensor({ storage, dtype: 'uint8', shape: [storage.byteLength], strides: [1], offset: 0 }, device);
