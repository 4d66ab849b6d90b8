/** How a correlation falls into blocks of tiles, and how their transformed inputs come about. */
import { launch } from '../../../device/launch.ts';
import { workspace } from '../../../device/memory.ts';
import type { Storage } from '../../../device/storage.ts';
import { currentTarget } from '../../../device/target.ts';
import { grainOf } from '../../../device/threads/grain.ts';
import { elementCount, storageOf, type View } from '../../../device/view.ts';
import { loadedElement, storageBytes } from '../../../lang/index.ts';
import { eachChunk, type Chunk, type Correlation } from '../correlation.ts';
import type { Images } from '../padded.ts';
import { pointsOf, tileLayout, type TileLayout } from './layout.ts';
import type { TileSize } from './matrices.ts';
import { tilesKernel } from './tiles.ts';

/** What one computes with. */
export const elementOf = (view: View): 'f32' | 'f64' => loadedElement[storageOf[view.dtype]] as 'f32' | 'f64';

/**
 * A dilation d reads every d-th row and column only: d × d correlations without dilation, each of every d-th output
 * from a place of its own on.
 */
export const undilated = (correlation: Correlation): Correlation[] => {
  const { dilation, origin, out, input } = correlation;
  if (dilation[0] === 1 && dilation[1] === 1) return [correlation];
  const phases = (axis: 0 | 1): { first: number; start: number; shift: number }[] => {
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

/** Every step-th row and column of images. */
const every = (
  { storage, dtype, shape, strides, offset }: View,
  steps: readonly [number, number],
  first: readonly [number, number],
): View => {
  const along = [0, 1] as const;
  return {
    storage,
    dtype,
    shape: [
      ...shape.slice(0, 2),
      ...along.map((axis) => Math.max(0, Math.ceil((shape[axis + 2]! - first[axis]) / steps[axis]))),
    ],
    strides: [...strides.slice(0, 2), ...along.map((axis) => strides[axis + 2]! * steps[axis])],
    offset: offset + first[0] * strides[2]! + first[1] * strides[3]!,
  };
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

/** Parts of columns: so few that a row of tiles of each is not more than `atOnce`. */
export const strips = (correlation: Correlation, m: TileSize, atOnce: number): Correlation[] => {
  const { out, origin } = correlation;
  const width = out.shape[3]!;
  const tiles = Math.ceil(width / m);
  const parts = Math.ceil(tiles / atOnce);
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

/** Columns first … first + width − 1 of images. */
const narrowed = ({ storage, dtype, shape, strides, offset }: View, first: number, width: number): View => ({
  storage,
  dtype,
  shape: [...shape.slice(0, 3), width],
  strides,
  offset: offset + first * strides[3]!,
});

/** Some rows of tiles of a chunk, counted through its images from `first` on. */
export interface Block {
  readonly chunk: Chunk;
  readonly first: number;
  readonly rows: number;
  /** Rows of tiles in an image of the chunk, and tiles in a row. */
  readonly imageRows: number;
  readonly columns: number;
}

/** The most rows of tiles that a block has, if it should have about `atOnce` tiles. */
export const rowsOfBlock = ({ out }: Correlation, m: TileSize, atOnce: number): number => {
  const [images, , height, width] = out.shape as [number, number, number, number];
  const most = Math.max(1, Math.floor(atOnce / Math.ceil(width / m)));
  return Math.min(most, images * Math.ceil(height / m));
};

/**
 * Calls `work` for all tiles of a correlation without dilation.
 *
 * @param rowsThatFit  the most rows, of so many tiles each, that the next block may have
 */
export const eachBlock = (
  correlation: Correlation,
  m: TileSize,
  rowsThatFit: (columns: number) => number,
  work: (block: Block) => void,
): void => {
  const { out } = correlation;
  if (elementCount(out.shape) === 0) return;
  const [images, channels, height, width] = out.shape as [number, number, number, number];
  const columns = Math.ceil(width / m);
  // Up to whole tiles: outputs that are not there are computed, but not stored.
  const { storage, dtype, strides, offset } = out;
  const shape = [images, channels, Math.ceil(height / m) * m, columns * m];
  const whole = { ...correlation, out: { storage, dtype, shape, strides, offset } };
  eachChunk(whole, { mayStay: false, neighbours: true, phases: m, unit: m }, (chunk) => {
    const imageRows = chunk.rows / m;
    const all = chunk.count * imageRows;
    for (let first = 0; first < all;) {
      const rows = Math.min(rowsThatFit(columns), all - first);
      work({ chunk, first, rows, imageRows, columns });
      first += rows;
    }
  });
};

/** Transformed tiles in memory. */
export interface TransformedTiles extends TileLayout {
  readonly element: 'f32' | 'f64';
  readonly storage: Storage;
}

/** Scratch memory for transformed tiles of so many planes. */
export const roomFor = (
  name: 'inputs' | 'products',
  element: 'f32' | 'f64',
  m: TileSize,
  planes: number,
  tiles: number,
): TransformedTiles => {
  const layout = tileLayout(currentTarget().machine, element, m, planes, tiles);
  return { ...layout, element, storage: workspace(`winograd.${name}.${element}`, layout.bytes) };
};

/** About what it takes to transform so many tiles of a plane: each point twice, of a handful of terms. */
export const transformFlops = (m: TileSize, tiles: number): number => 16 * pointsOf(m) * tiles;

/**
 * Transforms the tiles of a block, in planes first … first + count − 1 of padded images. They begin at the tile `place`;
 * what lies behind them in a plane is spoiled.
 */
export const transformTiles = (
  of: 'inputs' | 'gradients',
  m: TileSize,
  images: Images,
  planes: { readonly first: number; readonly count: number },
  { first, rows, imageRows, columns }: Block,
  { storage: out, element, pitch, point }: TransformedTiles,
  place = 0,
): void => {
  launch(
    tilesKernel(element, m, of),
    {
      images: {
        storage: images.storage,
        byteOffset: (images.offset + planes.first * images.channel) * storageBytes[element],
      },
      out: { storage: out, byteOffset: place * storageBytes[element] },
      rows,
      first,
      imageRows,
      columns,
      imageStep: images.image,
      channelStep: images.channel,
      rowStep: images.row,
      phaseStep: images.phases.pitch,
      pitch,
      pointStep: point,
    },
    0,
    planes.count,
    { grain: grainOf({ flops: transformFlops(m, rows * columns) }) },
  );
};
