/**
 * The safetensors format: named tensors in a file that can be read without running anything in it.
 *
 *     8 bytes   N, the length of the header, little-endian
 *     N bytes   {"__metadata__": {"format": "pt"}, "weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
 *     the rest  the tensors' bytes: little-endian, row-major, no holes, no overlaps
 *
 * @see https://huggingface.co/docs/safetensors, "Format"
 */
import { type DType, dtypes } from '../dtype.ts';
import { FileFormatError } from '../errors.ts';
import { JsonReader } from './jsonreader.ts';
import { decodeUtf8, quoted } from './text.ts';

export interface SafeTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** product(shape) elements, little-endian, row-major. */
  readonly bytes: Uint8Array;
}

export interface SafeTensorsFile {
  /** In the order of the header. */
  readonly tensors: Map<string, SafeTensor>;
  /** The header's `__metadata__`; empty where there is none. */
  readonly metadata: Map<string, string>;
}

/**
 * The format's names, in the order in which the reference implementation lays tensors out: by decreasing
 * alignment, so that each is aligned if the first is.
 */
const formatNames: Readonly<Record<DType, string>> = {
  int64: 'I64',
  float64: 'F64',
  float32: 'F32',
  int32: 'I32',
  bfloat16: 'BF16',
  float16: 'F16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};
const layoutOrder = Object.keys(formatNames) as DType[];
const dtypeOf = new Map(layoutOrder.map((dtype) => [formatNames[dtype], dtype]));

/** The reference implementation's limit, against headers that take too long to parse. */
const MAX_HEADER_BYTES = 100_000_000;
/** PyTorch's limit. */
const MAX_RANK = 64;
const METADATA = '__metadata__';

/**
 * Reads a safetensors file.
 *
 * @param file  the whole file
 * @returns the tensors and the metadata. A tensor's `bytes` are a view of `file` where its element size allows,
 *   so that `new Float32Array(bytes.buffer, bytes.byteOffset, …)` always works; otherwise a copy. Their values
 *   are not looked at: a BOOL may hold any byte.
 * @throws FileFormatError when the file breaks a rule of the format, or has a dtype that is none of ours (U16, F8_E4M3 …)
 */
export function parseSafetensors(file: Uint8Array | ArrayBuffer): SafeTensorsFile {
  // Not a Buffer: its slice() does not copy.
  const bytes =
    file instanceof ArrayBuffer
      ? new Uint8Array(file)
      : new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  const headerBytes = headerLength(bytes);
  const data = bytes.subarray(8 + headerBytes);
  const { entries, metadata } = readHeader(bytes.subarray(8, 8 + headerBytes));
  checkLayout(entries, data.length);

  const tensors = new Map<string, SafeTensor>();
  for (const [name, { dtype, shape, begin, end }] of entries) {
    const view = data.subarray(begin, end);
    const aligned = view.byteOffset % dtypes[dtype].bytes === 0;
    tensors.set(name, { dtype, shape, bytes: aligned ? view : view.slice() });
  }
  return { tensors, metadata };
}

function headerLength(bytes: Uint8Array): number {
  if (bytes.length < 8) fail(`a file of ${bytes.length} bytes has no room for the 8 of the header's length`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) fail(`a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed`);
  if (length > bytes.length - 8) fail(`a header of ${length} bytes in a file of ${bytes.length}`);
  return Number(length);
}

/** What the header says about a tensor. */
interface Entry {
  readonly dtype: DType;
  readonly shape: number[];
  /** First byte and the one after the last, from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

function readHeader(bytes: Uint8Array): { entries: Map<string, Entry>; metadata: Map<string, string> } {
  const text = decodeUtf8(bytes) ?? fail('the header is not UTF-8');
  if (!text.startsWith('{')) fail("the header does not begin with '{'");
  const reader = new JsonReader(text, 'safetensors header');
  const entries = new Map<string, Entry>();
  const metadata = new Map<string, string>();
  for (const name of reader.members()) {
    if (name === METADATA) for (const key of reader.members()) metadata.set(key, reader.string());
    else entries.set(name, readEntry(reader, name));
  }
  reader.end();
  return { entries, metadata };
}

function readEntry(reader: JsonReader, name: string): Entry {
  let dtypeName: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  for (const key of reader.members()) {
    if (key === 'dtype') dtypeName = reader.string();
    else if (key === 'shape') shape = readWholes(reader, MAX_RANK, name, 'shape');
    else if (key === 'data_offsets') offsets = readWholes(reader, 2, name, 'data_offsets');
    else reader.skip(); // as the reference implementation does
  }
  if (dtypeName === undefined) return failOn(name, 'no dtype');
  if (shape === undefined) return failOn(name, 'no shape');
  if (offsets === undefined) return failOn(name, 'no data_offsets');
  const dtype = dtypeOf.get(dtypeName);
  if (dtype === undefined) {
    return failOn(name, `dtype ${quoted(dtypeName)}, expected one of ${[...dtypeOf.keys()].join(', ')}`);
  }
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined) {
    return failOn(name, `data_offsets of length ${offsets.length}, expected 2`);
  }
  if (begin > end) failOn(name, `data_offsets [${begin}, ${end}], the end before the beginning`);
  const size = byteSize(name, dtype, shape);
  if (end - begin !== size) {
    failOn(
      name,
      `data_offsets [${begin}, ${end}] for ${formatNames[dtype]} [${shape.join(', ')}] of ${size} bytes`,
    );
  }
  return { dtype, shape, begin, end };
}

function readWholes(reader: JsonReader, max: number, name: string, what: string): number[] {
  const numbers: number[] = [];
  for (const i of reader.elements()) {
    if (i === max) failOn(name, `${what} with more than ${max} numbers`);
    numbers.push(reader.whole());
  }
  return numbers;
}

function byteSize(name: string, dtype: DType, shape: readonly number[]): number {
  return shape.reduce((product, n) => {
    const size = product * n;
    return Number.isSafeInteger(size)
      ? size
      : failOn(name, `shape [${shape.join(', ')}], which is too large`);
  }, dtypes[dtype].bytes);
}

/** One tensor's bytes begin where another's end, from the first byte of the data to the last. */
function checkLayout(entries: ReadonlyMap<string, Entry>, dataBytes: number): void {
  const inOrder = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [name, { begin, end }] of inOrder) {
    const offsets = `data_offsets [${begin}, ${end}]`;
    if (end > dataBytes) failOn(name, `${offsets} beyond the ${dataBytes} bytes of data`);
    if (begin < covered) failOn(name, `${offsets}, overlapping another tensor that ends at ${covered}`);
    if (begin > covered) failOn(name, `${offsets}, leaving a hole after ${covered}`);
    covered = end;
  }
  if (covered < dataBytes) fail(`${dataBytes} bytes of data, of which the tensors cover ${covered}`);
}

/**
 * Writes a safetensors file, byte for byte as the reference implementation does: tensors by decreasing
 * alignment of their dtypes, then by name; the header padded with spaces to a multiple of 8.
 *
 * @param tensors   name and tensor; a Map will do
 * @param metadata  strings for the header's `__metadata__`; left out where there are none
 * @throws FileFormatError for two tensors of one name, a tensor called `__metadata__`, and bytes that do not fit
 *   dtype and shape
 */
export function serializeSafetensors(
  tensors: Iterable<readonly [string, SafeTensor]>,
  metadata: Iterable<readonly [string, string]> = [],
): Uint8Array<ArrayBuffer> {
  const sorted = [...tensors].sort(
    ([a, { dtype: aType }], [b, { dtype: bType }]) =>
      layoutOrder.indexOf(aType) - layoutOrder.indexOf(bType) || (a < b ? -1 : 1),
  );
  const strings = unique('metadata key', metadata).map(([key, value]) => {
    checkText('metadata value', value);
    return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
  });
  const members = strings.length > 0 ? [`"${METADATA}":{${strings.join(',')}}`] : [];
  let end = 0;
  for (const [name, tensor] of unique('tensor name', sorted)) {
    if (name === METADATA) failOn(name, 'a name that the format keeps for itself');
    checkTensor(name, tensor);
    const begin = end;
    end += tensor.bytes.length;
    const entry = { dtype: formatNames[tensor.dtype], shape: tensor.shape, data_offsets: [begin, end] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }

  const header = new TextEncoder().encode(`{${members.join(',')}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    fail(`a header of ${headerBytes} bytes; at most ${MAX_HEADER_BYTES} are allowed`);
  }
  const file = new Uint8Array(8 + headerBytes + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(header, 8);
  file.fill(0x20, 8 + header.length, 8 + headerBytes);
  let position = 8 + headerBytes;
  for (const [, { bytes }] of sorted) {
    file.set(bytes, position);
    position += bytes.length;
  }
  return file;
}

function checkTensor(name: string, { dtype, shape, bytes }: SafeTensor): void {
  if (!Object.hasOwn(formatNames, dtype))
    failOn(name, `dtype ${dtype as string}, which the format does not have`);
  if (shape.length > MAX_RANK || !shape.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    failOn(name, `shape [${shape.join(', ')}], expected at most ${MAX_RANK} whole numbers`);
  }
  const size = byteSize(name, dtype, shape);
  if (bytes.length !== size) {
    failOn(name, `${bytes.length} bytes, expected ${size} for ${formatNames[dtype]} [${shape.join(', ')}]`);
  }
}

/** The pairs as an array, having checked that their names can be written and that no two are the same. */
function unique<T>(what: string, pairs: Iterable<readonly [string, T]>): (readonly [string, T])[] {
  const seen = new Set<string>();
  return [...pairs].map((pair) => {
    const [name] = pair;
    checkText(what, name);
    if (seen.has(name)) fail(`${what} ${quoted(name)} is given twice`);
    seen.add(name);
    return pair;
  });
}

/** UTF-8 has no way to write half a surrogate pair. */
function checkText(what: string, text: unknown): void {
  if (typeof text !== 'string') fail(`${what} is of type ${typeof text}, expected a string`);
  if (/\p{Surrogate}/u.test(text)) fail(`${what} ${quoted(text)} has half a surrogate pair`);
}

function fail(problem: string): never {
  throw new FileFormatError(`safetensors: ${problem}`);
}

function failOn(name: string, problem: string): never {
  return fail(`tensor ${quoted(name)}: ${problem}`);
}
