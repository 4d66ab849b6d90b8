/** A folder of files: on disk, or handed over in a page as a map from paths to bytes. */
export interface Folder {
  /** For error messages. */
  readonly name: string;
  /** What lies directly in it. */
  entries(): readonly string[];
  /** Length of the file in bytes; null where there is no file. Path parts are separated by `/`. */
  size(path: string): number | null;
  /** @throws FileFormatError for what is no file of the folder's own, such as a link */
  read(path: string): Uint8Array;
}

/** @param files  `tensor_0/out` and so on, each with its bytes */
export const folderOf = (files: ReadonlyMap<string, Uint8Array>, name = 'folder'): Folder => ({
  name,
  entries: () => [...new Set(Array.from(files.keys(), (path) => path.split('/')[0]!))],
  size: (path) => files.get(path)?.length ?? null,
  read: (path) => files.get(path)!,
});
