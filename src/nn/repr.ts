/** Modules as PyTorch prints them. */
import type { RegisteredModule } from './registries.ts';

/** The module with its children, each on lines of its own. */
export const moduleText = (module: RegisteredModule): string => {
  const extra = module.extraRepr();
  const extraLines = extra === '' ? [] : extra.split('\n');
  const childLines = [...module._modules].map(([name, child]) => {
    const text = child === null ? 'None' : moduleText(child);
    return `(${name}): ${text.replaceAll('\n', '\n  ')}`;
  });
  const name = module._getName();
  if (childLines.length === 0 && extraLines.length <= 1) return `${name}(${extra})`;
  return `${name}(\n  ${[...extraLines, ...childLines].join('\n  ')}\n)`;
};

/** `(3, 5)`, `(2,)`: Python's tuples. */
export const tuple = (values: readonly (number | string)[]): string =>
  values.length === 1 ? `(${String(values[0])},)` : `(${values.join(', ')})`;

/** `True`, `False`. */
export const bool = (value: boolean): string => (value ? 'True' : 'False');
