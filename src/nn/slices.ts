/** Positions in lists as Python counts them. */
import { IndexError, ValueError } from '../errors.ts';
import { typeName } from '../tensor/type-name.ts';

/** Python's `start:stop:step`: negative positions count from the end, what is absent goes as far as it can. */
export interface Slice {
  readonly start?: number | undefined;
  readonly stop?: number | undefined;
  /** Default 1. */
  readonly step?: number | undefined;
}

/**
 * A position from 0; negative ones count from the end.
 *
 * @throws IndexError when there is none, TypeError when it is no integer
 */
export const positionIn = (length: number, index: number): number => {
  checkInteger(index);
  if (index < -length || index >= length) throw new IndexError(`index ${String(index)} is out of range`);
  return index < 0 ? index + length : index;
};

/** The positions of a slice, in its order. @throws ValueError when the step is zero */
export const positionsOf = (length: number, { start, stop, step = 1 }: Slice): number[] => {
  checkInteger(step);
  if (step === 0) throw new ValueError('slice step cannot be zero');
  const forward = step > 0;
  const [first, last] = forward ? [0, length] : [-1, length - 1];
  const clamped = (position: number | undefined, otherwise: number): number => {
    if (position === undefined) return otherwise;
    checkInteger(position);
    return Math.min(Math.max(position < 0 ? position + length : position, first), last);
  };
  const from = clamped(start, forward ? 0 : length - 1);
  const to = clamped(stop, forward ? length : -1);
  const count = Math.max(Math.ceil((to - from) / step), 0);
  return Array.from({ length: count }, (_, k) => from + k * step);
};

const checkInteger = (value: unknown): void => {
  if (!Number.isInteger(value))
    throw new TypeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
};
