/** Kernels are defined once each: functions that keep what they made. */
import {
  kernel,
  loadedElement,
  type Arguments,
  type ElementType,
  type KernelDefinition,
  type Spec,
  type StorageType,
  type Value,
} from '../lang/index.ts';

type Part = string | number | boolean;

const keeping = <A extends readonly unknown[], T>(
  keyOf: (...args: A) => string,
  make: (...args: A) => T,
): ((...args: A) => T) => {
  const kept = new Map<string, T>();
  return (...args) => {
    const key = keyOf(...args);
    let made = kept.get(key);
    if (made === undefined) kept.set(key, (made = make(...args)));
    return made;
  };
};

/** `make` with its results kept, one for each combination of arguments. */
export const once = <A extends readonly Part[], T>(make: (...args: A) => T): ((...args: A) => T) =>
  keeping((...args) => args.join(), make);

/** A function that makes a kernel for each variant, an object of parts and of such objects, once. */
export const specialised = <V extends object, D extends KernelDefinition>(
  make: (variant: V) => D,
): ((variant: V) => D) => keeping(textOf, make);

/** What one computes with in a kernel, and how many of them a vector has. */
interface Vectors {
  readonly element: ElementType;
  readonly lanes: number;
}

/** Kernels of which each is all that its form says, which is its name, too. */
export const kernelsOf = <F extends { readonly storage: StorageType }, S extends Spec>(
  name: string,
  spec: (storage: StorageType) => S,
  body: (form: F, args: Arguments<S>, range: { begin: Value; end: Value }, vectors: Vectors) => void,
): ((form: F) => KernelDefinition<S>) =>
  specialised((form: F) =>
    kernel(`${name}.${Object.values(form).join('.')}`, spec(form.storage), (args, range, machine) => {
      const element = loadedElement[form.storage];
      body(form, args, range, { element, lanes: machine.lanes(element) });
    }),
  );

const textOf = (variant: object): string =>
  Object.values(variant)
    .map((value: unknown) => (typeof value === 'object' && value !== null ? `{${textOf(value)}}` : value))
    .join();
