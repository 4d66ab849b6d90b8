/** The CPU as a device: every primitive by its kernels. */
import type { Backend } from '../device/backend.ts';
import { allocate } from '../device/memory.ts';
import { argReduce } from './arg-reduce.ts';
import { conv2d, conv2dInputGrad, conv2dWeightGrad } from './conv/index.ts';
import { copy } from './copy.ts';
import { cumsum } from './cumsum.ts';
import { map } from './elementwise.ts';
import { arange, fill } from './fill.ts';
import { gather, indexAdd, indexSelect, scatterAdd } from './indexing.ts';
import { matmul } from './matmul.ts';
import {
  adaptiveAvgPool2d,
  adaptiveAvgPool2dGrad,
  avgPool2d,
  avgPool2dGrad,
  maxPool2d,
  maxPool2dGrad,
} from './pool.ts';
import { moments, reduce } from './reduce.ts';
import { softmax, softmaxGrad } from './softmax.ts';

export const cpu: Backend = {
  name: 'cpu',
  allocate,
  map,
  copy,
  fill,
  arange,
  reduce,
  argReduce,
  moments,
  softmax,
  softmaxGrad,
  cumsum,
  matmul,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
  maxPool2d,
  maxPool2dGrad,
  avgPool2d,
  avgPool2dGrad,
  adaptiveAvgPool2d,
  adaptiveAvgPool2dGrad,
  indexSelect,
  indexAdd,
  gather,
  scatterAdd,
};
