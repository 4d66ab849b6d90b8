/**
 * Convolution straight from the padded input: a tile of neighbouring pixels of one row, times a few output channels, tap
 * after tap. For groups of few output channels, above all depthwise: there an element of a packed panel would be used
 * hardly more often than it costs to pack it.
 */
import { launch, type Region } from '../../device/launch.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../../device/view.ts';
import { loadedElement, storageBytes, type ElementType, type Machine } from '../../lang/index.ts';
import { epilogueForm } from '../epilogue.ts';
import { offsetTable } from '../gemm-offsets.ts';
import { stepCycles } from '../gemm-tile.ts';
import {
  eachChunk,
  extentOf,
  isInside,
  isWide,
  onlyMet,
  outOffset,
  tapAxis,
  type Correlation,
} from './correlation.ts';
import { byGroups } from './groups.ts';
import { directKernel } from './direct-kernel.ts';
import { packedTaps } from './direct-taps.ts';
import { directTile, evenParts, panelRows, unalignedLoads, vectorsOf } from './direct-tile.ts';

/** A tile of neighbouring pixels: at most `rows` of a plane's rows, which are so wide. */
const tileOfPlane = (machine: Machine, element: ElementType, outs: number, width: number) => {
  const { channels, across } = directTile(machine, outs);
  const vectors = evenParts(vectorsOf(machine, element, width), across);
  return { channels, rows: Math.max(1, Math.floor(across / vectors)), vectors };
};

/** Estimated cycles for each tap and image. */
export const directCycles = (
  machine: Machine,
  element: ElementType,
  outs: number,
  height: number,
  width: number,
): number => {
  const { channels, rows: most, vectors } = tileOfPlane(machine, element, outs, width);
  const lanes = machine.lanes(element);
  const rows = evenParts(height, most);
  const tiles = Math.ceil(height / rows) * Math.ceil(width / (vectors * lanes)) * Math.ceil(outs / channels);
  const loads = channels + rows * vectors * unalignedLoads(machine);
  return tiles * stepCycles(channels, rows * vectors, loads);
};

export const directCorrelation = (given: Correlation): void => {
  const correlation = onlyMet(given, 1);
  const { out, input, taps, stride } = correlation;
  if (elementCount(out.shape) === 0) return;
  const { machine } = currentTarget();
  const element = loadedElement[storageOf[out.dtype]];
  const tile = tileOfPlane(machine, element, taps.out.size, out.shape[3]!);
  const whole = out.shape[3]! >= tile.vectors * machine.lanes(element);
  const mayStay = whole && stride[1] === 1 && input.strides[3] === 1 && isWide(input);
  const stays = mayStay && isInside(extentOf(correlation, 0, out.shape[2]!), input.shape);
  for (const part of stays ? [correlation] : byGroups(correlation)) ofGroups(part, tile, mayStay);
};

const ofGroups = (
  correlation: Correlation,
  { channels, rows, vectors }: ReturnType<typeof tileOfPlane>,
  mayStay: boolean,
): void => {
  const { out, taps, bias, epilogue, stride, groups } = correlation;
  const type = storageOf[out.dtype];
  const element = loadedElement[type];
  const bytes = storageBytes[element];
  const width = out.shape[3]!;
  const [outImage, outChannel, outRow, outColumn] = out.strides as [number, number, number, number];
  const k = taps.channels.size * taps.rows.size * taps.columns.size;

  const groupPanels = Math.ceil(taps.out.size / channels);
  const panels = groups * groupPanels;
  const channelTable = (step: number) => offsetTable(panelRows(groups, taps.out.size, channels, step));

  const packed = packedTaps(correlation, channels);
  const dense = outColumn === 1;
  eachChunk(correlation, { mayStay, neighbours: true }, (chunk) => {
    const { images } = chunk;
    const tileRows = evenParts(chunk.rows, rows);
    const planes = chunk.count * panels;
    const { parts, partRows } = partsOf(planes, chunk.rows, tileRows);
    const part = (view: View): Region => ({
      storage: view.storage,
      byteOffset: outOffset(view, chunk) * storageBytes[type],
    });
    launch(
      directKernel(type, channels, tileRows, vectors, dense, epilogueForm(epilogue)),
      {
        images: { storage: images.storage, byteOffset: images.offset * bytes },
        taps: packed,
        out: part(out),
        residual: part(epilogue?.residual ?? out),
        bias:
          bias === null
            ? out.storage
            : { storage: bias.storage, byteOffset: bias.offset * storageBytes[type] },
        tapOffsets: offsetTable(tapAxis(correlation, images)),
        outOffsets: channelTable(outChannel),
        biasOffsets: channelTable(bias?.strides[0] ?? 0),
        hasBias: bias === null ? 0 : 1,
        k,
        panels,
        groupPanels,
        imageStep: images.image,
        groupStep: taps.channels.size * images.channel,
        rowStep: stride[0] * images.row,
        outImageStep: outImage,
        outRowStep: outRow,
        outColumnStep: outColumn,
        height: chunk.rows,
        width,
        parts,
        partRows,
      },
      0,
      planes * parts,
      { grain: grainOf({ flops: 2 * channels * Math.max(k, 1) * partRows * width }) },
    );
  });
};

/** A launch has at least about so many parts to share among threads. */
const PARTS = 16;

/** Few planes are cut into parts of rows, whole tiles of them. */
const partsOf = (planes: number, height: number, tileRows: number): { parts: number; partRows: number } => {
  const wanted = Math.ceil(PARTS / Math.max(planes, 1));
  const partRows = Math.ceil(height / wanted / tileRows) * tileRows;
  const parts = Math.max(1, Math.floor(height / partRows));
  return { parts, partRows: parts === 1 ? height : partRows };
};
