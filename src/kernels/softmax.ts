/**
 * Softmax and its logarithm along one axis. Along a contiguous axis each row is worked on by vectors; along another the
 * vectors lie across, so that neighbouring columns are worked on together.
 */
import { launch } from '../device/launch.ts';
import { elementCount, storageOf, type View } from '../device/view.ts';
import type { DType } from '../dtype.ts';
import {
  accumulator,
  active,
  constant,
  eachLane,
  index,
  inout,
  input,
  kernel,
  loadedElement,
  loop,
  output,
  variable,
  type KernelDefinition,
  type LaneIndex,
  type Pointer,
  type Value,
} from '../lang/index.ts';
import { contiguous, region, writable } from './compact.ts';
import { exp } from './math/exp.ts';
import { log as logarithm } from './math/log.ts';

/** An axis of `size`, its elements `inner` apart, repeated `outer` times: the form every contiguous tensor has. */
interface Form {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

/** Kernels by what tells them apart; a kernel's name repeats it. */
const kernels = new Map<string, KernelDefinition>();
const kernelOf = (name: string, make: (name: string) => KernelDefinition): KernelDefinition => {
  let found = kernels.get(name);
  if (found === undefined) kernels.set(name, (found = make(name)));
  return found;
};

/** out = softmax(input) along an axis, or with `log` its logarithm. Rows of −∞ give NaN, as in PyTorch. */
export const softmax = (out: View, input: View, axis: number, log: boolean): void => {
  if (elementCount(out.shape) === 0) return;
  const across = formOf(out.shape, axis).inner > 1;
  const name = `${log ? 'log_softmax' : 'softmax'}.${across ? 'across' : 'along'}(${out.dtype})`;
  run(
    out,
    [input],
    axis,
    kernelOf(name, (n) => forwardKernel(n, out.dtype, across, log)),
  );
};

/** The gradient from the output and its cotangent: out · (g − Σ g · out), or with `log` g − e^out · Σ g. */
export const softmaxGrad = (gradInput: View, grad: View, output: View, axis: number, log: boolean): void => {
  if (elementCount(gradInput.shape) === 0) return;
  const across = formOf(gradInput.shape, axis).inner > 1;
  const name = `${log ? 'log_softmax' : 'softmax'}_grad.${across ? 'across' : 'along'}(${grad.dtype})`;
  run(
    gradInput,
    [grad, output],
    axis,
    kernelOf(name, (n) => backwardKernel(n, grad.dtype, across, log)),
  );
};

/** Runs a kernel of the parameters out, a (, b), size, inner over rows, or over columns of rows. */
const run = (out: View, inputs: readonly View[], axis: number, definition: KernelDefinition): void => {
  const { outer, size, inner } = formOf(out.shape, axis);
  const [target, finish] = writable(out);
  const [a, b] = inputs.map((view) => region(contiguous(view)));
  launch(definition, { out: region(target), a: a!, ...(b && { b }), size, inner }, 0, outer);
  finish();
};

const formOf = (shape: readonly number[], axis: number): Form => ({
  outer: elementCount(shape.slice(0, axis)),
  size: shape[axis]!,
  inner: elementCount(shape.slice(axis + 1)),
});

/**
 * How a kernel walks: one turn of `body` for each row, or for each vector of neighbouring columns. Within it `along`
 * runs over the axis, giving the elements there, and `whole` joins what was gathered by lanes to what the row has.
 */
interface Turn {
  /** Calls with a lane index at which all pointers can be read or written. */
  along(
    body: (at: (p: Pointer) => Value, store: (p: Pointer, value: Value) => void, i: LaneIndex | null) => void,
  ): void;
  /** Sum of all that was gathered: over the lanes of a row; across, each lane is a column of its own. */
  sum(gathered: Value): Value;
  largest(gathered: Value): Value;
}

const eachTurn = (
  across: boolean,
  pointers: readonly Pointer[],
  { size, inner, begin, end }: { size: Value; inner: Value; begin: Value; end: Value },
  body: (turn: Turn) => void,
): void => {
  loop({ begin, end }, (row) => {
    const start = row.mul(size).mul(inner);
    const moved = new Map(pointers.map((p) => [p, p.plus(start)]));
    if (!across) {
      body({
        along(step) {
          eachLane(size, (i) => {
            step(
              (p) => moved.get(p)!.at(i),
              (p, value) => {
                moved.get(p)!.set(i, value);
              },
              i,
            );
          });
        },
        sum: (gathered) => gathered.reduceAdd(),
        largest: (gathered) => gathered.reduceMax(),
      });
      return;
    }
    eachLane(inner, (column) => {
      body({
        along(step) {
          loop(size, (k) => {
            const at = k.mul(inner);
            step(
              (p) => moved.get(p)!.plus(at).at(column),
              (p, value) => {
                moved.get(p)!.plus(at).set(column, value);
              },
              null,
            );
          });
        },
        sum: (gathered) => gathered,
        largest: (gathered) => gathered,
      });
    });
  });
};

/** A value without meaning in the lanes beyond a row's end made neutral. */
const neutral = (i: LaneIndex | null, value: Value, instead: number): Value =>
  i === null ? value : active(i, value, instead);

const forwardKernel = (name: string, dtype: DType, across: boolean, log: boolean): KernelDefinition => {
  const storage = storageOf[dtype];
  const element = loadedElement[storage];
  // What is written in 16 bits cannot be read back as it was: the exponentials are computed again.
  const exact = storage === element;
  return kernel(
    name,
    { out: inout(storage), a: input(storage), size: index, inner: index },
    ({ out, a, size, inner }, { begin, end }) => {
      eachTurn(across, [out, a], { size, inner, begin, end }, ({ along, sum, largest }) => {
        const top = variable(constant(-Infinity, element).splat());
        along((at, _, i) => {
          top.update('max', neutral(i, at(a), -Infinity));
        });
        const most = largest(top).splat();
        const total = accumulator(element);
        along((at, store, i) => {
          const e = exp(at(a).sub(most));
          if (!log && exact) store(out, e);
          total.update('add', neutral(i, e, 0));
        });
        const whole = sum(total);
        if (log) {
          const shift = most.add(logarithm(whole.splat()));
          along((at, store) => {
            store(out, at(a).sub(shift));
          });
        } else {
          const scale = constant(1, element).div(whole).splat();
          along((at, store) => {
            store(out, (exact ? at(out) : exp(at(a).sub(most))).mul(scale));
          });
        }
      });
    },
  ) as unknown as KernelDefinition;
};

const backwardKernel = (name: string, dtype: DType, across: boolean, log: boolean): KernelDefinition => {
  const storage = storageOf[dtype];
  const element = loadedElement[storage];
  return kernel(
    name,
    { out: output(storage), a: input(storage), b: input(storage), size: index, inner: index },
    ({ out, a, b, size, inner }, { begin, end }) => {
      eachTurn(across, [out, a, b], { size, inner, begin, end }, ({ along, sum }) => {
        const total = accumulator(element);
        along((at) => {
          // Beyond a row's end loads give 0, which adds nothing.
          if (log) total.update('add', at(a));
          else total.accumulate(at(a), at(b));
        });
        const whole = sum(total).splat();
        along((at, store) => {
          store(out, log ? at(a).sub(exp(at(b)).mul(whole)) : at(b).mul(at(a).sub(whole)));
        });
      });
    },
  ) as unknown as KernelDefinition;
};
