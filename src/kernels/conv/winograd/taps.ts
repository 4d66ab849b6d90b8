/** Kernels of 3 × 3 taps, transformed. */
import { launch, type Region } from '../../../device/launch.ts';
import { workspace } from '../../../device/memory.ts';
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
      const region = { storage: into, byteOffset: g * groupBytes };
      for (let panel = 0; panel < panels; panel++) makePanel(taps, m, g, panel, panelRows, pointStep, region);
    }
  });
  return { panels, pointStep, of: (g) => ({ storage: all, byteOffset: g * groupBytes }) };
};

/**
 * A panel of a group's transformed taps, the last one filled up with repetitions of the last output. One after the other,
 * so that what is transformed, [point][output][input], and then packed, takes little memory, which is near.
 *
 * @param pointStep  elements from point to point of all panels
 */
const makePanel = (
  { storage, type, offset, group: groupStep, out, channels, rows, columns }: Taps,
  m: TileSize,
  group: number,
  panel: number,
  panelRows: number,
  pointStep: number,
  into: Region,
): void => {
  const element = loadedElement[type];
  const bytes = storageBytes[element];
  const points = pointsOf(m);
  const first = panel * panelRows;
  const outs = Math.min(panelRows, out.size - first);
  const plainStep = oddLines(panelRows * channels.size, element);
  const plain = workspace(`winograd.plainTaps.${element}`, points * plainStep * bytes);
  launch(
    tapsKernel(type, m, channels.size % currentTarget().machine.lanes(element) === 0),
    {
      source: { storage, byteOffset: (offset + group * groupStep + first * out.step) * storageBytes[type] },
      out: plain,
      offsets: offsetTable({ walks: [rows, columns] }),
      channels: channels.size,
      channelStep: channels.step,
      outStep: out.step,
      pointStep: plainStep,
    },
    0,
    outs,
    { grain: grainOf({ flops: 16 * points * channels.size }) },
  );
  const across = {
    walks: [
      { size: points, step: plainStep },
      { size: panelRows, step: channels.size, distinct: outs },
    ],
  };
  const depth = { walks: [{ size: channels.size, step: 1 }] };
  launch(
    packKernel(element, panelRows, { across, depth }),
    {
      source: plain,
      depth: offsetTable(depth),
      across: offsetTable(across),
      out: { ...into, byteOffset: into.byteOffset + first * channels.size * bytes },
      k: channels.size,
      panelSize: pointStep,
    },
    0,
    points,
    { grain: grainOf({ bytes: 2 * panelRows * channels.size * bytes }) },
  );
};
