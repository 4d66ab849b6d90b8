/** Which way to reduce: along an axis, each result a row of its own, or across it, many results side by side. */
import { currentTarget } from '../device/target.ts';
import type { ElementType } from '../lang/index.ts';
import type { Axis } from './walk.ts';

/** Along the reduced axis, or across it. */
export type Kind = 'row' | 'column';

/** How one axis is reduced. */
export interface Plan {
  readonly kind: Kind;
  readonly axis: Axis;
  /** The kept axes. Across the reduced axis, the first of them is what lies side by side. */
  readonly kept: readonly Axis[];
}

/**
 * One of the axes, and the way that takes less time: a vector of neighbours costs one step, other elements one each,
 * and every row of either kind has its own cost.
 */
export const cheapest = (kept: readonly Axis[], reduced: readonly Axis[], element: ElementType): Plan => {
  const lanes = currentTarget().machine.lanes(element);
  const steps = ({ size, strides: [step] }: Axis): number =>
    step === 1
      ? Math.floor(size / lanes) + (size % lanes === 0 ? 0 : lanes)
      : Math.ceil(size / lanes) * lanes;
  const axis = nearest(reduced);
  const columns = nearest(kept);
  const along = (steps(axis) + 8) / axis.size;
  const across = (steps(columns) + 2) / columns.size;
  if (along <= across) return { kind: 'row', axis, kept };
  return { kind: 'column', axis, kept: [columns, ...kept.filter((other) => other !== columns)] };
};

/** The axis whose neighbours are nearest in memory; those that repeat one element come last. */
const nearest = (axes: readonly Axis[]): Axis =>
  axes.reduce((best, axis) => (distance(axis) < distance(best) ? axis : best));
const distance = ({ strides: [step] }: Axis): number => (step === 0 ? Infinity : step!);
