import { describe, expect, it } from 'vitest';
import { partedRows } from '../../src/kernels/gemm-tile.ts';

/** Rows in tiles of four, in as many parts as make sixteen positions of all groups. */
const parted = (groups: number, rows: number, packs: boolean, threads: number): number =>
  partedRows({
    groups,
    rowTiles: Math.ceil(rows / 4),
    tileRows: 4,
    most: Math.ceil(16 / groups),
    packs,
    threads,
  });

describe('Rows of a product', () => {
  it('are not parted where each part would pack the panel anew, and threads have as much to do', () => {
    expect(parted(10, 64, true, 2)).toBe(64);
    expect(parted(1, 64, true, 1)).toBe(64);
  });

  it('are parted where threads would have nothing to do', () => {
    expect(parted(1, 64, true, 2)).toBe(32);
    expect(parted(1, 64, true, 4)).toBe(16);
    expect(parted(2, 1024, true, 4)).toBeLessThanOrEqual(512);
  });

  it('are parted where one thread would have a whole group more than another, and packing is little', () => {
    expect(parted(9, 1024, true, 2)).toBe(512);
    expect(parted(9, 64, true, 2)).toBe(64);
  });

  it('are parted as far as may be where panels are packed already', () => {
    expect(parted(10, 64, false, 2)).toBe(32);
    expect(parted(1, 64, false, 1)).toBe(4);
  });

  it('are whole tiles, and never more than there are', () => {
    for (const threads of [1, 2, 3, 8]) {
      for (const rows of [1, 3, 4, 5, 30, 127]) {
        for (const groups of [1, 2, 7, 100]) {
          const of = parted(groups, rows, true, threads);
          expect(of % 4).toBe(0);
          expect(of).toBeGreaterThan(0);
          expect(of).toBeLessThanOrEqual(Math.ceil(rows / 4) * 4);
        }
      }
    }
  });
});
