import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The typed array that holds each dtype of the golden files. */
interface GoldenArrays {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  readonly int64: BigInt64Array;
  readonly uint32: Uint32Array;
}
export type GoldenDType = keyof GoldenArrays;

/** How golden JSON refers to an array: `product(shape)` elements at byte `offset` of `file`, row-major. */
export interface GoldenRef<D extends GoldenDType = GoldenDType> {
  readonly file: string;
  readonly dtype: D;
  /** In bytes, a multiple of 8. */
  readonly offset: number;
  readonly shape: readonly number[];
}

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  uint32: Uint32Array,
} as const;

const files = new Map<string, ArrayBuffer>();

/** Where a golden file lies, for those that want a path: `goldenPath('files/conv_zip.pt')`. */
export const goldenPath = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A whole golden file's bytes, read once; treat them as read-only. */
export function goldenBytes(name: string): ArrayBuffer {
  let bytes = files.get(name);
  if (bytes === undefined) {
    bytes = Uint8Array.from(readFileSync(goldenPath(name))).buffer;
    files.set(name, bytes);
  }
  return bytes;
}

/** The array that `ref` names, a fresh copy in row-major order; narrow it with `GoldenRef<'float32'>`. */
export function goldenTensor<D extends GoldenDType>(ref: GoldenRef<D>): GoldenArrays[D] {
  const length = ref.shape.reduce((product, size) => product * size, 1);
  return new constructors[ref.dtype](goldenBytes(ref.file), ref.offset, length).slice() as GoldenArrays[D];
}

/** A golden JSON file, as the type that the caller knows it to have: `goldenJson<Init>('init.json')`. */
export const goldenJson = <T = unknown>(name: string): T =>
  JSON.parse(readFileSync(goldenPath(name), 'utf8')) as T;
