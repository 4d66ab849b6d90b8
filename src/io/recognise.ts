/** Which format a file has, by its first bytes, whatever it is called. */
import type { Folder } from './folder.ts';
import type { Loading } from './loading.ts';
import { isNpy, isNpz, parseNpy, parseNpz } from './npy.ts';
import {
  oneflowFolderKind,
  parseOneflowDirectory,
  parseOneflowSingle,
  parseOneflowSnapshot,
} from './oneflow.ts';
import { opcodes } from './pickle-opcodes.ts';
import { isSafetensors, safetensorsInto } from './state.ts';
import { isTorchLegacy, parseTorchLegacy } from './torch-legacy.ts';
import { isTorchZip, parseTorchZip } from './torch-zip.ts';
import type { SavedValue } from './values.ts';
import { ZipArchive } from './zip.ts';

/** A format that was recognised, and how to read on. */
export interface Recognised {
  readonly format: 'pytorch' | 'oneflow' | 'safetensors' | 'numpy';
  readonly read: (loading: Loading) => SavedValue;
}

/** @returns what the format is, or a remark on what the file seems to be */
export const recognise = (bytes: Uint8Array): Recognised | string => {
  // First, for its first bytes are a length and may be anything.
  if (isSafetensors(bytes))
    return { format: 'safetensors', read: (loading) => safetensorsInto(bytes, loading) };
  if (isTorchLegacy(bytes)) return { format: 'pytorch', read: (loading) => parseTorchLegacy(bytes, loading) };
  if (isNpy(bytes)) return { format: 'numpy', read: (loading) => parseNpy(bytes, loading) };
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) return recogniseZip(new ZipArchive(bytes));
  if (bytes[0] === opcodes.PROTO)
    return { format: 'oneflow', read: (loading) => parseOneflowSingle(bytes, loading) };
  if (isTar(bytes)) return 'it is a tar archive, as PyTorch before 0.2 wrote; save it again with a newer one';
  return 'it is none of a PyTorch, OneFlow, safetensors or NumPy file';
};

const recogniseZip = (archive: ZipArchive): Recognised | string => {
  if (isTorchZip(archive)) return { format: 'pytorch', read: (loading) => parseTorchZip(archive, loading) };
  if (isNpz(archive)) return { format: 'numpy', read: (loading) => parseNpz(archive, loading) };
  return 'it is a zip archive with neither data.pkl nor NumPy arrays alone in it';
};

export const recogniseFolder = (folder: Folder): Recognised | string => {
  switch (oneflowFolderKind(folder)) {
    case 'snapshot':
      return { format: 'oneflow', read: (loading) => parseOneflowSnapshot(folder, loading) };
    case 'directory':
      return { format: 'oneflow', read: (loading) => parseOneflowDirectory(folder, loading) };
    case null:
      return 'it is a folder with neither pickled_data nor snapshot_done in it';
  }
};

/** @see POSIX.1-1988, ustar */
const isTar = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes.subarray(257, 262)) === 'ustar';
