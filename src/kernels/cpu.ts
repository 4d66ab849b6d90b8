/** The CPU as a device: every primitive by its kernels. */
import type { Backend, ConvGeometry, Epilogue, PoolGeometry } from '../device/backend.ts';
import { allocate } from '../device/memory.ts';
import { isContiguous, type View } from '../device/view.ts';
import { dtypeCodes } from '../dtype.ts';
import { argReduce } from './arg-reduce.ts';
import { choiceForm } from './conv/choose.ts';
import { copy } from './copy.ts';
import { cumsum } from './cumsum.ts';
import { map } from './elementwise.ts';
import { arange, fill } from './fill.ts';
import {
  adaptiveAvgPool2dGrad,
  avgPool2dGrad,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  indexAdd,
  matmul,
  maxPool2dGrad,
  scatterAdd,
} from './half.ts';
import { gather, indexSelect } from './indexing.ts';
import { planned, type Form } from './planned.ts';
import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from './pool.ts';
import { covariances, moments, reduce } from './reduce.ts';
import { softmax, softmaxGrad } from './softmax.ts';
import { update } from './update.ts';

const operands = (form: Form, ...views: readonly (View | null)[]): void => {
  for (const view of views) form.operand(view);
};

/** A convolution, or one of its gradients. */
const convolution = (
  form: Form,
  a: View,
  b: View,
  c: View,
  { stride, dilation, padding, groups }: ConvGeometry,
): void => {
  operands(form, a, b, c);
  form.addAll(stride);
  form.addAll(dilation);
  form.addAll(padding[0]);
  form.addAll(padding[1]);
  form.add(groups);
  form.addText(choiceForm());
};

const epilogueOf = (form: Form, { residual, activation }: Epilogue = {}): void => {
  form.operand(residual ?? null);
  form.addText(activation?.name ?? '');
};

const windows = (form: Form, { kernel, stride, dilation, padding }: PoolGeometry): void => {
  form.addAll(kernel);
  form.addAll(stride);
  form.addAll(dilation);
  form.addAll(padding);
};

const averages = (
  form: Form,
  out: View,
  input: View,
  geometry: PoolGeometry,
  { countIncludePad, divisor }: { countIncludePad: boolean; divisor: number | null },
): void => {
  operands(form, out, input);
  windows(form, geometry);
  form.add(countIncludePad ? 1 : 0);
  form.add(divisor ?? 0);
};

/** A number's bits, which tell zeros apart, too. */
const addBits = (form: Form, x: number | bigint): void => {
  if (typeof x === 'number') floats[0] = x;
  else longs[0] = x;
  form.add(halves[0]!);
  form.add(halves[1]!);
};
const floats = new Float64Array(1);
const longs = new BigInt64Array(floats.buffer);
const halves = new Int32Array(floats.buffer);

/** Finding a way through several views takes longer than most of them. */
const walked = planned(map, (form, { name }, compute, out, inputs, scalars = []) => {
  form.addText(name);
  form.add(dtypeCodes[compute]);
  operands(form, out, ...inputs);
  for (const x of scalars) addBits(form, x);
});

export const cpu: Backend = {
  name: 'cpu',
  allocate,
  map: (expression, compute, out, inputs, scalars) => {
    const flat = isContiguous(out) && inputs.every(isContiguous);
    (flat ? map : walked)(expression, compute, out, inputs, scalars);
  },
  update,
  copy,
  fill,
  arange,
  reduce: planned(reduce, (form, reduction, out, input, axes) => {
    form.addText(reduction);
    operands(form, out, input);
    form.addAll(axes);
  }),
  argReduce,
  moments: planned(moments, (form, mean, variance, input, axes) => {
    operands(form, mean, variance, input);
    form.addAll(axes);
  }),
  covariances: planned(covariances, (form, out, x, centre, partner, axes) => {
    operands(form, out, x, centre, partner);
    form.addAll(axes);
  }),
  softmax,
  softmaxGrad,
  cumsum,
  matmul: planned(matmul, (form, out, a, b, bias = null) => {
    operands(form, out, a, b, bias);
  }),
  conv2d: planned(conv2d, (form, out, input, weight, bias, geometry, epilogue) => {
    convolution(form, out, input, weight, geometry);
    form.operand(bias);
    epilogueOf(form, epilogue);
  }),
  conv2dInputGrad: planned(conv2dInputGrad, convolution),
  conv2dWeightGrad: planned(conv2dWeightGrad, convolution),
  maxPool2d: planned(maxPool2d, (form, out, positions, input, geometry) => {
    operands(form, out, positions, input);
    windows(form, geometry);
  }),
  maxPool2dGrad: planned(maxPool2dGrad, operands),
  avgPool2d: planned(avgPool2d, averages),
  avgPool2dGrad: planned(avgPool2dGrad, averages),
  adaptiveAvgPool2d: planned(adaptiveAvgPool2d, operands),
  adaptiveAvgPool2dGrad: planned(adaptiveAvgPool2dGrad, operands),
  indexSelect,
  indexAdd,
  gather,
  scatterAdd,
};
