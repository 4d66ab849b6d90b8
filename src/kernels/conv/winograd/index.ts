/**
 * Convolution by Winograd's minimal filtering: 3 × 3 taps at stride 1. Tiles of inputs are transformed, multiplied with
 * transformed taps point by point, which is one small matrix product each, and transformed back:
 *
 *     products[point][o][tile] = Σ taps[point][o][c] · inputs[point][c][tile]
 *
 * Some rows of tiles at a time, so that what lies between the transforms stays in the second cache.
 */
import { launch, type Region } from '../../../device/launch.ts';
import { workspace } from '../../../device/memory.ts';
import type { Storage } from '../../../device/storage.ts';
import { currentTarget } from '../../../device/target.ts';
import { elementCount, storageOf, type View } from '../../../device/view.ts';
import { loadedElement, storageBytes, type Machine } from '../../../lang/index.ts';
import { tileOf } from '../../gemm-tile.ts';
import { eachChunk, type Chunk, type Correlation } from '../correlation.ts';
import { pointsOf, tileLayout, type TileLayout } from './layout.ts';
import { TAPS, type TileSize } from './matrices.ts';
import { multiplyKernel } from './multiply.ts';
import { outputKernel } from './output.ts';
import { transformedTaps, type TransformedTaps } from './taps.ts';
import { tilesKernel } from './tiles.ts';

/** Whether the algorithm is one for this correlation: 3 × 3 taps without stride. */
export const isWinograd = ({ taps, stride }: Correlation): boolean =>
  taps.rows.size === TAPS && taps.columns.size === TAPS && stride[0] === 1 && stride[1] === 1;

/** @param m  outputs along each axis of a tile */
export const winogradCorrelation = (correlation: Correlation, m: TileSize): void => {
  const transformed = transformedTaps(correlation.taps, correlation.groups, m);
  for (const dense of undilated(correlation))
    for (const strip of strips(dense, m)) correlate(strip, transformed, m);
};

/**
 * A dilation d reads every d-th row and column only: d × d correlations without dilation, each of every d-th output
 * from a place of its own on.
 */
const undilated = (correlation: Correlation): Correlation[] => {
  const { dilation, origin, out, input } = correlation;
  if (dilation[0] === 1 && dilation[1] === 1) return [correlation];
  const phases = (axis: 0 | 1): { first: number; shift: number; start: number }[] => {
    const d = dilation[axis];
    return Array.from({ length: Math.min(d, out.shape[axis + 2]!) }, (_, first) => {
      const begin = origin[axis] + first;
      const start = ((begin % d) + d) % d;
      return { first, start, shift: (begin - start) / d };
    });
  };
  return phases(0).flatMap((row) =>
    phases(1).map((column): Correlation => ({
      ...partOf(correlation, (view) => every(view, dilation, [row.first, column.first])),
      input: every(input, dilation, [row.start, column.start]),
      dilation: [1, 1],
      origin: [row.shift, column.shift],
    })),
  );
};

/** The correlation with a part of its output, and of what is added to it, instead of the whole. */
const partOf = (correlation: Correlation, part: (view: View) => View): Correlation => {
  const { out, epilogue } = correlation;
  const residual = epilogue?.residual ?? null;
  return {
    ...correlation,
    out: part(out),
    ...(epilogue && { epilogue: { ...epilogue, residual: residual && part(residual) } }),
  };
};

/** Columns first … first + width − 1 of images. */
const narrowed = ({ storage, dtype, shape, strides, offset }: View, first: number, width: number): View => ({
  storage,
  dtype,
  shape: [...shape.slice(0, 3), width],
  strides,
  offset: offset + first * strides[3]!,
});

/** Every step-th row and column of images. */
const every = (
  view: View,
  steps: readonly [number, number],
  [row, column]: readonly [number, number],
): View => {
  const [images, channels, height, width] = view.shape as [number, number, number, number];
  const [imageStep, channelStep, rowStep, columnStep] = view.strides as [number, number, number, number];
  const some = (size: number, first: number, step: number): number =>
    Math.max(0, Math.ceil((size - first) / step));
  return {
    storage: view.storage,
    dtype: view.dtype,
    shape: [images, channels, some(height, row, steps[0]), some(width, column, steps[1])],
    strides: [imageStep, channelStep, rowStep * steps[0], columnStep * steps[1]],
    offset: view.offset + row * rowStep + column * columnStep,
  };
};

/** Tiles of which all that lies between the transforms fills the second cache, but at least two panels. */
const tilesAtOnce = (machine: Machine, { out, taps }: Correlation, m: TileSize): number => {
  const element = elementOf(out);
  const perTile = pointsOf(m) * (taps.out.size + taps.channels.size) * storageBytes[element];
  return Math.max(Math.floor(machine.l2 / perTile), 2 * tileOf(machine, element).columns);
};

/** Parts of at most so many columns that one row of their tiles is not too much at once. */
const strips = (correlation: Correlation, m: TileSize): Correlation[] => {
  const { out, origin } = correlation;
  const width = out.shape[3]!;
  const tiles = Math.ceil(width / m);
  const parts = Math.ceil(tiles / tilesAtOnce(currentTarget().machine, correlation, m));
  if (parts <= 1) return [correlation];
  const size = Math.ceil(tiles / parts) * m;
  return Array.from({ length: Math.ceil(width / size) }, (_, part): Correlation => {
    const first = part * size;
    return {
      ...partOf(correlation, (view) => narrowed(view, first, Math.min(size, width - first))),
      origin: [origin[0], origin[1] + first],
    };
  });
};

const correlate = (correlation: Correlation, transformed: TransformedTaps, m: TileSize): void => {
  const { out, taps, groups } = correlation;
  if (elementCount(out.shape) === 0) return;
  const { machine } = currentTarget();
  const element = elementOf(out);
  const bytes = storageBytes[element];
  const [images, channels, height, width] = out.shape as [number, number, number, number];
  const columns = Math.ceil(width / m);
  const imageRows = Math.ceil(height / m);
  const tile = tileOf(machine, element);
  const rowsAtOnce = Math.min(
    images * imageRows,
    Math.max(1, Math.floor(tilesAtOnce(machine, correlation, m) / columns)),
  );

  const tilesOf = (planes: number): TileLayout =>
    tileLayout(machine, element, m, planes, rowsAtOnce * columns);
  const inputs = tilesOf(taps.channels.size);
  const products = tilesOf(transformed.panels * tile.rows);
  const inputTiles = workspace(`winograd.inputs.${element}`, inputs.bytes);
  const productTiles = workspace(`winograd.products.${element}`, products.bytes);

  const multiply = (group: number, vectors: number, firstTile: number, tilePanels: number): void => {
    if (tilePanels === 0) return;
    launch(
      multiplyKernel(element, vectors),
      {
        taps: transformed.of(group),
        inputs: inputTiles,
        out: productTiles,
        channels: taps.channels.size,
        outPanels: transformed.panels,
        tilePanels,
        firstTile,
        pitch: inputs.pitch,
        tapStep: transformed.pointStep,
        inputStep: inputs.point,
        outStep: products.point,
      },
      0,
      pointsOf(m) * tilePanels,
    );
  };

  // Up to whole tiles, of which only what there is will be stored.
  const whole = { ...correlation, out: resized(out, [images, channels, imageRows * m, columns * m]) };
  eachChunk(whole, { mayStay: false, neighbours: true, phases: m, unit: m }, (chunk) => {
    const { images: from } = chunk;
    const chunkRows = chunk.rows / m;
    for (let first = 0; first < chunk.count * chunkRows; first += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, chunk.count * chunkRows - first);
      const block = { rows, first, imageRows: chunkRows, columns, pitch: inputs.pitch };
      const vectors = Math.ceil((rows * columns) / machine.lanes(element));
      const panels = Math.floor(vectors / tile.vectors);
      for (let group = 0; group < groups; group++) {
        launch(
          tilesKernel(element, m, 'inputs'),
          {
            ...block,
            images: {
              storage: from.storage,
              byteOffset: (from.offset + group * taps.channels.size * from.channel) * bytes,
            },
            out: inputTiles,
            imageStep: from.image,
            channelStep: from.channel,
            rowStep: from.row,
            phaseStep: from.phases.pitch,
            pointStep: inputs.point,
          },
          0,
          taps.channels.size,
        );
        multiply(group, tile.vectors, 0, panels);
        multiply(group, vectors % tile.vectors, panels * tile.columns, vectors % tile.vectors === 0 ? 0 : 1);
        launchOutput(correlation, chunk, m, group, {
          ...block,
          products: productTiles,
          pointStep: products.point,
        });
      }
    }
  });
};

/** What is left to do of some rows of tiles of a group. */
interface Block {
  readonly rows: number;
  readonly first: number;
  readonly imageRows: number;
  readonly columns: number;
  readonly pitch: number;
  readonly products: Storage;
  readonly pointStep: number;
}

const launchOutput = (
  { out, taps, bias, epilogue }: Correlation,
  chunk: Chunk,
  m: TileSize,
  group: number,
  block: Block,
): void => {
  const storage = storageOf[out.dtype] as FloatStorage;
  const { residual = null, activation = null } = epilogue ?? {};
  const firstChannel = group * taps.out.size;
  const at = (view: View): Region => ({
    storage: view.storage,
    byteOffset:
      (view.offset +
        chunk.first * view.strides[0]! +
        firstChannel * view.strides[1]! +
        chunk.firstRow * view.strides[2]!) *
      storageBytes[storage],
  });
  const dense = out.strides[3] === 1 && (residual === null || residual.strides[3] === 1);
  const [outImageStep, outChannelStep, outRowStep, outColumnStep] = out.strides as Steps;
  const beside = residual ?? out;
  const [residualImageStep, residualChannelStep, residualRowStep, residualColumnStep] =
    beside.strides as Steps;
  launch(
    outputKernel({ storage, m, dense, residual: residual !== null }, activation),
    {
      ...block,
      out: at(out),
      residual: at(beside),
      bias:
        bias === null
          ? out.storage
          : {
              storage: bias.storage,
              byteOffset: (bias.offset + firstChannel * bias.strides[0]!) * storageBytes[storage],
            },
      hasBias: bias === null ? 0 : 1,
      biasStep: bias?.strides[0] ?? 0,
      height: Math.min(out.shape[2]! - chunk.firstRow, chunk.rows),
      width: out.shape[3]!,
      outImageStep,
      outChannelStep,
      outRowStep,
      outColumnStep,
      residualImageStep,
      residualChannelStep,
      residualRowStep,
      residualColumnStep,
    },
    0,
    taps.out.size,
  );
};

type Steps = [number, number, number, number];
type FloatStorage = 'f32' | 'f64' | 'f16' | 'bf16';
const elementOf = (view: View): 'f32' | 'f64' => loadedElement[storageOf[view.dtype]] as 'f32' | 'f64';

const resized = (view: View, shape: readonly number[]): View => ({
  storage: view.storage,
  dtype: view.dtype,
  shape,
  strides: view.strides,
  offset: view.offset,
});
