import { afterEach, expect } from 'vitest';
import { setPatience } from '../src/kernels/gemm-rest.ts';
import { verifyKernels } from '../src/lang/index.ts';
import { toBeAllclose, toEqualBits, type Tolerance, type Values } from './matchers.ts';

expect.extend({ toBeAllclose, toEqualBits });
verifyKernels();
setPatience(false);

// The runner hears of tests between tasks only, and takes a worker that is silent for a minute for dead.
afterEach(() => new Promise<void>((resolve) => setImmediate(resolve)));

interface NumericMatchers<R> {
  /**
   * Every element satisfies |actual − expected| ≤ atol + rtol·|expected|; NaN equals NaN. Shapes must agree
   * where both sides have one. Defaults: rtol 1e-5, atol 1e-8.
   *
   * @see torch.allclose(…, equal_nan=True)
   */
  toBeAllclose(expected: Values, tolerance?: Tolerance): R;
  /** Typed arrays of one kind, equal bit for bit: −0 is not 0. A NaN equals any NaN. */
  toEqualBits(expected: Values): R;
}

declare module 'vitest' {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type, @typescript-eslint/no-unused-vars -- must match vitest's declaration
  interface Assertion<T> extends NumericMatchers<void> {}
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- merging adds the members
  interface AsymmetricMatchersContaining extends NumericMatchers<unknown> {}
}
