/** Asking for memory before it is needed, for kernels whose operands come from beyond the second cache. */
import type { Pointer } from '../lang/index.ts';

/** Of the smallest cache line. */
const LINE = 64;

/** Asks for all lines of so many bytes, which may begin within a line. */
export const askForAll = (from: Pointer, bytes: number, to: 'read' | 'write'): void => {
  for (let at = 0; at < bytes; at += LINE) from.plusBytes(at).prefetch(0, to);
  from.plusBytes(bytes - 1).prefetch(0, to);
};

/** In a walk by steps of so many bytes: asks for what a later step reads, so many bytes ahead. */
export const askAhead = (at: Pointer, step: number, ahead: number): void => {
  for (let byte = 0; byte < step; byte += LINE) at.plusBytes(ahead + byte).prefetch(0, 'read');
};
