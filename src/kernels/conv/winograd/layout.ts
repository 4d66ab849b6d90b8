/** Where transformed tiles lie: [point][channel][tile], a point being one of (m + 2)² places of a transformed tile. */
import { storageBytes, type ElementType, type Machine } from '../../../lang/index.ts';
import type { TileSize } from './matrices.ts';

export interface TileLayout {
  /** From channel to channel, in elements. */
  readonly pitch: number;
  /** From point to point, in elements. */
  readonly point: number;
  readonly bytes: number;
}

/** Places of a transformed tile. */
export const pointsOf = (m: TileSize): number => (m + 2) ** 2;

const LINE = 64;

/**
 * At least so many elements, an odd number of cache lines: walks from point to point would meet in one set of the first
 * cache if they were multiples of 4096 bytes apart.
 */
export const oddLines = (elements: number, element: ElementType): number => {
  const lines = Math.ceil((elements * storageBytes[element]) / LINE);
  return ((lines + (lines % 2 === 0 ? 1 : 0)) * LINE) / storageBytes[element];
};

/**
 * Room for tiles of so many channels, and behind those of a channel for the rest of a vector, which is written and read
 * but means nothing.
 */
export const tileLayout = (
  machine: Machine,
  element: ElementType,
  m: TileSize,
  channels: number,
  tiles: number,
): TileLayout => {
  const pitch = oddLines(tiles + machine.lanes(element), element);
  const point = oddLines(channels * pitch, element);
  return { pitch, point, bytes: pointsOf(m) * point * storageBytes[element] };
};
