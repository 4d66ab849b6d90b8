/** The CPU as a device: every primitive by its kernels. */
import type { Backend } from '../device/backend.ts';
import { heap } from '../device/heap.ts';
import { copy } from './copy.ts';
import { map } from './elementwise.ts';
import { arange, fill } from './fill.ts';

export const cpu = {
  name: 'cpu',
  allocate: (bytes) => heap.allocate(bytes),
  map,
  copy,
  fill,
  arange,
} as Partial<Backend> as Backend;
