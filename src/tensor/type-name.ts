/** How error texts name the type of a value where Python's name its class. */

/** `number`, `string`, `null`; of an object its constructor's name: `Array`, `Tensor`, `Conv2d`. */
export const typeName = (value: unknown): string => {
  if (value === null) return 'null';
  if (typeof value !== 'object' && typeof value !== 'function') return typeof value;
  const { constructor } = value as { readonly constructor?: unknown };
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'Object';
};
