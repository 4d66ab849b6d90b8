/** Modules in other dtypes, on other devices, in other memory formats. */
import { noGrad } from '../autograd/mode.ts';
import { dtypes, isFloatingPoint, type DType } from '../dtype.ts';
import { RuntimeError } from '../errors.ts';
import { checkDevice } from '../tensor/devices.ts';
import { Tensor, type MemoryFormat } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import type { Registries } from './registries.ts';

/** What `module.to` changes; what is absent stays. */
export interface ModuleToOptions {
  /** Where all parameters and buffers go. */
  readonly device?: string | undefined;
  /** What floating-point parameters and buffers become. */
  readonly dtype?: DType | undefined;
  /** How 4-D parameters and buffers lie in memory. */
  readonly memoryFormat?: MemoryFormat | undefined;
  /** Gives its device and dtype, unless those are given too. */
  readonly tensor?: Tensor | undefined;
}

/** A device or a dtype, as text. */
export type DeviceOrDType = DType | (string & {});

const isDType = (value: unknown): value is DType => typeof value === 'string' && Object.hasOwn(dtypes, value);
const memoryFormats: ReadonlySet<unknown> = new Set<MemoryFormat>([
  'contiguous_format',
  'channels_last',
  'preserve_format',
]);

/**
 * The overloads of `module.to` as one object.
 *
 * @throws TypeError for a combination that is none of them, and for a dtype that is not floating-point
 * @throws RuntimeError for a text that names no device
 */
export const toTarget = (args: readonly unknown[]): Omit<ModuleToOptions, 'tensor'> => {
  const target = overload(args);
  if (target.device !== undefined) checkDevice(target.device);
  if (target.dtype !== undefined && !isFloatingPoint(target.dtype)) {
    throw new TypeError(
      `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.${target.dtype}`,
    );
  }
  return target;
};

const overload = (args: readonly unknown[]): Omit<ModuleToOptions, 'tensor'> => {
  const [first, second] = args.map((arg) => arg ?? undefined);
  if (args.length <= 2) {
    if (first === undefined)
      return isDType(second) ? { dtype: second } : second === undefined ? {} : refuse(args);
    if (typeof first === 'string' && !isDType(first)) {
      if (second === undefined) return { device: first };
      if (isDType(second)) return { device: first, dtype: second };
    } else if (second === undefined) {
      if (isDType(first)) return { dtype: first };
      if (first instanceof Tensor) return { device: first.device, dtype: first.dtype };
      if (typeof first === 'object') return named(first);
    }
  }
  return refuse(args);
};

const refuse = (args: readonly unknown[]): never => {
  throw new TypeError(
    `to() received an invalid combination of arguments - got (${args.map(typeName).join(', ')}), but expected one of:\n` +
      ' * (device, dtype)\n * (dtype)\n * (tensor)\n * ({ device, dtype, memoryFormat, tensor })\n',
  );
};

const optionNames: ReadonlySet<string> = new Set(['device', 'dtype', 'memoryFormat', 'tensor']);

const named = (options: ModuleToOptions): Omit<ModuleToOptions, 'tensor'> => {
  for (const name of Object.keys(options)) {
    if (!optionNames.has(name))
      throw new TypeError(`to(): unknown option '${name}'; known are ${[...optionNames].join(', ')}`);
  }
  const { tensor, memoryFormat } = options;
  if (tensor !== undefined && !(tensor instanceof Tensor))
    throw new TypeError(`to(): option 'tensor' must be Tensor, not ${typeName(tensor)}`);
  const device = options.device ?? tensor?.device;
  const dtype = options.dtype ?? tensor?.dtype;
  if (device !== undefined && typeof device !== 'string')
    throw new TypeError(`to(): option 'device' must be string, not ${typeName(device)}`);
  if (dtype !== undefined && !isDType(dtype))
    throw new TypeError(
      `to(): option 'dtype' must be one of ${Object.keys(dtypes).join(', ')}, not ${dtype as string}`,
    );
  if (memoryFormat !== undefined && !memoryFormats.has(memoryFormat)) {
    throw new TypeError(
      `to(): option 'memoryFormat' must be one of ${[...memoryFormats].join(', ')}, not ${memoryFormat as string}`,
    );
  }
  return { device, dtype, memoryFormat };
};

/** `module.cuda(device)`: a number counts GPUs. @throws RuntimeError for what is no GPU */
export const cudaDevice = (device?: number | string | null): string => {
  if (device === undefined || device === null) return 'cuda';
  if (typeof device === 'number') {
    if (!Number.isInteger(device) || device < 0)
      throw new RuntimeError(`Invalid device ordinal ${String(device)}, must be a non-negative integer`);
    return `cuda:${String(device)}`;
  }
  checkDevice(device);
  if (!device.startsWith('cuda')) throw new RuntimeError('Invalid device, must be cuda device');
  return device;
};

/**
 * A module's own parameters and buffers by `f` of them. A parameter stays the same object with other data, as does its
 * gradient; a buffer is replaced. `applied` knows what was converted already, so that what is shared stays shared.
 *
 * @see torch.nn.Module._apply
 */
export const applyToOwn = (
  module: Registries,
  f: (tensor: Tensor) => Tensor,
  applied: Map<Tensor, Tensor>,
): void => {
  for (const parameter of module._parameters.values()) {
    if (parameter === null || applied.has(parameter)) continue;
    applied.set(parameter, parameter);
    noGrad(() => {
      parameter.data = f(parameter);
      const { grad } = parameter;
      if (grad !== null) grad.data = f(grad);
    });
  }
  for (const [name, buffer] of module._buffers) {
    if (buffer === null) continue;
    let converted = applied.get(buffer);
    if (converted === undefined) applied.set(buffer, (converted = checked(f(buffer))));
    module._buffers.set(name, converted);
  }
};

const checked = (value: unknown): Tensor => {
  if (value instanceof Tensor) return value;
  throw new TypeError(`_apply: the function must return a Tensor, got ${typeName(value)}`);
};
