/**
 * Depthwise convolution across channels: lanes on channels, of which each has taps of its own. Planes are transposed for
 * it, and sums back, which costs a pixel the same however wide a plane is. For small planes: of a row of 7 pixels
 * `depthwise.ts` fills 7 lanes, and it begins and ends each plane by itself.
 *
 * Measured in µs, by planes and across channels: 5 × 5 taps on 960 planes of 7 × 7, AVX-512 94 and 31, AVX2 89 and 59,
 * WebAssembly 91 and 63; at stride 2 on 672 of 14 × 14, 109 and 42, 101 and 74, 102 and 63; 7 × 7 taps on 96 of 56 × 56, 292
 * and 291, 397 and 477, 674 and 802.
 */
import { launch } from '../../device/launch.ts';
import type { Storage } from '../../device/storage.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../../device/view.ts';
import { elementBytes, loadedElement, type ElementType, type Machine } from '../../lang/index.ts';
import { region } from '../arguments.ts';
import { epilogueForm } from '../epilogue.ts';
import { offsetTable, type Walk } from '../gemm-offsets.ts';
import { keptTable } from '../tables.ts';
import { acrossKernel, ROW_ENTRIES, type AcrossForm } from './across-kernel.ts';
import type { Correlation } from './correlation.ts';
import { isDepthwise } from './depthwise.ts';
import { packedPanels } from './direct-taps.ts';
import { evenParts } from './direct-tile.ts';
import { eachShare } from '../slots.ts';

/** Panels of channels that are handed out at a time, and have room for planes and sums. */
const PANELS = 64;
/** More columns of sums hide no more latency. */
const MOST_PIXELS = 16;
/** Columns of taps beyond these are too many to unroll. */
const MOST_TAP_COLUMNS = 9;

/** Whether this is for it: depthwise, with planes whose pixels follow one another. */
export const isAcross = (correlation: Correlation): boolean => {
  const { out, input, taps } = correlation;
  const follow = ({ shape, strides }: View): boolean => shape[2] === 1 || strides[2] === shape[3];
  return isDepthwise(correlation) && taps.columns.size <= MOST_TAP_COLUMNS && follow(out) && follow(input);
};

/** Output columns at a time: their sums, a row of taps and a pixel are in registers. */
const pixelsOf = (machine: Machine, width: number, tapColumns: number): number =>
  evenParts(width, Math.max(1, Math.min(MOST_PIXELS, machine.vectorRegisters - 2 - tapColumns)));

export const acrossCorrelation = (correlation: Correlation): void => {
  const { out, input, taps, bias, epilogue, stride, dilation, groups } = correlation;
  if (elementCount(out.shape) === 0) return;
  const residual = epilogue?.residual ?? out;
  const [images, , height, width] = out.shape as [number, number, number, number];
  const [, , inputHeight, inputWidth] = input.shape as [number, number, number, number];
  const type = storageOf[out.dtype];
  const element = loadedElement[type];
  const bytes = elementBytes[element];
  const { machine } = currentTarget();
  const lanes = machine.lanes(element);
  const tapColumns = taps.columns.size;
  const [inputSize, outSize] = [inputHeight * inputWidth, height * width];
  const form: AcrossForm = {
    storage: type,
    tapColumns,
    strideColumns: stride[1],
    dilationColumns: dilation[1],
    pixels: pixelsOf(machine, width, tapColumns),
    smallInput: inputSize < lanes,
    smallOutput: outSize < lanes,
    epilogue: epilogueForm(epilogue),
  };

  const rowColumns = (width - 1) * stride[1] + (tapColumns - 1) * dilation[1] + 1;
  const panels = Math.ceil(groups / lanes);
  const channelWalk = (step: number): Walk => ({ size: panels * lanes, step, distinct: groups });
  const multiplier = taps.out.size;
  const [imageStep, channelStep] = input.strides as [number, number, number, number];
  const [outImageStep, outChannelStep] = out.strides as [number, number, number, number];
  // Behind the rows is a place for pixels that no tap meets.
  const inputSlot = (inputHeight * rowColumns + 1) * lanes;
  const size = inputSlot + Math.max(outSize, lanes) * lanes;
  const tapCount = taps.rows.size * tapColumns;
  const flops = 2 * tapCount * outSize * multiplier * lanes;
  const grain = grainOf({ flops, bytes: 4 * (inputSize + multiplier * outSize) * lanes * bytes });
  const packed = packedPanels(correlation, lanes, [
    { size: multiplier, step: taps.out.step },
    channelWalk(taps.group),
  ]);
  const channelOffsets = offsetTable({ walks: [channelWalk(channelStep)] });
  const outOffsets = offsetTable({ walks: [channelWalk(multiplier * outChannelStep)] });
  const biasStep = bias?.strides[0] ?? 0;
  const biasOffsets = offsetTable({ walks: [channelWalk(multiplier * biasStep)] });
  const places = placesOf(correlation, rowColumns, lanes);
  const rows = rowsOf(correlation, rowColumns, lanes);
  const slots = { name: 'conv.across', element, size, positions: images * panels, most: PANELS };
  eachShare(slots, (slot, begin, end) =>
    launch(
      acrossKernel(form),
      {
        source: region(input),
        taps: packed,
        out: region(out),
        bias: bias === null ? out.storage : region(bias),
        residual: region(residual),
        channelOffsets,
        outOffsets,
        biasOffsets,
        places,
        rows,
        hasBias: bias === null ? 0 : 1,
        biasStep,
        panels,
        multiplier,
        imageStep,
        outImageStep,
        outChannelStep,
        inputSize,
        outSize,
        height,
        width,
        panelTaps: tapCount * lanes,
        tapRowStep: dilation[0] * rowColumns * lanes,
        inputSlot,
        ...slot,
      },
      begin,
      end,
      { grain },
    ),
  );
};

/** Where in a slot the input's pixels go, in elements, whole vectors of entries. */
const placesOf = ({ input, origin }: Correlation, rowColumns: number, lanes: number): Storage => {
  const [, , height, width] = input.shape as [number, number, number, number];
  return keptTable(`across places ${[height, width, origin[1], rowColumns, lanes].join()}`, () => {
    const places = new Int32Array(Math.ceil((height * width) / lanes) * lanes);
    const nowhere = height * rowColumns;
    for (let p = 0; p < places.length; p++) {
      const [y, x] = [Math.floor(p / width), (p % width) - origin[1]];
      places[p] = (y < height && x >= 0 && x < rowColumns ? y * rowColumns + x : nowhere) * lanes;
    }
    return places;
  });
};

/** For each output row: the first row of taps that meets the input, how many do, and where in a slot their rows begin. */
const rowsOf = (
  { out, input, taps, stride, dilation, origin }: Correlation,
  rowColumns: number,
  lanes: number,
): Storage => {
  const [height, inputHeight] = [out.shape[2]!, input.shape[2]!];
  const form = [height, inputHeight, taps.rows.size, stride[0], dilation[0], origin[0], rowColumns, lanes];
  return keptTable(`across rows ${form.join()}`, () => {
    const rows = new Int32Array(height * ROW_ENTRIES);
    for (let y = 0; y < height; y++) {
      const top = y * stride[0] + origin[0];
      const first = Math.max(0, Math.ceil(-top / dilation[0]));
      const end = Math.min(taps.rows.size, Math.ceil((inputHeight - top) / dilation[0]));
      if (first < end)
        rows.set([first, end - first, (top + first * dilation[0]) * rowColumns * lanes], y * ROW_ENTRIES);
    }
    return rows;
  });
};

/**
 * Cycles to transpose a vector and to store it, by its bytes. AVX2 has no instruction that takes lanes from all of two
 * vectors, and needs three.
 */
const TURNED: Readonly<Record<number, number>> = { 64: 10, 32: 10, 16: 4 };

/** What a tap takes beside its multiplications. Few of them may wait for each other: those of the next tile do not. */
const TAP = 0.5;

/** For a byte that does not stay in the second cache, and each lane: as many planes are gone through at once. */
const FAR_BYTE = 0.003;

/** Estimated cycles. */
export const acrossCycles = (
  machine: Machine,
  element: ElementType,
  { out, input, taps, groups, stride, dilation, origin }: Correlation,
): number => {
  const lanes = machine.lanes(element);
  const [images, , height, width] = out.shape as [number, number, number, number];
  const inputHeight = input.shape[2]!;
  const whole = (size: number): number => Math.ceil(size / lanes) * lanes;
  const turned = whole(inputHeight * input.shape[3]!) + taps.out.size * whole(height * width);
  const pixels = pixelsOf(machine, width, taps.columns.size);
  let tapRows = 0;
  for (let y = 0; y < height; y++) {
    const top = y * stride[0] + origin[0];
    const first = Math.max(0, Math.ceil(-top / dilation[0]));
    tapRows += Math.max(0, Math.min(taps.rows.size, Math.ceil((inputHeight - top) / dilation[0])) - first);
  }
  const tiles = tapRows * Math.ceil(width / pixels);
  const steps = tiles * taps.columns.size * (pixels / 2 + TAP);
  const bytes = elementBytes[element] * (elementCount(input.shape) + elementCount(out.shape));
  const fetched = bytes > machine.l2 ? FAR_BYTE * lanes * bytes : 0;
  return (
    images * Math.ceil(groups / lanes) * (TURNED[machine.vectorBytes]! * turned + taps.out.size * steps) +
    fetched
  );
};
