/** Asking for memory before it is needed, for kernels whose operands come from beyond the second cache. */
import { storageBytes, type LaneIndex, type Pointer } from '../lang/index.ts';

/** Of the smallest cache line. */
const LINE = 64;

/** 512 to 2048 bytes were alike. */
const WRITTEN_AHEAD = 1024;

/** Asks for all lines of so many bytes, which may begin within a line. */
export const askForAll = (from: Pointer, bytes: number, to: 'read' | 'write'): void => {
  for (let at = 0; at < bytes; at += LINE) from.plusBytes(at).prefetch(0, to);
  from.plusBytes(bytes - 1).prefetch(0, to);
};

/** In a walk by steps of so many bytes: asks for what a later step reads or writes, so many bytes ahead. */
export const askAhead = (at: Pointer, step: number, ahead: number, to: 'read' | 'write' = 'read'): void => {
  for (let byte = 0; byte < step; byte += LINE) at.plusBytes(ahead + byte).prefetch(0, to);
};

/**
 * In a loop over all elements: asks for what a later step writes. Processors find out what will be read, but wait for lines
 * that are written until they are there. (Measured with 4 MB in no cache: sums of two float32 740 µs and 620, relu 590
 * and 500; in the second cache 73 and 62. Asking for what is read gained nothing.)
 */
export const askToWrite = (out: Pointer, { base, lanes, count }: LaneIndex): void => {
  if (count === undefined)
    askAhead(out.plus(base), lanes * storageBytes[out.storage], WRITTEN_AHEAD, 'write');
};
