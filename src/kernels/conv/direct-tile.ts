/** Register tiles of the direct kernels. */
import type { ElementType, Machine } from '../../lang/index.ts';
import type { Axis } from '../gemm-offsets.ts';

export { evenParts } from '../gemm-tile.ts';

/** `channels` outputs × `across` vectors: of pixels in the forward kernel, of taps in the weight gradient's. */
export interface DirectTile {
  readonly channels: number;
  readonly across: number;
}

/**
 * What loading a vector from wherever a tap happens to be costs, in loads of an aligned one, by the vector's bytes: most
 * vectors of 64 bytes cross a cache line, half of those of 32. (Measured: 10 of 64 bytes take 22 cycles.)
 */
const UNALIGNED: Readonly<Record<number, number>> = { 64: 4, 32: 2 };
export const unalignedLoads = ({ vectorBytes }: Machine): number => UNALIGNED[vectorBytes] ?? 1;

/**
 * The tile that computes `channels` of a group fastest, if `across` has no bound. All accumulators, all vectors of the
 * input and the element that each channel multiplies them with must be live at once (see `gemm-tile.ts`); a step costs
 * its loads or its multiplications, two at a time, and about two cycles to count and to find the tap.
 *
 * Measured on 3 × 3 taps, groups of 4, tiles of 2 and of 4 channels, GFLOP/s: AVX-512, 128 channels of 28 × 28, 93 and 110,
 * of 56 × 56, 76 and 84; AVX2, 81 and 83, 68 and 71.
 */
export const directTile = (machine: Machine, channels: number): DirectTile => {
  const loads = unalignedLoads(machine);
  let best: DirectTile = { channels: 1, across: 1 };
  let least = Infinity;
  for (let some = 1; some <= Math.min(channels, 6); some++) {
    const across = Math.floor((machine.vectorRegisters - some) / (some + 1));
    if (across < 1) break;
    const steps = Math.ceil(channels / some);
    const cost = (steps * (Math.max(some + loads * across, some * across) / 2 + 2)) / across;
    if (cost < least) [best, least] = [{ channels: some, across }, cost];
  }
  return best;
};

/** Vectors that a row of `width` pixels takes. */
export const vectorsOf = (machine: Machine, element: ElementType, width: number): number =>
  Math.ceil(width / machine.lanes(element));

/**
 * An axis over the output channels of all groups, in panels of `channels`. Each group begins a panel; where its last one
 * is not full, its last channel is there more than once.
 */
export const panelRows = (groups: number, perGroup: number, channels: number, step: number): Axis => ({
  walks: [
    { size: groups, step: perGroup * step },
    { size: Math.ceil(perGroup / channels) * channels, step, distinct: perGroup },
  ],
});
