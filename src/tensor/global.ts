/**
 * Where the parts of a global tensor are, and how it is cut into them: what `toGlobal` takes.
 *
 * @see oneflow.placement, oneflow.sbp
 */
import { RuntimeError, ValueError } from '../errors.ts';
import type { Tensor } from './tensor.ts';
import { typeName } from './type-name.ts';

/** Ranks by number, in one dimension or more: their shape is the hierarchy. */
export type Ranks = readonly (number | Ranks)[];

/** How many processes work together. */
const WORLD_SIZE = 1;

/** A device type and the ranks whose devices of that type hold a global tensor's parts. @see oneflow.placement */
export class Placement {
  constructor(
    readonly type: string,
    readonly ranks: Ranks,
  ) {
    if (!Array.isArray(ranks))
      throw new TypeError(`placement: ranks must be an array of integers, not ${typeName(ranks)}`);
    for (const rank of ranks.flat(Infinity) as unknown[]) {
      if (typeof rank !== 'number' || !Number.isInteger(rank) || rank < 0)
        throw new ValueError(`placement: ranks must be non-negative integers, got ${String(rank)}`);
      if (rank >= WORLD_SIZE)
        throw new RuntimeError('Placement is invalid because rank must be less than world size!');
    }
  }

  equals(other: Placement): boolean {
    return this.type === other.type && JSON.stringify(this.ranks) === JSON.stringify(other.ranks);
  }
  toString(): string {
    return `oneflow.placement(type="${this.type}", ranks=${JSON.stringify(this.ranks).replaceAll(',', ', ')})`;
  }
}

/** A placement. `ranks` may be nested: their shape is the hierarchy. @throws RuntimeError for a rank beyond the world */
export const placement = (type: string, ranks: Ranks): Placement => new Placement(type, ranks);

/** How a global tensor lies on the ranks of one dimension of its placement. Made by `sbp`. @see oneflow.sbp */
export class Sbp {
  /** @internal */
  constructor(private readonly text: string) {}
  toString(): string {
    return `oneflow.sbp.${this.text}`;
  }
}

/** OneFlow's axes end here. */
const MAX_SPLIT_AXIS = 6;

/** The kinds of distribution. */
export const sbp = {
  /** Every rank holds the whole tensor. */
  broadcast: new Sbp('broadcast'),
  /** The tensor is the sum of what the ranks hold. */
  partialSum: new Sbp('partial_sum'),
  /** The ranks hold consecutive slices along an axis. @throws RuntimeError for an axis below 0 or above 5 */
  split: (dim: number): Sbp => {
    if (typeof dim !== 'number') throw new TypeError("split_sbp() missing 1 required argument: 'dim'.");
    if (dim < 0) throw new RuntimeError(`Split axis must not be negative, but got ${String(dim)}!`);
    if (dim >= MAX_SPLIT_AXIS) {
      throw new RuntimeError(
        `Expected split axis to be less than the supported maximum axis (${String(MAX_SPLIT_AXIS)}), but got ${String(dim)}!`,
      );
    }
    return new Sbp(`split(dim=${String(dim)})`);
  },
} as const;

export interface ToGlobalOptions {
  readonly placement?: Placement | undefined;
  /** One kind per dimension of the placement's ranks. */
  readonly sbp?: Sbp | readonly Sbp[] | undefined;
}

/** @throws ValueError when placement or sbp are missing, TypeError when they are something else */
export const checkGlobalTarget = (place: unknown, kinds: unknown): void => {
  if ((place ?? null) === null || (kinds ?? null) === null) {
    throw new ValueError(
      'Converting a local tensor to global tensor must have placement and sbp parameters.',
    );
  }
  if (!(place instanceof Placement))
    throw new TypeError(`Invalid parameter placement with type ${typeName(place)}`);
  for (const kind of Array.isArray(kinds) ? (kinds as unknown[]) : [kinds]) {
    if (!(kind instanceof Sbp)) throw new TypeError(`Invalid parameter sbp with type ${typeName(kind)}`);
  }
};

/**
 * A local tensor as this rank's part of a global one.
 *
 * @throws ValueError when placement or sbp are missing, TypeError when they are something else
 * @throws RuntimeError because this process belongs to no group
 * @see oneflow.Tensor.to_global
 */
export const toGlobal = (_tensor: Tensor, options: ToGlobalOptions = {}): Tensor => {
  checkGlobalTarget(options.placement, options.sbp);
  throw new RuntimeError(
    'to_global: this process belongs to no process group, so there are no ranks for the parts of a global tensor',
  );
};

/** This rank's part of a global tensor. @throws RuntimeError because every tensor of one process is local */
export const toLocal = (_tensor: Tensor): Tensor => {
  throw new RuntimeError('Expected global tensor for to_local but got local tensor!');
};
