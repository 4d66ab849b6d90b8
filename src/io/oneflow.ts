/**
 * OneFlow's files. One pickle `{"protocol_version": 1, "__oneflow__": None, "data": …}`, either alone, with the tensors
 * as NumPy's arrays in it, or as `pickled_data` in a folder with the tensors beside it. The oldest form, a snapshot, is
 * a folder of tensors without a pickle.
 *
 * @see python/oneflow/framework/check_point_v2.py of OneFlow
 */
import { elementCount } from '../device/view.ts';
import { FileFormatError } from '../errors.ts';
import { Parameter } from '../tensor/parameter.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Cursor } from './cursor.ts';
import {
  bytesInFile,
  dtypeOf,
  elementBytes,
  storeAsBfloat16,
  storeElements,
  type ElementType,
} from './elements.ts';
import type { Folder } from './folder.ts';
import { refuse, type Loading } from './loading.ts';
import { elementsOfNumber, parseMeta, writeMeta } from './oneflow-meta.ts';
import { Draft, unpickle, type PickleNames } from './pickle.ts';
import { arrayTensor, containerNames, creatable, NumpyArray, numpyNames } from './pickle-names.ts';
import { GlobalName, NewObject, pickle } from './pickle-writer.ts';
import { StateDict } from './state-dict.ts';
import { quoted } from './text.ts';
import { checkDifferentiable } from './torch-names.ts';
import type { SavedValue } from './values.ts';

const PICKLE = 'pickled_data';
const SNAPSHOT = 'snapshot_done';
const VERSION = 1;

/** A folder with a pickle, or a snapshot? Null for neither. */
export const oneflowFolderKind = (folder: Folder): 'directory' | 'snapshot' | null => {
  if (folder.size(PICKLE) !== null) return 'directory';
  return folder.size(SNAPSHOT) !== null ? 'snapshot' : null;
};

/** @throws FileFormatError saying what is wrong, and where */
export const parseOneflowSingle = (bytes: Uint8Array, loading: Loading): SavedValue =>
  parse(bytes, 'OneFlow file', loading, inlineTensor);

/** @throws FileFormatError saying what is wrong, and where */
export const parseOneflowDirectory = (folder: Folder, loading: Loading): SavedValue => {
  const used = new Set<string>();
  return parse(folder.read(PICKLE), PICKLE, loading, (state) => {
    const path: unknown = state.get('path');
    if (typeof path !== 'string') return refuse('a tensor without a path');
    if (!/^[\w.-]+$/.test(path) || /^\.+$/.test(path))
      refuse(`the path ${quoted(path)}, which is no plain name`);
    if (used.has(path)) refuse(`two tensors with the path ${quoted(path)}`);
    used.add(path);
    return externalTensor(folder, path, loading) ?? refuse(`no file ${quoted(`${path}/out`)}`);
  });
};

/** Tensors by the names of their folders. */
export const parseOneflowSnapshot = (folder: Folder, loading: Loading): StateDict => {
  const tensors = new StateDict();
  for (const name of [...folder.entries()].sort()) {
    // A folder without elements is none of a tensor.
    const tensor = externalTensor(folder, name, loading);
    if (tensor !== null) tensors.set(name, tensor);
  }
  return tensors;
};

/** How a tensor comes from its state in the pickle. */
type TensorOf = (state: ReadonlyMap<unknown, unknown>, loading: Loading) => Tensor;

const parse = (bytes: Uint8Array, source: string, loading: Loading, tensorOf: TensorOf): SavedValue => {
  const cursor = new Cursor(bytes, source);
  const saved = unpickle(cursor, {
    names: oneflowNames(loading, tensorOf),
    spend: (size) => loading.spend(size),
  });
  if (cursor.remaining > 0) cursor.fail(`${cursor.remaining} bytes after the end`);
  if (!(saved instanceof Map) || !saved.has('data'))
    return cursor.fail("not a dictionary with the key 'data'");
  const version: unknown = saved.get('protocol_version');
  if (version !== VERSION) cursor.fail(`protocol version ${String(version)}, expected ${VERSION}`);
  return (saved as ReadonlyMap<string, SavedValue>).get('data')!;
};

/** OneFlow's dtype, a number in a pickle. */
class OneflowDtype {
  constructor(readonly elements: ElementType) {}
}

const oneflowNames = (loading: Loading, tensorOf: TensorOf): PickleNames => {
  const tensor = (state: unknown): Tensor =>
    state instanceof Map ? tensorOf(state, loading) : refuse('a tensor whose state is not a dict');
  return new Map<string, unknown>([
    ...containerNames(loading),
    ...numpyNames((array) => array),
    creatable('oneflow.Tensor', () => new Draft('oneflow.Tensor', tensor)),
    creatable(
      'oneflow.nn.Parameter',
      () =>
        // Whether it required a gradient is not saved.
        new Draft('oneflow.nn.Parameter', (state) => {
          const data = tensor(state);
          checkDifferentiable(data);
          return new Parameter(data);
        }),
    ),
    creatable(
      'oneflow._oneflow_internal.dtype',
      () =>
        new Draft('oneflow._oneflow_internal.dtype', (state) => new OneflowDtype(elementsOfNumber(state))),
    ),
  ]);
};

/** A tensor from an array in the pickle itself. A global one (with `placement` and `sbp`) is here whole as well. */
const inlineTensor: TensorOf = (state, loading) => {
  const [array, dtype, device] = ['data', 'dtype', 'device'].map((key) => state.get(key));
  if (!(array instanceof NumpyArray)) return refuse('a tensor without an array');
  if (!(dtype instanceof OneflowDtype)) return refuse('a tensor without a dtype');
  const location = typeof device === 'string' ? device : null;
  // NumPy has no bfloat16: OneFlow writes float32.
  if (dtype.elements === 'bfloat16' && array.type.elements === 'float32') {
    loading.spend(array.bytes.length);
    const storage = loading.own(storeAsBfloat16(array.bytes));
    return loading.ordered(storage, 'bfloat16', array.shape, array.fortranOrder, location);
  }
  if (dtype.elements !== array.type.elements) {
    refuse(`a tensor of ${dtype.elements} whose array is of ${array.type.elements}`);
  }
  return arrayTensor(loading, array, location);
};

/** A tensor from a folder of its own; null where it has no elements. */
const externalTensor = (folder: Folder, name: string, loading: Loading): Tensor | null => {
  const [out, meta] = [`${name}/out`, `${name}/meta`];
  const size = folder.size(out);
  if (size === null) return null;
  if (folder.size(meta) === null) throw new FileFormatError(`${name}: no file ${quoted(meta)}`);
  let facts;
  try {
    facts = parseMeta(folder.read(meta));
  } catch (error) {
    if (!(error instanceof FileFormatError)) throw error;
    throw new FileFormatError(`${meta}: ${error.message}`);
  }
  const { elements, shape } = facts;
  const expected = elementCount(shape) * bytesInFile(elements);
  const checkSize = (bytes: number): void => {
    if (bytes === expected) return;
    throw new FileFormatError(
      `${out}: ${bytes} bytes, expected ${expected} for ${elements} [${shape.join(', ')}]`,
    );
  };
  checkSize(size);
  const bytes = folder.read(out);
  checkSize(bytes.length); // somebody may be writing it
  const storage = loading.own(storeElements(elements, bytes, out));
  return loading.ordered(storage, dtypeOf(elements), shape);
};

const tensorClass = new GlobalName('oneflow', 'Tensor');
const parameterClass = new GlobalName('oneflow.nn', 'Parameter');

/**
 * The files of OneFlow's directory format, by their paths. Tensors that share memory are each written in full; the same
 * tensor in several places is written once.
 */
export const serializeOneflowDirectory = (value: unknown): Map<string, Uint8Array> => {
  const files = new Map<string, Uint8Array>();
  let next = 0;
  const saved = new Map([
    ['protocol_version', VERSION],
    ['__oneflow__', null],
    ['data', value],
  ]);
  const data = pickle(saved, (tensor) => {
    const path = `tensor_${next++}`;
    files.set(`${path}/out`, elementBytes(tensor));
    files.set(`${path}/meta`, writeMeta(tensor.dtype, tensor.shape));
    return new NewObject(tensor.isParameter ? parameterClass : tensorClass, new Map([['path', path]]));
  });
  return files.set(PICKLE, data);
};
