/** The micro-kernel, and the loops around it that stay within one block. */
import {
  accumulator,
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
} from '../lang/index.ts';
import { askAhead, askForAll } from './ahead.ts';
import { finished, type EpilogueForm } from './epilogue.ts';
import { consecutive } from './gemm-offsets.ts';
import { once } from './once.ts';

/** What is added to the products: a bias for each row or each column, or what `out` holds. */
export type Addend = 'nothing' | 'rowBias' | 'columnBias' | 'out';

/** sum ← sum + a · b. */
export const multiplyAdd = (sum: Variable, a: Value, b: Value): void => {
  if (isFloat(sum.type.element)) sum.accumulate(a, b);
  else sum.update('add', a.mul(b));
};

/** Rows of A are asked for so many bytes ahead: they come from the second cache, or from beyond it. */
const AHEAD = 1024;

type MultiplySpec = ReturnType<typeof multiplySpec>;
const multiplySpec = (storage: StorageType) => ({
  /** Panels of `rows` neighbouring rows, k deep. */
  a: input(loadedElement[storage]),
  /** Panels of `columns` neighbouring columns, k deep, and after each panel room for one tile. */
  b: inout(loadedElement[storage]),
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
  /** Parts into which the rows fall, and rows of a part, a multiple of the tile's. */
  parts: index,
  partRows: index,
});

/**
 * out[rowOffsets[i] + columnOffsets[j]] = Σ a[i, p] · b[p, j] + `adding`, for the parts begin … end − 1: part q is the
 * rows of part q mod `parts` of panel ⌊q / parts⌋ of columns.
 *
 * B's panel stays in the first cache
 * while A streams past it. A tile whose columns are neighbours in memory is stored as vectors; any other is first put
 * down behind its panel of B, in the room of its part, and its elements brought to their places one by one.
 *
 * @param rows     of a tile
 * @param vectors  of a tile, and of a panel of B
 * @param form     what is done to the sums at last
 */
export const multiplyKernel = once(
  (
    storage: StorageType,
    rows: number,
    vectors: number,
    adding: Addend,
    form: EpilogueForm,
  ): KernelDefinition<MultiplySpec> =>
    kernel(
      `gemm.multiply.${storage}.${String(rows)}x${String(vectors)}.${adding}${form}`,
      multiplySpec(storage),
      (args, range, machine) => {
        const { a, b, out, rowOffsets, columnOffsets, bias, residual, biasStep, m, n, k, parts, partRows } =
          args;
        const element = loadedElement[storage];
        const lanes = machine.lanes(element);
        const columns = vectors * lanes;
        const panelSize = k.add(parts.mul(rows)).mul(columns);

        const step = rows * elementBytes[element];
        // While the products are summed up, the tile's rows are brought one after the other: so many bytes of A for each.
        const some = k
          .add(rows - 1)
          .div(rows)
          .mul(step);

        const products = (from: Pointer, to: Pointer, places: Pointer, target: Pointer): Variable[][] => {
          const sums = grid(rows, vectors, () => accumulator(element, { lanes }));
          const right = to.walk('right');
          const place = places.walk('place');
          const end = from.address.add(k.mul(step));
          const steps = (begin: Value, until: Value): void =>
            loop(
              { begin, end: until },
              (at) => {
                const left = new Pointer(a.builder, a.param, element, at);
                askAhead(left, step, AHEAD);
                const row = unroll(vectors, (j) => right.vector(j * lanes, { lanes }));
                for (let i = 0; i < rows; i++) {
                  const factor = left.splat(i, lanes);
                  for (let j = 0; j < vectors; j++) multiplyAdd(sums[i]![j]!, factor, row[j]!);
                  settle();
                }
                right.advance(columns);
              },
              { step },
            );
          if (machine.prefetches === true) {
            const begin = variable(from.address, 'begin');
            loop(rows, () => {
              const line = target.plus(place.scalar().to('index'));
              askForAll(line, columns * storageBytes[storage], 'write');
              place.advance(1);
              const until = begin.add(some).min(end);
              steps(begin, until);
              begin.set(until);
            });
          } else steps(from.address, end);
          return sums;
        };

        loop(range, (part) => {
          const panel = part.div(parts);
          const within = part.sub(panel.mul(parts));
          const column = panel.mul(columns);
          const right = b.plus(panel.mul(panelSize));
          const spare = right.plus(k.add(within.mul(rows)).mul(columns));
          const offsets = columnOffsets.plus(column);
          const width = n.sub(column).min(columns);
          const together = variable(width.sub(width), 'together');
          when(consecutive(offsets, columns), () => {
            when(width.eq(columns), () => {
              together.set(1);
            });
          });
          const firstRow = within.mul(partRows);
          const endRow = firstRow.add(partRows).min(m);

          loop(
            { begin: firstRow, end: endRow },
            (row) => {
              const height = endRow.sub(row).min(rows);
              const first = offsets.scalar().to('index');
              const sums = products(a.plus(row.mul(k)), right, rowOffsets.plus(row), out.plus(first));

              const storeVectors = (): void => {
                const ofColumns =
                  adding === 'columnBias'
                    ? unroll(vectors, (j) =>
                        bias.strided(column.add(j * lanes).mul(biasStep), biasStep, { lanes }),
                      )
                    : [];
                for (let i = 0; i < rows; i++) {
                  const at = first.add(rowOffsets.scalar(row.add(i)).to('index'));
                  const place = out.plus(at);
                  const ofRow =
                    adding === 'rowBias' ? bias.splat(row.add(i).mul(biasStep), lanes) : undefined;
                  for (let j = 0; j < vectors; j++) {
                    const sum = sums[i]![j]!;
                    const more =
                      adding === 'out' ? place.vector(j * lanes, { lanes }) : (ofRow ?? ofColumns[j]);
                    if (more !== undefined) sum.update('add', more);
                    const besides = (): Value => residual.plus(at).vector(j * lanes, { lanes });
                    place.set(j * lanes, finished(form, sum, besides));
                  }
                }
              };

              const storeElements = (): void => {
                for (let i = 0; i < rows; i++)
                  for (let j = 0; j < vectors; j++) spare.set(i * columns + j * lanes, sums[i]![j]!);
                loop(height, (i) => {
                  const line = spare.plus(i.mul(columns));
                  const place = rowOffsets.scalar(row.add(i)).to('index');
                  loop(width, (j) => {
                    const at = place.add(offsets.scalar(j).to('index'));
                    const sum = variable(line.scalar(j), 'sum');
                    if (adding === 'rowBias') sum.update('add', bias.scalar(row.add(i).mul(biasStep)));
                    if (adding === 'columnBias') sum.update('add', bias.scalar(column.add(j).mul(biasStep)));
                    if (adding === 'out') sum.update('add', out.scalar(at));
                    out.set(
                      at,
                      finished(form, sum, () => residual.scalar(at)),
                    );
                  });
                });
              };

              when(height.mul(together).eq(rows), storeVectors, storeElements);
            },
            { step: rows },
          );
        });
      },
    ),
);
