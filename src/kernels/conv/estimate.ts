/**
 * About how many cycles a correlation takes by each algorithm, from what the algorithm does and what that was measured to
 * cost. The numbers were fitted to some 240 convolutions, layers of networks and random ones, on each of WebAssembly, AVX2
 * and AVX-512. They are cycles of a core with two multipliers; what is estimated to be fastest took 2 % more than what was,
 * as the geometric mean.
 */
import { elementCount, storageOf, type View } from '../../device/view.ts';
import { elementBytes, loadedElement, type ElementType, type Machine } from '../../lang/index.ts';
import { cycles, productCycles, tileFor, tileOf } from '../gemm-tile.ts';
import { acrossCycles, isAcross } from './across.ts';
import { channelsCycles, channelsTile, isForChannels } from './channels.ts';
import { CHUNK_BYTES, extentOf, isInside, onlyMet, type Correlation } from './correlation.ts';
import { isDepthwise } from './depthwise.ts';
import { directCycles } from './direct.ts';
import { directTile } from './direct-tile.ts';
import { getFloat32ConvPrecision } from './precision.ts';
import { productTile, tilesAtOnce } from './winograd/index.ts';
import { CHANNELS, pointsOf } from './winograd/layout.ts';
import { TAPS, type TileSize } from './winograd/matrices.ts';

/**
 * `implicit`: `implicit.ts` and its like for the weight. `direct`, `channels`, `depthwise` and `across`: the files of those
 * names and their like. `winograd2` and `winograd4`: `winograd/`, with tiles of 2 × 2 and 4 × 4 outputs.
 */
export type Algorithm =
  'implicit' | 'direct' | 'channels' | 'depthwise' | 'across' | 'winograd2' | 'winograd4';

export interface Estimate {
  /** On one thread. */
  readonly cycles: number;
  /** How many equal parts of it threads can take. */
  readonly parts: number;
}

/** The algorithms that can compute it, with what they take. */
export const estimates = (machine: Machine, correlation: Correlation): Map<Algorithm, Estimate> => {
  const facts = factsOf(machine, correlation);
  const { images, groups, lanes } = facts;
  const found = new Map<Algorithm, Estimate>();
  /** Most are cut into as many parts as threads could want. */
  const add = (algorithm: Algorithm, cycles: number, parts = Infinity): void => {
    found.set(algorithm, { cycles, parts });
  };
  add('implicit', implicit(facts));
  // It copies only columns that are met.
  add('direct', direct(factsOf(machine, onlyMet(correlation, 1))));
  if (isForChannels(machine, correlation)) add('channels', channels(facts));
  if (isDepthwise(correlation)) add('depthwise', depthwise(facts), images * groups);
  if (isAcross(correlation))
    add('across', acrossCycles(machine, facts.element, correlation), images * Math.ceil(groups / lanes));
  if (isWinograd(correlation))
    for (const m of tileSizes(correlation.out)) add(`winograd${m}`, winograd(facts, m));
  return found;
};

/** What the estimates count with. */
interface Facts {
  readonly machine: Machine;
  readonly correlation: Correlation;
  readonly element: ElementType;
  readonly bytes: number;
  readonly lanes: number;
  readonly images: number;
  readonly groups: number;
  /** Of a group: output channels, and taps of one of them. */
  readonly outs: number;
  readonly k: number;
  /** Of the output. */
  readonly height: number;
  readonly width: number;
  readonly isDense: boolean;
  /** Whether no tap reaches beyond the input. */
  readonly inside: boolean;
  /** Elements of the padded input, and bytes of one image of it. */
  readonly padded: number;
  readonly imageBytes: number;
}

const factsOf = (machine: Machine, correlation: Correlation): Facts => {
  const { out, input, taps, groups } = correlation;
  const padded = extentOfAll(correlation);
  const [images, , height, width] = out.shape as [number, number, number, number];
  const element = elementOf(out);
  const bytes = elementBytes[element];
  const extent = extentOf(correlation, 0, height);
  return {
    machine,
    correlation,
    element,
    bytes,
    lanes: machine.lanes(element),
    images,
    groups,
    outs: taps.out.size,
    k: taps.channels.size * taps.rows.size * taps.columns.size,
    height,
    width,
    isDense: out.strides[3] === 1,
    inside: isInside(extent, input.shape),
    padded,
    imageBytes: (padded / Math.max(1, images)) * bytes,
  };
};

/** To copy an element between zeros; and where columns are put into phases that vectors cannot be parted into. */
const PADDED = 1;
const PICKED = 2.5;
const paddingOf = ({ padded }: Facts, phases: number): number =>
  padded * ([1, 2, 4].includes(phases) ? PADDED : PICKED);

/**
 * To fetch a cache line: from the second cache; from beyond it; and from there, where so many rows of memory are read
 * together that the processor does not fetch ahead.
 */
const LINE = 64;
const NEAR_LINE = 1.4;
const FAR_LINE = 9;
const STREWN_LINE = 40;
const MOST_STREAMS = 64;

/** An image too large for the second cache that is read where it is. What is padded is read from a chunk that fits. */
const inPlace = (facts: Facts): number =>
  isFar(facts) ? (farLine(facts) * facts.images * facts.imageBytes) / LINE : 0;

const isFar = ({ machine, imageBytes }: Facts): boolean => imageBytes > machine.l2;

const farLine = ({ correlation: { taps } }: Facts): number =>
  taps.channels.size * taps.rows.size > MOST_STREAMS ? STREWN_LINE : FAR_LINE;

/** Lines that each panel of output channels reads anew, of `panels` that do. Taps beside each other share them. */
const rereading = (facts: Facts, stays: boolean, lines: number, panels: number): number => {
  const { images, groups, k, correlation } = facts;
  const all = (images * groups * k * lines) / correlation.taps.columns.size;
  return all * (stays && isFar(facts) ? farLine(facts) * (panels - 1) : NEAR_LINE * panels);
};

/** To pack an element of the right side as part of a vector, and by itself. */
const PACKED = 0.3;
const PACKED_ALONE = 0.6;
/** To store a sum as part of a vector; where all do not fit the second cache, as those of a tile are strewn over planes; and by itself. */
const STORED = 0.3;
const FAR_STORED = 0.6;
const STORED_ALONE = 0.5;
/** To begin with a group's part of a chunk; and if these are more than are planned, and so decided anew. */
const LAUNCHED = 5000;
const UNPLANNED = 16000;
const PLANNED = 32;
/** What a step of a product's micro-kernel takes, in those that are counted. */
const STEP = 1.05;

/**
 * To read a byte of taps from beyond the second cache, beside what is computed with them: 384 and 512 channels of 7 × 7 took
 * 0.08 to 0.1 a byte longer than estimated without, whatever the algorithm.
 */
const TAP_BYTE = 0.085;
const streaming = ({ machine, groups, outs, k, bytes }: Facts): number => {
  const all = groups * outs * k * bytes;
  return all > machine.l2 ? TAP_BYTE * all : 0;
};

const implicit = (facts: Facts): number => {
  const { machine, correlation, element, bytes, images, groups, outs, k, height, width } = facts;
  const { out, input, taps, stride } = correlation;
  const pixels = images * height * width;
  const once = taps.rows.size * taps.columns.size <= stride[0] * stride[1];
  const stays = facts.inside && (once || (stride[1] === 1 && input.strides[3] === 1));
  const chunks = stays ? 1 : Math.ceil((facts.padded * bytes) / CHUNK_BYTES);
  // Panels of columns that go on in another row are packed element by element, unless rows follow one another.
  const panel = tileFor(machine, element, outs, pixels).columns;
  const turning = stays && input.strides[2] === width ? 0 : Math.min(1, panel / width);
  const packed = k * pixels * (PACKED + turning * (PACKED_ALONE - PACKED));
  const alone = facts.isDense ? Math.min(height * width, tileOf(machine, element).columns) : height * width;
  const isFar = elementCount(out.shape) * bytes > machine.l2;
  const stored = outs * (pixels * (isFar ? FAR_STORED : STORED) + images * alone * STORED_ALONE);
  const product = STEP * k * productCycles(machine, element, outs, pixels);
  const source = stays ? inPlace(facts) : paddingOf(facts, taps.columns.size === 1 ? 1 : stride[1]);
  const launches = groups * chunks;
  const launched = launches * (launches > PLANNED ? UNPLANNED : LAUNCHED);
  return groups * (product + packed + stored) + launched + source + streaming(facts);
};

/** To store a vector. */
const STORED_VECTOR = 3;

const direct = (facts: Facts): number => {
  const { machine, correlation, element, bytes, lanes, images, groups, outs, k, height, width } = facts;
  const { stride } = correlation;
  const stays = facts.inside && stride[1] === 1 && correlation.input.strides[3] === 1;
  const panels = Math.ceil(outs / directTile(machine, outs).channels);
  const lines = height * Math.ceil((width * bytes) / LINE);
  const vectors = images * groups * outs * height * Math.ceil(width / lanes);
  return (
    images * groups * k * directCycles(machine, element, outs, height, width) +
    rereading(facts, stays, lines, panels) +
    vectors * (facts.isDense ? STORED_VECTOR : lanes * STORED_ALONE) +
    (stays ? inPlace(facts) : paddingOf(facts, stride[1]))
  );
};

/**
 * What a step takes, in those that are counted; for each lane of a tile's vectors, whose pixels are transposed and stored,
 * however many they are; and for a row of a tile that is stored beyond the second cache.
 */
const CHANNELS_STEP = 1.1;
const TURNED_LANE = 9;
const FAR_ROW = 6;

const channels = (facts: Facts): number => {
  const { machine, correlation, element, bytes, lanes, images, groups, outs, height, width } = facts;
  const tile = channelsTile(machine, element, outs, height, width);
  const panels = Math.ceil(outs / lanes / tile.vectors);
  const perTile = Math.max(1, (tile.pixels * correlation.stride[1] * bytes) / LINE);
  const lines = height * Math.ceil(width / tile.pixels) * perTile;
  const tiles = images * groups * height * Math.ceil(width / tile.pixels);
  const isFar = elementCount(correlation.out.shape) * bytes > machine.l2;
  return (
    images * groups * CHANNELS_STEP * channelsCycles(correlation, tile) +
    tiles * (TURNED_LANE * Math.ceil(outs / lanes) * lanes + (isFar ? FAR_ROW * outs : 0)) +
    rereading(facts, facts.inside, lines, panels) +
    (facts.inside ? inPlace(facts) : paddingOf(facts, 1)) +
    streaming(facts)
  );
};

/** For a tap and a vector of a row, by the bytes of a vector: most loads of 64 bytes cross a cache line. */
const TAP: Readonly<Record<number, number>> = { 64: 0.85, 32: 0.65, 16: 0.6 };
/** To copy a vector into a plane between zeros, and for each of its lanes, more where columns are put into phases. */
const COPIED_VECTOR = 2;
const COPIED_LANE = 0.25;
const PHASED_LANE = 0.5;
/** To begin and end a plane. */
const PLANE = 100;

const depthwise = ({
  machine,
  correlation,
  lanes,
  images,
  groups,
  outs,
  k,
  height,
  width,
}: Facts): number => {
  const [, , inputHeight, inputWidth] = correlation.input.shape as [number, number, number, number];
  const perVector = COPIED_VECTOR + lanes * (correlation.stride[1] === 1 ? COPIED_LANE : PHASED_LANE);
  const copied = inputHeight * Math.ceil(inputWidth / lanes) * perVector;
  const vectors = outs * height * Math.ceil(width / lanes);
  return images * groups * (vectors * (k * TAP[machine.vectorBytes]! + STORED_VECTOR) + copied + PLANE);
};

/**
 * To transform a tile of a block of channels, for each point; for each of the vectors; and where columns are apart, as those
 * of a dilation are. Measured with 128 channels of 28 × 28: tiles of 4 × 4 take 13 on AVX-512, 16 to 18 on AVX2 and 19 on
 * WebAssembly, tiles of 2 × 2 10, 13 and 16.
 */
const TILE = { 2: 8, 4: 10 } as const;
const TILE_VECTOR = { 2: 2, 4: 2.7 } as const;
const STREWN_TILE = 1.7;
/** To store a byte of a product. */
const PRODUCT_BYTE = 0.1;
/**
 * Taps are asked for while others are multiplied with. Where tiles are few that takes longer than multiplying: with four
 * tiles of 256 channels 0.13 to 0.16 a byte, of 512, whose taps are 38 MB, 0.2 to 0.26.
 */
const TAP_BYTE_ALONE = 0.2;

const winograd = (facts: Facts, m: TileSize): number => {
  const { machine, correlation, bytes, lanes, images, groups, outs, height, width } = facts;
  const { taps, dilation } = correlation;
  const element = facts.element as 'f32' | 'f64';
  const inputs = taps.channels.size;
  const points = pointsOf(m);
  // Of each part of a dilation its tiles along an axis.
  const [down, across] = [tilesAlong(height, dilation[0], m), tilesAlong(width, dilation[1], m)];
  const tiles = images * sum(down) * sum(across);
  const parts = down.length * across.length;
  const blocks = Math.ceil(inputs / CHANNELS) + Math.ceil(outs / CHANNELS);
  const vectors = Math.ceil(inputs / lanes) + Math.ceil(outs / lanes);
  const strewn = dilation[1] === 1 ? 1 : STREWN_TILE;
  const transforms = strewn * tiles * (TILE[m] * blocks + TILE_VECTOR[m] * vectors);
  const rounds = Math.ceil(tiles / tilesAtOnce(machine, element, taps, m));
  const round = Math.ceil(tiles / rounds);
  const product = rounds * inputs * cycles(productTile(machine, element, round, outs), round, outs);
  const stored = PRODUCT_BYTE * tiles * Math.ceil(outs / lanes) * lanes * bytes;
  const read = rounds * inputs * outs * bytes;
  const multiplied = Math.max(product + stored + TAP_BYTE * read, TAP_BYTE_ALONE * read);
  return groups * (points * (transforms + multiplied) + parts * LAUNCHED);
};

/** A dilation parts rows and columns. */
export const tilesAlong = (size: number, dilation: number, m: TileSize): number[] =>
  Array.from({ length: Math.min(dilation, size) }, (_, first) =>
    Math.ceil(Math.ceil((size - first) / dilation) / m),
  );

export const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

/** Elements of all padded images. */
export const extentOfAll = (correlation: Correlation): number => {
  const { rows, columns } = extentOf(correlation, 0, correlation.out.shape[2]!);
  return correlation.out.shape[0]! * correlation.input.shape[1]! * rows * columns;
};

/** Whether Winograd's algorithms are for this correlation: 3 × 3 taps at stride 1, of whatever dilation. */
export const isWinograd = ({ taps, stride }: Correlation): boolean =>
  taps.rows.size === TAPS && taps.columns.size === TAPS && stride[0] === 1 && stride[1] === 1;

/** F(2 × 2) is more exact than a plain sum; F(4 × 4) is not, and float64 is chosen for exactness. */
export const tileSizes = (out: View): readonly TileSize[] =>
  elementOf(out) === 'f32' && getFloat32ConvPrecision() === 'high' ? [2, 4] : [2];

export const elementOf = ({ dtype }: View): ElementType => loadedElement[storageOf[dtype]];
