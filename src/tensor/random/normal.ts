/** Normal numbers, by Box & Muller 1958, doi:10.1214/aoms/1177706645. */
import { RuntimeError } from '../../errors.ts';
import type { DType } from '../../dtype.ts';
import {
  elementOf,
  floats,
  general,
  isFloat,
  notImplemented,
  type Elements,
  type FloatDType,
} from './arrays.ts';
import { log, sinCos } from './cephes.ts';
import { fma32, fma64 } from '../../fma.ts';
import type { Generator } from './generator.ts';
import { fillFractions } from './uniform.ts';

const { fround } = Math;

/** From this many elements on, contiguous tensors are filled in blocks. */
const BLOCK = 16;

/**
 * Fills `array` with normal numbers, in the order of memory. As in PyTorch there are two streams: 16 elements
 * or more, contiguous, come in blocks; otherwise one by one in double precision, two from each pair of
 * uniforms, the second kept in the generator for the next such fill. float32 and the narrow floats are
 * PyTorch's bit for bit. Of float64 about 6 % differ in the last bits, most by one ulp, seen up to three:
 * PyTorch's logarithm, sine and cosine are the C library's, ours the JavaScript engine's.
 *
 * @param array element storage of `dtype`; float16 and bfloat16 as bit patterns
 * @param dtype a floating-point dtype
 * @param std standard deviation, ≥ 0
 * @param options.contiguous whether the tensor is contiguous, its elements in row-major order. Default true.
 * @throws RuntimeError when std is negative or NaN, or the dtype is no float
 * @see torch.Tensor.normal_
 */
export function normalFill(
  array: Elements,
  dtype: DType,
  mean: number,
  std: number,
  generator: Generator,
  { contiguous = true }: { readonly contiguous?: boolean } = {},
): void {
  if (!(std >= 0)) throw new RuntimeError(`normal expects std >= 0.0, but found std ${general(std)}`);
  if (!isFloat(dtype)) throw notImplemented('normal_kernel_cpu', dtype);
  const narrow = dtype === 'float16' || dtype === 'bfloat16';
  const values = narrow ? new Float32Array(array.length) : (array as Float32Array | Float64Array);
  if (contiguous && values.length >= BLOCK) fillBlocks(values, dtype, mean, std, generator);
  else fillOneByOne(values, mean, std, generator);
  if (!narrow) return;
  const element = elementOf(dtype);
  for (let i = 0; i < values.length; i++) array[i] = element(values[i]!);
}

type Values = Float32Array | Float64Array;

function fillOneByOne(values: Values, mean: number, std: number, generator: Generator): void {
  for (let i = 0; i < values.length; i++) values[i] = fma64(nextNormal(generator), std, mean);
}

function nextNormal(generator: Generator): number {
  const cached = generator.cachedNormal;
  if (cached !== undefined) {
    generator.cachedNormal = undefined;
    return cached;
  }
  const angle = 2 * Math.PI * generator.random53();
  const radius = Math.sqrt(-2 * Math.log(1 - generator.random53()));
  generator.cachedNormal = radius * Math.sin(angle);
  return radius * Math.cos(angle);
}

function fillBlocks(
  values: Values,
  dtype: FloatDType,
  mean: number,
  std: number,
  generator: Generator,
): void {
  const { digits, round } = floats[dtype];
  const transform = transforms[dtype];
  const [roundedMean, roundedStd] = [round(mean), round(std)];
  const n = values.length;
  fillFractions(values, 0, digits, generator);
  for (let start = 0; start + BLOCK <= n; start += BLOCK) transform(values, start, roundedMean, roundedStd);
  if (n % BLOCK !== 0) {
    // The last block overlaps the one before it, and all of it is drawn anew.
    fillFractions(values, n - BLOCK, digits, generator);
    transform(values, n - BLOCK, roundedMean, roundedStd);
  }
}

/**
 * Turns a block of uniforms into normals, in place: element j and j + 8 are the pair that gives the normals j
 * and j + 8. Each dtype rounds where PyTorch's code for it does.
 */
type Transform = (values: Values, start: number, mean: number, std: number) => void;

const TWO_PI_F32 = Math.fround(2 * Math.PI);
const sineCosine = new Float32Array(2);

const transforms: Readonly<Record<FloatDType, Transform>> = {
  float32(values, start, mean, std) {
    for (let j = start; j < start + 8; j++) {
      const radius = fround(Math.sqrt(-2 * log(1 - values[j]!)));
      sinCos(fround(TWO_PI_F32 * values[j + 8]!), sineCosine);
      values[j] = fma32(fround(radius * sineCosine[1]!), std, mean);
      values[j + 8] = fma32(fround(radius * sineCosine[0]!), std, mean);
    }
  },

  float64(values, start, mean, std) {
    for (let j = start; j < start + 8; j++) {
      const radius = Math.sqrt(-2 * Math.log(1 - values[j]!));
      const angle = 2 * Math.PI * values[j + 8]!;
      values[j] = fma64(radius * Math.cos(angle), std, mean);
      values[j + 8] = fma64(radius * Math.sin(angle), std, mean);
    }
  },

  // c10::Half turns into float for the functions and stays one until it is stored.
  float16(values, start, mean, std) {
    const { round } = floats.float16;
    for (let j = start; j < start + 8; j++) {
      const radius = round(Math.sqrt(fround(-2 * fround(Math.log(1 - values[j]!)))));
      const angle = round(2 * Math.PI * values[j + 8]!);
      values[j] = fma32(fround(radius * fround(Math.cos(angle))), std, mean);
      values[j + 8] = fma32(fround(radius * fround(Math.sin(angle))), std, mean);
    }
  },

  // c10::BFloat16 has its own functions and operators, and rounds after each.
  bfloat16(values, start, mean, std) {
    const { round } = floats.bfloat16;
    for (let j = start; j < start + 8; j++) {
      const radius = round(Math.sqrt(round(-2 * round(Math.log(1 - values[j]!)))));
      const angle = round(2 * Math.PI * values[j + 8]!);
      values[j] = round(round(radius * round(Math.cos(angle))) * std) + mean;
      values[j + 8] = round(round(radius * round(Math.sin(angle))) * std) + mean;
    }
  },
};
