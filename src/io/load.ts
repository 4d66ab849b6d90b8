/** Reading files of every kind. */
import { backendOf } from '../tensor/devices.ts';
import { FileFormatError, RuntimeError } from '../errors.ts';
import { to } from '../ops/copies.ts';
import { hasDisk, openPath } from './disk.ts';
import { folderOf, type Folder } from './folder.ts';
import { Loading, type Relocation } from './loading.ts';
import { recognise, recogniseFolder } from './recognise.ts';
import type { StateDict } from './state-dict.ts';

export interface LoadOptions {
  /**
   * Where tensors go: a device, or a function of each tensor and the place that the file has for it (`'cuda:0'`; null
   * where the format has none) that returns the tensor to take. Default: the CPU, wherever they were saved.
   */
  readonly mapLocation?: string | Relocation | undefined;
  /** Whether files of PyTorch's are read as well. Default true. */
  readonly supportPytorchFormat?: boolean | undefined;
}

/** Where a file is: a path (in a page an address), or what it has. A map from paths to bytes stands for a folder. */
export type LoadSource =
  string | URL | Uint8Array | ArrayBuffer | Blob | Response | ReadonlyMap<string, Uint8Array>;

/**
 * Reads a file, whatever its format: PyTorch's (`torch.save`, old and new), OneFlow's (file, directory, snapshot),
 * safetensors, NumPy's `.npy` and `.npz`.
 *
 *     net.loadStateDict(await flow.load('resnet18.pt'));
 *
 * Nothing in a file is ever run. A pickle may name tensors and the containers they lie in; whatever else it names is
 * refused, by name. Sizes are compared with the length of the file before memory is taken.
 *
 * Dictionaries arrive as Maps, those of type OrderedDict as `StateDict`s; lists as arrays, tuples as frozen arrays; None
 * as null; ints as numbers, or bigints where numbers are not exact. Views of one storage are views of one storage
 * again. int16 and uint16 become int32, uint32 becomes int64.
 *
 * @typeParam T  what the file is expected to hold; not checked. Default: a state dictionary.
 * @throws FileFormatError naming the file and saying what is wrong in it, and where
 * @see torch.load, oneflow.load
 */
export const load = async <T = StateDict>(source: LoadSource, options: LoadOptions = {}): Promise<T> => {
  const { content, name } = await open(source);
  return loadFrom<T>(content, name, options);
};

/**
 * The same from bytes that are there already.
 *
 * @throws FileFormatError saying what is wrong, and where
 */
export const loadBytes = <T = StateDict>(bytes: Uint8Array | ArrayBuffer, options: LoadOptions = {}): T =>
  loadFrom<T>(asBytes(bytes), null, options);

// Not a Buffer: its slice() does not copy.
const asBytes = (bytes: Uint8Array | ArrayBuffer): Uint8Array =>
  bytes instanceof ArrayBuffer
    ? new Uint8Array(bytes)
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Opened {
  readonly content: Uint8Array | Folder;
  /** For error messages; null where there is no name. */
  readonly name: string | null;
}

const open = async (source: LoadSource): Promise<Opened> => {
  if (source instanceof ArrayBuffer || source instanceof Uint8Array) {
    return { content: asBytes(source), name: null };
  }
  if (source instanceof Map)
    return { content: folderOf(source as ReadonlyMap<string, Uint8Array>), name: null };
  if (typeof Response !== 'undefined' && source instanceof Response) return fetched(source, source.url);
  if (typeof Blob !== 'undefined' && source instanceof Blob) {
    const name = 'name' in source && typeof source.name === 'string' ? source.name : null;
    return { content: new Uint8Array(await source.arrayBuffer()), name };
  }
  if (typeof source !== 'string' && !(source instanceof URL)) {
    throw new TypeError(
      `load: expected a path, a URL, bytes, a Blob, a Response or a Map of files, got ${typeName(source)}`,
    );
  }
  const onDisk =
    source instanceof URL ? source.protocol === 'file:' : hasDisk() && !/^(https?|data|blob):/.test(source);
  if (onDisk) return { content: await openPath(source), name: String(source) };
  return fetched(await fetch(source), String(source));
};

const fetched = async (response: Response, name: string): Promise<Opened> => {
  if (!response.ok) throw new RuntimeError(`load: ${name} answers ${response.status} ${response.statusText}`);
  return { content: new Uint8Array(await response.arrayBuffer()), name };
};

const typeName = (value: unknown): string =>
  typeof value === 'object' && value !== null ? value.constructor.name : String(value);

const loadFrom = <T>(content: Uint8Array | Folder, name: string | null, options: LoadOptions): T => {
  const { mapLocation, supportPytorchFormat = true } = options;
  const place = placement(mapLocation);
  try {
    const found = content instanceof Uint8Array ? recognise(content) : recogniseFolder(content);
    if (typeof found === 'string') throw new FileFormatError(cannotLoad(name, found));
    if (found.format === 'pytorch' && !supportPytorchFormat) {
      throw new FileFormatError(cannotLoad(name, "it is PyTorch's, and supportPytorchFormat is false"));
    }
    const length = content instanceof Uint8Array ? content.length : folderLength(content);
    const loading = new Loading(length, place);
    return loading.guard(() => found.read(loading)) as T;
  } catch (error) {
    if (!(error instanceof FileFormatError) || error.message.startsWith('Cannot load') || name === null)
      throw error;
    throw new FileFormatError(`${name}: ${error.message}`, { cause: error });
  }
};

/** OneFlow's words, and why. */
const cannotLoad = (name: string | null, reason: string): string =>
  `${name === null ? 'Cannot load the data' : `Cannot load file "${name}"`}: ${reason}`;

/** What is in a folder's pickle; each tensor's file is compared with its own length. */
const folderLength = (folder: Folder): number => folder.size('pickled_data') ?? 0;

const placement = (mapLocation: string | Relocation | undefined): Relocation | null => {
  if (mapLocation === undefined) return null;
  if (typeof mapLocation === 'function') return mapLocation;
  backendOf(mapLocation);
  return (tensor) => to(tensor, mapLocation);
};
