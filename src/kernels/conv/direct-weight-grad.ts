/**
 * The weight's gradient straight from the input and the output's gradient, lanes along the rows of both, or along whole
 * planes where rows follow one another in both: there nothing is packed and nothing is transposed, as memory is read in
 * the order of the sums. Each lane has a sum of its own; lanes are summed where a block ends that the first cache holds.
 */
import type { ConvGeometry } from '../../device/backend.ts';
import { launch, type Region } from '../../device/launch.ts';
import { workspace } from '../../device/memory.ts';
import type { Storage } from '../../device/storage.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../../device/view.ts';
import { elementBytes, loadedElement, storageBytes, type Machine } from '../../lang/index.ts';
import { fill } from '../fill.ts';
import { offsetTable } from '../gemm-offsets.ts';
import { stepCycles } from '../gemm-tile.ts';
import { keptTable } from '../tables.ts';
import { eachChunk, isWide, onlyMet, tapAxis, type Chunk, type Correlation } from './correlation.ts';
import { evenParts, panelRows, unalignedLoads } from './direct-tile.ts';
import { BLOCK_ENTRIES, directWeightKernel, directWeightPlaces, tileSums } from './direct-weight-kernel.ts';
import { forward } from './forward.ts';
import { inPlace, pad, type Images } from './padded.ts';

/** A launch has at least about so many positions to share among threads. */
const ENOUGH_POSITIONS = 16;

/** A tile's rows of memory have a pointer each, and an x86-64 processor 16 registers for everything. */
const MOST_POINTERS = 10;

/** Elements of a cache line, at least. */
const WHOLE = 16;

export interface DirectWeightTile {
  readonly channels: number;
  readonly taps: number;
  /** Estimated cycles for each vector of pixels, in all tiles. */
  readonly cycles: number;
}

/** The tile for so many output channels and taps that takes the least time. */
const directWeightTile = (machine: Machine, outs: number, k: number): DirectWeightTile => {
  let best: DirectWeightTile = { channels: 1, taps: 1, cycles: Infinity };
  for (let channels = 1; channels <= Math.min(outs, MOST_POINTERS - 1); channels++) {
    const fitting = Math.floor((machine.vectorRegisters - 1 - channels) / channels);
    for (let taps = 1; taps <= Math.min(k, fitting, MOST_POINTERS - channels); taps++) {
      const tiles = Math.ceil(outs / channels) * Math.ceil(k / taps);
      const cycles = tiles * stepCycles(channels, taps, unalignedLoads(machine) * (channels + taps));
      if (cycles < best.cycles) best = { channels, taps, cycles };
    }
  }
  return best;
};

/** Cycles to begin a row of pixels in a tile, and to sum the lanes of a vector and bring the sum to its place. */
const ROW = 15;
const SUMMED = 3;
/** A partial vector, in whole ones: it takes branches where there are no masks. */
const PARTIAL = 1.2;
const PARTIAL_BY_BRANCHES = 5;

/** Estimated cycles of one group. */
export const directWeightCycles = (machine: Machine, { out, input, taps, stride }: Correlation): number => {
  const element = loadedElement[storageOf[out.dtype]];
  const [images, , height, width] = out.shape as [number, number, number, number];
  const k = taps.channels.size * taps.rows.size * taps.columns.size;
  const { channels, taps: across, cycles } = directWeightTile(machine, taps.out.size, k);
  const flat =
    taps.rows.size * taps.columns.size * stride[0] * stride[1] === 1 &&
    input.shape[2] === height &&
    input.shape[3] === width;
  const [rows, row] = flat ? [images, height * width] : [images * height, width];
  const lanes = machine.lanes(element);
  const partial = machine.sinksArithmetic === true ? PARTIAL_BY_BRANCHES : PARTIAL;
  const steps = rows * (Math.floor(row / lanes) + (row % lanes > 0 ? partial : 0));
  const tiles = Math.ceil(taps.out.size / channels) * Math.ceil(k / across);
  const blocks = Math.ceil((rows * row) / deepest(machine, channels, elementBytes[element]));
  return steps * cycles + tiles * (rows * ROW + blocks * channels * across * SUMMED);
};

/** Pixels of a block: half of the first cache for gradients. */
const deepest = (machine: Machine, channels: number, bytes: number): number =>
  Math.max(1, Math.floor(machine.l1 / 2 / (channels * bytes)));

/** @param gradWeight  float32 or float64 */
export const directWeightGrad = (
  gradWeight: View,
  grad: View,
  images: View,
  geometry: ConvGeometry,
): void => {
  if (elementCount(gradWeight.shape) === 0) return;
  if (elementCount(grad.shape) === 0) {
    fill(gradWeight, 0);
    return;
  }
  const correlation = onlyMet(forward(grad, images, gradWeight, null, geometry), 1);
  const { input, taps, stride, groups } = correlation;
  const { machine } = currentTarget();
  const element = loadedElement[storageOf[gradWeight.dtype]] as 'f32' | 'f64';
  const bytes = elementBytes[element];
  const k = taps.channels.size * taps.rows.size * taps.columns.size;
  const tile = directWeightTile(machine, taps.out.size, k);
  const part = evenParts(k, tile.taps);
  const parts = Math.ceil(k / part);
  const groupPanels = Math.ceil(taps.out.size / tile.channels);
  const panels = groups * groupPanels;
  const bandParts = Math.ceil(parts / Math.ceil(ENOUGH_POSITIONS / panels));
  const bands = Math.ceil(parts / bandParts);
  const sums = workspace(
    `conv.directWeightSums.${element}`,
    panels * parts * tileSums(machine, element, tile.channels, part) * bytes,
  );
  const deep = deepest(machine, tile.channels, bytes);
  // Half of the second cache for what is read under the gradients, which each panel reads anew.
  const together = Math.max(1, Math.floor(machine.l2 / 2 / (taps.channels.size * deep * bytes)));

  let accumulate = 0;
  const mayStay = stride[1] === 1 && input.strides[3] === 1 && isWide(input);
  eachChunk(correlation, { mayStay, neighbours: true }, (chunk) => {
    const { images, count } = chunk;
    const gradients = gradientsOf(grad, chunk);
    const rowStep = stride[0] * images.row;
    const [rows, width] = [chunk.rows, grad.shape[3]!];
    // Rows that follow one another, in the input as in the gradient, are one.
    const flat = gradients.row === width && rowStep === width;
    const pixels = flat ? { count, rows: 1, width: rows * width } : { count, rows, width };
    const { blocks, table } = blocksOf(pixels, deep);
    const gradOffsets = offsetTable(panelRows(groups, taps.out.size, tile.channels, gradients.channel));
    const tapOffsets = offsetTable(tapAxis(correlation, images), part);
    for (let first = 0; first < blocks; first += together) {
      const some = Math.min(together, blocks - first);
      launch(
        directWeightKernel(element, tile.channels, part),
        {
          grad: region(gradients, bytes),
          images: region(images, bytes),
          sums,
          gradOffsets,
          tapOffsets,
          blockTable: { storage: table, byteOffset: first * BLOCK_ENTRIES * storageBytes.i32 },
          blocks: some,
          parts,
          bandParts,
          bands,
          groupPanels,
          gradImageStep: gradients.image,
          gradRowStep: gradients.row,
          imageStep: images.image,
          groupStep: taps.channels.size * images.channel,
          rowStep,
          accumulate,
        },
        0,
        panels * bands,
        { grain: grainOf({ flops: 2 * tile.channels * part * bandParts * some * deep }) },
      );
      accumulate = 1;
    }
  });
  launch(
    directWeightPlaces(element, tile.channels, part),
    {
      sums,
      gradWeight: region(taps, bytes),
      rowOffsets: offsetTable(panelRows(groups, taps.out.size, tile.channels, taps.out.step)),
      columnOffsets: offsetTable({ walks: [taps.channels, taps.rows, taps.columns] }, part),
      parts,
    },
    0,
    panels,
    { grain: grainOf({ bytes: 4 * tile.channels * k * bytes }) },
  );
};

const region = ({ storage, offset }: Pick<Images, 'storage' | 'offset'>, bytes: number): Region => ({
  storage,
  byteOffset: offset * bytes,
});

/** What blocks are cut from: images of so many rows of so many columns. */
interface Pixels {
  readonly count: number;
  readonly rows: number;
  readonly width: number;
}

/** A table of blocks of about `deep` pixels: several images, some rows of one, or a part of a row. */
const blocksOf = ({ count, rows, width }: Pixels, deep: number): { blocks: number; table: Storage } => {
  const images = rows * width <= deep ? evenParts(count, Math.floor(deep / (rows * width))) : 1;
  const lines = images > 1 ? rows : evenParts(rows, Math.max(1, Math.floor(deep / width)));
  // Whole cache lines, so that vectors of what follows are no worse aligned.
  const pieces = Math.ceil(width / deep);
  const columns = pieces === 1 ? width : Math.ceil(width / pieces / WHOLE) * WHOLE;
  const blocks = Math.ceil(count / images) * Math.ceil(rows / lines) * Math.ceil(width / columns);
  const key = `blocks ${[count, images, rows, lines, width, columns].join()}`;
  return {
    blocks,
    table: keptTable(key, () => {
      const entries: number[] = [];
      for (let image = 0; image < count; image += images)
        for (let row = 0; row < rows; row += lines)
          for (let column = 0; column < width; column += columns)
            entries.push(
              ...[image, row, column],
              ...[
                Math.min(images, count - image),
                Math.min(lines, rows - row),
                Math.min(columns, width - column),
              ],
            );
      return Int32Array.from(entries);
    }),
  };
};

/** A chunk of the output's gradient as vectors can be loaded from it. */
const gradientsOf = (grad: View, { first, count, firstRow, rows }: Chunk): Images => {
  const extent = { top: firstRow, left: 0, rows, columns: grad.shape[3]! };
  return grad.strides[3] === 1 && isWide(grad)
    ? inPlace(grad, first, extent)
    : pad('conv.grad', grad, first, count, extent, 1);
};
