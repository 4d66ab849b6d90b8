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
import { offsetTable } from '../gemm-offsets.ts';
import { stepCycles } from '../gemm-tile.ts';
import { channelsKernel } from './channels-kernel.ts';
import { eachChunk, isWide, outOffset, tapAxis, type Chunk, type Correlation } from './correlation.ts';
import { packedTaps } from './direct-taps.ts';
import { eachShare } from './slots.ts';

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
  /** Estimated cycles for each tap and image. */
  readonly cycles: number;
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
  let best: ChannelsTile = { pixels: 1, vectors: 1, cycles: Infinity };
  for (let vectors = 1; vectors <= 4; vectors++) {
    const most = Math.floor((machine.vectorRegisters - 1 - vectors) / vectors);
    for (let pixels = 1; pixels <= Math.min(most, lanes, width); pixels++) {
      const tiles = height * Math.ceil(width / pixels) * Math.ceil(outs / lanes / vectors);
      const cycles = tiles * stepCycles(pixels, vectors);
      if (cycles < best.cycles) best = { pixels, vectors, cycles };
    }
  }
  return best;
};

export const channelsCorrelation = (correlation: Correlation): void => {
  const { out, input, taps, bias, epilogue, stride, groups, turn } = correlation;
  if (elementCount(out.shape) === 0) return;
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

  // Packed once for chunks that follow one another: asking again would look like another call with the same weight.
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
    const { pixels, vectors } = channelsTile(machine, element, outs, height, width);
    const channels = vectors * lanes;
    const groupPanels = Math.ceil(outs / channels);
    const panels = groups * groupPanels;

    const rowTiles = Math.ceil(width / pixels);
    const tiles = height * rowTiles;
    const tileBytes = pixels * channels * bytes;
    const blocks = Math.ceil((k * channels * bytes) / (machine.l1 / 2));
    const deep = Math.ceil(k / blocks);
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
      scattered: taps.rows.size * taps.columns.size === 1,
      turn: turn ?? 'alone',
      epilogue: epilogueForm(epilogue),
    });
    const grain = grainOf({ flops: 2 * channels * pixels * k * bandTiles });
    const slots = { name: 'conv.channels', element, size: slotSize, positions, most: POSITIONS };
    if (packed?.channels !== channels) packed = { channels, taps: packedTaps(correlation, channels) };
    const { taps: packedPanels } = packed;
    const tapOffsets = offsetTable(tapAxis(correlation, images));
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
          tapOffsets,
          hasBias: bias === null ? 0 : 1,
          biasStep: bias === null ? 0 : bias.strides[0]!,
          k,
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
