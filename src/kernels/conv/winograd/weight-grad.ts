/**
 * The gradient of a convolution by its 3 × 3 weight, at stride 1: the transposed algorithm. What the transforms of taps
 * and of outputs did, their transposes undo; inputs are transformed as they were.
 *
 *     gradWeight = Gᵀ [ Σ (A dY Aᵀ) ⊙ (Bᵀ d B) ] G     over all tiles
 *
 * @see Lavin & Gray 2015, arXiv:1509.09308, section 4.3
 */
import type { ConvGeometry } from '../../../device/backend.ts';
import { launch, type Region } from '../../../device/launch.ts';
import { workspace } from '../../../device/memory.ts';
import { areEven, ownWorkspace, strands, strandThreads } from '../../../device/strands.ts';
import { currentTarget } from '../../../device/target.ts';
import { grainOf } from '../../../device/threads/grain.ts';
import { elementCount, type View } from '../../../device/view.ts';
import { storageBytes, type Machine } from '../../../lang/index.ts';
import { fill } from '../../fill.ts';
import { offsetTable } from '../../gemm-offsets.ts';
import { cycles, evenParts, fits, restVectors, sized, type Tile } from '../../gemm-tile.ts';
import type { Taps } from '../correlation.ts';
import { forward } from '../forward.ts';
import {
  bandsOf,
  elementOf,
  roomFor,
  roundsOf,
  strips,
  tilesOf,
  fromBlock,
  transformTiles,
  undilated,
  wholeBlock,
  type TransformedTiles,
} from './blocks.ts';
import { gradientKernel, gradientPiece, sumKernel } from './gradient.ts';
import { CHANNELS, oddLines, pointsOf } from './layout.ts';
import type { TileSize } from './matrices.ts';

/** @param gradWeight  float32 or float64 */
export const winogradWeightGrad = (
  gradWeight: View,
  grad: View,
  input: View,
  geometry: ConvGeometry,
  m: TileSize,
): void => {
  if (elementCount(gradWeight.shape) === 0) return;
  const correlation = forward(grad, input, gradWeight, null, geometry);
  const { taps, groups } = correlation;
  const element = elementOf(gradWeight);
  const { machine } = currentTarget();

  const atOnce = tilesAtOnce(taps, m, storageBytes[element]);
  const parts = undilated(correlation).flatMap((dense) => strips(dense, m, atOnce));
  const rows = parts.map((part) => wholeBlock(part, m));
  const all = rows.reduce((total, block) => total + block.rows * block.columns, 0);
  const widest = rows.reduce((most, { columns }) => Math.max(most, columns), 0);
  const most = Math.min(all, Math.ceil(all / Math.ceil(all / atOnce)) + widest - 1);
  const rounds = roundsOf(parts, m, most);
  if (rounds.length === 0) {
    fill(gradWeight, 0);
    return;
  }

  const tile = sumTile(machine, element, taps);
  const { blocks, across, bytes } = blocksOf(machine, element, tile, taps, m, strandThreads());
  // Sums that further rounds are added to are all kept; others are read at once.
  const kept =
    rounds.length === 1 ? null : workspace(`winograd.sums.${element}`, groups * blocks.length * bytes);
  rounds.forEach((round, r) => {
    const inputs = roomFor('inputs', element, m, taps.channels.size, most);
    const gradients = roomFor('products', element, m, taps.out.size, most);
    const tiles = tilesOf(round);
    for (let group = 0; group < groups; group++) {
      const ins = { first: group * taps.channels.size, count: taps.channels.size };
      for (const { part, block, place } of round)
        transformTiles('inputs', m, part.input, part.origin, ins, block, inputs, place);
      const flops = 2 * pointsOf(m) * tiles * blocks[0]!.outs * taps.channels.size;
      strands(blocks.length / across, grainOf({ flops }), (k) => {
        const some = blocks.slice(k * across, (k + 1) * across);
        const { firstOut, outs } = some[0]!;
        const channels = { first: group * taps.out.size + firstOut, count: outs };
        const own = fromBlock(gradients, firstOut / CHANNELS);
        for (const { part, block, place } of round)
          transformTiles('gradients', m, part.out, [0, 0], channels, block, own, place);
        some.forEach((block, j) => {
          const sums =
            kept === null
              ? ownWorkspace(`winograd.sums.${element}`, bytes)
              : { storage: kept, byteOffset: (group * blocks.length + k * across + j) * bytes };
          sumTiles(block, taps, tile, m, tiles, gradients, inputs, sums, r > 0);
          if (r === rounds.length - 1) transformSums(block, taps, group, element, m, sums);
        });
      });
    }
  });
};

/** Of transformed tiles at a time, and fewest tiles if there are more: reading and writing the sums has its price. */
const ROUND_BYTES = 8 * 2 ** 20;
const FEWEST = 256;

const tilesAtOnce = ({ out, channels }: Taps, m: TileSize, bytes: number): number =>
  Math.max(FEWEST, Math.floor(ROUND_BYTES / (pointsOf(m) * (out.size + channels.size) * bytes)));

/** Some outputs and input channels of a group. */
interface SumBlock {
  readonly firstOut: number;
  readonly outs: number;
  readonly firstChannel: number;
  readonly channels: number;
  /** Elements of the sums from output to output, and from point to point. */
  readonly pitch: number;
  readonly step: number;
}

/** So much longer takes what has a panel of fewer vectors: a kernel more, which keeps too few sums under way. */
const PARTIAL = 1.05;

/** The tile of the sums: its rows, which are outputs, fall evenly into blocks of channels. */
export const sumTile = (
  machine: Machine,
  element: 'f32' | 'f64',
  { out, channels }: Pick<Taps, 'out' | 'channels'>,
): Tile => {
  let best: Tile | null = null;
  let least = Infinity;
  for (let vectors = 3; vectors >= 1; vectors--) {
    for (let rows = CHANNELS; rows >= 1; rows /= 2) {
      if (!fits(machine, rows, vectors)) continue;
      const tile = sized(machine, element, rows, vectors);
      const rest = restVectors(tile, channels.size) === 0 ? 1 : PARTIAL;
      const time = cycles(tile, out.size, channels.size) * rest;
      if (time < least) [best, least] = [tile, time];
    }
  }
  return best!;
};

/**
 * Blocks whose sums at all points fill half of the second cache, so that the last transform finds them there; of as many
 * outputs as inputs, as then the least tiles are read. On several threads so many that all are busy.
 */
const blocksOf = (
  machine: Machine,
  element: 'f32' | 'f64',
  { columns }: Tile,
  { out, channels }: Taps,
  m: TileSize,
  threads: number,
): { blocks: SumBlock[]; across: number; bytes: number } => {
  const bytes = storageBytes[element];
  const fitting = machine.l2 / 2 / (pointsOf(m) * bytes);
  const columnPanels = Math.ceil(channels.size / columns);
  const outUnits = Math.ceil(out.size / CHANNELS);
  const wide = Math.max(Math.sqrt(fitting), fitting / (outUnits * CHANNELS));
  const width = columns * evenParts(columnPanels, Math.floor(wide / columns));
  const across = Math.ceil(channels.size / width);
  const cut = (units: number): SumBlock[] => {
    const height = units * CHANNELS;
    const pitch = Math.min(width, columnPanels * columns);
    const step = oddLines(height * pitch, element);
    return Array.from({ length: Math.ceil(out.size / height) * across }, (_, k): SumBlock => {
      const firstOut = Math.floor(k / across) * height;
      const firstChannel = (k % across) * width;
      return {
        firstOut,
        outs: Math.min(height, out.size - firstOut),
        firstChannel,
        channels: Math.min(width, channels.size - firstChannel),
        pitch,
        step,
      };
    });
  };
  const most = evenParts(outUnits, Math.floor(fitting / width / CHANNELS));
  let blocks = cut(most);
  for (let units = most; units > 0 && threads > 1; units--) {
    const fewer = cut(units);
    const heights = fewer.filter((_, k) => k % across === 0).map(({ outs }) => outs);
    if (areEven(heights, threads)) {
      blocks = fewer;
      break;
    }
  }
  return { blocks, across, bytes: pointsOf(m) * blocks[0]!.step * bytes };
};

/** sums += gradients · inputs, or = at first, at all points. */
const sumTiles = (
  { firstOut, outs, firstChannel, channels, pitch, step }: SumBlock,
  taps: Taps,
  tile: Tile,
  m: TileSize,
  tiles: number,
  gradients: TransformedTiles,
  inputs: TransformedTiles,
  sums: Region,
  further: boolean,
): void => {
  const { element } = inputs;
  const { machine } = currentTarget();
  const panels = Math.floor(channels / tile.columns);
  const rest = restVectors(tile, channels);
  const ofPanels = (
    vectors: number,
    column: number,
    count: number,
    firstTile: number,
    some: number,
  ): void => {
    if (count === 0) return;
    launch(
      sumKernel(element, tile.rows, vectors),
      {
        gradients: gradients.room,
        inputs: inputs.room,
        sums,
        firstOut,
        outPanels: Math.ceil(outs / tile.rows),
        firstChannel: firstChannel + column,
        panels: count,
        column,
        channels: taps.channels.size,
        firstTile,
        tiles: some,
        gradientBlock: gradients.block,
        gradientStep: gradients.point,
        inputBlock: inputs.block,
        inputStep: inputs.point,
        sumStep: step,
        sumPitch: pitch,
        accumulate: further || firstTile > 0 ? 1 : 0,
      },
      0,
      pointsOf(m) * count,
      { grain: grainOf({ flops: 2 * outs * vectors * machine.lanes(element) * some }) },
    );
  };
  // Tiles of a panel of inputs and of one of outputs stay in the first cache.
  const fitting = Math.floor((machine.l1 * 0.75) / ((tile.columns + CHANNELS) * storageBytes[element]));
  const depth = evenParts(tiles, fitting);
  for (let first = 0; first < tiles; first += depth) {
    const some = Math.min(depth, tiles - first);
    ofPanels(tile.vectors, 0, panels, first, some);
    ofPanels(rest, panels * tile.columns, rest === 0 ? 0 : 1, first, some);
  }
};

/** The gradient of a block's weights. */
const transformSums = (
  { firstOut, outs, firstChannel, channels, pitch, step }: SumBlock,
  taps: Taps,
  group: number,
  element: 'f32' | 'f64',
  m: TileSize,
  sums: Region,
): void => {
  const offset =
    taps.offset + group * taps.group + firstOut * taps.out.step + firstChannel * taps.channels.step;
  const dense = taps.columns.step === 1 && taps.rows.step === taps.columns.size;
  launch(
    gradientKernel(element, m, dense),
    {
      sums,
      gradWeight: { storage: taps.storage, byteOffset: offset * storageBytes[element] },
      waiting: bandsOf(element, outs, gradientPiece(m, currentTarget().machine.lanes(element))),
      offsets: offsetTable({ walks: [taps.rows, taps.columns] }),
      channels,
      channelStep: taps.channels.step,
      outStep: taps.out.step,
      sumStep: step,
      sumPitch: pitch,
    },
    0,
    outs,
    { grain: grainOf({ flops: 16 * pointsOf(m) * channels }) },
  );
};
