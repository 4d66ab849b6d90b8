/** How a correlation falls into blocks of tiles, and how their transformed inputs come about. */
import { launch, type Region } from '../../../device/launch.ts';
import { ownWorkspace } from '../../../device/strands.ts';
import { grainOf } from '../../../device/threads/grain.ts';
import { narrowed, storageOf, type View } from '../../../device/view.ts';
import { loadedElement, storageBytes } from '../../../lang/index.ts';
import type { Correlation } from '../correlation.ts';
import { partsOf, turnedColumns } from './bands.ts';
import { CHANNELS, pointsOf, tileLayout, type TileLayout } from './layout.ts';
import type { TileSize } from './matrices.ts';
import { pieceOf, tileRows, tilesKernel, type Tiled } from './tiles.ts';

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
      ...partOf(correlation, (view) => narrowed(view, 3, first, Math.min(size, width - first))),
      origin: [origin[0], origin[1] + first],
    };
  });
};

/** Some rows of tiles, counted through all images from `first` on. */
export interface Block {
  readonly first: number;
  readonly rows: number;
  /** Rows of tiles in an image, and tiles in a row. */
  readonly imageRows: number;
  readonly columns: number;
}

/** All rows of tiles of a correlation. */
export const wholeBlock = ({ out }: Correlation, m: TileSize): Block => {
  const [images, , height, width] = out.shape as [number, number, number, number];
  const imageRows = Math.ceil(height / m);
  return { first: 0, rows: images * imageRows, imageRows, columns: Math.ceil(width / m) };
};

/** A block of a part of the correlation, and where its tiles begin among those that are multiplied together. */
export interface Placed {
  readonly part: Correlation;
  readonly block: Block;
  readonly place: number;
}

/** All tiles of correlations without dilation, in rounds of at most so many, of which each row of tiles has no more. */
export const roundsOf = (parts: readonly Correlation[], m: TileSize, most: number): Placed[][] => {
  const rounds: Placed[][] = [];
  let tiles = most;
  for (const part of parts) {
    const whole = wholeBlock(part, m);
    if (whole.columns === 0) continue;
    for (let first = 0; first < whole.rows;) {
      if (tiles + whole.columns > most) {
        rounds.push([]);
        tiles = 0;
      }
      const rows = Math.min(Math.floor((most - tiles) / whole.columns), whole.rows - first);
      rounds.at(-1)!.push({ part, block: { ...whole, first, rows }, place: tiles });
      tiles += rows * whole.columns;
      first += rows;
    }
  }
  return rounds;
};

export const tilesOf = (round: readonly Placed[]): number =>
  round.reduce((sum, { block: { rows, columns } }) => sum + rows * columns, 0);

/** Transformed tiles in memory. */
export interface TransformedTiles extends TileLayout {
  readonly element: 'f32' | 'f64';
  readonly room: Region;
}

/** Scratch memory for transformed tiles of so many planes. */
export const roomFor = (
  name: 'inputs' | 'products',
  element: 'f32' | 'f64',
  m: TileSize,
  planes: number,
  tiles: number,
): TransformedTiles => {
  const layout = tileLayout(element, m, planes, tiles);
  return { ...layout, element, room: ownWorkspace(`winograd.${name}.${element}`, layout.bytes) };
};

/** The same without the first blocks of channels. */
export const fromBlock = (tiles: TransformedTiles, first: number): TransformedTiles => ({
  ...tiles,
  room: {
    ...tiles.room,
    byteOffset: tiles.room.byteOffset + first * tiles.block * storageBytes[tiles.element],
  },
});

/** About what it takes to transform so many tiles of a plane: each point twice, of a handful of terms. */
export const transformFlops = (m: TileSize, tiles: number): number => 16 * pointsOf(m) * tiles;

/** Pieces of scratch memory for bands. */
export const bandsOf = (element: 'f32' | 'f64', pieces: number, piece: number): Region =>
  ownWorkspace(`winograd.bands.${element}`, pieces * piece * storageBytes[element]);

/** Transforms the tiles of a block, in so many channels from the first on. They begin at the tile `place`. */
export const transformTiles = (
  of: Tiled,
  m: TileSize,
  images: View,
  origin: readonly [number, number],
  channels: { readonly first: number; readonly count: number },
  { first, rows, imageRows, columns }: Block,
  { room, element, block, point }: TransformedTiles,
  place = 0,
): void => {
  const type = storageOf[images.dtype];
  const [, , height, width] = images.shape as [number, number, number, number];
  const [imageStep, channelStep, rowStep, columnStep] = images.strides as [number, number, number, number];
  const across = columns * m + tileRows(m, of) - m;
  const before = Math.min(Math.max(0, -origin[1]), across);
  const skipped = Math.min(Math.max(0, origin[1]), width);
  const used = Math.min(width - skipped, across - before);
  const pitch = Math.max(across, before + turnedColumns(used)) * CHANNELS;
  const blocks = Math.ceil(channels.count / CHANNELS);
  const { parts, partRows } = partsOf(blocks, rows);
  const piece = pieceOf(m, of, pitch);
  launch(
    tilesKernel(type, m, of, columnStep === 1),
    {
      images: {
        storage: images.storage,
        byteOffset: (images.offset + channels.first * channelStep) * storageBytes[type],
      },
      bands: bandsOf(element, blocks * parts, piece),
      out: { ...room, byteOffset: room.byteOffset + place * CHANNELS * storageBytes[element] },
      channels: channels.count,
      rows,
      first,
      parts,
      partRows,
      imageRows,
      columns,
      height,
      top: -origin[0],
      before,
      skipped,
      used,
      imageStep,
      channelStep,
      rowStep,
      columnStep,
      pitch,
      piece,
      block,
      point,
    },
    0,
    blocks * parts,
    { grain: grainOf({ flops: CHANNELS * transformFlops(m, partRows * columns) }) },
  );
};
