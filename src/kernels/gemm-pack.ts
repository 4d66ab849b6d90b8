/** Panels: a matrix in the order in which the micro-kernel reads it. */
import {
  index,
  input,
  kernel,
  loadedElement,
  loop,
  output,
  Pointer,
  storageBytes,
  unroll,
  when,
  type KernelDefinition,
  type StorageType,
  type Value,
} from '../lang/index.ts';
import { consecutive } from './gemm-offsets.ts';
import { once } from './once.ts';

/**
 * Packs panels `begin … end − 1` of a matrix whose element [p, i] is source[depth[p] + across[i]]: a panel is `width`
 * neighbours i, for one p after another. Storage types narrower than what one computes with are widened.
 *
 * @param width  neighbours in a panel. `across` has a multiple of it: the last panel is filled with repetitions, whose
 *               products nobody stores.
 */
export const packKernel = once((storage: StorageType, width: number): KernelDefinition<PackSpec> =>
  kernel(`gemm.pack.${storage}.${String(width)}`, packSpec(storage), (args, range) => {
    const { source, depth, across, out, k, panelSize } = args;
    const bytes = storageBytes[storage];
    const { lanes } = source.builder;
    const depthEnd = depth.plus(k).address;

    /** body(offset of step p in bytes, where its neighbours go), for every step of the depth. */
    const eachStep = (panel: Value, body: (offset: Value, to: Pointer) => void): void => {
      const to = out.plus(panel.mul(panelSize)).walk('to');
      const entries = { begin: depth.address, end: depthEnd };
      loop(
        entries,
        (at) => {
          const entry = new Pointer(depth.builder, depth.param, 'i32', at);
          body(entry.scalar().to('index').mul(bytes), to);
          to.advance(width);
        },
        { step: storageBytes.i32 },
      );
    };

    loop(range, (panel) => {
      const neighbours = across.plus(panel.mul(width));
      const lane = (j: number): Pointer => source.plus(neighbours.scalar(j).to('index'));
      when(
        consecutive(neighbours, width),
        () => {
          const first = lane(0);
          eachStep(panel, (offset, to) => {
            const from = first.plusBytes(offset);
            let j = 0;
            for (; j + lanes <= width; j += lanes) to.set(j, from.vector(j));
            for (; j < width; j++) to.set(j, from.scalar(j));
          });
        },
        () => {
          const from = unroll(width, lane);
          eachStep(panel, (offset, to) => {
            from.forEach((pointer, j) => {
              to.set(j, pointer.plusBytes(offset).scalar());
            });
          });
        },
      );
    });
  }),
);

type PackSpec = ReturnType<typeof packSpec>;
const packSpec = (storage: StorageType) => ({
  source: input(storage),
  /** k entries. */
  depth: input('i32'),
  across: input('i32'),
  out: output(loadedElement[storage]),
  k: index,
  /** Elements from one panel to the next. */
  panelSize: index,
});
