/** The micro-kernel, and the loops around it that stay within one block. */
import {
  accumulator,
  constant,
  eachLane,
  elementBytes,
  grid,
  index,
  inout,
  input,
  isFloat,
  kernel,
  loadedElement,
  loop,
  Pointer,
  settle,
  storageBytes,
  unroll,
  variable,
  when,
  type KernelDefinition,
  type StorageType,
  type Value,
  type Variable,
  type Walker,
} from '../lang/index.ts';
import { askAhead, askForAll } from './ahead.ts';
import { finished, type EpilogueForm } from './epilogue.ts';
import { consecutive } from './gemm-offsets.ts';
import { packedTogether, packingName, packPanels, type Packing } from './gemm-pack.ts';
import { specialised } from './once.ts';
import { slotOf, slotSpec } from './slots.ts';

/** What is added to the products: a bias for each row or each column, or what `out` holds. */
export type Addend = 'nothing' | 'rowBias' | 'columnBias' | 'out';

/** sum ← sum + a · b. */
export const multiplyAdd = (sum: Variable, a: Value, b: Value): void => {
  if (isFloat(sum.type.element)) sum.accumulate(a, b);
  else sum.update('add', a.mul(b));
};

/** Rows of A are asked for so many bytes ahead: they come from the second cache, or from beyond it. */
const AHEAD = 1024;

/**
 * In machine code a turn of the loop over the depth takes several steps, so that it has about so many multiplications. With
 * one step a turn a tile has so many turns that a processor does not foresee the last: 64 channels to 256 on 28 × 28 were
 * 112 GFLOP/s with AVX2 in place of 121, and of 133 possible.
 */
const MULTIPLICATIONS = 48;
const MOST_STEPS = 4;

/** Of a row's place in its table. */
const PLACE = storageBytes.i32;

export interface MultiplyForm {
  readonly storage: StorageType;
  /** How the right side is stored; null: as panels that are packed already. */
  readonly right: Packing | null;
  /** Of a panel of the left side; and how many of those a tile has. */
  readonly panelRows: number;
  readonly stack: number;
  /** Of a tile, and of a panel of the right side. */
  readonly vectors: number;
  /** Whether there are several blocks of the depth, between which the sums wait. */
  readonly waits: boolean;
  readonly adding: Addend;
  /** What is done to the sums at last. */
  readonly epilogue: EpilogueForm;
}

type MultiplySpec = ReturnType<typeof multiplySpec>;
const multiplySpec = ({ storage, right }: MultiplyForm) => ({
  /** Panels of `panelRows` neighbouring rows, k deep; behind the last as many as a tile may have beyond it. */
  a: input(loadedElement[storage]),
  /** The matrix, or its panels: `columns` neighbouring columns, k deep. */
  b: input(right?.storage ?? loadedElement[storage]),
  /** Where the rows and columns of the matrix are. */
  bDepth: input('i32'),
  bColumns: input('i32'),
  ...slotSpec(loadedElement[storage]),
  out: inout(storage),
  rowOffsets: input('i32'),
  columnOffsets: input('i32'),
  bias: input(storage),
  /** Laid out like `out`. */
  residual: input(storage),
  biasStep: index,
  m: index,
  n: index,
  k: index,
  /** Blocks of the depth that are taken one after the other, and how deep they are. */
  blocks: index,
  deep: index,
  /** Parts into which the rows fall, and rows of a part, a multiple of the tile's. */
  parts: index,
  partRows: index,
});

/** Panels of the right side that are multiplied at one position: those that are packed together. */
export const panelsTogether = (
  { right, vectors }: Pick<MultiplyForm, 'right' | 'vectors'>,
  lanes: number,
): number => (right === null ? 1 : packedTogether(right, vectors * lanes, lanes));

/** Elements of a slot: a block of the panels, or all of them if rows fall into parts; a tile; and sums that wait. */
export const multiplySlot = (
  form: MultiplyForm,
  lanes: number,
  { k, deep, parts, partRows }: Readonly<Record<'k' | 'deep' | 'parts' | 'partRows', number>>,
): number => {
  const together = panelsTogether(form, lanes);
  const packed = form.right === null ? 0 : together * (parts > 1 ? k : deep);
  return (
    form.vectors * lanes * (form.panelRows * form.stack + packed + (form.waits ? together * partRows : 0))
  );
};

/**
 * out[rowOffsets[i] + columnOffsets[j]] = Σ a[i, p] · b[p, j] + `adding`, for the parts begin … end − 1: part q is the
 * rows of part q mod `parts` of the panels of columns that come together as the ⌊q / parts⌋-th.
 *
 * A panel of B is packed into the slot and stays in the first cache while A streams past it, block after block of the
 * depth, between which the sums wait in the slot. A tile whose columns are neighbours in memory is stored as vectors; any
 * other, and one that has rows beyond the last, is first put down in the slot.
 */
export const multiplyKernel = specialised((form: MultiplyForm): KernelDefinition<MultiplySpec> => {
  const { storage, right: stored, panelRows, stack, vectors, waits, adding, epilogue } = form;
  const rows = panelRows * stack;
  const tile = `${stack > 1 ? `${String(stack)}x` : ''}${String(panelRows)}x${String(vectors)}`;
  const name = [
    storage,
    stored === null ? 'packed' : packingName(stored),
    tile,
    ...(waits ? ['waits'] : []),
    adding,
  ].join('.');
  return kernel(`gemm.multiply.${name}${epilogue}`, multiplySpec(form), (args, range, machine) => {
    const { a, b, bDepth, bColumns, out, rowOffsets, columnOffsets, bias, residual, biasStep } = args;
    const { m, n, k, blocks, deep, parts, partRows } = args;
    const element = loadedElement[storage];
    const lanes = machine.lanes(element);
    const columns = vectors * lanes;
    const step = panelRows * elementBytes[element];
    const together = panelsTogether(form, lanes);
    const leftSize = k.mul(step);
    const tileSize = leftSize.mul(stack);
    const atOnce =
      machine.prefetches === true
        ? Math.min(MOST_STEPS, Math.max(1, Math.floor(MULTIPLICATIONS / (rows * vectors))))
        : 1;

    const slot = slotOf(args, range);
    const spare = slot;
    const panels = slot.plus(rows * columns);
    const several = parts.gt(1);
    const panelSize = stored === null ? k.mul(columns) : several.select(k, deep).mul(columns);
    const parked = stored === null ? panels : panels.plus(panelSize.mul(together));

    /** Adds the products of the steps that lie at addresses `begin … end` of A, so many at a turn. */
    const steps = (sums: Variable[][], begin: Value, end: Value, right: Walker, atOnce: number): void =>
      loop(
        { begin, end },
        (at) => {
          const left = new Pointer(a.builder, a.param, element, at);
          const lefts = unroll(stack, (s) => (s === 0 ? left : left.plusBytes(leftSize.mul(s))));
          for (const panel of lefts) askAhead(panel, atOnce * step, AHEAD);
          for (let p = 0; p < atOnce; p++) {
            const row = unroll(vectors, (j) => right.vector(p * columns + j * lanes, { lanes }));
            for (let i = 0; i < rows; i++) {
              const factor = lefts[Math.floor(i / panelRows)]!.splat(p * panelRows + (i % panelRows), lanes);
              for (let j = 0; j < vectors; j++) multiplyAdd(sums[i]![j]!, factor, row[j]!);
              settle();
            }
          }
          right.advance(atOnce * columns);
        },
        { step: atOnce * step },
      );

    // Loops of one turn would be nothing but deeper nests, in which V8 11 keeps less in registers.
    const eachBlock = (visit: (block: Value) => void): void => {
      if (waits) loop(blocks, visit);
      else visit(constant(0, 'index'));
    };
    const eachPanel = (begin: Value, end: Value, visit: (panel: Value) => void): void => {
      if (together > 1) loop({ begin, end }, visit);
      else visit(begin);
    };

    const packed = variable(constant(0, 'index'), 'packed');
    const allPanels = n.add(columns - 1).div(columns);

    loop(range, (part) => {
      const group = part.div(parts);
      const within = part.sub(group.mul(parts));
      const firstPanel = group.mul(together);
      const endPanel = firstPanel.add(together).min(allPanels);
      const firstRow = within.mul(partRows);
      const endRow = firstRow.add(partRows).min(m);

      eachBlock((block) => {
        const first = block.mul(deep);
        const count = k.sub(first).min(deep);
        const isFirst = block.eq(0);
        const isLast = block.eq(blocks.sub(1));
        const size = count.mul(step);
        const byOne = count.rem(atOnce).mul(step);
        // While the last products of a tile are summed up, the rows of the next are brought, one after the other.
        const asked = constant(rows, 'index');
        const asks = waits ? isLast.select(asked, constant(1, 'index')) : asked;
        const some = count
          .div(atOnce)
          .add(asks)
          .sub(1)
          .div(asks)
          .mul(atOnce * step);
        /** Where a panel's block begins. */
        const blockOf = (panel: Value): Pointer =>
          stored === null
            ? b.plus(panel.mul(panelSize)).plus(first.mul(columns))
            : panels
                .plus(panel.sub(firstPanel).mul(panelSize))
                .plus(several.select(first, first.sub(first)).mul(columns));
        if (stored !== null) {
          when(packed.ne(group.add(1)), () =>
            packPanels(
              { source: b, depth: bDepth.plus(first), across: bColumns, k: count },
              stored,
              columns,
              { begin: firstPanel, end: endPanel },
              blockOf,
            ),
          );
        }

        eachPanel(firstPanel, endPanel, (panel) => {
          const column = panel.mul(columns);
          const offsets = columnOffsets.plus(column);
          const width = n.sub(column).min(columns);
          const firstColumn = offsets.scalar().to('index');
          const right = blockOf(panel);
          const { whole, run, isRuns } = runsOf(offsets, width, columns);
          const store = parked.plus(panel.sub(firstPanel).mul(partRows).mul(columns)).walk('store');

          const target = out.plus(firstColumn);
          const left = a.plus(firstRow.mul(k)).plus(first.mul(panelRows)).walk('left');
          const biasBytes = biasStep.mul(storageBytes[storage]);
          const ofRow = adding === 'rowBias' ? bias.plus(firstRow.mul(biasStep)).walk('ofRow') : undefined;
          const endPlace = rowOffsets.plus(endRow).address;
          const lastWhole = whole.eq(1).select(endPlace.sub(rows * PLACE), rowOffsets.address.sub(PLACE));

          loop(
            { begin: rowOffsets.plus(firstRow).address, end: endPlace },
            (tileAt) => {
              const places = new Pointer(a.builder, rowOffsets.param, rowOffsets.storage, tileAt);
              const sums = grid(rows, vectors, () => accumulator(element, { lanes }));
              const eachSum = (visit: (sum: Variable, at: number) => void): void =>
                sums.forEach((line, i) => line.forEach((sum, j) => visit(sum, i * columns + j * lanes)));
              if (waits)
                when(isFirst.not(), () => eachSum((sum, at) => sum.set(store.vector(at, { lanes }))));

              const panelAt = right.walk('right');
              const end = left.address.add(size);
              if (machine.prefetches === true) {
                const begin = variable(left.address.add(byOne), 'begin');
                if (atOnce > 1) steps(sums, left.address, begin, panelAt, 1);
                loop(asks, (row) => {
                  const next = target.plus(places.scalar(row.add(rows)).to('index'));
                  askForAll(next, columns * storageBytes[storage], 'write');
                  const until = begin.add(some).min(end);
                  steps(sums, begin, until, panelAt, atOnce);
                  begin.set(until);
                });
              } else steps(sums, left.address, end, panelAt, 1);

              const storeVectors = (): void => {
                const ofColumns =
                  adding === 'columnBias'
                    ? unroll(vectors, (j) =>
                        bias.strided(column.add(j * lanes).mul(biasStep), biasStep, { lanes }),
                      )
                    : [];
                for (let i = 0; i < rows; i++) {
                  const at = places.scalar(i).to('index');
                  const place = target.plus(at);
                  const more = ofRow?.splat(0, lanes);
                  ofRow?.advanceBytes(biasBytes);
                  for (let j = 0; j < vectors; j++) {
                    const sum = sums[i]![j]!;
                    const added =
                      adding === 'out' ? place.vector(j * lanes, { lanes }) : (more ?? ofColumns[j]);
                    if (added !== undefined) sum.update('add', added);
                    const besides = (): Value =>
                      residual.plus(firstColumn.add(at)).vector(j * lanes, { lanes });
                    place.set(j * lanes, finished(epilogue, sum, besides));
                  }
                }
              };

              const storeRest = (): void => {
                const height = endPlace.sub(tileAt).div(PLACE).min(rows);
                eachSum((sum, at) => spare.set(at, sum));
                loop(height, (i) => {
                  const line = spare.plus(i.mul(columns));
                  const rowAt = places.scalar(i).to('index');
                  /** Columns j … of the tile, which are neighbours. */
                  const several = (begin: Value, end: Value): void => {
                    const place = rowAt.add(offsets.scalar(begin).to('index'));
                    eachLane(
                      end.sub(begin),
                      (j) => {
                        const { base, count } = j;
                        const sum = variable(line.plus(begin).at(j), 'sum');
                        const at = place.add(base);
                        if (ofRow) sum.update('add', ofRow.splat(0, lanes));
                        if (adding === 'columnBias') {
                          const from = column.add(begin).add(base).mul(biasStep);
                          sum.update('add', bias.strided(from, biasStep, { count, lanes }));
                        }
                        if (adding === 'out') sum.update('add', out.vector(at, { count, lanes }));
                        const besides = (): Value => residual.vector(at, { count, lanes });
                        out.set(at, finished(epilogue, sum, besides), { count });
                      },
                      { lanes },
                    );
                  };
                  const one = (j: Value): void => {
                    const at = rowAt.add(offsets.scalar(j).to('index'));
                    const sum = variable(line.scalar(j), 'sum');
                    if (ofRow) sum.update('add', ofRow.scalar());
                    if (adding === 'columnBias') sum.update('add', bias.scalar(column.add(j).mul(biasStep)));
                    if (adding === 'out') sum.update('add', out.scalar(at));
                    out.set(
                      at,
                      finished(epilogue, sum, () => residual.scalar(at)),
                    );
                  };
                  when(
                    isRuns.eq(1),
                    () => {
                      // One run, or two where the columns go on elsewhere.
                      const begin = variable(constant(0, 'index'), 'begin');
                      const end = variable(run, 'end');
                      loop(run.eq(width).select(constant(1, 'index'), constant(2, 'index')), () => {
                        several(begin, end);
                        begin.set(run);
                        end.set(width);
                      });
                    },
                    () => loop(width, one),
                  );
                  ofRow?.advanceBytes(biasBytes);
                });
              };

              const finish = (): void => when(tileAt.le(lastWhole), storeVectors, storeRest);
              if (waits) {
                when(isLast, finish, () => eachSum((sum, at) => store.set(at, sum)));
                store.advance(rows * columns);
              } else finish();
              left.advanceBytes(tileSize);
            },
            { step: rows * PLACE },
          );
        });
      });
      if (stored !== null) when(several, () => packed.set(group.add(1)));
    });
  });
});

/**
 * How a tile's columns lie in memory: `whole` is 1 if there are as many as can be and all are neighbours. Else the first
 * `run` are, and `isRuns` is 1 if those after them are, too.
 */
const runsOf = (
  offsets: Pointer,
  width: Value,
  columns: number,
): { whole: Value; run: Value; isRuns: Value } => {
  const [whole, isRuns] = [variable(constant(0, 'index'), 'whole'), variable(constant(1, 'index'), 'isRuns')];
  const run = variable(width, 'run');
  when(consecutive(offsets, columns), () => when(width.eq(columns), () => whole.set(1)));
  when(whole.eq(0), () => {
    const entry = (j: Value): Value => offsets.scalar(j).to('index');
    const first = offsets.scalar().to('index');
    loop(width, (j) => when(entry(j).ne(first.add(j)), () => run.set(run.min(j))));
    const second = entry(run.min(width.sub(1)));
    loop({ begin: run, end: width }, (j) => when(entry(j).ne(second.add(j.sub(run))), () => isRuns.set(0)));
  });
  return { whole, run, isRuns };
};
