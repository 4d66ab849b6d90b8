/** What is done to the sums of a product or a convolution while they are still in registers. */
import type { Epilogue, Expression } from '../device/backend.ts';
import type { Value } from '../lang/index.ts';

/** What kernels with an epilogue are specialised for, in their names: empty without one. */
export type EpilogueForm = string;

/** Activations by the names under which kernels are made of them. */
const activations = new Map<string, Expression>();

export const epilogueForm = ({ residual, activation }: Epilogue = {}): EpilogueForm => {
  if (activation) activations.set(`.${activation.name}`, activation);
  return `${residual ? '.residual' : ''}${activation ? `.${activation.name}` : ''}`;
};

/** While a kernel is built: the sum with the residual added, which is loaded only if there is one, and activated. */
export const finished = (form: EpilogueForm, sum: Value, residual: () => Value): Value => {
  const adds = form.startsWith('.residual');
  const activation = activations.get(adds ? form.slice('.residual'.length) : form);
  const total = adds ? sum.add(residual()) : sum;
  return activation === undefined ? total : activation.evaluate([total], []);
};
