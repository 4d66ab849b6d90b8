/** Files on disk, where there are disks: in Node, Bun and Deno. */
import type * as nodeFs from 'node:fs';
import { FileFormatError, RuntimeError } from '../errors.ts';
import type { Folder } from './folder.ts';

type Fs = typeof nodeFs;

/** The runtime's modules; undefined in pages. Not by imports of node: modules, at which bundlers for pages would stop. */
const builtin = <Id extends 'node:fs' | 'node:url'>(id: Id) =>
  (globalThis.process as Partial<NodeJS.Process> | undefined)?.getBuiltinModule?.(id);

export const hasDisk = (): boolean => builtin('node:fs') !== undefined;

const fileSystem = (): Fs => {
  const fs = builtin('node:fs');
  if (fs === undefined) {
    throw new RuntimeError('there are no files here; load bytes, a Blob or a URL, and save with saveBytes');
  }
  return fs;
};

/** What one array can hold. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * What lies at a path: a file's bytes, or a folder.
 *
 * @throws FileFormatError for a file of more than 2 GiB, and for what is neither, such as a pipe
 * @throws the runtime's own error when there is nothing
 */
export const openPath = async (path: string | URL): Promise<Uint8Array | Folder> => {
  const fs = fileSystem();
  const name = path instanceof URL ? builtin('node:url')!.fileURLToPath(path) : path;
  const facts = await fs.promises.stat(name);
  if (facts.isDirectory()) return diskFolder(fs, name);
  if (!facts.isFile()) throw new FileFormatError(`${name}: neither a file nor a folder`);
  checkLength(name, facts.size);
  return plain(await fs.promises.readFile(name));
};

const diskFolder = (fs: Fs, root: string): Folder => {
  /** Where a file of the folder's own is; null where there is none. Links could lead anywhere. */
  const locate = (path: string): string | null => {
    let at = root;
    let isFile = false;
    for (const part of path.split('/')) {
      at = `${at}/${part}`;
      const facts: nodeFs.Stats | undefined = isFile
        ? undefined
        : fs.lstatSync(at, { throwIfNoEntry: false });
      if (facts === undefined) return null;
      if (facts.isSymbolicLink()) {
        throw new FileFormatError(`${path}: a link, which could lead out of the folder`);
      }
      isFile = facts.isFile();
      if (!isFile && !facts.isDirectory()) throw new FileFormatError(`${path}: neither a file nor a folder`);
    }
    return isFile ? at : null;
  };

  const size = (path: string): number | null => {
    const at = locate(path);
    return at === null ? null : fs.statSync(at).size;
  };

  return {
    name: root,
    entries: () => fs.readdirSync(root),
    size,
    read: (path) => {
      checkLength(path, size(path) ?? 0);
      return plain(fs.readFileSync(`${root}/${path}`));
    },
  };
};

/** @throws FileFormatError when a file is longer than an array can be */
const checkLength = (name: string, bytes: number): void => {
  if (bytes > MAX_BYTES)
    throw new FileFormatError(`${name}: ${bytes} bytes; at most ${MAX_BYTES} can be read`);
};

/** Not a Buffer: its slice() does not copy. */
const plain = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const writeFile = (path: string, bytes: Uint8Array): Promise<void> =>
  fileSystem().promises.writeFile(path, bytes);

/**
 * Writes files one after another into a folder, which is made if it is not there.
 *
 * @param files  by their names, or names in one folder below: `tensor_0/out`
 */
export const writeFolder = async (path: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> => {
  const fs = fileSystem().promises;
  for (const [name, bytes] of files) {
    await fs.mkdir(`${path}/${name.split('/').slice(0, -1).join('/')}`, { recursive: true });
    await fs.writeFile(`${path}/${name}`, bytes);
  }
};
