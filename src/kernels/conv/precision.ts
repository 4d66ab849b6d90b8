/** How exact convolutions of float32 must be. */
import { ValueError } from '../../errors.ts';

/**
 * `'highest'`: only algorithms at least as exact as adding the products up one by one. `'high'`: also F(4 × 4, 3 × 3),
 * whose error is up to a few times as large; docs/precision.md has measurements.
 */
export type Float32ConvPrecision = 'high' | 'highest';

let precision: Float32ConvPrecision = 'high';

/**
 * Chooses between speed and exactness for convolutions of float32 (and of 16-bit floats, which are computed as float32),
 * forward and backward.
 *
 * @param value  `'high'`, the default: against float64, on normally distributed data, errors stay below 1e-5 · max |result|
 *               up to 128 channels and 2e-5 · max |result| up to 512. `'highest'`: they stay below those of a plain sum.
 * @throws ValueError for anything else
 * @see torch.set_float32_matmul_precision, which has the same words for matrix products
 */
export const setFloat32ConvPrecision = (value: Float32ConvPrecision): void => {
  const given: unknown = value;
  if (given !== 'high' && given !== 'highest') {
    throw new ValueError(
      `setFloat32ConvPrecision: precision must be 'high' or 'highest', got ${typeof given === 'string' ? `'${given}'` : String(given)}`,
    );
  }
  precision = value;
};

/** What `setFloat32ConvPrecision` chose. */
export const getFloat32ConvPrecision = (): Float32ConvPrecision => precision;
