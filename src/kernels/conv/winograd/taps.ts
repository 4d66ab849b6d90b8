/** Kernels of 3 × 3 taps, transformed. */
import { launch, type Region } from '../../../device/launch.ts';
import { workspace } from '../../../device/memory.ts';
import type { Storage } from '../../../device/storage.ts';
import { currentTarget } from '../../../device/target.ts';
import { grainOf } from '../../../device/threads/grain.ts';
import {
  eachLane,
  elementBytes,
  index,
  inout,
  input,
  kernel,
  loadedElement,
  storageBytes,
  unroll,
  loop,
  type KernelDefinition,
  type StorageType,
} from '../../../lang/index.ts';
import { axisForm, offsetTable } from '../../gemm-offsets.ts';
import { packKernel } from '../../gemm-pack.ts';
import { once } from '../../once.ts';
import { packedForm } from '../../packed.ts';
import type { Taps } from '../correlation.ts';
import { oddLines, pointsOf } from './layout.ts';
import { TAPS, winogradOf, type TileSize } from './matrices.ts';
import { apart, transform } from './transform.ts';

type TapsSpec = ReturnType<typeof tapsSpec>;
const tapsSpec = (storage: StorageType) => ({
  source: input(storage),
  /** [point][output][input] */
  out: inout(loadedElement[storage]),
  /** Where the taps of a pair of channels lie: nine entries. */
  offsets: input('i32'),
  channels: index,
  channelStep: index,
  outStep: index,
  pointStep: index,
});

/**
 * G g Gᵀ for output channels begin … end − 1. Lanes are input channels.
 *
 * @param whole  whether they are a multiple of a vector's lanes
 */
const tapsKernel = once((storage: StorageType, m: TileSize, whole: boolean): KernelDefinition<TapsSpec> =>
  kernel(
    `winograd.taps.${storage}.${String(m)}${whole ? '.whole' : ''}`,
    tapsSpec(storage),
    (args, range) => {
      const { source, out, offsets, channels, channelStep, outStep, pointStep } = args;
      const element = loadedElement[storage];
      const matrix = winogradOf(m).taps;
      const size = m + 2;
      const pointBytes = pointStep.mul(elementBytes[element]);
      const lineBytes = pointBytes.mul(size);

      loop(range, (o) => {
        const from = source.plus(o.mul(outStep));
        const to = out.plus(o.mul(channels));
        eachLane(
          channels,
          ({ base, lanes, count }) => {
            const corner = from.plus(base.mul(channelStep));
            const target = to.plus(base);
            loop(TAPS, (j) => {
              const column = unroll(TAPS, (i) => {
                const tap = offsets.scalar(j.add(i * TAPS)).to('index');
                return corner.plus(tap).strided(0, channelStep, { lanes, count });
              });
              const places = apart(target.plusBytes(pointBytes.mul(j)), lineBytes, size);
              transform(matrix, column).forEach((value, i) => {
                places[i]!.set(0, value, { count });
              });
            });
            loop(size, (i) => {
              const places = apart(target.plusBytes(lineBytes.mul(i)), pointBytes, size);
              const row = places.slice(0, TAPS).map((pointer) => pointer.vector(0, { lanes, count }));
              transform(matrix, row).forEach((value, j) => {
                places[j]!.set(0, value, { count });
              });
            });
          },
          { whole },
        );
      });
    },
  ),
);

/** The transformed taps of all groups, as `multiply.ts` reads them. */
export interface TransformedTaps {
  /** Panels of outputs, and elements from point to point. */
  readonly panels: number;
  readonly pointStep: number;
  of(group: number): Region;
}

/** The taps, transformed, or as they were kept. @param panelRows  outputs of a panel */
export const transformedTaps = (
  taps: Taps,
  groups: number,
  m: TileSize,
  panelRows: number,
): TransformedTaps => {
  const { storage, type, offset, group, out, channels, rows, columns } = taps;
  const element = loadedElement[type];
  const bytes = storageBytes[element];
  const panels = Math.ceil(out.size / panelRows);
  const pointStep = panels * panelRows * channels.size;
  const groupBytes = pointsOf(m) * pointStep * bytes;
  const walks = axisForm({ walks: [out, channels, rows, columns] });
  const form = ['winograd', m, panelRows, type, offset, groups, group, walks].join(' ');
  const all = packedForm(storage, form, `winograd.taps.${element}`, groups * groupBytes, (into) => {
    if (channels.size === 0) return;
    for (let g = 0; g < groups; g++) {
      const plain = transformGroup(taps, g, m);
      packGroup(taps, m, panelRows, plain, { storage: into, byteOffset: g * groupBytes });
    }
  });
  return { panels, pointStep, of: (g) => ({ storage: all, byteOffset: g * groupBytes }) };
};

/** From point to point of transformed taps before they are packed. */
const plainStep = ({ type, out, channels }: Taps): number =>
  oddLines(out.size * channels.size, loadedElement[type]);

/** The transformed taps of a group: [point][output][input]. */
const transformGroup = (taps: Taps, group: number, m: TileSize): Storage => {
  const { storage, type, offset, out, channels, rows, columns } = taps;
  const element = loadedElement[type];
  const pointStep = plainStep(taps);
  const plain = workspace(`winograd.plainTaps.${element}`, pointsOf(m) * pointStep * storageBytes[element]);
  launch(
    tapsKernel(type, m, channels.size % currentTarget().machine.lanes(element) === 0),
    {
      source: { storage, byteOffset: (offset + group * taps.group) * storageBytes[type] },
      out: plain,
      offsets: offsetTable({ walks: [rows, columns] }),
      channels: channels.size,
      channelStep: channels.step,
      outStep: out.step,
      pointStep,
    },
    0,
    out.size,
    { grain: grainOf({ flops: 16 * pointsOf(m) * channels.size }) },
  );
  return plain;
};

/** In panels; the last one repeats the last output. */
const packGroup = (taps: Taps, m: TileSize, panelRows: number, plain: Storage, out: Region): void => {
  const element = loadedElement[taps.type];
  const [outs, channels] = [taps.out.size, taps.channels.size];
  const panels = Math.ceil(outs / panelRows);
  const across = {
    walks: [
      { size: pointsOf(m), step: plainStep(taps) },
      { size: panels * panelRows, step: channels, distinct: outs },
    ],
  };
  const depth = { walks: [{ size: channels, step: 1 }] };
  const panelSize = panelRows * channels;
  launch(
    packKernel(element, panelRows, { across, depth }),
    {
      source: plain,
      depth: offsetTable(depth),
      across: offsetTable(across),
      out,
      k: channels,
      panelSize,
    },
    0,
    pointsOf(m) * panels,
    { grain: grainOf({ bytes: 2 * panelSize * storageBytes[element] }) },
  );
};
