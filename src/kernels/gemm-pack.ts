/** Panels: a matrix in the order in which the micro-kernel reads it. */
import {
  constant,
  index,
  input,
  iota,
  kernel,
  loadedElement,
  loop,
  output,
  Pointer,
  storageBytes,
  unroll,
  variable,
  when,
  type KernelDefinition,
  type Operand,
  type Range,
  type StorageType,
  type Value,
  type Walker,
} from '../lang/index.ts';
import { axisSize, consecutive, runOf, type Axis } from './gemm-offsets.ts';
import { interleaved } from './interleave.ts';
import { once } from './once.ts';

/**
 * Panels that follow one another are packed together until a step reads so many bytes: two cache lines, which come
 * together, where a panel alone may have less than one. A pointwise convolution of 256 channels in WebAssembly, panels of
 * 32 bytes: 377 µs one by one, 329 by twos, 209 by fours, 228 by eights.
 */
const TOGETHER_BYTES = 128;
const MOST_TOGETHER = 4;

/** From so many steps on that follow one another, they are read as vectors. */
const FEW = 4;
/** Of so many, or of a quarter where all do, those that fill no whole vector are few enough to be read one by one. */
const MANY = 128;
/** No vector has more lanes. */
const MOST_LANES = 16;

/** How a matrix is stored, and what its tables may need: there is no code for more, as a first call waits for the compiler. */
export interface Packing {
  readonly storage: StorageType;
  /** Whether panels may have neighbours that follow one another in memory. */
  readonly inRows: boolean;
  /** Whether steps may do so: some, or many. */
  readonly runs: 'no' | 'some' | 'many';
}

/**
 * @param width  neighbours in a panel
 * @param axes   what the tables are made of. Any other tables are packed as well, only more slowly.
 */
export const packingOf = (
  storage: StorageType,
  width: number,
  { across, depth }: { readonly across: Axis; readonly depth: Axis },
): Packing => {
  const row = runOf(across);
  // Vectors that lie in two rows at most are read as such, all but the last.
  const run = row >= MOST_LANES ? 1 : runOf(depth);
  const many = run === axisSize(depth) ? MANY / 4 : MANY;
  return {
    storage,
    inRows: width === 1 || row > 1,
    runs: run >= many ? 'many' : run >= FEW ? 'some' : 'no',
  };
};

/** A packing as part of a kernel's name. */
export const packingName = ({ storage, inRows, runs }: Packing): string =>
  `${storage}${inRows ? '.rows' : ''}${runs === 'many' ? '.long' : runs === 'some' ? '.runs' : ''}`;

/**
 * Packs panels `begin … end − 1` of a matrix whose element [p, i] is source[depth[p] + across[i]]: a panel is `width`
 * neighbours i, for one p after another. Storage types narrower than what one computes with are widened.
 *
 * @param width  neighbours in a panel. `across` has a multiple of it: the last panel is filled with repetitions, whose
 *               products nobody stores.
 */
export const packKernel = (...form: Parameters<typeof packingOf>): KernelDefinition<PackSpec> => {
  const { storage, inRows, runs } = packingOf(...form);
  return packVariant(storage, form[1], inRows, runs);
};

const packVariant = once(
  (
    storage: StorageType,
    width: number,
    inRows: boolean,
    runs: Packing['runs'],
  ): KernelDefinition<PackSpec> => {
    const packing = { storage, inRows, runs };
    return kernel(`gemm.pack.${String(width)}.${packingName(packing)}`, packSpec(storage), (args, range) => {
      const { out, k, panelSize, ...from } = args;
      packPanels({ ...from, k }, packing, width, range, (panel) => out.plus(panel.mul(panelSize)));
    });
  },
);

/** How many panels that follow one another are packed together. */
export const packedTogether = ({ storage, inRows }: Packing, width: number, lanes: number): number =>
  inRows && width % lanes === 0
    ? Math.min(Math.ceil(TOGETHER_BYTES / (width * storageBytes[storage])), MOST_TOGETHER)
    : 1;

/**
 * In a kernel: packs panels `begin … end − 1`.
 *
 * @param packed  where a panel begins
 */
export const packPanels = (
  {
    source,
    depth,
    across,
    k,
  }: { readonly source: Pointer; readonly depth: Pointer; readonly across: Pointer; readonly k: Value },
  packing: Packing,
  width: number,
  range: Range,
  packed: (panel: Value) => Pointer,
): void => {
  const { inRows, runs } = packing;
  const bytes = storageBytes[source.storage];
  const { lanes } = source.builder;
  const depthEnd = depth.plus(k).address;

  const entryAt = (at: Value): Pointer => new Pointer(depth.builder, depth.param, 'i32', at);
  const offsetAt = (at: Value): Value => entryAt(at).scalar().to('index').mul(bytes);

  /** Panels of neighbours that follow one another: of each step, vectors. */
  const packRows = (first: Pointer, panels: readonly Walker[]): void => {
    loop(
      { begin: depth.address, end: depthEnd },
      (at) => {
        const from = first.plusBytes(offsetAt(at));
        panels.forEach((to, panel) => {
          let j = 0;
          for (; j + lanes <= width; j += lanes) to.set(j, from.vector(panel * width + j));
          for (; j < width; j++) to.set(j, from.scalar(panel * width + j));
          to.advance(width);
        });
      },
      { step: storageBytes.i32 },
    );
  };

  /**
   * A vector's lanes of a panel's neighbours. If they are two runs of such as follow one another, as where a row of pixels
   * ends and the next begins, two vectors have them: from the first of the first run on, and up to the last of the second.
   * Where the runs do not overlap, each vector lies between these two. Anything else goes to `otherwise`.
   */
  const packRuns = (neighbours: Pointer, to: Walker, otherwise: () => void): void => {
    const entries = neighbours.vector(0, { lanes });
    const here = iota('i32', lanes);
    const begins = neighbours.splat(0, lanes);
    const ends = neighbours.splat(lanes - 1, lanes).sub(lanes - 1);
    const isFirst = entries.sub(begins).eq(here);
    const isSecond = entries.sub(ends).eq(here);
    const isApart = neighbours
      .scalar(lanes - 1)
      .sub(lanes - 1)
      .ge(neighbours.scalar());
    const runs = variable(constant(0, 'index'), 'runs');
    when(isFirst.or(isSecond).not().any().not(), () => when(isApart, () => runs.set(1)));
    when(
      runs.eq(1),
      () => {
        const low = source.plus(neighbours.scalar().to('index'));
        const high = source.plus(
          neighbours
            .scalar(lanes - 1)
            .sub(lanes - 1)
            .to('index'),
        );
        loop(
          { begin: depth.address, end: depthEnd },
          (at) => {
            const offset = offsetAt(at);
            const [first, second] = [low, high].map((run) => run.plusBytes(offset).vector(0, { lanes }));
            to.set(0, isFirst.select(first!, second!));
            to.advance(width);
          },
          { step: storageBytes.i32 },
        );
      },
      otherwise,
    );
  };

  /**
   * Some of a panel's neighbours, which do not follow one another: as many steps as do are read as vectors, and
   * transposed.
   */
  const packAcross = (from: readonly Pointer[], to: Walker): void => {
    const count = from.length;
    const transposed = (at: Value, steps: number): void => {
      const offset = offsetAt(at);
      const some = Math.min(steps, count);
      for (let step = 0; step < steps; step += some) {
        const columns = from.map((pointer) => pointer.plusBytes(offset).vector(step, { lanes: some }));
        interleaved(columns).forEach((values, r) => {
          const k = step + Math.floor((r * some) / count);
          to.set(k * width + ((r * some) % count), values);
        });
      }
      to.advance(steps * width);
    };
    const oneByOne = (begin: Value, end: Value): void => {
      loop(
        { begin, end },
        (at) => {
          const offset = offsetAt(at);
          from.forEach((pointer, j) => to.set(j, pointer.plusBytes(offset).scalar()));
          to.advance(width);
        },
        { step: storageBytes.i32 },
      );
    };
    /** Steps `begin … end`, so many at a time; what does not follow one another goes to `otherwise`. */
    const blocks = (begin: Value, end: Value, steps: number, otherwise: typeof oneByOne): void => {
      const size = steps * storageBytes.i32;
      loop(
        { begin, end },
        (at) => {
          const next = at.add(size);
          const follow = variable(at.sub(at), 'follow');
          when(next.le(end), () => {
            const entries = entryAt(at).vector(0, { lanes: steps });
            const differs = entries.sub(entryAt(at).splat(0, steps)).ne(iota('i32', steps)).any();
            when(differs.not(), () => follow.set(1));
          });
          when(
            follow.eq(1),
            () => transposed(at, steps),
            () => otherwise(at, next.min(end)),
          );
        },
        { step: size },
      );
    };
    if (runs === 'no') {
      oneByOne(depth.address, depthEnd);
      return;
    }
    const few = Math.min(FEW, lanes);
    const inFew = (begin: Value, end: Value): void => blocks(begin, end, few, oneByOne);
    if (lanes > few) blocks(depth.address, depthEnd, lanes, runs === 'many' ? oneByOne : inFew);
    else inFew(depth.address, depthEnd);
  };

  const neighboursOf = (panel: Value): Pointer => across.plus(panel.mul(width));
  const from = (neighbours: Pointer, j: Operand): Pointer => source.plus(neighbours.scalar(j).to('index'));
  const packOne = (panel: Value): void => {
    const neighbours = neighboursOf(panel);
    const to = packed(panel);
    const someByOne = (): void => {
      for (const { first, size, times } of powersOfTwo(width, lanes)) {
        loop(times, (group) => {
          const j = group.mul(size).add(first);
          const across = (): void =>
            packAcross(
              unroll(size, (i) => from(neighbours, j.add(i))),
              to.plus(j).walk('to'),
            );
          if (!inRows || size < lanes) across();
          else packRuns(neighbours.plus(j), to.plus(j).walk('to'), across);
        });
      }
    };
    if (inRows) {
      when(consecutive(neighbours, width), () => packRows(from(neighbours, 0), [to.walk('to')]), someByOne);
    } else someByOne();
  };

  const several = packedTogether(packing, width, lanes);
  if (several === 1) {
    loop(range, packOne);
    return;
  }
  loop(
    range,
    (panel) => {
      const neighbours = neighboursOf(panel);
      const together = variable(constant(0, 'index'), 'together');
      when(panel.add(several).le(range.end), () => {
        when(consecutive(neighbours, several * width), () => together.set(1));
      });
      when(
        together.eq(1),
        () => {
          packRows(
            from(neighbours, 0),
            unroll(several, (k) => packed(panel.add(k)).walk('to')),
          );
        },
        () => loop({ begin: panel, end: panel.add(several).min(range.end) }, packOne),
      );
    },
    { step: several },
  );
};

/** A width as sums of equal powers of two, at most `most` each. */
const powersOfTwo = (
  width: number,
  most: number,
): { readonly first: number; readonly size: number; readonly times: number }[] => {
  const parts = [];
  for (let first = 0, size = most; first < width; size /= 2) {
    const times = Math.floor((width - first) / size);
    if (times > 0) parts.push({ first, size, times });
    first += times * size;
  }
  return parts;
};

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
