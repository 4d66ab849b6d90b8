/** Vectors along an axis whose neighbours follow one another, or lie `step` elements apart. */
import type { LaneIndex, Operand, Pointer, Value } from '../lang/index.ts';

export class Row {
  constructor(private readonly step?: Value | undefined) {}

  /** From a place on the axis to a distance in memory, in elements. */
  distance(places: Operand): Operand {
    const { step } = this;
    if (step === undefined) return places;
    return typeof places === 'number' ? step.mul(places) : places.mul(step);
  }

  /** The elements at a lane index. */
  at(x: Pointer, { base, lanes, count }: LaneIndex): Value {
    return this.vector(x.plus(this.distance(base)), { lanes, count });
  }

  /** The elements from the pointer on. */
  vector(x: Pointer, options: { readonly lanes?: number; readonly count?: Value | undefined } = {}): Value {
    return this.step === undefined ? x.vector(0, options) : x.strided(0, this.step, options);
  }
}
