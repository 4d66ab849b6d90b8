/** Types of elements as NumPy writes them: byte order, kind, size. */
import { bytesInFile, swapBytes, type ElementType } from './elements.ts';
import { refuse } from './loading.ts';
import { quoted } from './text.ts';
import { elementCount } from '../device/view.ts';
import type { DType } from '../dtype.ts';

export interface NumpyType {
  readonly elements: ElementType;
  readonly bigEndian: boolean;
}

const kinds = new Map<string, ElementType>([
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
  ['i1', 'int8'],
  ['i2', 'int16'],
  ['i4', 'int32'],
  ['i8', 'int64'],
  ['u1', 'uint8'],
  ['u2', 'uint16'],
  ['u4', 'uint32'],
  ['b1', 'bool'],
]);

/** @param text  such as `<f4`, `>i8`, `|b1` */
export const parseNumpyType = (text: string): NumpyType => {
  const elements = kinds.get(text.slice(1));
  if (elements === undefined || !'<>|='.includes(text[0]!)) {
    return refuse(`elements of NumPy's type ${quoted(text)}, which tensors here cannot hold`);
  }
  return { elements, bigEndian: text.startsWith('>') };
};

/** How NumPy names a dtype; undefined for bfloat16, which it does not have. */
export const numpyTypeOf = (dtype: DType): string | undefined => {
  const [kind] = [...kinds].find(([, elements]) => elements === dtype) ?? [];
  return kind === undefined ? undefined : (kind.endsWith('1') ? '|' : '<') + kind;
};

/**
 * An array's bytes, little-endian.
 *
 * @throws FileFormatError when there are not as many as the shape says
 */
export const numpyElements = (
  { elements, bigEndian }: NumpyType,
  shape: readonly number[],
  bytes: Uint8Array,
): Uint8Array => {
  const expected = elementCount(shape) * bytesInFile(elements);
  if (bytes.length !== expected) {
    refuse(`${bytes.length} bytes of elements, expected ${expected} for ${elements} [${shape.join(', ')}]`);
  }
  return bigEndian ? swapBytes(elements, bytes) : bytes;
};
