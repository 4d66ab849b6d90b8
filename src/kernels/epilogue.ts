/** What is done to the sums of a product or a convolution while they are still in registers. */
import type { Expression } from '../device/backend.ts';
import type { View } from '../device/view.ts';

/** activation(sum + bias + residual) */
export interface Epilogue {
  /** Like the output, of its dtype, in any layout. */
  readonly residual?: View | null;
  /** Of one operand, without scalars. */
  readonly activation?: Expression | null;
}
