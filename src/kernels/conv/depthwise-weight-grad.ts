/**
 * The weight's gradient where every group has one input channel. As in `depthwise.ts` a plane is padded where it stays in
 * the first cache, and what is loaded is used for all the taps it meets: some rows of the output's gradient are held in
 * registers while the input's rows beneath them pass, for as many columns of taps as there is room for sums.
 */
import type { ConvGeometry } from '../../device/backend.ts';
import { launch } from '../../device/launch.ts';
import { workspace } from '../../device/memory.ts';
import { currentTarget } from '../../device/target.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { contiguousStrides, elementCount, storageOf, type View } from '../../device/view.ts';
import { elementBytes, loadedElement, type Machine } from '../../lang/index.ts';
import { region } from '../arguments.ts';
import { fill } from '../fill.ts';
import { reduce } from '../reduce.ts';
import { planeArguments, tapsForm } from './depthwise-plane.ts';
import { depthwiseWeightKernel, type DepthwiseWeightForm } from './depthwise-weight-kernel.ts';
import { evenParts } from './direct-tile.ts';
import { forward } from './forward.ts';
import { eachShare } from '../slots.ts';

/** Positions that are handed out at a time, and have room for a plane and sums; and how many there should be for threads. */
const POSITIONS = 256;
const ENOUGH_POSITIONS = 64;
/** Rows of a tile. */
const FEWEST_ROWS = 4;
const MOST_ROWS = 8;

/** Columns of taps whose sums leave room for some rows; of the numbers of rows that do, the one that leaves fewest over. */
const tileOf = (machine: Machine, tapRows: number, tapColumns: number, height: number) => {
  const registers = machine.vectorRegisters - 2;
  const columns = evenParts(tapColumns, Math.max(1, Math.floor((registers - FEWEST_ROWS) / tapRows)));
  // Long bodies are what machines that move arithmetic spill: 7 × 7 taps by rows of 4 were measured three times slower.
  const mostRows = machine.sinksArithmetic !== true ? MOST_ROWS : tapRows > 3 ? 2 : 4;
  const most = Math.min(mostRows, height, Math.max(1, registers - tapRows * columns));
  let rows = most;
  for (let some = most; some >= Math.min(FEWEST_ROWS, most); some--) {
    if (height % some < height % rows) rows = some;
  }
  return { rows, columns };
};

/** @param gradWeight  float32 or float64 */
export const depthwiseWeightGrad = (
  gradWeight: View,
  grad: View,
  input: View,
  geometry: ConvGeometry,
): void => {
  if (elementCount(grad.shape) === 0) {
    fill(gradWeight, 0);
    return;
  }
  const correlation = forward(grad, input, gradWeight, null, geometry);
  const { taps, stride, dilation, origin, groups } = correlation;
  const [images, outs, height, width] = grad.shape as [number, number, number, number];
  const [gradImageStep, gradChannelStep, gradRowStep] = grad.strides as [number, number, number, number];
  const type = storageOf[grad.dtype];
  const element = loadedElement[type];
  const bytes = elementBytes[element];
  const { machine } = currentTarget();
  const lanes = machine.lanes(element);
  const [tapRows, tapColumns] = [taps.rows.size, taps.columns.size];
  const { rows, columns } = tileOf(machine, tapRows, tapColumns, height);
  const form: DepthwiseWeightForm = { rows, columns, ...tapsForm(correlation) };
  const plane = planeArguments(correlation.input, {
    origin,
    rows: (height - 1) * stride[0] + (tapRows - 1) * dilation[0] + 1,
    columns: (width - 1) * stride[1] + (tapColumns - 1) * dilation[1] + 1,
    phases: stride[1],
    reach: width + Math.floor(((tapColumns - 1) * dilation[1]) / stride[1]),
    lanes,
  });

  // Few channels are shared by images, whose sums are added at last.
  const deep = Math.ceil(images / Math.ceil(ENOUGH_POSITIONS / groups));
  const parts = Math.ceil(images / deep);
  const partStep = elementCount(gradWeight.shape);
  const shape = [parts, ...gradWeight.shape];
  const out: View =
    parts === 1
      ? gradWeight
      : {
          storage: workspace('conv.depthwiseWeight.parts', parts * partStep * bytes),
          dtype: gradWeight.dtype,
          shape: gradWeight.shape,
          strides: contiguousStrides(gradWeight.shape),
          offset: 0,
        };
  const [outChannelStep, , outRowStep, outColumnStep] = out.strides as [number, number, number, number];

  const slotSize = plane.planeSize + taps.out.size * tapRows * tapColumns * lanes;
  const positions = parts * groups;
  const flops = (2 * deep * outs * tapRows * tapColumns * height * width) / groups;
  const grain = grainOf({ flops, bytes: 2 * deep * plane.planeSize * bytes });
  const slots = { name: 'conv.depthwiseWeight', element, size: slotSize, positions, most: POSITIONS };
  eachShare(slots, (slot, begin, end) =>
    launch(
      depthwiseWeightKernel(form),
      {
        grad: region(grad),
        out: region(out),
        images,
        deep,
        multiplier: taps.out.size,
        gradImageStep,
        gradChannelStep,
        gradRowStep,
        height,
        width,
        outPartStep: partStep,
        outChannelStep,
        outRowStep,
        outColumnStep,
        ...plane,
        ...slot,
      },
      begin,
      end,
      { grain },
    ),
  );
  if (parts > 1) reduce('sum', gradWeight, { ...out, shape, strides: contiguousStrides(shape) }, [0]);
};
