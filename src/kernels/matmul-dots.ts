/** Products of a matrix and a few vectors: memory bounds them, so nothing is packed, and each row is read once. */
import { launch } from '../device/launch.ts';
import type { Storage } from '../device/storage.ts';
import { grainOf } from '../device/threads/grain.ts';
import {
  accumulator,
  eachLane,
  elementBytes,
  grid,
  index,
  input,
  kernel,
  loop,
  output,
  unroll,
  type ElementType,
  type KernelDefinition,
  type LaneIndex,
} from '../lang/index.ts';
import { multiplyAdd } from './gemm-multiply.ts';
import { specialised } from './once.ts';

/** Rows whose elements follow one another; the step from one to the next, in elements. */
export interface Rows {
  readonly storage: Storage;
  readonly count: number;
  readonly step: number;
}

/** out[v, r] = Σ matrix[r, …] · vectors[v, …] + bias[r]. */
export interface Dots {
  readonly element: ElementType;
  readonly matrix: Rows;
  /** At most `MOST_VECTORS`. */
  readonly vectors: Rows;
  readonly length: number;
  readonly out: { readonly storage: Storage; readonly vectorStep: number; readonly rowStep: number };
  readonly bias: { readonly storage: Storage; readonly step: number } | null;
}

/** Where they begin, in elements. */
export interface DotsOffsets {
  readonly matrix: number;
  readonly vectors: number;
  readonly out: number;
  readonly bias: number;
}

export const MOST_VECTORS = 4;

interface DotsForm {
  readonly element: ElementType;
  readonly rows: number;
  readonly vectors: number;
  readonly biased: boolean;
}

/** Sums that are under way at a time, so that additions need not wait for each other. */
const SUMS = 8;

/** Rows that are taken together, as long as there are registers for their sums, an element of each, and of the vectors. */
const rowsTogether = (vectors: number): number => (vectors <= 2 ? 4 : 2);

type DotsSpec = ReturnType<typeof dotsSpec>;
const dotsSpec = ({ element }: DotsForm) => ({
  matrix: input(element),
  vectors: input(element),
  out: output(element),
  bias: input(element),
  matrixStep: index,
  vectorsStep: index,
  outVector: index,
  outRow: index,
  biasStep: index,
  rows: index,
  length: index,
});

/** The rows of groups begin … end − 1. The last group begins where it is complete: what it computes again comes out the same. */
const dotsKernel = specialised((form: DotsForm): KernelDefinition<DotsSpec> => {
  const { element, rows: together, vectors: count, biased } = form;
  const name = `matmul.dots.${element}.${String(together)}x${String(count)}${biased ? '.bias' : ''}`;
  return kernel(name, dotsSpec(form), (args, range, machine) => {
    const { matrix, vectors, out, bias, matrixStep, vectorsStep, outVector, outRow, biasStep } = args;
    const { rows, length } = args;
    const lanes = machine.lanes(element);
    const steps = Math.max(1, Math.floor(SUMS / (together * count)));
    const whole = length.sub(length.rem(steps * lanes));
    const lines = unroll(count, (v) => vectors.plus(vectorsStep.mul(v)));
    loop(range, (group) => {
      const row = group.mul(together).min(rows.sub(together));
      const first = matrix.plus(row.mul(matrixStep));
      const left = unroll(together, (r) => first.plus(matrixStep.mul(r)));
      const sums = grid(together, count, () => unroll(steps, () => accumulator(element, { lanes })));
      const take = (i: LaneIndex, step: number): void => {
        const at = lines.map((line) => line.at(i));
        for (let r = 0; r < together; r++) {
          const some = left[r]!.at(i);
          for (let v = 0; v < count; v++) multiplyAdd(sums[r]![v]![step]!, some, at[v]!);
        }
      };
      if (steps > 1) {
        loop(
          { begin: 0, end: whole },
          (i) => {
            for (let step = 0; step < steps; step++) take({ base: i.add(step * lanes), lanes }, step);
          },
          { step: steps * lanes },
        );
      }
      eachLane(
        { begin: steps > 1 ? whole : 0, end: length },
        (i) => {
          take(i, 0);
        },
        { lanes },
      );
      for (let r = 0; r < together; r++) {
        const place = row.add(r);
        for (let v = 0; v < count; v++) {
          const parts = sums[r]![v]!;
          for (let step = 1; step < steps; step++) parts[0]!.update('add', parts[step]!);
          const sum = parts[0]!.reduceAdd();
          const total = biased ? sum.add(bias.scalar(place.mul(biasStep))) : sum;
          out.set(place.mul(outRow).add(outVector.mul(v)), total);
        }
      }
    });
  });
});

/** Prepares such products. */
export const dots = (wanted: Dots): ((at: DotsOffsets) => void) => {
  const { element, matrix, vectors, length, out, bias } = wanted;
  const bytes = elementBytes[element];
  const together = Math.min(rowsTogether(vectors.count), matrix.count);
  const definition = dotsKernel({
    element,
    rows: together,
    vectors: vectors.count,
    biased: bias !== null,
  });
  const grain = grainOf({ bytes: together * length * bytes });
  return (at) => {
    launch(
      definition,
      {
        matrix: { storage: matrix.storage, byteOffset: at.matrix * bytes },
        vectors: { storage: vectors.storage, byteOffset: at.vectors * bytes },
        out: { storage: out.storage, byteOffset: at.out * bytes },
        bias: bias === null ? out.storage : { storage: bias.storage, byteOffset: at.bias * bytes },
        matrixStep: matrix.step,
        vectorsStep: vectors.step,
        outVector: out.vectorStep,
        outRow: out.rowStep,
        biasStep: bias?.step ?? 0,
        rows: matrix.count,
        length,
      },
      0,
      Math.ceil(matrix.count / together),
      { grain },
    );
  };
};
