/**
 * NumPy's array files: `.npy`, one array, and `.npz`, a zip archive of such files.
 *
 * @see numpy/lib/format.py
 */
import { FileFormatError, ValueError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ByteWriter } from './byte-writer.ts';
import { Cursor } from './cursor.ts';
import { dtypeOf, elementBytes } from './elements.ts';
import { checkShape, type Loading } from './loading.ts';
import { numpyElements, numpyTypeOf, parseNumpyType } from './numpy-types.ts';
import { arrayTensor, NumpyArray } from './pickle-names.ts';
import { StateDict } from './state-dict.ts';
import { quoted } from './text.ts';
import type { ZipArchive } from './zip.ts';
import { writeZip, zipEntry } from './zip-writer.ts';

/** `\x93NUMPY` */
const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** NumPy's own limit. */
const MAX_HEADER = 10_000;
/** Elements begin at a multiple of this. */
const ALIGNMENT = 64;
/** What all arrays of an archive may take: as much as one tensor. */
const MAX_BYTES = 2 ** 31;

export const isNpy = (bytes: Uint8Array): boolean => MAGIC.every((byte, k) => bytes[k] === byte);

/** Whether a zip archive holds nothing but arrays. */
export const isNpz = (archive: ZipArchive): boolean => archive.names.every((name) => name.endsWith('.npy'));

/** @throws FileFormatError saying what is wrong, and where */
export const parseNpy = (bytes: Uint8Array, loading: Loading, source = 'npy file'): Tensor => {
  const cursor = new Cursor(bytes, source);
  if (!isNpy(bytes)) cursor.fail('not an npy file');
  cursor.position = MAGIC.length;
  const [major, minor] = [cursor.u8(), cursor.u8()];
  if (major < 1 || major > 3 || minor !== 0) cursor.fail(`version ${major}.${minor} of the format`);
  const length = major === 1 ? cursor.u16() : cursor.u32();
  if (length > MAX_HEADER) cursor.fail(`a header of ${length} bytes; at most ${MAX_HEADER} are allowed`);
  const header = parseHeader(cursor.text(length)) ?? cursor.fail('a header that is not as NumPy writes it');
  try {
    const type = parseNumpyType(header.descr);
    const shape = checkShape(header.shape, dtypeOf(type.elements));
    const elements = numpyElements(type, shape, cursor.take(cursor.remaining));
    return arrayTensor(loading, new NumpyArray(type, shape, header.fortranOrder, elements));
  } catch (error) {
    if (!(error instanceof FileFormatError)) throw error;
    throw new FileFormatError(`${source}: ${error.message}`);
  }
};

interface Header {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

const pair = /\s*['"](\w{1,20})['"]\s*:\s*(?:['"]([^'"]*)['"]|(True|False)|\(([\d\s,L]*)\))\s*(,|(?=\}))/y;

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, in any order; null for anything else. */
const parseHeader = (text: string): Header | null => {
  const whole = /^\s*\{/.exec(text);
  const found = new Map<string, string>();
  pair.lastIndex = whole?.[0].length ?? text.length;
  for (let end = pair.lastIndex, match = pair.exec(text); ; match = pair.exec(text)) {
    if (match === null) {
      pair.lastIndex = 0;
      if (!/^\s*\}\s*$/.test(text.slice(end))) return null;
      break;
    }
    end = pair.lastIndex;
    const [, key, string, bool, tuple] = match as unknown as [string, string, ...(string | undefined)[]];
    if (found.has(key)) return null;
    found.set(key, string ?? bool ?? tuple ?? '');
  }
  const [descr, order, shape] = [found.get('descr'), found.get('fortran_order'), found.get('shape')];
  if (descr === undefined || shape === undefined || found.size !== 3) return null;
  if (order !== 'True' && order !== 'False') return null;
  const numbers = shape.split(',').map((part) => part.trim().replace(/L$/, ''));
  if (numbers.at(-1) === '') numbers.pop(); // (3,) and ()
  if (!numbers.every((part) => /^\d+$/.test(part))) return null;
  return { descr, fortranOrder: order === 'True', shape: numbers.map(Number) };
};

/** @throws FileFormatError saying what is wrong, and where */
export const parseNpz = (archive: ZipArchive, loading: Loading): StateDict => {
  const total = archive.names.reduce((sum, name) => sum + archive.sizeOf(name), 0);
  if (total > MAX_BYTES)
    throw new FileFormatError(`npz file: ${total} bytes of arrays; at most ${MAX_BYTES} are read`);
  loading.grant(total);
  const tensors = new StateDict();
  for (const name of archive.names) {
    tensors.set(
      name.replace(/\.npy$/, ''),
      parseNpy(archive.read(name), loading, `npz entry ${quoted(name)}`),
    );
  }
  return tensors;
};

/** @throws ValueError for bfloat16, which NumPy does not have */
export const serializeNpy = (tensor: Tensor): Uint8Array<ArrayBuffer> => {
  const type = numpyTypeOf(tensor.dtype);
  if (type === undefined) {
    throw new ValueError(`NumPy has no ${tensor.dtype}; convert to another dtype first: x.to('float32')`);
  }
  const { shape } = tensor;
  const sizes = shape.length === 1 ? `${shape[0]!},` : shape.join(', ');
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const fixed = MAGIC.length + 4;
  const length = Math.ceil((fixed + text.length + 1) / ALIGNMENT) * ALIGNMENT - fixed;
  const out = new ByteWriter();
  out.raw(MAGIC);
  out.raw([1, 0]);
  out.u16(length);
  out.raw(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`));
  out.raw(elementBytes(tensor));
  return out.finish();
};

/** @throws ValueError for bfloat16, which NumPy does not have */
export const serializeNpz = (tensors: ReadonlyMap<string, Tensor>): Uint8Array<ArrayBuffer> =>
  writeZip(Array.from(tensors, ([name, tensor]) => zipEntry(`${name}.npy`, serializeNpy(tensor))));
