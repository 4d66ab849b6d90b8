/** Conv2d under PyTorch's names, as the golden files write it. */
import { nn } from '../../src/index.ts';
import type { DType } from '../../src/dtype.ts';
import type { Conv2dModuleOptions } from '../../src/nn/conv.ts';

export interface PythonConv2dArgs {
  readonly in_channels: number;
  readonly out_channels: number;
  readonly kernel_size: number | readonly number[];
  readonly stride?: number | readonly number[];
  readonly padding?: number | readonly number[] | 'same' | 'valid';
  readonly dilation?: number | readonly number[];
  readonly groups?: number;
  readonly bias?: boolean;
  readonly padding_mode?: 'zeros' | 'reflect' | 'replicate' | 'circular';
  readonly dtype?: DType;
}

export const conv2dOf = (args: PythonConv2dArgs, dtype: DType | undefined = args.dtype): nn.Conv2d => {
  const { in_channels, out_channels, kernel_size, padding_mode, ...rest } = args;
  const options: Conv2dModuleOptions = { ...rest, paddingMode: padding_mode, dtype };
  return new nn.Conv2d(in_channels, out_channels, kernel_size, options);
};
