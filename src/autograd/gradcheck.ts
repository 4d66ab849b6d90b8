/** Gradients checked against finite differences. */
import { RuntimeError, ValueError } from '../errors.ts';
import { tensor } from '../tensor/create.ts';
import { toTypedArray } from '../tensor/host.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { grad } from './backward.ts';
import { enableGrad, noGrad } from './mode.ts';

export interface GradcheckOptions {
  /** Half the distance between the two evaluations. Default 1e-6. */
  readonly eps?: number;
  /** Default 1e-5. */
  readonly atol?: number;
  /** Default 1e-3. */
  readonly rtol?: number;
}

/**
 * Compares the gradients of `f` with central finite differences, for every element of every float64 input that
 * requires a gradient, along a fixed direction of the output.
 *
 * @returns true when all agree
 * @throws RuntimeError saying which input and element differ; ValueError when no input is a float64 that requires a gradient
 * @see torch.autograd.gradcheck
 */
export const gradcheck = (
  f: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  { eps = 1e-6, atol = 1e-5, rtol = 1e-3 }: GradcheckOptions = {},
): true => {
  const checked = inputs.flatMap((x, k) => (x.requiresGrad ? [k] : []));
  if (checked.length === 0)
    throw new ValueError('gradcheck expects at least one input that requires a gradient');
  for (const k of checked) {
    if (inputs[k]!.dtype !== 'float64') {
      throw new ValueError(
        `gradcheck: input ${String(k)} is ${inputs[k]!.dtype}; finite differences need float64`,
      );
    }
  }
  const outputs = outputsOf(f, inputs);
  const directions = outputs.map((y, k) => direction(y, k));
  // An output that nothing flows through has the gradient 0.
  const connected = outputs.flatMap((y, k) => (y.requiresGrad ? [k] : []));
  const analytic = grad(
    connected.map((k) => outputs[k]!),
    checked.map((k) => inputs[k]!),
    { gradOutputs: connected.map((k) => directions[k]!), allowUnused: true },
  );

  const along = (values: readonly Tensor[]): number =>
    noGrad(() =>
      outputsOf(f, values).reduce((sum, y, k) => sum + dot(numbers(y), numbers(directions[k]!)), 0),
    );

  checked.forEach((k, position) => {
    const base = numbers(inputs[k]!);
    const found = analytic[position] ? numbers(analytic[position]) : new Float64Array(base.length);
    const shifted = (element: number, by: number): Tensor => {
      const values = base.slice();
      values[element]! += by;
      return tensor(values, { shape: inputs[k]!.shape, dtype: 'float64', device: inputs[k]!.device });
    };
    for (let element = 0; element < base.length; element++) {
      const [up, down] = [eps, -eps].map((by) =>
        along(inputs.map((x, j) => (j === k ? shifted(element, by) : x))),
      );
      const numeric = (up! - down!) / (2 * eps);
      const error = Math.abs(found[element]! - numeric);
      if (!(error <= atol + rtol * Math.abs(numeric))) {
        throw new RuntimeError(
          `gradcheck: the gradient of input ${String(k)} at element ${String(element)} is ${String(found[element])}, finite differences give ${String(numeric)}`,
        );
      }
    }
  });
  return true;
};

/** `gradcheck` of the gradients themselves, with random cotangents made from a fixed sequence. @see torch.autograd.gradgradcheck */
export const gradgradcheck = (
  f: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): true => {
  const cotangents = outputsOf(f, inputs).map((y, k) => direction(y, k + 7).requiresGrad_());
  const first = (...args: Tensor[]): readonly Tensor[] => {
    const wanted = args.slice(0, inputs.length).filter((_, k) => inputs[k]!.requiresGrad);
    const tracked = wanted.map((x) => (x.requiresGrad ? x : x.detach().requiresGrad_()));
    const values = args.slice(0, inputs.length).map((x) => {
      const at = wanted.indexOf(x);
      return at < 0 ? x : tracked[at]!;
    });
    const outputs = enableGrad(() => outputsOf(f, values));
    const results = enableGrad(() =>
      grad(outputs, tracked, {
        gradOutputs: args.slice(inputs.length),
        createGraph: true,
        allowUnused: true,
      }),
    );
    return results.filter((g) => g !== null);
  };
  return gradcheck(first, [...inputs, ...cotangents], options);
};

const outputsOf = (
  f: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
): readonly Tensor[] => {
  const result = f(...inputs);
  return Array.isArray(result) ? (result as readonly Tensor[]) : [result as Tensor];
};

const numbers = (x: Tensor): Float64Array => Float64Array.from(toTypedArray(x.detach()) as Float64Array);
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, k) => sum + x * b[k]!, 0);

/** Irregular numbers of both signs, the same at every call. */
const direction = (like: Tensor, seed: number): Tensor => {
  const values = Float64Array.from({ length: like.numel() }, (_, k) => Math.sin(1 + k * 2.399 + seed) + 0.3);
  return tensor(values, { shape: like.shape, dtype: 'float64', device: like.device });
};
