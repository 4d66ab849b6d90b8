/** Writing files. */
import { ValueError } from '../errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { writeFile, writeFolder } from './disk.ts';
import { serializeNpy, serializeNpz } from './npy.ts';
import { serializeOneflowDirectory } from './oneflow.ts';
import { isStateful, type Stateful } from './pickle-writer.ts';
import { saveSafetensors } from './state.ts';
import { serializeTorchZip } from './torch-zip.ts';
import type { SavedValue } from './values.ts';

/** Formats that are one file. */
export type FileFormat = 'pt' | 'safetensors' | 'npy' | 'npz';
/** Those, and OneFlow's directory. */
export type SaveFormat = FileFormat | 'oneflow';

/**
 * What can be saved: values, tensors among them, in arrays, Maps, plain objects and Sets; and modules, or whatever else
 * has a `stateDict()`, which is what is saved of them.
 */
export type Savable =
  | SavedValue
  | Stateful
  | readonly Savable[]
  | ReadonlyMap<string | number, Savable>
  | { readonly [key: string]: Savable };

export interface SaveOptions<Format extends SaveFormat = SaveFormat> {
  /**
   * - `'pt'`: PyTorch's zip format, for `torch.load`. Views of one storage stay so, and the whole storage is written.
   * - `'safetensors'`, `'npz'`: named tensors and nothing else, each written in full.
   * - `'npy'`: one tensor.
   * - `'oneflow'`: OneFlow's directory, for `oneflow.load`; each tensor is written in full.
   *
   * Default: by the path's ending, `.safetensors`, `.npy` or `.npz`; `'pt'` for any other.
   */
  readonly format?: Format | undefined;
}

const formats = ['pt', 'safetensors', 'npy', 'npz', 'oneflow'] as const satisfies readonly SaveFormat[];

/**
 * Writes a file.
 *
 *     await flow.save(net, 'net.pt');
 *     await flow.save({ model: net, epoch: 3 }, 'checkpoint.pt');
 *     await flow.save(net, 'net.safetensors');
 *
 * In `'pt'` and `'oneflow'` whole numbers become Python's ints and others floats, arrays lists (frozen ones tuples), Maps
 * and plain objects dicts. Gradients and the tape are not saved.
 *
 * @param path  of the file or, for `'oneflow'`, of the folder, which is made if it is not there
 * @throws TypeError naming the value that cannot be saved
 * @throws ValueError for a format that is not known, or that has no such dtype
 * @throws RuntimeError in a page, where there are no paths: see `saveBytes`
 * @see torch.save, oneflow.save
 */
export const save = async (value: Savable, path: string, options: SaveOptions = {}): Promise<void> => {
  if (typeof path !== 'string') throw new TypeError(`save: path is a ${typeof path}, expected a string`);
  const format = checkFormat(options.format ?? formatOf(path));
  if (format === 'oneflow') return writeFolder(path, serializeOneflowDirectory(value));
  return writeFile(path, serialize(value, format, stemOf(path)));
};

/**
 * The bytes that `save` would write; for pages, `new Blob([flow.saveBytes(net)])`.
 *
 * @param options.format  Default `'pt'`.
 * @throws as `save`
 */
export const saveBytes = (value: Savable, options: SaveOptions<FileFormat> = {}): Uint8Array<ArrayBuffer> => {
  const format: SaveFormat = checkFormat(options.format ?? 'pt');
  if (format === 'oneflow')
    throw new ValueError("saveBytes: format 'oneflow' is a folder of files; see save");
  return serialize(value, format, 'archive');
};

const checkFormat = (format: SaveFormat): SaveFormat => {
  if (formats.includes(format)) return format;
  throw new ValueError(`save: format is '${format as string}', expected one of ${formats.join(', ')}`);
};

const formatOf = (path: string): FileFormat => {
  const ending = /\.(safetensors|npy|npz)$/.exec(path)?.[1];
  return (ending as FileFormat | undefined) ?? 'pt';
};

/** The file's name without folders and without its last ending, as torch.save names the folder in its archives. */
const stemOf = (path: string): string => {
  const name = path.split(/[\\/]/).at(-1)!;
  return name.replace(/(?<=.)\.[^.]*$/, '') || 'archive';
};

const serialize = (value: Savable, format: FileFormat, folder: string): Uint8Array<ArrayBuffer> => {
  switch (format) {
    case 'pt':
      return serializeTorchZip(value, folder);
    case 'safetensors':
      return saveSafetensors(namedTensors(value, format), { format: 'pt' });
    case 'npz':
      return serializeNpz(namedTensors(value, format));
    case 'npy':
      if (!(value instanceof Tensor))
        throw new TypeError("save: format 'npy' holds one tensor and nothing else");
      return serializeNpy(value);
  }
};

/** @throws TypeError for anything but tensors under names */
const namedTensors = (value: unknown, format: string): ReadonlyMap<string, Tensor> => {
  const state = isStateful(value) ? value.stateDict() : value;
  if (typeof state !== 'object' || state === null || state instanceof Tensor || Array.isArray(state)) {
    throw new TypeError(`save: format '${format}' holds tensors under names`);
  }
  const entries: [unknown, unknown][] =
    state instanceof Map ? [...(state as Map<unknown, unknown>)] : Object.entries(state);
  for (const [name, tensor] of entries) {
    if (typeof name !== 'string' || !(tensor instanceof Tensor)) {
      throw new TypeError(`save: format '${format}' holds tensors under names, which ${String(name)} is not`);
    }
  }
  return new Map(entries as [string, Tensor][]);
};
