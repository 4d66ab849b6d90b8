/**
 * Attributes of modules: what is assigned decides where it is kept. A parameter, buffer or child is found under its
 * name like any attribute, in the order of registration also when the name looks like a number.
 */
import { KeyError } from '../errors.ts';
import { Parameter } from '../tensor/parameter.ts';
import { Tensor } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import { freshState, type Members, type RegisteredModule, type Registries } from './registries.ts';

/** The class of modules, told by module.ts so that this file need not import it. */
let moduleClass: new () => object;
export const nameModuleClass = (base: new () => object): void => {
  moduleClass = base;
};

/** @throws TypeError, KeyError for what cannot be the name of a parameter or buffer */
export const checkName = (kind: string, name: string): void => {
  if (typeof name !== 'string') throw new TypeError(`${kind} name should be a string. Got ${typeName(name)}`);
  if (name.includes('.')) throw new KeyError(`${kind} name can't contain "."`);
  if (name === '') throw new KeyError(`${kind} name can't be empty string ""`);
};

/** Whether a name is that of a parameter, buffer or child, also of an empty one. */
export const isRegistered = (target: Members, key: string | symbol): boolean =>
  typeof key === 'string' &&
  (target._parameters.has(key) || target._buffers.has(key) || target._modules.has(key));

/** What is registered under a name, also where a property read gives the class's own member. */
export const registeredMember = (target: Members, key: string): unknown =>
  target._parameters.get(key) ?? target._buffers.get(key) ?? target._modules.get(key) ?? null;

/** `module.attributeNames()`: what the module has, and its classes up to Module. */
export const attributeNames = (module: Members): string[] => {
  const names = new Set(Object.keys(module));
  let level = Object.getPrototypeOf(module) as object;
  for (; level !== Object.prototype; level = Object.getPrototypeOf(level) as object) {
    for (const name of Object.getOwnPropertyNames(level)) names.add(name);
  }
  names.delete('constructor');
  return [...names].sort();
};

/** Removes a name from the registry that has it. */
const unregister = (target: Registries, key: string): void => {
  if (target._parameters.delete(key)) return;
  if (target._buffers.delete(key)) target._nonPersistentBuffers.delete(key);
  else target._modules.delete(key);
};

/** Keeps an attribute under the rules of torch.nn.Module.__setattr__; false when it is an ordinary one. */
const keep = (target: Registries, key: string, value: unknown): boolean => {
  const empty = value === null || value === undefined;
  if (value instanceof Parameter) {
    checkName('parameter', key);
    if (key in (Object.getPrototypeOf(target) as object))
      throw new KeyError(`attribute '${key}' already exists`);
    forget(target, key, [target._buffers, target._modules]);
    target._parameters.set(key, value);
    return true;
  }
  if (target._parameters.has(key)) {
    if (!empty) {
      throw new TypeError(
        `cannot assign '${typeName(value)}' as parameter '${key}' (torch.nn.Parameter or None expected)`,
      );
    }
    target._parameters.set(key, null);
    return true;
  }
  if (value instanceof moduleClass) {
    forget(target, key, [target._parameters, target._buffers]);
    target._modules.set(key, value as RegisteredModule);
    return true;
  }
  if (target._modules.has(key)) {
    if (!empty) {
      throw new TypeError(
        `cannot assign '${typeName(value)}' as child module '${key}' (torch.nn.Module or None expected)`,
      );
    }
    target._modules.set(key, null);
    return true;
  }
  if (target._buffers.has(key)) {
    if (!empty && !(value instanceof Tensor)) {
      throw new TypeError(
        `cannot assign '${typeName(value)}' as buffer '${key}' (torch.Tensor or None expected)`,
      );
    }
    target._buffers.set(key, value ?? null);
    return true;
  }
  return false;
};

/** A name that becomes a parameter or child is no longer an ordinary attribute, nor another kind of member. */
const forget = (target: Registries, key: string, registries: readonly Map<string, unknown>[]): void => {
  Reflect.deleteProperty(target, key);
  for (const registry of registries) registry.delete(key);
  target._nonPersistentBuffers.delete(key);
};

type Target = Registries & (() => void);

/** The traps of a module's proxy. Calls run the module; everything else is about attributes. */
const attributeHandler: ProxyHandler<() => void> = {
  apply(target, _, args: unknown[]) {
    const module = proxies.get(target) as { call(...args: unknown[]): unknown };
    return module.call(...args);
  },
  get(target, key, receiver) {
    const value = Reflect.get(target, key, receiver) as unknown;
    // Who awaits a module must not run its child of that name: `then` is never a member.
    if (value !== undefined || key === 'then' || key in target || !isRegistered(target as Target, key))
      return value;
    return registeredMember(target as Target, key as string);
  },
  set(target, key, value: unknown, receiver) {
    if (typeof key === 'string' && keep(target as Target, key, value)) return true;
    const own = Reflect.getOwnPropertyDescriptor(target, key);
    if (own === undefined && key in target) return Reflect.set(target, key, value, receiver);
    const attribute = { value, writable: true, configurable: true, enumerable: own?.enumerable ?? true };
    return Reflect.defineProperty(target, key, attribute);
  },
  // Class fields are defined, not assigned.
  defineProperty(target, key, descriptor) {
    if (typeof key === 'string' && 'value' in descriptor && keep(target as Target, key, descriptor.value))
      return true;
    return Reflect.defineProperty(target, key, descriptor);
  },
  has: (target, key) => key in target || isRegistered(target as Target, key),
  deleteProperty(target, key) {
    if (!isRegistered(target as Target, key)) return Reflect.deleteProperty(target, key);
    unregister(target as Target, key as string);
    return true;
  },
  ownKeys(target) {
    const { _parameters, _buffers, _modules } = target as Target;
    return [
      ...new Set([...Reflect.ownKeys(target), ..._parameters.keys(), ..._buffers.keys(), ..._modules.keys()]),
    ];
  },
  getOwnPropertyDescriptor(target, key) {
    if (!isRegistered(target as Target, key)) return Reflect.getOwnPropertyDescriptor(target, key);
    const value = registeredMember(target as Target, key as string);
    return { value, writable: true, configurable: true, enumerable: true };
  },
};

/** From a proxy's target to the proxy, so that a call runs on the module as users know it. */
const proxies = new WeakMap<object, object>();

/** A module of a class, without anything registered. Its constructor is not run. */
export const bareModule = (prototype: object): object => {
  // The proxy's target is a function, so that instances can be called; its prototype is the class's all the same.
  const target = (): void => undefined;
  Reflect.deleteProperty(target, 'name');
  Reflect.deleteProperty(target, 'length');
  Object.setPrototypeOf(target, prototype);
  Object.defineProperties(target, freshState());
  const proxy = new Proxy(target, attributeHandler);
  proxies.set(target, proxy);
  return proxy;
};
