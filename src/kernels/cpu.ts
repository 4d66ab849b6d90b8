/** The CPU as a device: every primitive by its kernels. */
import type { Backend } from '../device/backend.ts';
import { allocate } from '../device/memory.ts';
import { conv2d, conv2dInputGrad, conv2dWeightGrad } from './conv/index.ts';
import { copy } from './copy.ts';
import { map } from './elementwise.ts';
import { arange, fill } from './fill.ts';
import { matmul } from './matmul.ts';

export const cpu = {
  name: 'cpu',
  allocate,
  map,
  copy,
  fill,
  arange,
  matmul,
  conv2d,
  conv2dInputGrad,
  conv2dWeightGrad,
} as Partial<Backend> as Backend;
