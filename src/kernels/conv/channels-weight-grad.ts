/**
 * The weight's gradient with lanes on output channels: each pixel of the padded input is spread over the lanes where it
 * is, and multiplied with the gradients of many channels at one place. So only the gradients are packed, once for all
 * taps; of the input a product would pack every element for each tap that meets it.
 */
import type { ConvGeometry } from '../../device/backend.ts';
import { launch } from '../../device/launch.ts';
import { workspace } from '../../device/memory.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { contiguousStrides, elementCount, storageOf, type View } from '../../device/view.ts';
import { elementBytes, loadedElement, storageBytes, type Machine } from '../../lang/index.ts';
import { copy } from '../copy.ts';
import { fill } from '../fill.ts';
import { axisSize, offsetTable } from '../gemm-offsets.ts';
import { packKernel } from '../gemm-pack.ts';
import { stepCycles } from '../gemm-tile.ts';
import { channelsWeightKernel } from './channels-weight-kernel.ts';
import { eachChunk, isWide, outAxis, outOffset, pixelAxis } from './correlation.ts';
import { evenParts, panelRows } from './direct-tile.ts';
import { forward } from './forward.ts';

/** Rows of taps have a pointer each, and an x86-64 processor 16 registers for everything. */
const MOST_LINES = 6;
/** Packed gradients at a time: about the second cache. */
const BLOCK_BYTES = 2 ** 20;
/** A launch has at least about so many positions to share among threads. */
const ENOUGH_POSITIONS = 16;

export interface ChannelsWeightTile {
  readonly lines: number;
  readonly vectors: number;
  /** Estimated cycles for each pixel. */
  readonly cycles: number;
}

/** The tile for so many output channels and rows of taps that takes the least time; none if a row is too long. */
export const channelsWeightTile = (
  machine: Machine,
  element: 'f32' | 'f64',
  outs: number,
  rows: number,
  columns: number,
): ChannelsWeightTile | null => {
  const lanes = machine.lanes(element);
  let best: ChannelsWeightTile | null = null;
  for (let vectors = 1; vectors <= 4; vectors++) {
    const taps = Math.floor((machine.vectorRegisters - 1 - vectors) / vectors);
    for (let most = 1; most <= Math.min(MOST_LINES, rows, taps / columns); most++) {
      const lines = evenParts(rows, most);
      const tiles = Math.ceil(rows / lines) * Math.ceil(outs / lanes / vectors);
      const cycles = tiles * (stepCycles(lines * columns, vectors) + lines / 4);
      if (best === null || cycles < best.cycles) best = { lines, vectors, cycles };
    }
  }
  return best;
};

/** @param gradWeight  float32 or float64 */
export const channelsWeightGrad = (
  gradWeight: View,
  grad: View,
  input: View,
  geometry: ConvGeometry,
): void => {
  const [outChannels, channels, kernelRows, columns] = gradWeight.shape as [number, number, number, number];
  if (elementCount(gradWeight.shape) === 0) return;
  if (elementCount(grad.shape) === 0) {
    fill(gradWeight, 0);
    return;
  }
  const correlation = forward(grad, input, gradWeight, null, geometry);
  const { groups, dilation } = correlation;
  const element = loadedElement[storageOf[gradWeight.dtype]] as 'f32' | 'f64';
  const bytes = elementBytes[element];
  const { machine } = currentTarget();
  const outs = outChannels / groups;
  const rows = channels * kernelRows;
  const { lines, vectors } = channelsWeightTile(machine, element, outs, rows, columns)!;
  const across = vectors * machine.lanes(element);
  const groupPanels = Math.ceil(outs / across);
  const panels = groups * groupPanels;
  const pitch = panels * across;
  const tiles = Math.ceil(rows / lines);
  const sums = workspace(`conv.weightSums.${element}`, tiles * lines * columns * pitch * bytes);
  const block = Math.max(1, Math.floor(BLOCK_BYTES / (panels * across * bytes)));
  const bandTiles = Math.ceil(tiles / Math.ceil(ENOUGH_POSITIONS / panels));
  const bands = Math.ceil(tiles / bandTiles);

  let accumulate = 0;
  const mayStay = isWide(input) && input.strides[3] === 1;
  eachChunk(correlation, { mayStay, neighbours: false, phases: 1 }, (chunk) => {
    const { images } = chunk;
    const places = outAxis(correlation, chunk);
    const total = axisSize(places);
    const size = evenParts(total, block);
    const placeOffsets = offsetTable(places);
    const pixelOffsets = offsetTable(pixelAxis(correlation, chunk));
    const lineOffsets = offsetTable(
      {
        walks: [
          { size: channels, step: images.channel },
          { size: kernelRows, step: dilation[0] * images.row },
        ],
      },
      lines,
    );
    for (let first = 0; first < total; first += size) {
      const pixels = Math.min(size, total - first);
      const rows = panelRows(groups, outs, across, grad.strides[1]!);
      const gradients = workspace(`conv.weightGradients.${element}`, panels * size * across * bytes);
      launch(
        packKernel(storageOf[grad.dtype], across, { across: rows, depth: places }),
        {
          source: {
            storage: grad.storage,
            byteOffset: outOffset(grad, chunk) * storageBytes[storageOf[grad.dtype]],
          },
          depth: { storage: placeOffsets, byteOffset: first * storageBytes.i32 },
          across: offsetTable(rows),
          out: gradients,
          k: pixels,
          panelSize: pixels * across,
        },
        0,
        panels,
        { grain: grainOf({ bytes: 2 * pixels * across * bytes }) },
      );
      const deep = evenParts(pixels, Math.floor(machine.l1 / 2 / (across * bytes)));
      launch(
        channelsWeightKernel({
          element,
          lines,
          columns,
          step: dilation[1] * images.column,
          vectors,
        }),
        {
          gradients,
          images: { storage: images.storage, byteOffset: images.offset * bytes },
          sums,
          pixelOffsets: { storage: pixelOffsets, byteOffset: first * storageBytes.i32 },
          lineOffsets,
          pixels,
          deep,
          blocks: Math.ceil(pixels / deep),
          tiles,
          bandTiles,
          bands,
          groupPanels,
          groupStep: channels * images.channel,
          pitch,
          accumulate,
        },
        0,
        panels * bands,
        { grain: grainOf({ flops: 2 * bandTiles * lines * columns * across * pixels }) },
      );
      accumulate = 1;
    }
  });

  const { storage, dtype, offset } = gradWeight;
  const [outStep, ...tapSteps] = gradWeight.strides as [number, number, number, number];
  const shape = [groups, outs, channels, kernelRows, columns];
  const sumSteps = contiguousStrides(shape.slice(2)).map((step) => step * pitch);
  copy(
    { storage, dtype, shape, strides: [outs * outStep, outStep, ...tapSteps], offset },
    { storage: sums, dtype, shape, strides: [groupPanels * across, 1, ...sumSteps], offset: 0 },
  );
};
