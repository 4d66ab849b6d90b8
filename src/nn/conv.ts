/** Convolution layers. */
import { isFloatingPoint, type DType } from '../dtype.ts';
import { RuntimeError, ValueError } from '../errors.ts';
import { conv2d, type Pair } from '../ops/conv2d.ts';
import { pad } from '../ops/pad.ts';
import { roundedOnce } from '../ops/rounded-once.ts';
import { empty, zeros } from '../tensor/create.ts';
import type { MemoryFormat, Tensor } from '../tensor/tensor.ts';
import { typeName } from '../tensor/type-name.ts';
import { calculateFanInAndFanOut, kaimingUniform_, uniform_ } from './init.ts';
import { Module } from './module.ts';
import { Parameter } from '../tensor/parameter.ts';
import { tuple } from './repr.ts';

export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

export interface Conv2dModuleOptions {
  /** Step in input elements; a number, or [vertical, horizontal]. Default 1. */
  readonly stride?: Pair | undefined;
  /** Elements added on both sides of each axis; a number, [vertical, horizontal], `'same'` or `'valid'`. Default 0. */
  readonly padding?: Pair | 'same' | 'valid' | undefined;
  /** Distance between kernel elements. Default 1. */
  readonly dilation?: Pair | undefined;
  /** Channels are split into this many groups that do not see each other. Default 1. */
  readonly groups?: number | undefined;
  /** Whether to learn a bias. Default true. */
  readonly bias?: boolean | undefined;
  /** What stands in the padding. Default `'zeros'`. */
  readonly paddingMode?: PaddingMode | undefined;
  /** Default `'cpu'`. */
  readonly device?: string | undefined;
  /** Default: the default dtype. */
  readonly dtype?: DType | undefined;
}

/**
 * Applies a 2-D convolution over [N, C, H, W] (or [C, H, W]).
 *
 *     const m = new nn.Conv2d(16, 33, [3, 5], { stride: [2, 1], padding: [4, 2], dilation: [3, 1] });
 *     m(flow.randn([20, 16, 50, 100])).shape // [20, 33, 26, 100]
 *
 * The options may also be given one by one in PyTorch's order: stride, padding, dilation, groups, bias, paddingMode,
 * device, dtype.
 *
 * The weight [O, C / groups, kH, kW] and the bias [O] start as U(−√k, √k), k = groups / (C · kH · kW), bit for bit as in
 * PyTorch for the same seed.
 *
 * @throws ValueError, RuntimeError, TypeError with PyTorch's texts
 * @see torch.nn.Conv2d
 */
export class Conv2d extends Module {
  declare weight: Parameter;
  declare bias: Parameter | null;
  declare readonly inChannels: number;
  declare readonly outChannels: number;
  declare readonly kernelSize: readonly number[];
  declare readonly stride: readonly number[];
  declare readonly padding: readonly number[] | 'same' | 'valid';
  declare readonly dilation: readonly number[];
  declare readonly groups: number;
  declare readonly paddingMode: PaddingMode;
  declare readonly transposed: boolean;
  declare readonly outputPadding: readonly number[];

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options?: Conv2dModuleOptions);
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Pair,
    stride?: Pair,
    padding?: Pair | 'same' | 'valid',
    dilation?: Pair,
    groups?: number,
    bias?: boolean,
    paddingMode?: PaddingMode,
    device?: string,
    dtype?: DType,
  );
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, ...rest: readonly unknown[]) {
    super();
    const options = named(rest);
    const {
      stride = 1,
      padding = 0,
      dilation = 1,
      groups = 1,
      bias = true,
      paddingMode = 'zeros',
      device,
      dtype,
    } = options;
    const kernel = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : Array.from(kernelSize);
    const steps = pairOf('stride', stride);
    checkInteger('groups', groups);
    if (groups <= 0) throw new ValueError('groups must be a positive integer');
    if (inChannels % groups !== 0) throw new ValueError('in_channels must be divisible by groups');
    if (outChannels % groups !== 0) throw new ValueError('out_channels must be divisible by groups');
    if (typeof padding === 'string') {
      if (!paddingNames.has(padding)) {
        throw new ValueError(
          `Invalid padding string '${padding as string}', should be one of {'same', 'valid'}`,
        );
      }
      if (padding === 'same' && steps.some((step) => step !== 1)) {
        throw new ValueError("padding='same' is not supported for strided convolutions");
      }
    }
    if (!paddingModes.has(paddingMode)) {
      throw new ValueError(
        `padding_mode must be one of {'circular', 'reflect', 'replicate', 'zeros'}, but got padding_mode='${paddingMode as string}'`,
      );
    }
    checkSize([outChannels, inChannels, ...kernel]);
    if (dtype !== undefined && !isFloatingPoint(dtype)) {
      throw new RuntimeError('Only Tensors of floating point and complex dtype can require gradients');
    }
    Object.assign(this, {
      inChannels,
      outChannels,
      kernelSize: kernel,
      stride: steps,
      padding: typeof padding === 'string' ? padding : pairOf('padding', padding),
      dilation: pairOf('dilation', dilation),
      transposed: false,
      outputPadding: [0, 0],
      groups,
      paddingMode,
    });
    this.weight = new Parameter(empty([outChannels, inChannels / groups, ...kernel], { device, dtype }));
    if (bias) this.bias = new Parameter(zeros([outChannels], { device, dtype }));
    else this.registerParameter('bias', null);
    this.resetParameters();
  }

  /** Draws new initial values for the weight and then the bias. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias === null) return;
    const { fanIn } = calculateFanInAndFanOut(this.weight);
    if (fanIn > 0) uniform_(this.bias, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));
  }

  /** @throws TypeError for no input, or more than one; RuntimeError with PyTorch's texts when it does not fit */
  override forward(input: Tensor): Tensor;
  override forward(input: Tensor, ...more: readonly unknown[]): Tensor {
    if (input === undefined)
      throw new TypeError("Conv2d.forward() missing 1 required positional argument: 'input'");
    if (more.length > 0)
      throw new TypeError(
        `Conv2d.forward() takes 2 positional arguments but ${String(more.length + 2)} were given`,
      );
    for (const name of ['weight', 'bias']) if (!(name in this)) this.getAttribute(name);
    const { weight, bias, stride, padding, dilation, groups, paddingMode } = this;
    if (paddingMode === 'zeros') return conv2d(input, weight, bias, { stride, padding, dilation, groups });
    const extended = (x: Tensor, w: Tensor, b: Tensor | null): Tensor =>
      conv2d(pad(x, this.sides(), paddingMode), w, b, { stride, dilation, groups });
    const alike =
      input.dtype === (weight as Parameter | null)?.dtype && (bias === null || bias.dtype === input.dtype);
    return alike ? roundedOnce([input, weight, bias], extended) : extended(input, weight, bias);
  }

  /** Gives the weight the strides of a memory format. */
  override toMemoryFormat(format: MemoryFormat): void {
    const weight: Parameter | null = this.weight;
    if (weight?.ndim === 4) weight.data = weight.data.contiguous(format);
  }

  /** [left, right, top, bottom], or as many as the padding has; `'same'` puts the odd one out at the right and bottom. */
  private sides(): number[] {
    const { padding, kernelSize, dilation } = this;
    if (padding === 'valid') return [0, 0, 0, 0];
    if (padding !== 'same') return padding.toReversed().flatMap((size) => [size, size]);
    return [1, 0].flatMap((axis) => {
      const total = (dilation[axis] ?? dilation[0]!) * (kernelSize[axis]! - 1);
      const before = Math.floor(total / 2);
      return [before, total - before];
    });
  }

  override extraRepr(): string {
    const { inChannels, outChannels, kernelSize, stride, padding, dilation, groups, paddingMode } = this;
    const parts = [
      String(inChannels),
      String(outChannels),
      `kernel_size=${tuple(kernelSize)}`,
      `stride=${tuple(stride)}`,
    ];
    if (typeof padding === 'string') parts.push(`padding=${padding}`);
    else if (padding.some((size) => size !== 0)) parts.push(`padding=${tuple(padding)}`);
    if (dilation.some((step) => step !== 1)) parts.push(`dilation=${tuple(dilation)}`);
    if (groups !== 1) parts.push(`groups=${String(groups)}`);
    if (this.getAttribute('bias') === null) parts.push('bias=False');
    if (paddingMode !== 'zeros') parts.push(`padding_mode=${paddingMode}`);
    return parts.join(', ');
  }
}

const paddingNames: ReadonlySet<string> = new Set(['same', 'valid']);
const paddingModes: ReadonlySet<string> = new Set(['zeros', 'reflect', 'replicate', 'circular']);
const positional = [
  'stride',
  'padding',
  'dilation',
  'groups',
  'bias',
  'paddingMode',
  'device',
  'dtype',
] as const;

/** One object of options, or values in PyTorch's order. */
const named = (rest: readonly unknown[]): Conv2dModuleOptions => {
  const [first] = rest;
  if (rest.length === 1 && typeof first === 'object' && first !== null && !Array.isArray(first)) {
    const unknownName = Object.keys(first).find((name) => !(positional as readonly string[]).includes(name));
    if (unknownName !== undefined)
      throw new TypeError(`Conv2d: unknown option '${unknownName}'; known are ${positional.join(', ')}`);
    return first;
  }
  if (rest.length > positional.length)
    throw new TypeError(
      `Conv2d takes at most ${String(positional.length + 3)} arguments, got ${String(rest.length + 3)}`,
    );
  return Object.fromEntries(rest.map((value, k) => [positional[k]!, value]));
};

/** Numbers are doubled, lists are taken as they are, whatever their length: PyTorch checks that at the first call. */
const pairOf = (name: string, value: Pair): readonly number[] => {
  const list = typeof value === 'number' ? [value, value] : value;
  if (!Array.isArray(list))
    throw new TypeError(`Conv2d: ${name} must be an integer or a list of integers, got ${typeof value}`);
  for (const size of list as readonly unknown[]) checkInteger(name, size);
  return [...(list as readonly number[])];
};

/** @throws TypeError as torch.empty for the size of the weight */
const checkSize = (size: readonly unknown[]): void => {
  const wrong = size.findIndex((n) => !Number.isInteger(n));
  if (wrong === -1) return;
  throw new TypeError(
    `empty(): argument 'size' must be tuple of SymInts, but found element of type ${typeName(size[wrong])} at pos ${String(wrong + 1)}`,
  );
};

function checkInteger(name: string, value: unknown): void {
  if (!Number.isInteger(value)) {
    throw new TypeError(
      `Conv2d: ${name} must be made of integers, got ${typeof value === 'string' ? `'${value}'` : String(value)}`,
    );
  }
}
