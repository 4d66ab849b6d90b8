/** `make` with its results kept, one for each combination of arguments: for kernels, which are defined once each. */
export const once = <A extends readonly (string | number | boolean)[], T>(
  make: (...args: A) => T,
): ((...args: A) => T) => {
  const kept = new Map<string, T>();
  return (...args) => {
    const key = args.join();
    let made = kept.get(key);
    if (made === undefined) kept.set(key, (made = make(...args)));
    return made;
  };
};
