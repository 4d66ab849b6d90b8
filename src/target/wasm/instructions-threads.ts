import { atomic, atomicFence, memarg } from './row.ts';

/** Threads: atomic access, which must be aligned. `rmw` instructions give the value from before. */
export const threadInstructions = {
  // Waiting
  'memory.atomic.notify': atomic(0x00, 'i32 i32 -> i32', memarg(4)),
  'memory.atomic.wait32': atomic(0x01, 'i32 i32 i64 -> i32', memarg(4)),
  'memory.atomic.wait64': atomic(0x02, 'i32 i64 i64 -> i32', memarg(8)),
  'atomic.fence': atomicFence(0x03, '->'),

  // Loads and stores
  'i32.atomic.load': atomic(0x10, 'i32 -> i32', memarg(4)),
  'i64.atomic.load': atomic(0x11, 'i32 -> i64', memarg(8)),
  'i32.atomic.load8_u': atomic(0x12, 'i32 -> i32', memarg(1)),
  'i32.atomic.load16_u': atomic(0x13, 'i32 -> i32', memarg(2)),
  'i64.atomic.load8_u': atomic(0x14, 'i32 -> i64', memarg(1)),
  'i64.atomic.load16_u': atomic(0x15, 'i32 -> i64', memarg(2)),
  'i64.atomic.load32_u': atomic(0x16, 'i32 -> i64', memarg(4)),
  'i32.atomic.store': atomic(0x17, 'i32 i32 ->', memarg(4)),
  'i64.atomic.store': atomic(0x18, 'i32 i64 ->', memarg(8)),
  'i32.atomic.store8': atomic(0x19, 'i32 i32 ->', memarg(1)),
  'i32.atomic.store16': atomic(0x1a, 'i32 i32 ->', memarg(2)),
  'i64.atomic.store8': atomic(0x1b, 'i32 i64 ->', memarg(1)),
  'i64.atomic.store16': atomic(0x1c, 'i32 i64 ->', memarg(2)),
  'i64.atomic.store32': atomic(0x1d, 'i32 i64 ->', memarg(4)),

  // add
  'i32.atomic.rmw.add': atomic(0x1e, 'i32 i32 -> i32', memarg(4)),
  'i64.atomic.rmw.add': atomic(0x1f, 'i32 i64 -> i64', memarg(8)),
  'i32.atomic.rmw8.add_u': atomic(0x20, 'i32 i32 -> i32', memarg(1)),
  'i32.atomic.rmw16.add_u': atomic(0x21, 'i32 i32 -> i32', memarg(2)),
  'i64.atomic.rmw8.add_u': atomic(0x22, 'i32 i64 -> i64', memarg(1)),
  'i64.atomic.rmw16.add_u': atomic(0x23, 'i32 i64 -> i64', memarg(2)),
  'i64.atomic.rmw32.add_u': atomic(0x24, 'i32 i64 -> i64', memarg(4)),

  // sub
  'i32.atomic.rmw.sub': atomic(0x25, 'i32 i32 -> i32', memarg(4)),
  'i64.atomic.rmw.sub': atomic(0x26, 'i32 i64 -> i64', memarg(8)),
  'i32.atomic.rmw8.sub_u': atomic(0x27, 'i32 i32 -> i32', memarg(1)),
  'i32.atomic.rmw16.sub_u': atomic(0x28, 'i32 i32 -> i32', memarg(2)),
  'i64.atomic.rmw8.sub_u': atomic(0x29, 'i32 i64 -> i64', memarg(1)),
  'i64.atomic.rmw16.sub_u': atomic(0x2a, 'i32 i64 -> i64', memarg(2)),
  'i64.atomic.rmw32.sub_u': atomic(0x2b, 'i32 i64 -> i64', memarg(4)),

  // and
  'i32.atomic.rmw.and': atomic(0x2c, 'i32 i32 -> i32', memarg(4)),
  'i64.atomic.rmw.and': atomic(0x2d, 'i32 i64 -> i64', memarg(8)),
  'i32.atomic.rmw8.and_u': atomic(0x2e, 'i32 i32 -> i32', memarg(1)),
  'i32.atomic.rmw16.and_u': atomic(0x2f, 'i32 i32 -> i32', memarg(2)),
  'i64.atomic.rmw8.and_u': atomic(0x30, 'i32 i64 -> i64', memarg(1)),
  'i64.atomic.rmw16.and_u': atomic(0x31, 'i32 i64 -> i64', memarg(2)),
  'i64.atomic.rmw32.and_u': atomic(0x32, 'i32 i64 -> i64', memarg(4)),

  // or
  'i32.atomic.rmw.or': atomic(0x33, 'i32 i32 -> i32', memarg(4)),
  'i64.atomic.rmw.or': atomic(0x34, 'i32 i64 -> i64', memarg(8)),
  'i32.atomic.rmw8.or_u': atomic(0x35, 'i32 i32 -> i32', memarg(1)),
  'i32.atomic.rmw16.or_u': atomic(0x36, 'i32 i32 -> i32', memarg(2)),
  'i64.atomic.rmw8.or_u': atomic(0x37, 'i32 i64 -> i64', memarg(1)),
  'i64.atomic.rmw16.or_u': atomic(0x38, 'i32 i64 -> i64', memarg(2)),
  'i64.atomic.rmw32.or_u': atomic(0x39, 'i32 i64 -> i64', memarg(4)),

  // xor
  'i32.atomic.rmw.xor': atomic(0x3a, 'i32 i32 -> i32', memarg(4)),
  'i64.atomic.rmw.xor': atomic(0x3b, 'i32 i64 -> i64', memarg(8)),
  'i32.atomic.rmw8.xor_u': atomic(0x3c, 'i32 i32 -> i32', memarg(1)),
  'i32.atomic.rmw16.xor_u': atomic(0x3d, 'i32 i32 -> i32', memarg(2)),
  'i64.atomic.rmw8.xor_u': atomic(0x3e, 'i32 i64 -> i64', memarg(1)),
  'i64.atomic.rmw16.xor_u': atomic(0x3f, 'i32 i64 -> i64', memarg(2)),
  'i64.atomic.rmw32.xor_u': atomic(0x40, 'i32 i64 -> i64', memarg(4)),

  // xchg
  'i32.atomic.rmw.xchg': atomic(0x41, 'i32 i32 -> i32', memarg(4)),
  'i64.atomic.rmw.xchg': atomic(0x42, 'i32 i64 -> i64', memarg(8)),
  'i32.atomic.rmw8.xchg_u': atomic(0x43, 'i32 i32 -> i32', memarg(1)),
  'i32.atomic.rmw16.xchg_u': atomic(0x44, 'i32 i32 -> i32', memarg(2)),
  'i64.atomic.rmw8.xchg_u': atomic(0x45, 'i32 i64 -> i64', memarg(1)),
  'i64.atomic.rmw16.xchg_u': atomic(0x46, 'i32 i64 -> i64', memarg(2)),
  'i64.atomic.rmw32.xchg_u': atomic(0x47, 'i32 i64 -> i64', memarg(4)),

  // cmpxchg
  'i32.atomic.rmw.cmpxchg': atomic(0x48, 'i32 i32 i32 -> i32', memarg(4)),
  'i64.atomic.rmw.cmpxchg': atomic(0x49, 'i32 i64 i64 -> i64', memarg(8)),
  'i32.atomic.rmw8.cmpxchg_u': atomic(0x4a, 'i32 i32 i32 -> i32', memarg(1)),
  'i32.atomic.rmw16.cmpxchg_u': atomic(0x4b, 'i32 i32 i32 -> i32', memarg(2)),
  'i64.atomic.rmw8.cmpxchg_u': atomic(0x4c, 'i32 i64 i64 -> i64', memarg(1)),
  'i64.atomic.rmw16.cmpxchg_u': atomic(0x4d, 'i32 i64 i64 -> i64', memarg(2)),
  'i64.atomic.rmw32.cmpxchg_u': atomic(0x4e, 'i32 i64 i64 -> i64', memarg(4)),
};
