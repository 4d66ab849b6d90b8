/** Modules as PyTorch prints them. */
import type { DType } from '../dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { RegisteredModule } from './registries.ts';

const extraLines = (module: RegisteredModule): string[] => {
  const extra = module.extraRepr();
  return extra === '' ? [] : extra.split('\n');
};

/** The name alone, with one line in brackets, or with indented lines. */
const bracketed = (name: string, lines: readonly string[], inline: boolean): string => {
  if (lines.length === 0) return `${name}()`;
  return inline ? `${name}(${lines[0]!})` : `${name}(\n  ${lines.join('\n  ')}\n)`;
};

/** The module with its children, each on lines of its own. @see torch.nn.Module.__repr__ */
export const moduleText = (module: RegisteredModule): string => {
  const extra = extraLines(module);
  const children = [...module._modules].map(([name, child]) => {
    const text = child === null ? 'None' : String(child);
    return `(${name}): ${text.replaceAll('\n', '\n  ')}`;
  });
  return bracketed(module._getName(), [...extra, ...children], children.length === 0 && extra.length === 1);
};

/** The module without its children. @see oneflow.nn.Module._shallow_repr */
export const shallowText = (module: RegisteredModule): string => {
  const extra = extraLines(module);
  return bracketed(module._getName(), extra, extra.length === 1);
};

/** What `JSON.stringify` shows of a module. */
export interface ModuleSummary {
  readonly class: string;
  /** What the text form has in its brackets; absent when empty. */
  readonly extra?: string;
  readonly training: boolean;
  readonly parameters: Readonly<Record<string, TensorSummary | null>>;
  readonly buffers: Readonly<Record<string, TensorSummary | null>>;
  readonly modules: Readonly<Record<string, ModuleSummary | null>>;
}
export interface TensorSummary {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** Classes, shapes and dtypes of a module and all below it. */
export const moduleSummary = (module: RegisteredModule): ModuleSummary => {
  const extra = module.extraRepr();
  const table = <T, S>(
    registry: ReadonlyMap<string, T | null>,
    show: (member: T) => S,
  ): Record<string, S | null> =>
    Object.fromEntries(
      Array.from(registry, ([name, member]) => [name, member === null ? null : show(member)]),
    );
  const tensor = ({ dtype, shape }: Tensor): TensorSummary => ({ dtype, shape });
  return {
    class: module._getName(),
    ...(extra === '' ? {} : { extra }),
    training: module.training,
    parameters: table(module._parameters, tensor),
    buffers: table(module._buffers, tensor),
    modules: table(module._modules, moduleSummary),
  };
};

/** `(3, 5)`, `(2,)`: Python's tuples. */
export const tuple = (values: readonly (number | string)[]): string =>
  values.length === 1 ? `(${String(values[0])},)` : `(${values.join(', ')})`;

/** `True`, `False`. */
export const bool = (value: boolean): string => (value ? 'True' : 'False');
