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
  unroll,
  variable,
  when,
  type KernelDefinition,
  type StorageType,
  type Value,
  type Variable,
} from '../lang/index.ts';
import { consecutive } from './gemm-offsets.ts';
import { tileOf } from './gemm-tile.ts';
import { once } from './once.ts';

/** What is added to the products. */
export const addend = { nothing: 0, rowBias: 1, columnBias: 2, out: 3 } as const;

/** sum ← sum + a · b. */
export const multiplyAdd = (sum: Variable, a: Value, b: Value): void => {
  if (isFloat(sum.type.element)) sum.accumulate(a, b);
  else sum.update('add', a.mul(b));
};

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
  biasStep: index,
  m: index,
  n: index,
  k: index,
  /** One of `addend`. */
  adding: index,
});

/**
 * out[rowOffsets[i] + columnOffsets[j]] = Σ a[i, p] · b[p, j] + what `adding` says, for the columns of the panels
 * begin … end − 1 and all rows.
 *
 * One step of the depth is one basic block, since more of them make V8 11 spill; B's panel stays in the first cache
 * while A streams past it. A tile whose columns are neighbours in memory is stored as vectors; any other is first put
 * down behind its panel of B, and its elements brought to their places one by one.
 */
export const multiplyKernel = once((storage: StorageType): KernelDefinition<MultiplySpec> =>
  kernel(`gemm.multiply.${storage}`, multiplySpec(storage), (args, range, machine) => {
    const { a, b, out, rowOffsets, columnOffsets, bias, biasStep, m, n, k, adding } = args;
    const element = loadedElement[storage];
    const { rows, vectors, columns } = tileOf(machine, element);
    const { lanes } = a.builder;
    const panelSize = k.add(rows).mul(columns);

    const products = (from: Pointer, to: Pointer): Variable[][] => {
      const sums = grid(rows, vectors, () => accumulator(element));
      const right = to.walk('right');
      loop(
        { begin: from.address, end: from.address.add(k.mul(rows * elementBytes[element])) },
        (at) => {
          const left = new Pointer(a.builder, a.param, element, at);
          const row = unroll(vectors, (j) => right.vector(j * lanes));
          for (let i = 0; i < rows; i++) {
            const factor = left.splat(i);
            for (let j = 0; j < vectors; j++) multiplyAdd(sums[i]![j]!, factor, row[j]!);
          }
          right.advance(columns);
        },
        { step: rows * elementBytes[element] },
      );
      return sums;
    };

    loop(range, (panel) => {
      const column = panel.mul(columns);
      const right = b.plus(panel.mul(panelSize));
      const offsets = columnOffsets.plus(column);
      const width = n.sub(column).min(columns);
      const together = variable(width.sub(width), 'together');
      when(consecutive(offsets, columns), () => {
        when(width.eq(columns), () => {
          together.set(1);
        });
      });

      loop(m.add(rows - 1).div(rows), (tile) => {
        const row = tile.mul(rows);
        const height = m.sub(row).min(rows);
        const sums = products(a.plus(row.mul(k)), right);

        const storeVectors = (): void => {
          const first = out.plus(offsets.scalar().to('index'));
          const place = unroll(rows, (i) => first.plus(rowOffsets.scalar(row.add(i)).to('index')));
          const add = (i: number, j: number, value: Value): void => {
            sums[i]![j]!.update('add', value);
          };
          when(adding.eq(addend.rowBias), () => {
            for (let i = 0; i < rows; i++) {
              const value = bias.splat(row.add(i).mul(biasStep));
              for (let j = 0; j < vectors; j++) add(i, j, value);
            }
          });
          when(adding.eq(addend.columnBias), () => {
            for (let j = 0; j < vectors; j++) {
              const value = bias.strided(column.add(j * lanes).mul(biasStep), biasStep);
              for (let i = 0; i < rows; i++) add(i, j, value);
            }
          });
          when(adding.eq(addend.out), () => {
            for (let i = 0; i < rows; i++)
              for (let j = 0; j < vectors; j++) add(i, j, place[i]!.vector(j * lanes));
          });
          for (let i = 0; i < rows; i++)
            for (let j = 0; j < vectors; j++) place[i]!.set(j * lanes, sums[i]![j]!);
        };

        const storeElements = (): void => {
          const spare = right.plus(k.mul(columns));
          for (let i = 0; i < rows; i++)
            for (let j = 0; j < vectors; j++) spare.set(i * columns + j * lanes, sums[i]![j]!);
          loop(height, (i) => {
            const line = spare.plus(i.mul(columns));
            const place = out.plus(rowOffsets.scalar(row.add(i)).to('index'));
            loop(width, (j) => {
              const at = place.plus(offsets.scalar(j).to('index'));
              const sum = variable(line.scalar(j), 'sum');
              when(adding.eq(addend.rowBias), () => {
                sum.update('add', bias.scalar(row.add(i).mul(biasStep)));
              });
              when(adding.eq(addend.columnBias), () => {
                sum.update('add', bias.scalar(column.add(j).mul(biasStep)));
              });
              when(adding.eq(addend.out), () => {
                sum.update('add', at.scalar());
              });
              at.set(0, sum);
            });
          });
        };

        when(height.mul(together).eq(rows), storeVectors, storeElements);
      });
    });
  }),
);
