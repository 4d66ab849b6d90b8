/**
 * Depthwise convolution: every group has one input channel. Nothing is summed over channels, so what counts is how often
 * memory is touched: a plane is padded where it stays in the first cache, and the taps of small kernels are unrolled
 * over a tile of several rows, so that what is loaded is used for all of them.
 */
import { launch } from '../../device/launch.ts';
import { workspace } from '../../device/memory.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { byteOffset, storageOf } from '../../device/view.ts';
import { elementBytes, loadedElement, storageBytes, type Machine } from '../../lang/index.ts';
import { epilogueForm } from '../epilogue.ts';
import type { Correlation } from './correlation.ts';
import { depthwiseKernel, type DepthwiseForm } from './depthwise-kernel.ts';
import { packedTaps } from './direct-taps.ts';
import { evenParts, vectorsOf } from './direct-tile.ts';

/** Taps beyond these are too many to unroll. */
const MOST_TAP_ROWS = 7;
const MOST_TAPS = 49;
/** Multiply-adds in a tile's code. */
const MOST_UNROLLED = 800;
/** Planes that are handed out at a time, and have room to be padded. */
const PLANES = 256;

/** Whether this is for it: few taps, on rows whose columns are neighbours. */
export const isDepthwise = (machine: Machine, { out, input, taps, stride }: Correlation): boolean =>
  // A long body of loads and multiply-adds is what such machines spill.
  machine.sinksArithmetic !== true &&
  taps.channels.size === 1 &&
  taps.rows.size > 0 &&
  taps.rows.size <= MOST_TAP_ROWS &&
  taps.columns.size > 0 &&
  taps.rows.size * taps.columns.size <= MOST_TAPS &&
  stride[1] <= 2 &&
  input.strides[3] === 1 &&
  out.strides[3] === 1;

/** Rows and vectors of a tile, as many as registers and the output's width allow. */
const tileOf = (machine: Machine, vectors: number, height: number, taps: number) => {
  const most = machine.vectorRegisters >= 32 ? 4 : 3;
  const wide = evenParts(vectors, most);
  const registers = machine.vectorRegisters - 1 - wide;
  const rows = Math.min(Math.floor(registers / wide), Math.floor(MOST_UNROLLED / (wide * taps)), height, 6);
  const keepsTaps = rows * wide + wide + taps <= machine.vectorRegisters;
  return { rows: Math.max(rows, 1), vectors: wide, keepsTaps };
};

export const depthwiseCorrelation = (correlation: Correlation): void => {
  const { out, input, taps, bias, epilogue, stride, dilation, origin, groups } = correlation;
  const residual = epilogue?.residual ?? out;
  const [images, , height, width] = out.shape as [number, number, number, number];
  const type = storageOf[out.dtype];
  const element = loadedElement[type];
  const bytes = elementBytes[element];
  const { machine } = currentTarget();
  const lanes = machine.lanes(element);
  const [tapRows, tapColumns] = [taps.rows.size, taps.columns.size];
  const form: DepthwiseForm = {
    storage: type,
    tapRows,
    tapColumns,
    strideRows: stride[0],
    strideColumns: stride[1],
    dilationRows: dilation[0],
    dilationColumns: dilation[1],
    epilogue: epilogueForm(epilogue),
    ...tileOf(machine, vectorsOf(machine, element, width), height, tapRows * tapColumns),
  };

  // Of a plane those rows and columns are read that lie under any tap.
  const part = (axis: 0 | 1, outs: number, tapCount: number) => {
    const extent = (outs - 1) * stride[axis] + (tapCount - 1) * dilation[axis] + 1;
    const first = Math.max(origin[axis], 0);
    const end = Math.min(origin[axis] + extent, input.shape[axis + 2]!);
    return { extent, first, size: Math.max(end - first, 0), at: first - origin[axis] };
  };
  const rows = part(0, height, tapRows);
  const columns = part(1, width, tapColumns);
  const phases = stride[1];
  const place = (column: number): readonly [phase: number, at: number] => [
    column % phases,
    Math.floor(column / phases),
  ];
  const tileColumns = form.vectors * lanes;
  const upTo = (size: number, multiple: number): number => Math.ceil(size / multiple) * multiple;
  const phasePitch = Math.max(
    upTo(width, tileColumns) + Math.floor(((tapColumns - 1) * dilation[1]) / phases),
    Math.floor((columns.at + phases - 1) / phases) + upTo(Math.ceil(columns.size / phases), lanes),
  );
  const inRow = (column: number): number => {
    const [phase, at] = place(column);
    return phase * phasePitch + at;
  };
  const planeSize = rows.extent * phases * phasePitch;
  const planes = images * groups;
  const [imageStep, channelStep, rowStep] = input.strides as [number, number, number];
  const [outImageStep, outChannelStep, outRowStep] = out.strides as [number, number, number];
  const nothing = rows.size === 0 || columns.size === 0;

  const padded = workspace(`conv.depthwise.${element}`, Math.min(planes, PLANES) * planeSize * bytes);
  const args = {
    source: {
      storage: input.storage,
      byteOffset: nothing
        ? 0
        : byteOffset(input) + (rows.first * rowStep + columns.first) * storageBytes[storageOf[input.dtype]],
    },
    taps: packedTaps(correlation, 1),
    out: { storage: out.storage, byteOffset: byteOffset(out) },
    bias: bias === null ? out.storage : { storage: bias.storage, byteOffset: byteOffset(bias) },
    residual: { storage: residual.storage, byteOffset: byteOffset(residual) },
    padded,
    hasBias: bias === null ? 0 : 1,
    biasStep: bias === null ? 0 : bias.strides[0]!,
    channels: groups,
    multiplier: taps.out.size,
    imageStep,
    channelStep,
    rowStep,
    outImageStep,
    outChannelStep,
    outRowStep,
    height,
    width,
    sourceRows: nothing ? 0 : rows.size,
    sourceColumns: columns.size,
    paddedRow: rows.at,
    firstAt: inRow(columns.at),
    secondAt: inRow(columns.at + 1),
    planeSize,
    phasePitch,
  };
  const flops = 2 * taps.out.size * tapRows * tapColumns * height * width;
  for (let first = 0; first < planes; first += PLANES) {
    launch(depthwiseKernel(form), { ...args, firstPlane: first }, first, Math.min(first + PLANES, planes), {
      grain: grainOf({ flops, bytes: 2 * planeSize * bytes }),
    });
  }
};
