/**
 * Convolution with lanes on output channels: each pixel of the padded input is spread over the lanes where it is, so
 * nothing of the input is packed, whatever the stride; taps are packed once. For many taps and whole vectors of output
 * channels: what each tile of outputs costs beside its sums, a transposition, is the same for few and for many.
 *
 * @see Zhang, Franchetti & Low 2018, "High Performance Zero-Memory Overhead Direct Convolutions", arXiv:1809.10170
 */
import { launch, type Region } from '../../device/launch.ts';
import type { Storage } from '../../device/storage.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { byteOffset, elementCount, storageOf, type View } from '../../device/view.ts';
import {
  elementBytes,
  loadedElement,
  storageBytes,
  type ElementType,
  type Machine,
} from '../../lang/index.ts';
import { epilogueForm } from '../epilogue.ts';
import { offsetTable, type Walk } from '../gemm-offsets.ts';
import { stepCycles } from '../gemm-tile.ts';
import { keptTable } from '../tables.ts';
import { channelsKernel, isPadding, type ChannelsForm, type Side } from './channels-kernel.ts';
import {
  eachChunk,
  extentOf,
  isInside,
  isWide,
  outOffset,
  tapAxis,
  type Chunk,
  type Correlation,
} from './correlation.ts';
import { packedTaps } from './direct-taps.ts';
import { byGroups } from './groups.ts';
import { eachShare } from '../slots.ts';

/** Bytes of sums that may wait while other taps are taken: they stay in the second cache. */
const PARKED_BYTES = 128 * 1024;
/** Positions that are handed out at a time, and have room for such sums; and how many there should be for threads. */
const POSITIONS = 64;
const ENOUGH_POSITIONS = 8;
/** Fewer taps do not pay for the transposition of a tile. */
const LEAST_TAPS = 64;

export interface ChannelsTile {
  readonly pixels: number;
  readonly vectors: number;
  /** Estimated cycles for each tap and image, and of how many steps. */
  readonly cycles: number;
  readonly steps: number;
}

/** Whether this is for it at all. */
export const isForChannels = (machine: Machine, { out, input, taps, turn }: Correlation): boolean =>
  taps.channels.size * taps.rows.size * taps.columns.size >= LEAST_TAPS &&
  taps.out.size >= machine.lanes(loadedElement[storageOf[out.dtype]]) &&
  (out.strides[3] === 1 || turn !== undefined) &&
  input.strides[3] === 1;

/** The tile that takes an output of so many channels, rows and columns in the least time. */
export const channelsTile = (
  machine: Machine,
  element: ElementType,
  outs: number,
  height: number,
  width: number,
): ChannelsTile => {
  const lanes = machine.lanes(element);
  let best: ChannelsTile = { pixels: 1, vectors: 1, cycles: Infinity, steps: Infinity };
  for (let vectors = 1; vectors <= 4; vectors++) {
    const most = Math.floor((machine.vectorRegisters - 1 - vectors) / vectors);
    for (let pixels = 1; pixels <= Math.min(most, lanes, width); pixels++) {
      const tiles = height * Math.ceil(width / pixels) * Math.ceil(outs / lanes / vectors);
      const cycles = tiles * stepCycles(pixels, vectors);
      if (cycles < best.cycles) best = { pixels, vectors, cycles, steps: tiles };
    }
  }
  return best;
};

/** More products than this are not written out. */
const MOST_WRITTEN = 160;
/** Products with padding are left out where they are so large a part. */
const WORTH_LEAVING = 1 / 32;

/** For each output row its first row of taps that meets the input, and the one after the last; and how many are left out. */
const rowsForm = ({
  out,
  input,
  taps,
  stride,
  dilation,
  origin,
}: Correlation): { readonly met: readonly (readonly [number, number])[]; readonly leftOut: number } => {
  const [size, height] = [taps.rows.size, out.shape[2]!];
  const met = Array.from({ length: height }, (_, y): readonly [number, number] => {
    const place = origin[0] + y * stride[0];
    const first = Math.max(0, Math.ceil(-place / dilation[0]));
    const end = Math.min(size, Math.floor((input.shape[2]! - 1 - place) / dilation[0]) + 1);
    return [first, Math.max(first, end)];
  });
  const leftOut = 1 - met.reduce((sum, [first, end]) => sum + end - first, 0) / (height * size);
  return leftOut < WORTH_LEAVING ? { met: met.map(() => [0, size]), leftOut: 0 } : { met, leftOut };
};

type ColumnsForm = Pick<ChannelsForm, 'columns' | 'columnStep' | 'rowTiles' | 'before' | 'after'>;

/** How a tile goes over columns of taps, and the part of its products that is left out. */
const columnsForm = (
  { out, input, taps, stride, dilation, origin }: Correlation,
  { pixels, vectors }: ChannelsTile,
): ColumnsForm & { readonly leftOut: number } => {
  const [size, width] = [taps.columns.size, out.shape[3]!];
  if (size === 1 || size * pixels * vectors > MOST_WRITTEN)
    return { columns: 1, columnStep: 0, rowTiles: 1, before: 0, after: 0, leftOut: 0 };
  const end = origin[1] + (width - 1) * stride[1] + (size - 1) * dilation[1] + 1;
  const tiles = Math.ceil(width / pixels);
  const form = {
    columns: size,
    columnStep: dilation[1],
    rowTiles: Math.min(tiles, 3),
    before: Math.max(0, -origin[1]),
    after: Math.max(0, end - input.shape[3]!),
  };
  const paddingAt = (side: Side): number => {
    let count = 0;
    for (let pixel = 0; pixel < pixels; pixel++)
      for (let column = 0; column < size; column++)
        if (isPadding({ pixels, step: stride[1], ...form }, side, pixel, column)) count++;
    return count;
  };
  const padding =
    tiles === 1
      ? paddingAt({ first: true, last: true })
      : paddingAt({ first: true, last: false }) + paddingAt({ first: false, last: true });
  const leftOut = padding / (tiles * pixels * size);
  return leftOut < WORTH_LEAVING ? { ...form, before: 0, after: 0, leftOut: 0 } : { ...form, leftOut };
};

/** Estimated cycles for an image and a group, without storing the sums. */
export const channelsCycles = (correlation: Correlation, tile: ChannelsTile): number => {
  const { channels, rows, columns } = correlation.taps;
  const met =
    rows.size *
    (1 - rowsForm(correlation).leftOut) *
    columns.size *
    (1 - columnsForm(correlation, tile).leftOut);
  return channels.size * met * tile.cycles;
};

export const channelsCorrelation = (correlation: Correlation): void => {
  const { out, input } = correlation;
  if (elementCount(out.shape) === 0) return;
  const stays = isWide(input) && isInside(extentOf(correlation, 0, out.shape[2]!), input.shape);
  for (const part of stays ? [correlation] : byGroups(correlation)) ofGroups(part);
};

const ofGroups = (correlation: Correlation): void => {
  const { out, input, taps, bias, epilogue, stride, groups, turn } = correlation;
  const type = storageOf[out.dtype];
  const element = loadedElement[type];
  const bytes = elementBytes[element];
  const { machine } = currentTarget();
  const lanes = machine.lanes(element);
  const outs = taps.out.size;
  const k = taps.channels.size * taps.rows.size * taps.columns.size;
  const residual = epilogue?.residual ?? out;
  const region = (view: View, chunk: Chunk, before = 0): Region => ({
    storage: view.storage,
    byteOffset: (outOffset(view, chunk) - before) * storageBytes[storageOf[view.dtype]],
  });

  const { met, leftOut } = rowsForm(correlation);
  // Rows of taps outside, what meets an output row is one stretch; inside, its neighbours find the input's rows in the cache.
  const byRows = leftOut > 0;
  const tapOrder = byRows
    ? [taps.rows, taps.channels, taps.columns]
    : [taps.channels, taps.rows, taps.columns];
  // Packed once for chunks that follow one another.
  let packed: { readonly channels: number; readonly taps: Storage } | null = null;
  eachChunk(correlation, { mayStay: isWide(input), neighbours: false, phases: 1 }, (chunk) => {
    const { images } = chunk;
    const step = stride[1] * images.column;
    const rowStep = stride[0] * images.row;
    // Rows that follow one another everywhere are one row.
    const columns = out.shape[3]!;
    const isOneRow =
      rowStep === columns * step && [out, residual].every(({ strides }) => strides[2] === columns);
    const [height, width] = isOneRow ? [1, chunk.rows * columns] : [chunk.rows, columns];
    const tile = channelsTile(machine, element, outs, height, width);
    const { pixels, vectors } = tile;
    const channels = vectors * lanes;
    const groupPanels = Math.ceil(outs / channels);
    const panels = groups * groupPanels;

    const rowTiles = Math.ceil(width / pixels);
    const tiles = height * rowTiles;
    const tileBytes = pixels * channels * bytes;
    const form = columnsForm(correlation, tile);
    // Within rows that are one there is padding between what belongs together.
    const [before, after] = isOneRow ? [0, 0] : [form.before, form.after];
    const lines = k / form.columns;
    const deep = Math.ceil(lines / Math.ceil((k * channels * bytes) / (machine.l1 / 2)));
    // None is empty: the sums of one before it would be stored as they were before that.
    const blocks = Math.ceil(lines / deep);
    const atATime = Math.min(
      blocks > 1 ? Math.max(1, Math.floor(PARKED_BYTES / tileBytes)) : tiles,
      Math.ceil((tiles * panels * chunk.count) / ENOUGH_POSITIONS),
    );
    const bands = Math.ceil(tiles / atATime);
    const bandTiles = Math.ceil(tiles / bands);
    const slotSize = channels * (pixels + lanes) + (blocks > 1 ? bandTiles * pixels * channels : 0);
    const positions = panels * bands * chunk.count;
    const definition = channelsKernel({
      storage: type,
      pixels,
      vectors,
      step,
      columns: form.columns,
      columnStep: form.columnStep,
      rowTiles: form.rowTiles,
      before,
      after,
      scattered: taps.rows.size * taps.columns.size === 1,
      turn: turn ?? 'alone',
      epilogue: epilogueForm(epilogue),
    });
    const grain = grainOf({ flops: 2 * channels * pixels * k * bandTiles });
    const slots = { name: 'conv.channels', element, size: slotSize, positions, most: POSITIONS };
    if (packed?.channels !== channels)
      packed = { channels, taps: packedTaps(correlation, channels, tapOrder) };
    const { taps: packedPanels } = packed;
    const [channelWalk, rowWalk, columnWalk] = tapAxis(correlation, images).walks as [Walk, Walk, Walk];
    const lineOffsets = offsetTable({
      walks: [
        ...(byRows ? [rowWalk, channelWalk] : [channelWalk, rowWalk]),
        ...(form.columns === 1 ? [columnWalk] : []),
      ],
    });
    const perRow = lines / taps.rows.size;
    const rowLines = isOneRow ? [0, lines] : met.flatMap(([first, end]) => [first * perRow, end * perRow]);
    eachShare(slots, (slot, begin, end) =>
      launch(
        definition,
        {
          images: { storage: images.storage, byteOffset: images.offset * bytes },
          taps: packedPanels,
          // Columns that alternate are stored with those before them.
          out: region(out, chunk, turn === 'second' ? 1 : 0),
          residual: region(residual, chunk),
          bias: bias === null ? out.storage : { storage: bias.storage, byteOffset: byteOffset(bias) },
          lineOffsets,
          rowLines: {
            storage: keptTable(`rows ${rowLines.join()}`, () => Int32Array.from(rowLines)),
            byteOffset: isOneRow ? 0 : 2 * storageBytes.i32 * chunk.firstRow,
          },
          hasBias: bias === null ? 0 : 1,
          biasStep: bias === null ? 0 : bias.strides[0]!,
          lines,
          deep,
          blocks,
          outs,
          groupPanels,
          panels,
          imageStep: images.image,
          groupStep: taps.channels.size * images.channel,
          rowStep,
          outImageStep: out.strides[0]!,
          outChannelStep: out.strides[1]!,
          outRowStep: out.strides[2]!,
          residualImageStep: residual.strides[0]!,
          residualChannelStep: residual.strides[1]!,
          residualRowStep: residual.strides[2]!,
          width,
          rowTiles,
          tiles,
          bandTiles,
          bands,
          ...slot,
        },
        begin,
        end,
        { grain },
      ),
    );
  });
};
