/** When the last panel of columns of a product, which is narrower, gets a tile of its own. */
import type { ElementType, Machine } from '../lang/index.ts';

/** Additions and multiplications in vain that take less time than a kernel takes to be compiled, one or two milliseconds. */
const PATIENCE = 2e8;
let patience = PATIENCE;

/** Tiles that have been asked for. */
let asked = new Set<string>();

/**
 * Whether a tile for last panels is worth a kernel of its own: not the first time that it is asked for. Who multiplies
 * once is served sooner by the usual tile, which computes columns that nobody wants; the sums are the same.
 *
 * @param vain  additions and multiplications that the usual tile would make beyond the last column
 */
export const isWorthTile = (
  { name }: Machine,
  element: ElementType,
  rows: number,
  vectors: number,
  vain: number,
): boolean => {
  const key = `${name} ${element} ${String(rows)}x${String(vectors)}`;
  if (vain > patience || asked.has(key)) return true;
  asked.add(key);
  return false;
};

/** Tests, which compute most things once, have no patience. What was asked for is forgotten. */
export const setPatience = (patient: boolean): void => {
  patience = patient ? PATIENCE : -1;
  asked = new Set();
};
