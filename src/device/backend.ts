/**
 * What a device can do: the primitives from which all ops are made. An op never asks on which device it runs; it
 * calls these on views of one device. Every primitive checks nothing but what only it can know: shapes and dtypes
 * have been checked by the op. Outputs never overlap inputs, unless a primitive says that they may. A view may be a
 * tensor, whose fields are getters: a spread (`{ ...view }`) would lose them.
 */
import type { DType } from '../dtype.ts';
import type { Value } from '../lang/index.ts';
import type { Storage } from './storage.ts';
import type { View } from './view.ts';

/**
 * An elementwise function, written once in the kernel language with pure operations: no memory, no loops.
 * `name` identifies it, since kernels are cached by it.
 */
export interface Expression {
  readonly name: string;
  /** The operands come at the compute dtype's element type; `scalars` are numbers of the same type, chosen per call. */
  evaluate(operands: readonly Value[], scalars: readonly Value[]): Value;
  /** What is made of the operands from some place on, and given in place of them: once for all elements that share them. */
  readonly prepared?: {
    readonly from: number;
    make(operands: readonly Value[], scalars: readonly Value[]): readonly Value[];
  };
}

/** New values of several tensors, element by element. `name` identifies it, as that of an expression. */
export interface UpdateRule {
  readonly name: string;
  evaluate(changed: readonly Value[], read: readonly Value[], scalars: readonly Value[]): readonly Value[];
}

/** How a convolution walks: all pairs are [vertical, horizontal]. */
export interface ConvGeometry {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Zeros before the first and after the last row or column: [[top, bottom], [left, right]]. None is negative. */
  readonly padding: readonly [readonly [number, number], readonly [number, number]];
  readonly groups: number;
}

export interface PoolGeometry {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** On both sides: [vertical, horizontal]. */
  readonly padding: readonly [number, number];
}

/** What is done to the sums of a convolution while they are in registers: activation(sum + bias + residual). */
export interface Epilogue {
  /** Of the output's shape, strides and dtype, and elsewhere: some outputs are computed twice. */
  readonly residual?: View | null | undefined;
  /** Of one operand, without scalars. */
  readonly activation?: Expression | null | undefined;
}

export type Reduction = 'sum' | 'prod' | 'max' | 'min' | 'any' | 'all' | 'sumOfSquares' | 'sumOfAbs';

export interface Backend {
  readonly name: string;

  /** Uninitialised memory. @throws RuntimeError when there is no room. */
  allocate(bytes: number): Storage;

  /**
   * out[i] = expression(inputs[0][i], …). Inputs have out's shape already (stride 0 where broadcast). They are
   * converted to `compute`, the result to out's dtype; a mask result becomes 0 or 1. `out` may be the same view as an
   * input.
   */
  map(
    expression: Expression,
    compute: DType,
    out: View,
    inputs: readonly View[],
    scalars?: readonly (number | bigint)[],
  ): void;
  /**
   * changed[k][i] ← the rule's k-th value of all elements i, in one pass. All are float32 or all float64, of one shape;
   * none overlaps another.
   */
  update(rule: UpdateRule, changed: readonly View[], read: readonly View[], scalars: readonly number[]): void;
  /** out ← input, converted (spec of `Tensor.copy_`: float to integer truncates and wraps, to bool is x ≠ 0), any strides. */
  copy(out: View, input: View): void;
  fill(out: View, value: number | bigint): void;
  /** out[i] = start + i · step over the logical order of a contiguous view. */
  arange(out: View, start: number, step: number): void;

  /**
   * Over `axes` of the input (ascending, at least one); out has the remaining axes in order. Accumulates in the
   * compute type of out's dtype, sums of floats in a way whose error grows slower than the number of terms.
   * max and min give NaN if any is NaN.
   */
  reduce(reduction: Reduction, out: View, input: View, axes: readonly number[]): void;
  /** Position (int64) of the largest or least element along one axis; the first of equals; NaN counts as the extreme. Values too when asked. */
  argReduce(which: 'max' | 'min', positions: View, values: View | null, input: View, axis: number): void;
  /** Mean and biased variance over axes, in two passes (no cancellation). out views have the remaining axes. */
  moments(mean: View, variance: View, input: View, axes: readonly number[]): void;
  /**
   * Σ (x − centre) · partner over axes; out and centre have the remaining axes. `partner` has x's shape, and all have one
   * dtype: float32 or float64.
   */
  covariances(out: View, x: View, centre: View, partner: View, axes: readonly number[]): void;
  softmax(out: View, input: View, axis: number, log: boolean): void;
  /** From the output and its cotangent: grad of (log)softmax. */
  softmaxGrad(gradInput: View, grad: View, output: View, axis: number, log: boolean): void;
  cumsum(out: View, input: View, axis: number): void;

  /** out[..., M, N] = a[..., M, K] · b[..., K, N]; equal leading axes (stride 0 where broadcast); optionally + bias[N]. */
  matmul(out: View, a: View, b: View, bias?: View | null): void;

  /** out [N, O, OH, OW]; input [N, C, H, W]; weight [O, C / groups, kH, kW]; bias [O]. The epilogue comes after the bias. */
  conv2d(
    out: View,
    input: View,
    weight: View,
    bias: View | null,
    geometry: ConvGeometry,
    epilogue?: Epilogue,
  ): void;
  conv2dInputGrad(gradInput: View, grad: View, weight: View, geometry: ConvGeometry): void;
  conv2dWeightGrad(gradWeight: View, grad: View, input: View, geometry: ConvGeometry): void;

  /**
   * positions (int32), if they are wanted: index in the H·W plane of each window's maximum, the first of equals; a NaN
   * counts as the maximum.
   */
  maxPool2d(out: View, positions: View | null, input: View, geometry: PoolGeometry): void;
  /** gradInput[n, c, positions[…]] += grad; gradInput is cleared first. */
  maxPool2dGrad(gradInput: View, grad: View, positions: View): void;
  avgPool2d(
    out: View,
    input: View,
    geometry: PoolGeometry,
    options: { countIncludePad: boolean; divisor: number | null },
  ): void;
  avgPool2dGrad(
    gradInput: View,
    grad: View,
    geometry: PoolGeometry,
    options: { countIncludePad: boolean; divisor: number | null },
  ): void;
  /** Windows from ⌊i·H/OH⌋ to ⌈(i+1)·H/OH⌉. */
  adaptiveAvgPool2d(out: View, input: View): void;
  adaptiveAvgPool2dGrad(gradInput: View, grad: View): void;

  /** out = input with `axis` replaced by the entries that index (int64, 1-D, checked by the op) names. */
  indexSelect(out: View, input: View, axis: number, index: View): void;
  /** out[…, index[k], …] += source[…, k, …]. */
  indexAdd(out: View, axis: number, index: View, source: View): void;
  /** out[i][j][k] = input[index[i][j][k]][j][k] along axis 0, and likewise for others; as torch.gather. */
  gather(out: View, input: View, axis: number, index: View): void;
  scatterAdd(out: View, axis: number, index: View, source: View): void;
}
