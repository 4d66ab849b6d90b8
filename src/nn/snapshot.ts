/**
 * Modules as data, in place of Python's pickling: what a module is made of, in arrays, numbers and texts that
 * `structuredClone` and `postMessage` carry. A module comes back through a table of classes that the reader gives; nothing
 * in a snapshot is ever run.
 */
import type { Storage } from '../device/storage.ts';
import { dtypes, type DType } from '../dtype.ts';
import { ValueError } from '../errors.ts';
import { tensor as tensorOf } from '../tensor/create.ts';
import { Parameter } from '../tensor/parameter.ts';
import { Tensor } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import { bareModule, checkName, isRegistered } from './attributes.ts';
import { wholeStorage } from './copy.ts';
import { freshState, hookRegistries, type RegisteredModule } from './registries.ts';

/** A module and all below it as data. Modules, tensors and storages refer to each other by position. */
export interface ModuleSnapshot {
  readonly kind: 'millrace.Module';
  readonly version: 1;
  /** The module itself comes first. */
  readonly modules: readonly ModuleRecord[];
  readonly tensors: readonly TensorRecord[];
  readonly storages: readonly Uint8Array[];
}

type Named<T> = readonly (readonly [name: string, value: T])[];

export interface ModuleRecord {
  readonly class: string;
  readonly attributes: Named<SnapshotValue>;
  readonly parameters: Named<number | null>;
  readonly buffers: Named<number | null>;
  readonly modules: Named<number | null>;
  readonly nonPersistentBuffers: readonly string[];
}

export interface TensorRecord {
  readonly parameter: boolean;
  readonly requiresGrad: boolean;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** In elements. */
  readonly offset: number;
  readonly storage: number;
}

export type SnapshotValue =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | { readonly tensor: number }
  | { readonly module: number }
  | { readonly array: readonly SnapshotValue[] }
  | { readonly set: readonly SnapshotValue[] }
  | { readonly map: readonly (readonly [SnapshotValue, SnapshotValue])[] }
  | { readonly object: Named<SnapshotValue> }
  | { readonly bytes: ArrayBufferView<ArrayBuffer> };

/** `module.toSnapshot()`. @throws TypeError naming the attribute that is no data */
export const snapshotOf = (module: RegisteredModule): ModuleSnapshot => {
  const writer = new Writer();
  writer.module(module);
  if (writer.hooked) console.warn('The module hooks will not be remained after serializing');
  const { modules, tensors, storages } = writer;
  return { kind: 'millrace.Module', version: 1, modules, tensors, storages };
};

class Writer {
  readonly modules: ModuleRecord[] = [];
  readonly tensors: TensorRecord[] = [];
  readonly storages: Uint8Array[] = [];
  hooked = false;
  private readonly places = new Map<object, number>();
  private readonly open = new Set<object>();

  module(module: RegisteredModule): number {
    const known = this.places.get(module);
    if (known !== undefined) return known;
    const name = module._getName();
    if (name === '') throw new TypeError('toSnapshot: a class without a name could not be found again');
    this.hooked ||= hookRegistries.some((registry) => module[registry].size > 0);
    const place = this.modules.length;
    this.places.set(module, place);
    const attributes: [string, SnapshotValue][] = [];
    const members = <T, R>(registry: Map<string, T | null>, write: (member: T) => R): [string, R | null][] =>
      Array.from(registry, ([key, member]) => [key, member === null ? null : write(member)]);
    const record: { -readonly [K in keyof ModuleRecord]: ModuleRecord[K] } = {
      class: name,
      attributes,
      parameters: members(module._parameters, (parameter) => this.tensor(parameter, `${name}.parameters`)),
      buffers: members(module._buffers, (buffer) => this.tensor(buffer, `${name}.buffers`)),
      modules: [],
      nonPersistentBuffers: [...module._nonPersistentBuffers],
    };
    this.modules.push(record);
    record.modules = members(module._modules, (child) => this.module(child));
    for (const key of Object.keys(module)) {
      if (isRegistered(module, key)) continue;
      const value = (module as unknown as Readonly<Record<string, unknown>>)[key];
      attributes.push([key, this.value(value, `${name}.${key}`)]);
    }
    return place;
  }

  private tensor(tensor: Tensor, path: string): number {
    const known = this.places.get(tensor);
    if (known !== undefined) return known;
    if (!tensor.isLeaf)
      throw new TypeError(
        `toSnapshot: ${path} was computed from other tensors; keep it detached, or as a buffer`,
      );
    const { dtype, shape, strides, offset, requiresGrad } = tensor;
    const place = this.tensors.push({
      parameter: tensor instanceof Parameter,
      requiresGrad,
      dtype,
      shape: [...shape],
      strides: [...strides],
      offset,
      storage: this.storage(tensor),
    });
    this.places.set(tensor, place - 1);
    return place - 1;
  }

  private storage(tensor: Tensor): number {
    const known = this.places.get(tensor.storage);
    if (known !== undefined) return known;
    const place = this.storages.push(wholeStorage(tensor).toTypedArray() as Uint8Array) - 1;
    this.places.set(tensor.storage, place);
    return place;
  }

  private value(value: unknown, path: string): SnapshotValue {
    switch (typeof value) {
      case 'undefined':
      case 'boolean':
      case 'number':
      case 'bigint':
      case 'string':
        return value;
      case 'symbol':
        return refuse(path, value);
      default:
        if (value === null) return null;
        if (value instanceof Tensor) return { tensor: this.tensor(value, path) };
        if (typeof value === 'function') {
          return '_modules' in value
            ? { module: this.module(value as unknown as RegisteredModule) }
            : refuse(path, value);
        }
        return this.container(value as object, path);
    }
  }

  private container(value: object, path: string): SnapshotValue {
    if (ArrayBuffer.isView(value)) return { bytes: structuredClone(value) as ArrayBufferView<ArrayBuffer> };
    if (this.open.has(value)) throw new TypeError(`toSnapshot: ${path} contains itself`);
    this.open.add(value);
    try {
      if (Array.isArray(value))
        return { array: value.map((item, k) => this.value(item, `${path}[${String(k)}]`)) };
      if (value instanceof Set) return { set: Array.from(value, (item) => this.value(item, path)) };
      if (value instanceof Map) {
        return { map: Array.from(value, ([key, item]) => [this.value(key, path), this.value(item, path)]) };
      }
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) return refuse(path, value);
      return {
        object: Object.entries(value).map(([key, item]) => [key, this.value(item, `${path}.${key}`)]),
      };
    } finally {
      this.open.delete(value);
    }
  }
}

const refuse = (path: string, value: unknown): never => {
  throw new TypeError(`toSnapshot: ${path} is a ${typeName(value)}, which a snapshot cannot hold`);
};

/**
 * `Module.fromSnapshot()`: everything is checked before it is used.
 *
 * @param isModuleClass  whether a value of the table is a class of modules
 * @throws ValueError saying what is wrong with the snapshot
 */
export const moduleFrom = (
  snapshot: ModuleSnapshot,
  classes: Readonly<Record<string, unknown>>,
  isModuleClass: (value: unknown) => value is { readonly prototype: object },
): RegisteredModule => new Reader(snapshot, classes, isModuleClass).root();

class Reader {
  private readonly modules: readonly RegisteredModule[];
  private readonly tensors: readonly Tensor[];

  constructor(
    private readonly snapshot: ModuleSnapshot,
    classes: Readonly<Record<string, unknown>>,
    isModuleClass: (value: unknown) => value is { readonly prototype: object },
  ) {
    const { kind, version, modules, tensors, storages } = Object(snapshot) as Partial<ModuleSnapshot>;
    check(kind === 'millrace.Module', 'this is no snapshot of a module');
    check(version === 1, `version ${String(version)} is not known`);
    const memory = list(storages, 'storages').map((bytes) => {
      check(bytes instanceof Uint8Array, 'a storage is no Uint8Array');
      return tensorOf(bytes);
    });
    this.tensors = list(tensors, 'tensors').map((record) => readTensor(record, memory));
    this.modules = list(modules, 'modules').map(({ class: name }) => {
      check(typeof name === 'string', 'the name of a class is no text');
      const found = Object.hasOwn(classes, name) ? classes[name] : undefined;
      check(isModuleClass(found), `the table of classes has no module class '${name}'`);
      return bareModule(found.prototype) as RegisteredModule;
    });
    check(this.modules.length > 0, 'there is no module');
  }

  root(): RegisteredModule {
    this.modules.forEach((module, k) => {
      this.fill(module, this.snapshot.modules[k]!);
    });
    return this.modules[0]!;
  }

  private fill(module: RegisteredModule, record: ModuleRecord): void {
    const prototype = Object.getPrototypeOf(module) as object;
    const taken = new Set<string>();
    const take = (kind: string, name: string): void => {
      checkName(kind, name);
      check(!taken.has(name), `the name '${name}' is used twice`);
      taken.add(name);
    };
    for (const [name, place] of list(record.parameters, 'parameters')) {
      take('parameter', name);
      const parameter = place === null ? null : this.tensor(place);
      check(parameter === null || parameter instanceof Parameter, `'${name}' is no parameter`);
      module._parameters.set(name, parameter);
    }
    for (const [name, place] of list(record.buffers, 'buffers')) {
      take('buffer', name);
      module._buffers.set(name, place === null ? null : this.tensor(place));
    }
    for (const [name, place] of list(record.modules, 'modules')) {
      take('module', name);
      module._modules.set(name, place === null ? null : this.module(place));
    }
    for (const name of list(record.nonPersistentBuffers, 'nonPersistentBuffers')) {
      check(module._buffers.has(name), `'${name}' is no buffer`);
      module._nonPersistentBuffers.add(name);
    }
    for (const [name, value] of list(record.attributes, 'attributes')) {
      check(typeof name === 'string', 'the name of an attribute is no text');
      check(!taken.has(name), `the name '${name}' is used twice`);
      check(
        name === 'training' || (!ownState.has(name) && !(name in prototype)),
        `the attribute '${name}' would hide a member of ${module._getName()}`,
      );
      const attribute = { value: this.value(value), writable: true, enumerable: true, configurable: true };
      Reflect.defineProperty(module, name, attribute);
    }
    check(typeof module.training === 'boolean', "'training' is no boolean");
  }

  private tensor(place: unknown): Tensor {
    return at(this.tensors, place, 'tensor');
  }
  private module(place: unknown): RegisteredModule {
    return at(this.modules, place, 'module');
  }

  private value(value: SnapshotValue): unknown {
    if (typeof value !== 'object' || value === null) {
      check(typeof value !== 'function' && typeof value !== 'symbol', 'a value is no data');
      return value;
    }
    if ('tensor' in value) return this.tensor(value.tensor);
    if ('module' in value) return this.module(value.module);
    if ('array' in value) return list(value.array, 'array').map((item) => this.value(item));
    if ('set' in value) return new Set(list(value.set, 'set').map((item) => this.value(item)));
    if ('map' in value)
      return new Map(list(value.map, 'map').map(([key, item]) => [this.value(key), this.value(item)]));
    if ('object' in value)
      return Object.fromEntries(list(value.object, 'object').map(([key, item]) => [key, this.value(item)]));
    check(ArrayBuffer.isView(value.bytes), 'a value is of no known kind');
    return structuredClone(value.bytes);
  }
}

/** What every module has of itself, and no snapshot may put there. */
const ownState: ReadonlySet<string> = new Set(Object.keys(freshState()));

const readTensor = (record: TensorRecord, memory: readonly Tensor[]): Tensor => {
  const { dtype, shape, strides, offset, parameter, requiresGrad } = record;
  check(typeof dtype === 'string' && Object.hasOwn(dtypes, dtype), `the dtype ${dtype} is not known`);
  const whole = at(memory, record.storage, 'storage');
  const { storage } = whole;
  checkExtent(list(shape, 'shape'), list(strides, 'strides'), offset, storage, dtypes[dtype].bytes);
  const tensor = new Tensor(
    { storage, dtype, shape: [...shape], strides: [...strides], offset },
    whole.device,
  );
  check(
    typeof requiresGrad === 'boolean' && (!requiresGrad || tensor.isFloatingPoint()),
    'requiresGrad does not fit',
  );
  return parameter ? new Parameter(tensor, requiresGrad) : tensor.requiresGrad_(requiresGrad);
};

/** @throws ValueError when a tensor would reach beyond its storage */
const checkExtent = (
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  storage: Storage,
  bytes: number,
): void => {
  const natural = (n: unknown): boolean => Number.isSafeInteger(n) && (n as number) >= 0;
  check(
    shape.length === strides.length && [...shape, ...strides, offset].every(natural),
    'shape, strides and offset must be non-negative integers, one stride per axis',
  );
  const last = shape.includes(0)
    ? -1
    : shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
  check((last + 1) * bytes <= storage.byteLength, 'a tensor reaches beyond its storage');
};

const at = <T>(items: readonly T[], place: unknown, what: string): T => {
  check(
    Number.isInteger(place) && (place as number) >= 0 && (place as number) < items.length,
    `there is no ${what} ${String(place)}`,
  );
  return items[place as number]!;
};

const list = <T>(value: readonly T[] | undefined, what: string): readonly T[] => {
  const given: unknown = value;
  check(Array.isArray(given), `${what} is no array`);
  return given as readonly T[];
};

function check(condition: boolean, complaint: string): asserts condition {
  if (!condition) throw new ValueError(`fromSnapshot: ${complaint}`);
}
