/**
 * Where transformed tiles lie: [point][block of channels][tile][channel], a point being one of (m + 2)² places of a
 * transformed tile. A channel's neighbours are the lanes of the transforms, whatever the shape of the images, and a few
 * tiles that follow one another are a few constant steps apart for the products.
 */
import { storageBytes, type ElementType } from '../../../lang/index.ts';
import type { TileSize } from './matrices.ts';

/** Channels of a block: of float32 a cache line, and a whole number of vectors on every machine. */
export const CHANNELS = 16;

export interface TileLayout {
  /** From block to block of channels, in elements. */
  readonly block: number;
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

/** Room for so many tiles of so many channels. */
export const tileLayout = (
  element: ElementType,
  m: TileSize,
  channels: number,
  tiles: number,
): TileLayout => {
  const block = tiles * CHANNELS;
  const point = oddLines(Math.ceil(channels / CHANNELS) * block, element);
  return { block, point, bytes: pointsOf(m) * point * storageBytes[element] };
};
