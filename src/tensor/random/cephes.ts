/**
 * Float32 logarithm, sine and cosine as PyTorch's AVX2 normal sampler computes them: Cephes' single-precision
 * polynomials, every product that is added to something fused. The order of operations is theirs, so that
 * results agree bit for bit; arguments are what that sampler passes and nothing else.
 *
 * @see Moshier's Cephes, single/logf.c and single/sinf.c; Pommier's sse_mathfun and its AVX port
 */
import { fma32 } from '../../fma.ts';

const { fround } = Math;
const floats = (...values: number[]): Float32Array => Float32Array.from(values);

const single = new Float32Array(1);
const bits = new Int32Array(single.buffer);

const LOG = floats(
  7.0376836292e-2,
  -1.151461031e-1,
  1.167699874e-1,
  -1.2420140846e-1,
  1.4249322787e-1,
  -1.6668057665e-1,
  2.0000714765e-1,
  -2.4999993993e-1,
  3.3333331174e-1,
);
/** ln 2 in two parts, the second small enough for exact products with exponents. */
const LN2_LOW = fround(-2.1219444e-4);
const LN2_HIGH = fround(0.693359375);
const SQRT_HALF = fround(0.707106781186547524);

/** ln x for a normal float32 x > 0. */
export function log(x: number): number {
  single[0] = x;
  let exponent = (bits[0]! >> 23) - 126;
  bits[0] = (bits[0]! & 0x007fffff) | 0x3f000000;
  const mantissa = single[0]; // in [½, 1)
  let t = fround(mantissa - 1);
  if (mantissa < SQRT_HALF) {
    exponent--;
    t = fround(t + mantissa);
  }
  const z = fround(t * t);
  let y = LOG[0]!;
  for (let i = 1; i < LOG.length; i++) y = fma32(y, t, LOG[i]!);
  y = fround(y * t);
  y = fma32(y, z, fround(exponent * LN2_LOW));
  y = fma32(-z, 0.5, y);
  return fma32(exponent, LN2_HIGH, fround(t + y));
}

const FOUR_OVER_PI = fround(1.27323954473516);
/** −π/4 in three parts (Cody and Waite). */
const MINUS_QUARTER_PI = floats(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8);
const SIN = floats(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1);
const COS = floats(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2);

/** sin x and cos x for a float32 x in [0, 8192), into `out`. */
export function sinCos(x: number, out: Float32Array): void {
  // x = octant · π/4 + t, the octant even, |t| ≤ π/4
  const octant = (fround(x * FOUR_OVER_PI) + 1) & ~1;
  let t = x;
  for (let i = 0; i < 3; i++) t = fma32(octant, MINUS_QUARTER_PI[i]!, t);
  const z = fround(t * t);

  let c = COS[0]!;
  c = fma32(c, z, COS[1]!);
  c = fma32(c, z, COS[2]!);
  c = fround(c * z);
  c = fma32(c, z, -fround(z * 0.5));
  c = fround(c + 1);

  let s = SIN[0]!;
  s = fma32(s, z, SIN[1]!);
  s = fma32(s, z, SIN[2]!);
  s = fround(s * z);
  s = fma32(s, t, t);

  const swapped = (octant & 2) !== 0;
  const sine = swapped ? c : s;
  const cosine = swapped ? s : c;
  out[0] = octant & 4 ? -sine : sine;
  out[1] = (octant + 2) & 4 ? -cosine : cosine;
}
