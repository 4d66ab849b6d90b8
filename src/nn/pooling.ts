import type { Pair } from '../ops/conv2d.ts';
import {
  adaptiveAvgPool2d,
  avgPool2d,
  maxPool2d,
  type AvgPoolOptions,
  type MaxPoolOptions,
} from '../ops/pool.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';
import { bool, tuple } from './repr.ts';

/** Numbers as Python prints them, pairs as tuples. */
const show = (value: Pair): string => (typeof value === 'number' ? String(value) : tuple(value));

/** The largest element of each window. @see torch.nn.MaxPool2d */
export class MaxPool2d extends Module {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly ceilMode: boolean;

  constructor(
    readonly kernelSize: Pair,
    { stride, padding = 0, dilation = 1, ceilMode = false }: MaxPoolOptions = {},
  ) {
    super();
    this.stride = stride ?? kernelSize;
    this.padding = padding;
    this.dilation = dilation;
    this.ceilMode = ceilMode;
  }
  override forward(input: Tensor): Tensor {
    const { stride, padding, dilation, ceilMode } = this;
    return maxPool2d(input, this.kernelSize, { stride, padding, dilation, ceilMode });
  }
  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}, dilation=${show(this.dilation)}, ceil_mode=${bool(this.ceilMode)}`;
  }
}

/** The mean of each window. @see torch.nn.AvgPool2d */
export class AvgPool2d extends Module {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly options: Omit<AvgPoolOptions, 'stride' | 'padding'>;

  constructor(
    readonly kernelSize: Pair,
    { stride, padding = 0, ...options }: AvgPoolOptions = {},
  ) {
    super();
    this.stride = stride ?? kernelSize;
    this.padding = padding;
    this.options = options;
  }
  override forward(input: Tensor): Tensor {
    return avgPool2d(input, this.kernelSize, { stride: this.stride, padding: this.padding, ...this.options });
  }
  override extraRepr(): string {
    return `kernel_size=${show(this.kernelSize)}, stride=${show(this.stride)}, padding=${show(this.padding)}`;
  }
}

/** Means of windows laid so that the output has the given size. @see torch.nn.AdaptiveAvgPool2d */
export class AdaptiveAvgPool2d extends Module {
  constructor(readonly outputSize: number | readonly (number | null)[]) {
    super();
  }
  override forward(input: Tensor): Tensor {
    return adaptiveAvgPool2d(input, this.outputSize);
  }
  override extraRepr(): string {
    const size = this.outputSize;
    return `output_size=${typeof size === 'number' ? String(size) : tuple(size.map((n) => n ?? 'None'))}`;
  }
}
