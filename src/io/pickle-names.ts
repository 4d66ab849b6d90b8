/** The names that containers and NumPy's arrays need in pickles. */
import { dtypeOf, storeElements } from './elements.ts';
import { checkShape, refuse, type Loading } from './loading.ts';
import { parseNumpyType, numpyElements, type NumpyType } from './numpy-types.ts';
import { checkKey, Draft, isTuple, PickledName } from './pickle.ts';
import { StateDict } from './state-dict.ts';
import { PickledComplex } from './values.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A function under a name, which gets the arguments of a call. */
export const callable = (
  name: string,
  call: (...args: readonly unknown[]) => unknown,
): readonly [string, PickledName] => [name, new PickledName(name, (args) => call(...args))];

/** A class under a name, whose objects get their state after they are made. */
export const creatable = (name: string, create: () => Draft): readonly [string, PickledName] => [
  name,
  new PickledName(name, null, create),
];

/** Dictionaries, sets, bytes and complex numbers, in Python 2's names (which protocol 2 uses) and Python 3's. */
export const containerNames = (loading: Loading): readonly (readonly [string, unknown])[] => [
  callable('collections.OrderedDict', (...args) =>
    args.length === 0 ? new StateDict() : refuse('an OrderedDict made with arguments'),
  ),
  callable('_codecs.encode', (text, encoding) => {
    if (typeof text !== 'string' || encoding !== 'latin1')
      return refuse('_codecs.encode of other than latin1');
    loading.spend(text.length);
    return Uint8Array.from(text, (c) =>
      c <= 'ÿ' ? c.charCodeAt(0) : refuse('latin1 text with other letters'),
    );
  }),
  ...['__builtin__', 'builtins'].flatMap((module) => [
    callable(`${module}.set`, (items) => {
      if (!Array.isArray(items)) return refuse('a set made of what is no list');
      loading.spend(items.length);
      return new Set<unknown>(items.map(checkKey));
    }),
    callable(`${module}.complex`, (real, imag) =>
      typeof real === 'number' && typeof imag === 'number'
        ? new PickledComplex(real, imag)
        : refuse('a complex number not made of two numbers'),
    ),
    callable(`${module}.bytes`, (...args) =>
      args.length === 0 ? new Uint8Array() : refuse('bytes made with arguments'),
    ),
  ]),
];

/** An array of NumPy's as it lies in a pickle. */
export class NumpyArray {
  constructor(
    readonly type: NumpyType,
    readonly shape: readonly number[],
    readonly fortranOrder: boolean,
    /** Little-endian. */
    readonly bytes: Uint8Array,
  ) {}
}

/** The type of a NumPy array in a pickle, once its byte order is known. */
class NumpyDtype {
  constructor(readonly type: NumpyType) {}
}

/** The class of arrays, which pickles only name. */
const ndarray = new PickledName('numpy.ndarray', null);

/** NumPy's arrays. @param use  what becomes of an array */
export const numpyNames = (use: (array: NumpyArray) => unknown): readonly (readonly [string, unknown])[] => [
  ['numpy.ndarray', ndarray],
  callable('numpy.dtype', (code) => {
    if (typeof code !== 'string') return refuse('a numpy.dtype that is not named by text');
    return new Draft('numpy.dtype', (state) => {
      const order = isTuple(state) ? state[1] : undefined;
      if (typeof order !== 'string' || !isTuple(state) || (state[2] ?? state[3] ?? state[4]) !== null) {
        return refuse('a numpy.dtype with fields');
      }
      return new NumpyDtype(parseNumpyType(order + code));
    });
  }),
  // NumPy 2 has renamed the module.
  ...['numpy.core.multiarray', 'numpy._core.multiarray'].map((module) =>
    callable(`${module}._reconstruct`, (type) =>
      type === ndarray
        ? new Draft('numpy.ndarray', (state) => use(numpyArray(state)))
        : refuse('an array that is not a numpy.ndarray'),
    ),
  ),
];

const numpyArray = (state: unknown): NumpyArray => {
  const [version, shape, dtype, fortranOrder, bytes] = isTuple(state) && state.length === 5 ? state : [];
  if (version !== 1 || !(dtype instanceof NumpyDtype) || typeof fortranOrder !== 'boolean') {
    return refuse('a numpy.ndarray whose state is not (1, shape, dtype, order, bytes)');
  }
  if (!(bytes instanceof Uint8Array)) return refuse('a numpy.ndarray without bytes');
  const { type } = dtype;
  const sizes = checkShape(shape, dtypeOf(type.elements));
  return new NumpyArray(type, sizes, fortranOrder, numpyElements(type, sizes, bytes));
};

/** An array as a tensor. One in Fortran's order keeps it, by its strides. */
export const arrayTensor = (
  loading: Loading,
  { type, shape, fortranOrder, bytes }: NumpyArray,
  location: string | null = null,
): Tensor => {
  loading.spend(bytes.length);
  const storage = loading.own(storeElements(type.elements, bytes, 'array'));
  return loading.ordered(storage, dtypeOf(type.elements), shape, fortranOrder, location);
};
