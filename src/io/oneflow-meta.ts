/**
 * What OneFlow writes beside a tensor's elements: protobuf's text format of
 * `{ required ShapeProto shape = 2; required DataType data_type = 3 }`.
 *
 *     shape {
 *       dim: 3
 *       dim: 2
 *     }
 *     data_type: kFloat
 */
import type { DType } from '../dtype.ts';
import { dtypeOf, type ElementType } from './elements.ts';
import { checkShape, refuse } from './loading.ts';
import { decodeUtf8, quoted } from './text.ts';

export interface OneflowMeta {
  readonly elements: ElementType;
  readonly shape: readonly number[];
}

/** OneFlow's types: the number that pickles have for each, and its name in text. */
const dataTypes: readonly {
  readonly number: number;
  readonly name: string;
  readonly elements: ElementType;
}[] = [
  { number: 2, name: 'kFloat', elements: 'float32' },
  { number: 3, name: 'kDouble', elements: 'float64' },
  { number: 4, name: 'kInt8', elements: 'int8' },
  { number: 1, name: 'kChar', elements: 'int8' },
  { number: 5, name: 'kInt32', elements: 'int32' },
  { number: 6, name: 'kInt64', elements: 'int64' },
  { number: 7, name: 'kUInt8', elements: 'uint8' },
  { number: 9, name: 'kFloat16', elements: 'float16' },
  { number: 11, name: 'kBFloat16', elements: 'bfloat16' },
  { number: 12, name: 'kBool', elements: 'bool' },
  { number: 13, name: 'kUInt16', elements: 'uint16' },
  { number: 14, name: 'kUInt32', elements: 'uint32' },
  { number: 17, name: 'kInt16', elements: 'int16' },
];

/** @throws FileFormatError for a number that is none of OneFlow's, or of a type that tensors here cannot hold */
export const elementsOfNumber = (number: unknown): ElementType =>
  dataTypes.find((type) => type.number === number)?.elements ??
  refuse(`OneFlow's data type ${String(number)}, which tensors here cannot hold`);

const nameOf = (dtype: DType): string => dataTypes.find(({ elements }) => elements === dtype)!.name;

const layout = /^\s*shape\s*\{((?:\s*dim\s*:\s*\d{1,15})*)\s*\}\s*data_type\s*:\s*(\w{1,20})\s*$/;
/** The longest text that 64 numbers and some space can need. */
const MAX_BYTES = 4096;

/** @throws FileFormatError for any other text */
export const parseMeta = (bytes: Uint8Array): OneflowMeta => {
  const text = bytes.length > MAX_BYTES ? null : decodeUtf8(bytes);
  const found = layout.exec(text ?? '');
  if (found === null) return refuse('a shape and a data_type were expected');
  const [, dims, name] = found as unknown as [string, string, string];
  const type = dataTypes.find((known) => known.name === name);
  if (type === undefined) return refuse(`data_type ${quoted(name)}, which tensors here cannot hold`);
  const shape = Array.from(dims.matchAll(/\d+/g), ([digits]) => Number(digits));
  return { elements: type.elements, shape: checkShape(shape, dtypeOf(type.elements)) };
};

export const writeMeta = (dtype: DType, shape: readonly number[]): Uint8Array =>
  new TextEncoder().encode(
    `shape {\n${shape.map((size) => `  dim: ${size}\n`).join('')}}\ndata_type: ${nameOf(dtype)}\n`,
  );
