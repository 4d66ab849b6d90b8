/** Kernels of 3 × 3 taps, transformed. */
import { launch, type Region } from '../../../device/launch.ts';
import type { Storage } from '../../../device/storage.ts';
import { grainOf } from '../../../device/threads/grain.ts';
import {
  constant,
  eachLane,
  elementBytes,
  index,
  input,
  kernel,
  loadedElement,
  output,
  storageBytes,
  unroll,
  loop,
  type KernelDefinition,
  type StorageType,
} from '../../../lang/index.ts';
import { offsetTable } from '../../gemm-offsets.ts';
import { once } from '../../once.ts';
import { packedForm } from '../../packed.ts';
import type { Taps } from '../correlation.ts';
import { pointsOf } from './layout.ts';
import { TAPS, winogradOf, type TileSize } from './matrices.ts';
import { transform } from './transform.ts';

type TapsSpec = ReturnType<typeof tapsSpec>;
const tapsSpec = (storage: StorageType) => ({
  source: input(storage),
  /** As `multiply.ts` reads it. */
  out: output(loadedElement[storage]),
  /** Where the taps of a pair of channels lie: nine entries. */
  offsets: input('i32'),
  channels: index,
  outs: index,
  channelStep: index,
  outStep: index,
  pointStep: index,
});

/** G g Gᵀ for output channels begin … end − 1; those beyond the last repeat it. Lanes are input channels. */
const tapsKernel = once((storage: StorageType, m: TileSize, rows: number): KernelDefinition<TapsSpec> =>
  kernel(`winograd.taps.${storage}.${String(m)}.${String(rows)}`, tapsSpec(storage), (args, range) => {
    const { source, out, offsets, channels, outs, channelStep, outStep, pointStep } = args;
    const element = loadedElement[storage];
    const matrix = winogradOf(m).taps;
    const taps = unroll(TAPS * TAPS, (k) => offsets.scalar(k).to('index').mul(storageBytes[storage]));
    const pointBytes = pointStep.mul(elementBytes[element]);
    const lineBytes = pointBytes.mul(matrix.length);
    const stride = constant(rows, 'index');

    loop(range, (o) => {
      const from = source.plus(o.min(outs.sub(1)).mul(outStep));
      const panel = o.div(rows);
      const to = out.plus(panel.mul(channels).sub(panel).mul(rows).add(o));
      eachLane(channels, ({ base, lanes, count }) => {
        const corner = from.plus(base.mul(channelStep));
        const kernelTaps = taps.map((tap) => corner.plusBytes(tap).strided(0, channelStep, { lanes, count }));
        const along = unroll(TAPS, (i) => transform(matrix, kernelTaps.slice(i * TAPS, (i + 1) * TAPS)));
        let point = to.plus(base.mul(rows));
        for (let j = 0; j < matrix.length; j++) {
          const column = transform(
            matrix,
            along.map((row) => row[j]!),
          );
          let place = point;
          column.forEach((value, i) => {
            if (i > 0) place = place.plusBytes(lineBytes);
            place.set(0, value, { count, stride });
          });
          point = point.plusBytes(pointBytes);
        }
      });
    });
  }),
);

/** How the transformed taps of a group lie: panels of outputs, elements from point to point, and bytes in all. */
interface TapsLayout {
  /** Outputs of a panel. */
  readonly rows: number;
  readonly panels: number;
  readonly pointStep: number;
  readonly bytes: number;
}

const tapsLayout = ({ type, out, channels }: Taps, m: TileSize, rows: number): TapsLayout => {
  const panels = Math.ceil(out.size / rows);
  const pointStep = panels * rows * channels.size;
  return { rows, panels, pointStep, bytes: pointsOf(m) * pointStep * storageBytes[loadedElement[type]] };
};

export interface TransformedTaps extends TapsLayout {
  of(group: number): Region;
}

/** The taps of all groups, transformed, or as they were kept, in panels of so many outputs. */
export const transformedTaps = (
  taps: Taps,
  groups: number,
  m: TileSize,
  panelRows: number,
): TransformedTaps => {
  const layout = tapsLayout(taps, m, panelRows);
  const { storage, type, offset, group, out, channels, rows, columns } = taps;
  const walks = [out, channels, rows, columns].map(({ size, step }) => `${String(size)}*${String(step)}`);
  const form = ['winograd', m, panelRows, type, offset, groups, group, ...walks].join();
  const name = `winograd.taps.${loadedElement[type]}`;
  const all = packedForm(storage, form, name, groups * layout.bytes, (into) => {
    for (let g = 0; g < groups; g++) transformGroup(taps, g, m, layout, into);
  });
  return { ...layout, of: (g) => ({ storage: all, byteOffset: g * layout.bytes }) };
};

const transformGroup = (taps: Taps, group: number, m: TileSize, layout: TapsLayout, into: Storage): void => {
  launch(
    tapsKernel(taps.type, m, layout.rows),
    {
      source: {
        storage: taps.storage,
        byteOffset: (taps.offset + group * taps.group) * storageBytes[taps.type],
      },
      out: { storage: into, byteOffset: group * layout.bytes },
      offsets: offsetTable({ walks: [taps.rows, taps.columns] }),
      channels: taps.channels.size,
      outs: taps.out.size,
      channelStep: taps.channels.step,
      outStep: taps.out.step,
      pointStep: layout.pointStep,
    },
    0,
    layout.panels * layout.rows,
    { grain: grainOf({ flops: 16 * pointsOf(m) * taps.channels.size }) },
  );
};
