/**
 * PyTorch's files since 1.6: a zip archive with one folder, in which `data.pkl` is the pickled object and `data/0`,
 * `data/1` … are the storages of its tensors, whole, so that views of one storage are views of one storage again.
 *
 * @see torch/serialization.py, `_save` and `_load`
 */
import { bytesOf } from '../device/memory.ts';
import type { Storage } from '../device/storage.ts';
import { dtypes, type DType } from '../dtype.ts';
import { FileFormatError, RuntimeError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Cursor } from './cursor.ts';
import { bytesInFile, storeElements, type ElementType } from './elements.ts';
import { refuse, type Loading } from './loading.ts';
import { unpickle } from './pickle.ts';
import { Call, GlobalName, PersistentId, pickle, tuple } from './pickle-writer.ts';
import { storageClassOf, storageId, StoredElements, torchNames } from './torch-names.ts';
import { decodeUtf8, quoted } from './text.ts';
import type { SavedValue } from './values.ts';
import type { ZipArchive } from './zip.ts';
import { writeZip, zipEntry } from './zip-writer.ts';

const PICKLE = 'data.pkl';
/** What torch.load reads; 1.13 writes 3. */
const VERSIONS = { lowest: 1, highest: 10 };

/** Whether a zip archive is one of PyTorch's. */
export const isTorchZip = (archive: ZipArchive): boolean =>
  archive.names.some((name) => name === PICKLE || name.endsWith(`/${PICKLE}`));

/** @throws FileFormatError saying what is wrong, and where */
export const parseTorchZip = (archive: ZipArchive, loading: Loading): SavedValue => {
  const folder = topFolder(archive);
  checkMembers(archive, folder);
  const storages = new Map<string, StoredElements>();

  const persistent = (id: readonly unknown[]): StoredElements => {
    const { elements, key, location, count, view } = storageId(id);
    if (view.length > 0) refuse('a persistent id of more than five items');
    const known = storages.get(key);
    if (known !== undefined) {
      if (known.elements !== elements || known.count !== count) {
        refuse(
          `storage ${quoted(key)} of ${count} ${elements}, which was of ${known.count} ${known.elements} before`,
        );
      }
      return known;
    }
    const stored = new StoredElements(readStorage(key, elements, count), elements, 0, count, location);
    storages.set(key, stored);
    return stored;
  };

  const readStorage = (key: string, elements: ElementType, count: number): Storage => {
    const name = `${folder}data/${key}`;
    if (!archive.has(name)) refuse(`storage ${quoted(key)} is not in the archive`);
    const size = archive.sizeOf(name);
    if (size !== count * bytesInFile(elements)) {
      refuse(`storage ${quoted(key)} of ${count} ${elements} in ${size} bytes`);
    }
    return loading.own(storeElements(elements, archive.read(name), name));
  };

  const cursor = new Cursor(archive.read(folder + PICKLE), PICKLE);
  const value = unpickle(cursor, {
    names: torchNames(loading),
    persistent,
    spend: (bytes) => loading.spend(bytes),
  });
  if (cursor.remaining > 0) cursor.fail(`${cursor.remaining} bytes after the end`);
  return value;
};

/** The one folder in which everything lies, with its slash. */
const topFolder = (archive: ZipArchive): string => {
  const found = archive.names.find((name) => name === PICKLE || name.endsWith(`/${PICKLE}`))!;
  const folder = found.slice(0, -PICKLE.length);
  const stray = archive.names.find((name) => !name.startsWith(folder));
  if (folder.indexOf('/') !== folder.length - 1 || stray !== undefined) {
    throw new FileFormatError(
      `zip archive: entry ${quoted(stray ?? found)} lies outside of the one top folder`,
    );
  }
  return folder;
};

const checkMembers = (archive: ZipArchive, folder: string): void => {
  if (archive.has(`${folder}constants.pkl`)) {
    throw new FileFormatError('a TorchScript archive, which holds a program; save its state_dict() instead');
  }
  const packed = archive.names.find((name) => !archive.isStored(name));
  if (packed !== undefined) {
    throw new FileFormatError(`zip entry ${quoted(packed)} is compressed, which PyTorch's files never are`);
  }
  const text = (name: string): string | undefined =>
    archive.has(folder + name) ? (decodeUtf8(archive.read(folder + name)) ?? '').trim() : undefined;
  const order = text('byteorder');
  if (order !== undefined && order !== 'little') {
    throw new FileFormatError(`byteorder is ${quoted(order)}; only files in little-endian order are read`);
  }
  const version = text('version') ?? '';
  if (!/^\d{1,3}$/.test(version) || Number(version) < VERSIONS.lowest || Number(version) > VERSIONS.highest) {
    throw new FileFormatError(
      `version is ${quoted(version)}, expected a number from ${VERSIONS.lowest} to ${VERSIONS.highest}`,
    );
  }
};

const rebuildTensor = new GlobalName('torch._utils', '_rebuild_tensor_v2');
const rebuildParameter = new GlobalName('torch._utils', '_rebuild_parameter');

/**
 * A file that torch.load reads, byte for byte as torch.save of PyTorch 1.13 writes it.
 *
 * @param folder  the top folder's name; torch.save takes the file's name without its ending
 * @throws RuntimeError for tensors of different dtypes on one storage
 */
export const serializeTorchZip = (value: unknown, folder = 'archive'): Uint8Array<ArrayBuffer> => {
  const storages = new Map<Storage, { readonly key: string; readonly dtype: DType }>();

  const keyOf = ({ storage, dtype }: Tensor): string => {
    const known = storages.get(storage);
    if (known === undefined) {
      const key = String(storages.size);
      storages.set(storage, { key, dtype });
      return key;
    }
    if (known.dtype !== dtype) {
      throw new RuntimeError(
        'Cannot save multiple tensors or storages that view the same data as different types',
      );
    }
    return known.key;
  };

  const rebuild = (tensor: Tensor, requiresGrad: boolean): Call => {
    const { storage, dtype, shape, strides, offset } = tensor;
    const count = storage.byteLength / dtypes[dtype].bytes;
    const type = new GlobalName('torch', storageClassOf(dtype));
    const id = new PersistentId(tuple('storage', type, keyOf(tensor), 'cpu', count));
    return new Call(rebuildTensor, [id, offset, tuple(...shape), tuple(...strides), requiresGrad, noHooks()]);
  };

  const data = pickle(value, (tensor) =>
    tensor.isParameter
      ? new Call(rebuildParameter, [rebuild(tensor, false), tensor.requiresGrad, noHooks()])
      : rebuild(tensor, tensor.requiresGrad),
  );
  return writeZip([
    zipEntry(`${folder}/${PICKLE}`, data),
    ...Array.from(storages, ([storage, { key }]) => ({
      name: `${folder}/data/${key}`,
      size: storage.byteLength,
      read: () => bytesOf(storage),
    })),
    zipEntry(`${folder}/version`, new TextEncoder().encode('3\n')),
  ]);
};

const noHooks = (): Call => new Call(new GlobalName('collections', 'OrderedDict'), []);
