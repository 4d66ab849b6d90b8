/** Taps in the order in which the direct kernels read them. */
import { launch } from '../../device/launch.ts';
import type { Storage } from '../../device/storage.ts';
import { grainOf } from '../../device/threads/grain.ts';
import { storageOf } from '../../device/view.ts';
import { elementBytes, loadedElement, storageBytes } from '../../lang/index.ts';
import { axisForm, axisSize, offsetTable, type Walk } from '../gemm-offsets.ts';
import { packKernel } from '../gemm-pack.ts';
import { packedForm } from '../packed.ts';
import type { Correlation } from './correlation.ts';

/**
 * For each panel of so many output channels its taps, tap after tap: k × channels, widened to what one computes with.
 * Each group begins a panel; in its last one the last channel may be there more than once.
 *
 * @param order  in which the taps follow one another, the last walk fastest
 */
export const packedTaps = (correlation: Correlation, channels: number, order?: readonly Walk[]): Storage => {
  const { taps, groups } = correlation;
  const size = Math.ceil(taps.out.size / channels) * channels;
  const walks = [
    { size: groups, step: taps.group },
    { ...taps.out, size, distinct: taps.out.size },
  ];
  return packedPanels(correlation, channels, walks, order);
};

/** The same in panels of so many neighbours of any walks over output channels. */
export const packedPanels = (
  { out, taps }: Correlation,
  width: number,
  walks: readonly Walk[],
  order: readonly Walk[] = [taps.channels, taps.rows, taps.columns],
): Storage => {
  const element = loadedElement[storageOf[out.dtype]];
  const bytes = elementBytes[element];
  const k = taps.channels.size * taps.rows.size * taps.columns.size;
  const across = { walks };
  const panels = axisSize(across) / width;
  const depth = { walks: order };
  const pack = (into: Storage): void => {
    if (k === 0) return;
    launch(
      packKernel(taps.type, width, { across, depth }),
      {
        source: { storage: taps.storage, byteOffset: taps.offset * storageBytes[taps.type] },
        depth: offsetTable(depth),
        across: offsetTable(across),
        out: into,
        k,
        panelSize: width * k,
      },
      0,
      panels,
      { grain: grainOf({ bytes: 2 * width * k * bytes }) },
    );
  };
  const form = ['direct', width, taps.type, taps.offset, axisForm(depth), axisForm(across)].join(' ');
  return packedForm(taps.storage, form, `conv.taps.${element}`, panels * width * k * bytes, pack);
};
