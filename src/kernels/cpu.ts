/** The CPU as a device: every primitive by its kernels. */
import type { Backend } from '../device/backend.ts';
import { allocate } from '../device/memory.ts';
import { argReduce } from './arg-reduce.ts';
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
import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from './pool.ts';
import { covariances, moments, reduce } from './reduce.ts';
import { softmax, softmaxGrad } from './softmax.ts';
import { update } from './update.ts';

export const cpu: Backend = {
  name: 'cpu',
  allocate,
  map,
  update,
  copy,
  fill,
  arange,
  reduce,
  argReduce,
  moments,
  covariances,
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
