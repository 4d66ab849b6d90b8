/**
 * Depthwise convolution: every group has one input channel. Nothing is summed over channels, so what counts is how often
 * memory is touched: a plane is padded where it stays in the first cache, and the taps of small kernels are unrolled
 * over a tile of several rows, so that what is loaded is used for all of them.
 */
import { launch } from '../../device/launch.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { storageOf } from '../../device/view.ts';
import { elementBytes, loadedElement, type Machine } from '../../lang/index.ts';
import { region } from '../arguments.ts';
import { epilogueForm } from '../epilogue.ts';
import type { Correlation } from './correlation.ts';
import { depthwiseKernel, type DepthwiseForm } from './depthwise-kernel.ts';
import { planeArguments, tapsForm } from './depthwise-plane.ts';
import { packedTaps } from './direct-taps.ts';
import { evenParts, vectorsOf } from './direct-tile.ts';
import { eachShare } from '../slots.ts';

/** Taps beyond these are too many to unroll. */
const MOST_TAP_ROWS = 7;
const MOST_TAPS = 49;
/** Multiply-adds in a tile's code. */
const MOST_UNROLLED = 800;
/** Phases of columns: each has a pointer of its own. */
const MOST_PHASES = 4;
/** Planes that are handed out at a time, and have room to be padded. */
export const PLANES = 256;

export const areFewTaps = (rows: number, columns: number): boolean =>
  rows > 0 && rows <= MOST_TAP_ROWS && columns > 0 && rows * columns <= MOST_TAPS;

/** Whether this is for it: few taps, on rows whose columns are neighbours. */
export const isDepthwise = ({ out, input, taps, stride }: Correlation): boolean =>
  taps.channels.size === 1 &&
  areFewTaps(taps.rows.size, taps.columns.size) &&
  stride[1] <= MOST_PHASES &&
  input.strides[3] === 1 &&
  out.strides[3] === 1;

/** Rows of a tile beside all taps: from so many on they are worth the registers, and more were measured no faster. */
const FEWEST_ROWS = 4;
const MOST_ROWS = 8;

/**
 * Rows and vectors of a tile. Where all taps fit the registers beside some rows, a tile is one vector wide: every load is
 * then of pixels, of which each serves all rows that it is under. Else it is wide, as each tap that is loaded serves all
 * vectors of a row.
 *
 * Measured on 3 × 3 taps, 96 planes of 56 × 56, GFLOP/s, with the taps loaded and kept: WebAssembly 36 and 42, AVX2 51 and
 * 60, AVX-512 66 and 73.
 */
const tileOf = (machine: Machine, vectors: number, height: number, taps: number) => {
  const beside = Math.min(MOST_ROWS, machine.vectorRegisters - taps - 2);
  if (beside >= FEWEST_ROWS) return { rows: evenParts(height, beside), vectors: 1, keepsTaps: true };
  const [mostRows, most] =
    machine.vectorRegisters >= 32 ? [6, 4] : machine.vectorRegisters >= 16 ? [6, 3] : [4, 2];
  const wide = evenParts(vectors, most);
  const registers = machine.vectorRegisters - 1 - wide;
  const rows = Math.min(
    Math.floor(registers / wide),
    Math.floor(MOST_UNROLLED / (wide * taps)),
    height,
    mostRows,
  );
  return { rows: Math.max(rows, 1), vectors: wide, keepsTaps: false };
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
  const tile = tileOf(machine, vectorsOf(machine, element, width), height, tapRows * tapColumns);
  const columns = tile.vectors * lanes;
  const form: DepthwiseForm = {
    epilogue: epilogueForm(epilogue),
    ...tapsForm(correlation),
    ...tile,
    narrow: width < columns,
  };

  const plane = planeArguments(input, {
    origin,
    rows: (height - 1) * stride[0] + (tapRows - 1) * dilation[0] + 1,
    columns: (width - 1) * stride[1] + (tapColumns - 1) * dilation[1] + 1,
    phases: stride[1],
    reach: Math.max(width, columns) + Math.floor(((tapColumns - 1) * dilation[1]) / stride[1]),
    lanes,
  });
  const planes = images * groups;
  const [outImageStep, outChannelStep, outRowStep] = out.strides as [number, number, number, number];
  const flops = 2 * taps.out.size * tapRows * tapColumns * height * width;
  const grain = grainOf({ flops, bytes: 2 * plane.planeSize * bytes });
  const slots = { name: 'conv.depthwise', element, size: plane.planeSize, positions: planes, most: PLANES };
  const packed = packedTaps(correlation, 1);
  eachShare(slots, (slot, begin, end) =>
    launch(
      depthwiseKernel(form),
      {
        taps: packed,
        out: region(out),
        bias: bias === null ? out.storage : region(bias),
        residual: region(residual),
        hasBias: bias === null ? 0 : 1,
        biasStep: bias === null ? 0 : bias.strides[0]!,
        multiplier: taps.out.size,
        outImageStep,
        outChannelStep,
        outRowStep,
        height,
        width,
        ...plane,
        ...slot,
      },
      begin,
      end,
      { grain },
    ),
  );
};
