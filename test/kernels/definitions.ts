/** What kernels are compared with: definitions in plain loops over float64 (int64: bigint) arrays. */
import { elementCount } from '../../src/device/view.ts';
import type { Element } from './tensors.ts';

/** A tensor as a definition handles it. */
export interface Plain {
  readonly shape: readonly number[];
  readonly data: readonly Element[];
}

/** Coordinates in row-major order. */
export const coordinates = (shape: readonly number[]): number[][] =>
  Array.from({ length: elementCount(shape) }, (_, i) => {
    let rest = i;
    return shape
      .map((_, axis) => shape[shape.length - 1 - axis]!)
      .map((size) => {
        const at = rest % size;
        rest = Math.floor(rest / size);
        return at;
      })
      .reverse();
  });

export const flat = (shape: readonly number[], at: readonly number[]): number =>
  at.reduce((sum, place, axis) => sum * shape[axis]! + place, 0);

/** The elements that each result over some axes is made of. */
export const groups = ({ shape, data }: Plain, axes: readonly number[]): Element[][] => {
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const outShape = kept.map((axis) => shape[axis]!);
  const found = Array.from({ length: elementCount(outShape) }, (): Element[] => []);
  coordinates(shape).forEach((at, i) =>
    found[
      flat(
        outShape,
        kept.map((axis) => at[axis]!),
      )
    ]!.push(data[i]!),
  );
  return found;
};
