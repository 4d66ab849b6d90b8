/** Kernels are defined once each: functions that keep what they made. */
import type { KernelDefinition } from '../lang/index.ts';

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
export const specialised = <V extends object>(
  make: (variant: V) => KernelDefinition,
): ((variant: V) => KernelDefinition) => keeping(textOf, make);

const textOf = (variant: object): string =>
  Object.values(variant)
    .map((value: unknown) => (typeof value === 'object' && value !== null ? `{${textOf(value)}}` : value))
    .join();
